/* SPDX-License-Identifier: Apache-2.0 */
/* worker_run.c: a worker does one request: a single call, or the calls of a chunk until one fails. */
#include <string.h>

#include "backend.h"
#include "worker.h"

static void stamp_item(mproc_worker_t *worker) {
    mproc_progress_t *progress = &worker->channel->progress;
    bool watch = worker->request->watch;
    if (watch)
        atomic_store_explicit(&progress->since_ns, mplat_clock_ns(), memory_order_relaxed);
    /* After the results of the items before it: who reads this number may read those. */
    atomic_store_explicit(&progress->item, worker->runner.item, memory_order_release);
    if (watch)
        mproc_worker_halt(worker);
}

static void begin_progress(mproc_worker_t *worker) {
    mproc_progress_t *progress = &worker->channel->progress;
    atomic_store_explicit(&progress->item, 0, memory_order_relaxed);
    atomic_store_explicit(&progress->rest, 0, memory_order_relaxed);
    atomic_store_explicit(&progress->place, MPROC_PLACE_NONE, memory_order_relaxed);
    atomic_store_explicit(&progress->number, worker->number, memory_order_release);
    stamp_item(worker);
}

/* place_data says in the response where the room's content lies. */
static void place_data(const mproc_worker_t *worker, mproc_response_slot_t *response, uint64_t size) {
    response->size = size;
    response->place = size == 0 ? MPROC_PLACE_NONE : worker->room.place;
    response->offset = response->place == MPROC_PLACE_ARENA ? worker->room.offset : worker->arena_used;
    if (response->place == MPROC_PLACE_INLINE)
        memcpy(response->data, worker->small, (size_t)size);
}

static const unsigned char *payload(mproc_worker_t *worker) {
    const mproc_request_slot_t *request = worker->request;
    if (request->place == MPROC_PLACE_NONE)
        return NULL;
    unsigned char *base = mproc_worker_place(worker, request->place);
    return base == NULL ? NULL : base + request->offset;
}

static void run_call(mproc_worker_t *worker, mproc_response_slot_t *response) {
    const mproc_request_slot_t *slot = worker->request;
    const unsigned char *data = payload(worker);
    mproc_request_t request = {
        .task = worker->tasks[slot->task],
        .args = data,
        .args_size = (size_t)slot->args_size,
        .input = slot->input_size == 0 ? NULL : data + mproc_align(slot->args_size),
        .input_size = (size_t)slot->input_size,
    };
    mproc_outcome_t outcome;
    mproc_call_run(&worker->call, &request, &outcome);
    response->succeeded = outcome.kind != MPROC_OUTCOME_FAILED;
    response->failed = !response->succeeded;
    response->outcome = outcome.kind;
    if (outcome.kind == MPROC_OUTCOME_FAILED) {
        place_data(worker, response, outcome.size);
        response->report_size = (uint32_t)outcome.size;
        response->size = 0;
    } else {
        place_data(worker, response, outcome.kind == MPROC_OUTCOME_NOTHING ? 0 : outcome.size);
        response->report_size = 0;
    }
}

size_t mproc_worker_take_chunk(mproc_runner_t *runner, void **out_output) {
    mproc_worker_t *worker = (mproc_worker_t *)runner;
    if (worker->output == NULL || worker->request->kind != MPROC_WORK_ARRAY)
        return 1;
    worker->chunk_taken = worker->request->count - runner->item;
    *out_output = worker->output + (size_t)runner->item * worker->request->output_size;
    atomic_store_explicit(&worker->channel->progress.rest, worker->chunk_taken, memory_order_release);
    return worker->chunk_taken;
}

/* ---- chunks ----------------------------------------------------------------------------------------------------------- */

/* The results of a chunk: either plain, at their places in the request's own memory, or one record after the other. */
typedef struct chunk {
    mproc_buffer_t records;
    const unsigned char *next_list; /* LISTS */
    bool plain;
} chunk_t;

/* next_request changes the call's request from one item to the next. */
static void next_request(mproc_worker_t *worker, chunk_t *chunk) {
    const mproc_request_slot_t *slot = worker->request;
    mproc_call_t *call = &worker->item_call;
    if (slot->kind == MPROC_WORK_LISTS) {
        uint32_t size;
        memcpy(&size, chunk->next_list, sizeof size);
        call->request.args = chunk->next_list + sizeof size;
        call->request.args_size = size;
        chunk->next_list += sizeof size + size;
        return;
    }
    call->request.input = worker->input + (size_t)worker->runner.item * slot->item_size;
    if (chunk->plain)
        call->place = worker->output + (size_t)worker->runner.item * slot->output_size;
}

/* keep_plain puts an outcome that is not in its place yet there. */
static int keep_plain(mproc_worker_t *worker, const mproc_outcome_t *outcome) {
    size_t size = worker->request->output_size;
    unsigned char *place = worker->output + (size_t)worker->runner.item * size;
    if (outcome->kind != MPROC_OUTCOME_BYTES || outcome->size != size)
        return mproc_fail(MPROC_ETYPE,
                          "Task '%s' gave item %lld %s of %zu bytes, but each element of the output has %zu: "
                          "use mproc_call_reserve(call, %zu, ...)",
                          worker->item_call.request.task->name, (long long)worker->runner.first + worker->runner.item,
                          outcome->kind == MPROC_OUTCOME_BYTES ? "a result" : "a value, not a raw result",
                          outcome->kind == MPROC_OUTCOME_BYTES ? outcome->size : 0, size, size);
    if (outcome->data != place)
        memcpy(place, outcome->data, size);
    return MPROC_OK;
}

static int keep_record(mproc_worker_t *worker, chunk_t *chunk, const mproc_outcome_t *outcome) {
    mproc_progress_t *progress = &worker->channel->progress;
    size_t size = outcome->kind == MPROC_OUTCOME_NOTHING ? 0 : outcome->size;
    mproc_record_t record = {(uint32_t)outcome->kind, 0, size};
    size_t start = chunk->records.size;
    unsigned char *room = mproc_buffer_extend(&chunk->records, sizeof record + (size_t)mproc_align(size));
    if (room == NULL) {
        chunk->records.failed = false;
        chunk->records.size = start;
        return mproc_fail_memory("the result of an item");
    }
    memcpy(room, &record, sizeof record);
    if (size > 0)
        memcpy(room + sizeof record, outcome->data, size);
    atomic_store_explicit(&progress->place, worker->room.place, memory_order_relaxed);
    atomic_store_explicit(&progress->offset, worker->room.offset, memory_order_relaxed);
    atomic_store_explicit(&progress->size, chunk->records.size, memory_order_relaxed);
    return MPROC_OK;
}

/* fail_item writes the report behind the results. Without room for it the pool says at least which item it was. */
static void fail_item(mproc_worker_t *worker, chunk_t *chunk, mproc_response_slot_t *response) {
    const mproc_error_t *failure = mproc_call_failure(&worker->item_call);
    if (failure->code == MPROC_OK) /* the task has not failed, but there is no place for its result */
        failure = mproc_last_error();
    size_t before = chunk->records.size;
    response->failed = worker->chunk_taken > 0 ? worker->chunk_taken : 1;
    if (mproc_report_encode(failure, &chunk->records) != MPROC_OK) {
        chunk->records.size = before;
        chunk->records.failed = false;
    }
    response->report_size = (uint32_t)(chunk->records.size - before);
    place_data(worker, response, chunk->records.size);
    response->size = before;
}

/* in_place says that an item's result is where it belongs, and nothing is left to do for it. */
static bool in_place(const mproc_worker_t *worker, int returned) {
    const mproc_call_t *call = &worker->item_call;
    return returned == MPROC_OK && call->kind == MPROC_OUTCOME_PLACED && !call->noted && worker->chunk_taken == 0;
}

#define FETCH 1024 /* bytes of results: half a microsecond of the shortest items */

/* fetch_ahead gets hold of the block of results after the one that begins at place: the parent has read there last, and to wait
 * for its processor at every line costs a map over numbers up to half of its time. Returns where that block begins, end when
 * there is none. */
static const unsigned char *fetch_ahead(const unsigned char *place, const unsigned char *end) {
    size_t left = (size_t)(end - place);
    if (left <= FETCH)
        return end;
    mplat_cpu_fetch_for_write(place + FETCH, left - FETCH < FETCH ? left - FETCH : FETCH);
    return place + FETCH;
}

/* run_plain runs all items of a plain array from the next one on whose results are in place, and sets back only what the run of
 * such an item has changed: between two numbers there is nothing else to do. False: it stopped at an item that has returned
 * *out_returned and is to be ended. Apart and with its exit out of the way, because each jump here costs a map several per
 * cent. */
static __attribute__((noinline)) bool run_plain(mproc_worker_t *worker, int *out_returned) {
    const mproc_request_slot_t *slot = worker->request;
    _Atomic uint32_t *done = &worker->channel->progress.item;
    mproc_call_t *call = &worker->item_call;
    const mproc_error_t **last_error = &mproc_thread_error;
    uint32_t item = worker->runner.item;
    uint32_t count = slot->count;
    const unsigned char *input = worker->input + (size_t)item * slot->item_size;
    unsigned char *place = worker->output + (size_t)item * slot->output_size;
    const unsigned char *end = worker->output + (size_t)count * slot->output_size;
    const unsigned char *fetched = place;
    mproc_call_begin(call);
    while (item != count) {
        if (place >= fetched)
            fetched = fetch_ahead(place, end);
        call->request.input = input;
        call->place = place;
        int returned = call->request.task->run(call);
        if (__builtin_expect(!in_place(worker, returned), 0)) {
            *out_returned = returned;
            return false;
        }
        call->kind = MPROC_OUTCOME_NOTHING;
        if (__builtin_expect(*last_error != NULL, 0))
            *last_error = NULL;
        input += call->request.input_size;
        place += call->place_size;
        worker->runner.item = ++item;
        /* After the results of the items before it: who reads this number may read those. */
        atomic_store_explicit(done, item, memory_order_release);
    }
    return true;
}

static int run_next(mproc_worker_t *worker, chunk_t *chunk) {
    mproc_call_t *call = &worker->item_call;
    next_request(worker, chunk);
    mproc_call_begin(call);
    return call->request.task->run(call);
}

/* run_items runs the next item, or several; false when one has failed. */
static bool run_items(mproc_worker_t *worker, chunk_t *chunk) {
    mproc_outcome_t outcome;
    int returned = MPROC_OK;
    int err = MPROC_OK;
    if (!chunk->plain || worker->request->watch)
        returned = run_next(worker, chunk);
    else if (run_plain(worker, &returned))
        return true;
    mproc_call_end(&worker->item_call, returned, &outcome);
    if (outcome.kind == MPROC_OUTCOME_FAILED)
        return false;
    if (worker->chunk_taken == 0)
        err = chunk->plain ? keep_plain(worker, &outcome) : keep_record(worker, chunk, &outcome);
    if (err != MPROC_OK)
        return false;
    worker->runner.item += worker->chunk_taken > 0 ? worker->chunk_taken : 1;
    worker->chunk_taken = 0;
    stamp_item(worker);
    return true;
}

static void run_chunk(mproc_worker_t *worker, mproc_response_slot_t *response) {
    const mproc_request_slot_t *slot = worker->request;
    const unsigned char *data = payload(worker);
    chunk_t chunk = {.next_list = data, .plain = slot->output_size > 0};
    mproc_buffer_init(&chunk.records, &worker->source);
    worker->room.place = MPROC_PLACE_NONE;
    worker->input = data + mproc_align(slot->args_size);
    worker->output = chunk.plain ? (unsigned char *)(uintptr_t)worker->input + mproc_align(slot->input_size) : NULL;
    worker->item_call.request = (mproc_request_t){.task = worker->tasks[slot->task], .input_size = slot->item_size};
    worker->item_call.place_size = slot->output_size;
    bool good = true;
    response->failed = 0;
    response->report_size = 0;
    while (good && worker->runner.item < slot->count)
        good = run_items(worker, &chunk);
    response->succeeded = worker->runner.item;
    if (good)
        place_data(worker, response, chunk.records.size);
    else
        fail_item(worker, &chunk, response);
    worker->chunk_taken = 0;
    worker->item_call.place = NULL;
    worker->input = NULL;
    worker->output = NULL;
}

void mproc_worker_run(mproc_worker_t *worker, mproc_response_slot_t *response) {
    const mproc_request_slot_t *slot = worker->request;
    int64_t start = slot->clock ? mplat_clock_ns() : 0;
    worker->runner.first = slot->first;
    worker->runner.item = 0;
    worker->room.place = MPROC_PLACE_NONE;
    if (slot->clock == MPROC_CLOCK_BEGIN)
        atomic_store_explicit(&worker->channel->begun_ns[worker->number % MPROC_CHANNEL_SLOTS], start,
                              memory_order_relaxed);
    begin_progress(worker);
    if (slot->watch)
        mproc_worker_notify(worker);
    if (slot->kind == MPROC_WORK_CALL)
        run_call(worker, response);
    else
        run_chunk(worker, response);
    response->run_ns = slot->clock ? mplat_clock_ns() - start : 0;
}
