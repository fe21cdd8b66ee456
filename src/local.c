/* SPDX-License-Identifier: Apache-2.0 */
/* local.c: the backend of worker processes on this machine: creation, polling, and the table of its operations. */
#include "local.h"

#include "launch.h"
#include "memory.h"

/* A task that overwrites its worker's channel may undo a wake-up. While there is work out nobody sleeps longer than this without
 * a look. */
#define LOOK_NS INT64_C(1000000000)

#define DESTROY_NS INT64_C(2000000000) /* for killed workers to be gone */

static void update_due(mproc_local_t *local) {
    int64_t due = INT64_MAX;
    for (int i = 0; i < local->capacity; i++) {
        int64_t slot_due = mproc_slot_due(local, local->slots[i]);
        due = slot_due < due ? slot_due : due;
    }
    atomic_store(&local->due_ns, due);
}

/* attend looks after the slots' lives: only when something may have changed, since polls are many. */
static void attend(mproc_local_t *local) {
    int64_t now = mplat_clock_ns();
    for (int i = 0; i < local->capacity; i++)
        mproc_slot_attend(local, local->slots[i], now);
    update_due(local);
}

/* starts_end looks whether a worker that was starting has come to an end of that. */
static bool starts_end(const mproc_local_t *local) {
    for (int i = 0, left = local->starting; left > 0 && i < local->capacity; i++) {
        mproc_slot_t *slot = local->slots[i];
        if (slot->stage != MPROC_SLOT_STARTING)
            continue;
        left--;
        if (atomic_load_explicit(&mproc_slot_line(slot)->channel->worker_stage, memory_order_relaxed) !=
            MPROC_STAGE_STARTING)
            return true;
    }
    return false;
}

/* has_served notes what a slot's tasks bring with them: it is to retire, or its memory to be looked at. */
static bool has_served(const mproc_local_t *local, const mproc_slot_t *slot) {
    return slot->stage == MPROC_SLOT_UP &&
           ((slot->tasks_limit > 0 && slot->tasks_done >= slot->tasks_limit) ||
            (local->options.max_memory_bytes > 0 && slot->tasks_done != slot->tasks_checked));
}

static void receive(mproc_local_t *local, mproc_slot_t *slot, bool nudge) {
    mproc_slot_receive(local, slot);
    if (has_served(local, slot))
        atomic_store_explicit(&local->attention, true, memory_order_relaxed);
    if (mproc_slot_sent(slot) == 0)
        return;
    if (nudge)
        mproc_slot_nudge(slot);
}

static void poll(mproc_backend_t *backend) {
    mproc_local_t *local = (mproc_local_t *)backend;
    bool nudge = atomic_load_explicit(&local->nudge, memory_order_relaxed) && atomic_exchange(&local->nudge, false);
    for (int i = 0; i < local->capacity; i += 64) {
        /* A copy: handlers make slots busy and idle. */
        uint64_t bits = atomic_load_explicit(&local->busy[i / 64], memory_order_relaxed);
        for (int at = i; bits != 0; bits >>= 1, at++) {
            if (bits & 1)
                receive(local, local->slots[at], nudge);
        }
    }
    bool attention =
        atomic_load_explicit(&local->attention, memory_order_relaxed) && atomic_exchange(&local->attention, false);
    int64_t due = atomic_load_explicit(&local->due_ns, memory_order_relaxed);
    if (attention || (local->starting > 0 && starts_end(local)) || (due != INT64_MAX && mplat_clock_ns() >= due))
        attend(local);
    mproc_lines_bury(local);
}

/* grow makes slots up to count; those that exist stay. */
static int grow(mproc_local_t *local, int count) {
    while (local->capacity < count) {
        mproc_slot_t *slot = mproc_alloc_zero(1, sizeof *slot);
        if (slot == NULL)
            return mproc_fail_memory("the workers of a pool");
        slot->index = local->capacity;
        slot->restart_ns = 0;
        local->slots[local->capacity] = slot;
        atomic_store_explicit(&local->capacity, local->capacity + 1, memory_order_release);
    }
    return MPROC_OK;
}

static int resize(mproc_backend_t *backend, int slots) {
    mproc_local_t *local = (mproc_local_t *)backend;
    if (slots > MPROC_WORKERS_MAX)
        return mproc_fail(MPROC_EINVAL, "A pool has at most %d workers", MPROC_WORKERS_MAX);
    int err = grow(local, slots);
    if (err != MPROC_OK)
        return err;
    for (int i = slots; i < local->wanted; i++)
        mproc_slot_retire(local, local->slots[i], true);
    for (int i = local->wanted; i < slots; i++)
        local->slots[i]->restart_ns = 0;
    local->wanted = slots;
    atomic_store(&local->due_ns, 0);
    mproc_local_wake(backend);
    return MPROC_OK;
}

static void stop(mproc_backend_t *backend, bool gently) {
    mproc_local_t *local = (mproc_local_t *)backend;
    local->stopping = true;
    for (int i = 0; i < local->capacity; i++) {
        if (gently)
            mproc_slot_retire(local, local->slots[i], false);
        else
            mproc_slot_kill(local->slots[i], MPROC_ECANCELLED);
    }
    update_due(local);
}

static void stats(mproc_backend_t *backend, mproc_pool_stats_t *stats) {
    mproc_local_t *local = (mproc_local_t *)backend;
    stats->workers_started = local->stats.workers_started;
    stats->workers_retired = local->stats.workers_retired;
    stats->workers_crashed = local->stats.workers_crashed;
    stats->workers_killed = local->stats.workers_killed;
    stats->workers_failed_start = local->stats.workers_failed_start;
    stats->bytes_in = local->stats.bytes_in;
    stats->bytes_out = local->stats.bytes_out;
    stats->shared_bytes = 0;
    stats->workers = 0;
    stats->workers_idle = 0;
    for (int i = 0; i < local->capacity; i++) {
        mproc_slot_t *slot = local->slots[i];
        bool lives = slot->stage != MPROC_SLOT_EMPTY;
        stats->workers += lives;
        stats->workers_idle += slot->stage == MPROC_SLOT_UP && mproc_slot_sent(slot) == 0;
        stats->shared_bytes += lives ? sizeof(mproc_channel_t) + mproc_segments_size(slot) : 0;
    }
}

static void leave(mproc_backend_t *backend) {
    mproc_relay_begin(((mproc_local_t *)backend)->relay);
}

static void settle(mproc_backend_t *backend) {
    mproc_relay_flush(((mproc_local_t *)backend)->relay);
}

static void bury_all(mproc_local_t *local) {
    while (local->graveyard != NULL) {
        mproc_line_t *line = local->graveyard;
        local->graveyard = line->next;
        mproc_line_destroy(line);
    }
}

static void destroy(mproc_backend_t *backend) {
    mproc_local_t *local = (mproc_local_t *)backend;
    local->stopping = true;
    for (int i = 0; i < local->capacity; i++)
        mproc_slot_kill(local->slots[i], MPROC_ECANCELLED);
    int64_t until = mplat_clock_ns() + DESTROY_NS;
    while (local->capacity > 0) {
        mproc_slot_free(local, local->slots[local->capacity - 1], until);
        local->capacity--;
    }
    bury_all(local);
    mproc_relay_destroy(local->relay);
    mplat_watch_destroy(local->watch);
    mproc_plan_fini(&local->plan);
    mproc_free(local->slots);
    mproc_free(local);
}

static const mproc_backend_ops_t operations = {
    .resize = resize,
    .room = mproc_local_room,
    .submit = mproc_local_submit,
    .heed = mproc_local_heed,
    .flush = mproc_local_flush,
    .revoke = mproc_local_revoke,
    .running = mproc_local_running,
    .cancel = mproc_local_cancel,
    .kill = mproc_local_kill,
    .poll = poll,
    .wait = mproc_local_wait,
    .wake = mproc_local_wake,
    .slot_ready = mproc_local_slot_ready,
    .wait_slot = mproc_local_wait_slot,
    .wake_slot = mproc_local_wake_slot,
    .stop = stop,
    .stats = stats,
    .leave = leave,
    .settle = settle,
    .destroy = destroy,
};

/* make_plan turns the options of the pool and of its workers into what every start needs. */
static int make_plan(mproc_local_t *local) {
    mproc_process_options_t worker = {0};
    if (local->options.worker != NULL)
        worker = *local->options.worker;
    worker.target = local->options.initializer;
    worker.args = local->options.initargs;
    worker.input = NULL;
    worker.input_size = 0;
    worker.result = false;
    worker.detached = false;
    worker.deadline_ms = 0;
    worker.values = local->options.values;
    /* Several workers that read one terminal would take each other's lines, and the host's. */
    if (worker.standard_input.kind == MPROC_STDIO_INHERIT)
        worker.standard_input.kind = MPROC_STDIO_NULL;
    return mproc_plan_init_worker(&local->plan, &worker);
}

/* make_relay takes workers' standard error in hand where it would be the same as ours. */
static int make_relay(mproc_local_t *local) {
    bool ours = local->plan.stdio[2].kind == MPROC_STDIO_INHERIT && !local->options.no_stderr_tail;
    return ours ? mproc_launch_failed(mproc_relay_create(local->watch, &local->relay)) : MPROC_OK;
}

/* start_all starts the first workers. When one cannot be started the pool has none: the caller learns it at once. */
static int start_all(mproc_local_t *local) {
    int err = grow(local, local->options.processes);
    local->wanted = local->options.processes;
    for (int i = 0; err == MPROC_OK && i < local->wanted; i++)
        err = mproc_slot_start(local, local->slots[i]);
    update_due(local);
    return err;
}

int mproc_local_create(const mproc_pool_options_t *options, const mproc_backend_events_t *events, void *context,
                       mproc_backend_t **out_backend) {
    *out_backend = NULL;
    if (options->processes > MPROC_WORKERS_MAX)
        return mproc_fail(MPROC_EINVAL, "options.processes is %d: a pool has at most %d workers", options->processes,
                          MPROC_WORKERS_MAX);
    mproc_local_t *local = mproc_alloc_zero(1, sizeof *local);
    if (local == NULL)
        return mproc_fail_memory("a pool");
    local->backend.ops = &operations;
    local->events = events;
    local->context = context;
    local->options = *options;
    local->look_every_ns = LOOK_NS;
    local->seed = options->seed;
    atomic_store(&local->due_ns, INT64_MAX);
    int err = make_plan(local);
    if (err == MPROC_OK && (local->slots = mproc_alloc_zero(MPROC_WORKERS_MAX, sizeof(mproc_slot_t *))) == NULL)
        err = mproc_fail_memory("a pool");
    if (err == MPROC_OK) {
        int watch_err = mplat_watch_create(&local->watch);
        err = watch_err == MPLAT_OK ? MPROC_OK : mproc_fail_platform(watch_err, "Cannot make a pool");
    }
    if (err == MPROC_OK)
        err = make_relay(local);
    if (err == MPROC_OK && local->seed == 0)
        (void)mplat_random(&local->seed, sizeof local->seed);
    if (err == MPROC_OK)
        err = start_all(local);
    if (err != MPROC_OK) {
        destroy(&local->backend);
        return err;
    }
    *out_backend = &local->backend;
    return MPROC_OK;
}
