/* SPDX-License-Identifier: Apache-2.0 */
/* failure.c: the last failure of each thread, and what a system code means for us. */
#include "system.h"

/* Older headers of mingw-w64 lack them. */
#ifndef ERROR_VIRUS_INFECTED
#define ERROR_VIRUS_INFECTED 225
#endif
#ifndef ERROR_ELEVATION_REQUIRED
#define ERROR_ELEVATION_REQUIRED 740
#endif

/* Slots of the system's and no _Thread_local: mingw's emulation of that takes memory and a semaphore at its first
 * use, and aborts when there is none. A failure for want of memory must not. */
static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
static DWORD code_slot = TLS_OUT_OF_INDEXES, step_slot = TLS_OUT_OF_INDEXES;

static BOOL CALLBACK create_slots(INIT_ONCE *unused, void *argument, void **context) {
    (void)unused;
    (void)argument;
    (void)context;
    code_slot = TlsAlloc();
    step_slot = TlsAlloc();
    return TRUE;
}

static void note(DWORD os_code, const char *step) {
    InitOnceExecuteOnce(&once, create_slots, NULL, NULL);
    TlsSetValue(code_slot, (void *)(uintptr_t)os_code);
    TlsSetValue(step_slot, (void *)(uintptr_t)step);
}

mplat_failure_t mplat_failure(void) {
    InitOnceExecuteOnce(&once, create_slots, NULL, NULL);
    const char *step = TlsGetValue(step_slot);
    return (mplat_failure_t){(int)(uintptr_t)TlsGetValue(code_slot), step != NULL ? step : ""};
}

static const struct {
    DWORD os_code;
    mplat_error_t err;
} meanings[] = {
    {ERROR_INVALID_PARAMETER, MPLAT_EINVAL},
    {ERROR_INVALID_HANDLE, MPLAT_EINVAL},
    {ERROR_NOT_ENOUGH_MEMORY, MPLAT_ENOMEM},
    {ERROR_OUTOFMEMORY, MPLAT_ENOMEM},
    {ERROR_COMMITMENT_LIMIT, MPLAT_ENOMEM},
    {ERROR_NOT_ENOUGH_QUOTA, MPLAT_ENOMEM},
    {ERROR_WORKING_SET_QUOTA, MPLAT_ENOMEM},
    {ERROR_PAGEFILE_QUOTA, MPLAT_ENOMEM},
    {WAIT_TIMEOUT, MPLAT_ETIMEDOUT},
    {ERROR_SEM_TIMEOUT, MPLAT_ETIMEDOUT},
    {ERROR_FILE_NOT_FOUND, MPLAT_ENOTFOUND},
    {ERROR_PATH_NOT_FOUND, MPLAT_ENOTFOUND},
    {ERROR_INVALID_NAME, MPLAT_ENOTFOUND},
    {ERROR_BAD_PATHNAME, MPLAT_ENOTFOUND},
    {ERROR_INVALID_DRIVE, MPLAT_ENOTFOUND},
    {ERROR_BAD_NETPATH, MPLAT_ENOTFOUND},
    {ERROR_DIRECTORY, MPLAT_ENOTFOUND},
    {ERROR_MOD_NOT_FOUND, MPLAT_ENOTFOUND},
    {ERROR_ACCESS_DENIED, MPLAT_EACCESS},
    {ERROR_SHARING_VIOLATION, MPLAT_EACCESS},
    {ERROR_PRIVILEGE_NOT_HELD, MPLAT_EACCESS},
    {ERROR_ELEVATION_REQUIRED, MPLAT_EACCESS},
    {ERROR_ACCESS_DISABLED_BY_POLICY, MPLAT_EACCESS},
    {ERROR_VIRUS_INFECTED, MPLAT_EACCESS},
    {ERROR_NO_PROC_SLOTS, MPLAT_ENOPROCS},
    {ERROR_MAX_THRDS_REACHED, MPLAT_ENOPROCS},
    {ERROR_TOO_MANY_OPEN_FILES, MPLAT_ENOHANDLES},
    {ERROR_NO_SYSTEM_RESOURCES, MPLAT_ENOHANDLES},
    {ERROR_NOT_SUPPORTED, MPLAT_ENOTSUP},
    {ERROR_CALL_NOT_IMPLEMENTED, MPLAT_ENOTSUP},
    {ERROR_BROKEN_PIPE, MPLAT_ECLOSED},
    {ERROR_NO_DATA, MPLAT_ECLOSED},
    {ERROR_PIPE_NOT_CONNECTED, MPLAT_ECLOSED},
    {ERROR_HANDLE_EOF, MPLAT_ECLOSED},
    {ERROR_FILENAME_EXCED_RANGE, MPLAT_ETOOBIG},
    {ERROR_BUFFER_OVERFLOW, MPLAT_ETOOBIG},
    {ERROR_BAD_EXE_FORMAT, MPLAT_ENOEXEC},
    {ERROR_EXE_MACHINE_TYPE_MISMATCH, MPLAT_ENOEXEC},
    {ERROR_INVALID_EXE_SIGNATURE, MPLAT_ENOEXEC},
    {ERROR_EXE_MARKED_INVALID, MPLAT_ENOEXEC},
};

static int meaning(DWORD os_code) {
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].os_code == os_code)
            return meanings[i].err;
    return MPLAT_ESYSTEM;
}

int mplat_fail(int err, const char *step) {
    note(0, step);
    return err;
}

int mplat_fail_os(DWORD os_code, const char *step) {
    note(os_code, step);
    return meaning(os_code);
}

int mplat_fail_last(const char *step) {
    return mplat_fail_os(GetLastError(), step);
}

const char *mplat_os_error_text(int os_code, char *buf, size_t size) {
    wchar_t wide[512];
    DWORD count = 0;
    if (size == 0)
        return buf;
    buf[0] = '\0';
    if (os_code != 0)
        count = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, (DWORD)os_code, 0,
                               wide, sizeof wide / sizeof wide[0], NULL);
    while (count > 0 && (wide[count - 1] == L'\r' || wide[count - 1] == L'\n' || wide[count - 1] == L' '))
        count--;
    /* A sentence that does not fit is cut at a character's end, never left out. */
    while (count > 0 && mplat_wide_to_utf8(wide, count, buf, size) != 0)
        count--;
    return buf;
}
