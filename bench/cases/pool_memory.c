/* SPDX-License-Identifier: Apache-2.0 */
/* pool_memory.c: what an idle worker holds, and what a waiting task costs. */
#include <stdlib.h>

#include "cases/cases.h"
#include "limits/partner.h"
#include "posix/memory.h"

typedef struct state {
    mproc_pool_t *pool;
    int64_t pid;
    region_t region;
    partner_t bare;
} state_t;

static int worker_pid(mproc_pool_t *pool, int64_t *out_pid) {
    mproc_result_t *result = NULL;
    const mproc_value_t *value = NULL;
    int err = mproc_pool_apply(pool, &bench_pid, NULL, NULL, &result);
    if (err == MPROC_OK)
        err = mproc_result_get(result, MPROC_FOREVER, &value);
    if (err == MPROC_OK)
        err = mproc_value_as_int(value, out_pid);
    mproc_result_release(result);
    return err == MPROC_OK ? BENCH_OK : bench_fail_mproc("asking a worker for its pid", err);
}

static int open_both(void **out_state) {
    state_t *state = calloc(1, sizeof *state);
    *out_state = state;
    if (state == NULL)
        return bench_fail("no memory");
    int err = warm_pool_create(2, false, &state->pool);
    if (err == BENCH_OK)
        err = worker_pid(state->pool, &state->pid);
    if (err == BENCH_OK)
        err = region_create(1, &state->region);
    return err == BENCH_OK ? partner_start("idle", &state->region, 0, &state->bare) : err;
}

static int idle_ours(void *state, double *out_mib) {
    int err = memory_settled_pss(((state_t *)state)->pid, out_mib);
    *out_mib /= MIB;
    return err;
}

static int idle_limit(void *state, double *out_mib) {
    int err = memory_settled_pss(((state_t *)state)->bare.pid, out_mib);
    *out_mib /= MIB;
    return err;
}

static void close_both(void *state) {
    state_t *both = state;
    if (both == NULL)
        return;
    partner_stop(&both->bare);
    region_destroy(&both->region);
    warm_pool_destroy(both->pool);
    free(both);
}

const bench_case_t case_pool_memory = {
    .name = "pool-memory",
    .what =
        "proportional set size of an idle worker with its channel; limit: the same program asleep without the library",
    .unit = "MiB",
    .rule = BENCH_OURS_AT_MOST,
    .bound = 0.7,
    .rounds = 5,
    .open = open_both,
    .ours = idle_ours,
    .limit = idle_limit,
    .close = close_both,
    .peers =
        {
            {"Python Pool, spawn", BENCH_PYTHON, "pool.py", {"pool-spawn", "memory"}},
            {"Python Pool, fork", BENCH_PYTHON, "pool.py", {"pool-fork", "memory"}},
            {"Python executor, fork", BENCH_PYTHON, "pool.py", {"executor-fork", "memory"}},
            {"loky", BENCH_PYTHON, "pool.py", {"loky", "memory"}},
            {"node workerpool", BENCH_NODE, "pool.js", {"memory"}},
        },
};

/* ---- a million waiting tasks --------------------------------------------------------------------------- */

static int open_none(void **out_state) {
    *out_state = NULL;
    return BENCH_OK;
}

static void close_none(void *state) {
    (void)state;
}

static int pending_ours(void *state, double *out_bytes) {
    mproc_process_options_t options = {.target = &bench_pending, .result = true};
    mproc_process_t *process = NULL;
    const mproc_value_t *value = NULL;
    int err = mproc_process_create(&options, &process);
    (void)state;
    if (err == MPROC_OK)
        err = mproc_process_start(process);
    if (err == MPROC_OK)
        err = mproc_process_result(process, MPROC_FOREVER, &value);
    if (err == MPROC_OK)
        err = mproc_value_as_double(value, out_bytes);
    if (err != MPROC_OK)
        err = bench_fail_mproc("a million waiting tasks", err);
    mproc_process_destroy(process);
    return err;
}

static int pending_limit(void *state, double *out_bytes) {
    (void)state;
    *out_bytes = sizeof(int64_t);
    return BENCH_OK;
}

const bench_case_t case_pool_pending = {
    .name = "pool-pending",
    .what = "memory of each of 1,000,000 waiting tasks with one integer argument; limit: that integer",
    .unit = "B",
    .rule = BENCH_OURS_AT_MOST,
    .bound = 200,
    .rounds = 3,
    .open = open_none,
    .ours = pending_ours,
    .limit = pending_limit,
    .close = close_none,
};
