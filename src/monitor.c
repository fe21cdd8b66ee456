/* SPDX-License-Identifier: Apache-2.0 */
/* monitor.c: the thread of deadlines. */
#include "monitor.h"

#include "process_object.h"
#include "threads.h"

#define STACK_SIZE (128 * 1024)
#define EVENTS_MAX 16
#define NS_PER_MS INT64_C(1000000)
#define NEVER INT64_MAX

/* All of it is guarded by the lock of process_object.h. */
static struct {
    mproc_thread_t *thread; /* may have run to its end: then running is false, and whoever comes next joins it */
    bool running;
    mplat_watch_t *watch;
    unsigned reserved;
    mproc_process_t *first;
} monitor;

static bool listed(const mproc_process_t *process) {
    for (const mproc_process_t *each = monitor.first; each != NULL; each = each->monitor_next)
        if (each == process)
            return true;
    return false;
}

static void unlist(mproc_process_t *process) {
    mproc_process_t **link = &monitor.first;
    while (*link != process)
        link = &(*link)->monitor_next;
    *link = process->monitor_next;
    process->monitor_next = NULL;
    process->deadline_ns = 0;
    mplat_watch_remove_process(monitor.watch, process->system);
}

/* Kills what is overdue and returns when the next deadline is. */
static int64_t kill_overdue(void) {
    int64_t now = mplat_clock_ns(), next_deadline = NEVER;
    mproc_process_t *next = NULL;
    for (mproc_process_t *process = monitor.first; process != NULL; process = next) {
        next = process->monitor_next;
        if (process->deadline_ns > now) {
            next_deadline = process->deadline_ns < next_deadline ? process->deadline_ns : next_deadline;
            continue;
        }
        if (mplat_process_wait(process->system, 0) != 0) {
            process->stops.deadline = true;
            (void)mplat_process_signal(process->system, MPLAT_SIGNAL_KILL);
        }
        unlist(process);
    }
    return next_deadline;
}

/* An event may be of a process that was removed since, and even freed: only its address is looked at. */
static void drop_ended(const mplat_watch_event_t *events, size_t count) {
    for (size_t i = 0; i < count; i++) {
        mproc_process_t *process = events[i].key;
        if (events[i].kind == MPLAT_WATCH_EXIT && listed(process) && mplat_process_wait(process->system, 0) == 0)
            unlist(process);
    }
}

static void watch_deadlines(void *context) {
    mplat_watch_event_t events[EVENTS_MAX];
    (void)context;
    mproc_processes_lock();
    while (monitor.first != NULL || monitor.reserved > 0) {
        int64_t next = kill_overdue(), timeout_ns = -1;
        size_t count = 0;
        if (monitor.first == NULL && monitor.reserved == 0)
            break;
        if (next != NEVER) {
            timeout_ns = next - mplat_clock_ns();
            timeout_ns = timeout_ns > 0 ? timeout_ns : 0;
        }
        mproc_processes_unlock();
        if (mplat_watch_wait(monitor.watch, timeout_ns, events, EVENTS_MAX, &count) != 0)
            count = 0;
        mproc_processes_lock();
        drop_ended(events, count);
    }
    monitor.running = false;
    mplat_watch_destroy(monitor.watch);
    monitor.watch = NULL;
    mproc_processes_unlock();
}

static int start_thread(void) {
    mproc_thread_join(&monitor.thread);
    int err = mplat_watch_create(&monitor.watch);
    if (err != 0)
        return mproc_fail_platform(err, "Cannot watch over the deadline of a process");
    err = mproc_thread_create(watch_deadlines, NULL, STACK_SIZE, &monitor.thread);
    if (err != MPROC_OK) {
        mplat_watch_destroy(monitor.watch);
        monitor.watch = NULL;
    }
    return err;
}

int mproc_monitor_reserve(void) {
    int err = MPROC_OK;
    mproc_processes_lock();
    if (!monitor.running)
        err = start_thread();
    if (err == MPROC_OK) {
        monitor.running = true;
        monitor.reserved++;
    }
    mproc_processes_unlock();
    return err;
}

void mproc_monitor_cancel(void) {
    monitor.reserved--;
    mplat_watch_wake(monitor.watch);
}

void mproc_monitor_add(mproc_process_t *process, int64_t deadline_ms) {
    int64_t now = mplat_clock_ns();
    bool far = deadline_ms > (NEVER - now) / NS_PER_MS - 1;
    monitor.reserved--;
    process->deadline_ns = far ? NEVER - 1 : now + deadline_ms * NS_PER_MS;
    process->monitor_next = monitor.first;
    monitor.first = process;
    /* Without the watch its end is only noticed later: by a join, or at the deadline. */
    (void)mplat_watch_add_process(monitor.watch, process->system, process);
    mplat_watch_wake(monitor.watch);
}

void mproc_monitor_remove(mproc_process_t *process) {
    if (process->deadline_ns == 0)
        return;
    unlist(process);
    if (monitor.first == NULL)
        mplat_watch_wake(monitor.watch);
}

void mproc_monitor_end(void) {
    mproc_thread_t *thread = NULL;
    mproc_processes_lock();
    /* What still runs is detached: it lives on, and nobody is left to keep its time. */
    while (monitor.first != NULL)
        mproc_monitor_remove(monitor.first);
    thread = monitor.thread;
    monitor.thread = NULL;
    mproc_processes_unlock();
    mproc_thread_join(&thread);
}
