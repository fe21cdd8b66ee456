/* SPDX-License-Identifier: Apache-2.0 */
/* process_list.c: the list of children, and the end of the program in Python's order. */
#include "process_list.h"

#include "init.h"
#include "monitor.h"
#include "process_object.h"
#include "threads.h"

#include <stddef.h>

/* A daemon has this long after its SIGTERM: an exit must not hang because one ignores it. */
#define DAEMON_GRACE_MS 2000

static mproc_once_t once;
static mproc_mutex_t *lock;
static mproc_process_t *first;

static int prepare(void) {
    return mproc_mutex_create(&lock);
}

int mproc_processes_prepare(void) {
    return mproc_once(&once, prepare);
}

bool mproc_processes_prepared(void) {
    return atomic_load(&once.state) != 0 && mproc_once(&once, prepare) == MPROC_OK;
}

void mproc_processes_lock(void) {
    mproc_mutex_lock(lock);
}

void mproc_processes_unlock(void) {
    mproc_mutex_unlock(lock);
}

void mproc_list_add(mproc_process_t *process) {
    process->next = first;
    process->previous = NULL;
    if (first != NULL)
        first->previous = process;
    first = process;
}

void mproc_list_remove(mproc_process_t *process) {
    if (process->next != NULL)
        process->next->previous = process->previous;
    if (process->previous != NULL)
        process->previous->next = process->next;
    else if (first == process)
        first = process->next;
    process->next = process->previous = NULL;
}

int mproc_active_children(mproc_process_t **out_processes, size_t capacity, size_t *out_count) {
    size_t count = 0;
    if (out_count == NULL || (out_processes == NULL && capacity > 0))
        return mproc_fail(MPROC_EINVAL, "mproc_active_children needs an array for its capacity, and out_count");
    *out_count = 0;
    if (mproc_program_is_copy() || !mproc_processes_prepared())
        return MPROC_OK;
    mproc_processes_lock();
    for (mproc_process_t *process = first; process != NULL; process = process->next) {
        mproc_process_refresh(process);
        if (process->state != MPROC_STATE_STARTED)
            continue;
        if (count < capacity)
            out_processes[count] = process;
        count++;
    }
    mproc_processes_unlock();
    *out_count = count;
    return MPROC_OK;
}

static void terminate_daemons(void) {
    for (mproc_process_t *process = first; process != NULL; process = process->next)
        if (process->daemon && process->state == MPROC_STATE_STARTED)
            (void)mproc_process_signal(process, MPLAT_SIGNAL_TERMINATE);
}

/* The list may change in every wait, so each step looks for the next from the start. */
static mproc_process_t *find_running(bool daemon) {
    for (mproc_process_t *process = first; process != NULL; process = process->next)
        if (process->state == MPROC_STATE_STARTED && process->daemon == daemon && !process->plan.detached)
            return process;
    return NULL;
}

static void await_daemons(void) {
    int64_t deadline = mplat_clock_ns() + DAEMON_GRACE_MS * INT64_C(1000000);
    mproc_process_t *process;
    while ((process = find_running(true)) != NULL) {
        int64_t left_ms = (deadline - mplat_clock_ns()) / 1000000;
        mproc_process_pin(process);
        if (mproc_process_await(process, left_ms > 0 ? left_ms : 0) == MPROC_ETIMEDOUT) {
            (void)mproc_process_signal(process, MPLAT_SIGNAL_KILL);
            (void)mproc_process_await(process, MPROC_FOREVER);
        }
        mproc_process_unpin(process);
    }
}

static void await_others(void) {
    mproc_process_t *process;
    while ((process = find_running(false)) != NULL) {
        mproc_process_pin(process);
        (void)mproc_process_await(process, MPROC_FOREVER);
        mproc_process_unpin(process);
    }
}

static bool any_starting(void) {
    for (mproc_process_t *process = first; process != NULL; process = process->next)
        if (process->state == MPROC_STATE_STARTING)
            return true;
    return false;
}

void mproc_processes_end(void) {
    if (!mproc_processes_prepared())
        return;
    mproc_processes_lock();
    /* Another thread may be in the middle of a start; no new one begins, since the program is marked as ending. */
    while (any_starting()) {
        mproc_processes_unlock();
        mplat_sleep_ms(1);
        mproc_processes_lock();
    }
    terminate_daemons();
    await_daemons();
    await_others();
    mproc_processes_unlock();
    mproc_monitor_end();
}
