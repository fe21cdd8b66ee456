/* SPDX-License-Identifier: Apache-2.0 */
/* lane.c: the book-keeping of one slot: what it has, and whether it takes more. What it gets is schedule.c's decision. */
#include "memory.h"
#include "report.h"
#include "schedule.h"

#define WINDOW_FIRST 2u  /* before anything is known of the tasks */
#define WINDOW_MOST 512u /* half a ring: the other half is replies on their way */
#define WORK_AHEAD_NS                                                                                                  \
    75000 /* what a slot may have before it, so that it is never idle while a sleeping thread wakes up */

static void place_lane(mproc_node_t *head, mproc_lane_t *lane, uint8_t where, bool first) {
    mproc_list_remove(&lane->place);
    lane->where = where;
    if (first)
        mproc_list_prepend(head, &lane->place);
    else
        mproc_list_append(head, &lane->place);
}

void mproc_lane_update(mproc_pool_t *pool, mproc_lane_t *lane) {
    if (!lane->up || lane->count >= lane->window) {
        mproc_list_remove(&lane->place);
        lane->where = MPROC_LANE_NOWHERE;
    } else if (lane->count == 0) {
        /* The one that was active last is likely still awake: it goes first. */
        if (lane->where != MPROC_LANE_IDLE)
            place_lane(&pool->idle, lane, MPROC_LANE_IDLE, true);
    } else if (lane->where != MPROC_LANE_OPEN) {
        place_lane(&pool->open, lane, MPROC_LANE_OPEN, false);
    }
}

void mproc_lane_full(mproc_lane_t *lane) {
    mproc_list_remove(&lane->place);
    lane->where = MPROC_LANE_NOWHERE;
}

void mproc_lane_left(mproc_pool_t *pool, mproc_unit_t *unit) {
    mproc_lane_t *lane = pool->lanes[unit->lane];
    mproc_list_remove(&unit->node);
    unit->state = MPROC_UNIT_IDLE;
    unit->lane = -1;
    unit->flags &= (uint8_t) ~(MPROC_UNIT_SOFTENED | MPROC_UNIT_KILLED);
    pool->out--;
    if (--lane->count == 0)
        pool->busy--;
    else if (lane->count == 1)
        pool->stacked--;
    if (pool->queue_waiters > 0)
        mproc_core_changed(pool);
    mproc_lane_update(pool, lane);
}

void mproc_lane_measured(mproc_pool_t *pool, mproc_lane_t *lane, int64_t run_ns) {
    /* A quarter of the new value: one odd task does not shut the window, a change of work opens or shuts it soon. */
    lane->unit_ns = lane->unit_ns == 0 ? run_ns : lane->unit_ns + (run_ns - lane->unit_ns) / 4;
    int64_t window = lane->unit_ns > 0 ? WORK_AHEAD_NS / lane->unit_ns : WINDOW_MOST;
    if (window < WINDOW_FIRST)
        window = WINDOW_FIRST;
    if (window > WINDOW_MOST)
        window = WINDOW_MOST;
    if (pool->inlined)
        window = 1;
    lane->window = (uint32_t)window;
}

int mproc_lanes_prepare(mproc_pool_t *pool, int count) {
    if (count <= pool->lane_count)
        return MPROC_OK;
    mproc_lane_t **lanes = mproc_realloc(pool->lanes, (size_t)count * sizeof(mproc_lane_t *));
    if (lanes == NULL)
        return mproc_fail_memory("the workers of a pool");
    pool->lanes = lanes;
    while (pool->lane_count < count) {
        mproc_lane_t *lane = mproc_alloc_zero(1, sizeof *lane);
        if (lane == NULL || mproc_timers_reserve(&pool->timers, 1) != MPROC_OK) {
            mproc_free(lane);
            return mproc_fail_memory("the workers of a pool");
        }
        mproc_list_init(&lane->place);
        mproc_list_init(&lane->dirty);
        mproc_list_init(&lane->out);
        mproc_list_init(&lane->own);
        lane->index = pool->lane_count;
        lane->window = pool->inlined ? 1 : WINDOW_FIRST;
        lane->timer.kind = MPROC_TIMER_LANE;
        lanes[pool->lane_count++] = lane;
    }
    return MPROC_OK;
}

void mproc_lanes_fini(mproc_pool_t *pool) {
    for (int i = 0; i < pool->lane_count; i++)
        mproc_free(pool->lanes[i]);
    mproc_free(pool->lanes);
    pool->lanes = NULL;
    pool->lane_count = 0;
}

void mproc_lane_up(mproc_pool_t *pool, mproc_lane_t *lane, int64_t pid) {
    lane->up = true;
    lane->pid = pid;
    lane->finished = pool->finished;
    pool->up++;
    mproc_lane_update(pool, lane);
}

/* What only this lane could do fails, unless it was just preferred. */
static void give_own_back(mproc_pool_t *pool, mproc_lane_t *lane) {
    mproc_node_t *last = NULL;
    while ((last = mproc_list_last(&lane->own)) != NULL) {
        mproc_unit_t *unit = MPROC_OWNER(last, mproc_unit_t, node);
        mproc_schedule_remove(pool, unit);
        if (unit->flags & MPROC_UNIT_PINNED) {
            mproc_error_t error = *mproc_code_error(MPROC_EDIED);
            error.message = "the worker ended before it came to this run of the task";
            error.pid = lane->pid;
            mproc_core_drop(pool, unit, MPROC_EDIED, &error);
        } else {
            mproc_schedule_again(pool, unit);
        }
    }
}

void mproc_lane_down(mproc_pool_t *pool, mproc_lane_t *lane) {
    if (lane->up) {
        lane->up = false;
        pool->up--;
    }
    lane->unit_ns = 0;
    lane->window = pool->inlined ? 1 : WINDOW_FIRST;
    mproc_timers_cancel(&pool->timers, &lane->timer);
    mproc_lane_update(pool, lane);
    give_own_back(pool, lane);
}
