/* SPDX-License-Identifier: Apache-2.0 */
/* capture.c: the reading end of a child's standard stream, which never waits. */
#include "capture.h"

#include "pipe_named.h"
#include "syscalls.h"

#include <stdlib.h>

enum { PIPE_BUFFER = 65536 };

/* While the pipe is empty a read of nothing is pending: it ends when there is something, and takes none of it away. So all
 * that was written is always in the pipe, and a look at that tells how much. */
struct mplat_capture {
    HANDLE pipe;
    OVERLAPPED reading;
    bool pending;
};

static int await_bytes(mplat_capture_t *capture) {
    static unsigned char nothing;
    capture->reading = (OVERLAPPED){.hEvent = capture->reading.hEvent};
    if (mplat_sys.ReadFile(capture->pipe, &nothing, 0, NULL, &capture->reading) || GetLastError() == ERROR_IO_PENDING) {
        capture->pending = true;
        return 0;
    }
    int err = mplat_fail_last("read capture");
    SetEvent(capture->reading.hEvent);
    return err;
}

int mplat_capture_create(mplat_capture_t **out_capture, mplat_handle_t *out_write) {
    char id[MPLAT_NAMED_ID_SIZE + 1];
    HANDLE far_end = NULL;
    mplat_capture_t *capture = mplat_sys.calloc(1, sizeof *capture);
    *out_capture = NULL;
    *out_write = MPLAT_NO_HANDLE;
    if (capture == NULL)
        return mplat_fail(MPLAT_ENOMEM, "make capture");
    int err = mplat_named_id(id);
    if (err == 0)
        err = mplat_named_pipe(id, false, PIPE_BUFFER, &capture->pipe, &far_end);
    if (err == 0 && (capture->reading.hEvent = mplat_sys.CreateEventW(NULL, TRUE, FALSE, NULL)) == NULL)
        err = mplat_fail_last("CreateEvent");
    if (err == 0)
        err = await_bytes(capture);
    if (err != 0) {
        mplat_close(&far_end);
        mplat_capture_destroy(capture);
        return err;
    }
    *out_capture = capture;
    *out_write = (mplat_handle_t)far_end;
    return 0;
}

HANDLE mplat_capture_event(const mplat_capture_t *capture) {
    return capture->reading.hEvent;
}

/* The system also ends a pending read when the thread that began it ends. */
static void end_pending(mplat_capture_t *capture, bool wait) {
    DWORD none = 0;
    if (capture->pending && (wait || HasOverlappedIoCompleted(&capture->reading))) {
        (void)GetOverlappedResult(capture->pipe, &capture->reading, &none, TRUE);
        capture->pending = false;
    }
}

/* Its event stays set after a read, so that a watch looks again. */
static int take(mplat_capture_t *capture, void *buf, DWORD size, size_t *out_size) {
    DWORD count = 0;
    end_pending(capture, true);
    capture->reading = (OVERLAPPED){.hEvent = capture->reading.hEvent};
    if (!mplat_sys.ReadFile(capture->pipe, buf, size, NULL, &capture->reading) && GetLastError() != ERROR_IO_PENDING)
        return mplat_fail_last("read capture");
    if (!GetOverlappedResult(capture->pipe, &capture->reading, &count, TRUE))
        return mplat_fail_last("read capture");
    *out_size = count;
    return 0;
}

int mplat_capture_read(mplat_capture_t *capture, void *buf, size_t size, size_t *out_size) {
    DWORD available = 0;
    *out_size = 0;
    end_pending(capture, false);
    if (!PeekNamedPipe(capture->pipe, NULL, 0, NULL, &available, NULL))
        return mplat_fail_last("read capture");
    if (available > 0)
        return take(capture, buf, size < available ? (DWORD)size : available, out_size);
    if (!capture->pending) {
        int err = await_bytes(capture);
        if (err != 0)
            return err;
    }
    return mplat_fail(MPLAT_ETIMEDOUT, "read capture");
}

void mplat_capture_destroy(mplat_capture_t *capture) {
    DWORD last_error = GetLastError();
    if (capture == NULL)
        return;
    if (capture->pending)
        CancelIoEx(capture->pipe, &capture->reading);
    end_pending(capture, true);
    mplat_close(&capture->pipe);
    mplat_close(&capture->reading.hEvent);
    free(capture);
    SetLastError(last_error);
}
