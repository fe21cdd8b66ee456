/* SPDX-License-Identifier: Apache-2.0 */
/* Every way a process can end, told apart and named: codes, crashes, stops, deadlines, somebody else's signals. */
#include "process_help.h"
#include "process_host.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MPROC_TASK(exits_nothing) {
    return MPROC_OK;
}

MPROC_TASK(exits_with) {
    int code = 0;
    int err = mproc_call_args(call, "i", &code);
    if (err != MPROC_OK)
        return err;
    exit(code);
}

MPROC_TASK(exits_with_later) {
    host_sleep_ms(100);
    return mproc_call_return(call, "later");
}

MPROC_TASK(exits_never) {
    host_sleep_forever();
}

MPROC_TASK(exits_never_once_told) {
    const char *path = NULL;
    int err = mproc_call_args(call, "s", &path);
    if (err == MPROC_OK && write_file(path, "ready\n") == 0)
        host_sleep_forever();
    return err;
}

/* Tells by a file that it no longer heeds SIGTERM. */
MPROC_TASK(exits_deaf) {
    const char *path = NULL;
    int err = mproc_call_args(call, "s", &path);
    if (err != MPROC_OK)
        return err;
    if (!host_ignore_terminate() || write_file(path, "deaf\n") != 0)
        return mproc_call_fail(call, 1, "cannot be deaf");
    host_sleep_forever();
}

MPROC_TASK(exits_at_terminate) {
    const char *path = NULL;
    int code = 0;
    int err = mproc_call_args(call, "si", &path, &code);
    if (err != MPROC_OK)
        return err;
    if (!host_exit_at_terminate(code) || write_file(path, "ready\n") != 0)
        return mproc_call_fail(call, 1, "cannot wait for SIGTERM");
    host_sleep_forever();
}

/* The values come from volatile variables, or the compiler would see the crash and put a trap in its place. */
static volatile uintptr_t bad_address = 16;
static volatile int zero, seven = 7;

/* A sanitizer would find the fault first, and end the process in its own way. */
#define UNCHECKED __attribute__((noinline, no_sanitize("address", "undefined")))

UNCHECKED static void exits_by_write(void) {
    *(volatile int *)bad_address = 1;
}

UNCHECKED static void exits_by_division(void) {
    zero = seven / zero;
}

UNCHECKED static int exits_by_recursion(volatile char *above) {
    volatile char block[4096];
    block[0] = (char)(*above + 1);
    int below = zero == 0 ? exits_by_recursion(block) : 0;
    return below + block[0];
}

MPROC_TASK(exits_by_crash) {
    const char *kind = "";
    volatile char first = 0;
    int err = mproc_call_args(call, "s", &kind);
    if (err != MPROC_OK)
        return err;
    if (strcmp(kind, "segv") == 0)
        exits_by_write();
    else if (strcmp(kind, "fpe") == 0)
        exits_by_division();
    else if (strcmp(kind, "ill") == 0)
        __builtin_trap();
    else if (strcmp(kind, "abort") == 0)
        abort();
    else if (strcmp(kind, "stack") == 0)
        zero = exits_by_recursion(&first);
    return mproc_call_fail(call, 1, "no crash");
}

static void warm_up(void) {
    warm_up_with(&exits_nothing);
}
TEST_WARM_UP(warm_up)

/* ---- codes ---------------------------------------------------------------------------------------------------------------------- */

TEST(process_exit, every_code_from_0_to_255_arrives) {
    mproc_process_t *processes[16];
    for (int first = 0; first < 256; first += 16) {
        for (int i = 0; i < 16; i++)
            processes[i] = started(&(mproc_process_options_t){.target = &exits_with, .args = MPROC_ARGS(first + i)});
        for (int i = 0; i < 16; i++) {
            int64_t code = -1;
            mproc_exit_t exit = exit_of(processes[i]);
            CHECK_EQ_INT(exit.how, MPROC_EXIT_EXITED);
            CHECK_EQ_INT(exit.code, first + i);
            CHECK_OK(mproc_process_exitcode(processes[i], &code));
            CHECK_EQ_INT(code, first + i);
            mproc_process_destroy(processes[i]);
        }
    }
}

TEST(process_exit, code_other_than_0_is_reported_with_task_and_pid) {
    mproc_process_t *process = ended(&(mproc_process_options_t){.target = &exits_with, .args = MPROC_ARGS(7)});
    const mproc_error_t *error = error_of(process);
    CHECK_EQ_INT(error->code, MPROC_EDIED);
    CHECK_EQ_STR(error->task, "exits_with");
    CHECK_EQ_INT(error->pid, mproc_process_pid(process));
    CHECK_EQ_INT(error->exit.code, 7);
    CHECK_HAS_STR(error->message, "exited with code 7");
    CHECK_HAS_STR(error->message, mproc_process_name(process));
    CHECK(mproc_process_error(process) == error);
    mproc_process_destroy(process);
}

TEST(process_exit, code_0_without_a_return_has_no_result) {
    mproc_process_t *process =
        ended(&(mproc_process_options_t){.target = &exits_with, .args = MPROC_ARGS(0), .result = true});
    const mproc_value_t *value = NULL;
    int64_t code = 1;
    CHECK_OK(mproc_process_exitcode(process, &code));
    CHECK_EQ_INT(code, 0);
    CHECK(mproc_process_error(process) == NULL);
    CHECK_ERR(mproc_process_result(process, 0, &value), MPROC_EDIED);
    CHECK_HAS_STR(mproc_last_error()->message, "without returning");
    mproc_process_destroy(process);
}

/* ---- crashes -------------------------------------------------------------------------------------------------------------------- */

static mproc_process_t *crashed(const char *kind) {
    return ended(&(mproc_process_options_t){
        .target = &exits_by_crash, .args = MPROC_ARGS(kind), .standard_error = {.kind = MPROC_STDIO_NULL}});
}

static void check_crash(const char *kind, const char *posix_name, const char *windows_name) {
    mproc_process_t *process = crashed(kind);
    mproc_exit_t exit = exit_of(process);
    int64_t code = 0;
    const mproc_error_t *error = error_of(process);
    CHECK_EQ_INT(exit.how, MPROC_EXIT_CRASHED);
    if (exit.signal != 0)
        CHECK_EQ_STR(exit.name, posix_name);
    else
        CHECK_EQ_STR(exit.name, windows_name);
    CHECK_EQ_INT(error->code, MPROC_EDIED);
    CHECK_EQ_STR(error->task, "exits_by_crash");
    CHECK_HAS_STR(error->message, "crashed");
    CHECK_HAS_STR(error->message, exit.name);
    CHECK_OK(mproc_process_exitcode(process, &code));
    CHECK_EQ_INT(code, exit.signal != 0 ? -(int64_t)exit.signal : (int64_t)exit.exception);
    mproc_process_destroy(process);
}

TEST(process_exit, segmentation_fault_is_named) {
    check_crash("segv", "SIGSEGV", "EXCEPTION_ACCESS_VIOLATION");
}

TEST(process_exit, division_by_zero_is_named) {
    check_crash("fpe", "SIGFPE", "EXCEPTION_INT_DIVIDE_BY_ZERO");
}

TEST(process_exit, illegal_instruction_is_named) {
    check_crash("ill", "SIGILL", "EXCEPTION_ILLEGAL_INSTRUCTION");
}

TEST(process_exit, stack_overflow_is_named) {
    check_crash("stack", "SIGSEGV", "EXCEPTION_STACK_OVERFLOW");
}

TEST(process_exit, abort_is_a_crash) {
    mproc_process_t *process = crashed("abort");
    mproc_exit_t exit = exit_of(process);
    CHECK_EQ_INT(exit.how, MPROC_EXIT_CRASHED);
    if (exit.signal != 0)
        CHECK_EQ_STR(exit.name, "SIGABRT");
    mproc_process_destroy(process);
}

TEST(process_exit, crash_report_names_function_and_address) {
    mproc_process_t *process = crashed("segv");
    const mproc_error_t *error = error_of(process);
    CHECK(error->has_address);
    CHECK_EQ_UINT(error->address, 16);
    CHECK_HAS_STR(error->backtrace, "#0 ");
    CHECK_HAS_STR(error->backtrace, "exits_by_write+0x");
    CHECK_HAS_STR(error->backtrace, "mproc_run_exits_by_crash+0x");
    CHECK_HAS_STR(error_text(process), "exits_by_write+0x");
    mproc_process_destroy(process);
}

TEST(process_exit, crash_gives_the_result_call_its_report) {
    const mproc_value_t *value = NULL;
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &exits_by_crash,
                                                                  .args = MPROC_ARGS("segv"),
                                                                  .result = true,
                                                                  .standard_error = {.kind = MPROC_STDIO_NULL}});
    CHECK_ERR(mproc_process_result(process, LONG_MS, &value), MPROC_EDIED);
    CHECK_HAS_STR(mproc_last_error()->backtrace, "exits_by_write");
    CHECK(value == NULL);
    mproc_process_destroy(process);
}

/* ---- stops ---------------------------------------------------------------------------------------------------------------------- */

static void check_stopped(int (*stop)(mproc_process_t *), const char *name, int signal_number) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &exits_never});
    int64_t code = 0;
    CHECK_OK(stop(process));
    mproc_exit_t exit = exit_of(process);
    CHECK_EQ_INT(exit.how, MPROC_EXIT_TERMINATED);
    CHECK_EQ_STR(exit.name, name);
    CHECK_EQ_INT(exit.signal, signal_number);
    CHECK_OK(mproc_process_exitcode(process, &code));
    CHECK_EQ_INT(code, -signal_number);
    CHECK_HAS_STR(error_of(process)->message, "ended by this program");
    CHECK_OK(stop(process));
    mproc_process_destroy(process);
}

TEST(process_exit, terminate_is_told_from_other_ends) {
    check_stopped(mproc_process_terminate, "SIGTERM", 15);
}

TEST(process_exit, kill_is_told_from_other_ends) {
    check_stopped(mproc_process_kill, "SIGKILL", 9);
}

TEST(process_exit, kill_of_the_tree_is_ours_too) {
    check_stopped(mproc_process_terminate_tree, "SIGKILL", 9);
}

TEST(process_exit, interrupt_ends_one_that_does_not_catch_it) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &exits_never, .own_group = true});
    int err = mproc_process_interrupt(process);
    if (err == MPROC_ENOTSUP) {
        mproc_process_destroy(process);
        SKIP("there is no console here");
    }
    CHECK_OK(err);
    mproc_exit_t exit = exit_of(process);
    CHECK(exit.how == MPROC_EXIT_TERMINATED || exit.how == MPROC_EXIT_CRASHED || exit.how == MPROC_EXIT_EXITED);
    mproc_process_destroy(process);
}

TEST(process_exit, somebody_elses_kill_is_told_from_ours) {
    char path[1024];
    test_temp_path("told", path, sizeof path);
    mproc_process_t *process =
        started(&(mproc_process_options_t){.target = &exits_never_once_told, .args = MPROC_ARGS(path)});
    REQUIRE_EQ_STR(await_file(path), "ready\n");
    REQUIRE(host_kill(mproc_process_pid(process)));
    mproc_exit_t exit = exit_of(process);
    if (exit.signal != 0) {
        CHECK_EQ_INT(exit.how, MPROC_EXIT_SIGNALLED);
        CHECK_EQ_STR(exit.name, "SIGKILL");
        CHECK_HAS_STR(error_of(process)->message, "from outside");
    } else {
        CHECK_EQ_INT(exit.how, MPROC_EXIT_EXITED);
        CHECK_EQ_INT(exit.code, 1);
    }
    mproc_process_destroy(process);
}

TEST(process_exit, handled_sigterm_is_an_exit) {
    char path[1024];
    if (!host_has_terminate())
        SKIP("there is no SIGTERM here");
    test_temp_path("ready", path, sizeof path);
    mproc_process_t *process = started(&(mproc_process_options_t){
        .target = &exits_at_terminate, .args = MPROC_ARGS(path, 3), .standard_error = {.kind = MPROC_STDIO_NULL}});
    REQUIRE_EQ_STR(await_file(path), "ready\n");
    REQUIRE_OK(mproc_process_terminate(process));
    mproc_exit_t exit = exit_of(process);
    CHECK_EQ_INT(exit.how, MPROC_EXIT_EXITED);
    CHECK_EQ_INT(exit.code, 3);
    mproc_process_destroy(process);
}

static mproc_process_t *start_deaf(void) {
    char path[1024];
    test_temp_path("deaf", path, sizeof path);
    mproc_process_t *process = started(&(mproc_process_options_t){
        .target = &exits_deaf, .args = MPROC_ARGS(path), .standard_error = {.kind = MPROC_STDIO_NULL}});
    REQUIRE_EQ_STR(await_file(path), "deaf\n");
    return process;
}

TEST(process_exit, stop_kills_one_that_ignores_sigterm) {
    if (!host_has_terminate())
        SKIP("there is no SIGTERM here");
    mproc_process_t *process = start_deaf();
    CHECK_OK(mproc_process_terminate(process));
    CHECK_ERR(mproc_process_join(process, 100), MPROC_ETIMEDOUT);
    CHECK_OK(mproc_process_stop(process, 100));
    mproc_exit_t exit = exit_of(process);
    CHECK_EQ_INT(exit.how, MPROC_EXIT_TERMINATED);
    CHECK_EQ_STR(exit.name, "SIGKILL");
    mproc_process_destroy(process);
}

TEST(process_exit, stop_of_one_that_heeds_sigterm_needs_no_kill) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &exits_never});
    CHECK_OK(mproc_process_stop(process, LONG_MS));
    CHECK_EQ_STR(exit_of(process).name, "SIGTERM");
    CHECK_OK(mproc_process_stop(process, 0));
    mproc_process_destroy(process);
    process = started(&(mproc_process_options_t){.target = &exits_never});
    CHECK_OK(mproc_process_stop(process, 0));
    CHECK_EQ_STR(exit_of(process).name, "SIGKILL");
    mproc_process_destroy(process);
}

TEST(process_exit, sigterm_blocked_and_ignored_in_the_parent_still_ends_the_child) {
    host_block_terminate();
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &exits_never});
    CHECK_OK(mproc_process_terminate(process));
    mproc_exit_t exit = exit_of(process);
    CHECK_EQ_INT(exit.how, MPROC_EXIT_TERMINATED);
    CHECK_EQ_STR(exit.name, "SIGTERM");
    mproc_process_destroy(process);
    host_unblock_terminate();
}

TEST(process_exit, one_that_the_program_reaped_itself_is_lost) {
    if (!host_ignore_children())
        SKIP("a parent always learns of the end here");
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &exits_with, .args = MPROC_ARGS(5)});
    int64_t code = 0;
    mproc_exit_t exit = exit_of(process);
    CHECK_EQ_INT(exit.how, MPROC_EXIT_LOST);
    CHECK_ERR(mproc_process_exitcode(process, &code), MPROC_ESTATE);
    CHECK_HAS_STR(error_of(process)->message, "SIGCHLD");
    mproc_process_destroy(process);
    host_heed_children();
}

/* ---- deadlines ------------------------------------------------------------------------------------------------------------------ */

TEST(process_exit, deadline_is_told_from_kill) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &exits_never, .deadline_ms = 50});
    mproc_exit_t exit = exit_of(process);
    CHECK_EQ_INT(exit.how, MPROC_EXIT_DEADLINE);
    CHECK_EQ_STR(exit.name, "SIGKILL");
    const mproc_error_t *error = error_of(process);
    CHECK_EQ_INT(error->code, MPROC_ETASKTIMEOUT);
    CHECK_HAS_STR(error->message, "50 ms");
    mproc_process_destroy(process);
}

static bool has_ended(void *process) {
    return !host_runs(mproc_process_pid(process));
}

TEST(process_exit, deadline_is_kept_while_nobody_waits) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &exits_never, .deadline_ms = 50});
    CHECK(test_wait_until(has_ended, process, 30000));
    CHECK_EQ_INT(exit_of(process).how, MPROC_EXIT_DEADLINE);
    mproc_process_destroy(process);
}

TEST(process_exit, deadlines_of_many_are_kept_in_any_order) {
    mproc_process_t *processes[5];
    static const int64_t deadlines[5] = {3600000, 40, 120, 20, 80};
    for (int i = 0; i < 5; i++)
        processes[i] = started(&(mproc_process_options_t){.target = &exits_never, .deadline_ms = deadlines[i]});
    for (int i = 1; i < 5; i++)
        CHECK_EQ_INT(exit_of(processes[i]).how, MPROC_EXIT_DEADLINE);
    CHECK(mproc_process_is_alive(processes[0]));
    for (int i = 0; i < 5; i++)
        mproc_process_destroy(processes[i]);
}

TEST(process_exit, deadline_that_is_met_changes_nothing) {
    mproc_process_t *process =
        started(&(mproc_process_options_t){.target = &exits_with_later, .result = true, .deadline_ms = 3600000});
    CHECK_EQ_STR(result_repr(process), "'later'");
    CHECK_EQ_INT(exit_of(process).how, MPROC_EXIT_EXITED);
    mproc_process_destroy(process);
    process = ended(&(mproc_process_options_t){.target = &exits_nothing, .deadline_ms = INT64_MAX});
    CHECK_EQ_INT(exit_of(process).code, 0);
    mproc_process_destroy(process);
}
