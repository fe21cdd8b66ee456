/* SPDX-License-Identifier: Apache-2.0 */
/* child_output.c: results of a child: in one small message, in a segment whose handle is sent, or, where handles cannot go from
 * child to parent (Windows), in parts that the parent takes while it waits. */
#include "child_output.h"

#include "memory.h"
#include "process_inbox.h"

#include <string.h>

#define INLINE_MAX (MPROC_MESSAGE_SMALL - sizeof(mproc_message_header_t))

static void *grow_heap(mproc_child_room_t *room, size_t capacity) {
    void *grown = mproc_realloc(room->heap, capacity);
    if (grown != NULL)
        room->heap = grown;
    return grown;
}

static void *grow_segment(mproc_child_room_t *room, const void *data, size_t used, size_t *capacity) {
    mplat_segment_t *segment = NULL;
    if (mplat_segment_create(*capacity, &segment) != 0)
        return NULL;
    if (used > 0)
        memcpy(mplat_segment_base(segment), data, used);
    mplat_segment_destroy(room->segment);
    mproc_free(room->heap);
    room->heap = NULL;
    room->segment = segment;
    *capacity = mplat_segment_size(segment);
    return mplat_segment_base(segment);
}

static void *grow(void *context, void *data, size_t used, size_t *capacity) {
    mproc_child_room_t *room = context;
    if (*capacity <= INLINE_MAX && room->segment == NULL)
        return grow_heap(room, *capacity);
    return grow_segment(room, data, used, capacity);
}

void mproc_child_room_init(mproc_child_room_t *room) {
    *room = (mproc_child_room_t){.source = {grow, room}};
}

void mproc_child_room_fini(mproc_child_room_t *room) {
    mproc_free(room->heap);
    mplat_segment_destroy(room->segment);
    room->heap = NULL;
    room->segment = NULL;
}

/* ---- sending --------------------------------------------------------------------------------------------------------------- */

static int send_message(mplat_link_t *link, mproc_message_header_t header, const unsigned char *bytes, size_t size) {
    unsigned char message[sizeof header + MPROC_PART_SIZE];
    memcpy(message, &header, sizeof header);
    if (size > 0)
        memcpy(message + sizeof header, bytes, size);
    return mplat_link_send(link, message, sizeof header + size, NULL, 0, -1);
}

static int send_in_segment(mplat_link_t *link, const mproc_outcome_t *outcome, const mproc_child_room_t *room) {
    mproc_message_header_t header = {MPROC_MESSAGE_OUTCOME, (uint32_t)outcome->kind, outcome->size};
    mplat_segment_t *made = NULL;
    mplat_segment_t *segment = room != NULL ? room->segment : NULL;
    if (segment == NULL || mplat_segment_base(segment) != outcome->data) {
        int err = mplat_segment_create(outcome->size, &made);
        if (err != 0)
            return err;
        memcpy(mplat_segment_base(made), outcome->data, outcome->size);
        segment = made;
    }
    mplat_handle_t handle = mplat_segment_handle(segment);
    int err = mplat_link_send(link, &header, sizeof header, &handle, 1, -1);
    mplat_segment_destroy(made);
    return err;
}

static int send_in_parts(mplat_link_t *link, const mproc_outcome_t *outcome) {
    const unsigned char *bytes = outcome->data;
    mproc_message_header_t header = {MPROC_MESSAGE_OUTCOME, (uint32_t)outcome->kind, outcome->size};
    int err = send_message(link, header, bytes, INLINE_MAX);
    for (size_t sent = INLINE_MAX; err == 0 && sent < outcome->size;) {
        size_t part = outcome->size - sent < MPROC_PART_SIZE ? outcome->size - sent : MPROC_PART_SIZE;
        header = (mproc_message_header_t){MPROC_MESSAGE_PART, 0, part};
        err = send_message(link, header, bytes + sent, part);
        sent += part;
    }
    return err;
}

bool mproc_child_send_outcome(mplat_link_t *link, const mproc_outcome_t *outcome, const mproc_child_room_t *room,
                              bool awaited) {
    if (outcome->size <= INLINE_MAX) {
        mproc_message_header_t header = {MPROC_MESSAGE_OUTCOME, (uint32_t)outcome->kind, outcome->size};
        (void)send_message(link, header, outcome->data, outcome->size);
        return true;
    }
    int err = send_in_segment(link, outcome, room);
    if (err != MPLAT_ENOTSUP && err != MPLAT_ENOMEM && err != MPLAT_ENOHANDLES)
        return true;
    if (awaited)
        (void)send_in_parts(link, outcome);
    return awaited;
}
