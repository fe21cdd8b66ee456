/* SPDX-License-Identifier: Apache-2.0 */
/* worker_memory.c: where a worker finds payloads and puts results. */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "worker.h"

/* A link message comes from the parent's own memory: anything else on it is a parent of another kind, or none any more. */
static bool receive_segment(mproc_worker_t *worker) {
    mproc_channel_message_t message;
    mplat_handle_t handles[MPLAT_LINK_HANDLES_MAX];
    size_t size = 0;
    size_t count = 0;
    if (mplat_link_receive(worker->link, &message, sizeof message, &size, handles, &count, -1) != MPLAT_OK ||
        size != sizeof message || message.magic != MPROC_CHANNEL_MAGIC || count > 1)
        return false;
    if (count == 0) { /* the parent has given this one up */
        for (size_t i = 0; i < worker->segment_count; i++) {
            if (worker->segments[i].number == message.segment) {
                mplat_segment_destroy(worker->segments[i].segment);
                worker->segments[i] = worker->segments[--worker->segment_count];
                break;
            }
        }
        return true;
    }
    mproc_worker_segment_t *grown =
        mproc_realloc(worker->segments, (worker->segment_count + 1) * sizeof *worker->segments);
    if (grown == NULL)
        return false;
    worker->segments = grown;
    mproc_worker_segment_t *last = &grown[worker->segment_count];
    if (mplat_segment_open(handles[0], (size_t)message.size, &last->segment) != MPLAT_OK)
        return false;
    last->number = message.segment;
    worker->segment_count++;
    return true;
}

void mproc_worker_read_link(mproc_worker_t *worker) {
    uint32_t sent = atomic_load_explicit(&worker->channel->link_messages, memory_order_acquire);
    while (worker->messages != sent) {
        /* Without its memory the worker is of no use; the pool sees it end and says which task had it. */
        if (!receive_segment(worker))
            mplat_self_exit(EXIT_FAILURE);
        worker->messages++;
        atomic_store_explicit(&worker->channel->link_read, worker->messages, memory_order_relaxed);
    }
}

static mplat_segment_t *find_segment(const mproc_worker_t *worker, uint32_t number) {
    for (size_t i = worker->segment_count; i-- > 0;) {
        if (worker->segments[i].number == number)
            return worker->segments[i].segment;
    }
    return NULL;
}

unsigned char *mproc_worker_place(mproc_worker_t *worker, uint32_t place) {
    if (place == MPROC_PLACE_ARENA)
        return worker->channel->request_arena;
    mplat_segment_t *segment = place < MPROC_PLACE_SEGMENT ? NULL : find_segment(worker, place);
    return segment == NULL ? NULL : mplat_segment_base(segment);
}

/* take_arena finds size bytes in a row in the response arena that the parent has read already. */
static bool take_arena(mproc_worker_t *worker, uint64_t size, mproc_worker_room_t *out_room) {
    uint64_t released = atomic_load_explicit(&worker->channel->arena_released, memory_order_acquire);
    uint64_t start = worker->arena_used;
    uint64_t to_end = MPROC_CHANNEL_ARENA - start % MPROC_CHANNEL_ARENA;
    if (to_end < size)
        start += to_end;
    if (start + size - released > MPROC_CHANNEL_ARENA)
        return false;
    worker->arena_used = start + size;
    out_room->place = MPROC_PLACE_ARENA;
    out_room->offset = start; /* counted from the beginning of time: the parent releases up to it */
    out_room->capacity = size;
    out_room->base = worker->channel->response_arena + start % MPROC_CHANNEL_ARENA;
    return true;
}

static bool use_segment(mproc_worker_t *worker, uint32_t number, uint64_t size, mproc_worker_room_t *out_room) {
    mplat_segment_t *segment = number < MPROC_PLACE_SEGMENT ? NULL : find_segment(worker, number);
    if (segment == NULL || mplat_segment_size(segment) < size || worker->room.place == number)
        return false;
    out_room->place = number;
    out_room->offset = 0;
    out_room->capacity = mplat_segment_size(segment);
    out_room->base = mplat_segment_base(segment);
    return true;
}

static bool need_answered(const mproc_worker_t *worker) {
    return atomic_load_explicit(&worker->channel->need_answered, memory_order_acquire) == worker->needs;
}

/* ask_segment has the parent send a segment, and waits for it. */
static bool ask_segment(mproc_worker_t *worker, uint64_t size, mproc_worker_room_t *out_room) {
    mproc_response_slot_t *response = &worker->channel->responses[worker->number % MPROC_CHANNEL_SLOTS];
    atomic_store_explicit(&worker->channel->need_size, size, memory_order_relaxed);
    atomic_store_explicit(&worker->channel->needs, ++worker->needs, memory_order_release);
    atomic_store_explicit(&response->state, mproc_channel_state(worker->number, MPROC_RESPONSE_NEED),
                          memory_order_release);
    mproc_worker_call_parent(worker);
    mproc_worker_sleep(worker, need_answered);
    mproc_worker_read_link(worker);
    return use_segment(worker, worker->channel->need_segment, size, out_room);
}

static bool find_room(mproc_worker_t *worker, uint64_t size, mproc_worker_room_t *out_room) {
    if (size <= MPROC_CHANNEL_INLINE && worker->room.place == MPROC_PLACE_NONE) {
        *out_room = (mproc_worker_room_t){MPROC_PLACE_INLINE, 0, MPROC_CHANNEL_INLINE, worker->small};
        return true;
    }
    if (size <= MPROC_CHANNEL_SMALL && take_arena(worker, mproc_align(size), out_room))
        return true;
    return use_segment(worker, worker->request->grant, size, out_room) || ask_segment(worker, size, out_room);
}

void *mproc_worker_grow(void *context, void *data, size_t used, size_t *capacity) {
    mproc_worker_t *worker = context;
    mproc_worker_room_t room;
    if (data == NULL)
        worker->room.place = MPROC_PLACE_NONE;
    if (*capacity > SIZE_MAX / 2 || !find_room(worker, *capacity, &room))
        return NULL;
    if (data != NULL && used > 0)
        memcpy(room.base, data, used);
    worker->room = room;
    *capacity = (size_t)room.capacity;
    return room.base;
}

void *mproc_worker_grow_item(void *context, void *data, size_t used, size_t *capacity) {
    mproc_worker_t *worker = context;
    size_t element = worker->output == NULL ? 0 : worker->request->output_size;
    if (data == NULL && *capacity <= element) {
        *capacity = element;
        return worker->output + (size_t)worker->runner.item * element;
    }
    if (worker->scratch == NULL || *capacity > worker->scratch_size) {
        size_t size = *capacity < 4096 ? 4096 : *capacity;
        unsigned char *grown = mproc_alloc(size);
        if (grown == NULL)
            return NULL;
        if (data != NULL && used > 0)
            memcpy(grown, data, used);
        mproc_free(worker->scratch);
        worker->scratch = grown;
        worker->scratch_size = size;
    } else if (data != NULL && used > 0 && data != worker->scratch) {
        memcpy(worker->scratch, data, used);
    }
    *capacity = worker->scratch_size;
    return worker->scratch;
}
