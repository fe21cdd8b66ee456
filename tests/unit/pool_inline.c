/* SPDX-License-Identifier: Apache-2.0 */
/* The pool's public calls over the inline backend: everything happens in this thread, so every outcome is exact. */
#include "test.h"

#include <mproc/mproc.h>
#include <stdio.h>
#include <string.h>

MPROC_TASK(inline_add) {
    int64_t a, b;
    int err = mproc_call_args(call, "xx", &a, &b);
    return err != MPROC_OK ? err : mproc_call_return(call, a + b);
}

MPROC_TASK(inline_nothing) {
    (void)call;
    return MPROC_OK;
}

MPROC_TASK(inline_square) {
    const void *input = NULL;
    void *output = NULL;
    size_t size = 0;
    mproc_call_input(call, &input, &size);
    int err = mproc_call_reserve(call, sizeof(int64_t), &output);
    if (err != MPROC_OK)
        return err;
    int64_t x = 0;
    memcpy(&x, input, sizeof x);
    x *= x;
    memcpy(output, &x, sizeof x);
    return MPROC_OK;
}

MPROC_TASK(inline_square_chunk) {
    const void *input = NULL;
    void *output = NULL;
    size_t count = 0;
    int err = mproc_call_chunk(call, &input, &output, &count);
    if (err != MPROC_OK)
        return err;
    const int64_t *from = input;
    int64_t *to = output;
    if (to == NULL)
        return mproc_call_fail(call, 1, "no chunk");
    for (size_t i = 0; i < count; i++)
        to[i] = from[i] * from[i];
    return MPROC_OK;
}

/* Fails for odd numbers. */
MPROC_TASK(inline_even) {
    int64_t x = 0;
    int err = mproc_call_args(call, "x", &x);
    if (err != MPROC_OK)
        return err;
    if (x % 2 != 0)
        return mproc_call_fail(call, (int)x, "%d is odd", (int)x);
    return mproc_call_return(call, x);
}

static int runs;

/* Succeeds at its third run. */
MPROC_TASK(inline_third) {
    if (++runs < 3)
        return mproc_call_fail(call, 7, "not yet");
    return mproc_call_return(call, runs);
}

static mproc_pool_t *make_pool(void) {
    mproc_pool_options_t options = {.processes = MPROC_INLINE};
    mproc_pool_t *pool = NULL;
    REQUIRE_OK(mproc_pool_create(&options, &pool));
    return pool;
}

static int64_t value_of(mproc_result_t *result) {
    const mproc_value_t *value = NULL;
    int64_t number = -1;
    REQUIRE_OK(mproc_result_get(result, MPROC_FOREVER, &value));
    REQUIRE_OK(mproc_value_as_int(value, &number));
    return number;
}

static void warm_up(void) {
    mproc_pool_options_t options = {.processes = MPROC_INLINE};
    mproc_pool_t *pool = NULL;
    mproc_result_t *result = NULL;
    if (mproc_pool_create(&options, &pool) != MPROC_OK)
        return;
    mproc_pool_options_t workers = {.processes = 1};
    mproc_pool_destroy(pool);
    /* The hub of mproc_wait is made for a result that is not ready: only workers give one. */
    if (mproc_pool_create(&workers, &pool) != MPROC_OK)
        return;
    if (mproc_pool_apply_async(pool, &inline_nothing, NULL, NULL, &result) == MPROC_OK)
        (void)mproc_wait(&result, 1, MPROC_ALL, 30000);
    mproc_result_release(result);
    mproc_pool_destroy(pool);
}
TEST_WARM_UP(warm_up)

TEST(pool_inline, apply_gives_the_value) {
    mproc_pool_t *pool = make_pool();
    mproc_result_t *result = NULL;
    REQUIRE_OK(mproc_pool_apply(pool, &inline_add, MPROC_ARGS(40, 2), NULL, &result));
    CHECK_EQ_INT(value_of(result), 42);
    mproc_result_release(result);
    CHECK_OK(mproc_pool_apply(pool, &inline_nothing, NULL, NULL, NULL));
    mproc_pool_destroy(pool);
}

TEST(pool_inline, a_result_outlives_its_pool) {
    mproc_pool_t *pool = make_pool();
    mproc_result_t *result = NULL;
    mproc_result_t *second = NULL;
    REQUIRE_OK(mproc_pool_apply_async(pool, &inline_add, MPROC_ARGS(1, 2), NULL, &result));
    REQUIRE_OK(mproc_pool_apply_async(pool, &inline_even, MPROC_ARGS(3), NULL, &second));
    mproc_pool_destroy(pool);
    CHECK_EQ_INT(value_of(result), 3);
    CHECK_ERR(mproc_result_get(second, 0, NULL), MPROC_ETASK);
    CHECK_EQ_INT(mproc_result_error(second)->task_code, 3);
    mproc_result_release(result);
    mproc_result_release(second);
}

TEST(pool_inline, a_failed_task_explains_itself) {
    mproc_pool_t *pool = make_pool();
    mproc_result_t *result = NULL;
    CHECK_ERR(mproc_pool_apply(pool, &inline_even, MPROC_ARGS(5), NULL, &result), MPROC_ETASK);
    CHECK_EQ_INT(mproc_last_error()->task_code, 5);
    CHECK_EQ_STR(mproc_last_error()->task, "inline_even");
    REQUIRE(result != NULL);
    CHECK_HAS_STR(mproc_result_error(result)->message, "5 is odd");
    mproc_result_release(result);
    CHECK_ERR(mproc_pool_apply(pool, &inline_add, MPROC_ARGS("x", 1), NULL, NULL), MPROC_ETYPE);
    mproc_pool_destroy(pool);
}

TEST(pool_inline, map_of_an_array_squares_it) {
    enum { COUNT = 1000 };
    static int64_t xs[COUNT], ys[COUNT];
    mproc_pool_t *pool = make_pool();
    for (int i = 0; i < COUNT; i++)
        xs[i] = i;
    REQUIRE_OK(mproc_pool_map(pool, &inline_square, MPROC_ARRAY(xs, COUNT), MPROC_INTO(ys, COUNT), NULL));
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ_INT(ys[i], (int64_t)i * i);
    memset(ys, 0, sizeof ys);
    mproc_task_options_t options = {.chunk = 7};
    REQUIRE_OK(mproc_pool_map(pool, &inline_square_chunk, MPROC_ARRAY(xs, COUNT), MPROC_INTO(ys, COUNT), &options));
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ_INT(ys[i], (int64_t)i * i);
    CHECK_OK(mproc_pool_map(pool, &inline_square, MPROC_ARRAY(xs, 0), MPROC_INTO(ys, 0), NULL));
    mproc_pool_destroy(pool);
}

TEST(pool_inline, one_failed_item_costs_no_other) {
    mproc_pool_t *pool = make_pool();
    mproc_result_t *result = NULL;
    const mproc_args_t *lists[] = {MPROC_ARGS(0), MPROC_ARGS(1), MPROC_ARGS(2), MPROC_ARGS(3), MPROC_ARGS(4)};
    mproc_task_options_t options = {.chunk = 5};
    REQUIRE_OK(mproc_pool_starmap_async(pool, &inline_even, MPROC_ARGLISTS(lists, 5), MPROC_KEEP, &options, &result));
    CHECK_ERR(mproc_result_get(result, MPROC_FOREVER, NULL), MPROC_ETASK);
    CHECK_EQ_INT(mproc_last_error()->item, 1);
    CHECK_EQ_UINT(mproc_result_count(result), 5);
    for (size_t i = 0; i < 5; i++) {
        mproc_item_t item;
        int64_t value = -1;
        REQUIRE_OK(mproc_result_item(result, i, &item));
        CHECK_EQ_INT(item.code, i % 2 == 0 ? MPROC_OK : MPROC_ETASK);
        if (i % 2 == 0) {
            CHECK_OK(mproc_value_as_int(item.value, &value));
            CHECK_EQ_INT(value, (int64_t)i);
        } else {
            CHECK_EQ_INT(item.error->item, (int64_t)i);
            CHECK_EQ_INT(item.error->task_code, (int64_t)i);
        }
    }
    mproc_result_release(result);
    mproc_pool_destroy(pool);
}

TEST(pool_inline, map_of_lists_takes_one_value_an_item) {
    mproc_pool_t *pool = make_pool();
    const mproc_args_t *good[] = {MPROC_ARGS(0), MPROC_ARGS(2)};
    const mproc_args_t *bad[] = {MPROC_ARGS(0), MPROC_ARGS(2, 3)};
    int64_t xs[2] = {0};
    CHECK_OK(mproc_pool_map(pool, &inline_even, MPROC_ARGLISTS(good, 2), MPROC_KEEP, NULL));
    CHECK_ERR(mproc_pool_map(pool, &inline_even, MPROC_ARGLISTS(bad, 2), MPROC_KEEP, NULL), MPROC_EINVAL);
    CHECK_ERR(mproc_pool_starmap(pool, &inline_even, MPROC_ARRAY(xs, 2), MPROC_KEEP, NULL), MPROC_EINVAL);
    mproc_pool_destroy(pool);
}

typedef struct counter {
    int64_t end;
    int fail_at;
    int64_t pulled;
    mproc_arg_t arg;
} counter_t;

static int pull_number(void *context, int64_t index, mproc_args_t *out_args) {
    counter_t *counter = context;
    if (index == counter->end)
        return MPROC_EEND;
    if (counter->fail_at >= 0 && index == counter->fail_at)
        return MPROC_ESYSTEM;
    counter->pulled = index + 1;
    counter->arg = mproc_arg_int(index * 2);
    *out_args = (mproc_args_t){1, &counter->arg};
    return MPROC_OK;
}

static void check_imap(bool ordered, size_t chunk) {
    mproc_pool_t *pool = make_pool();
    mproc_iter_t *iter = NULL;
    counter_t counter = {.end = 100, .fail_at = -1};
    mproc_task_options_t options = {.chunk = chunk};
    int64_t sum = 0;
    REQUIRE_OK((ordered ? mproc_pool_imap : mproc_pool_imap_unordered)(
        pool, &inline_even, MPROC_PULL(pull_number, &counter), &options, &iter));
    for (int64_t i = 0; i < 100; i++) {
        mproc_item_t item;
        int64_t value = -1;
        REQUIRE_OK(mproc_iter_next(iter, MPROC_FOREVER, &item));
        REQUIRE_OK(mproc_value_as_int(item.value, &value));
        if (ordered)
            CHECK_EQ_INT(item.index, i);
        CHECK_EQ_INT(value, item.index * 2);
        CHECK(counter.pulled <= i + 1 + (chunk > 0 ? (int64_t)chunk * 4 : 4));
        sum += value;
    }
    CHECK_EQ_INT(sum, 9900);
    mproc_item_t item;
    CHECK_EQ_INT(mproc_iter_next(iter, MPROC_FOREVER, &item), MPROC_EEND);
    CHECK_EQ_INT(mproc_iter_next(iter, 0, &item), MPROC_EEND);
    mproc_iter_destroy(iter);
    mproc_pool_destroy(pool);
}

TEST(pool_inline, imap_gives_items_in_order_within_its_window) {
    check_imap(true, 0);
    check_imap(true, 1);
    check_imap(true, 7);
}

TEST(pool_inline, imap_unordered_gives_all) {
    check_imap(false, 0);
    check_imap(false, 3);
}

static void check_failing_input(int fail_at, size_t chunk) {
    mproc_pool_t *pool = make_pool();
    mproc_iter_t *iter = NULL;
    counter_t counter = {.end = 100, .fail_at = fail_at};
    mproc_task_options_t options = {.chunk = chunk};
    mproc_item_t item;
    REQUIRE_OK(mproc_pool_imap(pool, &inline_even, MPROC_PULL(pull_number, &counter), &options, &iter));
    for (int i = 0; i < fail_at; i++)
        CHECK_OK(mproc_iter_next(iter, MPROC_FOREVER, &item));
    CHECK_ERR(mproc_iter_next(iter, MPROC_FOREVER, &item), MPROC_ESYSTEM);
    CHECK_EQ_INT(item.index, fail_at);
    CHECK_EQ_INT(item.code, MPROC_ESYSTEM);
    CHECK_EQ_INT(mproc_iter_next(iter, MPROC_FOREVER, &item), MPROC_EEND);
    mproc_iter_destroy(iter);
    CHECK_OK(mproc_pool_apply(pool, &inline_nothing, NULL, NULL, NULL));
    CHECK_ERR(mproc_pool_map(pool, &inline_even, MPROC_PULL(pull_number, &counter), MPROC_KEEP, &options),
              MPROC_ESYSTEM);
    CHECK_EQ_INT(mproc_last_error()->code, MPROC_ESYSTEM);
    mproc_pool_destroy(pool);
}

TEST(pool_inline, a_failing_input_comes_after_the_items_before_it) {
    check_failing_input(0, 0);
    check_failing_input(10, 1);
    check_failing_input(10, 4);
}

TEST(pool_inline, an_abandoned_iterator_hangs_nothing) {
    mproc_pool_t *pool = make_pool();
    mproc_iter_t *iter = NULL;
    counter_t counter = {.end = -1, .fail_at = -1};
    mproc_item_t item;
    REQUIRE_OK(mproc_pool_imap(pool, &inline_even, MPROC_PULL(pull_number, &counter), NULL, &iter));
    CHECK_OK(mproc_iter_next(iter, MPROC_FOREVER, &item));
    mproc_iter_destroy(iter);
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, MPROC_FOREVER));
    mproc_pool_destroy(pool);
}

TEST(pool_inline, map_pulls_to_the_end) {
    mproc_pool_t *pool = make_pool();
    counter_t counter = {.end = 1000, .fail_at = -1};
    mproc_result_t *result = NULL;
    REQUIRE_OK(mproc_pool_map_async(pool, &inline_even, MPROC_PULL(pull_number, &counter), MPROC_KEEP, NULL, &result));
    CHECK_OK(mproc_result_get(result, MPROC_FOREVER, NULL));
    CHECK_EQ_UINT(mproc_result_count(result), 1000);
    mproc_item_t item;
    int64_t value = 0;
    REQUIRE_OK(mproc_result_item(result, 999, &item));
    CHECK_OK(mproc_value_as_int(item.value, &value));
    CHECK_EQ_INT(value, 1998);
    mproc_result_release(result);
    mproc_pool_destroy(pool);
}

typedef struct heard {
    int good, bad;
    int inner;
    mproc_pool_t *pool;
} heard_t;

static void on_good(mproc_result_t *result, void *context) {
    heard_t *heard = context;
    CHECK(mproc_result_ready(result));
    heard->good++;
    heard->inner = mproc_pool_apply(heard->pool, &inline_nothing, NULL, NULL, NULL);
}

static void on_bad(mproc_result_t *result, void *context) {
    heard_t *heard = context;
    CHECK(mproc_result_error(result) != NULL);
    heard->bad++;
}

TEST(pool_inline, callbacks_come_once_and_may_not_wait) {
    mproc_pool_t *pool = make_pool();
    heard_t heard = {.pool = pool};
    mproc_task_options_t options = {.callback = on_good, .error_callback = on_bad, .context = &heard};
    CHECK_OK(mproc_pool_apply_async(pool, &inline_even, MPROC_ARGS(2), &options, NULL));
    CHECK_OK(mproc_pool_apply_async(pool, &inline_even, MPROC_ARGS(3), &options, NULL));
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, MPROC_FOREVER));
    CHECK_EQ_INT(heard.good, 1);
    CHECK_EQ_INT(heard.bad, 1);
    CHECK_EQ_INT(heard.inner, MPROC_ESTATE);
    mproc_pool_destroy(pool);
}

TEST(pool_inline, a_failure_is_retried_up_to_its_cap) {
    mproc_pool_t *pool = make_pool();
    mproc_result_t *result = NULL;
    mproc_pool_stats_t stats;
    mproc_task_options_t two = {.retries = 2, .backoff_ms = 1};
    mproc_task_options_t one = {.retries = 1};
    mproc_task_options_t other = {.retries = 2, .retry_on = MPROC_RETRY_DIED};
    REQUIRE_OK(mproc_pool_apply(pool, &inline_third, NULL, &two, &result));
    CHECK_EQ_INT(value_of(result), 3);
    mproc_result_release(result);
    runs = 0;
    CHECK_ERR(mproc_pool_apply(pool, &inline_third, NULL, &one, NULL), MPROC_ETASK);
    CHECK_EQ_INT(runs, 2);
    runs = 0;
    CHECK_ERR(mproc_pool_apply(pool, &inline_third, NULL, &other, NULL), MPROC_ETASK);
    CHECK_EQ_INT(runs, 1);
    CHECK_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.retried, 3);
    CHECK_EQ_UINT(stats.submitted, 3);
    CHECK_EQ_UINT(stats.succeeded, 1);
    CHECK_EQ_UINT(stats.failed, 2);
    mproc_pool_destroy(pool);
}

TEST(pool_inline, stop_policy_cancels_the_rest) {
    mproc_pool_t *pool = make_pool();
    mproc_result_t *result = NULL;
    const mproc_args_t *lists[] = {MPROC_ARGS(0), MPROC_ARGS(1), MPROC_ARGS(2), MPROC_ARGS(4)};
    mproc_task_options_t options = {.chunk = 1, .policy = MPROC_MAP_STOP};
    mproc_item_t item;
    REQUIRE_OK(mproc_pool_map_async(pool, &inline_even, MPROC_ARGLISTS(lists, 4), MPROC_KEEP, &options, &result));
    CHECK_ERR(mproc_result_get(result, MPROC_FOREVER, NULL), MPROC_ETASK);
    CHECK_OK(mproc_result_item(result, 0, &item));
    CHECK_EQ_INT(item.code, MPROC_OK);
    CHECK_OK(mproc_result_item(result, 3, &item));
    CHECK_EQ_INT(item.code, MPROC_ECANCELLED);
    mproc_result_release(result);
    mproc_pool_destroy(pool);
}

TEST(pool_inline, wrong_options_are_refused) {
    mproc_pool_t *pool = NULL;
    mproc_pool_options_t options = {.processes = -2};
    CHECK_ERR(mproc_pool_create(&options, &pool), MPROC_EINVAL);
    CHECK(pool == NULL);
    options = (mproc_pool_options_t){.recycle_jitter = 1.5};
    CHECK_ERR(mproc_pool_create(&options, &pool), MPROC_EINVAL);
    options = (mproc_pool_options_t){.maxtasksperchild = -1};
    CHECK_ERR(mproc_pool_create(&options, &pool), MPROC_EINVAL);
    options = (mproc_pool_options_t){.size = 4096};
    CHECK_ERR(mproc_pool_create(&options, &pool), MPROC_EINVAL);
    CHECK_ERR(mproc_pool_create(NULL, NULL), MPROC_EINVAL);
    pool = make_pool();
    mproc_task_options_t task = {.timeout_ms = -1};
    CHECK_ERR(mproc_pool_apply(pool, &inline_nothing, NULL, &task, NULL), MPROC_EINVAL);
    task = (mproc_task_options_t){.retry_on = 64};
    CHECK_ERR(mproc_pool_apply(pool, &inline_nothing, NULL, &task, NULL), MPROC_EINVAL);
    CHECK_ERR(mproc_pool_apply(pool, NULL, NULL, NULL, NULL), MPROC_EINVAL);
    CHECK_ERR(mproc_pool_apply(NULL, &inline_nothing, NULL, NULL, NULL), MPROC_EINVAL);
    mproc_task_t unknown = {.name = "unknown"};
    CHECK_ERR(mproc_pool_apply(pool, &unknown, NULL, NULL, NULL), MPROC_ENOTASK);
    CHECK_ERR(mproc_pool_join(pool, 0), MPROC_ESTATE);
    CHECK_ERR(mproc_pool_resize(pool, 0), MPROC_EINVAL);
    mproc_pool_destroy(pool);
}

/* Blocks of memory are kept for the next task: a size that wraps would find one of them large enough. */
TEST(pool_inline, an_input_larger_than_any_memory_is_refused) {
    mproc_pool_t *pool = make_pool();
    mproc_result_t *result = NULL;
    CHECK_OK(mproc_pool_apply(pool, &inline_nothing, NULL, NULL, NULL));
    for (size_t less = 0; less < 200; less++) {
        mproc_task_options_t options = {.input = "", .input_size = SIZE_MAX - less};
        CHECK_ERR(mproc_pool_apply_async(pool, &inline_nothing, NULL, &options, &result), MPROC_ETOOBIG);
        CHECK_ERR(mproc_pool_apply(pool, &inline_nothing, NULL, &options, &result), MPROC_ETOOBIG);
    }
    CHECK_HAS_STR(mproc_last_error()->message, "input_size");
    mproc_pool_destroy(pool);
}

TEST(pool_inline, a_closed_pool_takes_nothing) {
    mproc_pool_t *pool = make_pool();
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_close(pool));
    CHECK_ERR(mproc_pool_apply(pool, &inline_nothing, NULL, NULL, NULL), MPROC_ECLOSED);
    CHECK_OK(mproc_pool_join(pool, MPROC_FOREVER));
    CHECK_OK(mproc_pool_terminate(pool));
    CHECK_OK(mproc_pool_join(pool, 0));
    mproc_pool_destroy(pool);
}

TEST(pool_inline, run_on_all_runs_once_on_the_one_worker) {
    mproc_pool_t *pool = make_pool();
    mproc_result_t *result = NULL;
    mproc_item_t item;
    int64_t value = 0;
    REQUIRE_OK(mproc_pool_run_on_all(pool, &inline_add, MPROC_ARGS(2, 3), NULL, &result));
    CHECK_OK(mproc_result_get(result, MPROC_FOREVER, NULL));
    CHECK_EQ_UINT(mproc_result_count(result), 1);
    REQUIRE_OK(mproc_result_item(result, 0, &item));
    CHECK_OK(mproc_value_as_int(item.value, &value));
    CHECK_EQ_INT(value, 5);
    mproc_result_release(result);
    mproc_pool_destroy(pool);
}

TEST(pool_inline, wait_takes_results_of_several_pools) {
    mproc_pool_t *pools[2] = {make_pool(), make_pool()};
    mproc_result_t *results[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++)
        REQUIRE_OK(mproc_pool_apply_async(pools[i], &inline_nothing, NULL, NULL, &results[i]));
    CHECK_OK(mproc_wait(results, 2, MPROC_ANY, 0));
    CHECK_OK(mproc_wait(results, 2, MPROC_ALL, MPROC_FOREVER));
    CHECK_OK(mproc_wait(results, 0, MPROC_ALL, 0));
    CHECK_ERR(mproc_wait(results, 0, MPROC_ANY, 0), MPROC_EINVAL);
    for (int i = 0; i < 2; i++) {
        mproc_result_release(results[i]);
        mproc_pool_destroy(pools[i]);
    }
}
