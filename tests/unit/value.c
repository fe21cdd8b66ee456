/* SPDX-License-Identifier: Apache-2.0 */
/* Values that have arrived: equal to what was sent, to the bit, and printed as Python prints them. */
#include "value.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_support.h"
#include "encode.h"
#include "memory.h"
#include "number_repr.h"
#include "report.h"
#include "test.h"

/* ---- arriving -------------------------------------------------------------------------------------------------- */

static void check_int(int64_t number) {
    int64_t arrived = 0;
    mproc_tree_t *tree = send_value(MPROC_ARG(number));
    CHECK_EQ_INT(mproc_value_kind(mproc_tree_root(tree)), MPROC_KIND_INT);
    CHECK_OK(mproc_value_as_int(mproc_tree_root(tree), &arrived));
    CHECK_EQ_INT(arrived, number);
    mproc_tree_destroy(tree);
}

TEST(value, integers_arrive_exactly) {
    check_int(0);
    for (int bit = 0; bit < 63; bit++) {
        int64_t power = (int64_t)1 << bit;
        check_int(power);
        check_int(power - 1);
        check_int(-power);
        check_int(-power - 1);
    }
    check_int(INT64_MAX);
    check_int(INT64_MIN);
}

TEST(value, large_unsigned_integers_are_of_their_own_kind) {
    uint64_t number = 0;
    mproc_tree_t *tree = send_value(MPROC_ARG(UINT64_MAX));
    CHECK_EQ_INT(mproc_value_kind(mproc_tree_root(tree)), MPROC_KIND_UINT);
    CHECK_OK(mproc_value_as_uint(mproc_tree_root(tree), &number));
    CHECK(number == UINT64_MAX);
    mproc_tree_destroy(tree);
    tree = send_value(MPROC_ARG((uint64_t)INT64_MAX));
    CHECK_EQ_INT(mproc_value_kind(mproc_tree_root(tree)), MPROC_KIND_INT);
    CHECK_OK(mproc_value_as_uint(mproc_tree_root(tree), &number));
    CHECK(number == INT64_MAX);
    mproc_tree_destroy(tree);
}

static void check_double(double number) {
    double arrived = 0;
    mproc_tree_t *tree = send_value(MPROC_ARG(number));
    CHECK_OK(mproc_value_as_double(mproc_tree_root(tree), &arrived));
    CHECK_EQ_MEM(&arrived, &number, sizeof number);
    mproc_tree_destroy(tree);
}

TEST(value, doubles_arrive_to_the_bit) {
    check_double(0.0);
    check_double(-0.0);
    check_double(0.1);
    check_double(DBL_MAX);
    check_double(DBL_MIN);
    check_double(4.9406564584124654e-324);
    check_double((double)INFINITY);
    check_double(-(double)INFINITY);
    check_double((double)NAN);
    uint64_t state = 3;
    for (int i = 0; i < 10000; i++) {
        uint64_t bits = test_random(&state);
        double number;
        memcpy(&number, &bits, sizeof number);
        if (number == number) /* what a NaN carries may change when it passes through a register */
            check_double(number);
    }
}

TEST(value, floats_of_other_senders_are_doubles) {
    mproc_tree_t *tree = NULL;
    double number = 0;
    REQUIRE_OK(mproc_tree_decode("\xca\x3e\x20\x00\x00", 5, NULL, &tree));
    CHECK_OK(mproc_value_as_double(mproc_tree_root(tree), &number));
    CHECK(number == 0.15625);
    mproc_tree_destroy(tree);
}

TEST(value, wide_forms_of_other_senders_are_plain_integers) {
    static const char bytes[] =
        "\x98\xcc\x05\xcd\x00\x05\xce\x00\x00\x00\x05\xcf\x00\x00\x00\x00\x00\x00\x00\x05\xd0\x05"
        "\xd1\xff\xfb\xd2\xff\xff\xff\xfb\xd3\xff\xff\xff\xff\xff\xff\xff\xfb";
    char text[64];
    mproc_tree_t *tree = NULL;
    REQUIRE_OK(mproc_tree_decode(bytes, sizeof bytes - 1, NULL, &tree));
    mproc_value_repr(mproc_tree_root(tree), text, sizeof text);
    CHECK_EQ_STR(text, "[5, 5, 5, 5, 5, -5, -5, -5]");
    mproc_tree_destroy(tree);
}

TEST(value, strings_and_bytes_arrive_with_their_zeros_and_one_more) {
    const char *text = NULL;
    const void *data = NULL;
    size_t size = 9;
    mproc_tree_t *tree =
        send_value(MPROC_LIST("", MPROC_TEXT("a\0b", 3), MPROC_BYTES("\0\xff", 2), MPROC_BYTES(NULL, 0)));
    const mproc_value_t *list = mproc_tree_root(tree);
    CHECK_OK(mproc_value_as_string(mproc_value_at(list, 0), &text, &size));
    CHECK_EQ_UINT(size, 0);
    CHECK_EQ_STR(text, "");
    CHECK_OK(mproc_value_as_string(mproc_value_at(list, 1), &text, &size));
    CHECK_EQ_UINT(size, 3);
    CHECK_EQ_MEM(text, "a\0b", 4);
    CHECK_OK(mproc_value_as_bytes(mproc_value_at(list, 2), &data, &size));
    CHECK_EQ_UINT(size, 2);
    CHECK_EQ_MEM(data, "\0\xff", 3);
    CHECK_OK(mproc_value_as_bytes(mproc_value_at(list, 3), &data, &size));
    CHECK_EQ_UINT(size, 0);
    CHECK(data != NULL);
    mproc_tree_destroy(tree);
}

TEST(value, large_strings_and_bytes_arrive) {
    size_t large = 3 << 20;
    char *text = malloc(large + 1);
    REQUIRE(text != NULL);
    memset(text, 'x', large);
    text[large] = '\0';
    mproc_tree_t *tree = send_value(MPROC_LIST(text, MPROC_BYTES(text, large)));
    const char *arrived = NULL;
    const void *data = NULL;
    size_t size = 0;
    CHECK_OK(mproc_value_as_string(mproc_value_at(mproc_tree_root(tree), 0), &arrived, &size));
    CHECK(size == large && memcmp(arrived, text, large + 1) == 0);
    CHECK_OK(mproc_value_as_bytes(mproc_value_at(mproc_tree_root(tree), 1), &data, &size));
    CHECK(size == large && memcmp(data, text, large) == 0);
    mproc_tree_destroy(tree);
    free(text);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

TEST(value, arrays_and_maps_are_read_by_index_and_key) {
    mproc_tree_t *tree = send_value(MPROC_DICT(MPROC_KW("a", MPROC_LIST(1, 2, 3)), MPROC_KW("b", "x")));
    const mproc_value_t *map = mproc_tree_root(tree);
    const mproc_value_t *list = mproc_value_get(map, "a");
    int64_t number = 0;
    CHECK_EQ_UINT(mproc_value_count(map), 2);
    CHECK_EQ_UINT(mproc_value_count(list), 3);
    CHECK_OK(mproc_value_as_int(mproc_value_at(list, 2), &number));
    CHECK_EQ_INT(number, 3);
    CHECK(mproc_value_at(list, 3) == NULL);
    CHECK(mproc_value_at(map, 0) == list);
    CHECK(mproc_value_get(map, "c") == NULL);
    CHECK(mproc_value_get(list, "a") == NULL);
    const char *key = NULL;
    CHECK_OK(mproc_value_as_string(mproc_value_key(map, 1), &key, NULL));
    CHECK_EQ_STR(key, "b");
    CHECK(mproc_value_key(map, 2) == NULL);
    CHECK(mproc_value_key(list, 0) == NULL);
    CHECK_EQ_UINT(mproc_value_count(mproc_value_get(map, "b")), 0);
    CHECK(mproc_value_at(mproc_value_get(map, "b"), 0) == NULL);
    mproc_tree_destroy(tree);
}

TEST(value, the_last_of_equal_keys_counts) {
    mproc_tree_t *tree = NULL;
    int64_t number = 0;
    REQUIRE_OK(mproc_tree_decode("\x83\xa1k\x01\x01\x05\xa1k\x02", 9, NULL, &tree));
    CHECK_OK(mproc_value_as_int(mproc_value_get(mproc_tree_root(tree), "k"), &number));
    CHECK_EQ_INT(number, 2);
    mproc_tree_destroy(tree);
}

TEST(value, null_is_nil) {
    char text[8];
    CHECK_EQ_INT(mproc_value_kind(NULL), MPROC_KIND_NIL);
    CHECK_EQ_UINT(mproc_value_count(NULL), 0);
    CHECK(mproc_value_at(NULL, 0) == NULL);
    CHECK(mproc_value_key(NULL, 0) == NULL);
    CHECK(mproc_value_get(NULL, "k") == NULL);
    CHECK_EQ_UINT(mproc_value_repr(NULL, text, sizeof text), 4);
    CHECK_EQ_STR(text, "None");
    CHECK(mproc_value_equal(NULL, NULL));
    CHECK(mproc_tree_root(NULL) == NULL);
    mproc_tree_destroy(NULL);
}

static void check_wrong(int err, const char *message) {
    CHECK_EQ_INT(err, MPROC_ETYPE);
    check_last_error(MPROC_ETYPE, message);
}

TEST(value, another_kind_is_an_error_that_names_both) {
    mproc_tree_t *tree = send_value(MPROC_LIST("x", 1, -1, UINT64_MAX, 1.5));
    const mproc_value_t *list = mproc_tree_root(tree);
    bool truth;
    int64_t number;
    uint64_t large;
    double real;
    const char *text;
    const void *data;
    size_t size;
    check_wrong(mproc_value_as_bool(mproc_value_at(list, 1), &truth), "The value must be bool, not int");
    check_wrong(mproc_value_as_int(mproc_value_at(list, 0), &number), "The value must be int, not str");
    check_wrong(mproc_value_as_int(mproc_value_at(list, 4), &number), "The value must be int, not float");
    check_wrong(mproc_value_as_int(mproc_value_at(list, 3), &number),
                "The value must be int of 64 bits with sign, not 18446744073709551615");
    check_wrong(mproc_value_as_uint(mproc_value_at(list, 2), &large), "The value must be int of at least 0, not -1");
    check_wrong(mproc_value_as_uint(list, &large), "The value must be int, not list");
    check_wrong(mproc_value_as_double(mproc_value_at(list, 0), &real), "The value must be float, not str");
    check_wrong(mproc_value_as_string(NULL, &text, NULL), "The value must be str, not None");
    check_wrong(mproc_value_as_bytes(mproc_value_at(list, 0), &data, &size), "The value must be bytes, not str");
    CHECK_OK(mproc_value_as_double(mproc_value_at(list, 2), &real));
    CHECK(real == -1.0);
    CHECK_OK(mproc_value_as_double(mproc_value_at(list, 3), &real));
    CHECK(real == 18446744073709551616.0);
    mproc_tree_destroy(tree);
}

/* ---- trees ----------------------------------------------------------------------------------------------------- */

TEST(value, a_tree_is_used_again_without_new_memory) {
    mproc_tree_t *tree = NULL;
    REQUIRE_OK(mproc_tree_decode("\x93\x01\x02\x03", 4, NULL, &tree));
    size_t live = mproc_memory_live();
    mproc_memory_fail_at(1);
    for (int i = 0; i < 10; i++)
        CHECK_OK(mproc_tree_decode("\x92\xa1x\x03", 4, NULL, &tree));
    mproc_memory_fail_at(0);
    CHECK_EQ_UINT(mproc_value_count(mproc_tree_root(tree)), 2);
    CHECK_EQ_UINT(mproc_memory_live(), live);
    mproc_tree_trim(&tree);
    CHECK(mproc_tree_root(tree) != NULL);
    mproc_tree_destroy(tree);
}

TEST(value, a_failed_decode_leaves_no_value_and_the_next_one_works) {
    mproc_tree_t *tree = NULL;
    REQUIRE_OK(mproc_tree_decode("\x01", 1, NULL, &tree));
    CHECK_ERR(mproc_tree_decode("\xc1", 1, NULL, &tree), MPROC_EMALFORMED);
    CHECK(mproc_tree_root(tree) == NULL);
    CHECK_OK(mproc_tree_decode("\x02", 1, NULL, &tree));
    CHECK(mproc_tree_root(tree) != NULL);
    mproc_tree_destroy(tree);
}

TEST(value, a_large_tree_is_not_kept) {
    char large[100000];
    memset(large, 'x', sizeof large);
    mproc_tree_t *tree = send_value(MPROC_BYTES(large, sizeof large));
    mproc_tree_trim(&tree);
    CHECK(tree == NULL);
    mproc_tree_trim(&tree);
}

static int decode_text(void *context) {
    mproc_tree_t *tree = NULL;
    (void)context;
    int err = mproc_tree_decode("\x91\xa1x", 3, NULL, &tree);
    mproc_tree_destroy(tree);
    return err;
}

TEST(value, decoding_takes_one_block_and_reports_its_lack) {
    CHECK_EQ_UINT(fail_each_allocation(decode_text, NULL), 1);
}

/* ---- equality -------------------------------------------------------------------------------------------------- */

static bool are_equal(mproc_arg_t left, mproc_arg_t right) {
    mproc_tree_t *left_tree = send_value(left);
    mproc_tree_t *right_tree = send_value(right);
    bool equal = mproc_value_equal(mproc_tree_root(left_tree), mproc_tree_root(right_tree));
    CHECK(equal == mproc_value_equal(mproc_tree_root(right_tree), mproc_tree_root(left_tree)));
    mproc_tree_destroy(left_tree);
    mproc_tree_destroy(right_tree);
    return equal;
}

TEST(value, equality_is_of_kind_and_content) {
    CHECK(are_equal(MPROC_ARG(1), MPROC_ARG(1u)));
    CHECK(!are_equal(MPROC_ARG(1), MPROC_ARG(1.0)));
    CHECK(!are_equal(MPROC_ARG(1), MPROC_ARG(2)));
    CHECK(!are_equal(MPROC_ARG(-1), MPROC_ARG(UINT64_MAX)));
    CHECK(!are_equal(MPROC_BOOL(1), MPROC_ARG(1)));
    CHECK(!are_equal(MPROC_BOOL(1), MPROC_BOOL(0)));
    CHECK(are_equal(MPROC_NIL, MPROC_NIL));
    CHECK(are_equal(MPROC_ARG((double)NAN), MPROC_ARG((double)NAN)));
    CHECK(are_equal(MPROC_ARG(0.0), MPROC_ARG(-0.0)));
    CHECK(!are_equal(MPROC_ARG("x"), MPROC_BYTES("x", 1)));
    CHECK(!are_equal(MPROC_ARG("x"), MPROC_ARG("xy")));
    CHECK(are_equal(MPROC_BYTES("\0", 1), MPROC_BYTES("\0", 1)));
    CHECK(are_equal(MPROC_LIST(1, MPROC_LIST("x")), MPROC_LIST(1, MPROC_LIST("x"))));
    CHECK(!are_equal(MPROC_LIST(1, MPROC_LIST("x")), MPROC_LIST(1, MPROC_LIST("y"))));
    CHECK(!are_equal(MPROC_LIST(MPROC_LIST(1), 2), MPROC_LIST(MPROC_LIST(1, 2), 2)));
    CHECK(!are_equal(MPROC_LIST(MPROC_LIST(1), 2), MPROC_LIST(MPROC_LIST(1), 3)));
    CHECK(are_equal(MPROC_DICT(MPROC_KW("a", 1)), MPROC_DICT(MPROC_KW("a", 1))));
    CHECK(!are_equal(MPROC_DICT(MPROC_KW("a", 1)), MPROC_DICT(MPROC_KW("b", 1))));
    CHECK(!are_equal(MPROC_DICT(MPROC_KW("a", 1)), MPROC_LIST("a", 1)));
}

/* ---- as Python prints ------------------------------------------------------------------------------------------ */

TEST(value, repr_is_pythons) {
    check_repr(MPROC_NIL, "None");
    check_repr(MPROC_BOOL(1), "True");
    check_repr(MPROC_BOOL(0), "False");
    check_repr(MPROC_ARG(INT64_MIN), "-9223372036854775808");
    check_repr(MPROC_ARG(UINT64_MAX), "18446744073709551615");
    check_repr(mproc_arg_items(MPROC_KIND_ARRAY, NULL, 0), "[]");
    check_repr(mproc_arg_items(MPROC_KIND_MAP, NULL, 0), "{}");
    check_repr(MPROC_LIST(MPROC_LIST(1), MPROC_LIST(2, 3), mproc_arg_items(MPROC_KIND_ARRAY, NULL, 0), 4),
               "[[1], [2, 3], [], 4]");
    check_repr(MPROC_LIST(1, "two", MPROC_DICT(MPROC_KW("a", MPROC_NIL)), MPROC_BYTES("\0", 1)),
               "[1, 'two', {'a': None}, b'\\x00']");
    check_repr(MPROC_DICT(MPROC_KW("a", MPROC_LIST(1)), MPROC_KW("b", MPROC_DICT(MPROC_KW("c", 2))), MPROC_KW("d", 3)),
               "{'a': [1], 'b': {'c': 2}, 'd': 3}");
}

TEST(value, repr_of_maps_with_any_keys) {
    mproc_tree_t *tree = NULL;
    char text[64];
    REQUIRE_OK(mproc_tree_decode("\x82\x91\x01\x80\xc0\x92\x02\x03", 8, NULL, &tree));
    CHECK_EQ_UINT(mproc_value_repr(mproc_tree_root(tree), text, sizeof text), 23);
    CHECK_EQ_STR(text, "{[1]: {}, None: [2, 3]}");
    mproc_tree_destroy(tree);
}

TEST(value, repr_of_strings_is_pythons) {
    check_repr(MPROC_ARG(""), "''");
    check_repr(MPROC_ARG("it's"), "\"it's\"");
    check_repr(MPROC_ARG("\"quoted\""), "'\"quoted\"'");
    check_repr(MPROC_ARG("'\""), "'\\'\"'");
    check_repr(MPROC_ARG("a\\b\n\r\t\x01\x7f"), "'a\\\\b\\n\\r\\t\\x01\\x7f'");
    check_repr(MPROC_TEXT("a\0b", 3), "'a\\x00b'");
    check_repr(MPROC_ARG("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "'\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80'");
    check_repr(MPROC_ARG("\xc2\x80\xc2\xa0\xc2\xad"), "'\\x80\\xa0\\xad'");
    check_repr(MPROC_ARG("\xe2\x80\x8b\xe2\x80\xa8\xef\xbf\xbf"), "'\\u200b\\u2028\\uffff'");
    check_repr(MPROC_ARG("\xf4\x8f\xbf\xbf\xee\x80\x80"), "'\\U0010ffff\\ue000'");
}

TEST(value, repr_of_bytes_is_pythons) {
    check_repr(MPROC_BYTES("", 0), "b''");
    check_repr(MPROC_BYTES("it's", 4), "b\"it's\"");
    check_repr(MPROC_BYTES("'\"\\", 3), "b'\\'\"\\\\'");
    check_repr(MPROC_BYTES("\n\r\t \x7f\x80\xff", 7), "b'\\n\\r\\t \\x7f\\x80\\xff'");
}

TEST(value, repr_of_doubles_is_pythons) {
    static const struct {
        double number;
        const char *text;
    } pairs[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {100.0, "100.0"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {9007199254740993.0, "9007199254740992.0"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {0.00012345, "0.00012345"},
        {1.5e300, "1.5e+300"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {1e-323, "1e-323"},
        {1.5e-323, "1.5e-323"},
        {5.684341886080802e-14, "5.684341886080802e-14"}, /* 2^-44, where the nearest 16 digits do not read back */
        {(double)INFINITY, "inf"},
        {-(double)INFINITY, "-inf"},
        {(double)NAN, "nan"},
        {-(double)NAN, "nan"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        check_repr(MPROC_ARG(pairs[i].number), pairs[i].text);
}

TEST(value, repr_of_any_double_reads_back) {
    uint64_t state = 4;
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = test_random(&state);
        char text[MPROC_DOUBLE_REPR_MAX];
        double number;
        memcpy(&number, &bits, sizeof number);
        if (number - number == 0.0)
            CHECK(strtod(mproc_double_repr(number, text), NULL) == number);
    }
}

TEST(value, repr_does_not_follow_the_locale) {
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "de-DE", "German_Germany.1252", "fr_FR.UTF-8"};
    const char *set = NULL;
    for (size_t i = 0; set == NULL && i < sizeof commas / sizeof commas[0]; i++)
        set = setlocale(LC_NUMERIC, commas[i]);
    if (set == NULL)
        SKIP("no locale here writes a comma");
    check_repr(MPROC_ARG(1234.5), "1234.5");
    check_repr(MPROC_ARG(0.1), "0.1");
    setlocale(LC_NUMERIC, "C");
}

TEST(value, repr_is_cut_as_snprintf_cuts) {
    mproc_tree_t *tree = send_value(MPROC_LIST(1, "two"));
    char text[8];
    memset(text, '#', sizeof text);
    CHECK_EQ_UINT(mproc_value_repr(mproc_tree_root(tree), text, 6), 10);
    CHECK_EQ_MEM(text, "[1, '\0##", 8);
    CHECK_EQ_UINT(mproc_value_repr(mproc_tree_root(tree), text, 1), 10);
    CHECK_EQ_STR(text, "");
    CHECK_EQ_UINT(mproc_value_repr(mproc_tree_root(tree), NULL, 0), 10);
    mproc_tree_destroy(tree);
}
