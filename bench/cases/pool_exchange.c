/* SPDX-License-Identifier: Apache-2.0 */
/* pool_exchange.c: large payloads there and back; a result is read where the worker wrote it. */
#include <stdlib.h>

#include "cases/cases.h"
#include "limits/limits.h"

#define LARGE ((size_t)64 << 20)
#define MEDIUM ((size_t)1 << 20)

enum { WORKERS = 2, MESSAGES = 1000, WINDOW = 4 };

typedef struct state {
    mproc_pool_t *pool;
    exchange_t *limit;
    uint64_t *payload;
} state_t;

static int open_both(size_t size, int workers, int slots, void **out_state) {
    state_t *state = calloc(1, sizeof *state);
    *out_state = state;
    if (state != NULL)
        state->payload = malloc(size);
    if (state == NULL || state->payload == NULL)
        return bench_fail("no memory");
    for (size_t i = 0; i < size / sizeof *state->payload; i++)
        state->payload[i] = i;
    int err = warm_pool_create(WORKERS, false, &state->pool);
    return err == BENCH_OK ? exchange_open(workers, slots, size, &state->limit) : err;
}

static int open_large(void **out_state) {
    return open_both(LARGE, 1, 1, out_state);
}

static int open_medium(void **out_state) {
    return open_both(MEDIUM, WORKERS, WINDOW / WORKERS, out_state);
}

/* A payload counts both ways. */
static double gib_a_second(size_t size, int count, int64_t start_ns) {
    return 2 * (double)size * count / GIB / ((double)(bench_clock_ns() - start_ns) / 1e9);
}

static int submit(state_t *state, mproc_result_t **out_result) {
    mproc_task_options_t options = {.input = state->payload, .input_size = MEDIUM};
    return mproc_pool_apply_async(state->pool, &bench_copy, NULL, &options, out_result);
}

/* Waits for a result, looks at it and gives it back. A result of NULL is none. */
static int receive(state_t *state, size_t size, mproc_result_t **result) {
    const void *data = NULL;
    size_t got = 0;
    int err = MPROC_OK;
    if (*result == NULL)
        return MPROC_OK;
    err = mproc_result_get_bytes(*result, MPROC_FOREVER, &data, &got);
    if (err == MPROC_OK && (got != size || !exchange_check(data, state->payload, size)))
        err = MPROC_EMALFORMED;
    mproc_result_release(*result);
    *result = NULL;
    return err;
}

static int exchange(state_t *state) {
    mproc_result_t *window[WINDOW] = {NULL};
    int err = MPROC_OK;
    for (int i = 0; i < MESSAGES && err == MPROC_OK; i++) {
        err = receive(state, MEDIUM, &window[i % WINDOW]);
        if (err == MPROC_OK)
            err = submit(state, &window[i % WINDOW]);
    }
    for (int i = MESSAGES; i < MESSAGES + WINDOW; i++) {
        int last = receive(state, MEDIUM, &window[i % WINDOW]);
        err = err == MPROC_OK ? last : err;
    }
    return err == MPROC_OK ? BENCH_OK : bench_fail_mproc("apply_async and get_bytes", err);
}

/* One at a time, as a caller who waits for it anyway would: apply. */
static int large_ours(void *state, double *out_rate) {
    state_t *both = state;
    mproc_task_options_t options = {.input = both->payload, .input_size = LARGE};
    mproc_result_t *result = NULL;
    int64_t start = bench_clock_ns();
    int err = mproc_pool_apply(both->pool, &bench_copy, NULL, &options, &result);
    if (err == MPROC_OK)
        err = receive(both, LARGE, &result);
    *out_rate = gib_a_second(LARGE, 1, start);
    mproc_result_release(result);
    return err == MPROC_OK ? BENCH_OK : bench_fail_mproc("apply and get_bytes", err);
}

static int large_limit(void *state, double *out_rate) {
    state_t *both = state;
    int64_t start = bench_clock_ns();
    int err = exchange_run(both->limit, both->payload, 1);
    *out_rate = gib_a_second(LARGE, 1, start);
    return err;
}

static int medium_ours(void *state, double *out_rate) {
    int64_t start = bench_clock_ns();
    int err = exchange(state);
    *out_rate = gib_a_second(MEDIUM, MESSAGES, start);
    return err;
}

static int medium_limit(void *state, double *out_rate) {
    state_t *both = state;
    int64_t start = bench_clock_ns();
    int err = exchange_run(both->limit, both->payload, MESSAGES);
    *out_rate = gib_a_second(MEDIUM, MESSAGES, start);
    return err;
}

static void close_both(void *state) {
    state_t *both = state;
    if (both == NULL)
        return;
    exchange_close(both->limit);
    warm_pool_destroy(both->pool);
    free(both->payload);
    free(both);
}

#define EXCHANGE_PEERS(work)                                                                                           \
    {                                                                                                                  \
        {"Python Pool, spawn", BENCH_PYTHON, "pool.py", {"pool-spawn", work}},                                         \
            {"Python Pool, fork", BENCH_PYTHON, "pool.py", {"pool-fork", work}},                                       \
            {"Python executor, fork", BENCH_PYTHON, "pool.py", {"executor-fork", work}},                               \
            {"loky", BENCH_PYTHON, "pool.py", {"loky", work}}, {"node workerpool", BENCH_NODE, "pool.js", {work}},     \
    }

const bench_case_t case_pool_exchange_64_mib = {
    .name = "pool-64mib",
    .what = "64 MiB to a worker and back, result written in place; limit: by hand through warm shared memory",
    .unit = "GiB/s",
    .rule = BENCH_RATIO_AT_LEAST,
    .bound = 0.6,
    .aim = 0.8,
    .rounds = 21,
    .open = open_large,
    .ours = large_ours,
    .limit = large_limit,
    .close = close_both,
    .peers = EXCHANGE_PEERS("64mib"),
};

const bench_case_t case_pool_exchange_1_mib = {
    .name = "pool-1000x1mib",
    .what = "1,000 payloads of 1 MiB there and back, four under way; limit: by hand, two workers, two slots each",
    .unit = "GiB/s",
    .rule = BENCH_RATIO_AT_LEAST,
    .bound = 0.6,
    .aim = 0.8,
    .rounds = 11,
    .open = open_medium,
    .ours = medium_ours,
    .limit = medium_limit,
    .close = close_both,
    .peers = EXCHANGE_PEERS("1mib"),
};
