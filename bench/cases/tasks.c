/* SPDX-License-Identifier: Apache-2.0 */
/* tasks.c: what the benchmark's processes and workers run. */
#include <string.h>

#include "cases/cases.h"
#include "limits/limits.h"
#include "posix/cpu.h"
#include "posix/memory.h"

enum { PENDING_TASKS = 1000 * 1000, A_WHILE_MS = 1000 };

MPROC_TASK(bench_nothing) {
    (void)call;
    return MPROC_OK;
}

MPROC_TASK(bench_sleep) {
    while (!mproc_call_cancelled(call))
        memory_sleep_ms(A_WHILE_MS);
    return MPROC_OK;
}

MPROC_TASK(bench_pid) {
    return mproc_call_return(call, memory_self_pid());
}

MPROC_TASK(bench_pin) {
    int cpu = 0;
    int err = mproc_call_args(call, "i", &cpu);
    if (err != MPROC_OK)
        return err;
    return cpu_pin(0, cpu) == BENCH_OK ? MPROC_OK : mproc_call_fail(call, 1, "cannot bind to processor %d", cpu);
}

MPROC_TASK(bench_square) {
    const void *input = NULL;
    void *output = NULL;
    size_t size = 0;
    int err = mproc_call_reserve(call, sizeof(int64_t), &output);
    if (err != MPROC_OK)
        return err;
    mproc_call_input(call, &input, &size);
    *(int64_t *)output = loop_square(*(const int64_t *)input);
    return MPROC_OK;
}

MPROC_TASK(bench_square_array) {
    const void *input = NULL;
    void *output = NULL;
    size_t count = 0;
    int err = mproc_call_chunk(call, &input, &output, &count);
    if (err != MPROC_OK)
        return err;
    const int64_t *xs = input;
    int64_t *ys = output;
    for (size_t i = 0; i < count; i++)
        ys[i] = xs[i] * xs[i];
    return MPROC_OK;
}

MPROC_TASK(bench_copy) {
    const void *input = NULL;
    void *output = NULL;
    size_t size = 0;
    mproc_call_input(call, &input, &size);
    int err = mproc_call_reserve(call, size, &output);
    if (err != MPROC_OK)
        return err;
    memcpy(output, input, size);
    return MPROC_OK;
}

MPROC_TASK(bench_compute) {
    const void *input = NULL;
    void *output = NULL;
    size_t size = 0;
    int err = mproc_call_reserve(call, sizeof(uint64_t), &output);
    if (err != MPROC_OK)
        return err;
    mproc_call_input(call, &input, &size);
    *(uint64_t *)output = compute_unit(1, *(const uint32_t *)input);
    return MPROC_OK;
}

/* ---- a million waiting tasks --------------------------------------------------------------------------- */

/* The worker sleeps in its first task, so that all others wait. */
static int submit_all(mproc_pool_t *pool, mproc_result_t **results, double *out_bytes_each) {
    double before = 0, after = 0;
    int err = mproc_pool_apply_async(pool, &bench_sleep, NULL, NULL, NULL);
    if (err == MPROC_OK && memory_settled_pss(0, &before) != BENCH_OK)
        return MPROC_ESYSTEM;
    for (int64_t i = 0; i < PENDING_TASKS && err == MPROC_OK; i++)
        err = mproc_pool_apply_async(pool, &bench_nothing, MPROC_ARGS(i), NULL, &results[i]);
    if (err == MPROC_OK && memory_pss(0, &after) != BENCH_OK)
        return MPROC_ESYSTEM;
    *out_bytes_each = (after - before) / PENDING_TASKS;
    return err;
}

/* In a process of its own, whose heap holds nothing of earlier samples. */
MPROC_TASK(bench_pending) {
    double bytes_each = 0;
    mproc_pool_t *pool = NULL;
    mproc_result_t **results = malloc(PENDING_TASKS * sizeof(mproc_result_t *));
    int err = MPROC_ENOMEM;
    if (results == NULL)
        return mproc_call_fail(call, 1, "no memory for the array of results");
    for (size_t i = 0; i < PENDING_TASKS; i++) /* touched before it is measured, whatever the compiler thinks of it */
        ((mproc_result_t *volatile *)results)[i] = NULL;
    err = warm_pool_create(1, false, &pool) == BENCH_OK ? submit_all(pool, results, &bytes_each) : MPROC_ESYSTEM;
    (void)mproc_pool_terminate(pool);
    for (size_t i = 0; i < PENDING_TASKS; i++)
        mproc_result_release(results[i]);
    mproc_pool_destroy(pool);
    free(results);
    return err == MPROC_OK ? mproc_call_return(call, bytes_each) : err;
}
