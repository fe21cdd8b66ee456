/* SPDX-License-Identifier: Apache-2.0 */
/* Maps by their inputs and outputs: every type and size of item, chunks, pulled input that ends or fails anywhere,
 * policies. Every worker does as it is told. */
#include "pool_help.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNTOUCHED = 0x5a };

/* Gives its arguments back, as Python would print them. */
MPROC_TASK(maps_print) {
    char text[600];
    size_t used = 0;
    for (size_t i = 0; i < mproc_call_arg_count(call) && used < sizeof text; i++) {
        used += mproc_value_repr(mproc_call_arg(call, i), text + used, sizeof text - used);
        if (used + 1 < sizeof text)
            text[used++] = ' ';
    }
    if (used < sizeof text)
        used += mproc_value_repr(mproc_call_kwargs(call), text + used, sizeof text - used);
    return used >= sizeof text ? mproc_call_fail(call, 1, "too long") : mproc_call_return(call, (const char *)text);
}

MPROC_TASK(maps_echo) {
    int64_t x = 0;
    int err = mproc_call_args(call, "x", &x);
    return err != MPROC_OK ? err : mproc_call_return(call, x);
}

/* By its number: a value, so many bytes, nothing, or a failure. */
MPROC_TASK(maps_mixed) {
    int64_t x = 0;
    char *output = NULL;
    int err = mproc_call_args(call, "x", &x);
    if (err != MPROC_OK || x % 4 == 2)
        return err;
    if (x % 4 == 0)
        return mproc_call_return(call, x);
    if (x % 4 == 3)
        return mproc_call_fail(call, (int)x, "three of four");
    err = mproc_call_reserve(call, (size_t)x, (void **)&output);
    if (err == MPROC_OK)
        memset(output, (int)(x % 251), (size_t)x);
    return err;
}

typedef struct point {
    double x, y;
    int32_t number;
    char name[12];
} point_t;

typedef struct moved {
    char name[12];
    int16_t twice;
    float sum;
} moved_t;

MPROC_TASK(maps_move) {
    const point_t *point = NULL;
    moved_t *moved = NULL;
    size_t size = 0;
    mproc_call_input(call, (const void **)&point, &size);
    if (size != sizeof *point)
        return mproc_call_fail(call, 1, "%zu bytes", size);
    int err = mproc_call_reserve(call, sizeof *moved, (void **)&moved);
    if (err != MPROC_OK)
        return err;
    memset(moved, 0, sizeof *moved);
    memcpy(moved->name, point->name, sizeof moved->name);
    moved->twice = (int16_t)(point->number * 2);
    moved->sum = (float)(point->x + point->y);
    return MPROC_OK;
}

/* An element of three bytes becomes one of a thousand. */
MPROC_TASK(maps_widen) {
    const unsigned char *input = NULL;
    unsigned char *output = NULL;
    size_t size = 0;
    mproc_call_input(call, (const void **)&input, &size);
    if (size != 3)
        return mproc_call_fail(call, 1, "%zu bytes", size);
    int err = mproc_call_reserve(call, 1000, (void **)&output);
    if (err == MPROC_OK)
        memset(output, input[0] + input[1] + input[2], 1000);
    return err;
}

/* Gives the negative of a number; fails for one of seven, and for one of seven gives a byte too few. */
MPROC_TASK(maps_negate) {
    const int32_t *input = NULL;
    int32_t *output = NULL;
    size_t size = 0;
    mproc_call_input(call, (const void **)&input, &size);
    int err = mproc_call_reserve(call, sizeof *output, (void **)&output);
    if (err != MPROC_OK)
        return err;
    *output = -*input;
    if (*input % 7 == 3)
        return mproc_call_fail(call, *input, "three of seven");
    return *input % 7 == 5 ? mproc_call_truncate(call, sizeof *output - 1) : MPROC_OK;
}

MPROC_TASK(maps_empty) {
    void *room = NULL;
    return mproc_call_reserve(call, 0, &room);
}

static void warm_up(void) {
    warm_up_pool(&maps_echo);
}
TEST_WARM_UP(warm_up)

static int64_t int_of(const mproc_item_t *item) {
    int64_t number = -1;
    REQUIRE_OK(item->code);
    REQUIRE_OK(mproc_value_as_int(item->value, &number));
    return number;
}

/* ---- argument lists --------------------------------------------------------------------------------------------------- */

TEST(pool_maps, starmap_takes_lists_of_every_type_and_length) {
    const mproc_args_t empty = {0, NULL};
    const mproc_args_t *lists[] = {
        &empty,
        MPROC_ARGS(MPROC_NIL),
        MPROC_ARGS(MPROC_BOOL(1), MPROC_BOOL(0)),
        MPROC_ARGS(INT64_MIN, (int64_t)-1, INT64_MAX, UINT64_MAX),
        MPROC_ARGS(1.5f, -2.25, 1e300),
        MPROC_ARGS("", "text", "\xc3\xa4"),
        MPROC_ARGS(MPROC_BYTES("\0\xff", 2), MPROC_BYTES(NULL, 0), MPROC_TEXT("textile", 4)),
        MPROC_ARGS(MPROC_LIST(1, "two", MPROC_LIST(3.5))),
        MPROC_ARGS(MPROC_DICT(MPROC_KW("a", MPROC_NIL), MPROC_KW("b", MPROC_DICT(MPROC_KW("c", 1))))),
        MPROC_ARGS(7, MPROC_KW("width", 640), MPROC_KW("name", "x")),
        MPROC_ARGS(MPROC_KW("only", MPROC_LIST(1, 2))),
    };
    const char *expected[] = {
        "{}",
        "None {}",
        "True False {}",
        "-9223372036854775808 -1 9223372036854775807 18446744073709551615 {}",
        "1.5 -2.25 1e+300 {}",
        "'' 'text' '\xc3\xa4' {}",
        "b'\\x00\\xff' b'' 'text' {}",
        "[1, 'two', [3.5]] {}",
        "{'a': None, 'b': {'c': 1}} {}",
        "7 {'width': 640, 'name': 'x'}",
        "{'only': [1, 2]}",
    };
    enum { COUNT = sizeof lists / sizeof lists[0] };
    size_t chunks[] = {0, 1, 7, 1000};
    mproc_pool_t *pool = pool_of(2);
    for (size_t round = 0; round < sizeof chunks / sizeof chunks[0]; round++) {
        mproc_task_options_t options = {.chunk = chunks[round]};
        mproc_result_t *result = NULL;
        REQUIRE_OK(
            mproc_pool_starmap_async(pool, &maps_print, MPROC_ARGLISTS(lists, COUNT), MPROC_KEEP, &options, &result));
        CHECK_OK(mproc_result_get(result, LONG_MS, NULL));
        for (size_t i = 0; i < COUNT; i++) {
            mproc_item_t item;
            const char *text = NULL;
            REQUIRE_OK(mproc_result_item(result, i, &item));
            REQUIRE_OK(mproc_value_as_string(item.value, &text, NULL));
            CHECK_EQ_STR(text, expected[i]);
        }
        mproc_result_release(result);
    }
    end_pool(pool);
}

TEST(pool_maps, map_refuses_lists_of_another_length_than_one) {
    const mproc_args_t empty = {0, NULL};
    const mproc_args_t *none[] = {MPROC_ARGS(1), &empty};
    const mproc_args_t *two[] = {MPROC_ARGS(1), MPROC_ARGS(2), MPROC_ARGS(3, 4)};
    mproc_pool_t *pool = pool_of(1);
    mproc_pool_stats_t stats;
    CHECK_ERR(mproc_pool_map(pool, &maps_echo, MPROC_ARGLISTS(none, 2), MPROC_KEEP, NULL), MPROC_EINVAL);
    CHECK_ERR(mproc_pool_map(pool, &maps_echo, MPROC_ARGLISTS(two, 3), MPROC_KEEP, NULL), MPROC_EINVAL);
    CHECK_OK(mproc_pool_map(pool, &maps_echo, MPROC_ARGLISTS(two, 2), MPROC_KEEP, NULL));
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.succeeded, 2);
    end_pool(pool);
}

/* ---- what items give -------------------------------------------------------------------------------------------------- */

/* An input of numbers: ends, or fails with `code`, at `end`; counts what was pulled. */
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

static void check_mixed(const mproc_item_t *item) {
    int64_t i = item->index;
    CHECK_EQ_INT(item->code, i % 4 == 3 ? MPROC_ETASK : MPROC_OK);
    CHECK((item->error != NULL) == (i % 4 == 3));
    if (i % 4 == 0)
        CHECK_EQ_INT(int_of(item), i);
    else
        CHECK_EQ_INT(mproc_value_kind(item->value), MPROC_KIND_NIL);
    CHECK_EQ_UINT(item->size, i % 4 == 1 ? (uint64_t)i : 0);
    if (i % 4 == 1 && item->size == (size_t)i) {
        const unsigned char *data = item->data;
        CHECK_EQ_INT(data[0], i % 251);
        CHECK_EQ_INT(data[item->size - 1], i % 251);
    }
    if (item->error != NULL) {
        CHECK_EQ_INT(item->error->item, i);
        CHECK_EQ_INT(item->error->task_code, i);
    }
}

TEST(pool_maps, kept_results_are_values_bytes_nothing_and_failures) {
    enum { COUNT = 400 };
    size_t chunks[] = {0, 1, 7, (size_t)COUNT * 2};
    mproc_pool_t *pool = pool_of(2);
    for (size_t round = 0; round < sizeof chunks / sizeof chunks[0]; round++) {
        mproc_task_options_t options = {.chunk = chunks[round]};
        numbers_t numbers = numbers_to(COUNT, MPROC_EEND);
        mproc_result_t *result = NULL;
        REQUIRE_OK(
            mproc_pool_map_async(pool, &maps_mixed, MPROC_PULL(pull_number, &numbers), MPROC_KEEP, &options, &result));
        CHECK_ERR(mproc_result_get(result, LONG_MS, NULL), MPROC_ETASK);
        CHECK_EQ_INT(mproc_last_error()->item, 3);
        CHECK(numbers.in_order);
        REQUIRE_EQ_UINT(mproc_result_count(result), COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            mproc_item_t item;
            REQUIRE_OK(mproc_result_item(result, i, &item));
            CHECK_EQ_INT(item.index, (int64_t)i);
            check_mixed(&item);
        }
        mproc_result_release(result);
    }
    end_pool(pool);
}

TEST(pool_maps, a_result_of_no_bytes_is_a_result) {
    enum { ITEMS = 10 };
    int64_t items[ITEMS] = {0};
    mproc_pool_t *pool = pool_of(1);
    mproc_task_options_t options = {.chunk = 5};
    mproc_result_t *result = NULL;
    const void *data = NULL;
    size_t size = 1;
    REQUIRE_OK(mproc_pool_map_async(pool, &maps_empty, MPROC_ARRAY(items, ITEMS), MPROC_KEEP, &options, &result));
    CHECK_OK(mproc_result_wait(result, LONG_MS));
    for (size_t i = 0; i < ITEMS; i++) {
        mproc_item_t item;
        REQUIRE_OK(mproc_result_item(result, i, &item));
        CHECK_OK(item.code);
        CHECK_EQ_UINT(item.size, 0);
    }
    mproc_result_release(result);
    REQUIRE_OK(mproc_pool_apply(pool, &maps_empty, NULL, NULL, &result));
    CHECK_OK(mproc_result_get_bytes(result, LONG_MS, &data, &size));
    CHECK_EQ_UINT(size, 0);
    mproc_result_release(result);
    end_pool(pool);
}

TEST(pool_maps, iterators_give_values_bytes_nothing_and_failures) {
    enum { COUNT = 200 };
    mproc_pool_t *pool = pool_of(2);
    for (int ordered = 0; ordered < 2; ordered++) {
        numbers_t numbers = numbers_to(COUNT, MPROC_EEND);
        char seen[COUNT] = {0};
        mproc_iter_t *iter = NULL;
        mproc_item_t item;
        REQUIRE_OK((ordered ? mproc_pool_imap : mproc_pool_imap_unordered)(
            pool, &maps_mixed, MPROC_PULL(pull_number, &numbers), NULL, &iter));
        for (int64_t i = 0; i < COUNT; i++) {
            int err = mproc_iter_next(iter, LONG_MS, &item);
            CHECK_EQ_INT(err, item.code);
            REQUIRE(item.index >= 0 && item.index < COUNT);
            CHECK(!ordered || item.index == i);
            check_mixed(&item);
            seen[item.index]++;
        }
        CHECK_EQ_INT(mproc_iter_next(iter, LONG_MS, &item), MPROC_EEND);
        for (int i = 0; i < COUNT; i++)
            CHECK_EQ_INT(seen[i], 1);
        mproc_iter_destroy(iter);
    }
    end_pool(pool);
}

/* ---- elements and outputs --------------------------------------------------------------------------------------------- */

static void check_moved(mproc_pool_t *pool, size_t count, size_t chunk) {
    mproc_task_options_t options = {.chunk = chunk};
    point_t *points = calloc(count + 1, sizeof *points);
    moved_t *moved = malloc((count + 1) * sizeof *moved);
    moved_t untouched;
    REQUIRE(points != NULL && moved != NULL);
    memset(moved, UNTOUCHED, (count + 1) * sizeof *moved);
    memset(&untouched, UNTOUCHED, sizeof untouched);
    for (size_t i = 0; i < count; i++) {
        points[i] = (point_t){.x = (double)i, .y = 0.5, .number = (int32_t)i};
        (void)snprintf(points[i].name, sizeof points[i].name, "p%u", (unsigned)i % 1000);
    }
    CHECK_OK(mproc_pool_map(pool, &maps_move, MPROC_ARRAY(points, count), MPROC_INTO(moved, count), &options));
    bool right = true;
    for (size_t i = 0; i < count && right; i++)
        right = moved[i].twice == (int16_t)(i * 2) && moved[i].sum == (float)i + 0.5f &&
                strcmp(moved[i].name, points[i].name) == 0;
    CHECK(right);
    CHECK_EQ_MEM(&moved[count], &untouched, sizeof untouched);
    free(points);
    free(moved);
}

TEST(pool_maps, structs_become_structs_of_another_size_in_any_chunk) {
    size_t counts[] = {0, 1, 2, 7, 8, 500};
    size_t chunks[] = {0, 1, 7, 100000};
    mproc_pool_t *pool = pool_of(2);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        for (size_t j = 0; j < sizeof chunks / sizeof chunks[0]; j++)
            check_moved(pool, counts[i], chunks[j]);
    end_pool(pool);
}

TEST(pool_maps, small_elements_may_become_large_ones) {
    enum { COUNT = 3000 };
    static unsigned char input[COUNT][3];
    static unsigned char output[COUNT][1000];
    mproc_pool_t *pool = pool_of(2);
    bool right = true;
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < 3; j++)
            input[i][j] = (unsigned char)((i + j) % 80);
    CHECK_OK(mproc_pool_map(pool, &maps_widen, MPROC_ARRAY(input, COUNT), MPROC_INTO(output, COUNT), NULL));
    for (int i = 0; i < COUNT && right; i++) {
        int sum = input[i][0] + input[i][1] + input[i][2];
        right = output[i][0] == sum && output[i][499] == sum && output[i][999] == sum;
    }
    CHECK(right);
    end_pool(pool);
}

TEST(pool_maps, failed_items_leave_their_places_untouched) {
    enum { COUNT = 1000 };
    static int32_t input[COUNT], output[COUNT];
    size_t chunks[] = {0, 1, 7, COUNT + 1};
    int32_t untouched = 0;
    mproc_pool_t *pool = pool_of(2);
    memset(&untouched, UNTOUCHED, sizeof untouched);
    for (int32_t i = 0; i < COUNT; i++)
        input[i] = i;
    for (size_t round = 0; round < sizeof chunks / sizeof chunks[0]; round++) {
        mproc_task_options_t options = {.chunk = chunks[round]};
        mproc_result_t *result = NULL;
        mproc_item_t item;
        memset(output, UNTOUCHED, sizeof output);
        REQUIRE_OK(mproc_pool_map_async(pool, &maps_negate, MPROC_ARRAY(input, COUNT), MPROC_INTO(output, COUNT),
                                        &options, &result));
        CHECK_ERR(mproc_result_get(result, LONG_MS, NULL), MPROC_ETASK);
        for (int32_t i = 0; i < COUNT; i++) {
            bool fails = i % 7 == 3, is_short = i % 7 == 5;
            REQUIRE_OK(mproc_result_item(result, (size_t)i, &item));
            CHECK_EQ_INT(item.code, fails ? MPROC_ETASK : is_short ? MPROC_ETYPE : MPROC_OK);
            CHECK_EQ_INT(output[i], fails || is_short ? untouched : -i);
        }
        mproc_result_release(result);
    }
    end_pool(pool);
}

TEST(pool_maps, each_policy_fills_exactly_the_places_of_what_succeeded) {
    enum { COUNT = 1500 };
    static int32_t input[COUNT], output[COUNT];
    int32_t untouched = 0;
    mproc_pool_t *pool = pool_of(2);
    memset(&untouched, UNTOUCHED, sizeof untouched);
    for (int32_t i = 0; i < COUNT; i++)
        input[i] = i == 20 ? 3 : 7;
    for (int policy = MPROC_MAP_COLLECT; policy <= MPROC_MAP_CANCEL; policy++) {
        mproc_task_options_t options = {.chunk = 1, .policy = (mproc_map_policy_t)policy};
        mproc_result_t *result = NULL;
        size_t succeeded = 0;
        memset(output, UNTOUCHED, sizeof output);
        REQUIRE_OK(mproc_pool_map_async(pool, &maps_negate, MPROC_ARRAY(input, COUNT), MPROC_INTO(output, COUNT),
                                        &options, &result));
        CHECK_ERR(mproc_result_get(result, LONG_MS, NULL), MPROC_ETASK);
        CHECK_EQ_INT(mproc_last_error()->item, 20);
        for (size_t i = 0; i < COUNT; i++) {
            mproc_item_t item;
            REQUIRE_OK(mproc_result_item(result, i, &item));
            CHECK_EQ_INT(output[i], item.code == MPROC_OK ? -7 : untouched);
            CHECK(item.code == MPROC_OK || item.code == (i == 20 ? MPROC_ETASK : MPROC_ECANCELLED));
            succeeded += item.code == MPROC_OK;
        }
        CHECK(policy == MPROC_MAP_COLLECT ? succeeded == COUNT - 1 : succeeded < COUNT - 1);
        mproc_result_release(result);
    }
    CHECK_EQ_INT(apply_int(pool, &maps_echo, 4), 4);
    end_pool(pool);
}

/* ---- pulled input ----------------------------------------------------------------------------------------------------- */

/* Where inputs end: at once, after one, inside a chunk of seven, at its border, after several. */
static const int64_t ends[] = {0, 1, 5, 7, 8, 100};
enum { ENDS = sizeof ends / sizeof ends[0] };

TEST(pool_maps, an_input_may_end_anywhere) {
    mproc_pool_t *pool = pool_of(2);
    for (size_t i = 0; i < ENDS; i++) {
        mproc_task_options_t options = {.chunk = 7};
        numbers_t numbers = numbers_to(ends[i], MPROC_EEND);
        mproc_result_t *result = NULL;
        REQUIRE_OK(mproc_pool_starmap_async(pool, &maps_echo, MPROC_PULL(pull_number, &numbers), MPROC_KEEP, &options,
                                            &result));
        CHECK_OK(mproc_result_get(result, LONG_MS, NULL));
        CHECK_EQ_UINT(mproc_result_count(result), (uint64_t)ends[i]);
        CHECK_EQ_INT(numbers.pulled, ends[i]);
        for (int64_t j = 0; j < ends[i]; j++) {
            mproc_item_t item;
            REQUIRE_OK(mproc_result_item(result, (size_t)j, &item));
            CHECK_EQ_INT(int_of(&item), j);
        }
        mproc_result_release(result);
    }
    end_pool(pool);
}

TEST(pool_maps, an_input_that_fails_costs_a_map_nothing_before) {
    mproc_pool_t *pool = pool_of(2);
    for (size_t i = 0; i < ENDS; i++) {
        mproc_task_options_t options = {.chunk = 7};
        numbers_t numbers = numbers_to(ends[i], MPROC_ESYSTEM);
        mproc_result_t *result = NULL;
        mproc_item_t item;
        REQUIRE_OK(
            mproc_pool_map_async(pool, &maps_echo, MPROC_PULL(pull_number, &numbers), MPROC_KEEP, &options, &result));
        CHECK_ERR(mproc_result_get(result, LONG_MS, NULL), MPROC_ESYSTEM);
        CHECK_EQ_INT(mproc_last_error()->item, ends[i]);
        CHECK_EQ_INT(numbers.pulled, ends[i]);
        REQUIRE_OK(mproc_result_item(result, (size_t)ends[i], &item));
        CHECK_EQ_INT(item.code, MPROC_ESYSTEM);
        for (int64_t j = 0; j < ends[i]; j++) {
            REQUIRE_OK(mproc_result_item(result, (size_t)j, &item));
            CHECK_EQ_INT(int_of(&item), j);
        }
        mproc_result_release(result);
        CHECK_EQ_INT(apply_int(pool, &maps_echo, 5), 5);
    }
    end_pool(pool);
}

static void check_failing_iter(mproc_pool_t *pool, bool ordered, size_t chunk, int64_t end) {
    mproc_task_options_t options = {.chunk = chunk};
    numbers_t numbers = numbers_to(end, MPROC_ENOTSUP);
    mproc_iter_t *iter = NULL;
    mproc_item_t item;
    int64_t sum = 0;
    REQUIRE_OK((ordered ? mproc_pool_imap : mproc_pool_imap_unordered)(
        pool, &maps_echo, MPROC_PULL(pull_number, &numbers), &options, &iter));
    for (int64_t i = 0; i < end; i++) {
        REQUIRE_OK(mproc_iter_next(iter, LONG_MS, &item));
        CHECK_EQ_INT(int_of(&item), item.index);
        CHECK(!ordered || item.index == i);
        sum += item.index;
    }
    CHECK_EQ_INT(sum, end * (end - 1) / 2);
    CHECK_ERR(mproc_iter_next(iter, LONG_MS, &item), MPROC_ENOTSUP);
    CHECK_EQ_INT(item.index, end);
    CHECK_EQ_INT(item.code, MPROC_ENOTSUP);
    CHECK_EQ_INT(mproc_iter_next(iter, LONG_MS, &item), MPROC_EEND);
    CHECK_EQ_INT(mproc_iter_next(iter, 0, &item), MPROC_EEND);
    mproc_iter_destroy(iter);
}

TEST(pool_maps, an_input_that_fails_is_an_iterators_last_item) {
    mproc_pool_t *pool = pool_of(2);
    for (size_t i = 0; i < ENDS; i++)
        for (size_t chunk = 0; chunk <= 7; chunk += 7)
            for (int ordered = 0; ordered < 2; ordered++)
                check_failing_iter(pool, ordered != 0, chunk, ends[i]);
    end_pool(pool);
}
