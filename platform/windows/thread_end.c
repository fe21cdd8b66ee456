/* SPDX-License-Identifier: Apache-2.0 */
/* thread_end.c: what a thread still does when it ends, by fiber-local storage, which unlike the thread-local kind
 * calls back, and does so before the C run-time takes its own variables of the thread away. */
#include "system.h"

#include <winternl.h>

BOOLEAN NTAPI RtlDllShutdownInProgress(void);

static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
static DWORD slot = FLS_OUT_OF_INDEXES;

static void WINAPI run_end(void *value) {
    mplat_thread_end_t *end = value;
    /* The system calls back for one more thread, the one that exits the process. */
    if (end != NULL && !RtlDllShutdownInProgress())
        end->run(end);
}

/* Threads will end when a host has long unloaded the library that this code is in: so it stays. */
static BOOL CALLBACK create_slot(INIT_ONCE *unused, void *argument, void **context) {
    HMODULE module;
    (void)unused;
    (void)argument;
    (void)context;
    if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                            (LPCWSTR)(const void *)&slot, &module))
        return FALSE;
    slot = FlsAlloc(run_end);
    return slot != FLS_OUT_OF_INDEXES;
}

int mplat_thread_at_end(mplat_thread_end_t *end) {
    if (!InitOnceExecuteOnce(&once, create_slot, NULL, NULL))
        return mplat_fail_last("FlsAlloc");
    return FlsSetValue(slot, end) ? 0 : mplat_fail_last("FlsSetValue");
}
