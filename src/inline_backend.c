/* SPDX-License-Identifier: Apache-2.0 */
/* inline_backend.c: a pool without processes, for debugging: every work runs in the thread that waits for its slot, in order.
 * A crash there is the program's, and nothing can be killed. */
#include <string.h>

#include "backend.h"
#include "call.h"
#include "encode.h"
#include "input.h"
#include "list.h"
#include "memory.h"
#include "platform/platform.h"
#include "runner.h"

typedef enum inline_stage { INLINE_NEW, INLINE_UP, INLINE_DOWN } inline_stage_t;

typedef struct mproc_inline {
    mproc_backend_t backend; /* first */
    mproc_runner_t runner;
    const mproc_backend_events_t *events;
    void *context;
    const mproc_task_t *finalizer;
    inline_stage_t stage;
    bool stopping;
    bool gently;
    bool started;           /* the event was delivered */
    _Atomic bool finalized; /* or there is nothing to run */
    _Atomic bool cancelled;
    _Atomic bool begun;
    _Atomic bool done;  /* reply is complete */
    mproc_work_t *work; /* NULL: none */
    int64_t since_ns;
    mproc_reply_t reply;
    mproc_report_t report;
    mproc_buffer_t data; /* of the reply: the outcome, or records */
    mproc_call_t call;
    unsigned char *output; /* of a plain chunk */
    uint32_t taken;        /* items the task took at once */
} mproc_inline_t;

/* ---- running --------------------------------------------------------------------------------------------------------------- */

static bool is_cancelled(const mproc_runner_t *runner) {
    const mproc_inline_t *inlined = MPROC_OWNER(runner, mproc_inline_t, runner);
    return atomic_load_explicit(&inlined->cancelled, memory_order_relaxed);
}

static size_t take_chunk(mproc_runner_t *runner, void **out_output) {
    mproc_inline_t *inlined = MPROC_OWNER(runner, mproc_inline_t, runner);
    if (inlined->output == NULL)
        return 1;
    inlined->taken = inlined->work->count - runner->item;
    *out_output = inlined->output + (size_t)runner->item * inlined->work->output_size;
    return inlined->taken;
}

static void fail(mproc_inline_t *inlined, const mproc_error_t *error) {
    mproc_error_t whole = *error;
    whole.task = inlined->work->task->name;
    whole.pid = mplat_self_pid();
    (void)mproc_report_set(&inlined->report, &whole);
    inlined->reply.failed = inlined->taken > 0 ? inlined->taken : 1;
    inlined->reply.failure = &inlined->report;
}

/* A task may count on the alignment of its raw input. */
static void *align_input(mproc_request_t *request) {
    if (request->input_size == 0 || ((uintptr_t)request->input & 15) == 0)
        return NULL;
    void *copy = mproc_alloc(request->input_size);
    if (copy != NULL)
        request->input = memcpy(copy, request->input, request->input_size);
    return copy;
}

static void run_call(mproc_inline_t *inlined) {
    const mproc_work_t *work = inlined->work;
    mproc_outcome_t outcome;
    mproc_request_t request = {work->task, work->args, work->args_size, work->input_size > 0 ? work->input : NULL,
                               work->input_size};
    void *copy = align_input(&request);
    mproc_call_run(&inlined->call, &request, &outcome);
    mproc_free(copy);
    if (outcome.kind == MPROC_OUTCOME_FAILED) {
        fail(inlined, mproc_call_failure(&inlined->call));
        return;
    }
    inlined->reply.succeeded = 1;
    inlined->reply.outcome = outcome.kind;
    inlined->reply.data = outcome.data;
    inlined->reply.size = outcome.kind == MPROC_OUTCOME_NOTHING ? 0 : outcome.size;
}

static int keep_plain(mproc_inline_t *inlined, const mproc_outcome_t *outcome) {
    size_t size = inlined->work->output_size;
    if (outcome->kind != MPROC_OUTCOME_BYTES || outcome->size != size)
        return mproc_fail(
            MPROC_ETYPE,
            "Task '%s' did not give item %lld a raw result of %zu bytes, which each element of the output "
            "has: use mproc_call_reserve(call, %zu, ...)",
            inlined->work->task->name, (long long)inlined->runner.first + inlined->runner.item, size, size);
    memcpy(inlined->output + (size_t)inlined->runner.item * size, outcome->data, size);
    return MPROC_OK;
}

static int keep_record(mproc_inline_t *inlined, const mproc_outcome_t *outcome) {
    size_t size = outcome->kind == MPROC_OUTCOME_NOTHING ? 0 : outcome->size;
    mproc_record_t record = {.outcome = (uint32_t)outcome->kind, .size = size};
    size_t before = inlined->data.size;
    unsigned char *room = mproc_buffer_extend(&inlined->data, (sizeof record + size + 15) & ~(size_t)15);
    if (room == NULL) {
        inlined->data.failed = false;
        inlined->data.size = before;
        return mproc_fail_memory("the result of an item");
    }
    memcpy(room, &record, sizeof record);
    if (size > 0)
        memcpy(room + sizeof record, outcome->data, size);
    return MPROC_OK;
}

static bool run_item(mproc_inline_t *inlined, mproc_request_t *request) {
    mproc_outcome_t outcome;
    mproc_call_run(&inlined->call, request, &outcome);
    if (outcome.kind == MPROC_OUTCOME_FAILED) {
        fail(inlined, mproc_call_failure(&inlined->call));
        return false;
    }
    if (inlined->taken > 0)
        return true;
    int err = inlined->output != NULL ? keep_plain(inlined, &outcome) : keep_record(inlined, &outcome);
    if (err != MPROC_OK)
        fail(inlined, mproc_last_error());
    return err == MPROC_OK;
}

static void run_chunk(mproc_inline_t *inlined) {
    const mproc_work_t *work = inlined->work;
    const unsigned char *list = work->args;
    uint32_t *item = &inlined->runner.item;
    mproc_request_t request = {.task = work->task};
    bool good = true;
    inlined->output = work->output;
    while (*item < work->count && good) {
        if (work->kind == MPROC_WORK_LISTS) {
            uint32_t size;
            memcpy(&size, list, sizeof size);
            request.args = list + sizeof size;
            request.args_size = size;
            list += sizeof size + size;
        } else {
            request.input = (const unsigned char *)work->input + (size_t)*item * work->item_size;
            request.input_size = work->item_size;
        }
        good = run_item(inlined, &request);
        if (good)
            *item += inlined->taken > 0 ? inlined->taken : 1;
        inlined->reply.succeeded = *item;
        inlined->taken = 0;
    }
    inlined->output = NULL;
    inlined->reply.data = inlined->data.data;
    inlined->reply.size = inlined->data.size;
}

static void run(mproc_inline_t *inlined) {
    inlined->reply = (mproc_reply_t){0};
    mproc_buffer_clear(&inlined->data);
    inlined->runner.first = inlined->work->first;
    inlined->runner.item = 0;
    inlined->taken = 0;
    if (inlined->work->kind == MPROC_WORK_CALL)
        run_call(inlined);
    else
        run_chunk(inlined);
    inlined->reply.begun_ns = inlined->since_ns;
    inlined->reply.run_ns = mplat_clock_ns() - inlined->since_ns;
}

/* ---- the operations -------------------------------------------------------------------------------------------------------- */

static int inline_resize(mproc_backend_t *backend, int slots) {
    (void)backend;
    (void)slots;
    return MPROC_OK;
}

static size_t inline_room(mproc_backend_t *backend, int slot) {
    const mproc_inline_t *inlined = (mproc_inline_t *)backend;
    return slot == 0 && inlined->stage == INLINE_UP && !inlined->stopping && inlined->work == NULL ? 1 : 0;
}

static int inline_submit(mproc_backend_t *backend, int slot, mproc_work_t *work) {
    mproc_inline_t *inlined = (mproc_inline_t *)backend;
    (void)slot;
    inlined->work = work;
    inlined->started = false;
    atomic_store(&inlined->cancelled, false);
    return MPROC_OK;
}

static void inline_flush(mproc_backend_t *backend, int slot) {
    (void)backend;
    (void)slot;
}

static void inline_heed(mproc_backend_t *backend, int slot, const mproc_work_t *work) {
    (void)backend;
    (void)slot;
    (void)work;
}

static bool inline_revoke(mproc_backend_t *backend, int slot, mproc_work_t *work) {
    mproc_inline_t *inlined = (mproc_inline_t *)backend;
    (void)slot;
    if (inlined->work != work || atomic_load(&inlined->begun))
        return false;
    inlined->work = NULL;
    return true;
}

static bool inline_running(mproc_backend_t *backend, int slot, mproc_work_t **out_work, uint32_t *out_item,
                           int64_t *out_since_ns) {
    const mproc_inline_t *inlined = (mproc_inline_t *)backend;
    if (slot != 0 || inlined->work == NULL || !atomic_load(&inlined->begun))
        return false;
    *out_work = inlined->work;
    *out_item = 0;
    *out_since_ns = inlined->since_ns;
    return true;
}

static void inline_cancel(mproc_backend_t *backend, int slot, mproc_work_t *work) {
    mproc_inline_t *inlined = (mproc_inline_t *)backend;
    (void)slot;
    if (inlined->work == work)
        atomic_store(&inlined->cancelled, true);
}

/* Nobody can be killed here. */
static bool inline_kill(mproc_backend_t *backend, int slot, const mproc_work_t *work, uint32_t item, int code) {
    mproc_inline_t *inlined = (mproc_inline_t *)backend;
    (void)slot;
    (void)item;
    (void)code;
    if (inlined->work == work)
        atomic_store(&inlined->cancelled, true);
    return inlined->work == work;
}

static void inline_poll(mproc_backend_t *backend) {
    mproc_inline_t *inlined = (mproc_inline_t *)backend;
    mproc_work_t *work = inlined->work;
    if (inlined->stage == INLINE_NEW) {
        inlined->stage = INLINE_UP;
        inlined->events->slot_up(inlined->context, 0, mplat_self_pid());
    }
    if (work != NULL && work->watch && !inlined->started && atomic_load(&inlined->begun)) {
        inlined->started = true;
        inlined->events->started(inlined->context, 0, work);
    }
    if (work != NULL && atomic_load(&inlined->done)) {
        inlined->work = NULL;
        atomic_store(&inlined->begun, false);
        atomic_store(&inlined->done, false);
        inlined->events->finished(inlined->context, 0, work, &inlined->reply);
    }
    if (inlined->stopping && inlined->stage == INLINE_UP && inlined->work == NULL &&
        (!inlined->gently || atomic_load(&inlined->finalized))) {
        inlined->stage = INLINE_DOWN;
        inlined->events->slot_down(inlined->context, 0, mplat_self_pid(), NULL);
    }
}

static void inline_wait(mproc_backend_t *backend, int64_t timeout_ns) {
    (void)backend;
    (void)timeout_ns;
}

static void inline_wake(mproc_backend_t *backend) {
    (void)backend;
}

static bool inline_slot_ready(mproc_backend_t *backend, int slot) {
    mproc_inline_t *inlined = (mproc_inline_t *)backend;
    return slot == 0 && atomic_load(&inlined->done);
}

static void finalize(mproc_inline_t *inlined) {
    mproc_outcome_t outcome;
    if (atomic_load(&inlined->finalized))
        return;
    mproc_call_run(&inlined->call, &(mproc_request_t){.task = inlined->finalizer}, &outcome);
    atomic_store(&inlined->finalized, true);
}

/* The core keeps all others out of here, so nobody else looks at the work meanwhile but to cancel it. */
static void inline_wait_slot(mproc_backend_t *backend, int slot, const _Atomic uint32_t *done, int64_t timeout_ns) {
    mproc_inline_t *inlined = (mproc_inline_t *)backend;
    (void)done;
    (void)timeout_ns;
    if (slot == 0 && inlined->work == NULL && inlined->stopping && inlined->gently)
        finalize(inlined);
    if (slot != 0 || inlined->work == NULL || atomic_load(&inlined->done))
        return;
    inlined->since_ns = mplat_clock_ns();
    atomic_store(&inlined->begun, true);
    run(inlined);
    atomic_store(&inlined->done, true);
}

static void inline_wake_slot(mproc_backend_t *backend, int slot) {
    (void)backend;
    (void)slot;
}

static void inline_stop(mproc_backend_t *backend, bool gently) {
    mproc_inline_t *inlined = (mproc_inline_t *)backend;
    inlined->gently = gently && !inlined->stopping;
    inlined->stopping = true;
    if (!gently)
        atomic_store(&inlined->cancelled, true);
}

static void inline_stats(mproc_backend_t *backend, mproc_pool_stats_t *stats) {
    const mproc_inline_t *inlined = (mproc_inline_t *)backend;
    stats->workers = inlined->stage == INLINE_DOWN ? 0 : 1;
    stats->workers_started = 1;
    stats->workers_retired = inlined->stage == INLINE_DOWN ? 1 : 0;
}

static void inline_leave(mproc_backend_t *backend) {
    (void)backend;
}

static void inline_settle(mproc_backend_t *backend) {
    (void)backend;
}

static void inline_destroy(mproc_backend_t *backend) {
    mproc_inline_t *inlined = (mproc_inline_t *)backend;
    mproc_call_fini(&inlined->call);
    mproc_buffer_fini(&inlined->data);
    mproc_report_fini(&inlined->report);
    mproc_free(inlined);
}

static const mproc_backend_ops_t inline_ops = {
    .resize = inline_resize,
    .room = inline_room,
    .submit = inline_submit,
    .flush = inline_flush,
    .heed = inline_heed,
    .revoke = inline_revoke,
    .running = inline_running,
    .cancel = inline_cancel,
    .kill = inline_kill,
    .poll = inline_poll,
    .wait = inline_wait,
    .wake = inline_wake,
    .slot_ready = inline_slot_ready,
    .wait_slot = inline_wait_slot,
    .wake_slot = inline_wake_slot,
    .stop = inline_stop,
    .stats = inline_stats,
    .leave = inline_leave,
    .settle = inline_settle,
    .destroy = inline_destroy,
};

static int initialize(mproc_inline_t *inlined, const mproc_task_t *task, const mproc_args_t *args) {
    mproc_scratch_t scratch;
    mproc_outcome_t outcome = {.kind = MPROC_OUTCOME_NOTHING};
    int err = mproc_scratch_encode(&scratch, args);
    if (err == MPROC_OK) {
        mproc_request_t request = {.task = task, .args = scratch.buffer.data, .args_size = scratch.buffer.size};
        mproc_call_run(&inlined->call, &request, &outcome);
    }
    if (outcome.kind == MPROC_OUTCOME_FAILED) {
        mproc_error_t error = *mproc_call_failure(&inlined->call);
        error.code = MPROC_EINIT;
        error.task = task->name;
        err = mproc_fail_error(&error);
    }
    mproc_scratch_fini(&scratch);
    return err;
}

int mproc_inline_create(const mproc_pool_options_t *options, const mproc_backend_events_t *events, void *context,
                        mproc_backend_t **out_backend) {
    mproc_inline_t *inlined = mproc_alloc_zero(1, sizeof *inlined);
    *out_backend = NULL;
    if (inlined == NULL)
        return mproc_fail_memory("a pool");
    inlined->backend.ops = &inline_ops;
    inlined->events = events;
    inlined->context = context;
    inlined->finalizer = options->finalizer;
    inlined->finalized = options->finalizer == NULL;
    inlined->runner = (mproc_runner_t){.seed = options->seed, .cancelled = is_cancelled, .take_chunk = take_chunk};
    mproc_report_init(&inlined->report);
    mproc_buffer_init(&inlined->data, NULL);
    mproc_call_init(&inlined->call, &options->values, NULL);
    inlined->call.worker = &inlined->runner;
    int err = options->initializer == NULL ? MPROC_OK : initialize(inlined, options->initializer, options->initargs);
    if (err != MPROC_OK) {
        inline_destroy(&inlined->backend);
        return err;
    }
    *out_backend = &inlined->backend;
    return MPROC_OK;
}
