/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.c: which unit goes to which lane. Idle lanes first, then those with room; what waits behind a long task is taken back
 * when somebody else could do it. No clock is read unless a task has a time-out. */
#include "schedule.h"

#include "core_map.h"
#include "platform/platform.h"

#define RELIEF_EVERY 64u /* finished units between two looks for lanes that are stuck in a long task */
#define KEYED_BACKLOG 8u /* a lane with more units of affinity keys waiting is overloaded */
#define KEYED_PATIENCE_NS (10 * MPROC_NS_PER_MS)

static bool is_urgent(const mproc_pool_t *pool, const mproc_unit_t *unit);

static mproc_bucket_t *bucket_of(mproc_pool_t *pool, const mproc_unit_t *unit) {
    const mproc_rare_t *rare = unit->job->rare;
    return rare == NULL || rare->bucket == NULL ? &pool->queue.normal : rare->bucket;
}

/* ---- queueing -------------------------------------------------------------------------------------------------------- */

/* The highest of the values that a key makes with each lane: when a lane goes or comes, no other lane's keys move. */
static mproc_lane_t *preferred_lane(mproc_pool_t *pool, uint64_t key) {
    mproc_lane_t *best = NULL;
    uint64_t best_value = 0;
    for (int i = 0; i < pool->lane_count; i++) {
        uint64_t value = (key ^ ((uint64_t)i + 1) * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
        value = (value ^ (value >> 29)) * UINT64_C(0x94d049bb133111eb);
        value ^= value >> 32;
        if (pool->lanes[i]->up && (best == NULL || value > best_value)) {
            best = pool->lanes[i];
            best_value = value;
        }
    }
    return best;
}

void mproc_schedule_reserve(mproc_pool_t *pool, mproc_lane_t *lane, mproc_unit_t *unit) {
    unit->state = MPROC_UNIT_RESERVED;
    unit->lane = lane->index;
    mproc_list_append(&lane->own, &unit->node);
    lane->own_count++;
    pool->reserved++;
}

/* What a lane has not begun gives way to what is more urgent. */
static void make_way(mproc_pool_t *pool, int priority) {
    for (int i = 0; i < pool->lane_count && pool->stacked > 0; i++) {
        mproc_lane_t *lane = pool->lanes[i];
        while (lane->count > 1) {
            mproc_unit_t *unit = MPROC_OWNER(lane->out.prev, mproc_unit_t, node);
            if (bucket_of(pool, unit)->priority >= priority || !mproc_schedule_revoke(pool, unit))
                break;
            mproc_schedule_again(pool, unit);
        }
    }
}

void mproc_schedule_add(mproc_pool_t *pool, mproc_unit_t *unit) {
    mproc_bucket_t *bucket = bucket_of(pool, unit);
    if (unit->flags & MPROC_UNIT_KEYED) {
        mproc_lane_t *lane = preferred_lane(pool, unit->job->rare->affinity_key);
        if (lane != NULL && lane->own_count < KEYED_BACKLOG) {
            mproc_schedule_reserve(pool, lane, unit);
            return;
        }
    }
    if (pool->stacked > 0 && pool->queue.top->lower != NULL)
        make_way(pool, bucket->priority);
    unit->state = MPROC_UNIT_QUEUED;
    mproc_queue_append(&pool->queue, bucket, &unit->node);
}

void mproc_schedule_again(mproc_pool_t *pool, mproc_unit_t *unit) {
    unit->state = MPROC_UNIT_QUEUED;
    mproc_queue_prepend(&pool->queue, bucket_of(pool, unit), &unit->node);
}

void mproc_schedule_remove(mproc_pool_t *pool, mproc_unit_t *unit) {
    if (unit->state == MPROC_UNIT_QUEUED) {
        mproc_queue_remove(&pool->queue, &unit->node);
        if (pool->queue_waiters > 0)
            mproc_core_changed(pool);
    } else {
        if (unit->state == MPROC_UNIT_RESERVED) {
            pool->lanes[unit->lane]->own_count--;
            pool->reserved--;
        }
        mproc_list_remove(&unit->node);
    }
    unit->state = MPROC_UNIT_IDLE;
    unit->lane = -1;
}

/* ---- sending --------------------------------------------------------------------------------------------------------- */

/* The time-outs of a unit start when its lane comes to it. The first look is when that could be earliest; a later look learns
 * the true time from the backend. */
static void watch_unit(mproc_pool_t *pool, mproc_lane_t *lane, const mproc_rare_t *rare) {
    int64_t after = rare->timeout_ns;
    if (rare->soft_ns > 0 && (after == 0 || rare->soft_ns < after))
        after = rare->soft_ns;
    if (after == 0)
        return;
    int64_t at = mplat_clock_ns() + after;
    if (lane->timer.place == 0 || at < lane->timer.at_ns)
        mproc_core_timer(pool, &lane->timer, at);
}

static void send_unit(mproc_pool_t *pool, mproc_lane_t *lane, mproc_unit_t *unit) {
    int err = pool->ops->submit(pool->backend, lane->index, &unit->work);
    if (err != MPROC_OK) {
        mproc_core_unsent(pool, unit, err);
        return;
    }
    unit->state = MPROC_UNIT_OUT;
    unit->lane = lane->index;
    mproc_list_append(&lane->out, &unit->node);
    pool->out++;
    if (++lane->count == 1)
        pool->busy++;
    else if (lane->count == 2)
        pool->stacked++;
    mproc_lane_update(pool, lane);
    if (mproc_list_empty(&lane->dirty))
        mproc_list_append(&pool->dirty, &lane->dirty);
    if (pool->asleep && !lane->urgent)
        lane->urgent = (unit->flags & MPROC_UNIT_PART) != 0 || is_urgent(pool, unit);
    if (unit->job->rare != NULL)
        watch_unit(pool, lane, unit->job->rare);
}

static bool has_room(mproc_pool_t *pool, mproc_lane_t *lane) {
    if (pool->ops->room(pool->backend, lane->index) > 0)
        return true;
    mproc_lane_full(lane);
    return false;
}

static mproc_lane_t *pick_lane(mproc_pool_t *pool) {
    mproc_node_t *node = mproc_list_first(&pool->idle);
    if (node == NULL) {
        node = mproc_list_first(&pool->open);
        if (node == NULL)
            return NULL;
        /* In turn: lanes with room are filled evenly. */
        mproc_list_remove(node);
        mproc_list_append(&pool->open, node);
    }
    return MPROC_OWNER(node, mproc_lane_t, place);
}

/* The first in the queue; of a map, its next chunk. NULL when the queue is empty. */
static mproc_unit_t *take_unit(mproc_pool_t *pool) {
    mproc_bucket_t *bucket = NULL;
    mproc_node_t *node = NULL;
    while ((node = mproc_queue_first(&pool->queue, &bucket)) != NULL) {
        mproc_unit_t *unit = MPROC_OWNER(node, mproc_unit_t, node);
        if (unit->flags & MPROC_UNIT_CURSOR)
            unit = mproc_map_cut(pool, unit->job->rare->map);
        else
            mproc_schedule_remove(pool, unit);
        if (unit != NULL)
            return unit;
    }
    return NULL;
}

static void send_reserved(mproc_pool_t *pool) {
    for (int i = 0; i < pool->lane_count && pool->reserved > 0; i++) {
        mproc_lane_t *lane = pool->lanes[i];
        while (lane->own_count > 0 && lane->where != MPROC_LANE_NOWHERE && has_room(pool, lane)) {
            mproc_unit_t *unit = MPROC_OWNER(lane->own.next, mproc_unit_t, node);
            mproc_schedule_remove(pool, unit);
            send_unit(pool, lane, unit);
        }
    }
}

/* ---- taking back ----------------------------------------------------------------------------------------------------- */

bool mproc_schedule_revoke(mproc_pool_t *pool, mproc_unit_t *unit) {
    if (!pool->ops->revoke(pool->backend, unit->lane, &unit->work))
        return false;
    mproc_lane_left(pool, unit);
    pool->stats.taken_back += unit->work.count;
    return true;
}

/* Units of a key stay where they are, unless the task before them takes long. */
static bool may_take(mproc_pool_t *pool, mproc_lane_t *lane, const mproc_unit_t *unit) {
    mproc_work_t *work = NULL;
    uint32_t item = 0;
    int64_t since = 0;
    if (unit->flags & MPROC_UNIT_PINNED)
        return false;
    if (!(unit->flags & MPROC_UNIT_KEYED))
        return true;
    int64_t now = mplat_clock_ns();
    if (pool->ops->running(pool->backend, lane->index, &work, &item, &since) && now - since >= KEYED_PATIENCE_NS)
        return true;
    if (lane->timer.place == 0)
        mproc_core_timer(pool, &lane->timer, now + KEYED_PATIENCE_NS);
    return false;
}

/* The unit that waits longest behind others, of the lane that has most. */
static mproc_lane_t *fullest_lane(mproc_pool_t *pool) {
    mproc_lane_t *fullest = NULL;
    for (int i = 0; i < pool->lane_count; i++) {
        mproc_lane_t *lane = pool->lanes[i];
        uint32_t load = lane->count + lane->own_count;
        if (load > 1 && (fullest == NULL || load > fullest->count + fullest->own_count))
            fullest = lane;
    }
    return fullest;
}

static mproc_unit_t *take_from(mproc_pool_t *pool, mproc_lane_t *lane) {
    mproc_node_t *node = mproc_list_last(&lane->own);
    mproc_unit_t *unit = NULL;
    if (node != NULL) {
        unit = MPROC_OWNER(node, mproc_unit_t, node);
        if (!may_take(pool, lane, unit))
            return NULL;
        mproc_schedule_remove(pool, unit);
        return unit;
    }
    if (lane->count < 2)
        return NULL;
    unit = MPROC_OWNER(lane->out.prev, mproc_unit_t, node);
    return may_take(pool, lane, unit) && mproc_schedule_revoke(pool, unit) ? unit : NULL;
}

/* An idle lane and an empty queue: half of what the fullest lane has not begun moves over. */
static void share(mproc_pool_t *pool) {
    mproc_node_t *node = NULL;
    while ((node = mproc_list_first(&pool->idle)) != NULL && pool->stacked + pool->reserved > 0) {
        mproc_lane_t *idle = MPROC_OWNER(node, mproc_lane_t, place);
        mproc_lane_t *full = fullest_lane(pool);
        uint32_t moved = 0;
        for (uint32_t half = full == NULL ? 0 : (full->count + full->own_count) / 2; moved < half; moved++) {
            mproc_unit_t *unit = has_room(pool, idle) ? take_from(pool, full) : NULL;
            if (unit == NULL)
                break;
            send_unit(pool, idle, unit);
        }
        if (moved == 0)
            return;
    }
}

/* A lane that has finished nothing while the others did a lot is in a long task: what waits there goes back to the queue,
 * where it is the first. */
static void relieve(mproc_pool_t *pool) {
    uint64_t patience = (uint64_t)RELIEF_EVERY * (uint64_t)(pool->up > 0 ? pool->up : 1);
    if (pool->finished - pool->relieved < RELIEF_EVERY)
        return;
    pool->relieved = pool->finished;
    for (int i = 0; i < pool->lane_count; i++) {
        mproc_lane_t *lane = pool->lanes[i];
        if (lane->count < 2 || pool->finished - lane->finished < patience)
            continue;
        mproc_unit_t *unit = NULL;
        while ((unit = take_from(pool, lane)) != NULL)
            mproc_schedule_again(pool, unit);
        mproc_lane_full(lane);
    }
}

/* ---- the whole -------------------------------------------------------------------------------------------------------- */

static void requeue_returned(mproc_pool_t *pool) {
    mproc_node_t *node = NULL;
    while ((node = mproc_list_last(&pool->returned)) != NULL) {
        mproc_list_remove(node);
        mproc_schedule_again(pool, MPROC_OWNER(node, mproc_unit_t, node));
    }
}

/* ---- hearing of replies --------------------------------------------------------------------------------------------- */

/* Somebody is to be told as soon as this unit is done. Others are found done by who comes to ask. */
static bool is_urgent(const mproc_pool_t *pool, const mproc_unit_t *unit) {
    const mproc_rare_t *rare = unit->job->rare;
    bool awaited = (unit->job->flags & (MPROC_JOB_AWAITED | MPROC_JOB_DIRECT)) != 0 || pool->hub_waiters > 0;
    if (rare != NULL && (rare->started != NULL || rare->retries > 0))
        return true;
    if (unit->flags & MPROC_UNIT_PART)
        return awaited && rare != NULL && rare->map->iter != NULL;
    return awaited || (rare != NULL && (rare->callback != NULL || rare->error_callback != NULL));
}

/* The unit of whose reply the pool's thread is to hear: the first urgent one; with more to send, one half way, so that the
 * lane is never empty; else the last, if something depends on it. */
static const mproc_unit_t *heeded_unit(const mproc_pool_t *pool, const mproc_lane_t *lane) {
    const mproc_node_t *node = NULL;
    bool part = false;
    if (pool->queue_waiters > 0)
        return MPROC_OWNER(lane->out.next, mproc_unit_t, node);
    for (node = lane->out.next; node != &lane->out; node = node->next) {
        const mproc_unit_t *unit = MPROC_OWNER(node, mproc_unit_t, node);
        if (is_urgent(pool, unit))
            return unit;
        part = part || (unit->flags & MPROC_UNIT_PART) != 0;
    }
    node = lane->out.prev;
    if (pool->queue.count > 0 || lane->own_count > 0) {
        for (uint32_t i = lane->count / 2; i > 0; i--)
            node = node->prev;
    } else if (!part && pool->state == MPROC_POOL_OPEN && pool->stacked <= (lane->count > 1 ? 1u : 0u)) {
        return NULL;
    }
    return MPROC_OWNER(node, mproc_unit_t, node);
}

static void heed_lane(mproc_pool_t *pool, mproc_lane_t *lane) {
    const mproc_unit_t *unit = heeded_unit(pool, lane);
    pool->ops->heed(pool->backend, lane->index, unit == NULL ? NULL : &unit->work);
}

void mproc_schedule_heed(mproc_pool_t *pool) {
    for (int i = 0; i < pool->lane_count; i++) {
        if (pool->lanes[i]->count > 0 && pool->lanes[i]->waiter == NULL)
            heed_lane(pool, pool->lanes[i]);
    }
}

/* A slot where this thread is going to wait need not wake the pool's. */
static bool is_attended(const mproc_lane_t *lane, const mproc_result_t *awaited) {
    return lane->waiter != NULL ||
           (awaited != NULL && awaited->unit.state == MPROC_UNIT_OUT && awaited->unit.lane == lane->index);
}

static void flush(mproc_pool_t *pool, const mproc_result_t *awaited) {
    mproc_node_t *node = NULL;
    while ((node = mproc_list_first(&pool->dirty)) != NULL) {
        mproc_lane_t *lane = MPROC_OWNER(node, mproc_lane_t, dirty);
        mproc_list_remove(node);
        pool->ops->flush(pool->backend, lane->index);
        if (pool->asleep && lane->urgent && !is_attended(lane, awaited))
            heed_lane(pool, lane);
        lane->urgent = false;
    }
    /* Once for a sleep of the pool's thread: from then on it refills the lanes. */
    if (pool->asleep && !pool->refills && pool->queue.count > 0) {
        pool->refills = true;
        mproc_schedule_heed(pool);
    }
}

void mproc_schedule_run(mproc_pool_t *pool, const mproc_result_t *awaited) {
    mproc_lane_t *lane = NULL;
    if (!mproc_list_empty(&pool->returned))
        requeue_returned(pool);
    if (pool->reserved > 0)
        send_reserved(pool);
    if (pool->stacked > 0 && pool->queue.count > 0)
        relieve(pool);
    while (pool->queue.count > 0 && (lane = pick_lane(pool)) != NULL) {
        if (!has_room(pool, lane))
            continue;
        mproc_unit_t *unit = take_unit(pool);
        if (unit == NULL)
            break;
        send_unit(pool, lane, unit);
    }
    if (pool->queue.count == 0 && pool->stacked + pool->reserved > 0 && !mproc_list_empty(&pool->idle))
        share(pool);
    flush(pool, awaited);
}
