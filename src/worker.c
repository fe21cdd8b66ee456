/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c: a pool's worker: it takes its channel, runs the initializer, and does requests until the pool says enough. */
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "registry.h"

/* Pauses, then a few yields, then sleep: the cheapest way to wait both when the other side runs on another processor (0.11 us
 * a round trip) and when it shares this one (5 us, where a long pause loop costs 100). */
#define PAUSES 50u
#define YIELDS 100u

/* ---- waiting ------------------------------------------------------------------------------------------------------------ */

static bool poll_ready(mproc_worker_t *worker, bool (*ready)(const mproc_worker_t *worker)) {
    for (unsigned i = 0; i < PAUSES; i++) {
        if (ready(worker))
            return true;
        mplat_cpu_relax();
    }
    for (unsigned i = 0; i < YIELDS; i++) {
        if (ready(worker))
            return true;
        mplat_thread_yield();
    }
    return ready(worker);
}

void mproc_worker_sleep(mproc_worker_t *worker, bool (*ready)(const mproc_worker_t *worker)) {
    _Atomic uint32_t *sleeps = &worker->channel->worker_sleeps;
    if (worker->channel->no_spin ? ready(worker) : poll_ready(worker, ready))
        return;
    for (;;) {
        atomic_store_explicit(sleeps, 1, memory_order_relaxed);
        /* Either the parent sees the 1 after it has published, or this sees what it published. */
        atomic_thread_fence(memory_order_seq_cst);
        if (ready(worker))
            break;
        /* A task may have closed what it is not to close: without sleep or call this worker is of no use. */
        if (mplat_wake_wait(worker->own_wake, sleeps, 1, -1) != MPLAT_OK)
            mplat_self_exit(EXIT_FAILURE);
        if (ready(worker))
            break;
    }
    atomic_store_explicit(sleeps, 0, memory_order_relaxed);
}

/* wake wakes the thread that sleeps at this slot; else the pool's, if it asked for that or in any case. */
static void wake(mproc_worker_t *worker, bool in_any_case) {
    _Atomic uint32_t *waits = &worker->channel->parent_waits;
    uint32_t who = atomic_exchange_explicit(waits, 0, memory_order_seq_cst);
    int err = MPLAT_OK;
    if (who & MPROC_WAIT_DIRECT)
        err = mplat_wake_signal(worker->direct_wake, waits);
    else if (in_any_case || (who & MPROC_WAIT_BELL))
        err = mplat_bell_ring(worker->bell);
    /* A task has closed it: the end of this process is what the parent still hears, and then it finds the response. */
    if (err != MPLAT_OK)
        mplat_self_exit(EXIT_FAILURE);
}

/* notify_answer wakes nobody yet when only the pool's thread sleeps, and that for a later response. */
static void notify_answer(mproc_worker_t *worker) {
    _Atomic uint32_t *waits = &worker->channel->parent_waits;
    atomic_thread_fence(memory_order_seq_cst);
    uint32_t who = atomic_load_explicit(waits, memory_order_relaxed);
    if (who == 0 || ((who & MPROC_WAIT_DIRECT) == 0 && (int32_t)((worker->number << MPROC_WAIT_SHIFT) -
                                                                 (who >> MPROC_WAIT_SHIFT << MPROC_WAIT_SHIFT)) < 0))
        return;
    mproc_worker_notify(worker);
}

void mproc_worker_notify(mproc_worker_t *worker) {
    _Atomic uint32_t *waits = &worker->channel->parent_waits;
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(waits, memory_order_relaxed) != 0)
        wake(worker, false);
}

void mproc_worker_call_parent(mproc_worker_t *worker) {
    wake(worker, true);
}

static bool may_go_on(const mproc_worker_t *worker) {
    return atomic_load_explicit(&worker->channel->halted, memory_order_relaxed) !=
           mproc_channel_state(worker->number, MPROC_REQUEST_BEGUN);
}

void mproc_worker_halt(mproc_worker_t *worker) {
    /* Either the parent sees what was stored before, and does not kill for it, or this sees that it may be about to. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!may_go_on(worker))
        mproc_worker_sleep(worker, may_go_on);
}

/* ---- requests ----------------------------------------------------------------------------------------------------------- */

static bool request_ready(const mproc_worker_t *worker) {
    const mproc_channel_t *channel = worker->channel;
    uint32_t state =
        atomic_load_explicit(&channel->requests[worker->number % MPROC_CHANNEL_SLOTS].state, memory_order_acquire);
    return state == mproc_channel_state(worker->number, MPROC_REQUEST_READY) ||
           state == mproc_channel_state(worker->number, MPROC_REQUEST_TAKEN) ||
           atomic_load_explicit(&channel->retire, memory_order_relaxed) != 0;
}

/* check_ring looks at the slot of the next request while there is none: a task that wrote beyond its memory may have taken away
 * what came. */
static void check_ring(mproc_worker_t *worker) {
    mproc_channel_t *channel = worker->channel;
    uint32_t place = worker->number % MPROC_CHANNEL_SLOTS;
    uint32_t state = atomic_load_explicit(&channel->requests[place].state, memory_order_relaxed);
    if (mproc_channel_unused(state, worker->number) ||
        state - mproc_channel_state(worker->number, 0) <= MPROC_REQUEST_TAKEN)
        return;
    atomic_store_explicit(&channel->responses[place].state, MPROC_CHANNEL_DAMAGED, memory_order_release);
    mproc_worker_notify(worker);
    mplat_self_exit(EXIT_FAILURE);
}

/* do_request answers request worker->number if there is one; false when there is none. */
static bool do_request(mproc_worker_t *worker) {
    mproc_channel_t *channel = worker->channel;
    mproc_request_slot_t *request = &channel->requests[worker->number % MPROC_CHANNEL_SLOTS];
    mproc_response_slot_t *response = &channel->responses[worker->number % MPROC_CHANNEL_SLOTS];
    uint32_t state = mproc_channel_state(worker->number, MPROC_REQUEST_READY);
    unsigned answer = MPROC_RESPONSE_DONE;
    mproc_worker_read_link(worker);
    if (!atomic_compare_exchange_strong_explicit(&request->state, &state,
                                                 mproc_channel_state(worker->number, MPROC_REQUEST_BEGUN),
                                                 memory_order_acq_rel, memory_order_acquire)) {
        if (state != mproc_channel_state(worker->number, MPROC_REQUEST_TAKEN))
            return false;
        answer = MPROC_RESPONSE_SKIPPED;
    } else {
        worker->request = request;
        mproc_worker_run(worker, response);
    }
    atomic_store_explicit(&response->state, mproc_channel_state(worker->number, answer), memory_order_release);
    notify_answer(worker);
    if (!may_go_on(worker)) /* as in mproc_worker_halt: the fence is notify_answer's */
        mproc_worker_sleep(worker, may_go_on);
    worker->number++;
    return true;
}

static void serve(mproc_worker_t *worker) {
    for (;;) {
        while (do_request(worker))
            continue;
        if (atomic_load_explicit(&worker->channel->retire, memory_order_acquire) != 0 && !do_request(worker))
            return;
        check_ring(worker);
        mproc_worker_sleep(worker, request_ready);
    }
}

/* ---- life --------------------------------------------------------------------------------------------------------------- */

static bool cancelled(const mproc_runner_t *runner) {
    const mproc_worker_t *worker = (const mproc_worker_t *)runner;
    return atomic_load_explicit(&worker->channel->cancelled, memory_order_relaxed) == worker->number;
}

static void keep_crash(const mplat_crash_t *crash, void *context) {
    mproc_channel_t *channel = context;
    channel->crash = *crash;
    atomic_store_explicit(&channel->crashed, 1, memory_order_release);
}

static bool open_wake(const mplat_handle_t *handles, size_t count, mplat_wake_t **out_wake) {
    return mplat_wake_open(handles, count, out_wake) == MPLAT_OK;
}

/* open_channel takes the channel's message: segment, bell, this worker's wake, the parent's. */
static bool open_channel(mproc_worker_t *worker) {
    mproc_channel_message_t message;
    mplat_handle_t handles[MPLAT_LINK_HANDLES_MAX];
    size_t size = 0;
    size_t count = 0;
    if (mplat_link_receive(worker->link, &message, sizeof message, &size, handles, &count, -1) != MPLAT_OK ||
        size != sizeof message || message.magic != MPROC_CHANNEL_MAGIC || message.size != sizeof(mproc_channel_t) ||
        count != 2 + 2 * (size_t)message.wake_handles)
        return false;
    const mplat_handle_t *wakes = handles + 2;
    if (mplat_segment_open(handles[0], (size_t)message.size, &worker->memory) != MPLAT_OK ||
        mplat_bell_open(handles[1], &worker->bell) != MPLAT_OK ||
        !open_wake(wakes, message.wake_handles, &worker->own_wake) ||
        !open_wake(wakes + message.wake_handles, message.wake_handles, &worker->direct_wake))
        return false;
    worker->channel = mplat_segment_base(worker->memory);
    return true;
}

static bool list_tasks(mproc_worker_t *worker) {
    worker->task_count = mproc_registry_count();
    worker->tasks = mproc_alloc_zero(worker->task_count + 1, sizeof(const mproc_task_t *));
    if (worker->tasks == NULL)
        return false;
    for (size_t i = 0; i < worker->task_count; i++)
        worker->tasks[i] = mproc_registry_at(i);
    return true;
}

static void announce(mproc_worker_t *worker, uint32_t stage) {
    atomic_store_explicit(&worker->channel->worker_stage, stage, memory_order_release);
    /* Whoever has told this worker to retire waits for its end, and for nothing before. */
    if (atomic_load_explicit(&worker->channel->retire, memory_order_acquire) == 0)
        mproc_worker_notify(worker);
}

/* initialize runs the initializer; its report goes where a first request's would. */
static bool initialize(mproc_worker_t *worker, const mproc_request_t *initializer) {
    mproc_outcome_t outcome;
    if (initializer->task == NULL)
        return true;
    mproc_call_run(&worker->item_call, initializer, &outcome);
    if (outcome.kind != MPROC_OUTCOME_FAILED)
        return true;
    mproc_response_slot_t *response = &worker->channel->responses[0];
    size_t size = outcome.size <= MPROC_CHANNEL_ARENA ? outcome.size : 0;
    if (size > 0)
        memcpy(worker->channel->response_arena, outcome.data, size);
    response->report_size = (uint32_t)size;
    return false;
}

static void finalize(mproc_worker_t *worker) {
    uint32_t number = worker->channel->finalizer;
    mproc_outcome_t outcome;
    if (number < worker->task_count) {
        mproc_request_t request = {.task = worker->tasks[number]};
        mproc_call_run(&worker->item_call, &request, &outcome);
    }
}

static void free_worker(mproc_worker_t *worker) {
    mproc_call_fini(&worker->call);
    mproc_call_fini(&worker->item_call);
    for (size_t i = 0; i < worker->segment_count; i++)
        mplat_segment_destroy(worker->segments[i].segment);
    mproc_free(worker->segments);
    mproc_free(worker->scratch);
    mproc_free(worker->tasks);
}

int mproc_worker_main(mplat_link_t *link, const mproc_request_t *initializer, const mproc_value_limits_t *limits) {
    static mproc_worker_t worker; /* a pointer to it is in every call; 0.5 KiB that no stack overflow hits */
    worker.link = link;
    worker.number = 1;
    worker.source = (mproc_buffer_source_t){mproc_worker_grow, &worker};
    worker.item_source = (mproc_buffer_source_t){mproc_worker_grow_item, &worker};
    mproc_call_init(&worker.call, limits, &worker.source);
    mproc_call_init(&worker.item_call, limits, &worker.item_source);
    worker.call.worker = &worker.runner;
    worker.item_call.worker = &worker.runner;
    if (!open_channel(&worker) || !list_tasks(&worker))
        return EXIT_FAILURE;
    worker.runner.worker = (int)worker.channel->worker;
    worker.runner.seed = worker.channel->seed;
    worker.runner.cancelled = cancelled;
    worker.runner.take_chunk = mproc_worker_take_chunk;
    /* Windows has it fully buffered unless it is a console: then nobody sees what is said until much later, or never. */
    if (worker.channel->relayed != 0)
        (void)setvbuf(stderr, NULL, _IONBF, 0);
    (void)mplat_crash_install(keep_crash, worker.channel);
    mplat_child_ignore_interrupt();
    bool good = initialize(&worker, initializer);
    announce(&worker, good ? MPROC_STAGE_UP : MPROC_STAGE_FAILED);
    if (good) {
        serve(&worker);
        finalize(&worker);
        announce(&worker, MPROC_STAGE_RETIRED);
    }
    free_worker(&worker);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
