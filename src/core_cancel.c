/* SPDX-License-Identifier: Apache-2.0 */
/* core_cancel.c: ending jobs before they are done: cancel, time-outs, deadlines, the end of a pool. */
#include "core_map.h"
#include "memory.h"
#include "platform/platform.h"
#include "schedule.h"
#include "trace.h"

/* ---- what runs ----------------------------------------------------------------------------------------------------------- */

/* One that was too late to be killed has an answer on its way, or has gone on to its next item. */
static void kill_unit(mproc_pool_t *pool, mproc_unit_t *unit, uint32_t item, int code) {
    if (unit->flags & MPROC_UNIT_KILLED)
        return;
    if (pool->ops->kill(pool->backend, unit->lane, &unit->work, item, code))
        unit->flags |= MPROC_UNIT_KILLED;
    mproc_core_wake(pool);
}

/* Asks a unit that has begun to end, and arranges its end if it does not. */
static void stop_unit(mproc_pool_t *pool, mproc_unit_t *unit, int code, int64_t kill_at_ns, int64_t now_ns) {
    mproc_lane_t *lane = pool->lanes[unit->lane];
    if (kill_at_ns != 0 && kill_at_ns <= now_ns) {
        kill_unit(pool, unit, MPROC_ANY_ITEM, code);
        return;
    }
    pool->ops->cancel(pool->backend, unit->lane, &unit->work);
    if (kill_at_ns != 0 && (lane->timer.place == 0 || kill_at_ns < lane->timer.at_ns))
        mproc_core_timer(pool, &lane->timer, kill_at_ns);
}

/* ---- one job -------------------------------------------------------------------------------------------------------------- */

static void cancel_map(mproc_pool_t *pool, mproc_map_t *map, int code, int64_t kill_at_ns) {
    int64_t now = mplat_clock_ns();
    mproc_error_t error = *mproc_code_error(code);
    error.task = map->task->name;
    for (mproc_node_t *node = map->parts.next; node != &map->parts; node = node->next) {
        mproc_unit_t *unit = &MPROC_OWNER(node, mproc_part_t, sibling)->unit;
        if (unit->state == MPROC_UNIT_OUT && !mproc_schedule_revoke(pool, unit))
            stop_unit(pool, unit, code, kill_at_ns, now);
    }
    mproc_map_stop(pool, map, code, &error);
}

void mproc_core_cancel(mproc_pool_t *pool, mproc_result_t *job, int code, int64_t kill_at_ns) {
    mproc_unit_t *unit = &job->unit;
    mproc_error_t error = *mproc_code_error(code);
    if (atomic_load_explicit(&job->done, memory_order_relaxed) != 0)
        return;
    job->flags |= MPROC_JOB_CANCEL;
    if (kill_at_ns != 0 && mproc_job_rare(job) == NULL)
        kill_at_ns = 1; /* without memory to remember the time, it is now */
    if (job->rare != NULL && kill_at_ns != 0 && (job->rare->kill_at_ns == 0 || kill_at_ns < job->rare->kill_at_ns)) {
        job->rare->kill_at_ns = kill_at_ns;
        job->rare->kill_code = code;
    }
    if (job->rare != NULL && job->rare->map != NULL) {
        cancel_map(pool, job->rare->map, code, kill_at_ns);
        return;
    }
    if (unit->state == MPROC_UNIT_OUT && !mproc_schedule_revoke(pool, unit)) {
        stop_unit(pool, unit, code, kill_at_ns, mplat_clock_ns());
        return;
    }
    mproc_schedule_remove(pool, unit);
    error.task = unit->work.task->name;
    mproc_core_fail(pool, job, code, &error);
}

/* ---- the whole pool --------------------------------------------------------------------------------------------------------- */

static void drop_list(mproc_pool_t *pool, mproc_node_t *head, int code, const mproc_error_t *error) {
    mproc_node_t *node = NULL;
    while ((node = mproc_list_first(head)) != NULL) {
        mproc_unit_t *unit = MPROC_OWNER(node, mproc_unit_t, node);
        mproc_schedule_remove(pool, unit);
        mproc_core_drop(pool, unit, code, error);
    }
}

/* What waits in the lanes goes as well: the backend will not come to it. */
static void drop_lanes(mproc_pool_t *pool, int code, const mproc_error_t *error) {
    for (int i = 0; i < pool->lane_count; i++) {
        mproc_lane_t *lane = pool->lanes[i];
        drop_list(pool, &lane->own, code, error);
        while (lane->count > 0) {
            mproc_unit_t *unit = MPROC_OWNER(lane->out.prev, mproc_unit_t, node);
            if (!mproc_schedule_revoke(pool, unit))
                break;
            mproc_core_drop(pool, unit, code, error);
        }
    }
}

void mproc_core_abandon(mproc_pool_t *pool, int code, const mproc_error_t *error) {
    mproc_bucket_t *bucket = NULL;
    mproc_node_t *node = NULL;
    for (node = pool->maps.next; node != &pool->maps;) {
        mproc_map_t *map = MPROC_OWNER(node, mproc_map_t, node);
        node = node->next;
        mproc_map_stop(pool, map, code, error);
    }
    drop_list(pool, &pool->returned, code, error);
    drop_list(pool, &pool->delayed, code, error);
    while ((node = mproc_queue_first(&pool->queue, &bucket)) != NULL) {
        mproc_unit_t *unit = MPROC_OWNER(node, mproc_unit_t, node);
        mproc_schedule_remove(pool, unit);
        mproc_core_drop(pool, unit, code, error);
    }
    drop_lanes(pool, code, error);
}

/* ---- time-outs -------------------------------------------------------------------------------------------------------------- */

/* Looks at what a lane runs; returns when to look again, INT64_MAX for never. */
static int64_t check_running(mproc_pool_t *pool, mproc_unit_t *unit, uint32_t item, int64_t since_ns, int64_t now_ns) {
    mproc_rare_t *rare = unit->job->rare;
    int64_t again = INT64_MAX;
    if (rare == NULL)
        return again;
    if (rare->kill_at_ns != 0) {
        if (now_ns >= rare->kill_at_ns)
            kill_unit(pool, unit, MPROC_ANY_ITEM, rare->kill_code);
        else
            again = rare->kill_at_ns;
    }
    if (rare->timeout_ns > 0) {
        if (now_ns - since_ns >= rare->timeout_ns)
            kill_unit(pool, unit, item, MPROC_ETASKTIMEOUT);
        else if (since_ns + rare->timeout_ns < again)
            again = since_ns + rare->timeout_ns;
    }
    if (rare->soft_ns > 0 && !(unit->flags & MPROC_UNIT_SOFTENED)) {
        if (now_ns - since_ns >= rare->soft_ns) {
            unit->flags |= MPROC_UNIT_SOFTENED;
            pool->ops->cancel(pool->backend, unit->lane, &unit->work);
        } else if (since_ns + rare->soft_ns < again) {
            again = since_ns + rare->soft_ns;
        }
    }
    return unit->flags & MPROC_UNIT_KILLED ? INT64_MAX : again;
}

/* The shortest time-out of what a lane has: none of it can be over earlier than that from its start. */
static int64_t shortest_timeout(const mproc_lane_t *lane) {
    int64_t shortest = INT64_MAX;
    for (const mproc_node_t *node = lane->out.next; node != &lane->out; node = node->next) {
        const mproc_rare_t *rare = MPROC_OWNER(node, mproc_unit_t, node)->job->rare;
        if (rare == NULL)
            continue;
        if (rare->timeout_ns > 0 && rare->timeout_ns < shortest)
            shortest = rare->timeout_ns;
        if (rare->soft_ns > 0 && rare->soft_ns < shortest)
            shortest = rare->soft_ns;
    }
    return shortest;
}

static void check_lane(mproc_pool_t *pool, mproc_lane_t *lane, int64_t now_ns) {
    mproc_work_t *work = NULL;
    uint32_t item = 0;
    int64_t since = 0;
    int64_t again = INT64_MAX;
    if (lane->count == 0)
        return;
    if (pool->ops->running(pool->backend, lane->index, &work, &item, &since))
        again = check_running(pool, (mproc_unit_t *)work, item, since, now_ns);
    int64_t shortest = shortest_timeout(lane);
    if (shortest != INT64_MAX && shortest < INT64_MAX - now_ns && now_ns + shortest < again)
        again = now_ns + shortest;
    if (again != INT64_MAX)
        mproc_timers_set(&pool->timers, &lane->timer, again);
}

static void retry_now(mproc_pool_t *pool, mproc_unit_t *unit) {
    mproc_schedule_remove(pool, unit);
    mproc_schedule_add(pool, unit);
}

static void run_timer(mproc_pool_t *pool, mproc_timer_t *timer, int64_t now_ns) {
    if (timer->kind == MPROC_TIMER_LANE) {
        check_lane(pool, MPROC_OWNER(timer, mproc_lane_t, timer), now_ns);
    } else if (timer->kind == MPROC_TIMER_PART) {
        retry_now(pool, &MPROC_OWNER(timer, mproc_part_t, timer)->unit);
    } else if (timer->kind == MPROC_TIMER_RETRY) {
        retry_now(pool, &MPROC_OWNER(timer, mproc_rare_t, retry)->job->unit);
    } else if (timer->kind == MPROC_TIMER_DEADLINE) {
        mproc_core_cancel(pool, MPROC_OWNER(timer, mproc_rare_t, deadline)->job, MPROC_ETASKTIMEOUT, now_ns);
    } else if (timer->kind == MPROC_TIMER_TRACE) {
        mproc_trace_flush(pool);
    }
}

void mproc_core_run_timers(mproc_pool_t *pool, int64_t now_ns) {
    mproc_timer_t *timer = NULL;
    while ((timer = mproc_timers_take(&pool->timers, now_ns)) != NULL)
        run_timer(pool, timer, now_ns);
}
