/* SPDX-License-Identifier: Apache-2.0 */
/* What a child prints: it arrives whole, however the child ends, and a stream that is closed changes nothing else. */
#include "process_help.h"
#include "process_host.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

MPROC_TASK(output_print) {
    const char *then = "";
    int err = mproc_call_args(call, "s", &then);
    if (err != MPROC_OK)
        return err;
    printf("out without a line end");
    fprintf(stderr, "err without a line end\n");
    if (then[0] == 'f')
        return mproc_call_fail(call, 3, "failed as told");
    if (then[0] == 'e')
        exit(4);
    return MPROC_OK;
}

MPROC_TASK(output_into_closed) {
    host_close_output();
    printf("nobody reads this");
    return MPROC_OK;
}

MPROC_TASK(output_quiet) {
    const char *then = "";
    int err = mproc_call_args(call, "s", &then);
    if (err != MPROC_OK)
        return err;
    printf("written at the exit");
    if (then[0] == 'e')
        exit(6);
    return then[0] == 'f' ? mproc_call_fail(call, 3, "failed as told") : MPROC_OK;
}

/* Flushes what it prints; whether that is told as an error is the C library's business. */
MPROC_TASK(output_flush) {
    for (int i = 0; i < 2; i++) {
        printf("line %d\n", i);
        (void)fflush(stdout);
    }
    return mproc_call_return(call, "went on");
}

MPROC_TASK(output_exec) {
    host_exec_signalled();
    return MPROC_OK;
}

MPROC_TASK(output_close_and_exit) {
    host_close_output();
    printf("nobody reads this");
    exit(6);
}

static void warm_up(void) {
    mproc_pool_t *pool = NULL;
    warm_up_with(&output_into_closed);
    if (mproc_pool_create(&(mproc_pool_options_t){.processes = 1}, &pool) == MPROC_OK)
        (void)mproc_pool_apply(pool, &output_into_closed, NULL, NULL, NULL);
    mproc_pool_destroy(pool);
}
TEST_WARM_UP(warm_up)

static void check_flushed(const char *then, int code) {
    char out[1024], err[1024];
    test_temp_path("out", out, sizeof out);
    test_temp_path("err", err, sizeof err);
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){.target = &output_print,
                                                     .args = MPROC_ARGS(then),
                                                     .standard_output = {.kind = MPROC_STDIO_FILE, .path = out},
                                                     .standard_error = {.kind = MPROC_STDIO_FILE, .path = err}}),
                 code);
    CHECK_EQ_STR(read_file(out), "out without a line end");
    CHECK_HAS_STR(read_file(err), "err without a line end\n");
}

TEST(process_output, is_flushed_when_the_task_returns) {
    check_flushed("return", 0);
}

TEST(process_output, is_flushed_when_the_task_fails) {
    char err[1024];
    check_flushed("fail", 1);
    test_temp_path("err", err, sizeof err);
    CHECK_HAS_STR(read_file(err), "failed as told");
}

TEST(process_output, is_flushed_when_the_task_calls_exit) {
    check_flushed("exit", 4);
}

TEST(process_output, closed_standard_output_does_not_change_the_exit_code) {
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){.target = &output_into_closed}), 0);
}

TEST(process_output, closed_standard_output_does_not_change_the_code_of_exit) {
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){.target = &output_close_and_exit}), 6);
}

/* The output of one that ends as told goes into pipes that nobody reads. */
static mproc_process_t *ended_unread(const char *then) {
    intptr_t broken = host_open_broken();
    REQUIRE(broken != -1);
    mproc_process_t *process =
        ended(&(mproc_process_options_t){.target = &output_quiet,
                                         .args = MPROC_ARGS(then),
                                         .standard_output = {.kind = MPROC_STDIO_HANDLE, .handle = broken},
                                         .standard_error = {.kind = MPROC_STDIO_HANDLE, .handle = broken}});
    host_close(broken);
    return process;
}

TEST(process_output, broken_standard_output_does_not_change_the_exit_code) {
    mproc_process_t *process = ended_unread("return");
    CHECK_HAS_STR(repr_of(process), "exitcode=0>");
    mproc_process_destroy(process);
}

TEST(process_output, broken_standard_output_does_not_change_the_code_of_exit) {
    mproc_process_t *process = ended_unread("exit");
    CHECK_HAS_STR(repr_of(process), "exitcode=6>");
    mproc_process_destroy(process);
}

TEST(process_output, broken_standard_output_does_not_end_a_task_that_flushes) {
    intptr_t broken = host_open_broken();
    REQUIRE(broken != -1);
    mproc_process_t *process = ended(&(mproc_process_options_t){
        .target = &output_flush, .result = true, .standard_output = {.kind = MPROC_STDIO_HANDLE, .handle = broken}});
    host_close(broken);
    CHECK_EQ_STR(result_repr(process), "'went on'");
    CHECK_HAS_STR(repr_of(process), "exitcode=0>");
    mproc_process_destroy(process);
}

TEST(process_output, broken_standard_output_does_not_end_a_worker) {
    intptr_t broken = host_open_broken();
    mproc_process_options_t worker = {.standard_output = {.kind = MPROC_STDIO_HANDLE, .handle = broken}};
    mproc_pool_options_t options = {.processes = 1, .worker = &worker};
    mproc_pool_t *pool = NULL;
    mproc_pool_stats_t stats;
    REQUIRE(broken != -1);
    REQUIRE_OK(mproc_pool_create(&options, &pool));
    for (int i = 0; i < 3; i++)
        CHECK_OK(mproc_pool_apply(pool, &output_flush, NULL, NULL, NULL));
    REQUIRE_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    CHECK_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.workers_started, 1);
    CHECK_EQ_UINT(stats.workers_retired, 1);
    mproc_pool_destroy(pool);
    host_close(broken);
}

TEST(process_output, programs_that_a_task_starts_have_the_default_of_broken_pipes) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &output_exec});
    mproc_exit_t exit = exit_of(process);
    mproc_process_destroy(process);
    if (exit.how == MPROC_EXIT_EXITED && exit.code == 0)
        SKIP("no signal tells of broken pipes here");
    CHECK_EQ_INT(exit.how, MPROC_EXIT_SIGNALLED);
    CHECK_EQ_STR(exit.name, "SIGPIPE");
}

TEST(process_output, broken_standard_error_does_not_hide_a_failure) {
    mproc_process_t *process = ended_unread("fail");
    CHECK_HAS_STR(repr_of(process), "exitcode=1>");
    CHECK_HAS_STR(error_text(process), "failed as told");
    mproc_process_destroy(process);
}

TEST(process_output, failure_is_printed_as_python_prints_an_exception) {
    char err[1024];
    test_temp_path("err", err, sizeof err);
    mproc_process_t *process =
        ended(&(mproc_process_options_t){.target = &output_print,
                                         .name = "printer",
                                         .args = MPROC_ARGS(7),
                                         .standard_error = {.kind = MPROC_STDIO_FILE, .path = err}});
    const char *text = read_file(err);
    CHECK_HAS_STR(text, "Process printer:\n");
    CHECK_HAS_STR(text, "Task 'output_print': argument 1");
    CHECK_HAS_STR(text, "str");
    CHECK_HAS_STR(text, "int");
    mproc_process_destroy(process);
}
