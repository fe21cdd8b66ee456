/* SPDX-License-Identifier: Apache-2.0 */
/* pool_async.c: many small tasks under way, submitted one by one or as a map with chunks of one, beside a
 * raw ring. */
#include <stdlib.h>

#include "cases/cases.h"
#include "limits/limits.h"

enum { TASKS = 100 * 1000 };

typedef struct state {
    mproc_pool_t *pool;
    ring_pair_t *rings;
    mproc_result_t *results[TASKS];
    int64_t input[TASKS], output[TASKS];
} state_t;

static int open_both(void **out_state) {
    state_t *state = calloc(1, sizeof *state);
    *out_state = state;
    if (state == NULL)
        return bench_fail("no memory");
    for (int64_t i = 0; i < TASKS; i++)
        state->input[i] = i;
    int err = warm_pool_create(2, false, &state->pool);
    return err == BENCH_OK ? ring_open(&state->rings) : err;
}

static double millions_a_second(int64_t start_ns) {
    return TASKS / ((double)(bench_clock_ns() - start_ns) / 1e9) / 1e6;
}

static int submit_and_read(state_t *state) {
    int err = MPROC_OK;
    for (size_t i = 0; i < TASKS && err == MPROC_OK; i++)
        err = mproc_pool_apply_async(state->pool, &bench_nothing, NULL, NULL, &state->results[i]);
    for (size_t i = 0; i < TASKS && err == MPROC_OK; i++)
        err = mproc_result_get(state->results[i], MPROC_FOREVER, NULL);
    for (size_t i = 0; i < TASKS; i++) {
        mproc_result_release(state->results[i]);
        state->results[i] = NULL;
    }
    return err;
}

static int async_ours(void *state, double *out_rate) {
    int64_t start = bench_clock_ns();
    int err = submit_and_read(state);
    *out_rate = millions_a_second(start);
    return err == MPROC_OK ? BENCH_OK : bench_fail_mproc("apply_async and get", err);
}

static int map_ours(void *state, double *out_rate) {
    state_t *both = state;
    mproc_task_options_t options = {.chunk = 1};
    int64_t start = bench_clock_ns();
    int err = mproc_pool_map(both->pool, &bench_square, MPROC_ARRAY(both->input, TASKS),
                             MPROC_INTO(both->output, TASKS), &options);
    *out_rate = millions_a_second(start);
    if (err != MPROC_OK)
        return bench_fail_mproc("mproc_pool_map", err);
    return both->output[TASKS - 1] == loop_square(TASKS - 1) ? BENCH_OK : bench_fail("a wrong square");
}

static int limit(void *state, double *out_rate) {
    int64_t start = bench_clock_ns();
    int err = ring_exchange(((state_t *)state)->rings, TASKS);
    *out_rate = millions_a_second(start);
    return err;
}

static void close_both(void *state) {
    state_t *both = state;
    if (both == NULL)
        return;
    ring_close(both->rings);
    warm_pool_destroy(both->pool);
    free(both);
}

const bench_case_t case_pool_async = {
    .name = "pool-async",
    .what = "100,000 no-op apply_async, one by one, all results read; limit: two workers behind raw rings",
    .unit = "M/s",
    .rule = BENCH_RATIO_AT_LEAST,
    .bound = 1.0 / 12,
    .aim = 1.0 / 6,
    .rounds = 15,
    .open = open_both,
    .ours = async_ours,
    .limit = limit,
    .close = close_both,
    .peers =
        {
            {"Python Pool, spawn", BENCH_PYTHON, "pool.py", {"pool-spawn", "async"}},
            {"Python Pool, fork", BENCH_PYTHON, "pool.py", {"pool-fork", "async"}},
            {"Python executor, spawn", BENCH_PYTHON, "pool.py", {"executor-spawn", "async"}},
            {"Python executor, fork", BENCH_PYTHON, "pool.py", {"executor-fork", "async"}},
            {"loky", BENCH_PYTHON, "pool.py", {"loky", "async"}},
            {"joblib, automatic batches", BENCH_PYTHON, "pool.py", {"joblib", "async"}},
            {"node workerpool", BENCH_NODE, "pool.js", {"async"}},
            {"GNU parallel", BENCH_SHELL, "commands.sh", {"parallel", "async"}},
            {"xargs", BENCH_SHELL, "commands.sh", {"xargs", "async"}},
        },
};

const bench_case_t case_pool_map_chunk_1 = {
    .name = "pool-map-chunk-1",
    .what = "map of 100,000 numbers, a task for each; limit: two workers behind raw rings",
    .unit = "M/s",
    .rule = BENCH_RATIO_AT_LEAST,
    .bound = 1.0 / 10,
    .aim = 1.0 / 3,
    .rounds = 15,
    .open = open_both,
    .ours = map_ours,
    .limit = limit,
    .close = close_both,
    .peers =
        {
            {"Python Pool, spawn", BENCH_PYTHON, "pool.py", {"pool-spawn", "map1"}},
            {"Python Pool, fork", BENCH_PYTHON, "pool.py", {"pool-fork", "map1"}},
            {"Python executor, fork", BENCH_PYTHON, "pool.py", {"executor-fork", "map1"}},
            {"loky", BENCH_PYTHON, "pool.py", {"loky", "map1"}},
            {"node workerpool", BENCH_NODE, "pool.js", {"map1"}},
        },
};
