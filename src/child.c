/* SPDX-License-Identifier: Apache-2.0 */
/* child.c: a process that mproc started, from its first message to its exit code. It makes no thread and starts no APR, and
 * takes from the heap only what its task needs: a child costs little more than its exec. */
#include "child.h"

#include "bootstrap.h"
#include "call.h"
#include "child_output.h"
#include "memory.h"
#include "process_inbox.h"
#include "process_object.h"
#include "registry.h"
#include "report.h"
#include "worker.h"

#include <mproc/task.h>
#include <stdio.h>
#include <string.h>

enum { CODE_DONE = 0, CODE_FAILED = 1 };

#define REPORT_TEXT_MAX 1500 /* of a report in one small message, where task and file names take their part too */

typedef struct crash_message {
    mproc_message_header_t header;
    mplat_crash_t crash;
} crash_message_t;

/* Static, because the strings of the current process are in it until the very end of the process. */
static struct {
    mplat_link_t *link;
    _Alignas(MPROC_BOOTSTRAP_ALIGNMENT) unsigned char message[MPROC_BOOTSTRAP_SIZE_MAX];
    mproc_bootstrap_t bootstrap;
    mplat_segment_t *payload;
    crash_message_t crash;
} child;

void mproc_child_set_link(mplat_link_t *link) {
    child.link = link;
}

/* ---- the start message ---------------------------------------------------------------------------------------------------- */

static int receive(bool *out_gone) {
    mplat_handle_t handles[MPLAT_LINK_HANDLES_MAX];
    size_t size = 0, handle_count = 0;
    int err = mplat_link_receive(child.link, child.message, sizeof child.message, &size, handles, &handle_count, -1);
    *out_gone = err == MPLAT_ECLOSED;
    if (err != 0)
        return mproc_fail_platform(err, "The start message does not arrive");
    err = mproc_bootstrap_decode(child.message, size, &child.bootstrap);
    if (err == MPROC_OK && child.bootstrap.in_segment) {
        size_t payload_size = mproc_bootstrap_segment_size(&child.bootstrap);
        mplat_handle_t handle = handle_count > 0 ? handles[0] : MPLAT_NO_HANDLE;
        if (handle_count > 0)
            handles[0] = MPLAT_NO_HANDLE;
        err = mplat_segment_open(handle, payload_size, &child.payload);
        if (err != 0)
            err = mproc_fail_platform(err, "The arguments (%zu bytes) cannot be read from shared memory", payload_size);
        else
            err = mproc_bootstrap_read_segment(&child.bootstrap, mplat_segment_base(child.payload), payload_size);
    }
    for (size_t i = 0; i < handle_count; i++)
        mplat_handle_close(&handles[i]);
    return err;
}

/* The parent's and this process's code must be one, or addresses and layouts would not mean the same. */
static int check_build(const mproc_bootstrap_t *bootstrap) {
    unsigned char build_id[MPROC_BUILD_ID_MAX];
    size_t size = 0;
    if (mplat_build_id(build_id, sizeof build_id, &size) != 0)
        size = 0;
    if (size != bootstrap->build_id_size || memcmp(build_id, bootstrap->build_id, size) != 0 ||
        mproc_registry_fingerprint() != bootstrap->fingerprint)
        return mproc_fail(MPROC_EVERSION,
                          "The executable was replaced while the program runs: this child is of another build than "
                          "its parent; start the program again");
    return MPROC_OK;
}

static int find_task(const mproc_bootstrap_t *bootstrap, const mproc_task_t **out_task) {
    *out_task = mproc_registry_find(bootstrap->task);
    if (*out_task == NULL)
        return mproc_fail(MPROC_ENOTASK,
                          "The child knows no task '%s': a task must be registered before main, in the program or in "
                          "a library it is linked with, not in a plug-in that only the parent has loaded",
                          bootstrap->task);
    return MPROC_OK;
}

/* Without it nobody could tell a program that ended as told from one that never called mproc_init. */
static void say_begun(void) {
    mproc_message_header_t message = {.type = MPROC_MESSAGE_BEGUN};
    (void)mplat_link_send(child.link, &message, sizeof message, NULL, 0, -1);
}

/* ---- the run ---------------------------------------------------------------------------------------------------------------- */

static void send_crash(const mplat_crash_t *crash, void *context) {
    crash_message_t *message = context;
    message->header = (mproc_message_header_t){.type = MPROC_MESSAGE_CRASH, .size = sizeof *crash};
    message->crash = *crash;
    (void)mplat_link_crash_send(child.link, message, sizeof *message);
}

/* As Python prints an exception that nobody caught. */
static void print_failure(const mproc_error_t *error) {
    char text[4096];
    (void)mproc_error_format(error, text, sizeof text);
    size_t length = strlen(text);
    (void)fprintf(stderr, "Process %s:\n%s%s", mproc_process_name(mproc_current_process()), text,
                  length > 0 && text[length - 1] == '\n' ? "" : "\n");
}

/* Sends a report that fits a small message, whatever the parent does: a long text is cut. */
static void send_report(const mproc_error_t *error) {
    char message[REPORT_TEXT_MAX + 1];
    mproc_error_t report = *error;
    mproc_outcome_t outcome = {.kind = MPROC_OUTCOME_FAILED};
    mproc_buffer_t encoded;
    mproc_buffer_init(&encoded, NULL);
    (void)snprintf(message, sizeof message, "%s", error->message);
    report.message = message;
    if (mproc_report_encode(&report, &encoded) == MPROC_OK) {
        outcome.data = encoded.data;
        outcome.size = encoded.size;
    }
    (void)mproc_child_send_outcome(child.link, &outcome, NULL, false);
    mproc_buffer_fini(&encoded);
}

/* A start that fails is told as a task that fails: the parent has one way to hear of it. */
static int fail_start(void) {
    mproc_error_t report = *mproc_last_error();
    if (report.task[0] == '\0' && child.bootstrap.task != NULL)
        report.task = child.bootstrap.task;
    report.pid = mplat_self_pid();
    print_failure(&report);
    send_report(&report);
    return CODE_FAILED;
}

static int run_process(const mproc_task_t *task) {
    const mproc_bootstrap_t *bootstrap = &child.bootstrap;
    mproc_request_t request = {task, bootstrap->args, bootstrap->args_size, bootstrap->input, bootstrap->input_size};
    mproc_child_room_t room;
    mproc_call_t call;
    mproc_outcome_t outcome;
    mproc_child_room_init(&room);
    mproc_call_init(&call, &bootstrap->limits, &room.source);
    mproc_call_run(&call, &request, &outcome);
    bool failed = outcome.kind == MPROC_OUTCOME_FAILED;
    if (failed)
        print_failure(mproc_call_failure(&call));
    bool too_long = failed && outcome.size > MPROC_REPORT_SIZE_MAX;
    bool wanted = failed || bootstrap->result;
    /* Nobody waits for many messages when no result is wanted. */
    if (too_long || (wanted && !mproc_child_send_outcome(child.link, &outcome, &room, bootstrap->result)))
        send_report(mproc_call_failure(&call));
    mproc_call_fini(&call);
    mproc_child_room_fini(&room);
    return failed ? CODE_FAILED : CODE_DONE;
}

static int run_worker(const mproc_task_t *initializer) {
    const mproc_bootstrap_t *bootstrap = &child.bootstrap;
    mproc_request_t request = {initializer, bootstrap->args, bootstrap->args_size, NULL, 0};
    return mproc_worker_main(child.link, &request, &bootstrap->limits);
}

int mproc_child_main(void) {
    const mproc_task_t *task = NULL;
    bool gone = false;
    /* As in Python, a stream or socket that nobody reads is the business of who writes to it: it must not take the task, its
     * report or its exit code away. */
    mplat_child_ignore_broken_pipe();
    int err = receive(&gone);
    if (gone)
        return CODE_FAILED; /* nobody is left to tell */
    bool worker = child.bootstrap.kind == MPROC_BOOTSTRAP_WORKER;
    if (err == MPROC_OK) {
        mproc_current_become(&child.bootstrap); /* first, so that every complaint has a name on it */
        err = check_build(&child.bootstrap);
    }
    if (err == MPROC_OK && (!worker || child.bootstrap.task[0] != '\0'))
        err = find_task(&child.bootstrap, &task);
    if (err == MPROC_OK)
        say_begun();
    if (err == MPROC_OK && worker)
        return run_worker(task); /* which reports crashes its own way */
    if (err == MPROC_OK && (err = mplat_crash_install(send_crash, &child.crash)) != 0)
        err = mproc_fail_platform(err, "The child cannot prepare for reporting a crash");
    if (err != MPROC_OK)
        return fail_start();
    return run_process(task);
}
