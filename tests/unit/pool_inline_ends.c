/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an inline pool: its finalizer runs when a worker's would, in whatever order the pool is ended. */
#include "memory.h"
#include "test.h"

#include <mproc/mproc.h>

static int initialized, finalized, tasks;
static mproc_pool_t *pool;

MPROC_TASK(ends_initialize) {
    (void)call;
    initialized++;
    return MPROC_OK;
}

/* Sees the state of the worker, which is to be in order still. */
MPROC_TASK(ends_finalize) {
    (void)call;
    finalized++;
    CHECK_ERR(mproc_pool_apply_async(pool, &ends_finalize, NULL, NULL, NULL), MPROC_ECLOSED);
    CHECK_ERR(mproc_pool_join(pool, -1), MPROC_ESTATE);
    return MPROC_OK;
}

MPROC_TASK(ends_task) {
    (void)call;
    tasks++;
    return MPROC_OK;
}

MPROC_TASK(ends_close) {
    (void)call;
    CHECK_OK(mproc_pool_close(pool));
    CHECK_EQ_INT(finalized, 0);
    return MPROC_OK;
}

static void open_pool(void) {
    mproc_pool_options_t options = {
        .processes = MPROC_INLINE, .initializer = &ends_initialize, .finalizer = &ends_finalize};
    initialized = finalized = tasks = 0;
    REQUIRE_OK(mproc_pool_create(&options, &pool));
    CHECK_EQ_INT(initialized, 1);
    CHECK_OK(mproc_pool_apply(pool, &ends_task, NULL, NULL, NULL));
    CHECK_EQ_INT(finalized, 0);
}

TEST(pool_inline, the_finalizer_runs_when_the_pool_is_closed) {
    mproc_pool_stats_t stats;
    open_pool();
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, -1));
    CHECK_EQ_INT(finalized, 1);
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_INT(stats.workers, 0);
    CHECK_EQ_UINT(stats.workers_retired, 1);
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_terminate(pool));
    CHECK_OK(mproc_pool_join(pool, -1));
    mproc_pool_destroy(pool);
    CHECK_EQ_INT(finalized, 1);
}

TEST(pool_inline, a_terminated_pool_runs_no_finalizer) {
    open_pool();
    CHECK_OK(mproc_pool_terminate(pool));
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, -1));
    CHECK_EQ_INT(finalized, 0);
    mproc_pool_destroy(pool);
    CHECK_EQ_INT(finalized, 0);
    open_pool();
    mproc_pool_destroy(pool);
    CHECK_EQ_INT(finalized, 0);
}

/* What was queued runs first. */
TEST(pool_inline, a_task_may_close_its_pool) {
    open_pool();
    CHECK_OK(mproc_pool_apply(pool, &ends_close, NULL, NULL, NULL));
    CHECK_OK(mproc_pool_join(pool, -1));
    CHECK_EQ_INT(finalized, 1);
    mproc_pool_destroy(pool);
    CHECK_EQ_INT(finalized, 1);
}

static void close_it(mproc_result_t *result, void *context) {
    (void)result;
    (void)context;
    CHECK_OK(mproc_pool_close(pool));
    CHECK_ERR(mproc_pool_join(pool, -1), MPROC_ESTATE);
}

static void destroy_it(mproc_result_t *result, void *context) {
    (void)result;
    (void)context;
    mproc_pool_destroy(pool);
}

TEST(pool_inline, a_callback_may_close_its_pool) {
    mproc_task_options_t options = {.callback = close_it};
    open_pool();
    CHECK_OK(mproc_pool_apply(pool, &ends_task, NULL, &options, NULL));
    CHECK_OK(mproc_pool_join(pool, -1));
    CHECK_EQ_INT(finalized, 1);
    mproc_pool_destroy(pool);
}

/* It has no thread that frees it: the next pool does. */
TEST(pool_inline, a_callback_may_destroy_its_pool) {
    mproc_task_options_t options = {.callback = destroy_it};
    mproc_result_t *result = NULL;
    open_pool();
    mproc_pool_destroy(pool);
    size_t live = mproc_memory_live();
    open_pool();
    CHECK_OK(mproc_pool_apply(pool, &ends_task, NULL, &options, &result));
    CHECK_EQ_INT(tasks, 2);
    open_pool();
    CHECK_OK(mproc_result_get(result, 0, NULL));
    mproc_result_release(result);
    mproc_pool_destroy(pool);
    CHECK_EQ_UINT(mproc_memory_live(), live);
}

/* A callback runs an inline task of another pool, which would wait for the first. */
MPROC_TASK(ends_waits) {
    (void)call;
    CHECK_ERR(mproc_pool_apply(pool, &ends_task, NULL, NULL, NULL), MPROC_ESTATE);
    mproc_pool_destroy(pool);
    return MPROC_OK;
}

static void run_other(mproc_result_t *result, void *context) {
    (void)result;
    CHECK_OK(mproc_pool_apply(context, &ends_waits, NULL, NULL, NULL));
}

TEST(pool_inline, nothing_waits_for_a_pool_in_whose_callback_it_is) {
    mproc_pool_options_t inlined = {.processes = MPROC_INLINE};
    mproc_task_options_t options = {.callback = run_other};
    mproc_pool_t *other = NULL;
    open_pool();
    REQUIRE_OK(mproc_pool_create(&inlined, &other));
    options.context = other;
    CHECK_OK(mproc_pool_apply(pool, &ends_task, NULL, &options, NULL));
    mproc_pool_destroy(other);
    CHECK_EQ_INT(tasks, 2);
}

/* A result outlives its pool, and so may stand among others that are waited for. */
TEST(pool_inline, a_result_of_a_pool_that_is_gone_may_be_waited_for_with_others) {
    mproc_pool_options_t workers = {.processes = 1};
    mproc_result_t *results[2] = {NULL, NULL};
    open_pool();
    REQUIRE_OK(mproc_pool_apply_async(pool, &ends_task, NULL, NULL, &results[0]));
    mproc_pool_destroy(pool);
    REQUIRE_OK(mproc_pool_create(&workers, &pool));
    REQUIRE_OK(mproc_pool_apply_async(pool, &ends_task, NULL, NULL, &results[1]));
    CHECK_OK(mproc_wait(results, 2, MPROC_ALL, 30000));
    mproc_result_release(results[0]);
    mproc_result_release(results[1]);
    mproc_pool_destroy(pool);
}

TEST(pool_inline, resizing_leaves_the_one_worker) {
    mproc_result_t *result = NULL;
    open_pool();
    CHECK_OK(mproc_pool_resize(pool, 3));
    REQUIRE_OK(mproc_pool_run_on_all(pool, &ends_task, NULL, NULL, &result));
    CHECK_OK(mproc_result_get(result, 5000, NULL));
    CHECK_EQ_UINT(mproc_result_count(result), 1);
    mproc_result_release(result);
    mproc_pool_destroy(pool);
}
