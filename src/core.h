/* SPDX-License-Identifier: Apache-2.0 */
/* core.h: the pool's core: every task from its submit to its result. It hands units of work to a backend and hears what became of
 * them (backend.h); where they run it does not know. One lock protects all of it. */
#ifndef MPROC_SRC_CORE_H
#define MPROC_SRC_CORE_H

#include <mproc/pool.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "job.h"
#include "list.h"
#include "queue.h"
#include "threads.h"
#include "timers.h"

#define MPROC_NS_PER_MS INT64_C(1000000)

/* ---- the pool -------------------------------------------------------------------------------------------------------- */

enum { MPROC_LANE_NOWHERE = 0, MPROC_LANE_IDLE, MPROC_LANE_OPEN };

/* What the core knows of one of the backend's slots. */
typedef struct mproc_lane {
    mproc_node_t place; /* in pool->idle or pool->open */
    mproc_node_t dirty; /* in pool->dirty: to be flushed */
    mproc_node_t out;   /* units, in order of submit */
    mproc_node_t own;   /* units reserved for this lane */
    int index;
    uint8_t where; /* MPROC_LANE_… */
    bool up;
    bool urgent;                  /* something was sent that the pool's thread is to hear of */
    const mproc_result_t *waiter; /* what the thread in wait_slot waits for; NULL: there is none */
    uint32_t count;               /* units out */
    uint32_t own_count;
    uint32_t window;   /* units that may be out at a time */
    int64_t unit_ns;   /* what one takes, lately; 0: not known */
    uint64_t finished; /* pool->finished when it last finished one */
    int64_t pid;
    mproc_timer_t timer; /* when to look at what it runs */
} mproc_lane_t;

typedef enum mproc_pool_state { MPROC_POOL_OPEN = 0, MPROC_POOL_CLOSED, MPROC_POOL_TERMINATED } mproc_pool_state_t;

typedef struct mproc_trace mproc_trace_t;
typedef struct mproc_progress_bar mproc_progress_bar_t;

struct mproc_pool {
    mproc_mutex_t *mutex;         /* held wherever the members below are used */
    mproc_condition_t *condition; /* something has changed that some thread waits for */
    mproc_backend_t *backend;
    const mproc_backend_ops_t *ops;
    mproc_queue_t queue;
    size_t out;        /* units in lanes ... */
    size_t busy;       /* ... and lanes that have any */
    uint32_t stacked;  /* lanes with more than one unit */
    uint32_t reserved; /* units that wait for a certain lane */
    mproc_node_t idle; /* lanes without work, the most recently active first */
    mproc_node_t open; /* lanes with work and room for more */
    mproc_node_t dirty;
    mproc_job_store_t store;
    size_t jobs;       /* blocks in use, done or not */
    size_t pending;    /* jobs not done */
    uint64_t finished; /* units, ever */
    uint64_t relieved; /* pool->finished when long lanes were last looked for */
    uint32_t skipped;  /* submits in a row that found no room */
    uint32_t sleepers; /* threads at condition */
    uint32_t guests;   /* threads in the backend without the lock: it is not destroyed under them */
    uint32_t hub_waiters;
    uint32_t queue_waiters;
    bool asleep;    /* the pool's thread is in ops->wait, or about to be ... */
    bool woken;     /* ... and has been told to come */
    bool refills;   /* it is woken in time to refill the lanes */
    bool inlined;   /* tasks run in the thread that waits; there is no thread of the pool's own */
    bool driving;   /* some thread runs an inline task */
    bool stopped;   /* ops->stop was called */
    bool ended;     /* every lane is down for good and every callback was called */
    bool orphan;    /* destroyed in a callback: the pool's thread frees it */
    bool destroyed; /* only results are left */
    bool is_broken;
    mproc_pool_state_t state;
    mproc_report_t broken; /* why, when is_broken */
    mproc_node_t maps;
    mproc_node_t delayed;  /* units that wait for their back-off */
    mproc_node_t returned; /* units that came back unbegun, to be queued again */
    mproc_node_t notices;
    mproc_timers_t timers;
    mproc_lane_t **lanes;
    int lane_count;
    int wanted;        /* workers */
    int up;            /* lanes that are up */
    void *spare_parts; /* unused mproc_part_t, linked by their first word */
    uint32_t spare_count;
    mproc_pool_stats_t stats;
    mproc_pool_hook_t *hook;
    void *hook_context;
    size_t queue_limit;
    bool queue_refuses;
    mproc_value_limits_t values;
    mproc_trace_t *trace;           /* NULL: none is written */
    mproc_progress_bar_t *progress; /* NULL: none is drawn */
    mproc_thread_t *thread;
    void *tomb;       /* pool_list.c's, for an orphan's thread */
    mproc_node_t all; /* in the list of all pools */
};

static inline void mproc_core_lock(mproc_pool_t *pool) {
    mproc_mutex_lock(pool->mutex);
}

static inline void mproc_core_unlock(mproc_pool_t *pool) {
    mproc_mutex_unlock(pool->mutex);
}

/* ---- core.c: the life of a job. With the lock held, unless said ------------------------------------------------------- */

/* mproc_core_job makes a job with room for payload bytes, referred to by the caller and, until it is done, by the pool.
 * NULL without memory. */
mproc_result_t *mproc_core_job(mproc_pool_t *pool, size_t payload);

/* mproc_core_complete makes a job done: tells those who wait, arranges its callback, gives up the pool's reference. */
void mproc_core_complete(mproc_pool_t *pool, mproc_result_t *job);

/* mproc_core_fail completes a single task that failed, with its count in the statistics. error may be NULL. */
void mproc_core_fail(mproc_pool_t *pool, mproc_result_t *job, int code, const mproc_error_t *error);

/* mproc_core_release gives a reference up. It gives the lock up for a moment when the last one goes, and may free a pool
 * that is destroyed: the caller does not touch the pool afterwards. Called with the lock held, returns without it. */
void mproc_core_release(mproc_pool_t *pool, mproc_result_t *job);

/* mproc_core_unref is the same where the lock is still needed and the caller knows that the pool stays. */
void mproc_core_unref(mproc_pool_t *pool, mproc_result_t *job);

/* mproc_core_count_failure adds items to the counter that code belongs to. */
void mproc_core_count_failure(mproc_pool_t *pool, int code, uint64_t items);

/* mproc_core_pump takes what the backend has and sends what can be sent. awaited is the job for which this thread goes to its
 * slot next; NULL when it does not. */
void mproc_core_pump(mproc_pool_t *pool, const mproc_result_t *awaited);

/* mproc_core_wake makes the pool's thread look after the pool, if it sleeps. */
void mproc_core_wake(mproc_pool_t *pool);

/* mproc_core_sleep gives the lock up and sleeps until condition is signalled, at most until deadline (INT64_MAX: none). An
 * inline pool does its work instead, if it has any. */
void mproc_core_sleep(mproc_pool_t *pool, int64_t deadline_ns);

/* mproc_core_wake_waiter ends the wait of a thread at a slot, when another one has seen to what it came for. The job may be in
 * another slot by now. */
void mproc_core_wake_waiter(mproc_pool_t *pool, const mproc_result_t *job);

/* mproc_core_changed wakes the threads in mproc_core_sleep. */
void mproc_core_changed(mproc_pool_t *pool);

/* mproc_core_check fails with MPROC_EINVAL without a pool, and with MPROC_ESTATE in a copy of the program that fork() made: there the
 * lock may be held by a thread that is not, and the workers are the original's. Before the lock is taken. */
int mproc_core_check(const mproc_pool_t *pool);

/* mproc_core_may_wait fails with MPROC_ESTATE in a callback of this pool. */
int mproc_core_may_wait(const mproc_pool_t *pool);

/* mproc_core_drive runs all that an inline pool has to do, and its callbacks; true when there was something. Nothing for other
 * pools. It gives the lock up meanwhile. */
bool mproc_core_drive(mproc_pool_t *pool);

/* mproc_core_await waits until job is done, its iterator (NULL: none) has something, or the deadline is over. */
int mproc_core_await(mproc_pool_t *pool, mproc_result_t *job, int64_t deadline_ns);

/* mproc_core_after is the time timeout_ms from now: INT64_MAX for ever, 0 for a poll. Any thread, without the lock too. */
int64_t mproc_core_after(int64_t timeout_ms);

/* mproc_core_timer sets a timer and makes the pool's thread heed it. */
void mproc_core_timer(mproc_pool_t *pool, mproc_timer_t *timer, int64_t at_ns);

/* mproc_core_stop_if_done ends the workers of a closed pool that has nothing left to do. */
void mproc_core_stop_if_done(mproc_pool_t *pool);

/* mproc_pool_create_with makes a pool on any backend; options are complete (pool.c). */
typedef int mproc_backend_create_t(const mproc_pool_options_t *options, const mproc_backend_events_t *events,
                                   void *context, mproc_backend_t **out_backend);
int mproc_pool_create_with(const mproc_pool_options_t *options, mproc_backend_create_t *create,
                           mproc_pool_t **out_pool);

/* mproc_core_free frees a pool of which nothing is in use any more. Without the lock. */
void mproc_core_free(mproc_pool_t *pool);

/* ---- core_notice.c: callbacks ------------------------------------------------------------------------------------------ */

enum { MPROC_NOTICE_DONE, MPROC_NOTICE_HOOK, MPROC_NOTICE_STARTED };

void mproc_notice_done(mproc_pool_t *pool, mproc_result_t *job);
void mproc_notice_hook(mproc_pool_t *pool, mproc_pool_event_kind_t kind, int worker, int64_t pid,
                       const mproc_error_t *error);
void mproc_notice_started(mproc_pool_t *pool, mproc_result_t *job, int64_t item, int64_t pid);

/* mproc_notices_tell calls all callbacks there are, without the lock meanwhile; true when there was one. */
bool mproc_notices_tell(mproc_pool_t *pool);

/* One of the pools in whose callbacks a thread is: a callback of one may run an inline task of another. On the thread's stack. */
typedef struct mproc_visit {
    const mproc_pool_t *pool;
    const struct mproc_visit *before;
} mproc_visit_t;

/* mproc_notice_inside tells whether this thread is in a callback of the pool, or in an inline task of it. mproc_notice_enter
 * says so from now on, until leave. */
bool mproc_notice_inside(const mproc_pool_t *pool);
void mproc_notice_enter(mproc_visit_t *visit, const mproc_pool_t *pool);
void mproc_notice_leave(const mproc_visit_t *visit);

/* ---- core_thread.c: the pool's thread ---------------------------------------------------------------------------------- */

void mproc_core_serve(void *context);

/* mproc_core_attend does what is due: events, timers, pulls, callbacks. True when there may be more at once. */
bool mproc_core_attend(mproc_pool_t *pool);

/* mproc_core_end notes that a closed pool has come to its end, if it has. */
void mproc_core_end(mproc_pool_t *pool);

/* ---- core_events.c ------------------------------------------------------------------------------------------------------ */

extern const mproc_backend_events_t mproc_core_events;

/* mproc_core_unsent deals with a unit that its backend refused with this thread's last error. */
void mproc_core_unsent(mproc_pool_t *pool, mproc_unit_t *unit, int code);

/* mproc_core_retry arranges another run of a single task or part after a failure, if it may have one. */
bool mproc_core_retry(mproc_pool_t *pool, mproc_unit_t *unit, int code);

/* mproc_core_drop ends a unit that has not begun and will not: its items fail. */
void mproc_core_drop(mproc_pool_t *pool, mproc_unit_t *unit, int code, const mproc_error_t *error);

/* ---- core_cancel.c ------------------------------------------------------------------------------------------------------ */

/* mproc_core_cancel ends a job: what has not begun fails with code, what runs is asked to end and killed at kill_at_ns
 * (0: never; in the past: at once). */
void mproc_core_cancel(mproc_pool_t *pool, mproc_result_t *job, int code, int64_t kill_at_ns);

/* mproc_core_abandon fails all that waits, of all jobs. */
void mproc_core_abandon(mproc_pool_t *pool, int code, const mproc_error_t *error);

/* mproc_core_run_timers does what is due. */
void mproc_core_run_timers(mproc_pool_t *pool, int64_t now_ns);

#endif
