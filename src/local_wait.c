/* SPDX-License-Identifier: Apache-2.0 */
/* local_wait.c: sleeping until workers have done something: the pool's thread for all of them, a caller for one. */
#include "local.h"

#define PAUSES 50u /* as in worker.c: pauses, a few yields, then sleep */
#define YIELDS 100u
#define EVENTS 64
#define FAR_AHEAD (UINT32_C(1) << 28) /* requests */

/* has_begun: the oldest request has, and that is to be told. */
static bool has_begun(const mproc_line_t *line) {
    uint32_t watched = atomic_load_explicit(&line->watched, memory_order_relaxed);
    return watched != 0 &&
           atomic_load_explicit(&line->channel->requests[watched % MPROC_CHANNEL_SLOTS].state, memory_order_relaxed) ==
               mproc_channel_state(watched, MPROC_REQUEST_BEGUN);
}

/* Anything but what the slot held before is a response, or damage, which receiving sees to. */
bool mproc_line_ready(const mproc_line_t *line) {
    uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
    const mproc_response_slot_t *response = &line->channel->responses[head % MPROC_CHANNEL_SLOTS];
    uint32_t state = atomic_load_explicit(&response->state, memory_order_acquire);
    if (mproc_channel_unused(state, head))
        return has_begun(line) || atomic_load_explicit(&line->exited, memory_order_relaxed);
    if (state == mproc_channel_state(head, MPROC_RESPONSE_NEED) &&
        atomic_load_explicit(&line->channel->needs, memory_order_acquire) ==
            atomic_load_explicit(&line->answered, memory_order_relaxed))
        return atomic_load_explicit(&line->exited, memory_order_relaxed);
    return !atomic_load_explicit(&line->distrusted, memory_order_relaxed) ||
           atomic_load_explicit(&line->exited, memory_order_relaxed);
}

/* ---- the pool's thread -------------------------------------------------------------------------------------------------- */

/* arm_line sets the bell; true when what it is for has come meanwhile, or something else than a response. Far ahead when no
 * response is to ring: a worker that needs memory or has come up rings in any case. */
static bool arm_line(mproc_line_t *line) {
    _Atomic uint32_t *waits = &line->channel->parent_waits;
    uint32_t head = atomic_load_explicit(&line->head, memory_order_relaxed);
    bool heeds = atomic_load_explicit(&line->heeds, memory_order_relaxed);
    uint32_t heed = heeds ? atomic_load_explicit(&line->heed, memory_order_relaxed) : head + FAR_AHEAD;
    uint32_t old = atomic_load_explicit(waits, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(waits, &old,
                                         (old & MPROC_WAIT_DIRECT) | MPROC_WAIT_BELL | heed << MPROC_WAIT_SHIFT))
        ;
    if (!mproc_line_ready(line))
        return false;
    uint32_t state = atomic_load(&line->channel->responses[head % MPROC_CHANNEL_SLOTS].state);
    bool plain = state == mproc_channel_state(head, MPROC_RESPONSE_DONE) ||
                 state == mproc_channel_state(head, MPROC_RESPONSE_SKIPPED);
    if (!plain || (heeds && (int32_t)(heed - head) <= 0))
        return true;
    state = atomic_load(&line->channel->responses[heed % MPROC_CHANNEL_SLOTS].state);
    return heeds && (state == mproc_channel_state(heed, MPROC_RESPONSE_DONE) ||
                     state == mproc_channel_state(heed, MPROC_RESPONSE_SKIPPED));
}

/* arm_bells has every worker ring that nobody else waits for. true: something has come meanwhile. */
static bool arm_bells(mproc_local_t *local) {
    bool ready = false;
    int count = atomic_load_explicit(&local->capacity, memory_order_acquire);
    for (int i = 0; i < count; i++) {
        mproc_slot_t *slot = local->slots[i];
        mproc_line_t *line = atomic_load(&slot->line);
        if (line == NULL || atomic_load(&slot->polling) > 0)
            continue;
        ready = arm_line(line) || ready;
    }
    return ready;
}

void mproc_line_arm(mproc_local_t *local, mproc_slot_t *slot, mproc_line_t *line) {
    /* Either this sees that the pool's thread sleeps, or that thread sees what the caller has stored: what to heed, and work out. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!atomic_load(&local->asleep) || atomic_load(&slot->polling) > 0)
        return;
    if (atomic_load_explicit(&local->deaf, memory_order_relaxed) || arm_line(line))
        mproc_local_wake(&local->backend);
}

/* end_sleep ends the sleep of a thread in wait_slot. */
static void end_sleep(mproc_line_t *line) {
    _Atomic uint32_t *waits = &line->channel->parent_waits;
    if (atomic_fetch_and(waits, ~MPROC_WAIT_DIRECT) & MPROC_WAIT_DIRECT)
        mplat_wake_signal(line->direct_wake, waits);
}

static void note_exit(mproc_local_t *local, mproc_line_t *line) {
    atomic_store(&line->exited, true);
    atomic_store(&local->attention, true);
    end_sleep(line);
}

static bool has_work_out(const mproc_local_t *local) {
    int words = (atomic_load_explicit(&local->capacity, memory_order_relaxed) + 63) / 64;
    for (int i = 0; i < words; i++) {
        if (atomic_load_explicit(&local->busy[i], memory_order_relaxed) != 0)
            return true;
    }
    return false;
}

/* nearest is the shorter of two times, of which a negative one has no end. */
static int64_t nearest(int64_t timeout_ns, int64_t other_ns) {
    return timeout_ns < 0 || other_ns < timeout_ns ? other_ns : timeout_ns;
}

/* next_look is when the pool's thread is to look after slots: for their own times, and once in a while if there is work out. */
static int64_t next_look(mproc_local_t *local, bool busy) {
    int64_t due = atomic_load(&local->due_ns);
    if (!busy) {
        local->look_ns = 0;
        return due;
    }
    int64_t now = mplat_clock_ns();
    if (local->look_ns != 0 && now >= local->look_ns) {
        atomic_store(&local->nudge, true);
        local->look_ns = 0;
        return now; /* so that somebody polls */
    }
    if (local->look_ns == 0)
        local->look_ns = now + local->look_every_ns;
    return local->look_ns < due ? local->look_ns : due;
}

void mproc_local_wait(mproc_backend_t *backend, int64_t timeout_ns) {
    mproc_local_t *local = (mproc_local_t *)backend;
    mplat_watch_event_t events[EVENTS];
    size_t count = 0;
    bool busy = has_work_out(local);
    int64_t next = next_look(local, busy);
    if (next != INT64_MAX) {
        int64_t left = next - mplat_clock_ns();
        timeout_ns = nearest(timeout_ns, left < 0 ? 0 : left);
    }
    atomic_store(&local->deaf, !busy && (timeout_ns < 0 || timeout_ns > local->look_every_ns));
    /* No line is freed while this is set. */
    atomic_store(&local->waiting, 1);
    atomic_store(&local->asleep, true);
    atomic_thread_fence(memory_order_seq_cst); /* as in mproc_line_arm */
    bool ready = arm_bells(local);
    if (!busy && has_work_out(local)) /* since it was looked for, and nobody saw this thread sleep */
        timeout_ns = nearest(timeout_ns, local->look_every_ns);
    if (mplat_watch_wait(local->watch, ready ? 0 : timeout_ns, events, EVENTS, &count) != MPLAT_OK)
        count = 0;
    atomic_store(&local->asleep, false);
    for (size_t i = 0; i < count; i++) {
        if (events[i].kind == MPLAT_WATCH_EXIT)
            note_exit(local, events[i].key);
        else if (events[i].kind == MPLAT_WATCH_CAPTURE)
            mproc_relay_look(local->relay, events[i].key);
    }
    atomic_store(&local->waiting, 0);
}

void mproc_local_wake(mproc_backend_t *backend) {
    mplat_watch_wake(((mproc_local_t *)backend)->watch);
}

/* ---- a caller ------------------------------------------------------------------------------------------------------------- */

/* enter_line keeps the slot's line from being freed until leave_line: the line is taken out of the slot first and freed once
 * nobody is counted here. NULL: there is none. */
static mproc_line_t *enter_line(mproc_slot_t *slot) {
    (void)atomic_fetch_add(&slot->pins, 1);
    mproc_line_t *line = atomic_load(&slot->line);
    if (line == NULL)
        (void)atomic_fetch_sub(&slot->pins, 1);
    return line;
}

static void leave_line(mproc_slot_t *slot) {
    (void)atomic_fetch_sub(&slot->pins, 1);
}

static mproc_slot_t *slot_at(mproc_backend_t *backend, int index) {
    return ((mproc_local_t *)backend)->slots[index];
}

bool mproc_local_slot_ready(mproc_backend_t *backend, int index) {
    mproc_slot_t *slot = slot_at(backend, index);
    mproc_line_t *line = enter_line(slot);
    if (line == NULL)
        return true; /* the slot went down: a poll says what became of its works */
    bool ready = mproc_line_ready(line);
    leave_line(slot);
    return ready;
}

static bool may_go(const mproc_line_t *line, const _Atomic uint32_t *done) {
    return mproc_line_ready(line) || atomic_load_explicit(done, memory_order_acquire) != 0;
}

static bool poll_line(const mproc_line_t *line, const _Atomic uint32_t *done) {
    for (unsigned i = 0; i < PAUSES; i++) {
        if (may_go(line, done))
            return true;
        mplat_cpu_relax();
    }
    for (unsigned i = 0; i < YIELDS; i++) {
        if (may_go(line, done))
            return true;
        mplat_thread_yield();
    }
    return may_go(line, done);
}

static void sleep_line(mproc_local_t *local, mproc_line_t *line, const _Atomic uint32_t *done, int64_t timeout_ns) {
    _Atomic uint32_t *waits = &line->channel->parent_waits;
    uint32_t expected = atomic_fetch_or(waits, MPROC_WAIT_DIRECT) | MPROC_WAIT_DIRECT;
    /* Either the worker sees the bit after its response, or this sees the response. */
    if (!may_go(line, done) && mplat_wake_wait(line->direct_wake, waits, expected,
                                               nearest(timeout_ns, local->look_every_ns)) == MPLAT_ETIMEDOUT)
        atomic_store(&local->nudge, true);
    (void)atomic_fetch_and(waits, ~MPROC_WAIT_DIRECT);
}

void mproc_local_wait_slot(mproc_backend_t *backend, int index, const _Atomic uint32_t *done, int64_t timeout_ns) {
    mproc_local_t *local = (mproc_local_t *)backend;
    mproc_slot_t *slot = slot_at(backend, index);
    mproc_line_t *line = enter_line(slot);
    if (line == NULL)
        return;
    (void)atomic_fetch_add(&slot->polling, 1);
    if (local->options.no_spin || !poll_line(line, done))
        sleep_line(local, line, done, timeout_ns);
    (void)atomic_fetch_sub(&slot->polling, 1);
    leave_line(slot);
}

void mproc_local_wake_slot(mproc_backend_t *backend, int index) {
    mproc_slot_t *slot = slot_at(backend, index);
    mproc_line_t *line = enter_line(slot);
    if (line == NULL)
        return;
    end_sleep(line);
    leave_line(slot);
}
