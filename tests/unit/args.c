/* SPDX-License-Identifier: Apache-2.0 */
/* The argument macros of C: every number of values keeps its order, every value its type, each expression is read
 * once. */
#include <mproc/args.h>

#include <stdio.h>
#include <string.h>

#include "core_support.h"
#include "encode.h"
#include "memory.h"
#include "test.h"

/* The list is 1, 2, … count. */
static void check_counting(const mproc_args_t *args, size_t count) {
    bool right = args->count == count;
    for (size_t i = 0; right && i < count; i++)
        right = args->items[i].kind == MPROC_KIND_INT && args->items[i].as.integer == (int64_t)i + 1;
    test_assert(right, TEST_HERE, false, "%zu values keep their order", count);
}

TEST(args, one_to_thirty_two_values_keep_their_order) {
    check_counting(MPROC_ARGS(1), 1);
    check_counting(MPROC_ARGS(1, 2), 2);
    check_counting(MPROC_ARGS(1, 2, 3), 3);
    check_counting(MPROC_ARGS(1, 2, 3, 4), 4);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5), 5);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6), 6);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7), 7);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8), 8);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9), 9);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 10);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 11);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 12);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13), 13);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14), 14);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), 15);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16), 16);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17), 17);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18), 18);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19), 19);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20), 20);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21), 21);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22), 22);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23), 23);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24),
                   24);
    check_counting(
        MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25), 25);
    check_counting(
        MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26), 26);
    check_counting(
        MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27),
        27);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
                              26, 27, 28),
                   28);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
                              26, 27, 28, 29),
                   29);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
                              26, 27, 28, 29, 30),
                   30);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
                              26, 27, 28, 29, 30, 31),
                   31);
    check_counting(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
                              26, 27, 28, 29, 30, 31, 32),
                   32);
}

TEST(args, lists_and_dicts_take_as_many) {
    mproc_arg_t list = MPROC_LIST(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
                                  25, 26, 27, 28, 29, 30, 31, 32);
    mproc_args_t items = {list.count, list.as.items};
    CHECK_EQ_INT(list.kind, MPROC_KIND_ARRAY);
    check_counting(&items, 32);
    mproc_arg_t dict = MPROC_DICT(MPROC_KW("a", 1), MPROC_KW("b", 2), MPROC_KW("c", 3));
    CHECK_EQ_INT(dict.kind, MPROC_KIND_MAP);
    CHECK_EQ_UINT(dict.count, 3);
    CHECK_EQ_STR(dict.as.items[2].name, "c");
}

#define CHECK_KIND(value_, kind_) CHECK_EQ_INT(MPROC_ARG(value_).kind, kind_)

TEST(args, the_type_of_an_expression_chooses_its_kind) {
    char *text = NULL;
    const char *constant = NULL;
    const mproc_value_t *value = NULL;
    const mproc_arg_t arg = MPROC_BYTES("", 0);
    enum { RED = 3 };
    CHECK_KIND((bool)1, MPROC_KIND_BOOL);
    CHECK_KIND((char)1, MPROC_KIND_INT);
    CHECK_KIND((signed char)1, MPROC_KIND_INT);
    CHECK_KIND((unsigned char)1, MPROC_KIND_UINT);
    CHECK_KIND((short)1, MPROC_KIND_INT);
    CHECK_KIND((unsigned short)1, MPROC_KIND_UINT);
    CHECK_KIND(1, MPROC_KIND_INT);
    CHECK_KIND('c', MPROC_KIND_INT);
    CHECK_KIND(RED, MPROC_KIND_INT);
    CHECK_KIND(1u, MPROC_KIND_UINT);
    CHECK_KIND(1L, MPROC_KIND_INT);
    CHECK_KIND(1UL, MPROC_KIND_UINT);
    CHECK_KIND(1LL, MPROC_KIND_INT);
    CHECK_KIND(1ULL, MPROC_KIND_UINT);
    CHECK_KIND((int8_t)1, MPROC_KIND_INT);
    CHECK_KIND((uint64_t)1, MPROC_KIND_UINT);
    CHECK_KIND((size_t)1, MPROC_KIND_UINT);
    CHECK_KIND((intptr_t)1, MPROC_KIND_INT);
    CHECK_KIND(1.0f, MPROC_KIND_DOUBLE);
    CHECK_KIND(1.0, MPROC_KIND_DOUBLE);
    CHECK_KIND("literal", MPROC_KIND_STRING);
    CHECK_KIND(text, MPROC_KIND_STRING);
    CHECK_KIND(constant, MPROC_KIND_STRING);
    CHECK_KIND(value, MPROC_KIND_VALUE);
    CHECK_KIND(arg, MPROC_KIND_BYTES);
    CHECK_KIND(MPROC_NIL, MPROC_KIND_NIL);
    CHECK_KIND(MPROC_BOOL(2), MPROC_KIND_BOOL);
    CHECK(MPROC_BOOL(2).as.boolean);
}

static int next_number(int *counter) {
    return ++*counter;
}

TEST(args, an_expression_is_read_once) {
    int counter = 0;
    check_counting(MPROC_ARGS(next_number(&counter)), 1);
    CHECK_EQ_INT(counter, 1);
    mproc_arg_t named = MPROC_KW("k", next_number(&counter));
    CHECK_EQ_INT(counter, 2);
    CHECK_EQ_INT(named.as.integer, 2);
    mproc_arg_t truth = MPROC_BOOL(next_number(&counter));
    CHECK(truth.as.boolean);
    CHECK_EQ_INT(counter, 3);
}

TEST(args, values_live_until_the_end_of_the_block) {
    const mproc_args_t *args =
        MPROC_ARGS(1, MPROC_LIST("x", MPROC_LIST(2)), MPROC_KW("k", MPROC_DICT(MPROC_KW("d", 3))));
    char scratch[4096];
    memset(scratch, 0x55, sizeof scratch); /* whatever else uses the stack in between */
    mproc_buffer_t buffer;
    encode_args(args, &buffer);
    mproc_tree_t *tree = NULL;
    REQUIRE_OK(mproc_tree_decode(buffer.data, buffer.size, NULL, &tree));
    char text[64];
    (void)mproc_value_repr(mproc_tree_root(tree), text, sizeof text);
    CHECK_EQ_STR(text, "[[1, ['x', [2]]], {'k': {'d': 3}}]");
    CHECK_EQ_INT(scratch[4095], 0x55);
    mproc_tree_destroy(tree);
    mproc_buffer_fini(&buffer);
}

TEST(args, making_arguments_takes_no_memory) {
    mproc_memory_fail_at(1);
    const mproc_args_t *args = MPROC_ARGS(1, "text", MPROC_LIST(1, 2), MPROC_KW("k", 1.5));
    CHECK_EQ_UINT(args->count, 4);
    CHECK_EQ_UINT(mproc_memory_pending(), 1);
    mproc_memory_fail_at(0);
}
