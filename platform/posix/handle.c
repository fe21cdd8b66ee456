/* SPDX-License-Identifier: Apache-2.0 */
/* handle.c: descriptors: close, duplicate, the null device, and waiting for many at once. */
#include "internal.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int mplat_fd(mplat_handle_t handle) {
    return handle < 0 || handle > INT_MAX ? -1 : (int)handle;
}

void mplat_close(int fd) {
    if (fd < 0)
        return;
    int saved = errno;
    /* Not again after EINTR: on Linux the descriptor is gone then, and its number may be another thread's already. */
    close(fd);
    errno = saved;
}

int mplat_above_streams(int fds[2]) {
    for (int i = 0; i < 2; i++) {
        if (fds[i] > STDERR_FILENO)
            continue;
        int moved = fcntl(fds[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        mplat_close(fds[i]);
        fds[i] = moved;
        if (moved < 0) {
            mplat_close(fds[1 - i]);
            return -1;
        }
    }
    return 0;
}

void mplat_handle_close(mplat_handle_t *handle) {
    mplat_close(mplat_fd(*handle));
    *handle = MPLAT_NO_HANDLE;
}

int mplat_handle_duplicate(mplat_handle_t handle, mplat_handle_t *out_handle) {
    int fd = mplat_sys.duplicate(mplat_fd(handle));
    *out_handle = fd < 0 ? MPLAT_NO_HANDLE : fd;
    /* The one EINVAL that F_DUPFD has here means: no number is free below the limit. */
    return fd >= 0 ? 0 : mplat_fail(errno == EINVAL ? EMFILE : errno, "duplicate handle");
}

int mplat_null_open(mplat_handle_t *out_handle) {
    int fd = mplat_sys.open("/dev/null", O_RDWR);
    *out_handle = fd < 0 ? MPLAT_NO_HANDLE : fd;
    return fd >= 0 ? 0 : mplat_fail(errno, "open /dev/null");
}

/* One poll over all of them, for the caller's array of count. */
static int wait_for(struct pollfd *fds, const mplat_handle_t *handles, size_t count, int64_t deadline,
                    bool *out_ready) {
    for (size_t i = 0; i < count; i++) {
        int fd = mplat_fd(handles[i]);
        if (fd < 0) /* poll itself passes over a negative descriptor */
            return mplat_fail(EBADF, "wait for handles");
        fds[i] = (struct pollfd){.fd = fd, .events = POLLIN, .revents = 0};
    }
    int ready = mplat_poll(fds, (nfds_t)count, deadline);
    if (ready < 0)
        return mplat_fail(errno, "wait for handles");
    for (size_t i = 0; i < count; i++)
        if ((fds[i].revents & POLLNVAL) != 0)
            return mplat_fail(EBADF, "wait for handles");
    for (size_t i = 0; i < count; i++)
        out_ready[i] = fds[i].revents != 0;
    return ready > 0 ? 0 : mplat_fail_as(MPLAT_ETIMEDOUT, 0, "wait for handles");
}

int mplat_handles_wait(const mplat_handle_t *handles, size_t count, int64_t timeout_ms, bool *out_ready) {
    struct pollfd few[32];
    struct pollfd *fds = few;
    int64_t deadline = mplat_deadline_ms(timeout_ms);
    if (count > 0)
        memset(out_ready, 0, count * sizeof *out_ready);
    if (count > sizeof few / sizeof few[0]) {
        fds = count > SIZE_MAX / sizeof *fds ? NULL : mplat_sys.allocate(count * sizeof *fds);
        if (fds == NULL)
            return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "wait for handles");
    }
    int err = wait_for(fds, handles, count, deadline, out_ready);
    if (fds != few)
        free(fds);
    return err;
}

ssize_t mplat_read_file(const char *path, void *buf, size_t size) {
    int fd = mplat_sys.open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    size_t used = 0;
    while (used < size) {
        ssize_t got = mplat_sys.read(fd, (char *)buf + used, size - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            mplat_close(fd);
            return -1;
        }
        if (got == 0)
            break;
        used += (size_t)got;
    }
    mplat_close(fd);
    return (ssize_t)used;
}
