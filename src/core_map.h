/* SPDX-License-Identifier: Apache-2.0 */
/* core_map.h: a job of many items: cut into parts when slots have room, put together again as the parts come back. With the
 * pool's lock held. */
#ifndef MPROC_SRC_CORE_MAP_H
#define MPROC_SRC_CORE_MAP_H

#include "core.h"
#include "core_store.h"
#include "input.h"

struct mproc_map {
    mproc_unit_t cursor; /* what stands in the queue for the items from next on */
    mproc_node_t node;   /* in pool->maps, until it is done */
    mproc_node_t parts;  /* those that are not done, wherever they are */
    mproc_result_t *job;
    const mproc_task_t *task;
    mproc_source_t source;
    uint32_t output_size; /* of an item; 0: results come as records */
    int64_t next;         /* the first item that is in no part */
    int64_t total;        /* INT64_MAX while the input has not ended */
    int64_t limit;        /* items below this may be sent: an iterator's window; else INT64_MAX */
    int64_t begun_ns;     /* where a progress bar is drawn: mplat_clock_ns */
    int64_t settled;      /* items that succeeded or failed */
    int64_t failed;
    int64_t item_ns; /* what an item takes, lately; 0: not known */
    size_t chunk;    /* as the user wants it; 0: chosen */
    size_t window;   /* of pulled items */
    bool pulling;    /* some thread is in the pull function */
    bool listed;     /* in pool->maps */
    int stop_code;   /* what its items that have not begun fail with; 0 while it goes on */
    int pull_code;   /* how the input ended, when that was an error; an iterator tells it at the end */
    mproc_report_t *pull_report;
    mproc_store_t store;
    mproc_iter_t *iter; /* takes the items instead of the store; NULL: none */
};

/* mproc_map_begin lets a job that is filled in go: queue, list of maps, statistics. */
void mproc_map_begin(mproc_pool_t *pool, mproc_map_t *map);

/* mproc_map_cut makes a part of the next items; NULL when there is none to make now, and the cursor has left the queue. */
mproc_unit_t *mproc_map_cut(mproc_pool_t *pool, mproc_map_t *map);

/* mproc_map_limit moves the limit of an iterator's map and queues the cursor again. */
void mproc_map_limit(mproc_pool_t *pool, mproc_map_t *map, int64_t limit);

/* mproc_map_pull has the pull function give up to room items, as parts in the queue, without the lock meanwhile. True when it
 * gave some or ended. */
bool mproc_map_pull(mproc_pool_t *pool, mproc_map_t *map, size_t room);

/* mproc_map_room tells how many items may be pulled now. */
size_t mproc_map_room(const mproc_map_t *map);

/* mproc_map_chunk tells how many items the next part should have. */
size_t mproc_map_chunk(const mproc_pool_t *pool, const mproc_map_t *map);

void mproc_map_finished(mproc_pool_t *pool, mproc_part_t *part, const mproc_reply_t *reply);

/* mproc_map_drop ends a part that will not run: all its items fail. */
void mproc_map_drop(mproc_pool_t *pool, mproc_part_t *part, int code, const mproc_error_t *error);

/* mproc_map_stop lets nothing new begin: it fails with code. What is out and has not begun is taken back. */
void mproc_map_stop(mproc_pool_t *pool, mproc_map_t *map, int code, const mproc_error_t *error);

/* mproc_part_take makes a part with room for payload bytes, in map->parts; NULL without memory. */
mproc_part_t *mproc_part_take(mproc_pool_t *pool, mproc_map_t *map, size_t payload);
void mproc_part_put(mproc_pool_t *pool, mproc_part_t *part);

/* mproc_map_free frees what a map has, itself included; the job that points to it goes too. Without the lock. */
void mproc_map_free(mproc_map_t *map);

/* ---- iter.c: the other place where items go ----------------------------------------------------------------------------- */

/* mproc_iter_take gives the items that succeeded to the iterator. MPROC_ENOMEM: none of them. It owns the reply's hold. */
int mproc_iter_take(mproc_iter_t *iter, const mproc_work_t *work, const mproc_reply_t *reply);
void mproc_iter_fail(mproc_iter_t *iter, int64_t first, int64_t count, int code, const mproc_error_t *error);

/* mproc_iter_signal is not 0 from the coming of an item on; asking sets it back to 0 when there is none. */
const _Atomic uint32_t *mproc_iter_signal(mproc_iter_t *iter);

/* mproc_iter_ready tells whether next has something to give. */
bool mproc_iter_ready(const mproc_iter_t *iter);

#endif
