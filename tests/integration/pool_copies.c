/* SPDX-License-Identifier: Apache-2.0 */
/* The host forks, and its copy goes on to use the pool, or just ends: neither hangs, and the original notices nothing. */
#include "pool_help.h"
#include "process_host.h"
#include "test.h"

#include <stdlib.h>

MPROC_TASK(copies_sleep) {
    int64_t ms = 0;
    int err = mproc_call_args(call, "x", &ms);
    if (err == MPROC_OK)
        host_sleep_ms((int)ms);
    return err != MPROC_OK ? err : mproc_call_return(call, ms);
}

static void warm_up(void) {
    warm_up_pool(&copies_sleep);
}
TEST_WARM_UP(warm_up)

enum { TASKS = 30, LAST = 8 };

static mproc_pool_t *pool;
static mproc_result_t *results[TASKS], *map;
static mproc_iter_t *iter;

static bool refuses_calls(void) {
    mproc_pool_stats_t stats;
    mproc_result_t *result = NULL;
    mproc_item_t item;
    bool known = false;
    bool refused = mproc_pool_close(pool) == MPROC_ESTATE && mproc_pool_terminate(pool) == MPROC_ESTATE &&
                   mproc_pool_join(pool, -1) == MPROC_ESTATE && mproc_pool_resize(pool, 3) == MPROC_ESTATE &&
                   mproc_pool_stats(pool, &stats) == MPROC_ESTATE &&
                   mproc_pool_apply(pool, &copies_sleep, MPROC_ARGS(0), NULL, NULL) == MPROC_ESTATE &&
                   mproc_pool_apply_async(pool, &copies_sleep, MPROC_ARGS(0), NULL, &result) == MPROC_ESTATE &&
                   mproc_pool_run_on_all(pool, &copies_sleep, MPROC_ARGS(0), NULL, &result) == MPROC_ESTATE &&
                   mproc_iter_next(iter, -1, &item) == MPROC_ESTATE &&
                   mproc_result_item(map, 0, &item) == MPROC_ESTATE && mproc_result_count(map) == 0 &&
                   mproc_result_error(map) == NULL;
    for (int i = TASKS - LAST; i < TASKS; i++) /* which are far from done */
        refused = refused && mproc_result_get(results[i], -1, NULL) == MPROC_ESTATE &&
                  mproc_result_wait(results[i], -1) == MPROC_ESTATE && !mproc_result_ready(results[i]) &&
                  mproc_result_successful(results[i], &known) == MPROC_ESTATE &&
                  mproc_result_cancel(results[i], 0) == MPROC_ESTATE;
    return refused && mproc_wait(results + TASKS - LAST, LAST, MPROC_ANY, -1) == MPROC_ESTATE;
}

static int use_and_destroy(void *arg) {
    (void)arg;
    bool refused = refuses_calls();
    for (int i = 0; i < TASKS; i++)
        mproc_result_release(results[i]);
    mproc_result_release(map);
    mproc_iter_destroy(iter);
    mproc_pool_destroy(pool);
    return refused ? 42 : 1;
}

static int64_t original;

static void end_at_exit(void) {
    if (host_pid() == original)
        return;
    (void)mproc_pool_close(pool);
    (void)mproc_pool_join(pool, -1);
    mproc_pool_destroy(pool);
}

/* All exit handlers run in the copy: the host's, and the library's. */
static int leave_by_exit(void *arg) {
    (void)arg;
    exit(42);
}

/* Tasks wait in the ring, run, and have been answered when the copy is made. */
static void check_copy(int (*function)(void *arg)) {
    const mproc_args_t *one = MPROC_ARGS(INT64_C(1)), *items[TASKS];
    mproc_pool_options_t options = {.processes = 2};
    mproc_pool_stats_t stats;
    mproc_item_t item;
    pool = pool_with(&options);
    for (int i = 0; i < TASKS; i++)
        items[i] = one;
    REQUIRE_OK(mproc_pool_apply(pool, &copies_sleep, MPROC_ARGS(0), NULL, NULL));
    REQUIRE_OK(mproc_pool_map_async(pool, &copies_sleep, MPROC_ARGLISTS(items, TASKS), MPROC_KEEP, NULL, &map));
    REQUIRE_OK(mproc_pool_imap(pool, &copies_sleep, MPROC_ARGLISTS(items, TASKS), NULL, &iter));
    for (int i = 0; i < TASKS; i++)
        REQUIRE_OK(mproc_pool_apply_async(pool, &copies_sleep, MPROC_ARGS(INT64_C(50)), NULL, &results[i]));
    int code = host_copy(function, NULL);
    for (int i = 0; i < TASKS; i++) {
        CHECK_OK(mproc_result_get(results[i], -1, NULL));
        CHECK_OK(mproc_iter_next(iter, -1, &item));
        mproc_result_release(results[i]);
    }
    CHECK_OK(mproc_result_get(map, -1, NULL));
    mproc_result_release(map);
    mproc_iter_destroy(iter);
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.workers_killed + stats.workers_crashed + stats.workers_retired, 0);
    CHECK_EQ_UINT(stats.workers_started, 2);
    end_pool(pool);
    if (code == -1)
        SKIP("there is no fork() here");
    CHECK_EQ_INT(code, 42);
}

TEST(pool_copies, a_forked_copy_can_do_nothing_to_the_pool) {
    check_copy(use_and_destroy);
}

TEST(pool_copies, a_forked_copy_that_exits_does_nothing_to_the_pool) {
    original = host_pid();
    atexit(end_at_exit);
    check_copy(leave_by_exit);
}
