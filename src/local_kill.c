/* SPDX-License-Identifier: Apache-2.0 */
/* local_kill.c: killing a worker for one request, or for one item of it, and for nothing that it comes to meanwhile. */
#include "local.h"

/* The worker says what it has done before it looks whether it is halted, and we halt it before we look what it has done. So either
 * we see that it is past the item, or it begins nothing after it. */
static bool is_past(mproc_line_t *line, const mproc_work_t *work, uint32_t number, uint32_t item) {
    const mproc_channel_t *channel = line->channel;
    const mproc_progress_t *progress = &channel->progress;
    uint32_t answer = atomic_load(&channel->responses[number % MPROC_CHANNEL_SLOTS].state);
    if (answer == mproc_channel_state(number, MPROC_RESPONSE_DONE))
        return true;
    if (item == MPROC_ANY_ITEM || atomic_load(&progress->number) != number)
        return false;
    uint32_t done = atomic_load(&progress->item);
    return (done < work->count ? done : work->count - 1) != item; /* as running has told it */
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
    if (is_past(line, work, number, item)) {
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
