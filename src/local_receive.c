/* SPDX-License-Identifier: Apache-2.0 */
/* local_receive.c: what workers answer, delivered. Making it safe to believe is local_answer.c. */
#include <string.h>

#include "local.h"

#define NEEDS_MOST 64u /* each is larger than the one before: no honest result has more */

void mproc_slot_head(mproc_local_t *local, mproc_slot_t *slot, uint32_t head) {
    mproc_line_t *line = mproc_slot_line(slot);
    const mproc_sent_t *sent = &slot->sent[head % MPROC_CHANNEL_SLOTS];
    bool empty = head == slot->tail;
    bool watched = !empty && sent->work != NULL && sent->work->watch && !sent->reported;
    atomic_store_explicit(&line->head, head, memory_order_relaxed);
    if (watched || atomic_load_explicit(&line->watched, memory_order_relaxed) != 0)
        atomic_store_explicit(&line->watched, watched ? head : 0, memory_order_relaxed);
    if (empty) {
        _Atomic uint64_t *word = &local->busy[slot->index / 64];
        uint64_t bits = atomic_load_explicit(word, memory_order_relaxed) & ~(UINT64_C(1) << (slot->index % 64));
        atomic_store_explicit(word, bits, memory_order_relaxed);
    }
}

void mproc_slot_forget(mproc_slot_t *slot, mproc_sent_t *sent) {
    mproc_segment_put(&sent->payload);
    mproc_segment_put(&sent->grant);
    mproc_segment_put(&sent->room);
    mproc_segment_put(&sent->old_room);
    slot->arena_freed = sent->arena_end;
    sent->work = NULL;
}

void mproc_slot_return(mproc_local_t *local, mproc_slot_t *slot, mproc_sent_t *sent) {
    mproc_work_t *work = sent->work;
    mproc_slot_forget(slot, sent);
    work->backend = NULL;
    local->events->returned(local->context, slot->index, work);
}

void mproc_slot_take_plain(mproc_slot_t *slot, const mproc_sent_t *sent, uint32_t count) {
    const mproc_work_t *work = sent->work;
    const unsigned char *base = sent->payload != NULL ? mplat_segment_base(sent->payload->memory)
                                                      : mproc_slot_line(slot)->channel->request_arena;
    uint64_t place = sent->offset + mproc_align(work->args_size) + mproc_align(work->input_size);
    memcpy(work->output, base + place, (size_t)count * work->output_size);
}

/* ---- an answer ---------------------------------------------------------------------------------------------------------------- */

static void distrust(mproc_slot_t *slot) {
    atomic_store(&mproc_slot_line(slot)->distrusted, true);
    mproc_slot_kill(slot, MPROC_EMALFORMED);
}

/* Only we know how a worker ends; a task that fails cannot say so. */
static bool is_ours(int code) {
    return code == MPROC_EDIED || code == MPROC_ETASKTIMEOUT || code == MPROC_ECANCELLED || code == MPROC_EINIT ||
           code == MPROC_EMALFORMED;
}

static void fail_without_words(mproc_report_t *report, int code, const char *message) {
    mproc_error_t error = mproc_no_error;
    error.code = code;
    error.message = message;
    (void)mproc_report_set(report, &error);
}

/* read_failure makes the report of the item that failed, in the task's own words. */
static void read_failure(const mproc_slot_t *slot, const mproc_work_t *work, const mproc_answer_t *answer,
                         mproc_report_t *report) {
    const mproc_response_slot_t *copy = &answer->slot;
    if (copy->report_size == 0 || answer->data == NULL ||
        mproc_report_decode(answer->data + mproc_align(copy->size), copy->report_size, report) != MPROC_OK)
        fail_without_words(report, MPROC_ETASK, "The task failed, and there was no memory left to say why");
    if (is_ours(report->error.code))
        report->error.code = MPROC_ETASK;
    report->error.task = work->task->name;
    report->error.item = work->first + copy->succeeded;
    report->error.pid = slot->pid;
}

/* lose turns what succeeded into a failure, because there is no memory here to take it. */
static void lose(const mproc_slot_t *slot, const mproc_work_t *work, mproc_reply_t *reply, mproc_report_t *report) {
    fail_without_words(report, MPROC_ENOMEM, "The task succeeded, but there is no memory here for its result");
    report->error.task = work->task->name;
    report->error.item = work->first;
    report->error.pid = slot->pid;
    reply->failed += reply->succeeded;
    reply->succeeded = 0;
    reply->size = 0;
    reply->failure = report;
}

static void note_response_room(mproc_slot_t *slot, const mproc_answer_t *answer) {
    const mproc_response_slot_t *copy = &answer->slot;
    uint64_t end = copy->offset;
    if (copy->place == MPROC_PLACE_ARENA)
        end += mproc_align(mproc_align(copy->size) + copy->report_size);
    if (end != slot->released) {
        slot->released = end;
        /* Release: the bytes are copied before the worker may write there again. */
        atomic_store_explicit(&mproc_slot_line(slot)->channel->arena_released, end, memory_order_release);
    }
    if (copy->place >= MPROC_PLACE_SEGMENT)
        slot->large_result = copy->size + copy->report_size;
    else if (copy->place != MPROC_PLACE_NONE)
        slot->large_result = 0;
}

int64_t mproc_slot_begun(const mproc_local_t *local, mproc_slot_t *slot, const mproc_sent_t *sent) {
    if (local->options.trace == NULL)
        return 0;
    int64_t begun = atomic_load(&mproc_slot_line(slot)->channel->begun_ns[sent - slot->sent]);
    return begun >= slot->started_ns && begun <= mplat_clock_ns() ? begun : 0;
}

static void deliver(mproc_local_t *local, mproc_slot_t *slot, mproc_sent_t *sent, mproc_answer_t *answer) {
    mproc_work_t *work = sent->work;
    mproc_report_t report;
    mproc_reply_t reply = {
        .succeeded = answer->slot.succeeded,
        .failed = answer->slot.failed,
        .outcome = (mproc_outcome_kind_t)answer->slot.outcome,
        .data = answer->data,
        .size = (size_t)answer->slot.size,
        .begun_ns = mproc_slot_begun(local, slot, sent),
        .run_ns = answer->slot.run_ns,
    };
    if (work->output != NULL)
        mproc_slot_take_plain(slot, sent, reply.succeeded);
    if (reply.failed > 0 || answer->no_memory)
        mproc_report_init(&report);
    if (answer->no_memory && reply.size > 0) {
        lose(slot, work, &reply, &report);
    } else if (reply.failed > 0) {
        read_failure(slot, work, answer, &report);
        reply.failure = &report;
    }
    if (reply.size > 0)
        reply.hold = mproc_answer_hold(answer);
    note_response_room(slot, answer);
    local->stats.bytes_out += work->output != NULL ? (uint64_t)work->output_size * reply.succeeded : reply.size;
    local->deaths = reply.succeeded > 0 ? 0 : local->deaths;
    slot->tasks_done++;
    work->backend = NULL;
    mproc_slot_forget(slot, sent);
    local->events->finished(local->context, slot->index, work, &reply);
    if (reply.failure != NULL)
        mproc_report_fini(&report);
}

/* ---- what a worker needs -------------------------------------------------------------------------------------------------------- */

/* answer_need sends the worker room for a large result. It asks again when the task wants still more: then it has copied all
 * from the room before the last. */
static void answer_need(mproc_local_t *local, mproc_slot_t *slot, mproc_line_t *line, mproc_sent_t *sent, uint32_t need,
                        uint64_t size) {
    mproc_local_segment_t *room = size > SIZE_MAX / 4 ? NULL : mproc_segment_take(local, slot, mproc_align(size), true);
    line->channel->need_segment = room == NULL ? MPROC_PLACE_NONE : room->number;
    /* Without new room the worker keeps what it has, and may write there why the task failed. */
    if (room != NULL) {
        mproc_segment_put(&sent->old_room);
        sent->old_room = sent->room;
        sent->room = room;
    }
    atomic_store_explicit(&line->answered, need, memory_order_relaxed);
    /* Release: need_segment is there when the worker sees its answer. */
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
        sent->begun = true;
        atomic_store_explicit(&line->watched, 0, memory_order_relaxed);
        local->events->started(local->context, slot->index, sent->work);
    }
}

/* take_response delivers the response to the oldest request; false for a wrong one. */
static bool take_response(mproc_local_t *local, mproc_slot_t *slot, uint32_t head, mproc_sent_t *sent, bool skipped) {
    mproc_line_t *line = mproc_slot_line(slot);
    mproc_answer_t answer;
    if (skipped != sent->taken)
        return false;
    if (!skipped &&
        !mproc_answer_read(local, slot, sent, &line->channel->responses[head % MPROC_CHANNEL_SLOTS], &answer)) {
        mproc_answer_fini(&answer);
        return false;
    }
    mproc_slot_head(local, slot, head + 1);
    if (!skipped) {
        deliver(local, slot, sent, &answer);
        mproc_answer_fini(&answer);
    } else if (sent->work != NULL) {
        mproc_slot_return(local, slot, sent);
    } else {
        mproc_slot_forget(slot, sent);
    }
    return true;
}

/* receive_one takes the response to the oldest request; false when there is none, or a wrong one. */
static bool receive_one(mproc_local_t *local, mproc_slot_t *slot, mproc_line_t *line) {
    uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
    mproc_response_slot_t *response = &line->channel->responses[head % MPROC_CHANNEL_SLOTS];
    mproc_sent_t *sent = &slot->sent[head % MPROC_CHANNEL_SLOTS];
    /* Acquire: the rest of the response, and what it speaks of, is there. */
    uint32_t state = atomic_load_explicit(&response->state, memory_order_acquire);
    report_start(local, slot, line, head, sent);
    if (state == mproc_channel_state(head, MPROC_RESPONSE_DONE) ||
        state == mproc_channel_state(head, MPROC_RESPONSE_SKIPPED)) {
        if (take_response(local, slot, head, sent, state == mproc_channel_state(head, MPROC_RESPONSE_SKIPPED)))
            return true;
    } else if (state == mproc_channel_state(head, MPROC_RESPONSE_NEED)) {
        uint32_t need = atomic_load_explicit(&line->channel->needs, memory_order_acquire);
        uint32_t answered = atomic_load_explicit(&line->answered, memory_order_relaxed);
        if (need == answered)
            return false;
        if (slot->kill_code != 0) {
            /* It is about to end, and who waits is to wait for that: a need without an answer would be looked at for ever. */
            atomic_store_explicit(&line->answered, need, memory_order_relaxed);
            return false;
        }
        if (need == answered + 1 && sent->needs++ < NEEDS_MOST && sent->work != NULL && !sent->taken) {
            answer_need(local, slot, line, sent, need,
                        atomic_load_explicit(&line->channel->need_size, memory_order_relaxed));
            return false;
        }
    } else if (mproc_channel_unused(state, head)) {
        return false;
    }
    distrust(slot);
    return false;
}

void mproc_slot_receive(mproc_local_t *local, mproc_slot_t *slot) {
    mproc_line_t *line = mproc_slot_line(slot);
    /* No more than were out: what handlers submit meanwhile is for the next poll, or other slots would wait for ever. */
    for (uint32_t left = mproc_slot_sent(slot); left > 0; left--) {
        if (atomic_load_explicit(&line->distrusted, memory_order_relaxed) || !receive_one(local, slot, line))
            return;
    }
}
