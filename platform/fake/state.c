/* SPDX-License-Identifier: Apache-2.0 */
/* state.c: failures that a test asked for, the clock that it moves, and what is open. */
#include "platform/fake/state.h"

#include <stdio.h>
#include <string.h>

enum { START_NS = 1000000000 };

typedef struct planned {
    unsigned left; /* calls until it fails; 0: none planned */
    int code;
    int os_code;
} planned_t;

static planned_t planned[FAKE_CALL_COUNT + 1];
static unsigned counts[FAKE_CALL_COUNT + 1];
static const char *const names[FAKE_CALL_COUNT] = {
#define X(name, text) text,
    FAKE_CALLS(X)
#undef X
};

static int64_t now_ns = START_NS;
static bool held;
static size_t open_count;
static size_t sleepers;

static _Thread_local mplat_failure_t failure = {0, ""};

mplat_failure_t mplat_failure(void) {
    return failure;
}

int state_fail(int code, int os_code, const char *step) {
    failure = (mplat_failure_t){.os_code = os_code, .step = step};
    return code;
}

const char *mplat_os_error_text(int os_code, char *buf, size_t size) {
    if (os_code == 0)
        snprintf(buf, size, "%s", "");
    else
        snprintf(buf, size, "system error %d", os_code);
    return buf;
}

static bool hits_locked(fake_call_t call) {
    counts[call]++;
    return planned[call].left > 0 && --planned[call].left == 0;
}

int state_injected(fake_call_t call) {
    monitor_enter();
    bool one = hits_locked(call), any = hits_locked(FAKE_ANY);
    planned_t plan = planned[one ? call : FAKE_ANY];
    monitor_leave();
    return one || any ? state_fail(plan.code, plan.os_code, names[call]) : 0;
}

void fake_fail(fake_call_t call, unsigned nth, int code, int os_code) {
    monitor_enter();
    planned[call] = (planned_t){.left = nth, .code = code, .os_code = os_code};
    monitor_leave();
}

unsigned fake_call_count(fake_call_t call) {
    monitor_enter();
    unsigned count = counts[call];
    monitor_leave();
    return count;
}

void failures_reset_locked(void) {
    memset(planned, 0, sizeof planned);
    memset(counts, 0, sizeof counts);
}

void state_opened_locked(void) {
    open_count++;
}

void state_closed_locked(void) {
    open_count--;
}

size_t fake_open_count(void) {
    monitor_enter();
    size_t count = open_count;
    monitor_leave();
    return count;
}

int64_t clock_now_locked(void) {
    return now_ns;
}

int64_t clock_deadline_ns_locked(int64_t timeout_ns) {
    return timeout_ns < 0 || timeout_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + timeout_ns;
}

int64_t clock_deadline_ms_locked(int64_t timeout_ms) {
    return timeout_ms > INT64_MAX / 1000000 ? INT64_MAX : clock_deadline_ns_locked(timeout_ms * 1000000);
}

int64_t mplat_clock_ns(void) {
    monitor_enter();
    int64_t now = now_ns;
    monitor_leave();
    return now;
}

/* 2001-09-09, so that no test takes it for the monotonic clock. */
int64_t mplat_wall_ns(void) {
    return INT64_C(1000000000000000000) + mplat_clock_ns();
}

void clock_reset_locked(void) {
    now_ns = START_NS;
    held = false;
}

void fake_clock_hold(void) {
    monitor_enter();
    held = true;
    monitor_leave();
}

void fake_clock_advance(int64_t ns) {
    monitor_enter();
    int64_t target = now_ns + ns;
    for (int64_t next = children_next_time_locked(); next <= target; next = children_next_time_locked()) {
        now_ns = next;
        children_step_locked();
    }
    now_ns = target;
    monitor_changed();
    monitor_leave();
}

size_t fake_sleepers(void) {
    monitor_enter();
    size_t count = sleepers;
    monitor_leave();
    return count;
}

bool state_wait_locked(int64_t deadline) {
    if (now_ns >= deadline)
        return false;
    int64_t next = children_next_time_locked();
    int64_t target = next < deadline ? next : deadline;
    if (!held && target != INT64_MAX) {
        now_ns = target;
        children_step_locked();
        monitor_changed();
        return true;
    }
    sleepers++;
    monitor_sleep();
    sleepers--;
    return true;
}

void mplat_sleep_ms(int64_t ms) {
    monitor_enter();
    int64_t deadline = clock_deadline_ms_locked(ms < 0 ? 0 : ms);
    while (state_wait_locked(deadline)) {}
    monitor_leave();
}

void fake_reset(void) {
    monitor_enter();
    children_reset_locked();
    handles_reset_locked();
    failures_reset_locked();
    clock_reset_locked();
    machine_reset_locked();
    stderr_reset_locked();
    open_count = 0;
    monitor_leave();
}
