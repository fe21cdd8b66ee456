/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a process and comes out of it: arguments of every type, raw input, results of any size, and failures that say
 * what was wrong. */
#include "process_help.h"
#include "process_host.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MPROC_TASK(args_nothing) {
    return MPROC_OK;
}

/* Gives back all it got as one list: the positional values, then the keyword ones as a dict. */
MPROC_TASK(args_echo) {
    mproc_arg_t items[32];
    size_t count = mproc_call_arg_count(call);
    for (size_t i = 0; i < count && i < 31; i++)
        items[i] = mproc_arg_value(mproc_call_arg(call, i));
    items[count] = mproc_arg_value(mproc_call_kwargs(call));
    return mproc_call_return_arg(call, mproc_arg_items(MPROC_KIND_ARRAY, items, count + 1));
}

MPROC_TASK(args_two) {
    int64_t number = 0;
    const char *text = "";
    int err = mproc_call_args(call, "xs", &number, &text);
    return err == MPROC_OK ? mproc_call_return(call, number) : err;
}

MPROC_TASK(args_keyword) {
    int width = -1;
    int err = mproc_call_kwarg(call, "width", "i", &width);
    return err == MPROC_OK ? mproc_call_return(call, width) : err;
}

MPROC_TASK(args_sum_input) {
    const void *data = NULL;
    size_t size = 0;
    uint64_t sum = 0;
    mproc_call_input(call, &data, &size);
    for (size_t i = 0; i < size; i++)
        sum += ((const unsigned char *)data)[i];
    return mproc_call_return(call, MPROC_LIST(size, sum, (uint64_t)((uintptr_t)data % 16)));
}

MPROC_TASK(args_make_bytes) {
    int64_t size = 0;
    void *data = NULL;
    int err = mproc_call_args(call, "x", &size);
    if (err == MPROC_OK)
        err = mproc_call_reserve(call, (size_t)size, &data);
    for (int64_t i = 0; err == MPROC_OK && i < size; i++)
        ((unsigned char *)data)[i] = (unsigned char)(i * 7 % 251);
    return err;
}

MPROC_TASK(args_make_text) {
    int64_t size = 0;
    int err = mproc_call_args(call, "x", &size);
    if (err != MPROC_OK)
        return err;
    char *text = malloc((size_t)size + 1);
    if (text == NULL)
        return MPROC_ENOMEM;
    memset(text, 'x', (size_t)size);
    text[size] = '\0';
    err = mproc_call_return(call, text);
    free(text);
    return err;
}

MPROC_TASK(args_fail) {
    return mproc_call_fail(call, 42, "the %s is %d", "moon", 7);
}

MPROC_TASK(args_fail_at_length) {
    static char text[1 << 20];
    memset(text, 'x', sizeof text - 1);
    return mproc_call_fail(call, 1, "begin %s", text);
}

MPROC_TASK(args_return_number) {
    return 17;
}

MPROC_TASK(args_return_then_crash) {
    int err = mproc_call_return(call, "safe");
    return err == MPROC_OK && atexit(abort) != 0 ? MPROC_ENOMEM : err;
}

static void warm_up(void) {
    warm_up_with(&args_nothing);
}
TEST_WARM_UP(warm_up)

static const mproc_stdio_t quiet = {.kind = MPROC_STDIO_NULL};

/* ---- arguments ------------------------------------------------------------------------------------------------------------------ */

static void check_echo(const mproc_args_t *args, const char *expected) {
    mproc_process_t *process = ended(&(mproc_process_options_t){.target = &args_echo, .args = args, .result = true});
    CHECK_EQ_STR(result_repr(process), expected);
    mproc_process_destroy(process);
}

TEST(process_args, every_type_arrives_equal) {
    unsigned char bytes[] = {0, 1, 0xff};
    check_echo(NULL, "[{}]");
    check_echo(MPROC_ARGS(MPROC_NIL, MPROC_BOOL(true), MPROC_BOOL(0), 0, -1, 'c'),
               "[None, True, False, 0, -1, 99, {}]");
    check_echo(MPROC_ARGS(INT64_MIN, INT64_MAX, UINT64_MAX, 127, 128, 65535, 65536, -32769),
               "[-9223372036854775808, 9223372036854775807, 18446744073709551615, 127, 128, 65535, 65536, -32769, {}]");
    check_echo(MPROC_ARGS(0.0, -0.0, 1.5, 0.1, 1e300, INFINITY, -INFINITY, 2.5f),
               "[0.0, -0.0, 1.5, 0.1, 1e+300, inf, -inf, 2.5, {}]");
    check_echo(MPROC_ARGS("", "text", "\xC3\xA4\xE2\x82\xAC", "it's"),
               "['', 'text', '\xC3\xA4\xE2\x82\xAC', \"it's\", {}]");
    check_echo(MPROC_ARGS(MPROC_BYTES(bytes, 3), MPROC_BYTES(bytes, 0), MPROC_TEXT("abcdef", 3)),
               "[b'\\x00\\x01\\xff', b'', 'abc', {}]");
    check_echo(
        MPROC_ARGS(MPROC_LIST(1, "two", MPROC_LIST(3.0)), MPROC_DICT(MPROC_KW("a", 1), MPROC_KW("b", MPROC_NIL))),
        "[[1, 'two', [3.0]], {'a': 1, 'b': None}, {}]");
}

TEST(process_args, keywords_arrive_beside_positions) {
    check_echo(MPROC_ARGS(1, MPROC_KW("width", 640), MPROC_KW("name", "x")), "[1, {'width': 640, 'name': 'x'}]");
    mproc_process_t *process = ended(
        &(mproc_process_options_t){.target = &args_keyword, .args = MPROC_ARGS(MPROC_KW("width", 9)), .result = true});
    CHECK_EQ_STR(result_repr(process), "9");
    mproc_process_destroy(process);
    process = ended(&(mproc_process_options_t){.target = &args_keyword, .result = true});
    CHECK_EQ_STR(result_repr(process), "-1");
    mproc_process_destroy(process);
}

TEST(process_args, received_value_can_be_sent_on) {
    const mproc_value_t *value = NULL;
    mproc_process_t *first = ended(&(mproc_process_options_t){
        .target = &args_echo, .args = MPROC_ARGS(1, MPROC_DICT(MPROC_KW("deep", MPROC_LIST("x")))), .result = true});
    REQUIRE_OK(mproc_process_result(first, 0, &value));
    check_echo(MPROC_ARGS(value), "[[1, {'deep': ['x']}, {}], {}]");
    mproc_process_destroy(first);
}

TEST(process_args, are_encoded_by_create_and_not_looked_at_later) {
    char text[] = "before";
    mproc_process_t *process = NULL;
    REQUIRE_OK(mproc_process_create(
        &(mproc_process_options_t){.target = &args_echo, .args = MPROC_ARGS(text), .result = true}, &process));
    text[0] = 'B';
    REQUIRE_OK(mproc_process_start(process));
    CHECK_EQ_STR(result_repr(process), "['before', {}]");
    mproc_process_destroy(process);
}

/* ---- failures ------------------------------------------------------------------------------------------------------------------- */

/* The process fails with code, exits with 1, and says on standard error which process, which task, and this. */
static void check_failure(mproc_process_options_t options, int code, const char *text) {
    char path[1024];
    int64_t exitcode = 0;
    const mproc_value_t *value = NULL;
    test_temp_path("stderr", path, sizeof path);
    options.result = true;
    options.standard_error = (mproc_stdio_t){.kind = MPROC_STDIO_FILE, .path = path};
    mproc_process_t *process = ended(&options);
    const mproc_error_t *error = error_of(process);
    CHECK_OK(mproc_process_exitcode(process, &exitcode));
    CHECK_EQ_INT(exitcode, 1);
    CHECK_EQ_INT(error->code, code);
    CHECK_EQ_STR(error->task, options.target->name);
    CHECK_EQ_INT(error->pid, mproc_process_pid(process));
    CHECK_HAS_STR(error->message, text);
    CHECK_ERR(mproc_process_result(process, 0, &value), code);
    CHECK_HAS_STR(mproc_last_error()->message, text);
    CHECK_HAS_STR(read_file(path), mproc_process_name(process));
    CHECK_HAS_STR(read_file(path), options.target->name);
    CHECK_HAS_STR(read_file(path), text);
    mproc_process_destroy(process);
}

TEST(process_args, wrong_type_fails_with_a_message_on_stderr) {
    check_failure((mproc_process_options_t){.target = &args_two, .args = MPROC_ARGS(1, 2)}, MPROC_ETYPE, "argument 2");
    check_failure((mproc_process_options_t){.target = &args_two, .args = MPROC_ARGS("1", "2")}, MPROC_ETYPE,
                  "argument 1");
    check_failure((mproc_process_options_t){.target = &args_keyword, .args = MPROC_ARGS(MPROC_KW("width", "wide"))},
                  MPROC_ETYPE, "width");
}

TEST(process_args, wrong_count_fails_with_a_message_on_stderr) {
    check_failure((mproc_process_options_t){.target = &args_two}, MPROC_ETYPE, "args_two");
    check_failure((mproc_process_options_t){.target = &args_two, .args = MPROC_ARGS(1)}, MPROC_ETYPE, "args_two");
    check_failure((mproc_process_options_t){.target = &args_two, .args = MPROC_ARGS(1, "2", 3)}, MPROC_ETYPE,
                  "args_two");
}

TEST(process_args, values_beyond_the_limits_fail) {
    check_failure((mproc_process_options_t){.target = &args_two,
                                            .args = MPROC_ARGS(1, MPROC_LIST(MPROC_LIST(MPROC_LIST(1)))),
                                            .values = {.max_depth = 3}},
                  MPROC_ETOOBIG, "depth");
    check_failure(
        (mproc_process_options_t){.target = &args_two, .args = MPROC_ARGS(1, "x"), .values = {.max_count = 2}},
        MPROC_ETOOBIG, "count");
    check_failure(
        (mproc_process_options_t){.target = &args_two, .args = MPROC_ARGS(1, "xxxxxxxx"), .values = {.max_size = 8}},
        MPROC_ETOOBIG, "size");
}

TEST(process_args, failed_task_keeps_code_text_and_place) {
    char path[1024];
    test_temp_path("stderr", path, sizeof path);
    mproc_process_t *process = ended(
        &(mproc_process_options_t){.target = &args_fail, .standard_error = {.kind = MPROC_STDIO_FILE, .path = path}});
    const mproc_error_t *error = error_of(process);
    CHECK_EQ_INT(error->code, MPROC_ETASK);
    CHECK_EQ_INT(error->task_code, 42);
    CHECK_EQ_STR(error->message, "the moon is 7");
    CHECK_HAS_STR(error->file, "process_args.c");
    CHECK(error->line > 0);
    CHECK_EQ_INT(error->exit.how, MPROC_EXIT_EXITED);
    CHECK_EQ_INT(error->exit.code, 1);
    CHECK_HAS_STR(read_file(path), "the moon is 7");
    CHECK_HAS_STR(read_file(path), "process_args.c");
    mproc_process_destroy(process);
}

TEST(process_args, failure_of_any_length_is_told_whether_or_not_a_result_is_wanted) {
    for (int result = 0; result < 2; result++) {
        mproc_process_t *process = ended(
            &(mproc_process_options_t){.target = &args_fail_at_length, .result = result != 0, .standard_error = quiet});
        const mproc_error_t *error = error_of(process);
        CHECK_EQ_INT(error->code, MPROC_ETASK);
        CHECK_EQ_INT(error->task_code, 1);
        CHECK_EQ_MEM(error->message, "begin xxxx", 10);
        mproc_process_destroy(process);
    }
}

TEST(process_args, returned_number_is_the_task_code) {
    mproc_process_t *process =
        ended(&(mproc_process_options_t){.target = &args_return_number, .standard_error = quiet});
    const mproc_error_t *error = error_of(process);
    CHECK_EQ_INT(error->code, MPROC_ETASK);
    CHECK_EQ_INT(error->task_code, 17);
    CHECK_EQ_INT(error->exit.code, 1);
    mproc_process_destroy(process);
}

/* ---- raw input ------------------------------------------------------------------------------------------------------------------ */

static void check_input(size_t size) {
    char expected[128];
    unsigned char *data = malloc(size > 0 ? size : 1);
    uint64_t sum = 0;
    REQUIRE(data != NULL);
    for (size_t i = 0; data != NULL && i < size; i++) {
        data[i] = (unsigned char)(i % 256);
        sum += data[i];
    }
    (void)snprintf(expected, sizeof expected, "[%zu, %llu, 0]", size, (unsigned long long)sum);
    mproc_process_t *process = started(&(mproc_process_options_t){
        .target = &args_sum_input, .args = MPROC_ARGS(1, "beside"), .input = data, .input_size = size, .result = true});
    free(data);
    CHECK_EQ_STR(result_repr(process), expected);
    mproc_process_destroy(process);
}

TEST(process_args, raw_input_of_any_size_arrives_aligned) {
    static const size_t sizes[] = {0, 1, 15, 16, 17, 3000, 4095, 4096, 4097, 65535, 65536, 65537, 1000003};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        check_input(sizes[i]);
}

TEST(process_args, input_of_16_mib_arrives) {
    check_input(16 << 20);
}

TEST(process_args, start_does_not_wait_for_the_child_to_read) {
    unsigned char *data = calloc(1, 8 << 20);
    REQUIRE(data != NULL);
    mproc_process_t *process =
        started(&(mproc_process_options_t){.target = &args_nothing, .input = data, .input_size = 8 << 20});
    CHECK_OK(mproc_process_kill(process));
    CHECK_OK(mproc_process_join(process, LONG_MS));
    free(data);
    mproc_process_destroy(process);
}

/* ---- results -------------------------------------------------------------------------------------------------------------------- */

static bool is_made(const unsigned char *data, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (data[i] != (unsigned char)(i * 7 % 251))
            return false;
    return true;
}

TEST(process_args, raw_results_of_any_size_arrive) {
    static const size_t sizes[] = {0, 1, 4000, 4079, 4080, 4081, 65536, 1000003, 16 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        mproc_process_t *process = started(
            &(mproc_process_options_t){.target = &args_make_bytes, .args = MPROC_ARGS(sizes[i]), .result = true});
        const void *data = NULL;
        size_t size = 1;
        CHECK_OK(mproc_process_result_bytes(process, LONG_MS, &data, &size));
        CHECK_EQ_UINT(size, sizes[i]);
        CHECK(size != sizes[i] || is_made(data, size));
        mproc_process_destroy(process);
    }
}

static void check_text_result(size_t size) {
    const mproc_value_t *value = NULL;
    const char *text = NULL;
    size_t length = 0;
    mproc_process_t *process =
        started(&(mproc_process_options_t){.target = &args_make_text, .args = MPROC_ARGS(size), .result = true});
    /* A join alone must take what the child has to send, or neither would ever end. */
    CHECK_OK(mproc_process_join(process, LONG_MS));
    REQUIRE_OK(mproc_process_result(process, 0, &value));
    REQUIRE_OK(mproc_value_as_string(value, &text, &length));
    CHECK_EQ_UINT(length, size);
    CHECK(length == size && (size == 0 || (text[0] == 'x' && text[size - 1] == 'x')));
    mproc_process_destroy(process);
}

TEST(process_args, value_results_of_any_size_arrive) {
    check_text_result(0);
    check_text_result(4000);
    check_text_result(5000);
    check_text_result(100000);
    check_text_result(16 << 20);
}

TEST(process_args, large_result_that_nobody_asked_for_is_no_trouble) {
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){.target = &args_make_bytes, .args = MPROC_ARGS(16 << 20)}), 0);
}

TEST(process_args, destroy_of_one_with_a_large_result_unread_leaves_nothing) {
    mproc_process_t *process =
        started(&(mproc_process_options_t){.target = &args_make_bytes, .args = MPROC_ARGS(16 << 20), .result = true});
    mproc_process_destroy(process);
}

TEST(process_args, result_kinds_are_not_mixed_up) {
    const mproc_value_t *value = NULL;
    const void *data = NULL;
    size_t size = 0;
    mproc_process_t *process =
        started(&(mproc_process_options_t){.target = &args_make_bytes, .args = MPROC_ARGS(3), .result = true});
    CHECK_ERR(mproc_process_result(process, LONG_MS, &value), MPROC_ETYPE);
    CHECK_HAS_STR(mproc_last_error()->message, "mproc_process_result_bytes");
    mproc_process_destroy(process);
    process = started(&(mproc_process_options_t){.target = &args_nothing, .result = true});
    CHECK_ERR(mproc_process_result_bytes(process, LONG_MS, &data, &size), MPROC_ETYPE);
    CHECK_EQ_STR(result_repr(process), "None");
    mproc_process_destroy(process);
    process = started(&(mproc_process_options_t){.target = &args_nothing});
    CHECK_ERR(mproc_process_result(process, LONG_MS, &value), MPROC_ESTATE);
    CHECK_HAS_STR(mproc_last_error()->message, "options.result");
    mproc_process_destroy(process);
}

TEST(process_args, result_waits_no_longer_than_told) {
    mproc_process_t *process = NULL;
    const mproc_value_t *value = NULL;
    REQUIRE_OK(mproc_process_create(&(mproc_process_options_t){.target = &args_nothing, .result = true}, &process));
    CHECK_ERR(mproc_process_result(process, 0, &value), MPROC_ESTATE);
    mproc_process_destroy(process);
}

TEST(process_args, result_outlives_a_crash_in_an_exit_handler) {
    mproc_process_t *process =
        ended(&(mproc_process_options_t){.target = &args_return_then_crash, .result = true, .standard_error = quiet});
    CHECK_EQ_INT(exit_of(process).how, MPROC_EXIT_CRASHED);
    CHECK_EQ_STR(result_repr(process), "'safe'");
    CHECK(mproc_process_error(process) != NULL);
    mproc_process_destroy(process);
}

/* ---- a child that writes what no child would write ---------------------------------------------------------------------------- */

MPROC_TASK(args_babble) {
    unsigned char garbage[64];
    memset(garbage, 0xA5, sizeof garbage);
    if (host_write_everywhere(garbage, sizeof garbage) == 0)
        return mproc_call_fail(call, 1, "found nothing to write to");
    host_sleep_forever();
}

TEST(process_args, child_that_writes_garbage_is_killed_and_reported) {
    mproc_process_t *process =
        ended(&(mproc_process_options_t){.target = &args_babble, .result = true, .standard_error = quiet});
    const mproc_error_t *error = error_of(process);
    const mproc_value_t *value = NULL;
    CHECK_EQ_INT(error->code, MPROC_EMALFORMED);
    CHECK_HAS_STR(error->message, "no mproc sends");
    CHECK_ERR(mproc_process_result(process, 0, &value), MPROC_EMALFORMED);
    mproc_process_destroy(process);
}
