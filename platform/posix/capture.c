/* SPDX-License-Identifier: Apache-2.0 */
/* capture.c: the reading end of a child's standard stream, which never waits. */
#include "capture.h"

#include "internal.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

struct mplat_capture {
    int fd;
};

int mplat_capture_create(mplat_capture_t **out_capture, mplat_handle_t *out_write) {
    int fds[2] = {-1, -1};
    *out_capture = NULL;
    *out_write = MPLAT_NO_HANDLE;
    mplat_capture_t *capture = mplat_sys.allocate(sizeof *capture);
    if (capture == NULL)
        return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "make capture");
    if (mplat_sys.pipe(fds) != 0) {
        int err = mplat_fail(errno, "pipe");
        free(capture);
        return err;
    }
    /* Each end has a mode of its own: the child's end blocks, as every program expects of a standard stream, and whatever
     * the child does to its end, this one never waits. */
    int flags = fcntl(fds[0], F_GETFL);
    (void)fcntl(fds[0], F_SETFL, flags | O_NONBLOCK);
    capture->fd = fds[0];
    *out_capture = capture;
    *out_write = fds[1];
    return 0;
}

int mplat_capture_fd(const mplat_capture_t *capture) {
    return capture->fd;
}

int mplat_capture_read(mplat_capture_t *capture, void *buf, size_t size, size_t *out_size) {
    ssize_t got;
    *out_size = 0;
    do
        got = mplat_sys.read(capture->fd, buf, size);
    while (got < 0 && errno == EINTR);
    if (got > 0) {
        *out_size = (size_t)got;
        return 0;
    }
    if (got == 0)
        return mplat_fail_as(MPLAT_ECLOSED, 0, "read capture");
    return errno == EAGAIN ? mplat_fail_as(MPLAT_ETIMEDOUT, 0, "read capture") : mplat_fail(errno, "read capture");
}

void mplat_capture_destroy(mplat_capture_t *capture) {
    if (capture == NULL)
        return;
    mplat_close(capture->fd);
    free(capture);
}
