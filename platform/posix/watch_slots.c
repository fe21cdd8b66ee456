/* SPDX-License-Identifier: Apache-2.0 */
/* watch_slots.c: the table of watched objects. It makes no system call. */
#include "watch_slots.h"

#include "syscalls.h"

#include <stdlib.h>
#include <string.h>

static bool grow(mplat_watch_slots_t *slots) {
    size_t capacity = slots->capacity == 0 ? 8 : slots->capacity * 2;
    mplat_watch_slot_t *table = mplat_sys.allocate(capacity * sizeof *table);
    if (table == NULL)
        return false;
    if (slots->capacity > 0)
        memcpy(table, slots->table, slots->capacity * sizeof *table);
    free(slots->table);
    slots->table = table;
    slots->capacity = capacity;
    return true;
}

mplat_watch_slot_t *mplat_watch_slots_take(mplat_watch_slots_t *slots, const void *object, mplat_watch_kind_t kind,
                                           int fd, void *key) {
    size_t i = slots->count;
    if (slots->count == slots->capacity && !grow(slots))
        return NULL;
    if (i == slots->capacity || slots->table[i].object != NULL)
        for (i = 0; slots->table[i].object != NULL; i++)
            continue;
    mplat_watch_slot_t *slot = &slots->table[i];
    *slot = (mplat_watch_slot_t){object, key, fd, kind, slot->generation + 1};
    slots->count++;
    return slot;
}

mplat_watch_slot_t *mplat_watch_slots_find(const mplat_watch_slots_t *slots, const void *object) {
    for (size_t i = 0; i < slots->capacity; i++)
        if (slots->table[i].object == object)
            return &slots->table[i];
    return NULL;
}

uint64_t mplat_watch_slots_ticket(const mplat_watch_slots_t *slots, const mplat_watch_slot_t *slot) {
    return (uint64_t)slot->generation << 32 | ((uint64_t)(slot - slots->table) + 1);
}

mplat_watch_slot_t *mplat_watch_slots_lookup(const mplat_watch_slots_t *slots, uint64_t ticket) {
    size_t place = (size_t)(ticket & UINT32_MAX);
    if (place == 0 || place > slots->capacity)
        return NULL;
    mplat_watch_slot_t *slot = &slots->table[place - 1];
    return slot->object != NULL && slot->generation == ticket >> 32 ? slot : NULL;
}

void mplat_watch_slots_free(mplat_watch_slots_t *slots, mplat_watch_slot_t *slot) {
    slot->object = NULL;
    slot->key = NULL;
    slot->fd = -1;
    slots->count--;
}

void mplat_watch_slots_fini(mplat_watch_slots_t *slots) {
    free(slots->table);
    *slots = (mplat_watch_slots_t){0};
}
