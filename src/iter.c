/* SPDX-License-Identifier: Apache-2.0 */
/* iter.c: the items of an imap between the lanes and the reader: in order, or as they come. At most a window of them is on the
 * way, so one ring of that size holds whatever is done and not read. */
#include "iter.h"

#include "memory.h"
#include "platform/platform.h"
#include "schedule.h"

typedef struct iter_entry {
    bool filled;
    int code;
    int64_t index;
    const mproc_record_t *record;
    mproc_block_t *block;
    mproc_report_t *report;
} iter_entry_t;

struct mproc_iter {
    mproc_pool_t *pool;
    mproc_result_t *job;
    mproc_map_t *map;
    bool ordered;
    _Atomic uint32_t signal; /* something came; for a thread in wait_slot */
    bool told;               /* the error of the pull function was given */
    size_t window;
    int64_t given; /* items, so in order also the index of the next */
    int64_t came;  /* items in the ring, ever; not in order: where the next is put */
    int64_t read;  /* of them, given */
    int64_t rest;  /* items from this index on have failed at once when the map was stopped; INT64_MAX: none */
    int rest_code;
    mproc_report_t *rest_report;
    iter_entry_t now; /* what the reader holds */
    mproc_tree_t *tree;
    iter_entry_t ring[];
};

mproc_iter_t *mproc_iter_create(mproc_pool_t *pool, size_t window, bool ordered) {
    mproc_iter_t *iter = NULL;
    if (window <= (SIZE_MAX / 2 - sizeof *iter) / sizeof iter->ring[0])
        iter = mproc_alloc_zero(1, sizeof *iter + window * sizeof iter->ring[0]);
    if (iter == NULL) {
        (void)mproc_fail_memory("the window of an iterator");
        return NULL;
    }
    iter->pool = pool;
    iter->ordered = ordered;
    iter->window = window;
    iter->rest = INT64_MAX;
    return iter;
}

void mproc_iter_free(mproc_iter_t *iter) {
    mproc_report_free(iter->rest_report);
    mproc_tree_destroy(iter->tree);
    mproc_free(iter);
}

/* The first items are on their way before anybody reads. */
static void fill_window(mproc_iter_t *iter) {
    size_t room = 0;
    while ((room = mproc_map_room(iter->map)) > 0 && mproc_map_pull(iter->pool, iter->map, room)) {
        if (!mproc_core_drive(iter->pool))
            mproc_core_pump(iter->pool, NULL);
        if (mproc_iter_ready(iter))
            break;
    }
}

void mproc_iter_begin(mproc_iter_t *iter, mproc_map_t *map) {
    iter->map = map;
    iter->job = map->job;
    map->limit = (int64_t)iter->window;
    mproc_map_begin(iter->pool, map);
    mproc_core_pump(iter->pool, NULL);
    (void)mproc_core_drive(iter->pool);
    fill_window(iter);
}

/* ---- the lanes' side ------------------------------------------------------------------------------------------------------- */

static void put(mproc_iter_t *iter, const iter_entry_t *entry) {
    int64_t place = iter->ordered ? entry->index : iter->came;
    iter_entry_t *to = &iter->ring[(size_t)place % iter->window];
    *to = *entry;
    to->filled = true;
    iter->came++;
    atomic_store_explicit(&iter->signal, 1, memory_order_release);
    if (iter->job->flags & MPROC_JOB_DIRECT)
        mproc_core_wake_waiter(iter->pool, iter->job);
    if (iter->job->flags & MPROC_JOB_AWAITED)
        mproc_core_changed(iter->pool);
}

int mproc_iter_take(mproc_iter_t *iter, const mproc_work_t *work, const mproc_reply_t *reply) {
    mproc_block_t *block = mproc_block_create(work, reply);
    if (block == NULL)
        return MPROC_ENOMEM;
    const mproc_record_t *record = (const mproc_record_t *)(const void *)block->data;
    block->references = reply->succeeded;
    for (uint32_t i = 0; i < reply->succeeded; i++) {
        put(iter, &(iter_entry_t){.index = work->first + i, .record = record, .block = block});
        record = mproc_record_next(record);
    }
    return MPROC_OK;
}

void mproc_iter_fail(mproc_iter_t *iter, int64_t first, int64_t count, int code, const mproc_error_t *error) {
    if (first + count > iter->map->limit) {
        iter->rest = first;
        iter->rest_code = code;
        iter->rest_report = error != NULL ? mproc_report_copy(error) : NULL;
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        mproc_report_t *report = error != NULL ? mproc_report_copy(error) : NULL;
        if (report != NULL)
            report->error.item = first + i;
        put(iter, &(iter_entry_t){.index = first + i, .code = code, .report = report});
    }
}

/* ---- the reader's side ----------------------------------------------------------------------------------------------------- */

static iter_entry_t *next_entry(const mproc_iter_t *iter) {
    int64_t place = iter->ordered ? iter->given : iter->read;
    const iter_entry_t *entry = &iter->ring[(size_t)place % iter->window];
    return entry->filled ? (iter_entry_t *)(uintptr_t)entry : NULL;
}

static bool at_end(const mproc_iter_t *iter) {
    return iter->given == iter->map->total;
}

const _Atomic uint32_t *mproc_iter_signal(mproc_iter_t *iter) {
    atomic_store_explicit(&iter->signal, mproc_iter_ready(iter), memory_order_relaxed);
    return &iter->signal;
}

bool mproc_iter_ready(const mproc_iter_t *iter) {
    return next_entry(iter) != NULL || at_end(iter) || iter->given >= iter->rest;
}

static void drop_entry(iter_entry_t *entry) {
    mproc_block_release(entry->block);
    mproc_report_free(entry->report);
    *entry = (iter_entry_t){0};
}

static void give(mproc_iter_t *iter, iter_entry_t *entry, mproc_item_t *out_item) {
    iter->now = *entry;
    *entry = (iter_entry_t){0};
    out_item->index = iter->now.index;
    if (iter->now.code != MPROC_OK)
        mproc_failure_item(iter->now.code, iter->now.report, out_item);
    iter->read++;
}

/* Gives what there is; something is ready. A value is still to be decoded. */
static int take_next(mproc_iter_t *iter, mproc_item_t *out_item) {
    mproc_map_t *map = iter->map;
    iter_entry_t *entry = next_entry(iter);
    if (entry != NULL) {
        give(iter, entry, out_item);
    } else if (!at_end(iter)) {
        out_item->index = iter->given;
        mproc_failure_item(iter->rest_code, iter->rest_report, out_item);
    } else if (map->pull_code != 0 && !iter->told) {
        iter->told = true;
        out_item->index = map->total;
        mproc_failure_item(map->pull_code, map->pull_report, out_item);
        return mproc_fail_error(out_item->error);
    } else {
        return MPROC_EEND;
    }
    iter->given++;
    if (map->stop_code == 0)
        mproc_map_limit(iter->pool, map, iter->given + (int64_t)iter->window);
    return MPROC_OK;
}

int mproc_iter_next(mproc_iter_t *iter, int64_t timeout_ms, mproc_item_t *out_item) {
    int64_t deadline = mproc_core_after(timeout_ms);
    if (iter == NULL || out_item == NULL)
        return mproc_fail(MPROC_EINVAL, "mproc_iter_next needs an iterator and a place for the item");
    *out_item = (mproc_item_t){.index = -1};
    mproc_pool_t *pool = iter->pool;
    int err = mproc_core_check(pool);
    if (err != MPROC_OK)
        return err;
    mproc_core_lock(pool);
    drop_entry(&iter->now);
    fill_window(iter);
    err = mproc_iter_ready(iter) || deadline == 0 ? MPROC_OK : mproc_core_may_wait(pool);
    if (err == MPROC_OK)
        err = mproc_core_await(pool, iter->job, deadline);
    if (err == MPROC_OK)
        err = take_next(iter, out_item);
    else if (err == MPROC_ETIMEDOUT)
        err = mproc_fail(MPROC_ETIMEDOUT, "No item was done by then; the next call may give one");
    if (pool->queue.count > 0)
        mproc_schedule_run(pool, NULL);
    mproc_core_unlock(pool);
    /* What the reader holds is nobody else's: it is decoded without the lock. */
    if (err == MPROC_OK && out_item->code == MPROC_OK)
        mproc_record_item(iter->now.record, &pool->values, &iter->tree, out_item);
    return err == MPROC_OK && out_item->code != MPROC_OK ? mproc_fail_error(out_item->error) : err;
}

void mproc_iter_destroy(mproc_iter_t *iter) {
    if (iter == NULL || mplat_self_is_copy())
        return;
    mproc_pool_t *pool = iter->pool;
    mproc_core_lock(pool);
    /* What is on the way comes to a map that keeps nothing. */
    iter->map->iter = NULL;
    mproc_map_stop(pool, iter->map, MPROC_ECANCELLED, NULL);
    drop_entry(&iter->now);
    for (size_t i = 0; i < iter->window; i++)
        drop_entry(&iter->ring[i]);
    mproc_core_release(pool, iter->job);
    mproc_iter_free(iter);
}
