/* SPDX-License-Identifier: Apache-2.0 */
/* pool_map.c: a map over a million numbers, beside a loop in one process. */
#include <stdlib.h>

#include "cases/cases.h"
#include "limits/limits.h"

enum { NUMBERS = 1000 * 1000 };

/* What the loop calls: volatile, so that the compiler cannot put the function into the loop. */
static loop_fn_t *volatile square = loop_square;

typedef struct state {
    mproc_pool_t *pool;
    int64_t input[NUMBERS], output[NUMBERS];
} state_t;

static int open_both(void **out_state) {
    state_t *state = calloc(1, sizeof *state);
    *out_state = state;
    if (state == NULL)
        return bench_fail("no memory");
    for (int64_t i = 0; i < NUMBERS; i++)
        state->input[i] = i;
    return warm_pool_create(2, false, &state->pool);
}

static int map(state_t *state, const mproc_task_t *task, double *out_ms) {
    int64_t start = bench_clock_ns();
    int err =
        mproc_pool_map(state->pool, task, MPROC_ARRAY(state->input, NUMBERS), MPROC_INTO(state->output, NUMBERS), NULL);
    *out_ms = (double)(bench_clock_ns() - start) / 1e6;
    if (err != MPROC_OK)
        return bench_fail_mproc("mproc_pool_map", err);
    return state->output[NUMBERS - 1] == loop_square(NUMBERS - 1) ? BENCH_OK : bench_fail("a wrong square");
}

static int item_ours(void *state, double *out_ms) {
    return map(state, &bench_square, out_ms);
}

static int array_ours(void *state, double *out_ms) {
    return map(state, &bench_square_array, out_ms);
}

static int limit(void *state, double *out_ms) {
    state_t *both = state;
    int64_t start = bench_clock_ns();
    loop_map(square, both->input, both->output, NUMBERS);
    *out_ms = (double)(bench_clock_ns() - start) / 1e6;
    return BENCH_OK;
}

static void close_both(void *state) {
    state_t *both = state;
    if (both == NULL)
        return;
    warm_pool_destroy(both->pool);
    free(both);
}

#define MAP_PEERS                                                                                                      \
    {                                                                                                                  \
        {"Python Pool, spawn", BENCH_PYTHON, "pool.py", {"pool-spawn", "map"}},                                        \
            {"Python Pool, fork", BENCH_PYTHON, "pool.py", {"pool-fork", "map"}},                                      \
            {"Python executor, fork", BENCH_PYTHON, "pool.py", {"executor-fork", "map"}},                              \
            {"loky", BENCH_PYTHON, "pool.py", {"loky", "map"}},                                                        \
            {"joblib", BENCH_PYTHON, "pool.py", {"joblib", "map"}},                                                    \
            {"node workerpool", BENCH_NODE, "pool.js", {"map"}},                                                       \
    }

const bench_case_t case_pool_map = {
    .name = "pool-map",
    .what =
        "map of 1,000,000 int64, default chunks, a call for each item; limit: a loop in one process through a function "
        "pointer, copied in and out",
    .unit = "ms",
    .rule = BENCH_RATIO_AT_MOST,
    .bound = 2,
    .rounds = 31,
    .open = open_both,
    .ours = item_ours,
    .limit = limit,
    .close = close_both,
    .peers = MAP_PEERS,
};

const bench_case_t case_pool_map_array = {
    .name = "pool-map-array",
    .what = "the same with a task that takes its chunk as an array",
    .unit = "ms",
    .rule = BENCH_RATIO_AT_MOST,
    .bound = 1.3,
    .rounds = 31,
    .open = open_both,
    .ours = array_ours,
    .limit = limit,
    .close = close_both,
};
