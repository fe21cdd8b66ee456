/* SPDX-License-Identifier: Apache-2.0 */
/* local_receive.c: what workers answer. Nothing of it is trusted: a response is copied once and checked, then delivered. */
#include <string.h>

#include "local.h"

/* A response, copied and checked. */
typedef struct answer {
    mproc_response_slot_t slot; /* the copy */
    const unsigned char *data;  /* in shared memory, or in the copy */
    mproc_local_segment_t *segment;
} answer_t;

void mproc_slot_forget(mproc_slot_t *slot, mproc_sent_t *sent) {
    mproc_segment_put(sent->payload);
    mproc_segment_put(sent->grant);
    slot->arena_freed = sent->arena_end;
    *sent = (mproc_sent_t){0};
}

/* locate finds the bytes a response speaks of; false when they are not all in a place of this worker. */
static bool locate(mproc_slot_t *slot, answer_t *answer) {
    mproc_response_slot_t *copy = &answer->slot;
    uint64_t size = mproc_align(copy->size) + copy->report_size;
    answer->data = NULL;
    answer->segment = NULL;
    if (copy->size > SIZE_MAX / 2 || copy->size + copy->report_size == 0)
        return copy->size + copy->report_size == 0;
    if (copy->place == MPROC_PLACE_INLINE) {
        answer->data = copy->data;
        return copy->size + copy->report_size <= MPROC_CHANNEL_INLINE;
    }
    if (copy->place == MPROC_PLACE_ARENA) {
        uint64_t start = copy->offset % MPROC_CHANNEL_ARENA;
        answer->data = mproc_slot_line(slot)->channel->response_arena + start;
        return size <= MPROC_CHANNEL_ARENA - start && copy->offset - slot->response_arena_end <= MPROC_CHANNEL_ARENA;
    }
    answer->segment = mproc_segment_find(slot, copy->place);
    if (answer->segment == NULL || atomic_load(&answer->segment->status) != MPROC_SEGMENT_USED || copy->offset != 0)
        return false;
    answer->data = mplat_segment_base(answer->segment->memory);
    return size <= mplat_segment_size(answer->segment->memory);
}

/* records_fit walks the records of a chunk; the sizes are read once, so the core, which walks the bytes again, is given a
 * count that fitted: it must check in the same way. */
static bool records_fit(const unsigned char *data, uint64_t size, uint32_t count) {
    uint64_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        mproc_record_t record;
        if (size - at < sizeof record)
            return false;
        memcpy(&record, data + at, sizeof record);
        at += sizeof record;
        if (record.outcome > MPROC_OUTCOME_BYTES || record.size > size - at || mproc_align(record.size) > size - at)
            return false;
        at += mproc_align(record.size);
    }
    return at == size;
}

static bool check(mproc_slot_t *slot, const mproc_work_t *work, answer_t *answer) {
    const mproc_response_slot_t *copy = &answer->slot;
    if (copy->succeeded > work->count || copy->failed > work->count - copy->succeeded ||
        (copy->succeeded == 0 && copy->failed == 0) || copy->run_ns < 0)
        return false;
    if (copy->failed == 0 && copy->succeeded != work->count)
        return false;
    if (!locate(slot, answer))
        return false;
    if (work->kind == MPROC_WORK_CALL)
        return copy->failed > 0 || copy->outcome <= MPROC_OUTCOME_BYTES;
    return work->output != NULL ? copy->size == 0 : records_fit(answer->data, copy->size, copy->succeeded);
}

/* read_failure makes the report of the item that failed, in the task's own words. */
static void read_failure(const mproc_slot_t *slot, const mproc_work_t *work, const answer_t *answer,
                         mproc_report_t *report) {
    const mproc_response_slot_t *copy = &answer->slot;
    const unsigned char *bytes = answer->data == NULL ? NULL : answer->data + mproc_align(copy->size);
    if (copy->report_size == 0 || mproc_report_decode(bytes, copy->report_size, report) != MPROC_OK) {
        mproc_error_t error = mproc_no_error;
        error.code = MPROC_ETASK;
        error.message = "The task failed, and its worker had no memory left to say why";
        (void)mproc_report_set(report, &error);
    }
    report->error.task = work->task->name;
    report->error.item = work->first + copy->succeeded;
    report->error.pid = slot->pid;
}

/* take_plain copies the elements that are done to the caller's array. */
static void take_plain(mproc_slot_t *slot, const mproc_sent_t *sent, uint32_t count) {
    const mproc_work_t *work = sent->work;
    const unsigned char *base = sent->payload != NULL ? mplat_segment_base(sent->payload->memory)
                                                      : mproc_slot_line(slot)->channel->request_arena;
    uint64_t place = sent->offset + mproc_align(work->args_size) + mproc_align(work->input_size);
    memcpy(work->output, base + place, (size_t)count * work->output_size);
}

static void note_response_room(mproc_slot_t *slot, const mproc_sent_t *sent, const answer_t *answer) {
    if (answer->segment != NULL && sent->payload != answer->segment)
        slot->large_results = answer->slot.size > MPROC_CHANNEL_SMALL;
    if (answer->slot.place == MPROC_PLACE_ARENA && answer->data != NULL) {
        slot->response_arena_end =
            answer->slot.offset + mproc_align(mproc_align(answer->slot.size) + answer->slot.report_size);
        atomic_store_explicit(&mproc_slot_line(slot)->channel->arena_released, slot->response_arena_end,
                              memory_order_release);
    }
}

static void deliver(mproc_local_t *local, mproc_slot_t *slot, mproc_sent_t *sent, answer_t *answer) {
    mproc_work_t *work = sent->work;
    mproc_report_t report;
    mproc_reply_t reply = {
        .succeeded = answer->slot.succeeded,
        .failed = answer->slot.failed,
        .outcome = (mproc_outcome_kind_t)answer->slot.outcome,
        .data = answer->data,
        .size = (size_t)answer->slot.size,
        .run_ns = answer->slot.run_ns,
    };
    if (work->output != NULL)
        take_plain(slot, sent, reply.succeeded);
    if (reply.failed > 0) {
        mproc_report_init(&report);
        read_failure(slot, work, answer, &report);
        reply.failure = &report;
    }
    if (answer->segment != NULL && reply.size > 0)
        reply.hold = mproc_segment_hold(answer->segment);
    note_response_room(slot, sent, answer);
    local->stats.bytes_out += work->output != NULL ? (uint64_t)work->output_size * reply.succeeded : reply.size;
    local->deaths = reply.succeeded > 0 ? 0 : local->deaths;
    slot->tasks_done++;
    work->backend = NULL;
    if (answer->segment != NULL && reply.hold == NULL && answer->segment != sent->grant)
        mproc_segment_put(answer->segment);
    mproc_slot_forget(slot, sent);
    local->events->finished(local->context, slot->index, work, &reply);
    if (reply.failed > 0)
        mproc_report_fini(&report);
}

/* answer_need sends the worker room for a large result. It asks again when the task wants still more. */
static void answer_need(mproc_local_t *local, mproc_slot_t *slot, mproc_line_t *line, uint32_t need, uint64_t size) {
    mproc_local_segment_t *segment =
        size > SIZE_MAX / 4 ? NULL : mproc_segment_take(local, slot, mproc_align(size));
    line->channel->need_segment = segment == NULL ? MPROC_PLACE_NONE : segment->number;
    atomic_store_explicit(&line->answered, need, memory_order_relaxed);
    atomic_store_explicit(&line->channel->need_answered, need, memory_order_release);
    mproc_line_wake_worker(line);
}

static void report_start(mproc_local_t *local, mproc_slot_t *slot, mproc_line_t *line, uint32_t head,
                         mproc_sent_t *sent) {
    const mproc_request_slot_t *request = &line->channel->requests[head % MPROC_CHANNEL_SLOTS];
    if (sent->work == NULL || !sent->work->watch || sent->reported)
        return;
    uint32_t state = atomic_load_explicit(&request->state, memory_order_acquire);
    if (state == mproc_channel_state(head, MPROC_REQUEST_BEGUN)) {
        sent->reported = true;
        local->events->started(local->context, slot->index, sent->work);
    }
}

/* receive_one takes the response to the oldest request; false when there is none, or a wrong one. */
static bool receive_one(mproc_local_t *local, mproc_slot_t *slot, mproc_line_t *line) {
    uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
    mproc_response_slot_t *response = &line->channel->responses[head % MPROC_CHANNEL_SLOTS];
    mproc_sent_t *sent = &slot->sent[head % MPROC_CHANNEL_SLOTS];
    uint32_t state = atomic_load_explicit(&response->state, memory_order_acquire);
    report_start(local, slot, line, head, sent);
    if (state == mproc_channel_state(head, MPROC_RESPONSE_NEED)) {
        uint32_t need = response->succeeded;
        if (need != atomic_load_explicit(&line->answered, memory_order_relaxed))
            answer_need(local, slot, line, need, response->size);
        return false;
    }
    if (state != mproc_channel_state(head, MPROC_RESPONSE_DONE) &&
        state != mproc_channel_state(head, MPROC_RESPONSE_SKIPPED))
        return false;
    bool skipped = state == mproc_channel_state(head, MPROC_RESPONSE_SKIPPED);
    if (skipped != (sent->work == NULL)) {
        mproc_slot_kill(slot, MPROC_EMALFORMED);
        return false;
    }
    answer_t answer;
    memcpy((void *)&answer.slot, (const void *)response, sizeof answer.slot);
    if (!skipped && !check(slot, sent->work, &answer)) {
        mproc_slot_kill(slot, MPROC_EMALFORMED);
        return false;
    }
    atomic_store_explicit(&line->answered, 0, memory_order_relaxed);
    atomic_store_explicit(&line->head, head + 1, memory_order_relaxed);
    if (skipped)
        mproc_slot_forget(slot, sent);
    else
        deliver(local, slot, sent, &answer);
    return true;
}

void mproc_slot_receive(mproc_local_t *local, mproc_slot_t *slot) {
    mproc_line_t *line = mproc_slot_line(slot);
    while (slot->kill_code != MPROC_EMALFORMED && mproc_slot_sent(slot) > 0 && receive_one(local, slot, line))
        continue;
}

/* ---- works of a worker that has ended ------------------------------------------------------------------------------------ */

/* salvage finds what the worker had finished of the chunk it died in: those results were complete before progress said so. */
static void salvage(mproc_slot_t *slot, uint32_t head, const mproc_work_t *work, mproc_reply_t *reply,
                    answer_t *answer) {
    mproc_progress_t *progress = &mproc_slot_line(slot)->channel->progress;
    reply->succeeded = 0;
    reply->failed = 1;
    if (work->kind == MPROC_WORK_CALL || atomic_load(&progress->number) != head)
        return;
    uint32_t done = atomic_load(&progress->item);
    uint32_t rest = atomic_load(&progress->rest);
    if (done >= work->count)
        done = work->count - 1; /* it died between its last result and the response */
    if (work->output == NULL) {
        answer->slot = (mproc_response_slot_t){
            .size = atomic_load(&progress->size),
            .offset = atomic_load(&progress->offset),
            .place = atomic_load(&progress->place),
        };
        if (done > 0 && (!locate(slot, answer) || !records_fit(answer->data, answer->slot.size, done)))
            done = 0;
        reply->data = answer->data;
        reply->size = done > 0 ? (size_t)answer->slot.size : 0;
    }
    reply->succeeded = done;
    reply->failed = rest > 0 && rest <= work->count - done ? rest : 1;
}

static void fail_running(mproc_local_t *local, mproc_slot_t *slot, uint32_t head, mproc_sent_t *sent,
                         mproc_report_t *report) {
    mproc_work_t *work = sent->work;
    mproc_reply_t reply = {.failure = report};
    answer_t answer = {0};
    salvage(slot, head, work, &reply, &answer);
    if (work->output != NULL)
        take_plain(slot, sent, reply.succeeded);
    report->error.item = work->first + reply.succeeded;
    report->error.task = work->task->name;
    work->backend = NULL;
    local->events->finished(local->context, slot->index, work, &reply);
}

void mproc_slot_abandon(mproc_local_t *local, mproc_slot_t *slot, mproc_report_t *report) {
    mproc_line_t *line = mproc_slot_line(slot);
    while (mproc_slot_sent(slot) > 0) {
        uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
        mproc_sent_t *sent = &slot->sent[head % MPROC_CHANNEL_SLOTS];
        uint32_t state = atomic_load(&line->channel->requests[head % MPROC_CHANNEL_SLOTS].state);
        atomic_store_explicit(&line->head, head + 1, memory_order_relaxed);
        if (sent->work != NULL && state == mproc_channel_state(head, MPROC_REQUEST_BEGUN)) {
            fail_running(local, slot, head, sent, report);
        } else if (sent->work != NULL) {
            sent->work->backend = NULL;
            local->events->returned(local->context, slot->index, sent->work);
        }
        mproc_slot_forget(slot, sent);
    }
}
