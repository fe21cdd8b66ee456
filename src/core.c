/* SPDX-License-Identifier: Apache-2.0 */
/* core.c: the life of a job from its making to its release, and waiting for it. */
#include "core.h"

#include "core_map.h"
#include "hub.h"
#include "memory.h"
#include "platform/platform.h"
#include "schedule.h"
#include "trace.h"

#define SHORT_UNIT_NS 20000

/* ---- jobs ---------------------------------------------------------------------------------------------------------------- */

mproc_result_t *mproc_core_job(mproc_pool_t *pool, size_t payload) {
    mproc_result_t *job = mproc_job_take(&pool->store, payload);
    if (job == NULL)
        return NULL;
    job->pool = pool;
    job->references = 2;
    job->unit.job = job;
    mproc_list_init(&job->unit.node);
    pool->jobs++;
    pool->pending++;
    return job;
}

void mproc_core_count_failure(mproc_pool_t *pool, int code, uint64_t items) {
    if (code == MPROC_EDIED)
        pool->stats.died += items;
    else if (code == MPROC_ETASKTIMEOUT)
        pool->stats.timed_out += items;
    else if (code == MPROC_ECANCELLED)
        pool->stats.cancelled += items;
    else
        pool->stats.failed += items;
}

/* What only jobs with options have: timers, a bucket, a callback. */
static void settle_options(mproc_pool_t *pool, mproc_result_t *job, mproc_rare_t *rare) {
    mproc_timers_cancel(&pool->timers, &rare->deadline);
    mproc_timers_cancel(&pool->timers, &rare->retry);
    mproc_timers_release(&pool->timers, rare->timers);
    rare->timers = 0;
    if (rare->bucket != NULL)
        mproc_queue_drop(&pool->queue, rare->bucket);
    rare->bucket = NULL;
    if ((job->code == MPROC_OK ? rare->callback : rare->error_callback) != NULL)
        mproc_notice_done(pool, job);
}

void mproc_core_wake_waiter(mproc_pool_t *pool, const mproc_result_t *job) {
    for (int i = 0; i < pool->lane_count; i++) {
        if (pool->lanes[i]->waiter == job)
            pool->ops->wake_slot(pool->backend, i);
    }
}

void mproc_core_complete(mproc_pool_t *pool, mproc_result_t *job) {
    if (job->rare != NULL)
        settle_options(pool, job, job->rare);
    atomic_store_explicit(&job->done, 1, memory_order_release);
    if (job->flags & MPROC_JOB_DIRECT)
        mproc_core_wake_waiter(pool, job);
    if (job->flags & MPROC_JOB_AWAITED)
        mproc_core_changed(pool);
    if (pool->hub_waiters > 0)
        mproc_hub_changed();
    pool->pending--;
    if (pool->state != MPROC_POOL_OPEN)
        mproc_core_stop_if_done(pool);
    mproc_core_unref(pool, job);
}

void mproc_core_fail(mproc_pool_t *pool, mproc_result_t *job, int code, const mproc_error_t *error) {
    mproc_core_count_failure(pool, code, 1);
    mproc_job_fail(job, code, error);
    mproc_core_complete(pool, job);
}

static bool is_plain(const mproc_result_t *job) {
    return job->rare == NULL && job->hold == NULL && job->tree == NULL && (job->flags & MPROC_JOB_HEAP) == 0;
}

/* The parts of a job that are not its block. */
static void empty(mproc_result_t *job) {
    mproc_map_t *map = job->rare != NULL ? job->rare->map : NULL;
    mproc_job_empty(job);
    if (map != NULL)
        mproc_map_free(map);
}

void mproc_core_unref(mproc_pool_t *pool, mproc_result_t *job) {
    if (--job->references > 0)
        return;
    if (!is_plain(job))
        empty(job);
    pool->jobs--;
    mproc_job_put(&pool->store, job);
}

void mproc_core_release(mproc_pool_t *pool, mproc_result_t *job) {
    if (job->references == 1 && !is_plain(job)) {
        /* Large results and many reports are freed without keeping everybody waiting. Nobody else can reach the job. */
        mproc_core_unlock(pool);
        empty(job);
        mproc_core_lock(pool);
    }
    mproc_core_unref(pool, job);
    bool last = pool->destroyed && pool->jobs == 0;
    mproc_core_unlock(pool);
    if (last)
        mproc_core_free(pool);
}

void mproc_core_free(mproc_pool_t *pool) {
    while (pool->spare_parts != NULL) {
        void *part = pool->spare_parts;
        pool->spare_parts = *(void **)part;
        mproc_free(part);
    }
    mproc_job_store_fini(&pool->store);
    mproc_lanes_fini(pool);
    mproc_timers_fini(&pool->timers);
    mproc_report_fini(&pool->broken);
    mproc_condition_destroy(pool->condition);
    mproc_mutex_destroy(pool->mutex);
    mproc_free(pool);
}

/* ---- the pool as a whole --------------------------------------------------------------------------------------------------- */

void mproc_core_pump(mproc_pool_t *pool, const mproc_result_t *awaited) {
    if (pool->backend == NULL)
        return;
    pool->ops->poll(pool->backend);
    mproc_schedule_run(pool, awaited);
    mproc_trace_count(pool);
}

void mproc_core_wake(mproc_pool_t *pool) {
    if (!pool->asleep || pool->woken)
        return;
    pool->woken = true;
    pool->ops->wake(pool->backend);
}

void mproc_core_timer(mproc_pool_t *pool, mproc_timer_t *timer, int64_t at_ns) {
    int64_t before = mproc_timers_next(&pool->timers);
    mproc_timers_set(&pool->timers, timer, at_ns);
    if (at_ns < before)
        mproc_core_wake(pool);
}

void mproc_core_stop_if_done(mproc_pool_t *pool) {
    if (pool->state != MPROC_POOL_CLOSED || pool->pending > 0 || pool->stopped)
        return;
    pool->stopped = true;
    pool->ops->stop(pool->backend, true);
    mproc_core_wake(pool);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------------------- */

int64_t mproc_core_after(int64_t timeout_ms) {
    if (timeout_ms < 0)
        return INT64_MAX;
    if (timeout_ms == 0)
        return 0;
    int64_t now = mplat_clock_ns();
    return timeout_ms > (INT64_MAX - now) / MPROC_NS_PER_MS ? INT64_MAX : now + timeout_ms * MPROC_NS_PER_MS;
}

void mproc_core_changed(mproc_pool_t *pool) {
    if (pool->sleepers > 0)
        mproc_condition_broadcast(pool->condition);
}

int mproc_core_check(const mproc_pool_t *pool) {
    if (pool == NULL)
        return mproc_fail(MPROC_EINVAL, "No pool was given");
    if (mplat_self_is_copy())
        return mproc_fail(MPROC_ESTATE,
                          "This process is a copy made by fork(): only the program that made the pool can use it, its "
                          "results and its iterators");
    return MPROC_OK;
}

int mproc_core_may_wait(const mproc_pool_t *pool) {
    if (!mproc_notice_inside(pool))
        return MPROC_OK;
    return mproc_fail(MPROC_ESTATE,
                      "This call would wait for the pool inside one of its own callbacks, which the pool's "
                      "thread is busy with: start the work without waiting, and let its callback go on");
}

static int64_t time_left(int64_t deadline_ns) {
    if (deadline_ns == INT64_MAX)
        return -1;
    int64_t left = deadline_ns - mplat_clock_ns();
    return left > 0 ? left : 0;
}

void mproc_core_sleep(mproc_pool_t *pool, int64_t deadline_ns) {
    int64_t next = INT64_MAX;
    if (pool->inlined) {
        /* Nobody else looks after the timers. */
        if (mproc_core_drive(pool))
            return;
        next = mproc_timers_next(&pool->timers);
    }
    pool->sleepers++;
    mproc_condition_wait(pool->condition, pool->mutex, time_left(next < deadline_ns ? next : deadline_ns));
    pool->sleepers--;
}

static mproc_iter_t *iter_of(const mproc_result_t *job) {
    return job->unit.work.count == 0 ? job->rare->map->iter : NULL;
}

static bool is_met(const mproc_result_t *job, const mproc_iter_t *iter) {
    return iter != NULL ? mproc_iter_ready(iter) : atomic_load_explicit(&job->done, memory_order_relaxed) != 0;
}

/* Waits at the slot that has the job, without the detour over the pool's thread. */
static void wait_at_slot(mproc_pool_t *pool, mproc_result_t *job, mproc_lane_t *lane, int64_t deadline_ns) {
    mproc_iter_t *iter = iter_of(job);
    const _Atomic uint32_t *done = iter != NULL ? mproc_iter_signal(iter) : &job->done;
    lane->waiter = job;
    pool->guests++;
    job->flags |= MPROC_JOB_DIRECT;
    mproc_core_unlock(pool);
    pool->ops->wait_slot(pool->backend, lane->index, done, time_left(deadline_ns));
    mproc_core_lock(pool);
    job->flags &= (uint8_t)~MPROC_JOB_DIRECT;
    lane->waiter = NULL;
    if (--pool->guests == 0 && pool->ended)
        mproc_core_changed(pool);
    mproc_core_pump(pool, job);
    if (lane->count > 0 && lane->waiter == NULL) {
        /* Others may wait for what else this slot has: one of them takes over, or the pool's thread. */
        mproc_core_changed(pool);
        if (pool->asleep)
            mproc_schedule_heed(pool);
    }
}

/* The slot that has the job; for one that is queued, and for maps, the fullest: who takes replies there moves the queue on. Where
 * units take long it is cheaper to be told. */
static mproc_lane_t *slot_to_wait_at(const mproc_pool_t *pool, const mproc_result_t *job) {
    mproc_lane_t *lane = NULL;
    if (pool->inlined)
        return NULL;
    if (job->unit.state == MPROC_UNIT_OUT) {
        lane = pool->lanes[job->unit.lane];
        return lane->waiter == NULL ? lane : NULL;
    }
    for (int i = 0; i < pool->lane_count; i++) {
        mproc_lane_t *other = pool->lanes[i];
        if (other->waiter == NULL && other->count > 1 && other->unit_ns > 0 && other->unit_ns < SHORT_UNIT_NS &&
            (lane == NULL || other->count > lane->count))
            lane = other;
    }
    return lane;
}

int mproc_core_await(mproc_pool_t *pool, mproc_result_t *job, int64_t deadline_ns) {
    const mproc_iter_t *iter = iter_of(job);
    bool polled = false;
    while (!is_met(job, iter)) {
        mproc_lane_t *lane = deadline_ns != 0 ? slot_to_wait_at(pool, job) : NULL;
        if (!polled && lane == NULL) {
            mproc_core_pump(pool, NULL);
            polled = true;
            continue;
        }
        if (deadline_ns == 0 || (deadline_ns != INT64_MAX && mplat_clock_ns() >= deadline_ns))
            return MPROC_ETIMEDOUT;
        if (lane != NULL) {
            wait_at_slot(pool, job, lane, deadline_ns);
            continue;
        }
        job->flags |= MPROC_JOB_AWAITED;
        if (pool->asleep)
            mproc_schedule_heed(pool);
        mproc_core_sleep(pool, deadline_ns);
    }
    return MPROC_OK;
}
