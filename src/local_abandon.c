/* SPDX-License-Identifier: Apache-2.0 */
/* local_abandon.c: the works of a worker that has ended: what it had done of a chunk, what it died in, what it had not begun. */
#include "local.h"

/* salvage finds what the worker had finished of the work it died in: those results were complete before progress said so. */
static void salvage(mproc_local_t *local, mproc_slot_t *slot, uint32_t head, const mproc_sent_t *sent,
                    mproc_reply_t *reply, mproc_answer_t *answer) {
    const mproc_work_t *work = sent->work;
    const mproc_progress_t *progress = &mproc_slot_line(slot)->channel->progress;
    reply->failed = 1;
    if (work->kind == MPROC_WORK_CALL || atomic_load(&progress->number) != head)
        return;
    uint32_t done = atomic_load(&progress->item);
    uint32_t rest = atomic_load(&progress->rest);
    if (done > work->count)
        done = work->count; /* the numbers are damaged: all of them may have been run */
    bool between = done == work->count || mproc_slot_spared(slot, head, done);
    if (done > 0 && work->output == NULL) {
        if (!mproc_answer_salvage(local, slot, sent, done, answer)) {
            reply->failed = between ? done : done + 1; /* run, but lost: not to be run again */
            return;
        }
        reply->data = answer->data;
        reply->size = (size_t)answer->slot.size;
        reply->hold = mproc_answer_hold(answer);
    }
    if (work->output != NULL)
        mproc_slot_take_plain(slot, sent, done);
    reply->succeeded = done;
    reply->failed = between ? 0 : rest > 0 && rest <= work->count - done ? rest : 1;
}

static void fail_running(mproc_local_t *local, mproc_slot_t *slot, uint32_t head, mproc_sent_t *sent,
                         mproc_report_t *report) {
    mproc_work_t *work = sent->work;
    mproc_reply_t reply = {0};
    mproc_answer_t answer = {0};
    salvage(local, slot, head, sent, &reply, &answer);
    reply.begun_ns = mproc_slot_begun(local, slot, sent);
    int64_t item = work->kind == MPROC_WORK_CALL ? -1 : work->first + reply.succeeded;
    mproc_slot_explain(slot, reply.failed > 0 ? work->task : NULL, item, report);
    reply.failure = reply.failed > 0 ? report : NULL;
    local->stats.bytes_out += work->output != NULL ? (uint64_t)work->output_size * reply.succeeded : reply.size;
    mproc_slot_forget(slot, sent);
    work->backend = NULL;
    local->events->finished(local->context, slot->index, work, &reply);
    mproc_answer_fini(&answer);
}

void mproc_slot_abandon(mproc_local_t *local, mproc_slot_t *slot, mproc_report_t *report) {
    mproc_line_t *line = mproc_slot_line(slot);
    bool explained = false;
    /* Only what is certainly not begun runs elsewhere: nothing is run twice. */
    mproc_slot_freeze(slot);
    while (mproc_slot_sent(slot) > 0) {
        uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
        mproc_sent_t *sent = &slot->sent[head % MPROC_CHANNEL_SLOTS];
        mproc_slot_head(local, slot, head + 1);
        if (sent->work == NULL) {
            mproc_slot_forget(slot, sent);
        } else if (sent->taken) {
            mproc_slot_return(local, slot, sent);
        } else {
            fail_running(local, slot, head, sent, report);
            explained = true;
        }
    }
    if (!explained)
        mproc_slot_explain(slot, NULL, -1, report);
}
