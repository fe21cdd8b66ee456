/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to give a pool work and to get results, with workers that do as they are told. */
#include "pool_help.h"
#include "process_host.h"
#include "test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

MPROC_TASK(api_echo) {
    int64_t x = 0;
    int err = mproc_call_args(call, "x", &x);
    return err != MPROC_OK ? err : mproc_call_return(call, x);
}

MPROC_TASK(api_greet) {
    const char *name = NULL;
    int64_t times = 1;
    int err = mproc_call_args(call, "s", &name);
    if (err == MPROC_OK)
        err = mproc_call_kwarg(call, "times", "x", &times);
    return err != MPROC_OK ? err : mproc_call_return(call, MPROC_LIST(name, times, MPROC_NIL, 2.5));
}

MPROC_TASK(api_sum) {
    int64_t a = 0, b = 0;
    int err = mproc_call_args(call, "xx", &a, &b);
    return err != MPROC_OK ? err : mproc_call_return(call, a + b);
}

MPROC_TASK(api_square) {
    const int64_t *input = NULL;
    int64_t *output = NULL;
    size_t size = 0;
    mproc_call_input(call, (const void **)&input, &size);
    if (size != sizeof *input)
        return mproc_call_fail(call, 1, "%zu bytes", size);
    int err = mproc_call_reserve(call, sizeof *output, (void **)&output);
    if (err == MPROC_OK)
        *output = *input * *input;
    return err;
}

MPROC_TASK(api_square_all) {
    const int64_t *input = NULL;
    int64_t *output = NULL;
    size_t count = 0;
    int err = mproc_call_chunk(call, (const void **)&input, (void **)&output, &count);
    for (size_t i = 0; err == MPROC_OK && i < count; i++)
        output[i] = input[i] * input[i];
    return err;
}

/* Gives its raw input back, every byte one more. */
MPROC_TASK(api_bytes) {
    const unsigned char *input = NULL;
    unsigned char *output = NULL;
    size_t size = 0;
    mproc_call_input(call, (const void **)&input, &size);
    int err = mproc_call_reserve(call, size, (void **)&output);
    for (size_t i = 0; err == MPROC_OK && i < size; i++)
        output[i] = (unsigned char)(input[i] + 1);
    return err;
}

/* As many bytes as its argument says, each that number. */
MPROC_TASK(api_fill) {
    int size = 0;
    void *data = NULL;
    int err = mproc_call_args(call, "i", &size);
    if (err == MPROC_OK)
        err = mproc_call_reserve(call, (size_t)size, &data);
    if (err == MPROC_OK)
        memset(data, size % 256, (size_t)size);
    return err;
}

MPROC_TASK(api_odd_fails) {
    int64_t x = 0;
    int err = mproc_call_args(call, "x", &x);
    if (err == MPROC_OK && x % 2 != 0)
        return mproc_call_fail(call, 100 + (int)x, "%d is odd", (int)x);
    return err != MPROC_OK ? err : mproc_call_return(call, x);
}

MPROC_TASK(api_item) {
    return mproc_call_return(call, mproc_call_item(call));
}

static void warm_up(void) {
    warm_up_pool(&api_echo);
}
TEST_WARM_UP(warm_up)

TEST(pool_api, apply_takes_arguments_and_keywords) {
    mproc_pool_t *pool = pool_of(2);
    mproc_result_t *result = NULL;
    const mproc_value_t *value = NULL;
    const char *name = NULL;
    int64_t times = 0;
    REQUIRE_OK(mproc_pool_apply(pool, &api_greet, MPROC_ARGS("Ann", MPROC_KW("times", 3)), NULL, &result));
    REQUIRE_OK(mproc_result_get(result, 0, &value));
    REQUIRE_EQ_UINT(mproc_value_count(value), 4);
    CHECK_OK(mproc_value_as_string(mproc_value_at(value, 0), &name, NULL));
    CHECK_EQ_STR(name, "Ann");
    CHECK_OK(mproc_value_as_int(mproc_value_at(value, 1), &times));
    CHECK_EQ_INT(times, 3);
    const mproc_value_t *again = NULL;
    CHECK_OK(mproc_result_get(result, 0, &again));
    CHECK(again == value);
    CHECK_ERR(mproc_result_get_bytes(result, 0, NULL, NULL), MPROC_ETYPE);
    mproc_result_release(result);
    CHECK_ERR(mproc_pool_apply(pool, &api_greet, MPROC_ARGS(7), NULL, NULL), MPROC_ETYPE);
    CHECK_HAS_STR(mproc_last_error()->message, "api_greet");
    end_pool(pool);
}

static void check_bytes(mproc_pool_t *pool, size_t size) {
    unsigned char *input = malloc(size + 1);
    mproc_task_options_t options = {.input = input, .input_size = size};
    mproc_result_t *result = NULL;
    const unsigned char *output = NULL;
    size_t output_size = 1;
    bool right = true;
    REQUIRE(input != NULL);
    for (size_t i = 0; i < size; i++)
        input[i] = (unsigned char)(i * 7);
    REQUIRE_OK(mproc_pool_apply(pool, &api_bytes, NULL, &options, &result));
    REQUIRE_OK(mproc_result_get_bytes(result, 0, (const void **)&output, &output_size));
    CHECK_EQ_UINT(output_size, size);
    for (size_t i = 0; i < size && right; i++)
        right = output[i] == (unsigned char)(input[i] + 1);
    CHECK(right);
    mproc_result_release(result);
    free(input);
}

TEST(pool_api, raw_bytes_of_any_size_go_there_and_back) {
    mproc_pool_t *pool = pool_of(2);
    size_t sizes[] = {0, 1, 15, 16, 17, 56, 57, 64, 4095, 4096, 16384, 16385, 65536, 262144, 300000, 1 << 20, 9000001};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        check_bytes(pool, sizes[i]);
    for (int i = 0; i < 20; i++)
        check_bytes(pool, 1 << 20);
    end_pool(pool);
}

TEST(pool_api, thousands_of_async_tasks_keep_their_results_apart) {
    enum { COUNT = 20000 };
    static mproc_result_t *results[COUNT];
    mproc_pool_t *pool = pool_of(3);
    for (int round = 0; round < 3; round++) {
        for (int64_t i = 0; i < COUNT; i++)
            results[i] = start(pool, &api_echo, i, NULL);
        for (int64_t i = 0; i < COUNT; i++)
            CHECK_EQ_INT(done_int(results[round == 1 ? COUNT - 1 - i : i]), round == 1 ? COUNT - 1 - i : i);
    }
    end_pool(pool);
}

/* Small ones lie in the memory of their task, where it had its arguments, its input, and its place in a queue. */
TEST(pool_api, results_of_every_small_size_keep_their_bytes) {
    enum { SIZES = 400 };
    static unsigned char input[SIZES];
    mproc_result_t *filled[SIZES], *copied[SIZES];
    mproc_pool_t *pool = pool_of(2);
    unsigned wrong = 0;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < SIZES; i++) {
            mproc_task_options_t options = {.input = input, .input_size = (size_t)i};
            REQUIRE_OK(mproc_pool_apply_async(pool, &api_fill, MPROC_ARGS(i), NULL, &filled[i]));
            REQUIRE_OK(mproc_pool_apply_async(pool, &api_bytes, NULL, &options, &copied[i]));
        }
        for (int i = 0; i < SIZES; i++) {
            const unsigned char *data = NULL;
            size_t size = 0;
            REQUIRE_OK(mproc_result_get_bytes(filled[i], MPROC_FOREVER, (const void **)&data, &size));
            wrong += size != (size_t)i;
            for (size_t k = 0; k < size; k++)
                wrong += data[k] != i % 256;
            REQUIRE_OK(mproc_result_get_bytes(copied[i], MPROC_FOREVER, (const void **)&data, &size));
            wrong += size != (size_t)i;
            for (size_t k = 0; k < size; k++)
                wrong += data[k] != 1;
        }
        CHECK_EQ_UINT(wrong, 0);
        for (int i = 0; i < SIZES; i++) {
            mproc_result_release(filled[i]);
            mproc_result_release(copied[i]);
        }
    }
    end_pool(pool);
}

static void check_map(size_t count, const mproc_task_options_t *options, const mproc_task_t *task) {
    mproc_pool_t *pool = pool_of(2);
    int64_t *xs = calloc(count + 1, sizeof *xs);
    int64_t *ys = calloc(count + 1, sizeof *ys);
    bool right = true;
    REQUIRE(xs != NULL && ys != NULL);
    for (size_t i = 0; i < count; i++)
        xs[i] = (int64_t)i - 5;
    REQUIRE_OK(mproc_pool_map(pool, task, MPROC_ARRAY(xs, count), MPROC_INTO(ys, count), options));
    for (size_t i = 0; i < count && right; i++)
        right = ys[i] == xs[i] * xs[i];
    CHECK(right);
    free(xs);
    free(ys);
    end_pool(pool);
}

TEST(pool_api, map_fills_the_callers_array) {
    mproc_task_options_t twenty = {.chunk = 20};
    mproc_task_options_t one = {.chunk = 1};
    check_map(10, NULL, &api_square);
    check_map(100, &twenty, &api_square);
    check_map(0, NULL, &api_square);
    check_map(1, NULL, &api_square);
    check_map(200000, NULL, &api_square);
    check_map(200000, NULL, &api_square_all);
    check_map(20000, &one, &api_square);
    check_map(1001, &twenty, &api_square_all);
}

TEST(pool_api, map_keeps_results_by_item) {
    enum { COUNT = 5000 };
    static int64_t xs[COUNT];
    mproc_pool_t *pool = pool_of(2);
    mproc_result_t *result = NULL;
    mproc_item_t item;
    for (int64_t i = 0; i < COUNT; i++)
        xs[i] = i;
    REQUIRE_OK(mproc_pool_map_async(pool, &api_square, MPROC_ARRAY(xs, COUNT), MPROC_KEEP, NULL, &result));
    const mproc_value_t *value = (const mproc_value_t *)xs;
    REQUIRE_OK(mproc_result_get(result, LONG_MS, &value));
    CHECK(value == NULL);
    CHECK_EQ_UINT(mproc_result_count(result), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        int64_t square = (int64_t)(i * i);
        REQUIRE_OK(mproc_result_item(result, i, &item));
        REQUIRE_EQ_UINT(item.size, sizeof square);
        CHECK_EQ_MEM(item.data, &square, sizeof square);
    }
    CHECK_ERR(mproc_result_item(result, COUNT, &item), MPROC_EINVAL);
    mproc_result_release(result);
    end_pool(pool);
}

TEST(pool_api, starmap_spreads_argument_lists) {
    const mproc_args_t *lists[] = {MPROC_ARGS(1, 2), MPROC_ARGS(3, 4), MPROC_ARGS(5, 6)};
    int64_t sums[] = {3, 7, 11};
    mproc_pool_t *pool = pool_of(2);
    mproc_result_t *result = NULL;
    REQUIRE_OK(mproc_pool_starmap_async(pool, &api_sum, MPROC_ARGLISTS(lists, 3), MPROC_KEEP, NULL, &result));
    CHECK_OK(mproc_result_wait(result, LONG_MS));
    for (size_t i = 0; i < 3; i++) {
        mproc_item_t item;
        int64_t sum = 0;
        REQUIRE_OK(mproc_result_item(result, i, &item));
        CHECK_OK(mproc_value_as_int(item.value, &sum));
        CHECK_EQ_INT(sum, sums[i]);
    }
    mproc_result_release(result);
    CHECK_OK(mproc_pool_starmap(pool, &api_sum, MPROC_ARGLISTS(lists, 3), MPROC_KEEP, NULL));
    end_pool(pool);
}

TEST(pool_api, plain_results_of_argument_lists_reach_the_array) {
    enum { COUNT = 300 };
    static mproc_args_t lists[COUNT];
    static mproc_arg_t args[COUNT];
    static const mproc_args_t *pointers[COUNT];
    static int64_t into[COUNT];
    mproc_pool_t *pool = pool_of(2);
    for (int i = 0; i < COUNT; i++) {
        args[i] = mproc_arg_int(i);
        lists[i] = (mproc_args_t){1, &args[i]};
        pointers[i] = &lists[i];
    }
    /* A value is no plain result. */
    CHECK_ERR(mproc_pool_map(pool, &api_echo, MPROC_ARGLISTS(pointers, COUNT), MPROC_INTO(into, COUNT), NULL),
              MPROC_ETYPE);
    CHECK_EQ_INT(mproc_last_error()->item, 0);
    end_pool(pool);
}

typedef struct numbers {
    int64_t end; /* negative: none */
    int64_t pulled;
    mproc_arg_t arg;
} numbers_t;

static int pull_number(void *context, int64_t index, mproc_args_t *out_args) {
    numbers_t *numbers = context;
    if (index == numbers->end)
        return MPROC_EEND;
    numbers->pulled = index + 1;
    numbers->arg = mproc_arg_int(index);
    *out_args = (mproc_args_t){1, &numbers->arg};
    return MPROC_OK;
}

static void check_imap(bool ordered, size_t chunk, size_t window) {
    mproc_pool_t *pool = pool_of(2);
    numbers_t numbers = {.end = 500};
    mproc_task_options_t options = {.chunk = chunk, .window = window};
    mproc_iter_t *iter = NULL;
    mproc_item_t item;
    char seen[500] = {0};
    int64_t most = window > 0 ? (int64_t)window : (int64_t)(chunk > 0 ? chunk : 1) * 4 * 2;
    REQUIRE_OK((ordered ? mproc_pool_imap : mproc_pool_imap_unordered)(
        pool, &api_echo, MPROC_PULL(pull_number, &numbers), &options, &iter));
    for (int64_t i = 0; i < 500; i++) {
        int64_t value = -1;
        REQUIRE_OK(mproc_iter_next(iter, LONG_MS, &item));
        REQUIRE_OK(mproc_value_as_int(item.value, &value));
        CHECK_EQ_INT(value, item.index);
        if (ordered)
            CHECK_EQ_INT(item.index, i);
        CHECK(numbers.pulled <= i + 1 + most);
        seen[item.index]++;
    }
    CHECK_EQ_INT(mproc_iter_next(iter, LONG_MS, &item), MPROC_EEND);
    for (int i = 0; i < 500; i++)
        CHECK_EQ_INT(seen[i], 1);
    mproc_iter_destroy(iter);
    end_pool(pool);
}

TEST(pool_api, imap_gives_every_item_in_order) {
    check_imap(true, 0, 0);
    check_imap(true, 1, 3);
    check_imap(true, 7, 0);
}

TEST(pool_api, imap_unordered_gives_every_item_once) {
    check_imap(false, 0, 0);
    check_imap(false, 5, 11);
}

TEST(pool_api, an_endless_input_is_pulled_as_it_is_read) {
    mproc_pool_t *pool = pool_of(2);
    numbers_t numbers = {.end = -1};
    mproc_iter_t *iter = NULL;
    mproc_item_t item;
    REQUIRE_OK(mproc_pool_imap(pool, &api_echo, MPROC_PULL(pull_number, &numbers), NULL, &iter));
    for (int i = 0; i < 1000; i++)
        REQUIRE_OK(mproc_iter_next(iter, LONG_MS, &item));
    CHECK(numbers.pulled <= 1000 + 8);
    CHECK_OK(mproc_pool_close(pool));
    mproc_iter_destroy(iter);
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    check_stats(pool);
    mproc_pool_destroy(pool);
}

TEST(pool_api, imap_of_an_array_and_istarmap) {
    enum { COUNT = 1000 };
    static int64_t xs[COUNT];
    const mproc_args_t *lists[] = {MPROC_ARGS(1, 2), MPROC_ARGS(30, 4)};
    mproc_pool_t *pool = pool_of(2);
    mproc_iter_t *iter = NULL;
    mproc_item_t item;
    int64_t sum = 0;
    for (int64_t i = 0; i < COUNT; i++)
        xs[i] = i;
    REQUIRE_OK(mproc_pool_imap(pool, &api_square, MPROC_ARRAY(xs, COUNT), NULL, &iter));
    for (int64_t i = 0; i < COUNT; i++) {
        REQUIRE_OK(mproc_iter_next(iter, LONG_MS, &item));
        CHECK_EQ_MEM(item.data, &(int64_t){i * i}, 8);
    }
    mproc_iter_destroy(iter);
    REQUIRE_OK(mproc_pool_istarmap_unordered(pool, &api_sum, MPROC_ARGLISTS(lists, 2), NULL, &iter));
    for (int i = 0; i < 2; i++) {
        int64_t value = 0;
        REQUIRE_OK(mproc_iter_next(iter, LONG_MS, &item));
        REQUIRE_OK(mproc_value_as_int(item.value, &value));
        sum += value;
    }
    CHECK_EQ_INT(sum, 37);
    mproc_iter_destroy(iter);
    REQUIRE_OK(mproc_pool_istarmap(pool, &api_sum, MPROC_ARGLISTS(lists, 2), NULL, &iter));
    REQUIRE_OK(mproc_iter_next(iter, LONG_MS, &item));
    CHECK_EQ_INT(item.index, 0);
    mproc_iter_destroy(iter);
    end_pool(pool);
}

TEST(pool_api, map_pulls_its_input_to_the_end) {
    mproc_pool_t *pool = pool_of(2);
    numbers_t numbers = {.end = 3000};
    mproc_result_t *result = NULL;
    mproc_item_t item;
    REQUIRE_OK(mproc_pool_map_async(pool, &api_echo, MPROC_PULL(pull_number, &numbers), MPROC_KEEP, NULL, &result));
    CHECK_OK(mproc_result_get(result, LONG_MS, NULL));
    CHECK_EQ_UINT(mproc_result_count(result), 3000);
    for (size_t i = 0; i < 3000; i++) {
        int64_t value = -1;
        REQUIRE_OK(mproc_result_item(result, i, &item));
        CHECK_OK(mproc_value_as_int(item.value, &value));
        CHECK_EQ_INT(value, (int64_t)i);
    }
    mproc_result_release(result);
    end_pool(pool);
}

TEST(pool_api, a_task_error_keeps_code_text_place_item_and_pid) {
    enum { COUNT = 50 };
    static mproc_args_t lists[COUNT];
    static mproc_arg_t args[COUNT];
    static const mproc_args_t *pointers[COUNT];
    mproc_pool_t *pool = pool_of(2);
    mproc_result_t *result = NULL;
    for (int i = 0; i < COUNT; i++) {
        args[i] = mproc_arg_int(i);
        lists[i] = (mproc_args_t){1, &args[i]};
        pointers[i] = &lists[i];
    }
    REQUIRE_OK(mproc_pool_map_async(pool, &api_odd_fails, MPROC_ARGLISTS(pointers, COUNT), MPROC_KEEP, NULL, &result));
    CHECK_ERR(mproc_result_get(result, LONG_MS, NULL), MPROC_ETASK);
    CHECK_EQ_INT(mproc_last_error()->item, 1);
    for (size_t i = 0; i < COUNT; i++) {
        mproc_item_t item;
        REQUIRE_OK(mproc_result_item(result, i, &item));
        REQUIRE_EQ_INT(item.code, i % 2 == 0 ? MPROC_OK : MPROC_ETASK);
        if (i % 2 == 0)
            continue;
        CHECK_EQ_INT(item.error->task_code, 100 + (int)i);
        CHECK_HAS_STR(item.error->message, "is odd");
        CHECK_HAS_STR(item.error->file, "pool_api.c");
        CHECK(item.error->line > 0);
        CHECK_EQ_INT(item.error->item, (int64_t)i);
        CHECK(item.error->pid != 0 && item.error->pid != host_pid());
        CHECK_EQ_STR(item.error->task, "api_odd_fails");
    }
    mproc_result_release(result);
    end_pool(pool);
}

TEST(pool_api, a_task_knows_its_item) {
    enum { COUNT = 100 };
    static int64_t xs[COUNT];
    mproc_pool_t *pool = pool_of(2);
    mproc_result_t *result = NULL;
    REQUIRE_OK(mproc_pool_map_async(pool, &api_item, MPROC_ARRAY(xs, COUNT), MPROC_KEEP, NULL, &result));
    CHECK_OK(mproc_result_wait(result, LONG_MS));
    for (size_t i = 0; i < COUNT; i++) {
        mproc_item_t item;
        int64_t index = -1;
        REQUIRE_OK(mproc_result_item(result, i, &item));
        CHECK_OK(mproc_value_as_int(item.value, &index));
        CHECK_EQ_INT(index, (int64_t)i);
    }
    mproc_result_release(result);
    end_pool(pool);
}

typedef struct heard {
    atomic_int good, bad;
    int64_t last;
    bool sorted;
} heard_t;

static void on_done(mproc_result_t *result, void *context) {
    heard_t *heard = context;
    const mproc_value_t *value = NULL;
    int64_t number = -1;
    if (mproc_result_get(result, 0, &value) == MPROC_OK && mproc_value_as_int(value, &number) == MPROC_OK) {
        heard->good++;
        heard->sorted = heard->sorted && number > heard->last;
        heard->last = number;
    }
}

static void on_failed(mproc_result_t *result, void *context) {
    heard_t *heard = context;
    heard->bad += mproc_result_error(result) != NULL;
}

TEST(pool_api, callbacks_come_once_in_order_of_completion) {
    mproc_pool_t *pool = pool_of(1);
    heard_t heard = {.last = -1, .sorted = true};
    mproc_task_options_t options = {.callback = on_done, .error_callback = on_failed, .context = &heard};
    for (int64_t i = 0; i < 1000; i++)
        REQUIRE_OK(mproc_pool_apply_async(pool, &api_odd_fails, MPROC_ARGS(i), &options, NULL));
    end_pool(pool);
    CHECK_EQ_INT(heard.good, 500);
    CHECK_EQ_INT(heard.bad, 500);
    CHECK(heard.sorted);
}

TEST(pool_api, a_callback_comes_though_nobody_asks) {
    mproc_pool_t *pool = pool_of(2);
    heard_t heard = {.last = -1, .sorted = true};
    mproc_task_options_t options = {.callback = on_done, .context = &heard};
    REQUIRE_OK(mproc_pool_apply_async(pool, &api_echo, MPROC_ARGS(1), &options, NULL));
    for (int i = 0; i < 5000 && atomic_load(&heard.good) == 0; i++)
        test_sleep_ms(1);
    CHECK_EQ_INT(heard.good, 1);
    end_pool(pool);
}

TEST(pool_api, wait_any_and_all_over_two_pools) {
    mproc_pool_t *pools[2] = {pool_of(1), pool_of(1)};
    mproc_result_t *results[2] = {start(pools[0], &api_echo, 1, NULL), start(pools[1], &api_echo, 2, NULL)};
    CHECK_OK(mproc_wait(results, 2, MPROC_ANY, LONG_MS));
    CHECK(mproc_result_ready(results[0]) || mproc_result_ready(results[1]));
    CHECK_OK(mproc_wait(results, 2, MPROC_ALL, LONG_MS));
    CHECK_EQ_INT(done_int(results[0]), 1);
    CHECK_EQ_INT(done_int(results[1]), 2);
    end_pool(pools[0]);
    end_pool(pools[1]);
}

TEST(pool_api, a_result_outlives_its_pool) {
    mproc_pool_t *pool = pool_of(1);
    unsigned char *input = calloc(1, 1 << 20);
    mproc_task_options_t options = {.input = input, .input_size = 1 << 20};
    mproc_result_t *bytes = NULL;
    const unsigned char *data = NULL;
    size_t size = 0;
    REQUIRE(input != NULL);
    REQUIRE_OK(mproc_pool_apply(pool, &api_bytes, NULL, &options, &bytes));
    mproc_result_t *number = start(pool, &api_echo, 5, NULL);
    CHECK_OK(mproc_result_wait(number, LONG_MS));
    mproc_pool_destroy(pool);
    CHECK_EQ_INT(done_int(number), 5);
    REQUIRE_OK(mproc_result_get_bytes(bytes, 0, (const void **)&data, &size));
    CHECK_EQ_UINT(size, 1 << 20);
    CHECK_EQ_INT(data[size - 1], 1);
    mproc_result_release(bytes);
    free(input);
}

TEST(pool_api, a_map_policy_stops_or_cancels_the_rest) {
    enum { COUNT = 2000 };
    static mproc_args_t lists[COUNT];
    static mproc_arg_t args[COUNT];
    static const mproc_args_t *pointers[COUNT];
    mproc_pool_t *pool = pool_of(2);
    for (int i = 0; i < COUNT; i++) {
        args[i] = mproc_arg_int(i == 10 ? 1 : 0);
        lists[i] = (mproc_args_t){1, &args[i]};
        pointers[i] = &lists[i];
    }
    for (int policy = MPROC_MAP_COLLECT; policy <= MPROC_MAP_CANCEL; policy++) {
        mproc_task_options_t options = {.chunk = 1, .policy = (mproc_map_policy_t)policy};
        mproc_result_t *result = NULL;
        size_t cancelled = 0, failed = 0;
        REQUIRE_OK(
            mproc_pool_map_async(pool, &api_odd_fails, MPROC_ARGLISTS(pointers, COUNT), MPROC_KEEP, &options, &result));
        CHECK_ERR(mproc_result_get(result, LONG_MS, NULL), MPROC_ETASK);
        for (size_t i = 0; i < COUNT; i++) {
            mproc_item_t item;
            REQUIRE_OK(mproc_result_item(result, i, &item));
            cancelled += item.code == MPROC_ECANCELLED;
            failed += item.code == MPROC_ETASK;
        }
        CHECK_EQ_UINT(failed, 1);
        CHECK(policy == MPROC_MAP_COLLECT ? cancelled == 0 : cancelled > 0);
        mproc_result_release(result);
    }
    end_pool(pool);
}
