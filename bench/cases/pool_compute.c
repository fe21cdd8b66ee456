/* SPDX-License-Identifier: Apache-2.0 */
/* pool_compute.c: how much faster two workers compute than one, beside two bare processes. */
#include <stdlib.h>

#include "cases/cases.h"
#include "limits/limits.h"

/* About five milliseconds an item: small beside the whole, large beside the cost of a task. */
enum { ITEMS = 40, STEPS = 2 * 1000 * 1000 };

typedef struct state {
    mproc_pool_t *one, *two;
    compute_t *bare;
    uint32_t steps[ITEMS];
    uint64_t results[ITEMS];
} state_t;

static int open_all(void **out_state) {
    int cpus[2];
    state_t *state = calloc(1, sizeof *state);
    *out_state = state;
    if (state == NULL)
        return bench_fail("no memory");
    if (cpu_list(cpus, 2) < 2)
        return bench_skip("this machine has one processor");
    for (size_t i = 0; i < ITEMS; i++)
        state->steps[i] = STEPS;
    int err = compute_open(&state->bare);
    if (err == BENCH_OK)
        err = warm_pool_create(1, false, &state->one);
    return err == BENCH_OK ? warm_pool_create(2, false, &state->two) : err;
}

static int compute(state_t *state, mproc_pool_t *pool) {
    mproc_task_options_t options = {.chunk = 1};
    int err = mproc_pool_map(pool, &bench_compute, MPROC_ARRAY(state->steps, ITEMS), MPROC_INTO(state->results, ITEMS),
                             &options);
    return err == MPROC_OK ? BENCH_OK : bench_fail_mproc("mproc_pool_map", err);
}

static int ours(void *state, double *out_speedup) {
    state_t *all = state;
    int64_t start = bench_clock_ns();
    int err = compute(all, all->one);
    int64_t middle = bench_clock_ns();
    if (err == BENCH_OK)
        err = compute(all, all->two);
    *out_speedup = (double)(middle - start) / (double)(bench_clock_ns() - middle);
    return err;
}

static int limit(void *state, double *out_speedup) {
    return compute_speedup(((state_t *)state)->bare, out_speedup);
}

static void close_all(void *state) {
    state_t *all = state;
    if (all == NULL)
        return;
    warm_pool_destroy(all->two);
    warm_pool_destroy(all->one);
    compute_close(all->bare);
    free(all);
}

const bench_case_t case_pool_compute = {
    .name = "pool-compute",
    .what = "pure computation, 2 workers against 1; limit: two bare processes against one",
    .unit = "x",
    .rule = BENCH_OURS_AT_LEAST,
    .bound = 1.92,
    .rounds = 9,
    .open = open_all,
    .ours = ours,
    .limit = limit,
    .close = close_all,
    .peers =
        {
            {"Python Pool, fork", BENCH_PYTHON, "pool.py", {"pool-fork", "compute"}},
            {"Python executor, fork", BENCH_PYTHON, "pool.py", {"executor-fork", "compute"}},
            {"loky", BENCH_PYTHON, "pool.py", {"loky", "compute"}},
            {"joblib", BENCH_PYTHON, "pool.py", {"joblib", "compute"}},
            {"node workerpool", BENCH_NODE, "pool.js", {"compute"}},
        },
};
