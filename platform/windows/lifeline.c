/* SPDX-License-Identifier: Apache-2.0 */
/* lifeline.c: the start of a child that mplat_spawn made, and its end. What ends it with its parent is a job
 * (job.c). */
#include "link.h"

#include <stdlib.h>

/* The system and the C run-time keep an environment each; a name that is removed from one can be in the other. */
static void remove_marker(void) {
    _wputenv(MPLAT_LINK_VARIABLE L"=");
    SetEnvironmentVariableW(MPLAT_LINK_VARIABLE, NULL);
}

int mplat_child_begin(mplat_link_t **out_link) {
    wchar_t marker[MPLAT_LINK_MARKER_SIZE];
    *out_link = NULL;
    SetLastError(ERROR_SUCCESS);
    DWORD length = GetEnvironmentVariableW(MPLAT_LINK_VARIABLE, marker, MPLAT_LINK_MARKER_SIZE);
    if (length == 0 && GetLastError() == ERROR_ENVVAR_NOT_FOUND)
        return 0;
    remove_marker();
    if (length == 0 || length >= MPLAT_LINK_MARKER_SIZE)
        return mplat_fail(MPLAT_EMALFORMED, "take link");
    return mplat_link_open(marker, out_link);
}

static BOOL WINAPI swallow_interrupt(DWORD event) {
    return event == CTRL_C_EVENT;
}

/* A handler and not SetConsoleCtrlHandler(NULL, TRUE): that one would be inherited by what this process starts. */
void mplat_child_ignore_interrupt(void) {
    SetConsoleCtrlHandler(swallow_interrupt, TRUE);
}

void mplat_child_ignore_broken_pipe(void) {}

_Noreturn void mplat_self_exit(int code) {
    /* ExitProcess would run the exit code of every DLL. */
    TerminateProcess(GetCurrentProcess(), (UINT)code);
    for (;;)
        Sleep(INFINITE);
}
