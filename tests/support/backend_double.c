/* SPDX-License-Identifier: Apache-2.0 */
/* backend_double.c: the scripted backend. One pool at a time; its state is the program's. */
#include "backend_double.h"

#include "platform/platform.h"
#include "test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef enum { EVENT_UP, EVENT_DOWN, EVENT_STARTED, EVENT_FINISHED, EVENT_RETURNED, EVENT_BROKEN } event_kind_t;

typedef struct event {
    struct event *next;
    event_kind_t kind;
    int slot;
    int64_t pid; /* of the slot, as it was then */
    mproc_work_t *work;
    mproc_reply_t reply;
    mproc_report_t report;
    bool planned;
} event_t;

typedef struct slot {
    bool up;
    bool begun;
    int ups, kills, late_kills, cancels, kill_code;
    size_t count;
    uint32_t item;
    int64_t since_ns;
    mproc_work_t *works[DOUBLE_WORKS];
} slot_t;

static struct {
    mproc_backend_t backend;
    const mproc_backend_events_t *events;
    void *context;
    mproc_mutex_t *mutex; /* of what follows: the test's thread and the core's meet here */
    mproc_condition_t *condition;
    slot_t slots[DOUBLE_SLOTS];
    event_t *first, **last;
    bool automatic, late, woken, slot_woken, asleep, stopping;
    int refuse, stops, leaves, settles;
    size_t room;
} d;

/* ---- events ---------------------------------------------------------------------------------------------------------- */

static void lock(void) {
    mproc_mutex_lock(d.mutex);
}

static void unlock(void) {
    mproc_mutex_unlock(d.mutex);
}

static event_t *post(event_kind_t kind, int slot, mproc_work_t *work) {
    event_t *event = calloc(1, sizeof *event);
    if (event == NULL)
        abort();
    event->kind = kind;
    event->slot = slot;
    event->pid = 1000 + 10 * slot + d.slots[slot].ups - 1;
    event->work = work;
    mproc_report_init(&event->report);
    *d.last = event;
    d.last = &event->next;
    mproc_condition_broadcast(d.condition);
    return event;
}

static size_t result_size(const mproc_work_t *work) {
    return work->kind == MPROC_WORK_CALL ? 8 : sizeof(mproc_record_t) + 16;
}

/* What the tasks gave: each item's index, where the work wants it. */
static void write_results(event_t *event, uint32_t count) {
    const mproc_work_t *work = event->work;
    event->reply.succeeded = count;
    if (work->kind == MPROC_WORK_ARRAY && work->output != NULL) {
        for (uint32_t i = 0; i < count; i++)
            memcpy((char *)work->output + (size_t)i * work->output_size, &(int64_t){work->first + i},
                   work->output_size < 8 ? work->output_size : 8);
        return;
    }
    if (count == 0)
        return;
    event->reply.size = count * result_size(work);
    char *data = calloc(1, event->reply.size);
    if (data == NULL)
        abort();
    event->reply.data = data;
    event->reply.outcome = MPROC_OUTCOME_BYTES;
    for (uint32_t i = 0; i < count; i++, data += result_size(work)) {
        size_t header = work->kind == MPROC_WORK_CALL ? 0 : sizeof(mproc_record_t);
        if (header > 0)
            memcpy(data, &(mproc_record_t){.outcome = MPROC_OUTCOME_BYTES, .size = 8}, header);
        memcpy(data + header, &(int64_t){work->first + i}, 8);
    }
}

static mproc_work_t *take_first(slot_t *slot) {
    mproc_work_t *work = slot->works[0];
    memmove(slot->works, slot->works + 1, (DOUBLE_WORKS - 1) * sizeof(mproc_work_t *));
    slot->works[--slot->count] = NULL;
    slot->begun = false;
    slot->item = 0;
    return work;
}

static void end_first(int slot, uint32_t succeeded, uint32_t failed, int code, int64_t run_ns) {
    mproc_work_t *work = take_first(&d.slots[slot]);
    event_t *event = post(EVENT_FINISHED, slot, work);
    write_results(event, succeeded);
    event->reply.run_ns = run_ns;
    if (failed > 0) {
        mproc_error_t error = mproc_no_error;
        error.code = code;
        error.message = "as the test says";
        (void)mproc_report_set(&event->report, &error);
        event->reply.failed = failed;
        event->reply.failure = &event->report;
    }
}

static void go_down(int slot, uint32_t succeeded, int code) {
    slot_t *s = &d.slots[slot];
    if (s->count > 0 && s->begun)
        end_first(slot, succeeded, 1, code, 0);
    while (s->count > 0)
        post(EVENT_RETURNED, slot, take_first(s));
    s->up = false;
    event_t *event = post(EVENT_DOWN, slot, NULL);
    mproc_error_t error = mproc_no_error;
    error.code = code;
    (void)mproc_report_set(&event->report, &error);
}

static void stop_idle(void) {
    for (int i = 0; d.stopping && i < DOUBLE_SLOTS; i++) {
        if (!d.slots[i].up || d.slots[i].count > 0)
            continue;
        d.slots[i].up = false;
        post(EVENT_DOWN, i, NULL)->planned = true;
    }
}

static void deliver(event_t *event) {
    if (event->kind == EVENT_UP)
        d.events->slot_up(d.context, event->slot, event->pid);
    else if (event->kind == EVENT_DOWN)
        d.events->slot_down(d.context, event->slot, event->pid, event->planned ? NULL : &event->report);
    else if (event->kind == EVENT_STARTED)
        d.events->started(d.context, event->slot, event->work);
    else if (event->kind == EVENT_FINISHED)
        d.events->finished(d.context, event->slot, event->work, &event->reply);
    else if (event->kind == EVENT_RETURNED)
        d.events->returned(d.context, event->slot, event->work);
    else
        d.events->broken(d.context, &event->report);
}

/* ---- the operations ---------------------------------------------------------------------------------------------------- */

static int op_resize(mproc_backend_t *backend, int slots) {
    (void)backend;
    (void)slots;
    return MPROC_OK;
}

static size_t op_room(mproc_backend_t *backend, int slot) {
    (void)backend;
    lock();
    size_t room = d.slots[slot].up && d.slots[slot].count < d.room ? d.room - d.slots[slot].count : 0;
    unlock();
    return room;
}

static int op_submit(mproc_backend_t *backend, int slot, mproc_work_t *work) {
    (void)backend;
    lock();
    slot_t *s = &d.slots[slot];
    int err = d.refuse;
    if (err == MPROC_OK) {
        s->works[s->count++] = work;
        if (d.automatic)
            end_first(slot, work->count, 0, 0, 1000);
    }
    unlock();
    return err == MPROC_OK ? MPROC_OK : mproc_fail(err, "the double refuses");
}

static void op_flush(mproc_backend_t *backend, int slot) {
    (void)backend;
    (void)slot;
}

/* It tells of every reply: whether the core hears of what it need not shows in no test. */
static void op_heed(mproc_backend_t *backend, int slot, const mproc_work_t *work) {
    (void)backend;
    (void)slot;
    (void)work;
}

static bool op_revoke(mproc_backend_t *backend, int slot, mproc_work_t *work) {
    slot_t *s = &d.slots[slot];
    bool found = false;
    (void)backend;
    lock();
    for (size_t i = s->begun ? 1 : 0; i < s->count && !found; i++) {
        if (s->works[i] != work)
            continue;
        memmove(s->works + i, s->works + i + 1, (s->count - i - 1) * sizeof(mproc_work_t *));
        s->count--;
        found = true;
    }
    unlock();
    return found;
}

static bool op_running(mproc_backend_t *backend, int slot, mproc_work_t **out_work, uint32_t *out_item,
                       int64_t *out_since_ns) {
    slot_t *s = &d.slots[slot < DOUBLE_SLOTS ? slot : 0];
    (void)backend;
    lock();
    bool running = s->begun && s->count > 0;
    *out_work = s->works[0];
    *out_item = s->item;
    *out_since_ns = s->since_ns;
    unlock();
    return running;
}

static void op_cancel(mproc_backend_t *backend, int slot, mproc_work_t *work) {
    (void)backend;
    (void)work;
    lock();
    d.slots[slot].cancels++;
    unlock();
}

static void begin_first(int slot) {
    slot_t *s = &d.slots[slot];
    if (s->count == 0)
        return;
    s->begun = true;
    s->since_ns = mplat_clock_ns();
    if (s->works[0]->watch)
        post(EVENT_STARTED, slot, s->works[0]);
}

static void move_on(int slot) {
    slot_t *s = &d.slots[slot];
    s->since_ns = mplat_clock_ns();
    if (++s->item < s->works[0]->count)
        return;
    end_first(slot, s->works[0]->count, 0, 0, 0);
    begin_first(slot);
}

static bool op_kill(mproc_backend_t *backend, int slot, const mproc_work_t *work, uint32_t item, int code) {
    slot_t *s = &d.slots[slot];
    (void)backend;
    lock();
    if (d.late && s->begun && s->works[0] == work)
        move_on(slot);
    d.late = false;
    bool in_time = s->begun && s->works[0] == work && (item == MPROC_ANY_ITEM || item == s->item);
    if (in_time) {
        s->kills++;
        s->kill_code = code;
        go_down(slot, s->item, code);
    } else {
        s->late_kills++;
    }
    unlock();
    return in_time;
}

static void op_poll(mproc_backend_t *backend) {
    (void)backend;
    lock();
    stop_idle();
    while (d.first != NULL) {
        event_t *event = d.first;
        d.first = event->next;
        if (d.first == NULL)
            d.last = &d.first;
        unlock();
        deliver(event);
        mproc_report_fini(&event->report);
        free((void *)(uintptr_t)event->reply.data);
        free(event);
        lock();
        stop_idle();
    }
    unlock();
}

static void op_wait(mproc_backend_t *backend, int64_t timeout_ns) {
    (void)backend;
    lock();
    if (d.first == NULL && !d.woken) {
        d.asleep = true;
        mproc_condition_broadcast(d.condition);
        mproc_condition_wait(d.condition, d.mutex, timeout_ns);
        d.asleep = false;
    }
    d.woken = false;
    unlock();
}

static void op_wake(mproc_backend_t *backend) {
    (void)backend;
    lock();
    d.woken = true;
    mproc_condition_broadcast(d.condition);
    unlock();
}

static bool op_slot_ready(mproc_backend_t *backend, int slot) {
    (void)backend;
    (void)slot;
    lock();
    bool ready = d.first != NULL;
    unlock();
    return ready;
}

static void op_wait_slot(mproc_backend_t *backend, int slot, const _Atomic uint32_t *done, int64_t timeout_ns) {
    (void)backend;
    (void)slot;
    lock();
    if (d.first == NULL && atomic_load(done) == 0 && !d.slot_woken)
        mproc_condition_wait(d.condition, d.mutex, timeout_ns);
    d.slot_woken = false;
    unlock();
}

static void op_wake_slot(mproc_backend_t *backend, int slot) {
    (void)backend;
    (void)slot;
    lock();
    d.slot_woken = true;
    mproc_condition_broadcast(d.condition);
    unlock();
}

static void op_stop(mproc_backend_t *backend, bool gently) {
    (void)backend;
    lock();
    d.stops++;
    d.stopping = true;
    for (int i = 0; !gently && i < DOUBLE_SLOTS; i++) {
        if (d.slots[i].up)
            go_down(i, d.slots[i].item, MPROC_ECANCELLED);
    }
    mproc_condition_broadcast(d.condition);
    unlock();
}

static void op_stats(mproc_backend_t *backend, mproc_pool_stats_t *stats) {
    (void)backend;
    lock();
    stats->workers = 0;
    for (int i = 0; i < DOUBLE_SLOTS; i++)
        stats->workers += d.slots[i].up ? 1 : 0;
    if (d.first != NULL)
        stats->workers++;
    unlock();
}

static void op_leave(mproc_backend_t *backend) {
    (void)backend;
    lock();
    d.leaves++;
    unlock();
}

static void op_settle(mproc_backend_t *backend) {
    (void)backend;
    lock();
    d.settles++;
    unlock();
}

static atomic_int destroyed;

static void op_destroy(mproc_backend_t *backend) {
    (void)backend;
    mproc_condition_destroy(d.condition);
    mproc_mutex_destroy(d.mutex);
    atomic_fetch_add(&destroyed, 1);
}

static const mproc_backend_ops_t double_ops = {
    .resize = op_resize,
    .room = op_room,
    .submit = op_submit,
    .flush = op_flush,
    .heed = op_heed,
    .revoke = op_revoke,
    .running = op_running,
    .cancel = op_cancel,
    .kill = op_kill,
    .poll = op_poll,
    .wait = op_wait,
    .wake = op_wake,
    .slot_ready = op_slot_ready,
    .wait_slot = op_wait_slot,
    .wake_slot = op_wake_slot,
    .stop = op_stop,
    .stats = op_stats,
    .leave = op_leave,
    .settle = op_settle,
    .destroy = op_destroy,
};

static int create_double(const mproc_pool_options_t *options, const mproc_backend_events_t *events, void *context,
                         mproc_backend_t **out_backend) {
    (void)options;
    memset(&d, 0, sizeof d);
    d.backend.ops = &double_ops;
    d.events = events;
    d.context = context;
    d.last = &d.first;
    d.room = 16;
    *out_backend = NULL;
    int err = mproc_mutex_create(&d.mutex);
    if (err == MPROC_OK)
        err = mproc_condition_create(&d.condition);
    if (err == MPROC_OK)
        *out_backend = &d.backend;
    else
        mproc_mutex_destroy(d.mutex);
    return err;
}

/* ---- the test's side ------------------------------------------------------------------------------------------------------ */

mproc_pool_t *double_pool(const mproc_pool_options_t *options, int slots) {
    mproc_pool_options_t complete = {.processes = slots};
    mproc_pool_t *pool = NULL;
    if (options != NULL)
        complete = *options;
    complete.processes = slots;
    if (mproc_pool_create_with(&complete, create_double, &pool) != MPROC_OK)
        return NULL;
    return pool;
}

void double_up(int slot) {
    lock();
    d.slots[slot].up = true;
    d.slots[slot].ups++;
    post(EVENT_UP, slot, NULL);
    unlock();
}

void double_all_up(int slots) {
    for (int i = 0; i < slots; i++)
        double_up(i);
    double_settle();
}

void double_begin(int slot) {
    lock();
    begin_first(slot);
    unlock();
}

void double_be_late(bool late) {
    lock();
    d.late = late;
    unlock();
}

void double_item(int slot, uint32_t item) {
    lock();
    d.slots[slot].item = item;
    d.slots[slot].since_ns = mplat_clock_ns();
    unlock();
}

void double_end(int slot, uint32_t succeeded, uint32_t failed, int code, int64_t run_ns) {
    lock();
    if (d.slots[slot].count > 0)
        end_first(slot, succeeded, failed, code, run_ns);
    unlock();
}

void double_done(int slot) {
    lock();
    if (d.slots[slot].count > 0)
        end_first(slot, d.slots[slot].works[0]->count, 0, 0, 0);
    unlock();
}

void double_die(int slot, uint32_t succeeded) {
    lock();
    go_down(slot, succeeded, MPROC_EDIED);
    unlock();
}

void double_break(int code) {
    lock();
    mproc_error_t error = mproc_no_error;
    error.code = code;
    error.message = "the workers die too often";
    (void)mproc_report_set(&post(EVENT_BROKEN, 0, NULL)->report, &error);
    unlock();
}

void double_automatic(bool on) {
    lock();
    d.automatic = on;
    for (int i = 0; on && i < DOUBLE_SLOTS; i++) {
        while (d.slots[i].count > 0)
            end_first(i, d.slots[i].works[0]->count, 0, 0, 1000);
    }
    unlock();
}

void double_refuse(int code) {
    lock();
    d.refuse = code;
    unlock();
}

void double_set_room(size_t room) {
    lock();
    d.room = room;
    unlock();
}

void double_settle(void) {
    lock();
    while (d.first != NULL || d.woken || !d.asleep)
        mproc_condition_wait(d.condition, d.mutex, INT64_C(1000000));
    unlock();
}

size_t double_count(int slot) {
    lock();
    size_t count = d.slots[slot].count;
    unlock();
    return count;
}

int64_t double_first(int slot, size_t index) {
    lock();
    int64_t first = index < d.slots[slot].count ? d.slots[slot].works[index]->first : -1;
    unlock();
    return first;
}

size_t double_items(int slot, size_t index) {
    lock();
    size_t items = index < d.slots[slot].count ? d.slots[slot].works[index]->count : 0;
    unlock();
    return items;
}

int double_kills(int slot) {
    lock();
    int kills = d.slots[slot].kills;
    unlock();
    return kills;
}

int double_late_kills(int slot) {
    lock();
    int kills = d.slots[slot].late_kills;
    unlock();
    return kills;
}

int double_cancels(int slot) {
    lock();
    int cancels = d.slots[slot].cancels;
    unlock();
    return cancels;
}

int double_kill_code(int slot) {
    lock();
    int code = d.slots[slot].kill_code;
    unlock();
    return code;
}

int double_destroyed(void) {
    return atomic_load(&destroyed);
}

int double_stops(void) {
    lock();
    int stops = d.stops;
    unlock();
    return stops;
}

int double_leaves(void) {
    lock();
    int leaves = d.leaves;
    unlock();
    return leaves;
}

int double_settles(void) {
    lock();
    int settles = d.settles;
    unlock();
    return settles;
}
