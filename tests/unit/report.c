/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: one report per thread, complete where there is memory and a code where there is none, and text for
 * people. */
#include "report.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_support.h"
#include "memory.h"
#include "platform/platform.h"
#include "test.h"
#include "threads.h"

/* ---- the thread's last error ----------------------------------------------------------------------------------- */

TEST(report, before_any_failure_there_is_no_error) {
    mproc_error_clear();
    const mproc_error_t *error = mproc_last_error();
    CHECK_EQ_INT(error->code, MPROC_OK);
    CHECK_EQ_STR(error->message, "");
    CHECK_EQ_STR(error->task, "");
    CHECK_EQ_STR(error->file, "");
    CHECK_EQ_STR(error->backtrace, "");
    CHECK_EQ_STR(error->stderr_tail, "");
    CHECK_EQ_STR(error->exit.name, "");
    CHECK_EQ_INT(error->item, -1);
}

TEST(report, fail_sets_code_and_sentence) {
    CHECK_EQ_INT(mproc_fail(MPROC_ECLOSED, "The %s is closed after %d tasks", "pool", 7), MPROC_ECLOSED);
    check_last_error(MPROC_ECLOSED, "The pool is closed after 7 tasks");
    CHECK_EQ_INT(mproc_fail(MPROC_ESTATE, "Later"), MPROC_ESTATE);
    check_last_error(MPROC_ESTATE, "Later");
    CHECK_EQ_INT(mproc_fail_memory("the pool"), MPROC_ENOMEM);
    check_last_error(MPROC_ENOMEM, "No memory for the pool");
    mproc_error_clear();
    CHECK_EQ_INT(mproc_last_error()->code, MPROC_OK);
}

TEST(report, a_sentence_may_quote_the_present_one) {
    (void)mproc_fail(MPROC_EINVAL, "inner");
    for (int i = 0; i < 3; i++)
        (void)mproc_fail(MPROC_EINVAL, "outer: %s", mproc_last_error()->message);
    check_last_error(MPROC_EINVAL, "outer: outer: outer: inner");
    (void)mproc_fail_error(mproc_last_error());
    check_last_error(MPROC_EINVAL, "outer: outer: outer: inner");
}

TEST(report, an_endless_sentence_is_cut) {
    (void)mproc_fail(MPROC_EINVAL, "%05000d", 1);
    CHECK_EQ_UINT(strlen(mproc_last_error()->message), 1023);
}

/* A failing call of the platform layer, whose trace the functions below take up. */
static int fail_in_platform(void) {
    mplat_handle_t copy;
    return mplat_handle_duplicate((mplat_handle_t)99999, &copy);
}

TEST(report, system_errors_name_step_and_reason) {
    char reason[256];
    char expected[512];
    int err = fail_in_platform();
    mplat_failure_t failure = mplat_failure();
    REQUIRE(err != 0 && failure.os_code != 0);
    mplat_os_error_text(failure.os_code, reason, sizeof reason);

    CHECK_EQ_INT(mproc_fail_system(MPROC_ESPAWN, "Cannot start '%s'", "x"), MPROC_ESPAWN);
    snprintf(expected, sizeof expected, "Cannot start 'x' (%s: %s)", failure.step, reason);
    check_last_error(MPROC_ESPAWN, expected);
    CHECK_EQ_INT(mproc_last_error()->os_code, failure.os_code);

    int code = mproc_fail_platform(err, "Cannot make a pool");
    CHECK_EQ_INT(code, mproc_code_of_platform(err));
    snprintf(expected, sizeof expected, "Cannot make a pool: %s (%s: %s)", mplat_error_text(err), failure.step, reason);
    check_last_error(code, expected);
    CHECK_EQ_INT(mproc_last_error()->os_code, failure.os_code);
}

TEST(report, every_platform_error_has_a_code_and_keeps_its_cause) {
#define X(name, value, text)                                                                                           \
    CHECK(mproc_code_of_platform(name) != MPROC_OK);                                                                   \
    (void)mproc_fail_platform(name, "Step");                                                                           \
    CHECK_HAS_STR(mproc_last_error()->message, "Step: " text);
    MPLAT_ERRORS(X)
#undef X
    CHECK_EQ_INT(mproc_code_of_platform(MPLAT_ETIMEDOUT), MPROC_ETIMEDOUT);
    CHECK_EQ_INT(mproc_code_of_platform(MPLAT_ENOMEM), MPROC_ENOMEM);
    CHECK_EQ_INT(mproc_code_of_platform(MPLAT_OK), MPROC_OK);
    CHECK_EQ_INT(mproc_code_of_platform(-1000), MPROC_ESYSTEM);
}

/* ---- threads --------------------------------------------------------------------------------------------------- */

typedef struct thread_run {
    int code;
    bool clean_before;
    bool right_after;
} thread_run_t;

static void fail_in_thread(void *context) {
    thread_run_t *run = context;
    char expected[64];
    run->clean_before = mproc_last_error()->code == MPROC_OK;
    run->right_after = true;
    for (int i = 0; i < 100; i++) {
        (void)mproc_fail(run->code, "thread %d, error %d", run->code, i);
        snprintf(expected, sizeof expected, "thread %d, error %d", run->code, i);
        run->right_after = run->right_after && strcmp(mproc_last_error()->message, expected) == 0;
    }
}

static void start_all(thread_run_t *runs, mproc_thread_t **threads, int count) {
    for (int i = 0; i < count; i++)
        REQUIRE_OK(mproc_thread_create(fail_in_thread, &runs[i], 0, &threads[i]));
    for (int i = 0; i < count; i++)
        mproc_thread_join(&threads[i]);
}

TEST(report, each_thread_has_its_own_and_frees_it_at_its_end) {
    enum { COUNT = 8 };
    thread_run_t runs[COUNT];
    mproc_thread_t *threads[COUNT] = {NULL};
    for (int i = 0; i < COUNT; i++)
        runs[i] = (thread_run_t){-1 - i, false, false};
    (void)mproc_fail(MPROC_ESYSTEM, "the main thread's");
    start_all(runs, threads, COUNT);
    size_t live = mproc_memory_live();
    start_all(runs, threads, COUNT);
    CHECK_EQ_UINT(mproc_memory_live(), live);
    for (int i = 0; i < COUNT; i++)
        CHECK(runs[i].clean_before && runs[i].right_after);
    check_last_error(MPROC_ESYSTEM, "the main thread's");
}

TEST(report, the_main_thread_gives_its_memory_back_when_told) {
    mproc_error_thread_fini();
    size_t live = mproc_memory_live();
    (void)mproc_fail(MPROC_EINVAL, "something");
    CHECK(mproc_memory_live() > live);
    mproc_error_thread_fini();
    CHECK_EQ_UINT(mproc_memory_live(), live);
    CHECK_EQ_INT(mproc_last_error()->code, MPROC_OK);
    mproc_error_thread_fini();
    (void)mproc_fail(MPROC_EINVAL, "again");
    check_last_error(MPROC_EINVAL, "again");
}

/* ---- no memory ------------------------------------------------------------------------------------------------- */

TEST(report, without_memory_the_code_is_right_and_the_message_says_why_it_is_short) {
    static const int codes[] = {
#define X(name, value, text) name,
        MPROC_ERRORS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        mproc_error_thread_fini();
        mproc_memory_fail_at(1);
        CHECK_EQ_INT(mproc_fail(codes[i], "details %d", 1), codes[i]);
        CHECK_EQ_UINT(mproc_memory_pending(), 0);
        CHECK_EQ_INT(mproc_last_error()->code, codes[i]);
        CHECK_HAS_STR(mproc_last_error()->message, mproc_error_text(codes[i]));
        CHECK_HAS_STR(mproc_last_error()->message, "(no memory was left for the details)");

        mproc_memory_fail_at(2);
        CHECK_EQ_INT(mproc_fail_system(codes[i], "details"), codes[i]);
        CHECK_EQ_UINT(mproc_memory_pending(), 0);
        CHECK_EQ_INT(mproc_last_error()->code, codes[i]);
        CHECK_EQ_INT(mproc_last_error()->os_code, mplat_failure().os_code);
        CHECK_HAS_STR(mproc_last_error()->message, "(no memory was left for the details)");
    }
}

TEST(report, a_short_error_after_a_long_one_needs_no_memory) {
    (void)mproc_fail(MPROC_EINVAL, "%0200d", 1);
    mproc_memory_fail_at(1);
    (void)mproc_fail(MPROC_EINVAL, "short");
    CHECK_EQ_UINT(mproc_memory_pending(), 1);
    mproc_memory_fail_at(0);
    check_last_error(MPROC_EINVAL, "short");
}

/* ---- kept reports ---------------------------------------------------------------------------------------------- */

static mproc_error_t full_error(void) {
    mproc_error_t error = mproc_no_error;
    error.code = MPROC_EDIED;
    error.os_code = 2;
    error.message = "Task 'divide' crashed";
    error.task = "divide";
    error.task_code = 5;
    error.item = 17;
    error.pid = 4711;
    error.exit = (mproc_exit_t){MPROC_EXIT_CRASHED, 0, 11, 0, true, "SIGSEGV"};
    error.has_address = true;
    error.address = 0x10;
    error.out_of_memory = true;
    error.file = "divide.c";
    error.line = 33;
    error.backtrace = "#0  divide+0x12 (program)\n#1  main+0x40 (program)\n";
    error.stderr_tail = "about to divide\nby zero\n";
    return error;
}

TEST(report, a_copy_is_complete_and_independent) {
    char message[] = "changes";
    mproc_report_t report;
    mproc_error_t error = full_error();
    error.message = message;
    mproc_report_init(&report);
    CHECK_OK(mproc_report_set(&report, &error));
    message[0] = 'X';
    CHECK_EQ_STR(report.error.message, "changes");
    CHECK_EQ_STR(report.error.backtrace, error.backtrace);
    CHECK(report.error.backtrace != error.backtrace);
    CHECK_EQ_STR(report.error.stderr_tail, error.stderr_tail);
    CHECK_EQ_STR(report.error.file, "divide.c");
    CHECK_EQ_STR(report.error.task, "divide");
    CHECK_EQ_INT(report.error.exit.signal, 11);
    CHECK_EQ_INT(mproc_fail_report(&report), MPROC_EDIED);
    mproc_report_fini(&report);
    CHECK_EQ_STR(mproc_last_error()->message, "changes");
    CHECK_EQ_INT(mproc_last_error()->pid, 4711);
    CHECK_EQ_STR(mproc_last_error()->exit.name, "SIGSEGV");
}

TEST(report, a_report_may_be_made_from_its_own_parts) {
    mproc_report_t report;
    mproc_error_t error = full_error();
    mproc_report_init(&report);
    CHECK_OK(mproc_report_set(&report, &error));
    error.message = report.error.message + 5;
    error.task = report.error.message;
    CHECK_OK(mproc_report_set(&report, &error));
    CHECK_EQ_STR(report.error.message, "'divide' crashed");
    CHECK_EQ_STR(report.error.task, "Task 'divide' crashed");
    CHECK_OK(mproc_report_set(&report, &report.error));
    CHECK_EQ_STR(report.error.task, "Task 'divide' crashed");
    mproc_report_fini(&report);
    CHECK_EQ_INT(report.error.code, MPROC_OK);
}

TEST(report, a_copy_without_memory_keeps_the_numbers) {
    mproc_report_t report;
    mproc_error_t error = full_error();
    mproc_report_init(&report);
    mproc_memory_fail_at(1);
    CHECK_EQ_INT(mproc_report_set(&report, &error), MPROC_ENOMEM);
    CHECK_EQ_INT(report.error.code, MPROC_EDIED);
    CHECK_EQ_INT(report.error.item, 17);
    CHECK_EQ_STR(report.error.message, "worker died (no memory was left for the details)");
    CHECK_EQ_STR(report.error.task, "");
    mproc_report_fini(&report);
}

/* ---- on the wire ----------------------------------------------------------------------------------------------- */

static int send_report(void *context) {
    mproc_buffer_t buffer;
    mproc_report_t *arrived = context;
    mproc_error_t error = full_error();
    mproc_buffer_init(&buffer, NULL);
    int err = mproc_report_encode(&error, &buffer);
    if (err == MPROC_OK)
        err = mproc_report_decode(buffer.data, buffer.size, arrived);
    CHECK(err != MPROC_OK || strcmp(arrived->error.message, error.message) == 0);
    mproc_buffer_fini(&buffer);
    return err;
}

TEST(report, what_a_failing_task_says_arrives) {
    mproc_report_t arrived;
    mproc_report_init(&arrived);
    CHECK_OK(send_report(&arrived));
    CHECK_EQ_INT(arrived.error.code, MPROC_EDIED);
    CHECK_EQ_INT(arrived.error.os_code, 2);
    CHECK_EQ_INT(arrived.error.task_code, 5);
    CHECK_EQ_STR(arrived.error.task, "divide");
    CHECK_EQ_STR(arrived.error.file, "divide.c");
    CHECK_EQ_INT(arrived.error.line, 33);
    CHECK_EQ_STR(arrived.error.backtrace, full_error().backtrace);
    CHECK_EQ_INT(arrived.error.exit.how, MPROC_EXIT_NONE);
    mproc_report_fini(&arrived);
}

static int send_report_anew(void *context) {
    mproc_report_t arrived;
    (void)context;
    mproc_report_init(&arrived);
    int err = send_report(&arrived);
    mproc_report_fini(&arrived);
    return err;
}

TEST(report, the_wire_without_memory_leaks_nothing) {
    CHECK(fail_each_allocation(send_report_anew, NULL) >= 3);
}

TEST(report, texts_in_any_encoding_arrive) {
    mproc_buffer_t buffer;
    mproc_report_t arrived;
    mproc_error_t error = mproc_no_error;
    error.code = MPROC_ETASK;
    error.message = "caf\xe9";
    mproc_buffer_init(&buffer, NULL);
    mproc_report_init(&arrived);
    CHECK_OK(mproc_report_encode(&error, &buffer));
    CHECK_OK(mproc_report_decode(buffer.data, buffer.size, &arrived));
    CHECK_EQ_STR(arrived.error.message, "caf\xe9");
    mproc_report_fini(&arrived);
    mproc_buffer_fini(&buffer);
}

TEST(report, damaged_reports_are_refused) {
    mproc_buffer_t buffer;
    mproc_report_t arrived;
    mproc_error_t error = full_error();
    uint64_t state = 6;
    mproc_buffer_init(&buffer, NULL);
    mproc_report_init(&arrived);
    CHECK_OK(mproc_report_encode(&error, &buffer));
    const size_t size = buffer.size > 0 ? buffer.size : 1;
    for (size_t less = 0; less < size; less++)
        CHECK_ERR(mproc_report_decode(buffer.data, less, &arrived), MPROC_EMALFORMED);
    for (int i = 0; i < 20000; i++) {
        uint64_t number = test_random(&state);
        unsigned char *byte = &buffer.data[number % size];
        unsigned char before = *byte;
        *byte = (unsigned char)(number >> 32);
        int err = mproc_report_decode(buffer.data, buffer.size, &arrived);
        CHECK(err == MPROC_OK || err == MPROC_EMALFORMED);
        CHECK(err != MPROC_OK || strcmp(mproc_error_name(arrived.error.code), "MPROC_?") != 0);
        *byte = before;
    }
    CHECK_ERR(mproc_report_decode("\x98\x00\x00\x00\x00\xc4\x00\xc4\x00\xc4\x00\xc4\x00", 13, &arrived),
              MPROC_EMALFORMED);
    mproc_report_fini(&arrived);
    mproc_buffer_fini(&buffer);
}

/* ---- for people ------------------------------------------------------------------------------------------------ */

TEST(report, names_and_texts_follow_the_list) {
    CHECK_EQ_STR(mproc_error_name(MPROC_ETASK), "MPROC_ETASK");
    CHECK_EQ_STR(mproc_error_text(MPROC_ETASK), "task failed");
    CHECK_EQ_STR(mproc_error_name(MPROC_OK), "MPROC_OK");
    CHECK_EQ_STR(mproc_error_text(MPROC_OK), "no error");
    CHECK_EQ_STR(mproc_error_name(1), "MPROC_?");
    CHECK_EQ_STR(mproc_error_text(INT_MIN), "unknown error");
}

static void check_format(const mproc_error_t *error, const char *expected) {
    char text[2048];
    size_t length = mproc_error_format(error, text, sizeof text);
    CHECK_EQ_STR(text, expected);
    CHECK_EQ_UINT(length, strlen(expected));
}

TEST(report, a_crash_reads_like_a_good_bug_report) {
    mproc_error_t error = full_error();
    check_format(&error, "Task 'divide' crashed\n"
                         "  error     MPROC_EDIED, worker died\n"
                         "  task      divide\n"
                         "  item      17\n"
                         "  task code 5\n"
                         "  OS code   2\n"
                         "  process   4711, crashed by SIGSEGV (signal 11), core dumped\n"
                         "  source    divide.c:33\n"
                         "  address   0x10\n"
                         "  memory    about then the system killed a process for want of memory\n"
                         "  back-trace, innermost first\n"
                         "    #0  divide+0x12 (program)\n"
                         "    #1  main+0x40 (program)\n"
                         "  last lines on standard error\n"
                         "    about to divide\n"
                         "    by zero");
}

TEST(report, a_plain_error_is_short) {
    mproc_error_t error = mproc_no_error;
    check_format(&error, "no error");
    error.code = MPROC_ETIMEDOUT;
    check_format(&error, "the wait timed out\n  error     MPROC_ETIMEDOUT, the wait timed out");
    error.message = "No result within 5 ms";
    check_format(&error, "No result within 5 ms\n  error     MPROC_ETIMEDOUT, the wait timed out");
    (void)mproc_fail(MPROC_ESTATE, "Already started");
    check_format(NULL, "Already started\n  error     MPROC_ESTATE, wrong state");
}

static void check_exit(mproc_exit_t ended, const char *expected) {
    char text[512];
    mproc_error_t error = mproc_no_error;
    error.code = MPROC_EDIED;
    error.pid = 5;
    error.exit = ended;
    (void)mproc_error_format(&error, text, sizeof text);
    CHECK_HAS_STR(text, expected);
}

TEST(report, every_way_to_end_has_its_words) {
    check_exit((mproc_exit_t){MPROC_EXIT_EXITED, 7, 0, 0, false, ""}, "process   5, exited with 7");
    check_exit((mproc_exit_t){MPROC_EXIT_CRASHED, 0, 0, 0xC0000005u, false, "EXCEPTION_ACCESS_VIOLATION"},
               "process   5, crashed by EXCEPTION_ACCESS_VIOLATION (0xc0000005)");
    check_exit((mproc_exit_t){MPROC_EXIT_SIGNALLED, 0, 9, 0, false, "SIGKILL"},
               "process   5, ended from outside by SIGKILL (signal 9)");
    check_exit((mproc_exit_t){MPROC_EXIT_TERMINATED, 0, 15, 0, false, "SIGTERM"},
               "process   5, ended by this program with SIGTERM (signal 15)");
    check_exit((mproc_exit_t){MPROC_EXIT_DEADLINE, 0, 9, 0, false, "SIGKILL"},
               "process   5, its time was over, ended with SIGKILL (signal 9)");
    check_exit((mproc_exit_t){MPROC_EXIT_LOST, 0, 0, 0, false, ""},
               "process   5, ended, but something else collected how");
    check_exit((mproc_exit_t){MPROC_EXIT_SIGNALLED, 0, 64, 0, false, ""},
               "process   5, ended from outside by an unnamed cause (signal 64)");
}

TEST(report, text_is_cut_as_snprintf_cuts) {
    mproc_error_t error = full_error();
    char text[16];
    size_t length = mproc_error_format(&error, NULL, 0);
    CHECK(length > 400);
    CHECK_EQ_UINT(mproc_error_format(&error, text, sizeof text), length);
    CHECK_EQ_STR(text, "Task 'divide' c");
}
