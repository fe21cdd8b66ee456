/* SPDX-License-Identifier: Apache-2.0 */
/* local_report.c: why a worker ended, so that its error reads like a good bug report. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crash_report.h"
#include "launch.h"
#include "local.h"
#include "memory.h"
#include "memory_kills.h"
#include "process_exit.h"
#include "process_inbox.h"

#define MESSAGE_SIZE 1536
#define MESSAGES_MOST 64 /* of a worker that does not come up; honest ones send a few */

/* The parts that are put together: sentences know them, reports carry them. */
typedef struct end {
    mproc_exit_t exit;
    const mplat_crash_t *crash; /* a copy that is checked, or NULL */
    uint32_t stage;
    bool out_of_memory;
} end_t;

uint32_t mproc_slot_stage(const mproc_slot_t *slot) {
    uint32_t told = atomic_load(&atomic_load_explicit(&slot->line, memory_order_relaxed)->channel->worker_stage);
    bool may_start = slot->stage == MPROC_SLOT_STARTING;
    if (told > MPROC_STAGE_RETIRED || (!may_start && told != MPROC_STAGE_RETIRED))
        return may_start ? MPROC_STAGE_STARTING : MPROC_STAGE_UP;
    return told;
}

static void classify(mproc_slot_t *slot, mplat_crash_t *crash, end_t *end) {
    mproc_channel_t *channel = mproc_slot_line(slot)->channel;
    mproc_stops_t stops = {.killed = slot->kill_code != 0, .deadline = slot->kill_code == MPROC_ETASKTIMEOUT};
    mplat_exit_t system = {0};
    end->crash = NULL;
    if (atomic_load(&channel->crashed) != 0) {
        *crash = channel->crash; /* the process has ended: it does not change any more */
        end->crash = crash;
    }
    (void)mplat_process_exit(slot->process, &system);
    end->exit = mproc_exit_classify(&system, &stops, end->crash);
    end->stage = mproc_slot_stage(slot);
    end->out_of_memory = end->exit.how == MPROC_EXIT_SIGNALLED && strcmp(end->exit.name, "SIGKILL") == 0 &&
                         mproc_memory_kills_since(slot->memory_kills);
}

/* initializer_report takes the initializer's own words. */
static bool initializer_report(mproc_slot_t *slot, mproc_report_t *report) {
    mproc_channel_t *channel = mproc_slot_line(slot)->channel;
    uint32_t size = channel->responses[0].report_size;
    unsigned char *copy = size == 0 || size > MPROC_CHANNEL_ARENA ? NULL : mproc_alloc(size);
    if (copy != NULL)
        memcpy(copy, channel->response_arena, size); /* a child of the worker may still write there */
    bool told = copy != NULL && mproc_report_decode(copy, size, report) == MPROC_OK;
    mproc_free(copy);
    if (told) {
        report->error.code = MPROC_EINIT;
        report->error.pid = slot->pid;
    }
    return told;
}

/* report_silence makes the report of a child whose program said nothing at all, and ended by itself. */
static void report_silence(const mproc_slot_t *slot, const end_t *end, mproc_report_t *report) {
    char message[MESSAGE_SIZE], why[MPROC_NEVER_BEGAN_SIZE];
    mproc_error_t error = mproc_no_error;
    (void)snprintf(message, sizeof message, "Worker %d (pid %" PRId64 ") %s", slot->index, slot->pid,
                   mproc_never_began(&end->exit, why));
    error.code = MPROC_ESPAWN;
    error.message = message;
    error.pid = slot->pid;
    error.exit = end->exit;
    (void)mproc_report_set(report, &error);
}

/* start_report takes what a child says that cannot become a worker: another build, an initializer it does not know; or that it said
 * nothing. */
static bool start_report(mproc_slot_t *slot, const end_t *end, mproc_report_t *report) {
    static const size_t size = MPLAT_LINK_MESSAGE_MAX;
    mproc_inbox_t inbox = {0};
    mproc_outcome_t outcome;
    mplat_handle_t handles[MPLAT_LINK_HANDLES_MAX];
    size_t used = 0, count = 0;
    unsigned char *message = mproc_alloc(size);
    for (int i = 0; message != NULL && i < MESSAGES_MOST &&
                    mplat_link_receive(slot->link, message, size, &used, handles, &count, 0) == MPLAT_OK;
         i++)
        mproc_inbox_take(&inbox, message, used, handles, count);
    bool told = mproc_inbox_outcome(&inbox, &outcome) && outcome.kind == MPROC_OUTCOME_FAILED &&
                mproc_report_decode(outcome.data, outcome.size, report) == MPROC_OK;
    if (told) {
        report->error.pid = slot->pid;
        report->error.exit = end->exit;
    }
    slot->misfit = told;
    slot->silent = !told && message != NULL && !inbox.begun && end->exit.how == MPROC_EXIT_EXITED;
    mproc_inbox_fini(&inbox);
    mproc_free(message);
    if (slot->silent)
        report_silence(slot, end, report);
    return told || slot->silent;
}

/* add_tail puts the last lines of the worker's standard error to a report of its own. */
static void add_tail(mproc_report_t *report, const char *tail) {
    mproc_error_t error = report->error;
    error.stderr_tail = tail;
    (void)mproc_report_set(report, &error);
}

static int code_of(const mproc_slot_t *slot, const end_t *end) {
    if (slot->kill_code != 0)
        return slot->kill_code;
    return end->stage == MPROC_STAGE_STARTING || end->stage == MPROC_STAGE_FAILED ? MPROC_EINIT : MPROC_EDIED;
}

static const char *when(const end_t *end, const mproc_task_t *task) {
    if (task != NULL)
        return "";
    switch (end->stage) {
    case MPROC_STAGE_STARTING:
        return " while it started or ran the initializer";
    case MPROC_STAGE_FAILED:
        return " after its initializer had failed";
    default:
        return " while it was idle";
    }
}

static void write_message(const mproc_slot_t *slot, const mproc_task_t *task, int64_t item, const end_t *end, char *buf,
                          size_t size) {
    char how[200], who[400], which[40] = "", where[320] = "", place[300] = "", at[40] = "";
    if (item >= 0)
        (void)snprintf(which, sizeof which, " (item %" PRId64 ")", item);
    if (task != NULL)
        (void)snprintf(who, sizeof who, "Task '%.200s'%s: worker %d (pid %" PRId64 ")", task->name, which, slot->index,
                       slot->pid);
    else
        (void)snprintf(who, sizeof who, "Worker %d (pid %" PRId64 ")", slot->index, slot->pid);
    if (slot->kill_code == MPROC_ETASKTIMEOUT) {
        (void)snprintf(buf, size, "%s took longer than its timeout_ms or deadline_ms allows and was killed", who);
        return;
    }
    if (slot->kill_code == MPROC_ECANCELLED) {
        (void)snprintf(buf, size, "%s was killed because the task was cancelled or its pool terminated", who);
        return;
    }
    if (slot->kill_code == MPROC_EMALFORMED) {
        (void)snprintf(
            buf, size,
            "%s sent what no worker sends, or closed its line to the pool, and was killed: look for a task that "
            "writes beyond its memory or closes what it has not opened",
            who);
        return;
    }
    if (slot->kill_code == MPROC_EINIT) {
        (void)snprintf(buf, size, "%s was not up within options.start_timeout_ms and was killed", who);
        return;
    }
    if (end->crash != NULL && end->crash->has_address == 1)
        (void)snprintf(at, sizeof at, " at address 0x%" PRIx64, end->crash->address);
    if (end->crash != NULL && mproc_crash_place(end->crash, where, sizeof where)[0] != '\0')
        (void)snprintf(place, sizeof place, ", in %.280s", where);
    (void)snprintf(buf, size, "%s %s%s%s%s%s", who, mproc_exit_describe(&end->exit, how, sizeof how), at, place,
                   when(end, task),
                   end->out_of_memory ? "; the system ran out of memory about then: use less, or fewer workers" : "");
}

void mproc_slot_explain(mproc_slot_t *slot, const mproc_task_t *task, int64_t item, mproc_report_t *report) {
    char message[MESSAGE_SIZE], tail[MPROC_TAIL_SIZE + 1] = "";
    mproc_buffer_t backtrace;
    end_t end;
    mplat_crash_t crash;
    classify(slot, &crash, &end);
    if (slot->stream != NULL)
        mproc_stream_tail(slot->stream, tail);
    if ((end.stage == MPROC_STAGE_FAILED && initializer_report(slot, report)) ||
        (end.stage == MPROC_STAGE_STARTING && slot->kill_code == 0 && start_report(slot, &end, report))) {
        add_tail(report, tail);
        return;
    }
    write_message(slot, task, item, &end, message, sizeof message);
    mproc_buffer_init(&backtrace, NULL);
    if (end.crash != NULL)
        mproc_crash_backtrace(end.crash, &backtrace);
    mproc_error_t error = mproc_no_error;
    error.code = code_of(slot, &end);
    error.message = message;
    error.task = task == NULL ? "" : task->name;
    error.item = item;
    error.pid = slot->pid;
    error.exit = end.exit;
    error.has_address = end.crash != NULL && end.crash->has_address == 1;
    error.address = error.has_address ? end.crash->address : 0;
    error.out_of_memory = end.out_of_memory;
    error.stderr_tail = tail;
    if (backtrace.size > 0 && !backtrace.failed)
        error.backtrace = (const char *)backtrace.data;
    (void)mproc_report_set(report, &error);
    mproc_buffer_fini(&backtrace);
}
