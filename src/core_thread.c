/* SPDX-License-Identifier: Apache-2.0 */
/* core_thread.c: the pool's thread. It does what no caller is there for: time-outs, callbacks, pulled input, workers that come
 * and go, long queues. An inline pool has none; whoever waits does it. */
#include "core_map.h"
#include "platform/platform.h"
#include "pool_list.h"
#include "progress.h"
#include "schedule.h"

/* True when the lock was given up. */
static bool pull_some(mproc_pool_t *pool) {
    for (mproc_node_t *node = pool->maps.next; node != &pool->maps; node = node->next) {
        mproc_map_t *map = MPROC_OWNER(node, mproc_map_t, node);
        size_t room = map->iter == NULL ? mproc_map_room(map) : 0;
        if (room > 0)
            return mproc_map_pull(pool, map, room);
    }
    return false;
}

/* A lane that had no room for a reason of the backend's may have some now. */
static void look_at_lanes(mproc_pool_t *pool) {
    for (int i = 0; i < pool->lane_count; i++) {
        if (pool->lanes[i]->where == MPROC_LANE_NOWHERE)
            mproc_lane_update(pool, pool->lanes[i]);
    }
}

bool mproc_core_attend(mproc_pool_t *pool) {
    bool again = false;
    look_at_lanes(pool);
    mproc_core_pump(pool, NULL);
    if (mproc_timers_next(&pool->timers) != INT64_MAX) {
        int64_t now = mplat_clock_ns();
        if (mproc_timers_next(&pool->timers) <= now) {
            mproc_core_run_timers(pool, now);
            again = true;
        }
        mproc_progress_due(pool, now);
    }
    if (pull_some(pool))
        again = true;
    if (mproc_notices_tell(pool))
        again = true;
    return again;
}

void mproc_core_end(mproc_pool_t *pool) {
    mproc_pool_stats_t stats = {0};
    if (pool->state == MPROC_POOL_OPEN || !pool->stopped || pool->pending > 0 || !mproc_list_empty(&pool->notices))
        return;
    pool->ops->stats(pool->backend, &stats);
    if (stats.workers > 0)
        return;
    /* Nothing can come any more while the lock is given up. */
    mproc_core_unlock(pool);
    pool->ops->settle(pool->backend);
    mproc_core_lock(pool);
    pool->ended = true;
    mproc_core_changed(pool);
}

static void sleep_until_needed(mproc_pool_t *pool) {
    int64_t next = mproc_timers_next(&pool->timers);
    int64_t timeout = -1;
    if (next != INT64_MAX) {
        timeout = next - mplat_clock_ns();
        if (timeout <= 0)
            return;
    }
    pool->asleep = true;
    pool->woken = false;
    pool->refills = pool->queue.count > 0;
    mproc_schedule_heed(pool);
    mproc_core_unlock(pool);
    pool->ops->wait(pool->backend, timeout);
    mproc_core_lock(pool);
    pool->asleep = false;
}

void mproc_core_serve(void *context) {
    mproc_pool_t *pool = context;
    mproc_core_lock(pool);
    while (!pool->ended) {
        if (mproc_core_attend(pool))
            continue;
        mproc_core_end(pool);
        if (!pool->ended)
            sleep_until_needed(pool);
    }
    bool orphan = pool->orphan;
    mproc_core_unlock(pool);
    if (orphan)
        mproc_pool_bury(pool);
}

/* A work, or the end of a pool that is done, which may have a finalizer to run. */
static bool has_inline_work(const mproc_pool_t *pool) {
    return pool->lane_count > 0 && (pool->lanes[0]->count > 0 || (pool->stopped && pool->lanes[0]->up));
}

bool mproc_core_drive(mproc_pool_t *pool) {
    bool did = false;
    bool again = true;
    if (!pool->inlined || pool->ended || pool->driving || mproc_notice_inside(pool))
        return false;
    pool->driving = true;
    while (again) {
        again = mproc_core_attend(pool);
        if (has_inline_work(pool)) {
            static const _Atomic uint32_t never;
            mproc_visit_t visit;
            mproc_notice_enter(&visit, pool);
            pool->guests++;
            mproc_core_unlock(pool);
            pool->ops->wait_slot(pool->backend, 0, &never, -1);
            mproc_core_lock(pool);
            pool->guests--;
            mproc_notice_leave(&visit);
            again = true;
        }
        did = did || again;
    }
    mproc_core_end(pool);
    pool->driving = false;
    if (pool->ended && pool->orphan)
        mproc_pool_leave(pool);
    mproc_core_changed(pool);
    return did;
}
