/* SPDX-License-Identifier: Apache-2.0 */
/* handle.c: closing, duplicating and waiting for handles of any kind. */
#include "syscalls.h"
#include "system.h"

#include <stdlib.h>

void mplat_close(HANDLE *handle) {
    DWORD last_error = GetLastError();
    if (mplat_is_handle(*handle))
        CloseHandle(*handle);
    *handle = NULL;
    SetLastError(last_error);
}

void mplat_handle_close(mplat_handle_t *handle) {
    HANDLE closing = (HANDLE)*handle;
    mplat_close(&closing);
    *handle = MPLAT_NO_HANDLE;
}

int mplat_handle_duplicate(mplat_handle_t handle, mplat_handle_t *out_handle) {
    HANDLE self = GetCurrentProcess();
    HANDLE copy = NULL;
    *out_handle = MPLAT_NO_HANDLE;
    if (!mplat_is_handle((HANDLE)handle))
        return mplat_fail(MPLAT_EINVAL, "duplicate handle");
    if (!mplat_sys.DuplicateHandle(self, (HANDLE)handle, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return mplat_fail_last("DuplicateHandle");
    *out_handle = (mplat_handle_t)copy;
    return 0;
}

int mplat_null_open(mplat_handle_t *out_handle) {
    HANDLE handle = mplat_sys.CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                          NULL, OPEN_EXISTING, 0, NULL);
    *out_handle = (mplat_handle_t)handle;
    return handle != INVALID_HANDLE_VALUE ? 0 : mplat_fail_last("open NUL");
}

/* look sets out_ready for each handle and returns how many are ready, or a failure. */
static int look(const mplat_handle_t *handles, size_t count, bool *out_ready, size_t *out_count) {
    *out_count = 0;
    for (size_t i = 0; i < count; i++)
        out_ready[i] = false;
    for (size_t i = 0; i < count; i++) {
        if (!mplat_is_handle((HANDLE)handles[i]))
            return mplat_fail(MPLAT_EINVAL, "wait for handles");
        DWORD result = WaitForSingleObject((HANDLE)handles[i], 0);
        if (result == WAIT_FAILED)
            return mplat_fail_last("WaitForSingleObject");
        out_ready[i] = result == WAIT_OBJECT_0;
        *out_count += out_ready[i];
    }
    return 0;
}

static int wait_few(const mplat_handle_t *handles, DWORD count, DWORD timeout_ms) {
    HANDLE objects[MAXIMUM_WAIT_OBJECTS];
    for (DWORD i = 0; i < count; i++)
        objects[i] = (HANDLE)handles[i];
    DWORD result = WaitForMultipleObjects(count, objects, FALSE, timeout_ms);
    return result != WAIT_FAILED ? 0 : mplat_fail_last("WaitForMultipleObjects");
}

static void CALLBACK set_event(void *event, BOOLEAN timed_out) {
    (void)timed_out;
    SetEvent(event);
}

/* WaitForMultipleObjects ends at 64 objects; the system's thread pool does not. */
static int wait_many(const mplat_handle_t *handles, size_t count, mplat_deadline_t deadline) {
    int err = 0;
    size_t registered = 0;
    HANDLE any = NULL;
    HANDLE *waits = mplat_sys.calloc(count, sizeof *waits);
    if (waits == NULL) {
        err = mplat_fail(MPLAT_ENOMEM, "wait for handles");
        goto done;
    }
    any = mplat_sys.CreateEventW(NULL, TRUE, FALSE, NULL);
    if (any == NULL) {
        err = mplat_fail_last("CreateEvent");
        goto done;
    }
    for (; registered < count; registered++) {
        if (!mplat_sys.RegisterWaitForSingleObject(&waits[registered], (HANDLE)handles[registered], set_event, any,
                                                   INFINITE, WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD)) {
            err = mplat_fail_last("RegisterWaitForSingleObject");
            goto done;
        }
    }
    err = mplat_wait_object(any, deadline);
    if (err == MPLAT_ETIMEDOUT)
        err = 0;
done:
    /* INVALID_HANDLE_VALUE: come back only when no callback can touch the event any more. */
    while (registered > 0)
        UnregisterWaitEx(waits[--registered], INVALID_HANDLE_VALUE);
    mplat_close(&any);
    free(waits);
    return err;
}

int mplat_handles_wait(const mplat_handle_t *handles, size_t count, int64_t timeout_ms, bool *out_ready) {
    mplat_deadline_t deadline = mplat_deadline_in_ms(timeout_ms);
    for (;;) {
        DWORD left = mplat_deadline_left(deadline);
        size_t ready = 0;
        int err = look(handles, count, out_ready, &ready);
        if (err != 0 || ready > 0)
            return err;
        if (left == 0)
            return mplat_fail(MPLAT_ETIMEDOUT, "wait for handles");
        if (count == 0)
            Sleep(left);
        else if (count <= MAXIMUM_WAIT_OBJECTS)
            err = wait_few(handles, (DWORD)count, left);
        else
            err = wait_many(handles, count, deadline);
        if (err != 0)
            return err;
    }
}
