/* SPDX-License-Identifier: Apache-2.0 */
/* process_current.c: the process this code runs in, and the one that made it. Neither is on the list of children. */
#include "process_object.h"

#include <stdatomic.h>

static mproc_process_t current = {.role = MPROC_ROLE_CURRENT, .name = "MainProcess", .identity = ""};
static mproc_process_t parent = {.role = MPROC_ROLE_PARENT, .name = "", .identity = ""};
static bool have_parent;

void mproc_current_become(const mproc_bootstrap_t *bootstrap) {
    atomic_store(&current.name, bootstrap->name);
    current.identity = bootstrap->identity;
    current.daemon = bootstrap->daemon;
    current.creator = bootstrap->parent_pid;
    atomic_store(&parent.name, bootstrap->parent_name);
    parent.pid = bootstrap->parent_pid;
    have_parent = true;
}

mproc_process_t *mproc_current_process(void) {
    return &current;
}

mproc_process_t *mproc_parent_process(void) {
    return have_parent ? &parent : NULL;
}

int64_t mproc_process_pid(const mproc_process_t *process) {
    if (process == NULL)
        return 0;
    if (process->role == MPROC_ROLE_CURRENT)
        return mplat_self_pid();
    if (process->role == MPROC_ROLE_PARENT)
        return process->pid;
    if (process->creator != mplat_self_pid())
        return 0;
    mproc_processes_lock();
    int64_t pid = process->state == MPROC_STATE_CLOSED ? 0 : process->pid;
    mproc_processes_unlock();
    return pid;
}

bool mproc_process_daemon(const mproc_process_t *process) {
    if (process == NULL)
        return false;
    if (process->role != MPROC_ROLE_CHILD || process->creator != mplat_self_pid())
        return process->daemon;
    mproc_processes_lock();
    bool daemon = process->daemon;
    mproc_processes_unlock();
    return daemon;
}

int mproc_process_set_daemon(mproc_process_t *process, bool daemon) {
    int err = mproc_process_check(process);
    if (err != MPROC_OK)
        return err;
    mproc_processes_lock();
    if (process->state != MPROC_STATE_INITIAL)
        err = mproc_fail(MPROC_ESTATE, "Process '%s' has been started: whether it is a daemon is decided before",
                         process->name);
    else if (daemon && process->plan.detached)
        err = mproc_fail(MPROC_EINVAL, "Process '%s' is detached: it cannot be a daemon, which ends with its parent",
                         process->name);
    else
        process->daemon = daemon;
    mproc_processes_unlock();
    return err;
}

int mproc_process_sentinel(const mproc_process_t *process, intptr_t *out_sentinel) {
    if (out_sentinel == NULL)
        return mproc_fail(MPROC_EINVAL, "out_sentinel is NULL");
    *out_sentinel = MPLAT_NO_HANDLE;
    int err = mproc_process_check(process);
    if (err != MPROC_OK)
        return err;
    mproc_processes_lock();
    err = mproc_process_check_started(process);
    if (err == MPROC_OK)
        *out_sentinel = mplat_process_sentinel(process->system);
    mproc_processes_unlock();
    return err;
}

static mproc_usage_t to_public(const mplat_usage_t *usage) {
    int64_t offset = mplat_wall_ns() - mplat_clock_ns();
    return (mproc_usage_t){.user_ns = usage->user_ns,
                           .system_ns = usage->system_ns,
                           .peak_memory_bytes = usage->peak_memory_bytes,
                           .started_ns = usage->started_ns + offset,
                           .ended_ns = usage->ended_ns == 0 ? 0 : usage->ended_ns + offset};
}

int mproc_process_usage(mproc_process_t *process, mproc_usage_t *out_usage) {
    mplat_usage_t usage = {0};
    if (out_usage == NULL)
        return mproc_fail(MPROC_EINVAL, "out_usage is NULL");
    *out_usage = (mproc_usage_t){0};
    int err = mproc_process_check(process);
    if (err != MPROC_OK)
        return err;
    mproc_processes_lock();
    mproc_process_refresh(process);
    err = mproc_process_check_started(process);
    if (err == MPROC_OK && process->state == MPROC_STATE_ENDED)
        usage = process->usage;
    else if (err == MPROC_OK && (err = mplat_process_usage(process->system, &usage)) != 0)
        err = mproc_fail_platform(err, "Cannot tell what process '%s' has used", process->name);
    mproc_processes_unlock();
    if (err == MPROC_OK)
        *out_usage = to_public(&usage);
    return err;
}

int mproc_cpu_count(void) {
    return mplat_cpu_count();
}
