/* SPDX-License-Identifier: Apache-2.0 */
/* Values on their way out: the bytes that any MessagePack peer reads, and the messages for what cannot be sent. */
#include "encode.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core_support.h"
#include "memory.h"
#include "report.h"
#include "test.h"

#define CHECK_BYTES(arg_, bytes_) check_bytes((arg_), (bytes_), sizeof(bytes_) - 1)

static void check_bytes(mproc_arg_t arg, const char *bytes, size_t size) {
    mproc_buffer_t buffer;
    encode_value(arg, &buffer);
    CHECK_EQ_UINT(buffer.size, size);
    if (buffer.size == size)
        CHECK_EQ_MEM(buffer.data, bytes, size);
    mproc_buffer_fini(&buffer);
}

static void check_refused(mproc_arg_t arg, int code, const char *message) {
    mproc_buffer_t buffer;
    mproc_buffer_init(&buffer, NULL);
    CHECK_ERR(mproc_encode_value(&arg, &buffer), code);
    check_last_error(code, message);
    mproc_buffer_fini(&buffer);
}

static void check_args_refused(const mproc_args_t *args, int code, const char *message) {
    mproc_buffer_t buffer;
    mproc_buffer_init(&buffer, NULL);
    CHECK_ERR(mproc_encode_args(args, &buffer), code);
    check_last_error(code, message);
    mproc_buffer_fini(&buffer);
}

TEST(encode, scalars_are_messagepack) {
    CHECK_BYTES(MPROC_ARG(MPROC_NIL), "\xc0");
    CHECK_BYTES(MPROC_ARG((bool)true), "\xc3");
    CHECK_BYTES(MPROC_ARG(MPROC_BOOL(0)), "\xc2");
    CHECK_BYTES(MPROC_ARG(1), "\x01");
    CHECK_BYTES(MPROC_ARG(-1), "\xff");
    CHECK_BYTES(MPROC_ARG(-33), "\xd0\xdf");
    CHECK_BYTES(MPROC_ARG((short)256), "\xcd\x01\x00");
    CHECK_BYTES(MPROC_ARG(65536u), "\xce\x00\x01\x00\x00");
    CHECK_BYTES(MPROC_ARG(INT64_MIN), "\xd3\x80\x00\x00\x00\x00\x00\x00\x00");
    CHECK_BYTES(MPROC_ARG(UINT64_MAX), "\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    CHECK_BYTES(MPROC_ARG(1.5), "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00");
    CHECK_BYTES(MPROC_ARG(-0.0), "\xcb\x80\x00\x00\x00\x00\x00\x00\x00");
    CHECK_BYTES(MPROC_ARG(0.5f), "\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00");
    CHECK_BYTES(MPROC_ARG("ab"), "\xa2"
                                 "ab");
    CHECK_BYTES(MPROC_ARG(MPROC_TEXT("a\0b", 3)), "\xa3"
                                                  "a\0b");
    CHECK_BYTES(MPROC_ARG(MPROC_BYTES("\xff", 1)), "\xc4\x01\xff");
    CHECK_BYTES(MPROC_ARG(MPROC_BYTES(NULL, 0)), "\xc4\x00");
}

TEST(encode, lists_and_dicts_nest) {
    CHECK_BYTES(MPROC_LIST(1, "two", MPROC_LIST(3)), "\x93\x01\xa3two\x91\x03");
    CHECK_BYTES(MPROC_DICT(MPROC_KW("a", 1), MPROC_KW("b", MPROC_DICT(MPROC_KW("c", MPROC_NIL)))), "\x82\xa1"
                                                                                                   "a\x01\xa1"
                                                                                                   "b\x81\xa1"
                                                                                                   "c\xc0");
    CHECK_BYTES(mproc_arg_items(MPROC_KIND_ARRAY, NULL, 0), "\x90");
    CHECK_BYTES(mproc_arg_items(MPROC_KIND_MAP, NULL, 0), "\x80");
}

TEST(encode, arguments_are_a_list_and_a_dict) {
    mproc_buffer_t buffer;
    encode_args(MPROC_ARGS(2.0, 10, "name", MPROC_KW("width", 640)), &buffer);
    static const char expected[] = "\x92\x93\xcb\x40\0\0\0\0\0\0\0\x0a\xa4name\x81\xa5width\xcd\x02\x80";
    CHECK_EQ_UINT(buffer.size, sizeof expected - 1);
    CHECK_EQ_MEM(buffer.data, expected, sizeof expected - 1);
    mproc_buffer_fini(&buffer);
}

TEST(encode, no_arguments_are_no_bytes) {
    mproc_args_t none = {0, NULL};
    mproc_buffer_t buffer;
    encode_args(NULL, &buffer);
    CHECK_EQ_UINT(buffer.size, 0);
    CHECK_OK(mproc_encode_args(&none, &buffer));
    CHECK_EQ_UINT(buffer.size, 0);
    CHECK(buffer.data == NULL);
}

TEST(encode, thirty_two_arguments) {
    mproc_buffer_t buffer;
    encode_args(MPROC_ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
                           26, 27, 28, 29, 30, 31, 32),
                &buffer);
    CHECK_EQ_UINT(buffer.size, 1 + 3 + 32 + 1);
    mproc_buffer_fini(&buffer);
}

TEST(encode, every_c_type_has_its_kind) {
    char text[] = "t";
    const char *constant = text;
    long number = 3;
    check_repr(MPROC_LIST((char)'a', (signed char)-1, (unsigned char)255, (short)-2, (unsigned short)65535, number,
                          4294967295u, 5L, 6UL, 7LL, 8ULL, 1.5f, 2.5, text, constant, (bool)false, MPROC_NIL),
               "[97, -1, 255, -2, 65535, 3, 4294967295, 5, 6, 7, 8, 1.5, 2.5, 't', 't', False, None]");
}

TEST(encode, a_received_value_is_sent_on_as_it_is) {
    mproc_tree_t *tree =
        send_value(MPROC_LIST(1, MPROC_DICT(MPROC_KW("k", MPROC_LIST("x", MPROC_BYTES("\0", 1)))), -5));
    const mproc_value_t *value = mproc_tree_root(tree);
    check_repr(MPROC_LIST(value, 2, (const mproc_value_t *)NULL), "[[1, {'k': ['x', b'\\x00']}, -5], 2, None]");
    check_repr(MPROC_ARG(value), "[1, {'k': ['x', b'\\x00']}, -5]");
    mproc_tree_destroy(tree);
}

TEST(encode, bad_strings_are_refused_by_name) {
    const char *null = NULL;
    check_args_refused(MPROC_ARGS(1, null), MPROC_EINVAL,
                       "Cannot send argument 2: it is a NULL string; MPROC_NIL sends no value");
    check_args_refused(
        MPROC_ARGS(MPROC_KW("a", "\xc3")), MPROC_EINVAL,
        "Cannot send keyword argument 'a': it is a string that is not UTF-8; MPROC_BYTES sends any bytes");
    check_args_refused(MPROC_ARGS(1, MPROC_LIST(1, MPROC_DICT(MPROC_KW("k", "\xff")))), MPROC_EINVAL,
                       "Cannot send argument 2[1]['k']: it is a string that is not UTF-8; MPROC_BYTES sends any bytes");
    check_args_refused(MPROC_ARGS(MPROC_KW("\xff", 1)), MPROC_EINVAL,
                       "Cannot send keyword argument '\xff': its keyword is not UTF-8");
    check_refused(MPROC_ARG("\xed\xa0\x80"), MPROC_EINVAL,
                  "Cannot send the value: it is a string that is not UTF-8; MPROC_BYTES sends any bytes");
    check_refused(MPROC_BYTES(NULL, 3), MPROC_EINVAL, "Cannot send the value: its bytes are at NULL");
    check_refused(MPROC_TEXT(NULL, 3), MPROC_EINVAL,
                  "Cannot send the value: it is a NULL string; MPROC_NIL sends no value");
}

TEST(encode, keywords_stand_once_and_last) {
    check_args_refused(MPROC_ARGS(MPROC_KW("a", 1), MPROC_KW("b", 1), MPROC_KW("a", 2)), MPROC_EINVAL,
                       "Keyword argument 'a' is given twice");
    check_args_refused(MPROC_ARGS(1, MPROC_KW("a", 1), 2), MPROC_EINVAL,
                       "Argument 3 has no keyword, but stands behind keyword argument 'a'");
    check_refused(MPROC_LIST(1, MPROC_KW("a", 1)), MPROC_EINVAL,
                  "Cannot send the value[1]: it has a keyword, which only MPROC_DICT takes");
    check_refused(MPROC_DICT(MPROC_KW("a", 1), MPROC_ARG(2)), MPROC_EINVAL,
                  "Cannot send the value[1]: it needs a keyword: write MPROC_KW in MPROC_DICT");
    check_refused(MPROC_DICT(MPROC_KW("a", 1), MPROC_KW("a", 2)), MPROC_EINVAL,
                  "Cannot send the value['a']: its keyword stands twice");
    check_refused(MPROC_KW("a", 1), MPROC_EINVAL, "A single value has no keyword: 'a'");
}

TEST(encode, a_keyword_that_is_null_is_refused_and_no_positional_value) {
    check_args_refused(MPROC_ARGS(1, MPROC_KW(NULL, 2)), MPROC_EINVAL,
                       "Cannot send keyword argument '': its keyword is NULL");
    check_refused(MPROC_DICT(MPROC_KW("a", 1), MPROC_KW(NULL, 2)), MPROC_EINVAL,
                  "Cannot send the value['']: its keyword is NULL");
    check_repr(MPROC_DICT(MPROC_KW("", 1)), "{'': 1}");
}

TEST(encode, values_not_made_by_the_macros_are_refused) {
    mproc_arg_t strange = mproc_arg_nil();
    strange.kind = (mproc_kind_t)77;
    check_refused(strange, MPROC_EINVAL, "Cannot send the value: it was not made by one of the MPROC_ macros");
    check_refused(mproc_arg_items(MPROC_KIND_ARRAY, NULL, 2), MPROC_EINVAL,
                  "Cannot send the value: its items are at NULL");
    mproc_args_t args = {2, NULL};
    check_args_refused(&args, MPROC_EINVAL, "The arguments were not made by MPROC_ARGS");
}

TEST(encode, too_large_is_refused_before_it_is_read) {
    if (SIZE_MAX == UINT32_MAX)
        SKIP("no object is that large here");
    size_t size = (size_t)UINT32_MAX + (SIZE_MAX > UINT32_MAX);
    check_refused(MPROC_BYTES("x", size), MPROC_ETOOBIG,
                  "Cannot send the value: it has more than 4 GiB; send it as raw input");
    check_refused(MPROC_TEXT("x", size), MPROC_ETOOBIG, "Cannot send the value: it is a string of more than 4 GiB");
    mproc_arg_t one = mproc_arg_nil();
    check_refused(mproc_arg_items(MPROC_KIND_ARRAY, &one, size), MPROC_ETOOBIG,
                  "Cannot send the value: it has more than 4,294,967,295 items");
}

TEST(encode, depth_ends_at_1024) {
    static mproc_arg_t levels[MPROC_DEPTH_MAX + 2]; /* each a list with the one before it */
    levels[0] = mproc_arg_int(7);
    for (size_t i = 0; i <= MPROC_DEPTH_MAX; i++)
        levels[i + 1] = mproc_arg_items(MPROC_KIND_ARRAY, &levels[i], 1);
    mproc_tree_t *tree = send_value(levels[MPROC_DEPTH_MAX]);
    mproc_buffer_t buffer;
    mproc_buffer_init(&buffer, NULL);
    CHECK_ERR(mproc_encode_value(&levels[MPROC_DEPTH_MAX + 1], &buffer), MPROC_ETOOBIG);
    CHECK_HAS_STR(mproc_last_error()->message, "it nests too deep");
    mproc_buffer_clear(&buffer);
    mproc_arg_t inner = MPROC_LIST(mproc_tree_root(tree));
    CHECK_ERR(mproc_encode_value(&inner, &buffer), MPROC_ETOOBIG);
    mproc_buffer_fini(&buffer);
    mproc_tree_t *again = send_value(MPROC_ARG(mproc_tree_root(tree)));
    CHECK(mproc_value_equal(mproc_tree_root(tree), mproc_tree_root(again)));
    mproc_tree_destroy(again);
    mproc_tree_destroy(tree);
}

static int encode_much(void *context) {
    mproc_buffer_t buffer;
    char *text = context;
    mproc_buffer_init(&buffer, NULL);
    int err = mproc_encode_args(MPROC_ARGS(1, text, MPROC_LIST(text, 2), MPROC_KW("k", text)), &buffer);
    mproc_buffer_fini(&buffer);
    return err;
}

TEST(encode, running_out_of_memory_is_reported_and_leaks_nothing) {
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CHECK(fail_each_allocation(encode_much, text) >= 3);
}
