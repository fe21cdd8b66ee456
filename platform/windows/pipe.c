/* SPDX-License-Identifier: Apache-2.0 */
/* pipe.c: one-way byte pipes between this process and the standard streams of a child. */
#include "syscalls.h"
#include "system.h"

/* Both ends are made for synchronous use, since either may become a standard stream, and a program that reads or writes
 * an overlapped handle as if it were a plain one can be told of an end that has not come, or have its stack written to
 * later. A wait with a deadline is then a blocking call which a timer cancels. */
enum { PIPE_BUFFER = 65536 };

/* The most that a write with a deadline hands over at once. A pipe takes a write that fits its buffer as a whole or,
 * when it is cancelled, not at all, so what was written is always known; and half the buffer keeps the reader busy
 * meanwhile. */
enum { TIMED_PIECE = PIPE_BUFFER / 2 };

int mplat_pipe_create(mplat_handle_t *out_read, mplat_handle_t *out_write) {
    HANDLE read_end = NULL, write_end = NULL;
    *out_read = *out_write = MPLAT_NO_HANDLE;
    if (!mplat_sys.CreatePipe(&read_end, &write_end, NULL, PIPE_BUFFER))
        return mplat_fail_last("CreatePipe");
    *out_read = (mplat_handle_t)read_end;
    *out_write = (mplat_handle_t)write_end;
    return 0;
}

static void CALLBACK cancel_thread(void *thread, BOOLEAN timed_out) {
    (void)timed_out;
    CancelSynchronousIo(thread);
}

/* A timer that breaks off the calling thread's blocking call when the deadline has passed. */
typedef struct alarm_timer {
    HANDLE thread, timer;
} alarm_timer_t;

static int alarm_set(alarm_timer_t *alarm, mplat_deadline_t deadline) {
    HANDLE self = GetCurrentProcess();
    if (deadline == INT64_MAX)
        return 0;
    if (!mplat_sys.DuplicateHandle(self, GetCurrentThread(), self, &alarm->thread, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return mplat_fail_last("duplicate thread handle");
    /* Again every millisecond: the first time the thread may not have reached the call yet. */
    if (!mplat_sys.CreateTimerQueueTimer(&alarm->timer, NULL, cancel_thread, alarm->thread,
                                         mplat_deadline_left(deadline), 1, WT_EXECUTEINTIMERTHREAD)) {
        mplat_close(&alarm->thread);
        return mplat_fail_last("CreateTimerQueueTimer");
    }
    return 0;
}

/* After this no cancellation is under way that could hit what the thread does next. */
static void alarm_clear(alarm_timer_t *alarm) {
    DWORD last_error = GetLastError();
    if (alarm->timer != NULL)
        DeleteTimerQueueTimer(NULL, alarm->timer, INVALID_HANDLE_VALUE);
    mplat_close(&alarm->thread);
    SetLastError(last_error);
}

static DWORD piece_of(size_t size, size_t most) {
    return (DWORD)(size < most ? size : most);
}

/* read_once reads what is there, or waits until the deadline for something. Nothing at all is no end: somebody wrote
 * zero bytes. */
static int read_once(HANDLE pipe, void *buf, DWORD size, mplat_deadline_t deadline, DWORD *out_count) {
    alarm_timer_t alarm = {NULL, NULL};
    DWORD available = 0;
    if (!PeekNamedPipe(pipe, NULL, 0, NULL, &available, NULL))
        return mplat_fail_last("PeekNamedPipe");
    if (available == 0) {
        if (mplat_deadline_left(deadline) == 0)
            return mplat_fail(MPLAT_ETIMEDOUT, "read pipe");
        int err = alarm_set(&alarm, deadline);
        if (err != 0)
            return err;
    }
    BOOL ok = mplat_sys.ReadFile(pipe, buf, size, out_count, NULL);
    alarm_clear(&alarm);
    if (ok || GetLastError() == ERROR_OPERATION_ABORTED)
        return 0;
    return mplat_fail_last("read pipe");
}

int mplat_pipe_read(mplat_handle_t pipe, void *buf, size_t size, int64_t timeout_ms, size_t *out_size) {
    mplat_deadline_t deadline = mplat_deadline_in_ms(timeout_ms);
    DWORD count = 0;
    int err = 0;
    *out_size = 0;
    if (!mplat_is_handle((HANDLE)pipe) || size == 0)
        return mplat_fail(MPLAT_EINVAL, "read pipe");
    while (err == 0 && count == 0)
        err = read_once((HANDLE)pipe, buf, piece_of(size, INT32_MAX), deadline, &count);
    *out_size = count;
    return err;
}

int mplat_pipe_write(mplat_handle_t pipe, const void *buf, size_t size, int64_t timeout_ms, size_t *out_size) {
    mplat_deadline_t deadline = mplat_deadline_in_ms(timeout_ms);
    alarm_timer_t alarm = {NULL, NULL};
    DWORD count = 0;
    *out_size = 0;
    if (!mplat_is_handle((HANDLE)pipe) || size == 0)
        return mplat_fail(MPLAT_EINVAL, "write pipe");
    int err = alarm_set(&alarm, deadline);
    if (err != 0)
        return err;
    DWORD piece = piece_of(size, deadline == INT64_MAX ? INT32_MAX : TIMED_PIECE);
    BOOL ok = mplat_sys.WriteFile((HANDLE)pipe, buf, piece, &count, NULL);
    alarm_clear(&alarm);
    *out_size = count;
    if (count > 0)
        return 0;
    if (ok || GetLastError() == ERROR_OPERATION_ABORTED)
        return mplat_fail(MPLAT_ETIMEDOUT, "write pipe");
    return mplat_fail_last("write pipe");
}
