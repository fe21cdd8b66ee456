/* SPDX-License-Identifier: Apache-2.0 */
/* process_wait.c: seeing the end of a child, and waiting for it, without ever holding the lock meanwhile. */
#include "memory.h"
#include "memory_kills.h"
#include "monitor.h"
#include "process_object.h"

#include <stdatomic.h>
#include <string.h>

/* ---- messages ----------------------------------------------------------------------------------------------------------- */

void mproc_process_drop_link(mproc_process_t *process) {
    if (process->users > 0)
        return; /* somebody waits on it, and gives it up when he is the last */
    mplat_link_destroy(process->link);
    process->link = NULL;
}

static void condemn(mproc_process_t *process) {
    process->inbox.malformed = true;
    process->inbox.closed = true;
    if (mplat_process_wait(process->system, 0) == 0)
        return;
    process->stops.killed = true;
    (void)mplat_process_signal(process->system, MPLAT_SIGNAL_KILL);
}

/* A look takes the lock from all other processes, so a child with much to send is looked at often. */
#define MESSAGES_PER_LOOK 16

/* Takes what has come; false when there may be more. A child that sends what no mproc sends, or in more messages than its
 * outcome is worth, has lost our trust and is killed: so there is an end to it, however much it sends. */
static bool take_messages(mproc_process_t *process) {
    static unsigned char message[MPLAT_LINK_MESSAGE_MAX]; /* guarded by the lock */
    mplat_handle_t handles[MPLAT_LINK_HANDLES_MAX];
    for (int taken = 0; !process->inbox.closed; taken++) {
        if (taken == MESSAGES_PER_LOOK)
            return false;
        size_t size = 0, handle_count = 0;
        int err = mplat_link_receive(process->link, message, sizeof message, &size, handles, &handle_count, 0);
        if (err == MPLAT_ETIMEDOUT)
            break;
        if (err == MPLAT_EMALFORMED || err == MPLAT_ETOOBIG)
            condemn(process);
        else if (err == 0)
            mproc_inbox_take(&process->inbox, message, size, handles, handle_count);
        else
            process->inbox.closed = true;
        /* Whoever cannot be heard is not told to have said nothing. */
        process->inbox.begun = process->inbox.begun || (err != 0 && err != MPLAT_ECLOSED);
        process->inbox.no_handles = err == MPLAT_ENOHANDLES;
        if (process->inbox.malformed && !process->inbox.closed)
            condemn(process);
    }
    return true;
}

/* ---- the end -------------------------------------------------------------------------------------------------------------- */

static void note_end(mproc_process_t *process, const mplat_exit_t *system) {
    mproc_monitor_remove(process);
    process->state = MPROC_STATE_ENDED;
    process->exit = mproc_exit_classify(system, &process->stops, process->inbox.crash);
    process->usage = system->usage;
    if (process->exit.how == MPROC_EXIT_SIGNALLED && strcmp(process->exit.name, "SIGKILL") == 0)
        process->out_of_memory = mproc_memory_kills_since(process->memory_kills);
    mproc_process_drop_link(process);
}

void mproc_process_refresh(mproc_process_t *process) {
    mplat_exit_t system;
    if (process->state != MPROC_STATE_STARTED)
        return;
    /* First the end, then the messages: nothing can come after the end. */
    bool ended = mplat_process_wait(process->system, 0) == 0;
    bool all = take_messages(process);
    if (ended && all && mplat_process_exit(process->system, &system) == 0 && system.kind != MPLAT_EXIT_RUNNING)
        note_end(process, &system);
}

/* A child whose result is wanted may have to send much: then we take it as it comes. Any other sends at most some small
 * messages, which fit the link, and its end is all there is to wait for. */
static int wait_outside(mproc_process_t *process, int64_t timeout_ms) {
    mplat_handle_t handles[2] = {mplat_process_sentinel(process->system), MPLAT_NO_HANDLE};
    bool ready[2];
    int err = MPROC_OK;
    bool both = process->plan.result && !process->inbox.closed;
    if (both)
        handles[1] = mplat_link_handle(process->link);
    mproc_process_pin(process);
    mproc_processes_unlock();
    if (both)
        err = mplat_handles_wait(handles, 2, timeout_ms, ready);
    else
        err = mplat_process_wait(process->system, timeout_ms);
    mproc_processes_lock();
    mproc_process_unpin(process);
    return err;
}

int mproc_process_await(mproc_process_t *process, int64_t timeout_ms) {
    int64_t start = mplat_clock_ns();
    int64_t left_ms = timeout_ms;
    while (process->state == MPROC_STATE_STARTED) {
        /* A wait that is to end at once would only cost a call more than the look that follows. */
        int err = left_ms != 0 ? wait_outside(process, left_ms) : MPLAT_ETIMEDOUT;
        if (err != 0 && err != MPLAT_ETIMEDOUT)
            return mproc_fail_platform(err, "Cannot wait for process '%s'", process->name);
        mproc_process_refresh(process);
        if (process->state != MPROC_STATE_STARTED)
            break;
        if (left_ms == 0)
            return mproc_fail(MPROC_ETIMEDOUT, "Process '%s' (pid %lld) still runs", process->name,
                              (long long)process->pid);
        if (timeout_ms > 0) {
            int64_t used_ms = (mplat_clock_ns() - start) / 1000000;
            left_ms = used_ms < timeout_ms ? timeout_ms - used_ms : 0;
        }
    }
    return MPROC_OK;
}

/* ---- public ---------------------------------------------------------------------------------------------------------------- */

static int join_parent(const mproc_process_t *parent, int64_t timeout_ms) {
    int64_t start = mplat_clock_ns();
    /* No system lets a child wait for its parent without a handle of it, and nearly every child ends with its parent. */
    while (mplat_parent_pid() == parent->pid) {
        if (timeout_ms >= 0 && (mplat_clock_ns() - start) / 1000000 >= timeout_ms)
            return mproc_fail(MPROC_ETIMEDOUT, "The parent process (pid %lld) still runs", (long long)parent->pid);
        mplat_sleep_ms(5);
    }
    return MPROC_OK;
}

int mproc_process_join(mproc_process_t *process, int64_t timeout_ms) {
    if (process == NULL)
        return mproc_process_check(process);
    if (process->role == MPROC_ROLE_PARENT)
        return join_parent(process, timeout_ms);
    int err = mproc_process_check(process);
    if (err != MPROC_OK)
        return err;
    mproc_processes_lock();
    err = mproc_process_check_started(process);
    if (err == MPROC_OK)
        err = mproc_process_await(process, timeout_ms);
    if (err == MPROC_OK && mproc_process_never_began(process))
        err = mproc_process_fail(process);
    mproc_processes_unlock();
    return err;
}

bool mproc_process_is_alive(mproc_process_t *process) {
    if (process == NULL)
        return false;
    if (process->role == MPROC_ROLE_CURRENT)
        return true;
    if (process->role == MPROC_ROLE_PARENT)
        return mplat_parent_pid() == process->pid;
    if (process->creator != mplat_self_pid())
        return false;
    mproc_processes_lock();
    mproc_process_refresh(process);
    bool alive = process->state == MPROC_STATE_STARTED;
    mproc_processes_unlock();
    return alive;
}

int mproc_process_exit(mproc_process_t *process, mproc_exit_t *out_exit) {
    if (out_exit == NULL)
        return mproc_fail(MPROC_EINVAL, "out_exit is NULL");
    *out_exit = (mproc_exit_t){.name = ""};
    int err = mproc_process_check(process);
    if (err != MPROC_OK)
        return err;
    mproc_processes_lock();
    mproc_process_refresh(process);
    if (process->state == MPROC_STATE_CLOSED)
        err = mproc_process_check_started(process);
    else if (process->state == MPROC_STATE_ENDED)
        *out_exit = process->exit;
    mproc_processes_unlock();
    return err;
}

/* The code of a program that never came to its task says nothing of the task. */
static int check_began(mproc_process_t *process) {
    mproc_processes_lock();
    int err = mproc_process_never_began(process) ? mproc_process_fail(process) : MPROC_OK;
    mproc_processes_unlock();
    return err;
}

int mproc_process_exitcode(mproc_process_t *process, int64_t *out_exitcode) {
    mproc_exit_t exit;
    if (out_exitcode == NULL)
        return mproc_fail(MPROC_EINVAL, "out_exitcode is NULL");
    *out_exitcode = 0;
    int err = mproc_process_exit(process, &exit);
    if (err == MPROC_OK && exit.how == MPROC_EXIT_EXITED)
        err = check_began(process);
    if (err != MPROC_OK || mproc_exit_python(&exit, out_exitcode))
        return err;
    if (exit.how == MPROC_EXIT_LOST)
        return mproc_fail(MPROC_ESTATE,
                          "Process '%s' has no exit code: this program reaped it elsewhere (SIGCHLD ignored, or "
                          "waitpid(-1))",
                          process->name);
    return mproc_fail(MPROC_ESTATE, "Process '%s' has no exit code: it has not ended", process->name);
}

int mproc_connection_wait(const intptr_t *sentinels, size_t count, int64_t timeout_ms, bool *out_ready) {
    if (sentinels == NULL || out_ready == NULL || count == 0)
        return mproc_fail(MPROC_EINVAL, "mproc_connection_wait needs sentinels, and out_ready with room for each");
    int err = mplat_handles_wait(sentinels, count, timeout_ms, out_ready);
    if (err == MPLAT_ETIMEDOUT)
        return mproc_fail(MPROC_ETIMEDOUT, "None of %zu sentinels is ready", count);
    return err == 0 ? MPROC_OK : mproc_fail_platform(err, "Cannot wait for %zu sentinels", count);
}
