/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_windows.c: the fake platform's lock by a slim lock, and the real end of a thread. */
#include "platform/fake/monitor.h"

#include <windows.h>

#include "platform/fake/state.h"

static SRWLOCK lock = SRWLOCK_INIT;
static CONDITION_VARIABLE change = CONDITION_VARIABLE_INIT;

void monitor_enter(void) {
    AcquireSRWLockExclusive(&lock);
}

void monitor_leave(void) {
    ReleaseSRWLockExclusive(&lock);
}

void monitor_sleep(void) {
    SleepConditionVariableSRW(&change, &lock, INFINITE, 0);
}

void monitor_changed(void) {
    WakeAllConditionVariable(&change);
}

static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
static DWORD slot = FLS_OUT_OF_INDEXES;

/* Fiber-local storage is the one that calls back when a thread ends. */
static VOID WINAPI run_end(PVOID value) {
    mplat_thread_end_t *end = value;
    if (end != NULL)
        end->run(end);
}

static BOOL CALLBACK create_slot(PINIT_ONCE unused, PVOID argument, PVOID *context) {
    (void)unused;
    (void)argument;
    (void)context;
    slot = FlsAlloc(run_end);
    return TRUE;
}

int mplat_thread_at_end(mplat_thread_end_t *end) {
    int err = state_injected(FAKE_THREAD_AT_END);
    if (err != 0)
        return err;
    InitOnceExecuteOnce(&once, create_slot, NULL, NULL);
    return FlsSetValue(slot, end) ? 0 : MPLAT_ENOMEM;
}
