/* SPDX-License-Identifier: Apache-2.0 */
/* local_answer.c: what a worker says, made safe to believe: copied once, then checked. A worker may write anything into what it
 * shares with us, also while we look. */
#include <string.h>

#include "local.h"
#include "memory.h"

#define REPORT_MOST (1u << 20)
#define RUN_NS_MOST ((int64_t)1 << 52) /* 52 days: sums of it stay within the type */

static bool numbers_fit(const mproc_work_t *work, const mproc_response_slot_t *copy) {
    if (copy->succeeded > work->count || copy->failed > work->count - copy->succeeded || copy->run_ns < 0 ||
        copy->run_ns > RUN_NS_MOST || copy->report_size > REPORT_MOST || copy->size > SIZE_MAX / 2)
        return false;
    if (copy->failed == 0)
        return copy->succeeded == work->count &&
               (work->kind != MPROC_WORK_CALL || copy->outcome <= MPROC_OUTCOME_BYTES);
    return work->kind != MPROC_WORK_CALL || copy->size == 0;
}

/* segment_of finds the segment of that number among those which this request was given for its result, and no other: what
 * holds a payload is not the worker's to answer with. */
static mproc_local_segment_t *segment_of(const mproc_sent_t *sent, uint32_t number) {
    mproc_local_segment_t *const given[] = {sent->room, sent->grant};
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        if (given[i] != NULL && given[i]->number == number)
            return given[i];
    }
    return NULL;
}

/* locate finds where the bytes lie; NULL when they are not all in a place that the worker has for them. */
static const unsigned char *locate(mproc_slot_t *slot, const mproc_sent_t *sent, uint64_t total,
                                   mproc_answer_t *answer) {
    const mproc_response_slot_t *copy = &answer->slot;
    if (copy->place == MPROC_PLACE_INLINE)
        return total <= MPROC_CHANNEL_INLINE ? copy->data : NULL;
    if (copy->place == MPROC_PLACE_ARENA) {
        uint64_t start = copy->offset % MPROC_CHANNEL_ARENA;
        return start % MPROC_CHANNEL_ALIGN == 0 && total <= MPROC_CHANNEL_ARENA - start
                   ? mproc_slot_line(slot)->channel->response_arena + start
                   : NULL;
    }
    answer->segment = segment_of(sent, copy->place);
    return answer->segment != NULL && total <= mplat_segment_size(answer->segment->memory)
               ? mplat_segment_base(answer->segment->memory)
               : NULL;
}

static void free_copy(mproc_hold_t *hold) {
    mproc_free(hold);
}

/* fetch brings the bytes into private memory. */
static void fetch(mproc_local_t *local, const unsigned char *from, size_t size, mproc_answer_t *answer) {
    unsigned char *to = local->copy;
    answer->segment = NULL;
    if (from == answer->slot.data) {
        answer->data = from;
        return;
    }
    if (size > sizeof local->copy) {
        answer->copy = size > SIZE_MAX - sizeof *answer->copy ? NULL : mproc_alloc(sizeof *answer->copy + size);
        answer->no_memory = answer->copy == NULL;
        if (answer->no_memory)
            return;
        answer->copy->hold.release = free_copy;
        to = answer->copy->data;
    }
    memcpy(to, from, size);
    answer->data = to;
}

/* measure_records walks the first count records and returns how long they are; UINT64_MAX when they do not fit into size. */
static uint64_t measure_records(const unsigned char *data, uint64_t size, uint32_t count) {
    uint64_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        mproc_record_t record;
        if (size - at < sizeof record)
            return UINT64_MAX;
        memcpy(&record, data + at, sizeof record);
        at += sizeof record;
        if (record.outcome > MPROC_OUTCOME_BYTES || record.size > size - at || mproc_align(record.size) > size - at)
            return UINT64_MAX;
        at += mproc_align(record.size);
    }
    return at;
}

/* take_bytes sets data and what goes with it; false when the place is none. in_place: raw bytes stay where they are. */
static bool take_bytes(mproc_local_t *local, mproc_slot_t *slot, const mproc_sent_t *sent, bool in_place,
                       mproc_answer_t *answer) {
    uint64_t total = answer->slot.size + answer->slot.report_size;
    if (total == 0)
        return true;
    if (answer->slot.report_size > 0)
        total = mproc_align(answer->slot.size) + answer->slot.report_size;
    const unsigned char *bytes = locate(slot, sent, total, answer);
    if (bytes == NULL)
        return false;
    if (in_place && answer->segment != NULL)
        answer->data = bytes;
    else
        fetch(local, bytes, (size_t)total, answer);
    return true;
}

bool mproc_answer_read(mproc_local_t *local, mproc_slot_t *slot, const mproc_sent_t *sent,
                       const mproc_response_slot_t *response, mproc_answer_t *out_answer) {
    const mproc_work_t *work = sent->work;
    mproc_response_slot_t *copy = &out_answer->slot;
    out_answer->data = NULL;
    out_answer->segment = NULL;
    out_answer->copy = NULL;
    out_answer->no_memory = false;
    memcpy((void *)copy, (const void *)response, sizeof *copy);
    if (!numbers_fit(work, copy))
        return false;
    bool call = work->kind == MPROC_WORK_CALL;
    if (!take_bytes(local, slot, sent, call && copy->failed == 0 && copy->outcome == MPROC_OUTCOME_BYTES, out_answer))
        return false;
    if (call || out_answer->no_memory)
        return true;
    return work->output != NULL ? copy->size == 0
                                : measure_records(out_answer->data, copy->size, copy->succeeded) == copy->size;
}

bool mproc_answer_salvage(mproc_local_t *local, mproc_slot_t *slot, const mproc_sent_t *sent, uint32_t count,
                          mproc_answer_t *out_answer) {
    const mproc_progress_t *progress = &mproc_slot_line(slot)->channel->progress;
    *out_answer = (mproc_answer_t){.slot = {
                                       .size = atomic_load(&progress->size),
                                       .offset = atomic_load(&progress->offset),
                                       .place = atomic_load(&progress->place),
                                   }};
    if (out_answer->slot.size > SIZE_MAX / 2 || !take_bytes(local, slot, sent, false, out_answer) ||
        out_answer->data == NULL)
        return false;
    /* It may have ended between writing a record and saying that its item is done. */
    uint64_t size = measure_records(out_answer->data, out_answer->slot.size, count);
    out_answer->slot.size = size;
    return size != UINT64_MAX;
}

mproc_hold_t *mproc_answer_hold(mproc_answer_t *answer) {
    mproc_copy_t *copy = answer->copy;
    if (answer->segment != NULL)
        return mproc_segment_hold(answer->segment);
    answer->copy = NULL;
    return copy == NULL ? NULL : &copy->hold;
}

void mproc_answer_fini(mproc_answer_t *answer) {
    mproc_free(answer->copy);
    answer->copy = NULL;
}
