/* SPDX-License-Identifier: Apache-2.0 */
/* watch_slots.h: what a watch waits for, as a table. The two kinds of watch (watch_epoll.c, watch_poll.c) share
 * it. */
#ifndef MPLAT_POSIX_WATCH_SLOTS_H
#define MPLAT_POSIX_WATCH_SLOTS_H

#include "platform/platform.h"

typedef struct mplat_watch_slot {
    const void *object; /* NULL: free */
    void *key;
    int fd;
    mplat_watch_kind_t kind;
    uint32_t generation; /* another one each time the slot is taken */
} mplat_watch_slot_t;

typedef struct mplat_watch_slots {
    mplat_watch_slot_t *table;
    size_t capacity, count;
} mplat_watch_slots_t;

/* The caller holds the watch's mutex around each of these. */

/* mplat_watch_slots_take fills a free slot. NULL without memory. The pointer holds until the next take. */
mplat_watch_slot_t *mplat_watch_slots_take(mplat_watch_slots_t *slots, const void *object, mplat_watch_kind_t kind,
                                           int fd, void *key);

/* mplat_watch_slots_find looks for an object; NULL when it is not watched. */
mplat_watch_slot_t *mplat_watch_slots_find(const mplat_watch_slots_t *slots, const void *object);

/* A ticket names one use of one slot, so that what was seen of a slot before is told from what it holds now. Never
 * 0. */
uint64_t mplat_watch_slots_ticket(const mplat_watch_slots_t *slots, const mplat_watch_slot_t *slot);

/* mplat_watch_slots_lookup is NULL when the ticket's use of the slot is over. */
mplat_watch_slot_t *mplat_watch_slots_lookup(const mplat_watch_slots_t *slots, uint64_t ticket);

void mplat_watch_slots_free(mplat_watch_slots_t *slots, mplat_watch_slot_t *slot);
void mplat_watch_slots_fini(mplat_watch_slots_t *slots);

#endif
