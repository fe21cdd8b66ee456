/* SPDX-License-Identifier: Apache-2.0 */
/* core_map.c: maps: how many items make a part, and what becomes of them. The parts' way through queue and lanes is that of any
 * unit. */
#include "core_map.h"

#include "memory.h"
#include "progress.h"
#include "schedule.h"

#include <string.h>

#define CHUNK_NS 750000      /* what a part should take ... */
#define CHUNK_LEAST_NS 20000 /* ... and no less near the end, where parts shrink so that all lanes end together */
#define CHUNK_BYTES 262144u  /* in and out: pieces that stay in the cache are the fastest way through shared memory */
#define CHUNK_PROBE 64       /* items, before anything is known of them */
#define PARTS_A_WORKER 4
#define SPARE_PARTS 1024u

/* ---- parts --------------------------------------------------------------------------------------------------------------- */

typedef struct spare_part {
    struct spare_part *next;
} spare_part_t;

mproc_part_t *mproc_part_take(mproc_pool_t *pool, mproc_map_t *map, size_t payload) {
    spare_part_t *spare = pool->spare_parts;
    mproc_part_t *part = NULL;
    if (payload == 0 && spare != NULL) {
        pool->spare_parts = spare->next;
        pool->spare_count--;
        part = (mproc_part_t *)(void *)spare;
    } else {
        part = mproc_alloc(sizeof *part + payload);
        if (part == NULL)
            return NULL;
    }
    memset(part, 0, sizeof *part);
    part->unit.job = map->job;
    part->unit.lane = -1;
    part->unit.flags = MPROC_UNIT_PART;
    part->unit.work.task = map->task;
    part->unit.work.watch = map->cursor.work.watch;
    part->payload = payload;
    part->timer.kind = MPROC_TIMER_PART;
    mproc_list_init(&part->unit.node);
    mproc_list_append(&map->parts, &part->sibling);
    return part;
}

void mproc_part_put(mproc_pool_t *pool, mproc_part_t *part) {
    mproc_list_remove(&part->sibling);
    if (part->unit.attempt > 0) {
        mproc_timers_cancel(&pool->timers, &part->timer);
        mproc_timers_release(&pool->timers, 1);
    }
    if (part->payload > 0 || pool->spare_count >= SPARE_PARTS) {
        mproc_free(part);
        return;
    }
    spare_part_t *spare = (spare_part_t *)(void *)part;
    spare->next = pool->spare_parts;
    pool->spare_parts = spare;
    pool->spare_count++;
}

/* Moves a work on by count items. */
static void advance(mproc_work_t *work, uint32_t count) {
    size_t bytes = 0;
    if (work->kind == MPROC_WORK_ARRAY) {
        bytes = (size_t)count * work->item_size;
        work->input = (const unsigned char *)work->input + bytes;
        work->input_size -= bytes;
        if (work->output != NULL)
            work->output = (unsigned char *)work->output + (size_t)count * work->output_size;
    } else if (work->kind == MPROC_WORK_LISTS) {
        bytes = mproc_list_span(work->args, count);
        work->args = (const unsigned char *)work->args + bytes;
        work->args_size -= bytes;
    }
    work->first += count;
    work->count -= count;
}

/* ---- cutting ------------------------------------------------------------------------------------------------------------- */

static int64_t at_least_one(int64_t value) {
    return value < 1 ? 1 : value;
}

size_t mproc_map_chunk(const mproc_pool_t *pool, const mproc_map_t *map) {
    int64_t left = (map->limit < map->total ? map->limit : map->total) - map->next;
    int64_t workers = pool->wanted > 0 ? pool->wanted : 1;
    int64_t count;
    size_t item_bytes = map->source.item_size + map->output_size;
    if (map->cursor.flags & MPROC_UNIT_SOFT) {
        count = 1; /* a soft timeout speaks to one item */
    } else if (map->chunk > 0) {
        count = map->chunk < (size_t)INT64_MAX ? (int64_t)map->chunk : left;
    } else if (map->item_ns == 0) {
        count = at_least_one(left / (INT64_C(16) * PARTS_A_WORKER * workers));
        count = count < CHUNK_PROBE ? count : CHUNK_PROBE;
    } else {
        int64_t share = at_least_one(left / (PARTS_A_WORKER * workers));
        int64_t least = at_least_one(CHUNK_LEAST_NS / map->item_ns);
        count = at_least_one(CHUNK_NS / map->item_ns);
        if (count > share)
            count = share > least ? share : least;
    }
    if (map->chunk == 0 && item_bytes > 0 && count > (int64_t)(CHUNK_BYTES / item_bytes))
        count = at_least_one((int64_t)(CHUNK_BYTES / item_bytes));
    if (count > INT32_MAX)
        count = INT32_MAX;
    return (size_t)(count < left ? count : left);
}

static void fill_array(mproc_map_t *map, mproc_work_t *work) {
    size_t index = (size_t)work->first;
    work->kind = MPROC_WORK_ARRAY;
    work->item_size = (uint32_t)map->source.item_size;
    work->input = map->source.items + index * map->source.item_size;
    work->input_size = work->count * map->source.item_size;
    work->output_size = map->output_size;
    if (map->output_size > 0)
        work->output = (unsigned char *)map->store.output.data + index * map->output_size;
}

static void fill_lists(mproc_map_t *map, mproc_work_t *work) {
    const unsigned char *lists = map->source.lists + map->source.at;
    work->kind = MPROC_WORK_LISTS;
    work->args = lists;
    work->args_size = mproc_list_span(lists, work->count);
    map->source.at += work->args_size;
}

static bool has_more(const mproc_map_t *map) {
    return map->stop_code == 0 && map->next < map->total && map->next < map->limit &&
           map->source.kind != MPROC_INPUT_PULL;
}

mproc_unit_t *mproc_map_cut(mproc_pool_t *pool, mproc_map_t *map) {
    mproc_part_t *part = has_more(map) ? mproc_part_take(pool, map, 0) : NULL;
    if (part == NULL) {
        mproc_schedule_remove(pool, &map->cursor);
        if (has_more(map))
            mproc_map_stop(pool, map, MPROC_ENOMEM, NULL);
        return NULL;
    }
    mproc_work_t *work = &part->unit.work;
    work->first = map->next;
    work->count = (uint32_t)mproc_map_chunk(pool, map);
    if (map->source.kind == MPROC_INPUT_ARRAY)
        fill_array(map, work);
    else
        fill_lists(map, work);
    map->next += work->count;
    if (!has_more(map))
        mproc_schedule_remove(pool, &map->cursor);
    return &part->unit;
}

void mproc_map_limit(mproc_pool_t *pool, mproc_map_t *map, int64_t limit) {
    map->limit = limit;
    if (map->cursor.state == MPROC_UNIT_IDLE && has_more(map))
        mproc_schedule_add(pool, &map->cursor);
}

/* ---- pulling ------------------------------------------------------------------------------------------------------------- */

size_t mproc_map_room(const mproc_map_t *map) {
    if (map->source.kind != MPROC_INPUT_PULL || map->pulling || map->total != INT64_MAX || map->stop_code != 0)
        return 0;
    if (map->iter != NULL)
        return (size_t)(map->limit - map->next);
    size_t out = (size_t)(map->next - map->settled);
    return out < map->window ? map->window - out : 0;
}

/* The items that came become one part. */
static void add_pulled(mproc_pool_t *pool, mproc_map_t *map, const mproc_buffer_t *buffer, size_t count) {
    mproc_part_t *part = mproc_part_take(pool, map, buffer->size);
    int64_t first = map->next;
    map->next += (int64_t)count;
    pool->stats.submitted += count;
    if (part == NULL) {
        mproc_core_count_failure(pool, MPROC_ENOMEM, count);
        map->settled += (int64_t)count;
        map->failed += (int64_t)count;
        if (map->iter != NULL)
            mproc_iter_fail(map->iter, first, (int64_t)count, MPROC_ENOMEM, NULL);
        else
            mproc_store_fail(&map->store, first, (int64_t)count, MPROC_ENOMEM, NULL);
        return;
    }
    memcpy(part + 1, buffer->data, buffer->size);
    part->unit.work.kind = MPROC_WORK_LISTS;
    part->unit.work.first = first;
    part->unit.work.count = (uint32_t)count;
    part->unit.work.args = part + 1;
    part->unit.work.args_size = buffer->size;
    mproc_schedule_add(pool, &part->unit);
}

static void settle(mproc_pool_t *pool, mproc_map_t *map, int64_t items);

/* The input's end. For a map an error of the pull function is one more item, which failed. */
static void end_input(mproc_pool_t *pool, mproc_map_t *map, int err) {
    map->total = map->next;
    if (err == MPROC_EEND || map->stop_code != 0)
        return;
    map->pull_code = err;
    mproc_error_t error = *mproc_last_error();
    error.item = map->next;
    if (map->iter != NULL) {
        map->pull_report = mproc_report_copy(&error);
        return;
    }
    pool->stats.submitted++;
    mproc_core_count_failure(pool, err, 1);
    mproc_store_fail(&map->store, map->next, 1, err, &error);
    map->next++;
    map->total++;
    map->settled++;
    map->failed++;
}

bool mproc_map_pull(mproc_pool_t *pool, mproc_map_t *map, size_t room) {
    mproc_buffer_t buffer;
    size_t count = map->chunk > 0 ? map->chunk : 1;
    if (map->chunk == 0 && map->item_ns > 0)
        count = (size_t)at_least_one(CHUNK_NS / 8 / map->item_ns);
    if (map->cursor.flags & MPROC_UNIT_SOFT)
        count = 1;
    if (count > room)
        count = room;
    if (count == 0)
        return false;
    mproc_buffer_init(&buffer, NULL);
    map->pulling = true;
    map->job->references++;
    pool->ops->leave(pool->backend);
    mproc_core_unlock(pool);
    size_t came = 0;
    int err = mproc_source_pull(&map->source, map->next, count, &buffer, &came);
    mproc_core_lock(pool);
    map->pulling = false;
    if (came > 0 && map->stop_code == 0)
        add_pulled(pool, map, &buffer, came);
    if (err != MPROC_OK)
        end_input(pool, map, err);
    mproc_buffer_fini(&buffer);
    if (map->listed)
        settle(pool, map, 0);
    mproc_core_unref(pool, map->job);
    return true;
}

/* ---- coming back ----------------------------------------------------------------------------------------------------------- */

/* Why the map failed: what the policy cancelled after it is not the reason. */
static const mproc_failure_t *first_failure(const mproc_store_t *store) {
    for (size_t i = 0; i < store->failure_count; i++) {
        if (store->failures[i].code != MPROC_ECANCELLED)
            return &store->failures[i];
    }
    return store->failure_count > 0 ? &store->failures[0] : NULL;
}

static void finish(mproc_pool_t *pool, mproc_map_t *map) {
    mproc_result_t *job = map->job;
    map->listed = false;
    mproc_list_remove(&map->node);
    mproc_progress_end(pool, map);
    if (map->failed > 0 && map->iter == NULL) {
        const mproc_failure_t *first = first_failure(&map->store);
        mproc_job_fail(job, first == NULL ? MPROC_ENOMEM : first->code,
                       first == NULL || first->report == NULL ? NULL : &first->report->error);
    }
    mproc_core_complete(pool, job);
}

static void settle(mproc_pool_t *pool, mproc_map_t *map, int64_t items) {
    map->settled += items;
    if (map->settled == map->total && map->listed && !map->pulling)
        finish(pool, map);
    else if (map->source.kind == MPROC_INPUT_PULL && map->iter == NULL)
        mproc_core_wake(pool);
}

static void fail_items(mproc_pool_t *pool, mproc_map_t *map, int64_t first, int64_t count, int code,
                       const mproc_error_t *error) {
    mproc_core_count_failure(pool, code, (uint64_t)count);
    map->failed += count;
    if (map->iter != NULL)
        mproc_iter_fail(map->iter, first, count, code, error);
    else
        mproc_store_fail(&map->store, first, count, code, error);
}

void mproc_map_drop(mproc_pool_t *pool, mproc_part_t *part, int code, const mproc_error_t *error) {
    mproc_map_t *map = part->unit.job->rare->map;
    int64_t count = part->unit.work.count;
    fail_items(pool, map, part->unit.work.first, count, code, error);
    mproc_part_put(pool, part);
    settle(pool, map, count);
}

/* Results of argument lists arrive as records; those for the user's array go there now. */
static int copy_records(mproc_pool_t *pool, mproc_map_t *map, const mproc_work_t *work, const mproc_reply_t *reply) {
    const mproc_output_t *output = &map->store.output;
    const mproc_record_t *record = reply->data;
    for (uint32_t i = 0; i < reply->succeeded; i++, record = mproc_record_next(record)) {
        int64_t index = work->first + i;
        bool fits = record->outcome == MPROC_OUTCOME_BYTES && record->size == output->item_size;
        if (fits && (uint64_t)index < output->count) {
            memcpy((unsigned char *)output->data + (size_t)index * output->item_size, record + 1, output->item_size);
            pool->stats.succeeded++;
            continue;
        }
        mproc_error_t error = *mproc_code_error(fits ? MPROC_EINVAL : MPROC_ETYPE);
        error.task = map->task->name;
        error.item = index;
        error.message = fits ? "The input has more items than the output array has room for"
                             : "The task did not return raw bytes of the size of an element of the output array: write "
                               "them with mproc_call_reserve, or keep the results with MPROC_KEEP";
        fail_items(pool, map, index, 1, error.code, &error);
    }
    return mproc_store_take(&map->store, work, reply);
}

static void take_results(mproc_pool_t *pool, mproc_map_t *map, const mproc_work_t *work, const mproc_reply_t *reply) {
    if (map->store.output.data != NULL && work->output == NULL) {
        (void)copy_records(pool, map, work, reply);
        return;
    }
    int err = map->iter != NULL ? mproc_iter_take(map->iter, work, reply) : mproc_store_take(&map->store, work, reply);
    if (err != MPROC_OK)
        fail_items(pool, map, work->first, reply->succeeded, err, NULL);
    else
        pool->stats.succeeded += reply->succeeded;
}

/* An item that is tried again becomes a part of its own. */
static bool retry_item(mproc_pool_t *pool, mproc_map_t *map, const mproc_part_t *part, int code) {
    const mproc_rare_t *rare = map->job->rare;
    const mproc_work_t *work = &part->unit.work;
    if (rare->retries == 0 || map->stop_code != 0)
        return false;
    size_t payload = part->payload > 0 ? mproc_list_span(work->args, 1) : 0;
    if (mproc_timers_reserve(&pool->timers, 1) != MPROC_OK)
        return false;
    mproc_part_t *again = mproc_part_take(pool, map, payload);
    if (again == NULL) {
        mproc_timers_release(&pool->timers, 1);
        return false;
    }
    again->unit.work = *work;
    again->unit.work.count = 1;
    again->unit.attempt = part->unit.attempt;
    if (work->kind == MPROC_WORK_ARRAY)
        again->unit.work.input_size = work->item_size;
    else if (work->kind == MPROC_WORK_LISTS)
        again->unit.work.args_size = mproc_list_span(work->args, 1);
    if (payload > 0)
        again->unit.work.args = memcpy(again + 1, work->args, payload);
    if (mproc_core_retry(pool, &again->unit, code))
        return true;
    again->unit.attempt = 1; /* put gives its timer back */
    mproc_part_put(pool, again);
    return false;
}

/* The failed items stand at the beginning of what is left of the part. Returns how many are settled by that. */
static int64_t take_failure(mproc_pool_t *pool, mproc_map_t *map, mproc_part_t *part, const mproc_reply_t *reply) {
    mproc_work_t *work = &part->unit.work;
    mproc_error_t error = reply->failure->error;
    int64_t first = work->first;
    int64_t count = reply->failed;
    bool again = count == 1 && retry_item(pool, map, part, error.code);
    advance(work, reply->failed);
    if (again)
        return 0;
    error.item = first;
    if (error.task[0] == '\0')
        error.task = map->task->name;
    fail_items(pool, map, first, count, error.code, &error);
    return count;
}

static void measure(mproc_map_t *map, const mproc_reply_t *reply) {
    int64_t items = (int64_t)reply->succeeded + reply->failed;
    if (reply->run_ns <= 0 || items == 0)
        return;
    int64_t item_ns = at_least_one(reply->run_ns / items);
    map->item_ns = map->item_ns == 0 ? item_ns : at_least_one(map->item_ns + (item_ns - map->item_ns) / 2);
}

/* What a part gave; false when some of it has to run yet. */
static bool take_reply(mproc_pool_t *pool, mproc_map_t *map, mproc_part_t *part, const mproc_reply_t *reply) {
    mproc_work_t *work = &part->unit.work;
    measure(map, reply);
    if (reply->succeeded > 0) {
        take_results(pool, map, work, reply);
        advance(work, reply->succeeded);
        map->settled += reply->succeeded;
    } else if (reply->hold != NULL) {
        reply->hold->release(reply->hold);
    }
    if (reply->failed > 0)
        map->settled += take_failure(pool, map, part, reply);
    return work->count == 0;
}

void mproc_map_finished(mproc_pool_t *pool, mproc_part_t *part, const mproc_reply_t *reply) {
    mproc_result_t *job = part->unit.job;
    mproc_map_t *map = job->rare->map;
    int64_t failed_before = map->failed;
    job->references++; /* its end may come in any of the calls here */
    if (take_reply(pool, map, part, reply))
        mproc_part_put(pool, part);
    else if (map->stop_code != 0)
        mproc_map_drop(pool, part, map->stop_code, NULL);
    else
        mproc_list_append(&pool->returned, &part->unit.node);
    if (map->failed > failed_before && map->stop_code == 0) {
        if (job->rare->policy == MPROC_MAP_STOP)
            mproc_map_stop(pool, map, MPROC_ECANCELLED, NULL);
        else if (job->rare->policy == MPROC_MAP_CANCEL)
            mproc_core_cancel(pool, job, MPROC_ECANCELLED, 1);
    }
    settle(pool, map, 0);
    mproc_core_unref(pool, job);
}

/* ---- begin and end --------------------------------------------------------------------------------------------------------- */

void mproc_map_begin(mproc_pool_t *pool, mproc_map_t *map) {
    map->listed = true;
    mproc_list_append(&pool->maps, &map->node);
    if (map->source.kind != MPROC_INPUT_PULL)
        pool->stats.submitted += (uint64_t)map->total;
    mproc_progress_begin(pool, map);
    if (has_more(map))
        mproc_schedule_add(pool, &map->cursor);
    settle(pool, map, 0);
}

/* Parts that have begun stay; one that is dropped may be the last of the map. */
static void drop_parts(mproc_pool_t *pool, mproc_map_t *map, int code, const mproc_error_t *error) {
    mproc_node_t *next = NULL;
    for (mproc_node_t *node = map->parts.next; node != &map->parts; node = next) {
        mproc_part_t *part = MPROC_OWNER(node, mproc_part_t, sibling);
        next = node->next;
        if (part->unit.state == MPROC_UNIT_OUT && !mproc_schedule_revoke(pool, &part->unit))
            continue;
        mproc_schedule_remove(pool, &part->unit);
        fail_items(pool, map, part->unit.work.first, part->unit.work.count, code, error);
        map->settled += part->unit.work.count;
        mproc_part_put(pool, part);
    }
}

void mproc_map_stop(mproc_pool_t *pool, mproc_map_t *map, int code, const mproc_error_t *error) {
    if (map->stop_code != 0 || !map->listed)
        return;
    map->stop_code = code;
    if (map->cursor.state == MPROC_UNIT_QUEUED)
        mproc_schedule_remove(pool, &map->cursor);
    drop_parts(pool, map, code, error);
    if (map->total == INT64_MAX)
        map->total = map->next;
    if (map->next < map->total) {
        fail_items(pool, map, map->next, map->total - map->next, code, error);
        map->settled += map->total - map->next;
        map->next = map->total;
    }
    settle(pool, map, 0);
}

void mproc_map_free(mproc_map_t *map) {
    mproc_report_free(map->pull_report);
    mproc_store_fini(&map->store);
    mproc_source_fini(&map->source);
    mproc_free(map);
}
