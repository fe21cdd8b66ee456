/* SPDX-License-Identifier: Apache-2.0 */
/* pool_apply.c: one task there and back, beside one word there and back, on the same processors. */
#include <stdlib.h>

#include "cases/cases.h"
#include "limits/limits.h"

enum { TRIPS = 1000 };

typedef struct state {
    mproc_pool_t *pool;
    ping_pong_t *limit;
} state_t;

/* Binds the workers by a task and everything of this process by hand: both sides then meet on the same
 * processors. */
static int place(state_t *state, int here, int there) {
    int err = warm_pool_run_on_all(state->pool, &bench_pin, MPROC_ARGS(there));
    if (err == BENCH_OK)
        err = cpu_pin(ping_pong_pid(state->limit), there);
    return err == BENCH_OK ? cpu_pin(0, here) : err;
}

static int open_placed(cpu_waiting_t waiting, bool one_core, void **out_state) {
    int cpus[2];
    size_t cpu_count = cpu_list(cpus, 2);
    state_t *state = calloc(1, sizeof *state);
    *out_state = state;
    if (state == NULL)
        return bench_fail("no memory");
    if (!one_core && cpu_count < 2)
        return bench_skip("this machine has one processor");
    int err = warm_pool_create(2, waiting == CPU_FUTEX, &state->pool);
    if (err == BENCH_OK)
        err = ping_pong_open(waiting, &state->limit);
    if (err == BENCH_OK)
        err = place(state, cpus[0], cpus[one_core ? 0 : 1]);
    if (err == BENCH_OK)
        ping_pong_rest(state->limit, true);
    return err;
}

static int open_spinning(void **out_state) {
    return open_placed(CPU_SPIN, false, out_state);
}

static int open_sleeping_one_core(void **out_state) {
    return open_placed(CPU_FUTEX, true, out_state);
}

static int open_sleeping_two_cores(void **out_state) {
    return open_placed(CPU_FUTEX, false, out_state);
}

static int ours(void *state, double *out_us) {
    int64_t trips[TRIPS];
    for (int i = 0; i < TRIPS; i++) {
        int64_t start = bench_clock_ns();
        int err = mproc_pool_apply(((state_t *)state)->pool, &bench_nothing, NULL, NULL, NULL);
        trips[i] = bench_clock_ns() - start;
        if (err != MPROC_OK)
            return bench_fail_mproc("mproc_pool_apply", err);
    }
    *out_us = (double)bench_percentile_ns(trips, TRIPS, 0.5) / 1e3;
    return BENCH_OK;
}

static int limit(void *state, double *out_us) {
    ping_pong_t *ping_pong = ((state_t *)state)->limit;
    int64_t trips[TRIPS];
    ping_pong_rest(ping_pong, false);
    for (int i = 0; i < TRIPS; i++) {
        int64_t start = bench_clock_ns();
        ping_pong_round(ping_pong);
        trips[i] = bench_clock_ns() - start;
    }
    ping_pong_rest(ping_pong, true);
    *out_us = (double)bench_percentile_ns(trips, TRIPS, 0.5) / 1e3;
    return BENCH_OK;
}

static void close_both(void *state) {
    state_t *both = state;
    if (both == NULL)
        return;
    (void)cpu_unpin(0);
    ping_pong_close(both->limit);
    warm_pool_destroy(both->pool);
    free(both);
}

const bench_case_t case_pool_apply = {
    .name = "pool-apply",
    .what = "apply of a no-op, p50; limit: a word there and back through shared memory, spinning, two cores",
    .unit = "us",
    .rule = BENCH_RATIO_AT_MOST,
    .bound = 8,
    .aim = 4,
    .rounds = 31,
    .open = open_spinning,
    .ours = ours,
    .limit = limit,
    .close = close_both,
    .peers =
        {
            {"Python Pool, spawn", BENCH_PYTHON, "pool.py", {"pool-spawn", "apply"}},
            {"Python Pool, fork", BENCH_PYTHON, "pool.py", {"pool-fork", "apply"}},
            {"Python executor, spawn", BENCH_PYTHON, "pool.py", {"executor-spawn", "apply"}},
            {"Python executor, fork", BENCH_PYTHON, "pool.py", {"executor-fork", "apply"}},
            {"loky", BENCH_PYTHON, "pool.py", {"loky", "apply"}},
            {"joblib", BENCH_PYTHON, "pool.py", {"joblib", "apply"}},
            {"node workerpool", BENCH_NODE, "pool.js", {"apply"}},
            {"GNU parallel", BENCH_SHELL, "commands.sh", {"parallel", "apply"}},
            {"xargs", BENCH_SHELL, "commands.sh", {"xargs", "apply"}},
        },
};

const bench_case_t case_pool_apply_sleep_one_core = {
    .name = "pool-apply-nospin-1-core",
    .what = "the same without spinning, all on one core; limit: futex there and back on that core",
    .unit = "us",
    .rule = BENCH_RATIO_AT_MOST,
    .bound = 1.5,
    .rounds = 31,
    .open = open_sleeping_one_core,
    .ours = ours,
    .limit = limit,
    .close = close_both,
};

const bench_case_t case_pool_apply_sleep_two_cores = {
    .name = "pool-apply-nospin-2-cores",
    .what = "the same without spinning, workers on the other core; limit: futex there and back between these cores",
    .unit = "us",
    .rule = BENCH_RATIO_AT_MOST,
    .bound = 1.5,
    .rounds = 31,
    .open = open_sleeping_two_cores,
    .ours = ours,
    .limit = limit,
    .close = close_both,
};
