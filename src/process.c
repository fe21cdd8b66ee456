/* SPDX-License-Identifier: Apache-2.0 */
/* process.c: the life of a process object: create, close, destroy, and the checks and pins that all calls share. */
#include "process_object.h"

#include "init.h"
#include "memory.h"
#include "monitor.h"
#include "process_list.h"

#include <string.h>

int mproc_process_check(const mproc_process_t *process) {
    if (process == NULL)
        return mproc_fail(MPROC_EINVAL, "The process is NULL");
    if (process->role != MPROC_ROLE_CHILD)
        return mproc_fail(MPROC_ESTATE, "Process '%s' is not a child of this one: only its parent can do this",
                          process->name);
    if (process->creator != mplat_self_pid())
        return mproc_fail(MPROC_ESTATE,
                          "Process '%s' belongs to the process %lld, of which this one is a copy made by fork()",
                          process->name, (long long)process->creator);
    return MPROC_OK;
}

int mproc_process_check_started(const mproc_process_t *process) {
    if (process->state == MPROC_STATE_CLOSED)
        return mproc_fail(MPROC_ESTATE, "Process '%s' is closed", process->name);
    if (process->state == MPROC_STATE_INITIAL || process->state == MPROC_STATE_STARTING)
        return mproc_fail(MPROC_ESTATE, "Process '%s' is not started: call mproc_process_start first", process->name);
    return MPROC_OK;
}

static int read_options(const mproc_process_options_t *given, mproc_process_options_t *out_options) {
    *out_options = (mproc_process_options_t){0};
    if (given == NULL)
        return mproc_fail(MPROC_EINVAL, "options is NULL: give at least options.target");
    size_t size = given->size == 0 ? sizeof *given : given->size;
    if (size > sizeof *given || size <= offsetof(mproc_process_options_t, target))
        return mproc_fail(MPROC_EINVAL,
                          "options.size is %zu: leave it 0, or use sizeof(mproc_process_options_t), here %zu", size,
                          sizeof *given);
    memcpy(out_options, given, size);
    return MPROC_OK;
}

static void free_object(mproc_process_t *process) {
    mproc_plan_fini(&process->plan);
    mproc_inbox_fini(&process->inbox);
    mproc_tree_destroy(process->tree);
    if (process->report != NULL)
        mproc_report_fini(process->report);
    mproc_free(process->report);
    mproc_process_free_names(process);
    mproc_free(process);
}

static bool decide_daemon(const mproc_process_options_t *options) {
    if (options->daemon == MPROC_DAEMON_INHERIT)
        return !options->detached && mproc_process_daemon(mproc_current_process());
    return options->daemon == 1;
}

int mproc_process_create(const mproc_process_options_t *options, mproc_process_t **out_process) {
    mproc_process_options_t checked;
    mproc_process_t *process = NULL;
    int err = MPROC_OK;
    if (out_process == NULL)
        return mproc_fail(MPROC_EINVAL, "out_process is NULL");
    *out_process = NULL;
    if ((err = mproc_program_check()) != MPROC_OK || (err = read_options(options, &checked)) != MPROC_OK ||
        (err = mproc_process_check_name(checked.name)) != MPROC_OK || (err = mproc_processes_prepare()) != MPROC_OK)
        return err;
    process = mproc_alloc_zero(1, sizeof *process);
    if (process == NULL)
        return mproc_fail_memory("a process");
    process->creator = mplat_self_pid();
    process->daemon = decide_daemon(&checked);
    err = mproc_plan_init(&process->plan, &checked);
    process->inbox.max_size = process->plan.values.max_size;
    if (err == MPROC_OK)
        err = mproc_process_identify(process, checked.name);
    if (err != MPROC_OK) {
        free_object(process);
        return err;
    }
    mproc_processes_lock();
    mproc_list_add(process);
    mproc_processes_unlock();
    *out_process = process;
    return MPROC_OK;
}

static void release_system(mproc_process_t *process) {
    mplat_link_destroy(process->link);
    mplat_process_destroy(process->system);
    process->link = NULL;
    process->system = NULL;
}

void mproc_process_pin(mproc_process_t *process) {
    process->users++;
}

void mproc_process_unpin(mproc_process_t *process) {
    process->users--;
    if (process->users > 0)
        return;
    if (process->state == MPROC_STATE_CLOSED)
        release_system(process);
    else if (process->state == MPROC_STATE_ENDED)
        mproc_process_drop_link(process);
    if (process->destroyed)
        free_object(process);
}

static void close_object(mproc_process_t *process) {
    mproc_monitor_remove(process);
    process->state = MPROC_STATE_CLOSED;
    if (process->users == 0)
        release_system(process);
}

int mproc_process_close(mproc_process_t *process) {
    int err = mproc_process_check(process);
    if (err != MPROC_OK)
        return err;
    mproc_processes_lock();
    mproc_process_refresh(process);
    if (process->state == MPROC_STATE_STARTED || process->state == MPROC_STATE_STARTING)
        err = mproc_fail(MPROC_ESTATE,
                         "Process '%s' still runs: join it, or end it with mproc_process_stop, before you close it",
                         process->name);
    else if (process->state != MPROC_STATE_CLOSED)
        close_object(process);
    mproc_processes_unlock();
    return err;
}

void mproc_process_destroy(mproc_process_t *process) {
    /* In a copy made by fork() the lock and the handles are not ours to touch. */
    if (process == NULL || process->role != MPROC_ROLE_CHILD || process->creator != mplat_self_pid())
        return;
    bool deadline = process->plan.deadline_ms > 0;
    mproc_processes_lock();
    mproc_process_refresh(process);
    if (process->state == MPROC_STATE_STARTED && !process->plan.detached) {
        (void)mproc_process_signal(process, MPLAT_SIGNAL_KILL);
        (void)mproc_process_await(process, MPROC_FOREVER);
    }
    mproc_list_remove(process);
    close_object(process);
    process->destroyed = true;
    /* The exit of the program may be waiting for this very process: then it frees it. */
    if (process->users == 0)
        free_object(process);
    mproc_processes_unlock();
    if (deadline)
        mproc_monitor_collect();
}
