/* SPDX-License-Identifier: Apache-2.0 */
/* A task's arguments: read, or refused with an exact message. */
#include "call_support.h"

#include <limits.h>
#include <mproc/pool.h>
#include <string.h>

#include "core_support.h"
#include "encode.h"
#include "memory.h"
#include "test.h"

/* ---- reading arguments ----------------------------------------------------------------------------------------- */

TEST(call, arguments_of_every_type_are_read) {
    check_returns(read_everything,
                  MPROC_ARGS(MPROC_BOOL(1), INT_MIN, INT64_MIN, UINT64_MAX, 0.5, 7, "text", MPROC_BYTES("\0", 1),
                             MPROC_LIST(1), MPROC_DICT(MPROC_KW("k", 2)), MPROC_NIL),
                  "[True, -2147483648, -9223372036854775808, 18446744073709551615, 0.5, 7.0, 'text', b'\\x00', [1], "
                  "{'k': 2}, None]");
}

static int read_two(mproc_call_t *call) {
    int64_t number = 0;
    const char *text = "default";
    int err = mproc_call_args(call, "x|s", &number, &text);
    return err != MPROC_OK ? err : mproc_call_return(call, MPROC_LIST(number, text));
}

TEST(call, what_stands_behind_the_bar_may_be_missing) {
    check_returns(read_two, MPROC_ARGS(1, "given"), "[1, 'given']");
    check_returns(read_two, MPROC_ARGS(1), "[1, 'default']");
}

static int read_none(mproc_call_t *call) {
    return mproc_call_args(call, "");
}

TEST(call, a_wrong_count_names_task_and_both_counts) {
    check_fails(read_two, NULL, MPROC_ETYPE, "Task 'shape' takes 1 to 2 positional arguments, but 0 were given");
    check_fails(read_two, MPROC_ARGS(1, "a", 3), MPROC_ETYPE,
                "Task 'shape' takes 1 to 2 positional arguments, but 3 were given");
    check_fails(read_one, NULL, MPROC_ETYPE, "Task 'shape' takes 1 positional argument, but 0 were given");
    check_fails(read_none, MPROC_ARGS("x"), MPROC_ETYPE, "Task 'shape' takes 0 positional arguments, but 1 was given");
    check_fails(read_one, MPROC_ARGS(MPROC_KW("number", 1)), MPROC_ETYPE,
                "Task 'shape' takes 1 positional argument, but 0 were given");
}

static int read_bool(mproc_call_t *call) {
    bool out;
    return mproc_call_args(call, "vb", &(const mproc_value_t *){NULL}, &out);
}

static int read_int(mproc_call_t *call) {
    int out;
    return mproc_call_args(call, "i", &out);
}

static int read_natural(mproc_call_t *call) {
    uint64_t out;
    return mproc_call_args(call, "u", &out);
}

static int read_double(mproc_call_t *call) {
    double out;
    return mproc_call_args(call, "d", &out);
}

static int read_string(mproc_call_t *call) {
    const char *out;
    return mproc_call_args(call, "s", &out);
}

static int read_bytes(mproc_call_t *call) {
    const void *out;
    size_t size;
    return mproc_call_args(call, "y", &out, &size);
}

static int read_list(mproc_call_t *call) {
    const mproc_value_t *out;
    return mproc_call_args(call, "a", &out);
}

static int read_dict(mproc_call_t *call) {
    const mproc_value_t *out;
    return mproc_call_args(call, "m", &out);
}

TEST(call, a_wrong_type_names_task_position_and_both_types) {
    check_fails(read_bool, MPROC_ARGS(1, 1), MPROC_ETYPE, "Task 'shape': argument 2 must be bool, not int");
    check_fails(read_int, MPROC_ARGS(1.0), MPROC_ETYPE, "Task 'shape': argument 1 must be int, not float");
    check_fails(read_one, MPROC_ARGS("1"), MPROC_ETYPE, "Task 'shape': argument 1 must be int, not str");
    check_fails(read_natural, MPROC_ARGS(MPROC_NIL), MPROC_ETYPE, "Task 'shape': argument 1 must be int, not None");
    check_fails(read_double, MPROC_ARGS(MPROC_BOOL(0)), MPROC_ETYPE,
                "Task 'shape': argument 1 must be float, not bool");
    check_fails(read_string, MPROC_ARGS(MPROC_BYTES("x", 1)), MPROC_ETYPE,
                "Task 'shape': argument 1 must be str, not bytes");
    check_fails(read_bytes, MPROC_ARGS("x"), MPROC_ETYPE, "Task 'shape': argument 1 must be bytes, not str");
    check_fails(read_list, MPROC_ARGS(MPROC_DICT(MPROC_KW("a", 1))), MPROC_ETYPE,
                "Task 'shape': argument 1 must be list, not dict");
    check_fails(read_dict, MPROC_ARGS(MPROC_LIST(1)), MPROC_ETYPE, "Task 'shape': argument 1 must be dict, not list");
}

TEST(call, a_number_out_of_range_is_named) {
    check_fails(read_int, MPROC_ARGS(2147483648), MPROC_ETYPE,
                "Task 'shape': argument 1 is 2147483648, which does not fit C's int");
    check_fails(read_int, MPROC_ARGS(INT64_MIN), MPROC_ETYPE,
                "Task 'shape': argument 1 is -9223372036854775808, which does not fit C's int");
    check_fails(read_one, MPROC_ARGS(UINT64_MAX), MPROC_ETYPE,
                "Task 'shape': argument 1 is 18446744073709551615, which does not fit int64_t");
    check_fails(read_natural, MPROC_ARGS(-1), MPROC_ETYPE,
                "Task 'shape': argument 1 is -1, which does not fit uint64_t");
}

static int read_partly(mproc_call_t *call) {
    int64_t first = 11;
    const char *second = "untouched";
    (void)mproc_call_args(call, "xs", &first, &second);
    return mproc_call_return(call, MPROC_LIST(first, second));
}

TEST(call, a_refused_list_touches_no_pointer) {
    check_returns(read_partly, MPROC_ARGS(22, 33), "[11, 'untouched']");
}

static int read_by_wrong_letter(mproc_call_t *call) {
    return mproc_call_args(call, "xq", NULL, NULL);
}

static int read_by_two_bars(mproc_call_t *call) {
    return mproc_call_args(call, "|x|x", NULL, NULL);
}

static int read_by_nothing(mproc_call_t *call) {
    const char *volatile format = NULL;
    return mproc_call_args(call, format);
}

TEST(call, a_wrong_format_is_named) {
    check_fails(read_by_wrong_letter, MPROC_ARGS(1, 2), MPROC_EINVAL,
                "Task 'shape' reads its arguments by the format \"xq\", where 'q' has no meaning");
    check_fails(read_by_two_bars, NULL, MPROC_EINVAL,
                "Task 'shape' reads its arguments by the format \"|x|x\", where '|' has no meaning");
    check_fails(read_by_nothing, NULL, MPROC_EINVAL, "Task 'shape' reads its arguments by a format that is NULL");
}

static int read_width(mproc_call_t *call) {
    int width = 80;
    const void *data = NULL;
    size_t size = 0;
    int err = mproc_call_kwarg(call, "width", "i", &width);
    if (err == MPROC_OK)
        err = mproc_call_kwarg(call, "data", "y", &data, &size);
    return err != MPROC_OK ? err : mproc_call_return(call, MPROC_LIST(width, (uint64_t)size));
}

static int read_width_wrong(mproc_call_t *call) {
    return mproc_call_kwarg(call, "width", "ii", NULL);
}

TEST(call, keyword_arguments_are_read_by_name) {
    check_returns(read_width, MPROC_ARGS(1, MPROC_KW("height", 2), MPROC_KW("width", 640)), "[640, 0]");
    check_returns(read_width, MPROC_ARGS(MPROC_KW("data", MPROC_BYTES("abc", 3))), "[80, 3]");
    check_returns(read_width, NULL, "[80, 0]");
    check_fails(read_width, MPROC_ARGS(MPROC_KW("width", "wide")), MPROC_ETYPE,
                "Task 'shape': keyword argument 'width' must be int, not str");
    check_fails(read_width, MPROC_ARGS(MPROC_KW("width", 1LL << 40)), MPROC_ETYPE,
                "Task 'shape': keyword argument 'width' is 1099511627776, which does not fit C's int");
    check_fails(read_width_wrong, NULL, MPROC_EINVAL,
                "Task 'shape' reads keyword argument 'width' by the format \"ii\", which is not one known letter");
}

static int read_by_hand(mproc_call_t *call) {
    const mproc_value_t *kwargs = mproc_call_kwargs(call);
    return mproc_call_return(call, MPROC_LIST((uint64_t)mproc_call_arg_count(call), mproc_call_arg(call, 1),
                                              mproc_call_arg(call, 9), kwargs));
}

TEST(call, arguments_can_be_read_one_by_one) {
    check_returns(read_by_hand, MPROC_ARGS(1, "two", MPROC_KW("k", 3)), "[2, 'two', None, {'k': 3}]");
    check_returns(read_by_hand, NULL, "[0, None, None, {}]");
}

static int read_by_null(mproc_call_t *call) {
    const char *name = mproc_call_arg_count(call) == 0 ? NULL : "k";
    int number = 0;
    return mproc_call_kwarg(call, name, NULL, &number);
}

TEST(call, a_keyword_or_format_that_is_null_is_named) {
    check_fails(read_by_null, NULL, MPROC_EINVAL, "Task 'shape' reads a keyword argument, but the keyword is NULL");
    check_fails(read_by_null, MPROC_ARGS(1), MPROC_EINVAL,
                "Task 'shape' reads a keyword argument, but the format is NULL");
}

TEST(call, a_call_that_is_null_is_refused) {
    static const char text[] = "The call is NULL: pass on the one that the task was given";
    int number = 7;
    const void *data = &number;
    void *room = NULL;
    size_t size = 7;
    CHECK_ERR(mproc_call_args(NULL, "i", &number), MPROC_EINVAL);
    check_last_error(MPROC_EINVAL, text);
    CHECK_ERR(mproc_call_kwarg(NULL, "k", "i", &number), MPROC_EINVAL);
    CHECK_ERR(mproc_call_return(NULL, 1), MPROC_EINVAL);
    CHECK_ERR(mproc_call_reserve(NULL, 8, &room), MPROC_EINVAL);
    CHECK_ERR(mproc_call_truncate(NULL, 0), MPROC_EINVAL);
    CHECK_ERR(mproc_call_fail(NULL, 3, "why"), MPROC_EINVAL);
    check_last_error(MPROC_EINVAL, text);
    CHECK_EQ_INT(number, 7);
    CHECK_EQ_UINT(mproc_call_arg_count(NULL), 0);
    CHECK(mproc_call_arg(NULL, 0) == NULL && mproc_call_task(NULL) == NULL);
    CHECK_EQ_INT(mproc_value_kind(mproc_call_kwargs(NULL)), MPROC_KIND_MAP);
    mproc_call_input(NULL, &data, &size);
    CHECK(data == NULL && size == 0);
}

TEST(call, what_a_pool_tells_has_an_answer_for_a_call_that_is_null) {
    const void *input = NULL;
    void *output = NULL;
    size_t count = 0;
    CHECK_ERR(mproc_call_chunk(NULL, &input, &output, &count), MPROC_EINVAL);
    CHECK_EQ_INT(mproc_call_item(NULL), 0);
    CHECK_EQ_INT(mproc_call_worker(NULL), -1);
    CHECK(!mproc_call_cancelled(NULL));
    CHECK(mproc_call_state(NULL) == NULL);
    mproc_call_set_state(NULL, &count);
}

static int reserve_nowhere(mproc_call_t *call) {
    return mproc_call_reserve(call, 8, NULL);
}

TEST(call, a_reservation_needs_a_place_for_its_address) {
    check_fails(reserve_nowhere, NULL, MPROC_EINVAL, "out_data is NULL");
}

/* ---- arguments that are no arguments --------------------------------------------------------------------------- */

static void check_bytes_fail(const char *bytes, size_t size, int code, const char *message) {
    run_t run;
    run_begin(&run, NULL);
    CHECK(mproc_buffer_append(&run.args, bytes, size));
    run_again(&run, read_one);
    check_failure(&run, code, message);
    run_end(&run);
}

TEST(call, damaged_arguments_fail_the_task) {
    static const char shape[] = "The arguments of task 'shape' are not a list and a dict of keywords";
    check_bytes_fail("\xc1", 1, MPROC_EMALFORMED,
                     "Malformed value: the byte 0xc1, which MessagePack never uses, at byte 0 of 1");
    check_bytes_fail("\x01", 1, MPROC_EMALFORMED, shape);
    check_bytes_fail("\x91\x90", 2, MPROC_EMALFORMED, shape);
    check_bytes_fail("\x92\x90\x90", 3, MPROC_EMALFORMED, shape);
    check_bytes_fail("\x92\x80\x80", 3, MPROC_EMALFORMED, shape);
    check_bytes_fail("\x92\x90\x81\x01\x01", 5, MPROC_EMALFORMED, shape);
    check_bytes_fail("\x93\x90\x80\x01", 4, MPROC_EMALFORMED, shape);
}

TEST(call, arguments_beyond_the_limits_fail_the_task) {
    mproc_value_limits_t limits = {.max_size = 3};
    run_t run;
    run_begin(&run, MPROC_ARGS(1000000));
    mproc_call_init(&run.call, &limits, NULL);
    run_again(&run, read_one);
    check_failure(&run, MPROC_ETOOBIG, "The value takes 8 bytes, more than 3: raise max_size to accept it");
    run_end(&run);
}
