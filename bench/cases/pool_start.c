/* SPDX-License-Identifier: Apache-2.0 */
/* pool_start.c: a pool made, one task run, the pool shut down, beside as many bare spawns of the same
 * program. */
#include "cases/cases.h"
#include "posix/child.h"

static int open_none(void **out_state) {
    *out_state = NULL;
    return BENCH_OK;
}

static void close_none(void *state) {
    (void)state;
}

static int pool_life(int workers, double *out_ms) {
    mproc_pool_options_t options = {.processes = workers};
    mproc_pool_t *pool = NULL;
    int64_t start = bench_clock_ns();
    int err = mproc_pool_create(&options, &pool);
    if (err == MPROC_OK)
        err = mproc_pool_apply(pool, &bench_nothing, NULL, NULL, NULL);
    if (err == MPROC_OK)
        err = mproc_pool_close(pool);
    if (err == MPROC_OK)
        err = mproc_pool_join(pool, MPROC_FOREVER);
    mproc_pool_destroy(pool);
    *out_ms = (double)(bench_clock_ns() - start) / 1e6;
    return err == MPROC_OK ? BENCH_OK : bench_fail_mproc("a pool's life", err);
}

static int spawns(size_t count, double *out_ms) {
    int64_t start = bench_clock_ns();
    int err = child_spawn_nothing_at_once(count);
    *out_ms = (double)(bench_clock_ns() - start) / 1e6;
    return err;
}

static int two_ours(void *state, double *out_ms) {
    (void)state;
    return pool_life(2, out_ms);
}

static int two_limit(void *state, double *out_ms) {
    (void)state;
    return spawns(2, out_ms);
}

static int sixteen_ours(void *state, double *out_ms) {
    (void)state;
    return pool_life(16, out_ms);
}

static int sixteen_limit(void *state, double *out_ms) {
    (void)state;
    return spawns(16, out_ms);
}

#define START_PEERS(work)                                                                                              \
    {                                                                                                                  \
        {"Python Pool, spawn", BENCH_PYTHON, "pool.py", {"pool-spawn", work}},                                         \
            {"Python Pool, fork", BENCH_PYTHON, "pool.py", {"pool-fork", work}},                                       \
            {"Python executor, spawn (of one)", BENCH_PYTHON, "pool.py", {"executor-spawn", work}},                    \
            {"Python executor, fork", BENCH_PYTHON, "pool.py", {"executor-fork", work}},                               \
            {"loky", BENCH_PYTHON, "pool.py", {"loky", work}}, {"node workerpool", BENCH_NODE, "pool.js", {work}},     \
            {"GNU parallel", BENCH_SHELL, "commands.sh", {"parallel", work}},                                          \
            {"xargs", BENCH_SHELL, "commands.sh", {"xargs", work}},                                                    \
    }

const bench_case_t case_pool_start_2 = {
    .name = "pool-start-2",
    .what = "a pool of 2 made, one task run, closed and joined; limit: 2 bare spawns of the same program, 2 waits",
    .unit = "ms",
    .rule = BENCH_RATIO_AT_MOST,
    .bound = 1.5,
    .rounds = 61,
    .open = open_none,
    .ours = two_ours,
    .limit = two_limit,
    .close = close_none,
    .peers = START_PEERS("start2"),
};

const bench_case_t case_pool_start_16 = {
    .name = "pool-start-16",
    .what = "the same with 16 workers",
    .unit = "ms",
    .rule = BENCH_RATIO_AT_MOST,
    .bound = 1.5,
    .rounds = 31,
    .open = open_none,
    .ours = sixteen_ours,
    .limit = sixteen_limit,
    .close = close_none,
    .peers = START_PEERS("start16"),
};
