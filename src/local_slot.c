/* SPDX-License-Identifier: Apache-2.0 */
/* local_slot.c: a slot's worker processes, one after the other: started, up, retired or dead, replaced at a limited rate. */
#include <inttypes.h>
#include <stdio.h>

#include "launch.h"
#include "local.h"
#include "memory.h"
#include "memory_kills.h"
#include "registry.h"

#define MS 1000000LL
#define RESTART_FIRST_MS 10
#define RESTART_MOST_MS 1000
#define MEMORY_EVERY_NS (10 * MS) /* asking the system for a process's memory costs more than many a task */

/* ---- start ---------------------------------------------------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea, Flood 2014): one seed of the pool gives any number of workers' seeds, none twice. */
static uint64_t next_seed(mproc_local_t *local) {
    uint64_t z = (local->seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* jittered draws between (1 - jitter) and 1 times value, so that workers made at once do not retire at once. */
static int64_t jittered(mproc_local_t *local, int64_t value) {
    double part = (double)(next_seed(local) >> 11) / 9007199254740992.0;
    double drawn = (double)value * (1.0 - local->options.recycle_jitter * part);
    return drawn < 1.0 ? 1 : (int64_t)drawn;
}

static void fill_channel(mproc_local_t *local, const mproc_slot_t *slot, mproc_channel_t *channel) {
    const mproc_task_t *finalizer = local->options.finalizer;
    channel->worker = (uint32_t)slot->index;
    channel->finalizer = finalizer == NULL ? UINT32_MAX : (uint32_t)mproc_registry_number(finalizer);
    channel->seed = next_seed(local);
    channel->no_spin = local->options.no_spin;
    channel->relayed = local->relay != NULL;
    /* A worker that is up says so by its bell, whoever sleeps: it may be up before its start has returned here. */
    atomic_store(&channel->parent_waits, MPROC_WAIT_BELL);
}

static void reset(mproc_local_t *local, mproc_slot_t *slot) {
    slot->tail = 1;
    slot->arena_used = 0;
    slot->arena_freed = 0;
    slot->released = 0;
    slot->large_result = 0;
    slot->cancelled = 0;
    slot->retire = false;
    slot->handing_back = false;
    slot->kill_code = 0;
    slot->kill_item = MPROC_ANY_ITEM;
    slot->next_segment = 0;
    slot->link_messages = 0;
    slot->link_read = 0;
    slot->misfit = false;
    slot->silent = false;
    slot->tasks_done = 0;
    slot->tasks_checked = 0;
    slot->checked_ns = 0;
    slot->tasks_limit = local->options.maxtasksperchild > 0 ? jittered(local, local->options.maxtasksperchild) : 0;
    slot->started_ns = mplat_clock_ns();
    slot->looked_ns = slot->started_ns;
    slot->retire_at_ns = INT64_MAX;
    slot->restart_ns = INT64_MAX;
}

static void release_process(mproc_slot_t *slot) {
    mplat_link_destroy(slot->link);
    mplat_process_destroy(slot->process);
    mproc_stream_leave(slot->stream);
    slot->link = NULL;
    slot->process = NULL;
    slot->stream = NULL;
}

/* undo takes back a start that failed half way. */
static void undo(mproc_local_t *local, mproc_slot_t *slot, mproc_line_t *line) {
    if (slot->process != NULL) {
        (void)mplat_process_signal(slot->process, MPLAT_SIGNAL_KILL);
        (void)mplat_process_wait(slot->process, -1);
        mplat_watch_remove_process(local->watch, slot->process);
    }
    if (line != NULL)
        mplat_watch_remove_bell(local->watch, line->bell);
    release_process(slot);
    mproc_line_destroy(line);
}

static int launch(mproc_local_t *local, mproc_slot_t *slot) {
    char name[64];
    mproc_bootstrap_t bootstrap = {.kind = MPROC_BOOTSTRAP_WORKER, .name = name, .identity = "", .daemon = true};
    mplat_handle_t standard_error = MPLAT_NO_HANDLE;
    (void)snprintf(name, sizeof name, "PoolWorker-%d", slot->index + 1);
    int err = local->relay == NULL ? MPROC_OK : mproc_relay_open(local->relay, &slot->stream, &standard_error);
    if (err == MPROC_OK)
        err = mproc_plan_launch(&local->plan, &bootstrap, standard_error, &slot->process, &slot->link);
    mplat_handle_close(&standard_error);
    return err;
}

int mproc_slot_start(mproc_local_t *local, mproc_slot_t *slot) {
    mproc_line_t *line = NULL;
    slot->memory_kills = mproc_memory_kills_known();
    reset(local, slot);
    int err = mproc_line_create(&line);
    if (err != MPROC_OK)
        return mproc_launch_failed(err);
    fill_channel(local, slot, line->channel);
    err = launch(local, slot);
    if (err == MPROC_OK)
        err = mproc_line_send(line, slot->link);
    if (err == MPROC_OK && (mplat_watch_add_bell(local->watch, line->bell, line) != MPLAT_OK ||
                            mplat_watch_add_process(local->watch, slot->process, line) != MPLAT_OK))
        err = mproc_fail_system(MPROC_ESPAWN, "Cannot watch worker %d", slot->index);
    if (err != MPROC_OK) {
        undo(local, slot, line);
        return mproc_launch_failed(err);
    }
    slot->pid = mplat_process_pid(slot->process);
    slot->stage = MPROC_SLOT_STARTING;
    local->starting++;
    local->stats.workers_started++;
    line->slot = slot;
    atomic_store(&slot->line, line);
    return MPROC_OK;
}

/* ---- end ------------------------------------------------------------------------------------------------------------------ */

/* A worker that is starting does as told once it is up; until then its time to start runs. */
void mproc_slot_retire(mproc_local_t *local, mproc_slot_t *slot, bool handing_back) {
    mproc_line_t *line = mproc_slot_line(slot);
    if (slot->stage == MPROC_SLOT_EMPTY || slot->retire)
        return;
    slot->retire = true;
    slot->handing_back = handing_back;
    if (slot->stage == MPROC_SLOT_UP)
        slot->stage = MPROC_SLOT_RETIRING;
    if (handing_back)
        atomic_store(&local->attention, true);
    atomic_store(&line->channel->retire, 1);
    mproc_line_wake_worker(line);
}

void mproc_slot_kill(mproc_slot_t *slot, int code) {
    if (slot->process == NULL || slot->kill_code != 0)
        return;
    slot->kill_code = code;
    mproc_slot_freeze(slot);
    (void)mplat_process_signal(slot->process, MPLAT_SIGNAL_KILL);
}

/* The pins are the slot's: a thread that came to the line before it left the slot is counted there. One that waits at the slot's
 * next line puts the burial off. */
void mproc_lines_bury(mproc_local_t *local) {
    mproc_line_t **place = &local->graveyard;
    if (*place == NULL || atomic_load(&local->waiting) != 0)
        return;
    while (*place != NULL) {
        mproc_line_t *line = *place;
        if (atomic_load(&line->slot->pins) > 0) {
            place = &line->next;
            continue;
        }
        *place = line->next;
        mproc_line_destroy(line);
    }
}

/* release gives back all of an ended worker. Threads may still look at its line. */
static void release(mproc_local_t *local, mproc_slot_t *slot) {
    mproc_line_t *line = mproc_slot_line(slot);
    atomic_store(&slot->line, NULL);
    mplat_watch_remove_process(local->watch, slot->process);
    mplat_watch_remove_bell(local->watch, line->bell);
    mproc_segments_drop(slot);
    release_process(slot);
    local->starting -= slot->stage == MPROC_SLOT_STARTING;
    slot->stage = MPROC_SLOT_EMPTY;
    line->next = local->graveyard;
    local->graveyard = line;
}

/* count_end keeps the statistics; true for an end as planned: by us, and not in the middle of a request. */
static bool count_end(mproc_local_t *local, mproc_slot_t *slot) {
    uint32_t stage = mproc_slot_stage(slot);
    if (stage == MPROC_STAGE_RETIRED && slot->retire && slot->kill_code == 0 && mproc_slot_sent(slot) == 0) {
        local->stats.workers_retired++;
        local->proven = true; /* one that was told to retire does not say when it is up */
        return true;
    }
    if (slot->kill_code == MPROC_ETASKTIMEOUT || slot->kill_code == MPROC_ECANCELLED)
        local->stats.workers_killed++;
    else if (stage == MPROC_STAGE_UP || stage == MPROC_STAGE_RETIRED)
        local->stats.workers_crashed++;
    else {
        local->stats.workers_failed_start++;
        slot->failed_starts++;
    }
    return false;
}

static void break_pool(mproc_local_t *local, const mproc_slot_t *slot, const mproc_report_t *last) {
    mproc_report_t report;
    mproc_error_t error = last->error;
    char message[2048];
    if (local->deaths <= local->options.restart_limit)
        (void)snprintf(message, sizeof message, "Worker %d cannot be replaced, so no more are started. %.1500s",
                       slot->index, last->error.message);
    else
        (void)snprintf(message, sizeof message,
                       "%d workers ended within %" PRId64
                       " ms and none of them finished a task, so no more are started. The last: "
                       "%.1500s",
                       local->deaths, local->options.restart_window_ms, last->error.message);
    error.message = message;
    mproc_report_init(&report);
    (void)mproc_report_set(&report, &error);
    local->broken = true;
    local->events->broken(local->context, &report);
    mproc_report_fini(&report);
}

/* plan_restart decides when the slot is filled again: at once, unless workers die one after the other, or its own do not come up
 * while those of other slots do well. */
static void plan_restart(mproc_local_t *local, mproc_slot_t *slot, bool planned, const mproc_report_t *report) {
    int64_t now = mplat_clock_ns();
    slot->restart_ns = now;
    if (planned || slot->kill_code == MPROC_ETASKTIMEOUT || slot->kill_code == MPROC_ECANCELLED)
        return;
    if (local->deaths == 0 || now - local->deaths_ns > local->options.restart_window_ms * MS) {
        local->deaths = 0;
        local->deaths_ns = now;
    }
    local->deaths++;
    bool misfit = slot->misfit || (slot->silent && !local->proven);
    if ((misfit || local->deaths > local->options.restart_limit) && !local->broken && !local->stopping) {
        break_pool(local, slot, report);
        return;
    }
    int row = local->deaths - local->wanted > slot->failed_starts ? local->deaths - local->wanted : slot->failed_starts;
    if (row > 1) {
        int64_t delay = RESTART_FIRST_MS << (row > 7 ? 7 : row);
        slot->restart_ns = now + (delay > RESTART_MOST_MS ? RESTART_MOST_MS : delay) * MS;
    }
}

static void end(mproc_local_t *local, mproc_slot_t *slot) {
    mproc_report_t report;
    int64_t pid = slot->pid;
    mproc_report_init(&report);
    mproc_slot_receive(local, slot);
    bool planned = count_end(local, slot);
    slot->retire = true; /* a handler submits nothing more here */
    mproc_slot_abandon(local, slot, &report);
    release(local, slot);
    local->events->slot_down(local->context, slot->index, pid, planned ? NULL : &report);
    plan_restart(local, slot, planned, &report);
    mproc_report_fini(&report);
}

/* ---- what is due ------------------------------------------------------------------------------------------------------------ */

static void fill(mproc_local_t *local, mproc_slot_t *slot, int64_t now_ns) {
    if (slot->index >= local->wanted || local->stopping || local->broken || now_ns < slot->restart_ns)
        return;
    if (mproc_slot_start(local, slot) == MPROC_OK)
        return;
    mproc_report_t report;
    mproc_report_init(&report);
    (void)mproc_report_set(&report, mproc_last_error());
    slot->kill_code = 0;
    local->stats.workers_failed_start++;
    plan_restart(local, slot, false, &report);
    if (slot->restart_ns <= now_ns)
        slot->restart_ns = now_ns + RESTART_FIRST_MS * MS;
    mproc_report_fini(&report);
}

static void come_up(mproc_local_t *local, mproc_slot_t *slot, int64_t now_ns) {
    slot->looked_ns = now_ns;
    uint32_t stage = atomic_load_explicit(&mproc_slot_line(slot)->channel->worker_stage, memory_order_acquire);
    if (stage == MPROC_STAGE_UP || stage == MPROC_STAGE_RETIRED) {
        local->starting--;
        slot->failed_starts = 0;
        local->proven = true;
        slot->stage = slot->retire ? MPROC_SLOT_RETIRING : MPROC_SLOT_UP;
        /* From here on: where a start takes longer than the age, no worker would ever do a task. */
        if (local->options.max_age_ms > 0)
            slot->retire_at_ns = now_ns + jittered(local, local->options.max_age_ms) * MS;
        if (!slot->retire)
            local->events->slot_up(local->context, slot->index, slot->pid);
    } else if (now_ns - slot->started_ns > local->options.start_timeout_ms * MS) {
        mproc_slot_kill(slot, MPROC_EINIT);
    }
}

static bool too_large(const mproc_local_t *local, mproc_slot_t *slot, int64_t now_ns) {
    mplat_usage_t usage = {0};
    if (local->options.max_memory_bytes == 0 || slot->tasks_done == slot->tasks_checked ||
        now_ns < slot->checked_ns + MEMORY_EVERY_NS)
        return false;
    slot->tasks_checked = slot->tasks_done;
    slot->checked_ns = now_ns;
    (void)mplat_process_usage(slot->process, &usage);
    /* Where nobody tells the size of now, its largest is the next best. */
    uint64_t size = usage.memory_bytes > 0 ? usage.memory_bytes : usage.peak_memory_bytes;
    return size > local->options.max_memory_bytes;
}

static void recycle(mproc_local_t *local, mproc_slot_t *slot, int64_t now_ns) {
    if (slot->tasks_limit > 0 && slot->tasks_done >= slot->tasks_limit)
        mproc_slot_retire(local, slot, false);
    else if (now_ns >= slot->retire_at_ns || slot->index >= local->wanted || too_large(local, slot, now_ns))
        mproc_slot_retire(local, slot, true);
}

void mproc_slot_attend(mproc_local_t *local, mproc_slot_t *slot, int64_t now_ns) {
    if (slot->stage == MPROC_SLOT_EMPTY) {
        fill(local, slot, now_ns);
        return;
    }
    if (slot->stage == MPROC_SLOT_STARTING)
        come_up(local, slot, now_ns);
    if (slot->stage == MPROC_SLOT_UP)
        recycle(local, slot, now_ns);
    if (slot->handing_back) {
        slot->handing_back = false;
        mproc_slot_freeze(slot);
    }
    if (atomic_load_explicit(&mproc_slot_line(slot)->exited, memory_order_acquire))
        end(local, slot);
}

static int64_t memory_due(const mproc_local_t *local, const mproc_slot_t *slot) {
    bool due = local->options.max_memory_bytes > 0 && slot->tasks_done != slot->tasks_checked;
    return due ? slot->checked_ns + MEMORY_EVERY_NS : INT64_MAX;
}

int64_t mproc_slot_due(const mproc_local_t *local, const mproc_slot_t *slot) {
    int64_t memory = INT64_MAX, timeout = slot->started_ns + local->options.start_timeout_ms * MS + 1;
    switch (slot->stage) {
    case MPROC_SLOT_EMPTY:
        return slot->index >= local->wanted || local->stopping || local->broken ? INT64_MAX : slot->restart_ns;
    case MPROC_SLOT_STARTING:
        if (slot->kill_code != 0)
            return INT64_MAX;
        /* An initializer may have overwritten that its worker is to ring once it is up. */
        return timeout - slot->looked_ns < local->look_every_ns ? timeout : slot->looked_ns + local->look_every_ns;
    case MPROC_SLOT_UP:
        memory = memory_due(local, slot);
        return memory < slot->retire_at_ns ? memory : slot->retire_at_ns;
    default:
        return INT64_MAX;
    }
}

void mproc_slot_free(mproc_local_t *local, mproc_slot_t *slot, int64_t until_ns) {
    if (mproc_slot_line(slot) != NULL) {
        int64_t left_ms = (until_ns - mplat_clock_ns()) / MS;
        mproc_slot_kill(slot, MPROC_ECANCELLED);
        /* A process that the system cannot end now, because a driver or file server does not answer it, is reaped later. */
        (void)mplat_process_wait(slot->process, left_ms > 0 ? left_ms : 0);
        release(local, slot);
    }
    mproc_free(slot);
}
