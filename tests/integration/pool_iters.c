/* SPDX-License-Identifier: Apache-2.0 */
/* How iterators read: windows, empty inputs, giving up, several at a time. */
#include "pool_help.h"
#include "test.h"

MPROC_TASK(iters_echo) {
    int64_t x = 0;
    int err = mproc_call_args(call, "x", &x);
    return err != MPROC_OK ? err : mproc_call_return(call, x);
}

static void warm_up(void) {
    warm_up_pool(&iters_echo);
}
TEST_WARM_UP(warm_up)

static int64_t int_of(const mproc_item_t *item) {
    int64_t number = -1;
    REQUIRE_OK(item->code);
    REQUIRE_OK(mproc_value_as_int(item->value, &number));
    return number;
}

/* An input of numbers: ends with `code` at `end`; counts what was pulled. */
typedef struct numbers {
    int64_t end;
    int code;
    int64_t pulled;
    bool in_order;
    mproc_arg_t arg;
} numbers_t;

static numbers_t numbers_to(int64_t end, int code) {
    return (numbers_t){.end = end, .code = code, .in_order = true};
}

static int pull_number(void *context, int64_t index, mproc_args_t *out_args) {
    numbers_t *numbers = context;
    if (index >= numbers->end)
        return numbers->code;
    numbers->in_order = numbers->in_order && index == numbers->pulled;
    numbers->pulled++;
    numbers->arg = mproc_arg_int(index);
    *out_args = (mproc_args_t){1, &numbers->arg};
    return MPROC_OK;
}

static void check_window(mproc_pool_t *pool, bool ordered, size_t chunk, size_t window) {
    enum { READ = 60 };
    mproc_task_options_t options = {.chunk = chunk, .window = window};
    numbers_t numbers = numbers_to(INT64_MAX, MPROC_EEND);
    mproc_iter_t *iter = NULL;
    mproc_item_t item;
    int64_t sum = 0;
    REQUIRE_OK((ordered ? mproc_pool_imap : mproc_pool_imap_unordered)(
        pool, &iters_echo, MPROC_PULL(pull_number, &numbers), &options, &iter));
    test_sleep_ms(5);
    CHECK(numbers.pulled <= (int64_t)window);
    for (int64_t i = 0; i < READ; i++) {
        REQUIRE_OK(mproc_iter_next(iter, LONG_MS, &item));
        CHECK(!ordered || item.index == i);
        sum += int_of(&item);
        CHECK(numbers.pulled <= i + 1 + (int64_t)window);
    }
    CHECK(numbers.in_order);
    CHECK(ordered ? sum == READ * (READ - 1) / 2 : sum >= READ * (READ - 1) / 2);
    mproc_iter_destroy(iter);
    int64_t pulled = numbers.pulled;
    CHECK_EQ_INT(apply_int(pool, &iters_echo, 1), 1);
    CHECK_EQ_INT(numbers.pulled, pulled);
}

TEST(pool_iters, an_iterator_never_pulls_more_than_its_window_ahead) {
    size_t windows[] = {1, 2, 5, 16};
    mproc_pool_t *pool = pool_of(2);
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
        for (int ordered = 0; ordered < 2; ordered++) {
            check_window(pool, ordered != 0, 1, windows[i]);
            check_window(pool, ordered != 0, 7, windows[i]);
        }
    end_pool(pool);
}

TEST(pool_iters, empty_inputs_end_at_once) {
    int64_t none = 0;
    const mproc_args_t *lists[] = {NULL};
    mproc_pool_t *pool = pool_of(1);
    mproc_input_t inputs[] = {MPROC_ARRAY(&none, 0), MPROC_ARGLISTS(lists, 0)};
    for (size_t i = 0; i < 2; i++) {
        mproc_iter_t *iter = NULL;
        mproc_item_t item;
        mproc_result_t *result = NULL;
        REQUIRE_OK(mproc_pool_imap(pool, &iters_echo, inputs[i], NULL, &iter));
        CHECK_EQ_INT(mproc_iter_next(iter, LONG_MS, &item), MPROC_EEND);
        mproc_iter_destroy(iter);
        REQUIRE_OK(mproc_pool_map_async(pool, &iters_echo, inputs[i], MPROC_KEEP, NULL, &result));
        CHECK_OK(mproc_result_get(result, LONG_MS, NULL));
        CHECK_EQ_UINT(mproc_result_count(result), 0);
        CHECK_ERR(mproc_result_item(result, 0, &item), MPROC_EINVAL);
        mproc_result_release(result);
    }
    end_pool(pool);
}

TEST(pool_iters, an_iterator_may_be_given_up_after_any_item) {
    mproc_pool_t *pool = pool_of(2);
    for (int64_t read = 0; read <= 12; read++)
        for (int ordered = 0; ordered < 2; ordered++) {
            numbers_t numbers = numbers_to(12, MPROC_EEND);
            mproc_iter_t *iter = NULL;
            mproc_item_t item;
            REQUIRE_OK((ordered ? mproc_pool_imap : mproc_pool_imap_unordered)(
                pool, &iters_echo, MPROC_PULL(pull_number, &numbers), NULL, &iter));
            for (int64_t i = 0; i < read; i++)
                REQUIRE_OK(mproc_iter_next(iter, LONG_MS, &item));
            mproc_iter_destroy(iter);
        }
    mproc_iter_destroy(NULL);
    end_pool(pool);
}

TEST(pool_iters, iterators_of_several_pools_take_turns) {
    enum { POOLS = 3, COUNT = 200 };
    mproc_pool_t *pools[POOLS];
    numbers_t numbers[POOLS];
    mproc_iter_t *iters[POOLS];
    mproc_item_t items[POOLS];
    for (int i = 0; i < POOLS; i++) {
        pools[i] = pool_of(1);
        numbers[i] = numbers_to(COUNT, MPROC_EEND);
        REQUIRE_OK(mproc_pool_imap(pools[i], &iters_echo, MPROC_PULL(pull_number, &numbers[i]), NULL, &iters[i]));
    }
    for (int64_t n = 0; n < COUNT; n++) {
        for (int i = 0; i < POOLS; i++)
            REQUIRE_OK(mproc_iter_next(iters[i], LONG_MS, &items[i]));
        /* An item stays until the next call on its own iterator. */
        for (int i = 0; i < POOLS; i++)
            CHECK_EQ_INT(int_of(&items[i]), n);
    }
    for (int i = 0; i < POOLS; i++) {
        CHECK_EQ_INT(mproc_iter_next(iters[i], LONG_MS, &items[i]), MPROC_EEND);
        mproc_iter_destroy(iters[i]);
        end_pool(pools[i]);
    }
}

TEST(pool_iters, iterators_of_one_pool_take_turns) {
    enum { ITERS = 4, COUNT = 100 };
    mproc_pool_t *pool = pool_of(2);
    numbers_t numbers[ITERS];
    mproc_iter_t *iters[ITERS];
    mproc_item_t item;
    for (int i = 0; i < ITERS; i++) {
        numbers[i] = numbers_to(COUNT, MPROC_EEND);
        REQUIRE_OK(mproc_pool_imap(pool, &iters_echo, MPROC_PULL(pull_number, &numbers[i]), NULL, &iters[i]));
    }
    for (int64_t n = 0; n < COUNT; n++)
        for (int i = ITERS - 1; i >= 0; i--) {
            REQUIRE_OK(mproc_iter_next(iters[i], LONG_MS, &item));
            CHECK_EQ_INT(int_of(&item), n);
        }
    for (int i = 0; i < ITERS; i++)
        mproc_iter_destroy(iters[i]);
    end_pool(pool);
}
