/* SPDX-License-Identifier: Apache-2.0 */
/* capture.c: captures of the fake platform, and its standard error. */
#include <stdlib.h>
#include <string.h>

#include "platform/fake/state.h"

enum { STDERR_SIZE = 1 << 20 };

struct mplat_capture {
    mplat_handle_t read;
};

static fake_stderr_t how;
static char taken[STDERR_SIZE];
static size_t taken_size;

int mplat_capture_create(mplat_capture_t **out_capture, mplat_handle_t *out_write) {
    *out_capture = NULL;
    *out_write = MPLAT_NO_HANDLE;
    int err = state_injected(FAKE_CAPTURE_CREATE);
    mplat_capture_t *capture = err == 0 ? malloc(sizeof *capture) : NULL;
    if (capture == NULL)
        return err != 0 ? err : state_fail(MPLAT_ENOMEM, 0, "capture_create");
    err = mplat_pipe_create(&capture->read, out_write);
    if (err != 0)
        free(capture);
    else
        *out_capture = capture;
    return err;
}

object_t *capture_object_locked(mplat_capture_t *capture) {
    return handle_object_locked(capture->read);
}

int mplat_capture_read(mplat_capture_t *capture, void *buf, size_t size, size_t *out_size) {
    *out_size = 0;
    int err = state_injected(FAKE_CAPTURE_READ);
    return err != 0 ? err : mplat_pipe_read(capture->read, buf, size, 0, out_size);
}

void mplat_capture_destroy(mplat_capture_t *capture) {
    if (capture == NULL)
        return;
    mplat_handle_close(&capture->read);
    free(capture);
}

/* ---- standard error -------------------------------------------------------------------------------------------------- */

void stderr_reset_locked(void) {
    how = FAKE_STDERR_TAKES;
    taken_size = 0;
}

int mplat_stderr_open(mplat_handle_t *out_handle) {
    *out_handle = MPLAT_NO_HANDLE;
    int err = state_injected(FAKE_STDERR_OPEN);
    if (err != 0)
        return err;
    return how == FAKE_STDERR_NONE ? state_fail(MPLAT_ENOTFOUND, 0, "stderr_open") : mplat_null_open(out_handle);
}

int mplat_stderr_write(mplat_handle_t handle, const void *buf, size_t size, int64_t timeout_ms, size_t *out_size) {
    *out_size = 0;
    int err = state_injected(FAKE_STDERR_WRITE);
    if (err != 0)
        return err;
    monitor_enter();
    int64_t deadline = clock_deadline_ms_locked(timeout_ms);
    if (handle_object_locked(handle) == NULL)
        err = state_fail(MPLAT_EINVAL, 0, "stderr_write");
    while (err == 0 && how != FAKE_STDERR_TAKES)
        if (!state_wait_locked(deadline))
            err = state_fail(MPLAT_ETIMEDOUT, 0, "stderr_write");
    if (err == 0) {
        *out_size = size < STDERR_SIZE - taken_size ? size : STDERR_SIZE - taken_size;
        memcpy(taken + taken_size, buf, *out_size);
        taken_size += *out_size;
    }
    monitor_leave();
    return err;
}

void fake_set_stderr(fake_stderr_t change) {
    monitor_enter();
    how = change;
    monitor_changed();
    monitor_leave();
}

size_t fake_stderr_take(char *buf, size_t size) {
    monitor_enter();
    size_t count = taken_size < size ? taken_size : size - 1;
    memcpy(buf, taken, count);
    buf[count] = '\0';
    taken_size = 0;
    monitor_leave();
    return count;
}
