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
    if (slot->stage != MPROC_SLOT_UP || slot->retire || slot->kill_code != 0)
        return 0;
    size_t room = mproc_link_room(slot) > 0 ? MPROC_CHANNEL_SLOTS - sent : 0;
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
        sent->payload = mproc_segment_take(local, slot, size, false);
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

/* A trace has the time of each task; else single ones are measured now and then. */
static uint8_t clock_of(const mproc_local_t *local, const mproc_slot_t *slot, const mproc_work_t *work) {
    if (local->options.trace != NULL)
        return MPROC_CLOCK_BEGIN;
    return work->kind != MPROC_WORK_CALL || slot->tail % CLOCK_EVERY == 1 ? MPROC_CLOCK_TIME : MPROC_CLOCK_NONE;
}

static void describe(const mproc_local_t *local, mproc_slot_t *slot, const mproc_work_t *work,
                     mproc_request_slot_t *request) {
    request->task = (uint32_t)mproc_registry_number(work->task);
    request->kind = (uint8_t)work->kind;
    request->watch = work->watch;
    request->clock = clock_of(local, slot, work);
    if (request->clock == MPROC_CLOCK_BEGIN)
        atomic_store_explicit(&mproc_slot_line(slot)->channel->begun_ns[slot->tail % MPROC_CHANNEL_SLOTS], 0,
                              memory_order_relaxed);
    request->count = work->count;
    request->item_size = work->item_size;
    request->output_size = work->output == NULL ? 0 : work->output_size;
    request->first = work->first;
    request->args_size = work->args_size;
    request->input_size = work->input_size;
    request->grant = MPROC_PLACE_NONE;
}

/* grant gives the worker room for a result as large as the last one, so that it need not ask. */
static void grant(mproc_local_t *local, mproc_slot_t *slot, mproc_request_slot_t *request, mproc_sent_t *sent) {
    if (slot->large_result == 0 || sent->work->output != NULL)
        return;
    sent->grant = mproc_segment_take(local, slot, slot->large_result, false);
    if (sent->grant != NULL)
        request->grant = sent->grant->number;
}

/* publish makes the request the worker's. One that could not be sent whole, because the link to the worker is full or broken,
 * is taken back at once, and so is returned when the worker comes to it or ends. */
static void publish(mproc_local_t *local, mproc_slot_t *slot, mproc_request_slot_t *request, mproc_sent_t *sent,
                    bool whole) {
    uint32_t number = slot->tail++;
    _Atomic uint64_t *busy = &local->busy[slot->index / 64];
    uint64_t bits = atomic_load_explicit(busy, memory_order_relaxed) | UINT64_C(1) << (slot->index % 64);
    sent->arena_end = slot->arena_used;
    sent->work->backend = sent;
    sent->taken = !whole;
    if (number == slot->cancelled) /* 2^32 requests ago */
        atomic_store(&mproc_slot_line(slot)->channel->cancelled, slot->cancelled = number - 1);
    /* Release: the worker that sees this sees the request and its payload. */
    atomic_store_explicit(&request->state,
                          mproc_channel_state(number, sent->taken ? MPROC_REQUEST_TAKEN : MPROC_REQUEST_READY),
                          memory_order_release);
    atomic_store_explicit(busy, bits, memory_order_relaxed);
    if (sent->work->watch && mproc_slot_sent(slot) == 1)
        atomic_store_explicit(&mproc_slot_line(slot)->watched, number, memory_order_relaxed);
}

int mproc_local_submit(mproc_backend_t *backend, int index, mproc_work_t *work) {
    mproc_local_t *local = (mproc_local_t *)backend;
    mproc_slot_t *slot = slot_of(backend, index);
    mproc_channel_t *channel = mproc_slot_line(slot)->channel;
    mproc_request_slot_t *request = &channel->requests[slot->tail % MPROC_CHANNEL_SLOTS];
    mproc_sent_t *sent = &slot->sent[slot->tail % MPROC_CHANNEL_SLOTS];
    uint64_t output = work->output == NULL ? 0 : (uint64_t)work->output_size * work->count;
    uint64_t size = mproc_align(work->args_size) + mproc_align(work->input_size) + output;
    if (mproc_registry_number(work->task) == MPROC_NO_NUMBER)
        return mproc_fail(MPROC_ENOTASK, "Task '%s' was registered after mproc_init: the workers do not have it",
                          work->task->name);
    *sent = (mproc_sent_t){.work = work};
    describe(local, slot, work, request);
    int err = place_payload(local, slot, work, mproc_align(size), request, sent);
    if (err != MPROC_OK && slot->kill_code == 0 && mproc_link_room(slot) > 0)
        return err;
    if (err == MPROC_OK)
        grant(local, slot, request, sent);
    local->stats.bytes_in += work->args_size + work->input_size;
    publish(local, slot, request, sent, err == MPROC_OK);
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

void mproc_local_flush(mproc_backend_t *backend, int index) {
    mproc_line_t *line = mproc_slot_line(slot_of(backend, index));
    if (line != NULL)
        mproc_line_wake_worker(line);
}

void mproc_local_heed(mproc_backend_t *backend, int index, const mproc_work_t *work) {
    mproc_slot_t *slot = slot_of(backend, index);
    mproc_line_t *line = mproc_slot_line(slot);
    if (line == NULL)
        return;
    if (work != NULL) {
        const mproc_sent_t *sent = work->backend;
        uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
        uint32_t number = head + ((uint32_t)(sent - slot->sent) - head) % MPROC_CHANNEL_SLOTS;
        atomic_store_explicit(&line->heed, number, memory_order_relaxed);
    }
    atomic_store_explicit(&line->heeds, work != NULL, memory_order_relaxed);
    if (work != NULL)
        mproc_line_arm((mproc_local_t *)backend, slot, line);
}

/* take makes a request one that the worker cannot begin; false when it has begun, or may have. */
static bool take(mproc_line_t *line, uint32_t number, mproc_sent_t *sent) {
    _Atomic uint32_t *state = &line->channel->requests[number % MPROC_CHANNEL_SLOTS].state;
    uint32_t ready = mproc_channel_state(number, MPROC_REQUEST_READY);
    if (!sent->taken && !sent->begun)
        sent->taken = atomic_compare_exchange_strong(state, &ready, mproc_channel_state(number, MPROC_REQUEST_TAKEN));
    return sent->taken;
}

bool mproc_slot_number(mproc_slot_t *slot, const mproc_work_t *work, uint32_t *out_number) {
    const mproc_sent_t *sent = work->backend;
    const mproc_line_t *line = mproc_slot_line(slot);
    if (line == NULL || sent < slot->sent || sent >= slot->sent + MPROC_CHANNEL_SLOTS || sent->work != work)
        return false;
    uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
    *out_number = head + ((uint32_t)(sent - slot->sent) - head) % MPROC_CHANNEL_SLOTS;
    return true;
}

bool mproc_local_revoke(mproc_backend_t *backend, int index, mproc_work_t *work) {
    mproc_slot_t *slot = slot_of(backend, index);
    mproc_sent_t *sent = work->backend;
    uint32_t number = 0;
    if (!mproc_slot_number(slot, work, &number) || !take(mproc_slot_line(slot), number, sent))
        return false;
    sent->work = NULL;
    mproc_segment_put(&sent->payload);
    mproc_segment_put(&sent->grant);
    work->backend = NULL;
    return true;
}

void mproc_slot_freeze(mproc_slot_t *slot) {
    mproc_line_t *line = mproc_slot_line(slot);
    uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
    /* From behind: the worker goes the other way. */
    for (uint32_t number = slot->tail; number != head;) {
        number--;
        (void)take(line, number, &slot->sent[number % MPROC_CHANNEL_SLOTS]);
    }
}

void mproc_slot_nudge(mproc_slot_t *slot) {
    mproc_line_t *line = mproc_slot_line(slot);
    uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
    uint32_t state = atomic_load(&line->channel->requests[head % MPROC_CHANNEL_SLOTS].state);
    if (state - mproc_channel_state(head, 0) > MPROC_REQUEST_TAKEN) {
        atomic_store(&line->distrusted, true);
        mproc_slot_kill(slot, MPROC_EMALFORMED);
        return;
    }
    atomic_store_explicit(&line->channel->worker_sleeps, 0, memory_order_relaxed);
    mplat_wake_signal(line->worker_wake, &line->channel->worker_sleeps);
}

/* ---- what runs --------------------------------------------------------------------------------------------------------------- */

/* oldest finds the request that the worker is in; NULL when it is in none. */
static mproc_sent_t *oldest(mproc_slot_t *slot, mproc_line_t *line, uint32_t *out_head) {
    uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
    mproc_sent_t *sent = &slot->sent[head % MPROC_CHANNEL_SLOTS];
    uint32_t state = atomic_load(&line->channel->requests[head % MPROC_CHANNEL_SLOTS].state);
    *out_head = head;
    if (sent->work == NULL || sent->taken)
        return NULL;
    sent->begun = sent->begun || state == mproc_channel_state(head, MPROC_REQUEST_BEGUN);
    return sent->begun ? sent : NULL;
}

bool mproc_local_running(mproc_backend_t *backend, int index, mproc_work_t **out_work, uint32_t *out_item,
                         int64_t *out_since_ns) {
    mproc_slot_t *slot = slot_of(backend, index);
    mproc_line_t *line = mproc_slot_line(slot);
    uint32_t head = 0;
    mproc_sent_t *sent = mproc_slot_sent(slot) == 0 ? NULL : oldest(slot, line, &head);
    if (sent == NULL)
        return false;
    mproc_sent_see(slot, sent, head);
    *out_work = sent->work;
    *out_item = sent->item;
    *out_since_ns = sent->seen_ns;
    return true;
}

void mproc_local_cancel(mproc_backend_t *backend, int index, mproc_work_t *work) {
    mproc_slot_t *slot = slot_of(backend, index);
    mproc_line_t *line = mproc_slot_line(slot);
    if (mproc_slot_sent(slot) == 0)
        return;
    uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
    if (slot->sent[head % MPROC_CHANNEL_SLOTS].work == work)
        atomic_store(&line->channel->cancelled, slot->cancelled = head);
}
