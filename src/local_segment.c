/* SPDX-License-Identifier: Apache-2.0 */
/* local_segment.c: shared memory for large payloads, used again and again: touching fresh pages costs more than copying. */
#include "local.h"
#include "memory.h"

#define SMALLEST ((uint64_t)64 * 1024)
#define SEND_TIMEOUT_MS 100
#define LINK_MOST 24u   /* messages that a worker has not read; they fit into every system's buffer, ... */
#define LINK_RESERVE 8u /* ... and these too, for a worker that waits for one, and reads all of them then */

static void destroy(mproc_local_segment_t *segment) {
    mplat_segment_destroy(segment->memory);
    mproc_free(segment);
}

/* Called by whoever held the result, at any time, also after the pool is gone. */
static void release(mproc_hold_t *hold) {
    mproc_local_segment_t *segment = (mproc_local_segment_t *)hold;
    if (atomic_exchange(&segment->status, MPROC_SEGMENT_FREE) == MPROC_SEGMENT_ORPHANED)
        destroy(segment);
}

/* Sizes in steps of a quarter, so that one segment serves payloads that differ a little. */
static uint64_t rounded(uint64_t size) {
    uint64_t step = SMALLEST;
    while (step < size / 4)
        step *= 2;
    return (size + step - 1) / step * step;
}

uint32_t mproc_link_room(mproc_slot_t *slot) {
    uint32_t unread = slot->link_messages - slot->link_read;
    if (unread > LINK_MOST / 2) {
        slot->link_read = atomic_load_explicit(&mproc_slot_line(slot)->channel->link_read, memory_order_relaxed);
        unread = slot->link_messages - slot->link_read;
    }
    return unread < LINK_MOST ? LINK_MOST - unread : 0;
}

static bool announce(mproc_slot_t *slot, const mproc_local_segment_t *segment, bool given) {
    mproc_channel_message_t message = {
        .magic = MPROC_CHANNEL_MAGIC,
        .segment = segment->number,
        .size = mplat_segment_size(segment->memory),
    };
    mplat_handle_t handle = mplat_segment_handle(segment->memory);
    int err = mplat_link_send(slot->link, &message, sizeof message, &handle, given ? 1 : 0, SEND_TIMEOUT_MS);
    /* A worker that has closed its end, or lets it run over, gets no more work: somebody else is to do it. */
    if (err == MPLAT_ECLOSED || err == MPLAT_ETIMEDOUT)
        mproc_slot_kill(slot, MPROC_EMALFORMED);
    if (err != MPLAT_OK)
        return false;
    slot->link_messages++;
    atomic_store_explicit(&mproc_slot_line(slot)->channel->link_messages, slot->link_messages, memory_order_release);
    return true;
}

/* Acquire, against the release of a hold: who held it has read it for the last time. */
static int status_of(const mproc_local_segment_t *segment) {
    return atomic_load_explicit(&segment->status, memory_order_acquire);
}

static mproc_local_segment_t *create(mproc_slot_t *slot, uint64_t size) {
    mproc_local_segment_t *segment = size > SIZE_MAX / 2 ? NULL : mproc_alloc_zero(1, sizeof *segment);
    if (segment == NULL)
        goto fail;
    segment->hold.release = release;
    segment->number = MPROC_PLACE_SEGMENT + slot->next_segment;
    if (mplat_segment_create((size_t)rounded(size), &segment->memory) != MPLAT_OK)
        goto fail;
    if (!announce(slot, segment, true))
        goto fail;
    slot->next_segment++;
    segment->next = slot->segments;
    slot->segments = segment;
    return segment;

fail:
    if (segment != NULL)
        destroy(segment);
    return NULL;
}

/* trim gives up free segments, the least lately used first, until what is kept idle is within the limit. */
static void trim(mproc_local_t *local, mproc_slot_t *slot) {
    uint64_t limit = local->options.memory_limit / (uint64_t)(local->wanted > 0 ? local->wanted : 1);
    uint64_t kept = 0;
    mproc_local_segment_t **place = &slot->segments;
    while (*place != NULL) {
        mproc_local_segment_t *segment = *place;
        uint64_t size = mplat_segment_size(segment->memory);
        bool is_free = status_of(segment) == MPROC_SEGMENT_FREE;
        if (is_free && kept + size > limit && mproc_link_room(slot) > LINK_MOST / 2 && announce(slot, segment, false)) {
            *place = segment->next;
            destroy(segment);
            continue;
        }
        kept += is_free ? size : 0;
        place = &segment->next;
    }
}

mproc_local_segment_t *mproc_segment_take(mproc_local_t *local, mproc_slot_t *slot, uint64_t size, bool needed) {
    mproc_local_segment_t **best = NULL;
    for (mproc_local_segment_t **place = &slot->segments; *place != NULL; place = &(*place)->next) {
        uint64_t has = mplat_segment_size((*place)->memory);
        if (has >= size && status_of(*place) == MPROC_SEGMENT_FREE &&
            (best == NULL || has < mplat_segment_size((*best)->memory)))
            best = place;
    }
    mproc_local_segment_t *segment = NULL;
    if (best != NULL) {
        segment = *best;
        *best = segment->next; /* to the front: the latest used is the warmest */
        segment->next = slot->segments;
        slot->segments = segment;
    } else {
        trim(local, slot);
        if (mproc_link_room(slot) + (needed ? LINK_RESERVE : 0) > 0)
            segment = create(slot, size);
    }
    if (segment != NULL)
        atomic_store(&segment->status, MPROC_SEGMENT_USED);
    return segment;
}

void mproc_segment_put(mproc_local_segment_t **segment) {
    if (*segment != NULL && atomic_load_explicit(&(*segment)->status, memory_order_relaxed) == MPROC_SEGMENT_USED)
        atomic_store_explicit(&(*segment)->status, MPROC_SEGMENT_FREE, memory_order_relaxed);
    *segment = NULL;
}

mproc_hold_t *mproc_segment_hold(mproc_local_segment_t *segment) {
    atomic_store(&segment->status, MPROC_SEGMENT_HELD);
    return &segment->hold;
}

void mproc_segments_drop(mproc_slot_t *slot) {
    while (slot->segments != NULL) {
        mproc_local_segment_t *segment = slot->segments;
        slot->segments = segment->next;
        int held = MPROC_SEGMENT_HELD;
        if (!atomic_compare_exchange_strong(&segment->status, &held, MPROC_SEGMENT_ORPHANED))
            destroy(segment);
    }
}

uint64_t mproc_segments_size(const mproc_slot_t *slot) {
    uint64_t size = 0;
    for (const mproc_local_segment_t *segment = slot->segments; segment != NULL; segment = segment->next)
        size += mplat_segment_size(segment->memory);
    return size;
}
