/* SPDX-License-Identifier: Apache-2.0 */
/* What workers write to standard error: it is in the error of what died, and it appears where this process's own does. */
#include "process_help.h"
#include "process_host.h"
#include "task_files.h"
#include "test.h"

#include <mproc/mproc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 60, LINES = 300, FLOOD = 1 << 20, FLOOD_LINE = 64 };

/* ---- tasks of workers ------------------------------------------------------------------------------------------------------ */

/* Says the text and ends as its first letter tells. */
MPROC_TASK(stderr_say) {
    static volatile uintptr_t nowhere = 16;
    const char *how = "", *text = "";
    int err = mproc_call_args(call, "ss", &how, &text);
    if (err != MPROC_OK)
        return err;
    (void)fputs(text, stderr);
    if (how[0] == 'a')
        abort();
    if (how[0] == 'c')
        *(volatile int *)nowhere = 1;
    if (how[0] == 'e')
        exit(3);
    if (how[0] == 'k')
        (void)host_kill(host_pid());
    if (how[0] == 't' || how[0] == 'k')
        host_sleep_forever();
    return MPROC_OK;
}

MPROC_TASK(stderr_many_lines) {
    (void)call;
    for (int i = 0; i < LINES; i++)
        (void)fprintf(stderr, "line %03d of many lines\n", i);
    exit(3);
}

MPROC_TASK(stderr_garbage) {
    (void)call;
    char bytes[256];
    size_t size = 0;
    for (int i = 0; i < 256; i++) {
        if (i != '\n')
            bytes[size++] = (char)i;
    }
    (void)fwrite(bytes, 1, size, stderr);
    (void)fputs("caf\xc3\xa9", stderr);
    exit(3);
}

/* Writes a lot of whole lines, and returns. */
MPROC_TASK(stderr_flood) {
    char line[FLOOD_LINE + 1];
    memset(line, 'x', FLOOD_LINE - 1);
    line[FLOOD_LINE - 1] = '\n';
    line[FLOOD_LINE] = '\0';
    for (int i = 0; i < FLOOD / FLOOD_LINE; i++)
        (void)fputs(line, stderr);
    return mproc_call_return(call, (int64_t)7);
}

MPROC_TASK(stderr_quiet) {
    return mproc_call_return(call, (int64_t)8);
}

/* Tells its number in a file, and stays. */
MPROC_TASK(stderr_sleeper) {
    const char *path = "";
    char text[32];
    int err = mproc_call_args(call, "s", &path);
    if (err != MPROC_OK)
        return err;
    (void)snprintf(text, sizeof text, "%lld\n", (long long)host_pid());
    (void)write_file(path, text);
    host_sleep_forever();
}

/* Leaves a process behind that has the same standard error, and dies. */
MPROC_TASK(stderr_leave_one) {
    mproc_process_t *process = NULL;
    const char *path = "";
    int err = mproc_call_args(call, "s", &path);
    mproc_process_options_t options = {.target = &stderr_sleeper, .args = MPROC_ARGS(path), .detached = true};
    if (err == MPROC_OK)
        err = mproc_process_create(&options, &process);
    if (err == MPROC_OK)
        err = mproc_process_start(process);
    if (err != MPROC_OK)
        return err;
    for (int i = 0; i < 20000 && !file_exists(path); i++)
        host_sleep_ms(1);
    (void)fputs("left one behind\n", stderr);
    abort();
}

MPROC_TASK(stderr_bad_start) {
    (void)call;
    (void)fputs("cannot start: no licence\n", stderr);
    return mproc_call_fail(call, 5, "no licence");
}

/* ---- tasks of processes that make a pool: their standard error is the test's to choose ---------------------------------------- */

/* Runs a task that writes text and dies, or lives; returns what the error has of it. */
MPROC_TASK(stderr_host) {
    const char *how = "", *text = "";
    mproc_pool_t *pool = NULL;
    mproc_pool_options_t options = {.processes = 1};
    int err = mproc_call_args(call, "ss", &how, &text);
    if (err != MPROC_OK)
        return err;
    if (how[0] == 'C')
        host_close_streams();
    if (how[0] == 'D')
        options.no_stderr_tail = true;
    err = mproc_pool_create(&options, &pool);
    if (err != MPROC_OK)
        return err;
    err = mproc_pool_apply(pool, &stderr_say, MPROC_ARGS(how + 1, text), NULL, NULL);
    if (how[0] == 'X')
        exit(err == MPROC_OK ? 0 : 1); /* with the pool open */
    char tail[4096] = "";
    if (err == MPROC_EDIED)
        (void)snprintf(tail, sizeof tail, "%s", mproc_last_error()->stderr_tail);
    mproc_pool_destroy(pool);
    return mproc_call_return(call, (const char *)tail);
}

MPROC_TASK(stderr_flood_host) {
    mproc_pool_t *pool = NULL;
    mproc_result_t *flood = NULL;
    int64_t sum = 0;
    int err = mproc_pool_create(&(mproc_pool_options_t){.processes = 2}, &pool);
    if (err == MPROC_OK)
        err = mproc_pool_apply_async(pool, &stderr_flood, NULL, NULL, &flood);
    for (int i = 0; err == MPROC_OK && i < 100; i++)
        err = mproc_pool_apply(pool, &stderr_quiet, NULL, NULL, NULL);
    const mproc_value_t *value = NULL;
    if (err == MPROC_OK)
        err = mproc_result_get(flood, LONG_MS, &value);
    if (err == MPROC_OK)
        err = mproc_value_as_int(value, &sum);
    mproc_result_release(flood);
    mproc_pool_destroy(pool);
    return err == MPROC_OK ? mproc_call_return(call, sum) : err;
}

static atomic_int inside, may_leave;

/* Stays until the flood has ended, or a while. */
static void stay(mproc_result_t *result, void *context) {
    (void)result;
    (void)context;
    atomic_store(&inside, 1);
    for (int i = 0; i < 20000 && atomic_load(&may_leave) == 0; i++)
        host_sleep_ms(1);
    if (atomic_load(&may_leave) == 0)
        atomic_store(&inside, -1);
}

/* Gives 1 when a worker wrote much, and for the first time, while a callback stayed. */
MPROC_TASK(stderr_callback_host) {
    mproc_pool_t *pool = NULL;
    int err = mproc_pool_create(&(mproc_pool_options_t){.processes = 1}, &pool);
    if (err == MPROC_OK)
        err = mproc_pool_apply_async(pool, &stderr_quiet, NULL, &(mproc_task_options_t){.callback = stay}, NULL);
    while (err == MPROC_OK && atomic_load(&inside) == 0)
        host_sleep_ms(1);
    if (err == MPROC_OK)
        err = mproc_pool_apply(pool, &stderr_flood, NULL, NULL, NULL);
    int64_t stayed = atomic_load(&inside);
    atomic_store(&may_leave, 1);
    mproc_pool_destroy(pool);
    return err == MPROC_OK ? mproc_call_return(call, stayed) : err;
}

static void warm_up(void) {
    mproc_pool_t *pool = NULL;
    if (mproc_pool_create(&(mproc_pool_options_t){.processes = 1}, &pool) == MPROC_OK)
        (void)mproc_pool_apply(pool, &stderr_say, MPROC_ARGS("e", ""), NULL, NULL);
    mproc_pool_destroy(pool);
    warm_up_with(&stderr_quiet);
}
TEST_WARM_UP(warm_up)

/* ---- the error ------------------------------------------------------------------------------------------------------------------ */

static mproc_pool_t *make_pool(int processes) {
    mproc_pool_t *pool = NULL;
    REQUIRE_OK(mproc_pool_create(&(mproc_pool_options_t){.processes = processes, .restart_limit = 1000}, &pool));
    return pool;
}

static void check_said(const char *how, int code) {
    mproc_pool_t *pool = make_pool(1);
    mproc_task_options_t options = {.timeout_ms = how[0] == 't' ? 500 : 0};
    CHECK_OK(mproc_pool_apply(pool, &stderr_say, MPROC_ARGS("return", "of an earlier task\n"), NULL, NULL));
    CHECK_ERR(
        mproc_pool_apply(pool, &stderr_say, MPROC_ARGS(how, "Assertion `n > 0' failed.\nlast words"), &options, NULL),
        code);
    const mproc_error_t *error = mproc_last_error();
    CHECK_HAS_STR(error->stderr_tail, "of an earlier task\nAssertion `n > 0' failed.\nlast words");
    mproc_pool_destroy(pool);
}

TEST(pool_stderr, what_an_aborted_worker_said_is_in_the_error) {
    check_said("abort", MPROC_EDIED);
}

TEST(pool_stderr, what_a_crashed_worker_said_is_in_the_error) {
    check_said("crash", MPROC_EDIED);
}

TEST(pool_stderr, what_an_exiting_worker_said_is_in_the_error) {
    check_said("exit", MPROC_EDIED);
}

TEST(pool_stderr, what_a_killed_worker_said_is_in_the_error) {
    check_said("kill", MPROC_EDIED);
}

TEST(pool_stderr, what_a_worker_said_whose_time_is_over_is_in_the_error) {
    check_said("timeout", MPROC_ETASKTIMEOUT);
}

TEST(pool_stderr, the_formatted_error_shows_the_lines) {
    mproc_pool_t *pool = make_pool(1);
    char text[8192];
    CHECK_ERR(mproc_pool_apply(pool, &stderr_say, MPROC_ARGS("exit", "one\ntwo\n"), NULL, NULL), MPROC_EDIED);
    (void)mproc_error_format(NULL, text, sizeof text);
    CHECK_HAS_STR(text, "\n  last lines on standard error\n    one\n    two");
    mproc_pool_destroy(pool);
}

TEST(pool_stderr, a_new_worker_begins_with_nothing) {
    mproc_pool_t *pool = make_pool(1);
    CHECK_ERR(mproc_pool_apply(pool, &stderr_say, MPROC_ARGS("exit", "the first\n"), NULL, NULL), MPROC_EDIED);
    CHECK_EQ_STR(mproc_last_error()->stderr_tail, "the first\n");
    CHECK_ERR(mproc_pool_apply(pool, &stderr_say, MPROC_ARGS("exit", ""), NULL, NULL), MPROC_EDIED);
    CHECK_EQ_STR(mproc_last_error()->stderr_tail, "");
    mproc_pool_destroy(pool);
}

TEST(pool_stderr, of_much_the_last_whole_lines_are_kept) {
    mproc_pool_t *pool = make_pool(1);
    CHECK_ERR(mproc_pool_apply(pool, &stderr_many_lines, NULL, NULL, NULL), MPROC_EDIED);
    const char *tail = mproc_last_error()->stderr_tail;
    size_t length = strlen(tail);
    CHECK(length <= 2048 && length > 1900);
    CHECK(strncmp(tail, "line ", 5) == 0);
    CHECK_HAS_STR(tail, "line 298 of many lines\nline 299 of many lines\n");
    mproc_pool_destroy(pool);
}

TEST(pool_stderr, garbage_comes_as_question_marks) {
    mproc_pool_t *pool = make_pool(1);
    CHECK_ERR(mproc_pool_apply(pool, &stderr_garbage, NULL, NULL, NULL), MPROC_EDIED);
    const char *tail = mproc_last_error()->stderr_tail;
    CHECK_HAS_STR(tail, "!\"#$%&'()*+,-./0123456789:;<=>?@ABC");
    CHECK_HAS_STR(tail, "?caf\xc3\xa9");
    for (const char *at = tail; *at != '\0' && *at != 'c'; at++)
        CHECK((unsigned char)*at < 0x7f && ((unsigned char)*at >= 0x20 || *at == '\t'));
    mproc_pool_destroy(pool);
}

TEST(pool_stderr, many_workers_words_are_not_mixed_up) {
    static mproc_result_t *results[MANY];
    mproc_pool_t *pool = make_pool(MANY);
    char text[32];
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(text, sizeof text, "I am number %d.", i);
        REQUIRE_OK(
            mproc_pool_apply_async(pool, &stderr_say, MPROC_ARGS("exit", (const char *)text), NULL, &results[i]));
    }
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(text, sizeof text, "I am number %d.", i);
        CHECK_ERR(mproc_result_get(results[i], LONG_MS, NULL), MPROC_EDIED);
        CHECK_EQ_STR(mproc_result_error(results[i])->stderr_tail, text);
        mproc_result_release(results[i]);
    }
    mproc_pool_destroy(pool);
}

TEST(pool_stderr, a_failed_initializers_words_are_in_the_error) {
    mproc_pool_t *pool = NULL;
    mproc_pool_options_t options = {.processes = 1, .initializer = &stderr_bad_start, .restart_limit = 1};
    REQUIRE_OK(mproc_pool_create(&options, &pool));
    CHECK_ERR(mproc_pool_apply(pool, &stderr_quiet, NULL, NULL, NULL), MPROC_EINIT);
    CHECK_HAS_STR(mproc_last_error()->stderr_tail, "cannot start: no licence\n");
    mproc_pool_destroy(pool);
}

TEST(pool_stderr, a_process_left_behind_keeps_nobody_waiting) {
    mproc_pool_t *pool = make_pool(1);
    char path[1200];
    long long pid = 0;
    test_temp_path("pid", path, sizeof path);
    CHECK_ERR(mproc_pool_apply(pool, &stderr_leave_one, MPROC_ARGS((const char *)path), NULL, NULL), MPROC_EDIED);
    CHECK_HAS_STR(mproc_last_error()->stderr_tail, "left one behind\n");
    CHECK_OK(mproc_pool_apply(pool, &stderr_quiet, NULL, NULL, NULL));
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    mproc_pool_destroy(pool);
    pid = strtoll(await_file(path), NULL, 10);
    REQUIRE(pid > 0);
    CHECK(host_runs(pid));
    CHECK(host_kill(pid));
}

/* ---- this process's standard error ---------------------------------------------------------------------------------------------- */

static const char *run_host(const mproc_task_t *task, const mproc_args_t *args, const mproc_stdio_t *standard_error) {
    mproc_process_options_t options = {.target = task, .args = args, .result = true, .standard_error = *standard_error};
    mproc_process_t *process = ended(&options);
    const char *repr = result_repr(process);
    mproc_process_destroy(process);
    return repr;
}

static void check_host(const char *how, const char *text, const char *repr) {
    char path[1200];
    test_temp_path("err", path, sizeof path);
    mproc_stdio_t file = {.kind = MPROC_STDIO_FILE, .path = path};
    CHECK_EQ_STR(run_host(&stderr_host, MPROC_ARGS(how, text), &file), repr);
    CHECK_EQ_STR(read_file(path), how[0] == 'C' ? "" : text);
}

TEST(pool_stderr, appears_unchanged_on_ours) {
    check_host("-exit", "\x1b[31mred\x1b[0m \x01 end", "'?[31mred?[0m ? end'");
}

TEST(pool_stderr, of_a_living_worker_appears_by_the_pools_end) {
    check_host("-return", "all is well", "''");
}

TEST(pool_stderr, goes_there_directly_if_asked) {
    check_host("Dexit", "not captured", "''");
}

/* On Windows nothing can take a stream away from a program. */
TEST(pool_stderr, is_kept_by_a_process_that_has_none) {
    char path[1200];
    test_temp_path("err", path, sizeof path);
    mproc_stdio_t file = {.kind = MPROC_STDIO_FILE, .path = path};
    CHECK_EQ_STR(run_host(&stderr_host, MPROC_ARGS("Cexit", "nobody sees it"), &file), "'nobody sees it'");
}

TEST(pool_stderr, appears_although_the_program_exits_with_an_open_pool) {
    char path[1200];
    test_temp_path("err", path, sizeof path);
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){.target = &stderr_host,
                                                     .args = MPROC_ARGS("Xreturn", "still there"),
                                                     .standard_error = {.kind = MPROC_STDIO_FILE, .path = path}}),
                 0);
    CHECK_EQ_STR(read_file(path), "still there");
}

TEST(pool_stderr, elsewhere_is_the_users_own) {
    char path[1200];
    mproc_pool_t *pool = NULL;
    test_temp_path("err", path, sizeof path);
    mproc_process_options_t worker = {.standard_error = {.kind = MPROC_STDIO_FILE, .path = path}};
    REQUIRE_OK(mproc_pool_create(&(mproc_pool_options_t){.processes = 1, .worker = &worker}, &pool));
    CHECK_ERR(mproc_pool_apply(pool, &stderr_say, MPROC_ARGS("exit", "for a file"), NULL, NULL), MPROC_EDIED);
    CHECK_EQ_STR(mproc_last_error()->stderr_tail, "");
    mproc_pool_destroy(pool);
}

TEST(pool_stderr, a_flood_arrives_whole_and_keeps_no_other_worker_waiting) {
    char path[1200];
    test_temp_path("err", path, sizeof path);
    mproc_stdio_t file = {.kind = MPROC_STDIO_FILE, .path = path};
    CHECK_EQ_STR(run_host(&stderr_flood_host, NULL, &file), "7");
    long size = 0, others = 0;
    FILE *shown = fopen(path, "r");
    REQUIRE(shown != NULL);
    for (int c = fgetc(shown); c != EOF; c = fgetc(shown)) {
        size++;
        others += c != 'x' && c != '\n';
    }
    (void)fclose(shown);
    CHECK_EQ_INT(size, FLOOD);
    CHECK_EQ_INT(others, 0);
}

TEST(pool_stderr, a_flood_waits_for_no_callback) {
    char path[1200];
    test_temp_path("err", path, sizeof path);
    mproc_stdio_t file = {.kind = MPROC_STDIO_FILE, .path = path};
    CHECK_EQ_STR(run_host(&stderr_callback_host, NULL, &file), "1");
}

TEST(pool_stderr, that_nobody_reads_stops_no_worker) {
    intptr_t read_end = -1, write_end = -1;
    REQUIRE(host_open_pipe(&read_end, &write_end));
    mproc_stdio_t pipe = {.kind = MPROC_STDIO_HANDLE, .handle = write_end};
    CHECK_EQ_STR(run_host(&stderr_flood_host, NULL, &pipe), "7");
    host_close(write_end);
    host_close(read_end);
}

TEST(pool_stderr, whose_reader_is_gone_stops_no_worker) {
    intptr_t write_end = host_open_broken();
    REQUIRE(write_end != -1);
    mproc_stdio_t pipe = {.kind = MPROC_STDIO_HANDLE, .handle = write_end};
    CHECK_EQ_STR(run_host(&stderr_flood_host, NULL, &pipe), "7");
    host_close(write_end);
}

/* ---- handles -------------------------------------------------------------------------------------------------------------------- */

TEST(pool_stderr, a_full_handle_table_fails_the_start_and_leaves_nothing) {
    bool made = false;
    for (size_t more = 0; !made && more < 64; more++) {
        mproc_pool_t *pool = NULL;
        size_t before = host_count_handles();
        if (!host_limit_handles(more))
            SKIP("this system limits no handles");
        int err = mproc_pool_create(&(mproc_pool_options_t){.processes = 1}, &pool);
        host_unlimit_handles();
        made = err == MPROC_OK;
        CHECK(made || (err != MPROC_OK && pool == NULL));
        mproc_pool_destroy(pool);
        CHECK_EQ_UINT(host_count_handles(), before);
    }
    CHECK(made);
}

TEST(pool_stderr, pools_that_come_and_go_leave_no_handle) {
    size_t before = host_count_handles();
    for (int i = 0; i < 20; i++) {
        mproc_pool_t *pool = make_pool(2);
        CHECK_ERR(mproc_pool_apply(pool, &stderr_say, MPROC_ARGS("exit", "bye"), NULL, NULL), MPROC_EDIED);
        mproc_pool_destroy(pool);
    }
    CHECK(host_count_handles() <= before);
}

TEST(pool_stderr, two_hundred_workers_fit_a_usual_handle_table) {
    mproc_pool_t *pool = NULL;
#if defined(MPROC_PORTABLE)
    SKIP("the portable variants take more handles for a worker");
#endif
    if (!host_limit_handles(1000))
        SKIP("this system limits no handles");
    int err = mproc_pool_create(&(mproc_pool_options_t){.processes = 200}, &pool);
    host_unlimit_handles();
    CHECK_OK(err);
    if (err == MPROC_OK)
        CHECK_OK(mproc_pool_apply(pool, &stderr_quiet, NULL, NULL, NULL));
    mproc_pool_destroy(pool);
}
