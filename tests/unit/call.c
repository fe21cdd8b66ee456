/* SPDX-License-Identifier: Apache-2.0 */
/* A task's call: arguments read or refused with an exact message, results, failures, and objects that serve many
 * runs. */
#include "call.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core_support.h"
#include "encode.h"
#include "memory.h"
#include "test.h"

/* ---- running a function as a task ------------------------------------------------------------------------------ */

typedef struct run {
    mproc_call_t call;
    mproc_buffer_t args;
    mproc_task_t task;
    mproc_outcome_t outcome;
} run_t;

static void run_begin(run_t *run, const mproc_args_t *args) {
    mproc_call_init(&run->call, NULL, NULL);
    encode_args(args, &run->args);
}

static void run_again(run_t *run, mproc_task_fn *function) {
    run->task = (mproc_task_t){"shape", function, "shapes.c", 12, NULL, 0};
    mproc_request_t request = {&run->task, run->args.data, run->args.size, NULL, 0};
    mproc_call_run(&run->call, &request, &run->outcome);
}

static void run_end(run_t *run) {
    mproc_call_fini(&run->call);
    mproc_buffer_fini(&run->args);
}

static void check_result(const run_t *run, const char *expected) {
    mproc_tree_t *tree = NULL;
    char text[256];
    CHECK_EQ_INT(run->outcome.kind, MPROC_OUTCOME_VALUE);
    CHECK_OK(mproc_tree_decode(run->outcome.data, run->outcome.size, NULL, &tree));
    (void)mproc_value_repr(mproc_tree_root(tree), text, sizeof text);
    CHECK_EQ_STR(text, expected);
    mproc_tree_destroy(tree);
}

static void check_returns(mproc_task_fn *function, const mproc_args_t *args, const char *expected) {
    run_t run;
    run_begin(&run, args);
    run_again(&run, function);
    check_result(&run, expected);
    run_end(&run);
}

/* Both what the runner holds and what arrives at the other side. */
static void check_failure(const run_t *run, int code, const char *message) {
    mproc_report_t arrived;
    mproc_report_init(&arrived);
    CHECK_EQ_INT(run->outcome.kind, MPROC_OUTCOME_FAILED);
    CHECK_OK(mproc_report_decode(run->outcome.data, run->outcome.size, &arrived));
    CHECK_EQ_INT(arrived.error.code, code);
    CHECK_EQ_STR(arrived.error.message, message);
    CHECK_EQ_STR(arrived.error.task, "shape");
    CHECK_EQ_STR(mproc_call_failure(&run->call)->message, message);
    mproc_report_fini(&arrived);
}

static void check_fails(mproc_task_fn *function, const mproc_args_t *args, int code, const char *message) {
    run_t run;
    run_begin(&run, args);
    run_again(&run, function);
    check_failure(&run, code, message);
    run_end(&run);
}

/* ---- reading arguments ----------------------------------------------------------------------------------------- */

static int read_everything(mproc_call_t *call) {
    bool truth = false;
    int small = 0;
    int64_t number = 0;
    uint64_t natural = 0;
    double real = 0, whole = 0;
    const char *text = NULL;
    const void *data = NULL;
    size_t size = 0;
    const mproc_value_t *list = NULL, *dict = NULL, *any = NULL;
    int err = mproc_call_args(call, "bixuddsyamv", &truth, &small, &number, &natural, &real, &whole, &text, &data,
                              &size, &list, &dict, &any);
    if (err != MPROC_OK)
        return err;
    return mproc_call_return(
        call, MPROC_LIST(truth, small, number, natural, real, whole, text, MPROC_BYTES(data, size), list, dict, any));
}

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

static int read_one(mproc_call_t *call) {
    int64_t number = 0;
    int err = mproc_call_args(call, "x", &number);
    return err != MPROC_OK ? err : mproc_call_return(call, number);
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

/* ---- results --------------------------------------------------------------------------------------------------- */

static int return_nothing(mproc_call_t *call) {
    (void)call;
    return MPROC_OK;
}

static int return_twice(mproc_call_t *call) {
    (void)mproc_call_return(call, "a long first result that is replaced");
    return mproc_call_return(call, 2);
}

static int return_input(mproc_call_t *call) {
    const void *data;
    size_t size;
    mproc_call_input(call, &data, &size);
    return mproc_call_return(call, MPROC_LIST(MPROC_BOOL(data != NULL), MPROC_BYTES(data, size)));
}

TEST(call, the_last_value_returned_counts) {
    run_t run;
    run_begin(&run, NULL);
    run_again(&run, return_nothing);
    CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_NOTHING);
    CHECK_EQ_UINT(run.outcome.size, 0);
    CHECK_EQ_INT(mproc_call_failure(&run.call)->code, MPROC_OK);
    run_again(&run, return_twice);
    check_result(&run, "2");
    run_end(&run);
}

TEST(call, raw_input_is_seen_as_it_is) {
    run_t run;
    run_begin(&run, NULL);
    run_again(&run, return_input);
    check_result(&run, "[False, b'']");
    mproc_request_t request = {&run.task, NULL, 0, "raw", 3};
    mproc_call_run(&run.call, &request, &run.outcome);
    check_result(&run, "[True, b'raw']");
    run_end(&run);
}

static int reserve_and_cut(mproc_call_t *call) {
    void *data;
    int err = mproc_call_reserve(call, 1000, &data);
    if (err != MPROC_OK)
        return err;
    CHECK_EQ_UINT((uintptr_t)data % 16, 0);
    memcpy(data, "result", 6);
    return mproc_call_truncate(call, 6);
}

static int reserve_nothing(mproc_call_t *call) {
    void *data = NULL;
    int err = mproc_call_reserve(call, 0, &data);
    CHECK(data != NULL);
    return err;
}

static int truncate_upwards(mproc_call_t *call) {
    void *data;
    int err = mproc_call_reserve(call, 4, &data);
    return err != MPROC_OK ? err : mproc_call_truncate(call, 5);
}

static int truncate_without(mproc_call_t *call) {
    return mproc_call_truncate(call, 0);
}

TEST(call, a_reserved_result_is_written_in_place) {
    run_t run;
    run_begin(&run, NULL);
    run_again(&run, reserve_and_cut);
    CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_BYTES);
    CHECK_EQ_UINT(run.outcome.size, 6);
    CHECK_EQ_MEM(run.outcome.data, "result", 6);
    run_again(&run, reserve_nothing);
    CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_BYTES);
    CHECK_EQ_UINT(run.outcome.size, 0);
    run_end(&run);
    check_fails(truncate_upwards, NULL, MPROC_EINVAL, "A result of 4 bytes cannot grow to 5: reserve more");
    check_fails(truncate_without, NULL, MPROC_EINVAL, "There is no reserved result to make shorter");
}

static int return_what_was_reserved(mproc_call_t *call) {
    void *data;
    int err = mproc_call_reserve(call, 200, &data);
    if (err != MPROC_OK)
        return err;
    memset(data, 'r', 200);
    memcpy(data, "begin", 5);
    return mproc_call_return(call, MPROC_LIST(MPROC_BYTES(data, 7)));
}

TEST(call, a_value_may_be_made_of_the_reserved_room) {
    check_returns(return_what_was_reserved, NULL, "[b'beginrr']");
}

static int return_unsendable(mproc_call_t *call) {
    return mproc_call_return(call, MPROC_LIST(1, "\xff"));
}

static int return_unsendable_and_go_on(mproc_call_t *call) {
    (void)mproc_call_return(call, 1);
    (void)mproc_call_return(call, "\xff");
    return MPROC_OK;
}

TEST(call, a_result_that_cannot_be_sent_fails_the_task) {
    check_fails(return_unsendable, NULL, MPROC_EINVAL,
                "Cannot send the value[1]: it is a string that is not UTF-8; MPROC_BYTES sends any bytes");
    run_t run;
    run_begin(&run, NULL);
    run_again(&run, return_unsendable_and_go_on);
    CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_NOTHING);
    run_end(&run);
}

/* ---- failures -------------------------------------------------------------------------------------------------- */

static int fail_by_hand(mproc_call_t *call) {
    return mproc_call_fail_at(call, 42, "disk.c", 17, "cannot read %s: %d of %d", "x.dat", 3, 9);
}

TEST(call, a_failure_keeps_code_text_and_place) {
    mproc_report_t arrived;
    run_t run;
    mproc_report_init(&arrived);
    run_begin(&run, NULL);
    run_again(&run, fail_by_hand);
    check_failure(&run, MPROC_ETASK, "cannot read x.dat: 3 of 9");
    CHECK_OK(mproc_report_decode(run.outcome.data, run.outcome.size, &arrived));
    CHECK_EQ_INT(arrived.error.task_code, 42);
    CHECK_EQ_STR(arrived.error.file, "disk.c");
    CHECK_EQ_INT(arrived.error.line, 17);
    mproc_report_fini(&arrived);
    run_end(&run);
}

static int fail_at_length(mproc_call_t *call) {
    return mproc_call_fail(call, 1, "%05000d", 7);
}

TEST(call, a_long_failure_is_not_cut) {
    char expected[5001];
    memset(expected, '0', 4999);
    memcpy(expected + 4999, "7", 2);
    check_fails(fail_at_length, NULL, MPROC_ETASK, expected);
}

static int return_seven(mproc_call_t *call) {
    (void)mproc_call_return(call, "lost");
    return 7;
}

static int return_foreign_error(mproc_call_t *call) {
    (void)call;
    return mproc_value_as_int(NULL, &(int64_t){0});
}

static int fail_but_succeed(mproc_call_t *call) {
    (void)mproc_call_fail(call, 1, "not returned");
    return mproc_call_return(call, "good");
}

static int note_one_return_another(mproc_call_t *call) {
    (void)mproc_call_args(call, "x", &(int64_t){0});
    return 5;
}

TEST(call, any_other_number_fails_the_task_with_it) {
    run_t run;
    run_begin(&run, NULL);
    run_again(&run, return_seven);
    check_failure(&run, MPROC_ETASK, "Task 'shape' returned 7");
    CHECK_EQ_INT(mproc_call_failure(&run.call)->task_code, 7);
    run_again(&run, return_foreign_error);
    check_failure(&run, MPROC_ETASK, "Task 'shape' returned -3: The value must be int, not None");
    CHECK_EQ_INT(mproc_call_failure(&run.call)->task_code, MPROC_ETYPE);
    run_again(&run, note_one_return_another);
    check_failure(&run, MPROC_ETASK, "Task 'shape' returned 5");
    run_again(&run, fail_but_succeed);
    check_result(&run, "'good'");
    run_end(&run);
}

static int return_stale(mproc_call_t *call) {
    (void)call;
    return MPROC_ETYPE;
}

TEST(call, an_old_error_of_the_thread_does_not_explain_a_new_failure) {
    (void)mproc_value_as_int(NULL, &(int64_t){0});
    check_fails(return_stale, NULL, MPROC_ETASK, "Task 'shape' returned -3");
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

TEST(call, runs_without_arguments_take_no_memory) {
    run_t run;
    run_begin(&run, NULL);
    mproc_memory_fail_at(1);
    for (int i = 0; i < 100; i++) {
        run_again(&run, return_nothing);
        CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_NOTHING);
    }
    CHECK_EQ_UINT(mproc_memory_pending(), 1);
    mproc_memory_fail_at(0);
    run_end(&run);
}

TEST(call, later_runs_use_the_memory_of_the_first) {
    run_t run;
    run_begin(&run, MPROC_ARGS(5));
    run_again(&run, read_one);
    mproc_memory_fail_at(1);
    for (int i = 0; i < 100; i++) {
        run_again(&run, read_one);
        CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_VALUE);
    }
    CHECK_EQ_UINT(mproc_memory_pending(), 1);
    mproc_memory_fail_at(0);
    check_result(&run, "5");
    run_end(&run);
}

/* A source with one piece of room. */
typedef struct place {
    _Alignas(16) unsigned char room[96];
    size_t size;
} place_t;

static void *grow_place(void *context, void *data, size_t used, size_t *capacity) {
    place_t *place = context;
    (void)data;
    (void)used;
    if (*capacity > place->size)
        return NULL;
    *capacity = place->size;
    return place->room;
}

TEST(call, results_go_where_the_source_says) {
    place_t place = {{0}, sizeof place.room};
    mproc_buffer_source_t source = {grow_place, &place};
    run_t run;
    run_begin(&run, MPROC_ARGS(5));
    mproc_call_init(&run.call, NULL, &source);
    run_again(&run, read_one);
    check_result(&run, "5");
    CHECK(run.outcome.data == place.room);
    run_again(&run, reserve_and_cut);
    check_failure(&run, MPROC_ENOMEM, "No room for a result of 1000 bytes");
    CHECK(run.outcome.data == place.room);
    run_end(&run);
}

static int fill_eight(mproc_call_t *call) {
    void *data;
    int err = mproc_call_reserve(call, 8, &data);
    if (err == MPROC_OK)
        memcpy(data, "12345678", 8);
    return err;
}

static int fill_eight_and_fail(mproc_call_t *call) {
    int err = fill_eight(call);
    return err != MPROC_OK ? err : mproc_call_fail(call, 3, "too late");
}

static int fill_eight_and_return(mproc_call_t *call) {
    int err = fill_eight(call);
    return err != MPROC_OK ? err : mproc_call_return(call, "v");
}

TEST(call, a_reservation_of_the_expected_size_lies_in_the_runners_place) {
    place_t place = {{0}, sizeof place.room};
    mproc_buffer_source_t source = {grow_place, &place};
    char element[8] = "nothing";
    run_t run;
    run_begin(&run, NULL);
    mproc_call_init(&run.call, NULL, &source);
    run.call.place = element;
    run.call.place_size = sizeof element;
    run_again(&run, fill_eight);
    CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_BYTES);
    CHECK(run.outcome.data == element);
    CHECK_EQ_UINT(run.outcome.size, 8);
    CHECK_EQ_MEM(element, "12345678", 8);
    run_again(&run, reserve_nothing);
    CHECK(run.outcome.data == NULL);
    run_end(&run);
}

TEST(call, nothing_but_a_reservation_is_written_into_the_runners_place) {
    place_t place = {{0}, sizeof place.room};
    mproc_buffer_source_t source = {grow_place, &place};
    char element[8];
    run_t run;
    run_begin(&run, NULL);
    mproc_call_init(&run.call, NULL, &source);
    run.call.place = element;
    run.call.place_size = sizeof element;
    run_again(&run, fill_eight_and_fail);
    check_failure(&run, MPROC_ETASK, "too late");
    CHECK(run.outcome.data == place.room);
    CHECK_EQ_MEM(element, "12345678", 8);
    run_again(&run, fill_eight_and_return);
    check_result(&run, "'v'");
    CHECK(run.outcome.data == place.room);
    CHECK_EQ_MEM(element, "12345678", 8);
    run_end(&run);
}

TEST(call, a_failure_without_room_still_is_a_failure) {
    place_t place = {{0}, 0};
    mproc_buffer_source_t source = {grow_place, &place};
    run_t run;
    run_begin(&run, NULL);
    mproc_call_init(&run.call, NULL, &source);
    run_again(&run, reserve_and_cut);
    CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_FAILED);
    CHECK_EQ_UINT(run.outcome.size, 0);
    CHECK(run.outcome.data == NULL);
    CHECK_EQ_STR(mproc_call_failure(&run.call)->message, "No room for a result of 1000 bytes");
    run_end(&run);
}

static int run_read_everything(void *context) {
    run_t *run = context;
    mproc_call_init(&run->call, NULL, NULL);
    run_again(run, read_everything);
    int code = mproc_call_failure(&run->call)->code;
    mproc_call_fini(&run->call);
    return code;
}

static int run_failing(void *context) {
    run_t *run = context;
    mproc_call_init(&run->call, NULL, NULL);
    run_again(run, fail_at_length);
    /* Without memory only the text is lost: it still is a failed task. */
    bool complete = mproc_call_failure(&run->call)->message[0] == '0' && run->outcome.size > 5000;
    CHECK_EQ_INT(run->outcome.kind, MPROC_OUTCOME_FAILED);
    CHECK_EQ_INT(mproc_call_failure(&run->call)->code, MPROC_ETASK);
    CHECK_EQ_INT(mproc_call_failure(&run->call)->task_code, 1);
    mproc_call_fini(&run->call);
    return complete ? MPROC_OK : MPROC_ENOMEM;
}

TEST(call, running_out_of_memory_is_a_failure_and_leaks_nothing) {
    run_t run;
    run_begin(&run, MPROC_ARGS(MPROC_BOOL(1), 1, 2, 3, 0.5, 7, "text", MPROC_BYTES("\0", 1), MPROC_LIST(1),
                               MPROC_DICT(MPROC_KW("k", 2)), MPROC_NIL));
    CHECK(fail_each_allocation(run_read_everything, &run) >= 2);
    CHECK(fail_each_allocation(run_failing, &run) >= 3);
    mproc_buffer_fini(&run.args);
}
