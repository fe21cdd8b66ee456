/* SPDX-License-Identifier: Apache-2.0 */
/* core_events.c: what the backend tells: slots that come and go, works that end. Everything here runs inside ops->poll, with the
 * lock held. */
#include "core_map.h"
#include "memory.h"
#include "platform/platform.h"
#include "schedule.h"
#include "trace.h"

#define BACKOFF_DOUBLINGS 40

/* ---- failures ------------------------------------------------------------------------------------------------------------ */

static unsigned retry_kind(int code) {
    if (code == MPROC_EDIED)
        return MPROC_RETRY_DIED;
    if (code == MPROC_ETASKTIMEOUT)
        return MPROC_RETRY_TIMEOUT;
    return code == MPROC_ECANCELLED ? 0 : MPROC_RETRY_ERROR;
}

static int64_t backoff(const mproc_rare_t *rare, unsigned attempt) {
    int64_t wait = rare->backoff_ns;
    for (unsigned i = 0; i < attempt && i < BACKOFF_DOUBLINGS && wait < rare->backoff_max_ns; i++)
        wait = wait > INT64_MAX / 2 ? INT64_MAX : wait * 2;
    return wait < rare->backoff_max_ns ? wait : rare->backoff_max_ns;
}

bool mproc_core_retry(mproc_pool_t *pool, mproc_unit_t *unit, int code) {
    mproc_result_t *job = unit->job;
    mproc_rare_t *rare = job->rare;
    if (rare == NULL || unit->attempt >= rare->retries || (retry_kind(code) & rare->retry_on) == 0 ||
        (job->flags & MPROC_JOB_CANCEL) || pool->state == MPROC_POOL_TERMINATED || pool->is_broken)
        return false;
    int64_t wait = backoff(rare, unit->attempt);
    unit->attempt++;
    pool->stats.retried++;
    if (wait <= 0) {
        mproc_schedule_add(pool, unit);
        return true;
    }
    bool part = (unit->flags & MPROC_UNIT_PART) != 0;
    mproc_timer_t *timer = part ? &MPROC_OWNER(unit, mproc_part_t, unit)->timer : &rare->retry;
    unit->state = MPROC_UNIT_DELAYED;
    mproc_list_append(&pool->delayed, &unit->node);
    mproc_core_timer(pool, timer, mplat_clock_ns() + wait);
    return true;
}

void mproc_core_drop(mproc_pool_t *pool, mproc_unit_t *unit, int code, const mproc_error_t *error) {
    if (unit->flags & MPROC_UNIT_PART)
        mproc_map_drop(pool, MPROC_OWNER(unit, mproc_part_t, unit), code, error);
    else
        mproc_core_fail(pool, unit->job, code, error);
}

void mproc_core_unsent(mproc_pool_t *pool, mproc_unit_t *unit, int code) {
    mproc_error_t error = *mproc_last_error();
    if (error.code != code)
        error = *mproc_code_error(code);
    error.task = unit->work.task->name;
    if (unit->flags & MPROC_UNIT_PART)
        error.item = unit->work.first;
    mproc_core_drop(pool, unit, code, &error);
}

/* ---- works --------------------------------------------------------------------------------------------------------------- */

static void finish_single(mproc_pool_t *pool, mproc_unit_t *unit, const mproc_reply_t *reply) {
    mproc_result_t *job = unit->job;
    if (reply->failed > 0) {
        mproc_error_t error = reply->failure->error;
        if (reply->hold != NULL)
            reply->hold->release(reply->hold);
        if (mproc_core_retry(pool, unit, error.code))
            return;
        error.item = -1; /* there is but one */
        if (error.task[0] == '\0')
            error.task = unit->work.task->name;
        mproc_core_fail(pool, job, error.code, &error);
        return;
    }
    if (reply->succeeded == 0) {
        mproc_list_append(&pool->returned, &unit->node);
        return;
    }
    if (mproc_job_keep(job, reply) != MPROC_OK) {
        mproc_core_fail(pool, job, MPROC_ENOMEM, NULL);
        return;
    }
    pool->stats.succeeded++;
    mproc_core_complete(pool, job);
}

static void on_finished(void *context, int slot, mproc_work_t *work, const mproc_reply_t *reply) {
    mproc_pool_t *pool = context;
    mproc_lane_t *lane = pool->lanes[slot];
    mproc_unit_t *unit = (mproc_unit_t *)work;
    lane->finished = ++pool->finished;
    mproc_trace_work(pool, lane, work, reply);
    if (reply->run_ns > 0)
        mproc_lane_measured(pool, lane, reply->run_ns);
    mproc_lane_left(pool, unit);
    if (unit->flags & MPROC_UNIT_PART)
        mproc_map_finished(pool, MPROC_OWNER(unit, mproc_part_t, unit), reply);
    else
        finish_single(pool, unit, reply);
}

static void on_returned(void *context, int slot, mproc_work_t *work) {
    mproc_pool_t *pool = context;
    mproc_unit_t *unit = (mproc_unit_t *)work;
    mproc_map_t *map = (unit->flags & MPROC_UNIT_PART) ? unit->job->rare->map : NULL;
    mproc_error_t error = *mproc_code_error(MPROC_EDIED);
    (void)slot;
    mproc_lane_left(pool, unit);
    pool->stats.taken_back += work->count;
    if (pool->state == MPROC_POOL_TERMINATED || (unit->job->flags & MPROC_JOB_CANCEL)) {
        mproc_core_drop(pool, unit, MPROC_ECANCELLED, NULL);
    } else if (pool->is_broken) {
        mproc_core_drop(pool, unit, pool->broken.error.code, &pool->broken.error);
    } else if (map != NULL && map->stop_code != 0) {
        mproc_core_drop(pool, unit, map->stop_code, NULL);
    } else if (unit->flags & MPROC_UNIT_PINNED) {
        error.message = "The worker ended before it came to this run of the task";
        mproc_core_drop(pool, unit, MPROC_EDIED, &error);
    } else {
        mproc_list_append(&pool->returned, &unit->node);
    }
}

static void on_started(void *context, int slot, mproc_work_t *work) {
    mproc_pool_t *pool = context;
    mproc_unit_t *unit = (mproc_unit_t *)work;
    const mproc_rare_t *rare = unit->job->rare;
    if (rare == NULL || rare->started == NULL)
        return;
    for (uint32_t i = 0; i < work->count; i++)
        mproc_notice_started(pool, unit->job, work->first + i, pool->lanes[slot]->pid);
}

/* ---- slots --------------------------------------------------------------------------------------------------------------- */

static void on_slot_up(void *context, int slot, int64_t pid) {
    mproc_pool_t *pool = context;
    mproc_lane_up(pool, pool->lanes[slot], pid);
    mproc_trace_slot_up(pool, slot, pid);
    mproc_notice_hook(pool, MPROC_POOL_WORKER_UP, slot, pid, NULL);
    mproc_core_changed(pool);
}

static void on_slot_down(void *context, int slot, int64_t pid, const mproc_report_t *error) {
    mproc_pool_t *pool = context;
    mproc_trace_slot_down(pool, slot, pid, error == NULL ? NULL : &error->error);
    mproc_notice_hook(pool, MPROC_POOL_WORKER_DOWN, slot, pid, error == NULL ? NULL : &error->error);
    mproc_lane_down(pool, pool->lanes[slot]);
    mproc_core_changed(pool);
    mproc_core_wake(pool);
}

static void on_broken(void *context, const mproc_report_t *error) {
    mproc_pool_t *pool = context;
    if (pool->is_broken)
        return;
    pool->is_broken = true;
    (void)mproc_report_set(&pool->broken, &error->error);
    mproc_notice_hook(pool, MPROC_POOL_BROKEN, 0, 0, &pool->broken.error);
    mproc_core_abandon(pool, error->error.code, &pool->broken.error);
    mproc_core_changed(pool);
}

const mproc_backend_events_t mproc_core_events = {
    .slot_up = on_slot_up,
    .slot_down = on_slot_down,
    .started = on_started,
    .finished = on_finished,
    .returned = on_returned,
    .broken = on_broken,
};
