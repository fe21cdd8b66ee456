/* SPDX-License-Identifier: Apache-2.0 */
/* local_kill.c: killing a worker for one request, or for one item of it, and for nothing that it comes to meanwhile. */
#include "local.h"

#define LATE_MOST 3 /* an answer is delivered after the first kill that finds it */

void mproc_sent_see(mproc_slot_t *slot, mproc_sent_t *sent, uint32_t number) {
    const mproc_progress_t *progress = &mproc_slot_line(slot)->channel->progress;
    bool told = sent->work->watch && atomic_load(&progress->number) == number;
    uint32_t item = told ? atomic_load(&progress->item) : 0;
    int64_t since = told ? atomic_load(&progress->since_ns) : 0;
    int64_t now = mplat_clock_ns(); /* last, so that what it says is not of later */
    if (item >= sent->work->count)
        item = sent->work->count - 1;
    if (sent->seen_ns == 0 || item > sent->item) {
        sent->item = item;
        sent->seen_ns = now;
    }
    if (item == sent->item && since > slot->started_ns && since < sent->seen_ns)
        sent->seen_ns = since;
}

/* The worker says what it has done before it looks whether it is halted, and we halt it before we look what it has done. So either
 * we see that it is past the item, or it begins nothing after it. One that goes back and forth evades no kill: it is held to the
 * furthest it has said, and to an answer only until that would have been delivered. */
static bool is_past(mproc_slot_t *slot, mproc_sent_t *sent, uint32_t number, uint32_t item) {
    const mproc_channel_t *channel = mproc_slot_line(slot)->channel;
    uint32_t answer = atomic_load(&channel->responses[number % MPROC_CHANNEL_SLOTS].state);
    if (answer == mproc_channel_state(number, MPROC_RESPONSE_DONE))
        return sent->late++ < LATE_MOST;
    if (item == MPROC_ANY_ITEM)
        return false;
    mproc_sent_see(slot, sent, number);
    return sent->item > item;
}

bool mproc_local_kill(mproc_backend_t *backend, int index, const mproc_work_t *work, uint32_t item, int code) {
    mproc_slot_t *slot = ((mproc_local_t *)backend)->slots[index];
    mproc_line_t *line = mproc_slot_line(slot);
    uint32_t number = 0;
    if (!mproc_slot_number(slot, work, &number))
        return false;
    if (slot->kill_code != 0)
        return true;
    _Atomic uint32_t *halted = &line->channel->halted;
    atomic_store(halted, mproc_channel_state(number, MPROC_REQUEST_BEGUN));
    atomic_thread_fence(memory_order_seq_cst);
    if (is_past(slot, &slot->sent[number % MPROC_CHANNEL_SLOTS], number, item)) {
        atomic_store(halted, 0);
        mproc_line_wake_worker(line);
        return false;
    }
    slot->kill_number = number;
    slot->kill_item = item;
    mproc_slot_kill(slot, code);
    return true;
}

bool mproc_slot_spared(const mproc_slot_t *slot, uint32_t number, uint32_t done) {
    return slot->kill_number == number && done > slot->kill_item;
}
