/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h: a pool's worker, seen from inside: its loop, and what its parts share. */
#ifndef MPROC_SRC_WORKER_H
#define MPROC_SRC_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/task.h>

#include "call.h"
#include "channel.h"
#include "runner.h"

typedef struct mproc_worker_segment {
    uint32_t number;
    mplat_segment_t *segment;
} mproc_worker_segment_t;

/* Room for results, given out from one place after the other as a result grows. */
typedef struct mproc_worker_room {
    uint32_t place;
    uint64_t offset;   /* in the place */
    uint64_t capacity; /* from offset on */
    unsigned char *base;
} mproc_worker_room_t;

/* One for a process; only its main thread has it. */
typedef struct mproc_worker {
    mproc_runner_t runner; /* first, so that a call's runner is the worker */
    mplat_link_t *link;
    mplat_segment_t *memory;
    mproc_channel_t *channel;
    mplat_wake_t *own_wake;    /* this worker sleeps on channel->worker_sleeps */
    mplat_wake_t *direct_wake; /* a thread of the parent sleeps on channel->parent_waits */
    mplat_bell_t *bell;
    const mproc_task_t **tasks; /* by number */
    size_t task_count;
    mproc_worker_segment_t *segments;
    size_t segment_count;
    uint32_t messages;   /* read from the link */
    uint32_t number;     /* of the request in hand */
    uint32_t needs;      /* segments asked for, ever */
    uint32_t spins;      /* how much polling has paid lately */
    uint64_t arena_used; /* bytes of the response arena given out so far, wrapped ones included */
    const mproc_request_slot_t *request;
    uint32_t chunk_taken;       /* items that the task took at once, from item on; 0: it did not */
    const unsigned char *input; /* of the request, in its place */
    unsigned char *output;      /* plain results, NULL for none */
    mproc_worker_room_t room;   /* of the result in hand */
    unsigned char small[MPROC_CHANNEL_INLINE];
    unsigned char *scratch; /* on the heap: an item's result before it is copied to the chunk's */
    size_t scratch_size;
    mproc_call_t call;      /* of single calls: its results grow in the channel's memory */
    mproc_call_t item_call; /* of a chunk's items: theirs are made in the output array or in scratch */
    mproc_buffer_source_t source, item_source;
} mproc_worker_t;

/* mproc_worker_main takes the channel from the link, runs the initializer call (request, task NULL for none), and works until
 * the pool says so or is gone. Returns the process's exit code. */
int mproc_worker_main(mplat_link_t *link, const mproc_request_t *initializer, const mproc_value_limits_t *limits);

/* mproc_worker_run does the request in hand and fills the response, except its state (worker_run.c). */
void mproc_worker_run(mproc_worker_t *worker, mproc_response_slot_t *response);

/* mproc_worker_take_chunk is the runner's take_chunk (worker_run.c). */
size_t mproc_worker_take_chunk(mproc_runner_t *runner, void **out_output);

/* mproc_worker_notify wakes whoever of the parent sleeps; after a response's state is stored. */
void mproc_worker_notify(mproc_worker_t *worker);

/* mproc_worker_call_parent does so also when nobody has asked for it: a thread that slept at the slot may have taken the bell over,
 * and left. */
void mproc_worker_call_parent(mproc_worker_t *worker);

/* mproc_worker_halt stands still between two items while the parent has halted the request in hand. */
void mproc_worker_halt(mproc_worker_t *worker);

/* mproc_worker_sleep returns once ready says so, polling for a while and then asleep. */
void mproc_worker_sleep(mproc_worker_t *worker, bool (*ready)(const mproc_worker_t *worker));

/* mproc_worker_place gives the memory of a place; NULL when it is none (worker_memory.c). */
unsigned char *mproc_worker_place(mproc_worker_t *worker, uint32_t place);

/* mproc_worker_grow is the source of room for results: inline, in the arena, or in a segment. */
void *mproc_worker_grow(void *context, void *data, size_t used, size_t *capacity);

/* mproc_worker_grow_item is the source for an item of a chunk: its element of the output, or scratch. */
void *mproc_worker_grow_item(void *context, void *data, size_t used, size_t *capacity);

/* mproc_worker_read_link takes the segments that have been sent. */
void mproc_worker_read_link(mproc_worker_t *worker);

#endif
