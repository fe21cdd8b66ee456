/* SPDX-License-Identifier: Apache-2.0 */
/* local_send.c: works on their way into a worker's request ring, and out of it again while they have not begun. */
#include <string.h>

#include "local.h"
#include "registry.h"

/* A single task's time is measured now and then: reading the clock twice costs as much as running a short one. */
#define CLOCK_EVERY 16u

static mproc_slot_t *slot_of(mproc_backend_t *backend, int slot) {
    return ((mproc_local_t *)backend)->slots[slot];
}

size_t mproc_local_room(mproc_backend_t *backend, int index) {
    mproc_slot_t *slot = slot_of(backend, index);
    uint32_t sent = mproc_slot_sent(slot);
    if (slot->stage != MPROC_SLOT_UP || slot->kill_code != 0)
        return 0;
    size_t room = MPROC_CHANNEL_SLOTS - sent;
    if (slot->tasks_limit > 0) {
        int64_t left = slot->tasks_limit - slot->tasks_done - (int64_t)sent;
        room = left <= 0 ? 0 : (uint64_t)left < room ? (size_t)left : room;
    }
    return room;
}

/* take_arena finds size bytes in a row that no unanswered request uses. */
static bool take_arena(mproc_slot_t *slot, uint64_t size, uint64_t *out_offset) {
    uint64_t start = slot->arena_used;
    uint64_t to_end = MPROC_CHANNEL_ARENA - start % MPROC_CHANNEL_ARENA;
    if (to_end < size)
        start += to_end;
    if (start + size - slot->arena_freed > MPROC_CHANNEL_ARENA)
        return false;
    slot->arena_used = start + size;
    *out_offset = start % MPROC_CHANNEL_ARENA;
    return true;
}

/* place_payload finds room for the work's payload and copies it there. */
static int place_payload(mproc_local_t *local, mproc_slot_t *slot, const mproc_work_t *work, uint64_t size,
                         mproc_request_slot_t *request, mproc_sent_t *sent) {
    unsigned char *base = NULL;
    if (size == 0) {
        request->place = MPROC_PLACE_NONE;
        return MPROC_OK;
    }
    if (size <= MPROC_CHANNEL_SMALL && take_arena(slot, size, &sent->offset)) {
        request->place = MPROC_PLACE_ARENA;
        base = mproc_slot_line(slot)->channel->request_arena;
    } else {
        sent->payload = mproc_segment_take(local, slot, size);
        if (sent->payload == NULL)
            return mproc_fail_platform(MPLAT_ENOMEM, "Cannot get %llu bytes of shared memory for task '%s'",
                                       (unsigned long long)size, work->task->name);
        request->place = sent->payload->number;
        base = mplat_segment_base(sent->payload->memory);
    }
    request->offset = sent->offset;
    base += sent->offset;
    if (work->args_size > 0)
        memcpy(base, work->args, work->args_size);
    if (work->input_size > 0)
        memcpy(base + mproc_align(work->args_size), work->input, work->input_size);
    return MPROC_OK;
}

static void describe(const mproc_slot_t *slot, const mproc_work_t *work, mproc_request_slot_t *request) {
    request->task = (uint32_t)mproc_registry_number(work->task);
    request->kind = (uint8_t)work->kind;
    request->watch = work->watch;
    request->clock = work->kind != MPROC_WORK_CALL || slot->tail % CLOCK_EVERY == 1;
    request->count = work->count;
    request->item_size = work->item_size;
    request->output_size = work->output == NULL ? 0 : work->output_size;
    request->first = work->first;
    request->args_size = work->args_size;
    request->input_size = work->input_size;
    request->grant = MPROC_PLACE_NONE;
}

int mproc_local_submit(mproc_backend_t *backend, int index, mproc_work_t *work) {
    mproc_local_t *local = (mproc_local_t *)backend;
    mproc_slot_t *slot = slot_of(backend, index);
    mproc_channel_t *channel = mproc_slot_line(slot)->channel;
    uint32_t number = slot->tail;
    mproc_request_slot_t *request = &channel->requests[number % MPROC_CHANNEL_SLOTS];
    mproc_sent_t *sent = &slot->sent[number % MPROC_CHANNEL_SLOTS];
    uint64_t output = work->output == NULL ? 0 : (uint64_t)work->output_size * work->count;
    uint64_t size = mproc_align(work->args_size) + mproc_align(work->input_size) + output;
    if (mproc_registry_number(work->task) == MPROC_NO_NUMBER)
        return mproc_fail(MPROC_ENOTASK, "Task '%s' was registered after mproc_init: the workers do not have it",
                          work->task->name);
    *sent = (mproc_sent_t){.work = work};
    describe(slot, work, request);
    int err = place_payload(local, slot, work, size == 0 ? 0 : mproc_align(size), request, sent);
    if (err != MPROC_OK)
        return err;
    if (slot->large_results && work->output == NULL) {
        sent->grant = mproc_segment_take(local, slot, MPROC_CHANNEL_SMALL + 1);
        request->grant = sent->grant == NULL ? MPROC_PLACE_NONE : sent->grant->number;
    }
    sent->arena_end = slot->arena_used;
    work->backend = sent;
    local->stats.bytes_in += work->args_size + work->input_size;
    slot->tail++;
    atomic_store_explicit(&request->state, mproc_channel_state(number, MPROC_REQUEST_READY), memory_order_release);
    return MPROC_OK;
}

void mproc_line_wake_worker(mproc_line_t *line) {
    _Atomic uint32_t *sleeps = &line->channel->worker_sleeps;
    /* Either the worker sees what was published before it sleeps, or this sees that it sleeps. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(sleeps, memory_order_relaxed) == 0)
        return;
    atomic_store_explicit(sleeps, 0, memory_order_relaxed);
    mplat_wake_signal(line->worker_wake, sleeps);
}

void mproc_local_flush(mproc_backend_t *backend, int index, bool attended) {
    mproc_slot_t *slot = slot_of(backend, index);
    mproc_line_t *line = mproc_slot_line(slot);
    if (line == NULL)
        return;
    mproc_line_wake_worker(line);
    if (!attended)
        mproc_line_arm((mproc_local_t *)backend, slot, line);
}

bool mproc_local_revoke(mproc_backend_t *backend, int index, mproc_work_t *work) {
    mproc_slot_t *slot = slot_of(backend, index);
    mproc_sent_t *sent = work->backend;
    mproc_line_t *line = mproc_slot_line(slot);
    if (line == NULL || sent < slot->sent || sent >= slot->sent + MPROC_CHANNEL_SLOTS || sent->work != work)
        return false;
    mproc_request_slot_t *request = &line->channel->requests[sent - slot->sent];
    uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
    uint32_t number = head + ((uint32_t)(sent - slot->sent) - head) % MPROC_CHANNEL_SLOTS;
    uint32_t ready = mproc_channel_state(number, MPROC_REQUEST_READY);
    if (!atomic_compare_exchange_strong(&request->state, &ready, mproc_channel_state(number, MPROC_REQUEST_TAKEN)))
        return false;
    sent->work = NULL;
    mproc_segment_put(sent->payload);
    mproc_segment_put(sent->grant);
    sent->payload = NULL;
    sent->grant = NULL;
    work->backend = NULL;
    return true;
}

bool mproc_local_running(mproc_backend_t *backend, int index, mproc_work_t **out_work, uint32_t *out_item,
                         int64_t *out_since_ns) {
    mproc_slot_t *slot = slot_of(backend, index);
    mproc_line_t *line = mproc_slot_line(slot);
    if (mproc_slot_sent(slot) == 0)
        return false;
    uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
    mproc_sent_t *sent = &slot->sent[head % MPROC_CHANNEL_SLOTS];
    mproc_request_slot_t *request = &line->channel->requests[head % MPROC_CHANNEL_SLOTS];
    if (sent->work == NULL || atomic_load(&request->state) != mproc_channel_state(head, MPROC_REQUEST_BEGUN))
        return false;
    int64_t now = mplat_clock_ns();
    if (sent->seen_ns == 0)
        sent->seen_ns = now;
    *out_work = sent->work;
    *out_item = 0;
    *out_since_ns = sent->seen_ns;
    const mproc_progress_t *progress = &line->channel->progress;
    if (sent->work->watch && atomic_load(&progress->number) == head) {
        uint32_t item = atomic_load(&progress->item);
        int64_t since = atomic_load(&progress->since_ns);
        *out_item = item < sent->work->count ? item : sent->work->count - 1;
        if (since > 0 && since <= now) /* a worker may write anything here: it gains no time by it */
            *out_since_ns = since > slot->started_ns ? since : slot->started_ns;
    }
    return true;
}

void mproc_local_cancel(mproc_backend_t *backend, int index, mproc_work_t *work) {
    mproc_slot_t *slot = slot_of(backend, index);
    mproc_line_t *line = mproc_slot_line(slot);
    if (line == NULL)
        return;
    uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
    if (mproc_slot_sent(slot) > 0 && slot->sent[head % MPROC_CHANNEL_SLOTS].work == work)
        atomic_store(&line->channel->cancelled, head);
}
