/* SPDX-License-Identifier: Apache-2.0 */
/* pool_help.c: what tests of pools share. */
#include "pool_help.h"

#include "test.h"

/* AddressSanitizer asks for this where it is in the program: without memory malloc is to return NULL. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

void warm_up_pool(const mproc_task_t *task) {
    mproc_pool_options_t options = {.processes = 1};
    mproc_pool_t *pool = NULL;
    if (mproc_pool_create(&options, &pool) != MPROC_OK)
        return;
    mproc_result_t *result = NULL;
    if (mproc_pool_apply_async(pool, task, MPROC_ARGS(0), NULL, &result) == MPROC_OK)
        (void)mproc_wait(&result, 1, MPROC_ALL, LONG_MS);
    mproc_result_release(result);
    mproc_pool_destroy(pool);
}

void warm_up_process(const mproc_task_t *task) {
    mproc_process_options_t options = {.target = task};
    mproc_process_t *process = NULL;
    if (mproc_process_create(&options, &process) != MPROC_OK)
        return;
    if (mproc_process_start(process) == MPROC_OK)
        (void)mproc_process_join(process, LONG_MS);
    mproc_process_destroy(process);
}

mproc_pool_t *pool_with(const mproc_pool_options_t *options) {
    mproc_pool_t *pool = NULL;
    REQUIRE_OK(mproc_pool_create(options, &pool));
    return pool;
}

mproc_pool_t *pool_of(int processes) {
    mproc_pool_options_t options = {.processes = processes};
    return pool_with(&options);
}

int done(mproc_result_t *result) {
    int err = mproc_result_get(result, LONG_MS, NULL);
    mproc_result_release(result);
    return err;
}

int64_t done_int(mproc_result_t *result) {
    const mproc_value_t *value = NULL;
    int64_t number = 0;
    REQUIRE_OK(mproc_result_get(result, LONG_MS, &value));
    REQUIRE_OK(mproc_value_as_int(value, &number));
    mproc_result_release(result);
    return number;
}

mproc_result_t *start(mproc_pool_t *pool, const mproc_task_t *task, int64_t number,
                      const mproc_task_options_t *options) {
    mproc_result_t *result = NULL;
    REQUIRE_OK(mproc_pool_apply_async(pool, task, MPROC_ARGS(number), options, &result));
    return result;
}

int64_t apply_int(mproc_pool_t *pool, const mproc_task_t *task, int64_t number) {
    return done_int(start(pool, task, number, NULL));
}

void check_stats(mproc_pool_t *pool) {
    mproc_pool_stats_t s;
    REQUIRE_OK(mproc_pool_stats(pool, &s));
    CHECK_EQ_UINT(s.submitted, s.succeeded + s.failed + s.died + s.timed_out + s.cancelled + s.refused);
    CHECK_EQ_UINT(s.waiting, 0);
    CHECK_EQ_UINT(s.running, 0);
}

void end_pool(mproc_pool_t *pool) {
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    check_stats(pool);
    mproc_pool_destroy(pool);
}
