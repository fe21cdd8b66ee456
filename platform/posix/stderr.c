/* SPDX-License-Identifier: Apache-2.0 */
/* stderr.c: writing to the standard error that this process shares with others, without waiting for its reader. */
#include "internal.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* As much as a pipe takes when it says that it is writable. */
enum { PIECE = PIPE_BUF };

/* A mode belongs to what was opened, which the shell and other processes use as well, so it must stay as it is. What can
 * make its writer wait is opened once more where that is possible, and this opening alone does not wait; a file never
 * makes anybody wait, and must keep the one place at which all of them write. */
static int open_again(void) {
    struct stat status;
    if (fstat(STDERR_FILENO, &status) != 0 || !(S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)))
        return -1;
    int fd = mplat_os_reopen(STDERR_FILENO, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int moved = mplat_sys.duplicate(fd);
    mplat_close(fd);
    return moved;
}

int mplat_stderr_open(mplat_handle_t *out_handle) {
    *out_handle = MPLAT_NO_HANDLE;
    if (fcntl(STDERR_FILENO, F_GETFD) < 0)
        return mplat_fail_as(MPLAT_ENOTFOUND, errno, "open standard error");
    int fd = open_again();
    if (fd >= 0) {
        *out_handle = fd;
        return 0;
    }
    return mplat_handle_duplicate(STDERR_FILENO, out_handle);
}

int mplat_stderr_write(mplat_handle_t handle, const void *buf, size_t size, int64_t timeout_ms, size_t *out_size) {
    int64_t deadline = mplat_deadline_ms(timeout_ms);
    int fd = mplat_fd(handle);
    *out_size = 0;
    for (;;) {
        int err = mplat_poll_one(fd, POLLOUT, deadline, "write standard error");
        if (err != 0)
            return err;
        ssize_t put = mplat_write_quietly(fd, buf, size < PIECE ? size : PIECE);
        if (put >= 0) {
            *out_size = (size_t)put;
            return 0;
        }
        if (errno != EAGAIN && errno != EINTR)
            return mplat_fail(errno, "write standard error");
    }
}
