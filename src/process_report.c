/* SPDX-License-Identifier: Apache-2.0 */
/* process_report.c: what is told of a process that went wrong: a sentence for each way, with all that is known. */
#include "crash_report.h"
#include "launch.h"
#include "memory.h"
#include "process_object.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_SIZE 1536

/* The parts of a report that are the same in every case. */
static mproc_error_t base_report(const mproc_process_t *process, int code, const char *message) {
    mproc_error_t error = mproc_no_error;
    error.code = code;
    error.message = message;
    error.task = process->plan.task->name;
    error.pid = process->pid;
    error.exit = process->exit;
    error.out_of_memory = process->out_of_memory;
    return error;
}

/* "Process 'Process-1' (task 'divide', pid 123)". */
static void subject(const mproc_process_t *process, char *buf, size_t size) {
    (void)snprintf(buf, size, "Process '%s' (task '%s', pid %" PRId64 ")", process->name, process->plan.task->name,
                   process->pid);
}

static int report_failure(const mproc_process_t *process, const mproc_outcome_t *outcome, mproc_report_t *report) {
    int err = MPROC_ENOMEM;
    if (outcome->size > 0)
        err = mproc_report_decode(outcome->data, outcome->size, report);
    mproc_error_t error =
        base_report(process, MPROC_ENOMEM, "The task failed, and there was no memory left to say why");
    if (err == MPROC_EMALFORMED)
        error = base_report(process, MPROC_EMALFORMED, "The task failed, and the child's report of it is damaged");
    if (err == MPROC_OK && report->error.code != MPROC_OK) {
        error = report->error;
        error.pid = process->pid;
        error.exit = process->exit;
        if (error.task[0] == '\0')
            error.task = process->plan.task->name;
    }
    return mproc_report_set(report, &error);
}

/* A program that does not even fit into its limit is ended by the system, with no time to say why. */
static const char *crash_hint(const mproc_process_t *process) {
    if (process->inbox.crash == NULL && process->plan.limits.memory_bytes > 0)
        return "; it may need more than options.limits.memory_bytes";
    return process->inbox.begun ? "" : "; it had not come to mproc_init";
}

static int report_crash(const mproc_process_t *process, mproc_report_t *report) {
    const mplat_crash_t *crash = process->inbox.crash;
    char message[MESSAGE_SIZE], who[MESSAGE_SIZE / 2], how[160], where[320], at[32] = "", place[288] = "";
    mproc_buffer_t backtrace;
    mproc_buffer_init(&backtrace, NULL);
    if (crash != NULL) {
        mproc_crash_backtrace(crash, &backtrace);
        if (crash->has_address == 1)
            (void)snprintf(at, sizeof at, " at address 0x%" PRIx64, crash->address);
        if (mproc_crash_place(crash, where, sizeof where)[0] != '\0')
            (void)snprintf(place, sizeof place, ", in %.270s", where);
    }
    subject(process, who, sizeof who);
    (void)snprintf(message, sizeof message, "%s %s%s%s%s", who, mproc_exit_describe(&process->exit, how, sizeof how),
                   at, place, crash_hint(process));
    mproc_error_t error = base_report(process, MPROC_EDIED, message);
    error.has_address = crash != NULL && crash->has_address == 1;
    error.address = error.has_address ? crash->address : 0;
    if (backtrace.size > 0 && !backtrace.failed)
        error.backtrace = (const char *)backtrace.data;
    int err = mproc_report_set(report, &error);
    mproc_buffer_fini(&backtrace);
    return err;
}

static const char *hint(const mproc_process_t *process) {
    const mproc_exit_t *exit = &process->exit;
    if (process->out_of_memory)
        return "; the system ran out of memory about then: use less, or fewer processes at once";
    if (exit->how == MPROC_EXIT_SIGNALLED && process->plan.limits.cpu_seconds > 0 &&
        (strcmp(exit->name, "SIGXCPU") == 0 || strcmp(exit->name, "SIGKILL") == 0))
        return "; it may have used up options.limits.cpu_seconds";
    if (exit->how == MPROC_EXIT_EXITED && !process->inbox.has_outcome)
        return " before its task returned";
    return "";
}

static int report_death(const mproc_process_t *process, mproc_report_t *report) {
    char message[MESSAGE_SIZE], who[MESSAGE_SIZE / 2], how[200];
    int code = process->exit.how == MPROC_EXIT_DEADLINE ? MPROC_ETASKTIMEOUT : MPROC_EDIED;
    subject(process, who, sizeof who);
    (void)mproc_exit_describe(&process->exit, how, sizeof how);
    if (process->exit.how == MPROC_EXIT_DEADLINE)
        (void)snprintf(message, sizeof message, "%s %s of %" PRId64 " ms", who, how, process->plan.deadline_ms);
    else
        (void)snprintf(message, sizeof message, "%s %s%s", who, how, hint(process));
    mproc_error_t error = base_report(process, code, message);
    return mproc_report_set(report, &error);
}

static int report_never_began(const mproc_process_t *process, mproc_report_t *report) {
    char message[MESSAGE_SIZE], who[MESSAGE_SIZE / 2], why[MPROC_NEVER_BEGAN_SIZE];
    bool limited = process->plan.limits.open_files > 0 || process->plan.limits.memory_bytes > 0;
    subject(process, who, sizeof who);
    (void)snprintf(message, sizeof message, "%s %s%s", who, mproc_never_began(&process->exit, why),
                   limited ? "; or options.limits leave too little to start with" : "");
    mproc_error_t error = base_report(process, MPROC_ESPAWN, message);
    return mproc_report_set(report, &error);
}

static int report_malformed(const mproc_process_t *process, mproc_report_t *report) {
    char message[MESSAGE_SIZE], who[MESSAGE_SIZE / 2];
    subject(process, who, sizeof who);
    (void)snprintf(message, sizeof message,
                   "%s sent what no mproc sends, so it was killed: its memory is damaged, or it writes to "
                   "a handle that is not its own",
                   who);
    mproc_error_t error = base_report(process, MPROC_EMALFORMED, message);
    return mproc_report_set(report, &error);
}

/* Said so, if not always why. */
static bool task_failed(const mproc_process_t *process) {
    const mproc_inbox_t *inbox = &process->inbox;
    return inbox->kind == MPROC_OUTCOME_FAILED && (inbox->has_outcome || inbox->no_memory || inbox->too_big);
}

bool mproc_process_never_began(const mproc_process_t *process) {
    return process->exit.how == MPROC_EXIT_EXITED && !process->inbox.begun;
}

bool mproc_process_failed(const mproc_process_t *process) {
    bool fine = process->exit.how == MPROC_EXIT_EXITED && process->exit.code == 0;
    return process->inbox.malformed || task_failed(process) || !fine || mproc_process_never_began(process);
}

int mproc_process_make_report(const mproc_process_t *process, mproc_report_t *report) {
    mproc_outcome_t outcome;
    if (process->inbox.malformed)
        return report_malformed(process, report);
    if (process->exit.how == MPROC_EXIT_CRASHED)
        return report_crash(process, report);
    (void)mproc_inbox_outcome(&process->inbox, &outcome);
    if (task_failed(process))
        return report_failure(process, &outcome, report);
    if (mproc_process_never_began(process))
        return report_never_began(process, report);
    return report_death(process, report);
}
