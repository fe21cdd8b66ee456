/* SPDX-License-Identifier: Apache-2.0 */
/* process_stop.c: ending a child: asked, killed, with all its descendants, or in stages. */
#include "process_object.h"

static bool *stop_of(mproc_process_t *process, mplat_signal_t signal) {
    switch (signal) {
    case MPLAT_SIGNAL_INTERRUPT:
        return &process->stops.interrupted;
    case MPLAT_SIGNAL_TERMINATE:
        return &process->stops.terminated;
    default:
        return &process->stops.killed;
    }
}

static int fail_signal(const mproc_process_t *process, int err) {
    if (err == MPLAT_ENOTSUP)
        return mproc_fail_platform(
            err, "Cannot interrupt process '%s': here this needs options.own_group and a console", process->name);
    return mproc_fail_platform(err, "Cannot stop process '%s' (pid %lld)", process->name, (long long)process->pid);
}

int mproc_process_signal(mproc_process_t *process, mplat_signal_t signal) {
    mproc_process_refresh(process);
    if (process->state != MPROC_STATE_STARTED)
        return MPROC_OK;
    /* Noted first: its end may be seen at once. */
    bool *noted = stop_of(process, signal);
    bool before = *noted;
    *noted = true;
    int err = mplat_process_signal(process->system, signal);
    if (err == 0)
        return MPROC_OK;
    *noted = before;
    return fail_signal(process, err);
}

static int signal_checked(mproc_process_t *process, mplat_signal_t signal) {
    int err = mproc_process_check(process);
    if (err != MPROC_OK)
        return err;
    mproc_processes_lock();
    err = mproc_process_check_started(process);
    if (err == MPROC_OK)
        err = mproc_process_signal(process, signal);
    mproc_processes_unlock();
    return err;
}

int mproc_process_terminate(mproc_process_t *process) {
    return signal_checked(process, MPLAT_SIGNAL_TERMINATE);
}

int mproc_process_kill(mproc_process_t *process) {
    return signal_checked(process, MPLAT_SIGNAL_KILL);
}

int mproc_process_interrupt(mproc_process_t *process) {
    return signal_checked(process, MPLAT_SIGNAL_INTERRUPT);
}

/* Looking for all descendants takes milliseconds on a busy machine: not with the lock. */
static int kill_tree(mproc_process_t *process) {
    mproc_process_refresh(process);
    if (process->state != MPROC_STATE_STARTED)
        return MPROC_OK;
    bool before = process->stops.killed;
    process->stops.killed = true;
    mproc_process_pin(process);
    mproc_processes_unlock();
    int err = mplat_process_signal_tree(process->system, MPLAT_SIGNAL_KILL);
    mproc_processes_lock();
    if (err != 0) {
        err = fail_signal(process, err);
        /* Descendants that cannot be found may be all that was missed: then its end is ours, and else it is not. */
        if (mplat_process_signal(process->system, MPLAT_SIGNAL_KILL) != 0)
            process->stops.killed = before;
    }
    mproc_process_unpin(process);
    return err;
}

int mproc_process_terminate_tree(mproc_process_t *process) {
    int err = mproc_process_check(process);
    if (err != MPROC_OK)
        return err;
    mproc_processes_lock();
    err = mproc_process_check_started(process);
    if (err == MPROC_OK)
        err = kill_tree(process);
    mproc_processes_unlock();
    return err;
}

static int stop(mproc_process_t *process, int64_t grace_ms) {
    int err = MPROC_ETIMEDOUT;
    if (grace_ms != 0) {
        err = mproc_process_signal(process, MPLAT_SIGNAL_TERMINATE);
        if (err == MPROC_OK)
            err = mproc_process_await(process, grace_ms);
    }
    if (err != MPROC_ETIMEDOUT)
        return err;
    err = mproc_process_signal(process, MPLAT_SIGNAL_KILL);
    return err == MPROC_OK ? mproc_process_await(process, MPROC_FOREVER) : err;
}

int mproc_process_stop(mproc_process_t *process, int64_t grace_ms) {
    int err = mproc_process_check(process);
    if (err != MPROC_OK)
        return err;
    mproc_processes_lock();
    err = mproc_process_check_started(process);
    if (err == MPROC_OK)
        err = stop(process, grace_ms);
    mproc_processes_unlock();
    return err;
}
