/* SPDX-License-Identifier: Apache-2.0 */
/* monitor.c: the thread of deadlines. It is retired with the last process on its list; then it only leaves, and whoever comes
 * next collects it. A later deadline gets a new one. */
#include "monitor.h"

#include "memory.h"
#include "process_object.h"
#include "threads.h"

#include <assert.h>

#define STACK_SIZE ((size_t)128 * 1024)
#define EVENTS_MAX 16
#define NS_PER_MS INT64_C(1000000)
#define NEVER INT64_MAX
#define PAUSE_MS 20

typedef struct monitor {
    mproc_thread_t *thread;
    mplat_watch_t *watch; /* on the ends of those on the list, and woken when the list changes */
    struct monitor *next; /* among the retired */
} monitor_t;

/* All of it is guarded by the lock of process_object.h. */
static monitor_t *current; /* NULL while there is nothing to watch over */
static monitor_t *retired;
static unsigned reserved; /* starts that are under way */
static mproc_process_t *first;

static void retire_if_idle(void) {
    if (current == NULL || first != NULL || reserved > 0)
        return;
    monitor_t *idle = current;
    current = NULL;
    idle->next = retired;
    retired = idle;
    mplat_watch_wake(idle->watch);
}

static bool listed(const mproc_process_t *process) {
    for (const mproc_process_t *each = first; each != NULL; each = each->monitor_next)
        if (each == process)
            return true;
    return false;
}

static void unlist(mproc_process_t *process) {
    mproc_process_t **link = &first;
    while (*link != process)
        link = &(*link)->monitor_next;
    *link = process->monitor_next;
    process->monitor_next = NULL;
    process->deadline_ns = 0;
    mplat_watch_remove_process(current->watch, process->system);
}

/* Kills what is overdue and returns when the next deadline is. */
static int64_t kill_overdue(void) {
    int64_t now = mplat_clock_ns(), next_deadline = NEVER;
    mproc_process_t *next = NULL;
    for (mproc_process_t *process = first; process != NULL; process = next) {
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

/* Sleeps, without the lock, until something ends, a deadline has come, or the list has changed. Where the system refuses to wait,
 * it looks at the time now and then. */
static size_t await_events(monitor_t *self, int64_t next_deadline, mplat_watch_event_t *events) {
    int64_t timeout_ns = -1;
    size_t count = 0;
    if (next_deadline != NEVER) {
        timeout_ns = next_deadline - mplat_clock_ns();
        timeout_ns = timeout_ns > 0 ? timeout_ns : 0;
    }
    mproc_processes_unlock();
    int err = mplat_watch_wait(self->watch, timeout_ns, events, EVENTS_MAX, &count);
    if (err != 0 && err != MPLAT_ETIMEDOUT)
        mplat_sleep_ms(timeout_ns < 0 || timeout_ns > PAUSE_MS * NS_PER_MS ? PAUSE_MS : timeout_ns / NS_PER_MS + 1);
    mproc_processes_lock();
    return count;
}

static void watch_deadlines(void *context) {
    monitor_t *self = context;
    mplat_watch_event_t events[EVENTS_MAX];
    assert(self != NULL);
    mproc_processes_lock();
    while (current == self) {
        int64_t next_deadline = kill_overdue();
        retire_if_idle();
        if (current != self)
            break;
        size_t count = await_events(self, next_deadline, events);
        if (current != self)
            break;
        drop_ended(events, count);
    }
    mproc_processes_unlock();
}

static void free_monitor(monitor_t *monitor) {
    mproc_thread_join(&monitor->thread);
    mplat_watch_destroy(monitor->watch);
    mproc_free(monitor);
}

/* With the lock, which the new thread needs before it looks at anything. */
static int make_current(void) {
    monitor_t *monitor = mproc_alloc_zero(1, sizeof *monitor);
    if (monitor == NULL)
        return mproc_fail_memory("the deadline of a process");
    int err = mplat_watch_create(&monitor->watch);
    if (err != 0)
        err = mproc_fail_platform(err, "Cannot watch over the deadline of a process");
    else
        err = mproc_thread_create(watch_deadlines, monitor, STACK_SIZE, &monitor->thread);
    if (err == MPROC_OK)
        current = monitor;
    else
        free_monitor(monitor);
    return err;
}

int mproc_monitor_reserve(void) {
    mproc_monitor_collect();
    mproc_processes_lock();
    int err = current == NULL ? make_current() : MPROC_OK;
    if (err == MPROC_OK)
        reserved++;
    mproc_processes_unlock();
    return err;
}

void mproc_monitor_cancel(void) {
    reserved--;
    retire_if_idle();
}

void mproc_monitor_add(mproc_process_t *process, int64_t deadline_ms) {
    int64_t now = mplat_clock_ns();
    bool far = deadline_ms > (NEVER - now) / NS_PER_MS - 1;
    reserved--;
    process->deadline_ns = far ? NEVER - 1 : now + deadline_ms * NS_PER_MS;
    process->monitor_next = first;
    first = process;
    /* Without the watch its end is only noticed later: by a join, or at the deadline. */
    (void)mplat_watch_add_process(current->watch, process->system, process);
    mplat_watch_wake(current->watch);
}

void mproc_monitor_remove(mproc_process_t *process) {
    if (process->deadline_ns == 0)
        return;
    unlist(process);
    retire_if_idle();
}

void mproc_monitor_collect(void) {
    mproc_processes_lock();
    monitor_t *leaving = retired;
    retired = NULL;
    mproc_processes_unlock();
    while (leaving != NULL) {
        monitor_t *next = leaving->next;
        free_monitor(leaving);
        leaving = next;
    }
}

void mproc_monitor_end(void) {
    mproc_processes_lock();
    /* What still runs is detached: it lives on, and nobody is left to keep its time. */
    while (first != NULL)
        mproc_monitor_remove(first);
    mproc_processes_unlock();
    mproc_monitor_collect();
}
