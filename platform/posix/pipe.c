/* SPDX-License-Identifier: Apache-2.0 */
/* pipe.c: byte pipes with deadlines and without SIGPIPE. Links, which carry whole messages and handles, are in
 * link.c. */
#include "internal.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

int mplat_pipe_create(mplat_handle_t *out_read, mplat_handle_t *out_write) {
    int fds[2] = {-1, -1};
    int made = mplat_sys.pipe(fds);
    *out_read = made == 0 ? fds[0] : MPLAT_NO_HANDLE;
    *out_write = made == 0 ? fds[1] : MPLAT_NO_HANDLE;
    return made == 0 ? 0 : mplat_fail(errno, "pipe");
}

int mplat_pipe_read(mplat_handle_t pipe, void *buf, size_t size, int64_t timeout_ms, size_t *out_size) {
    int64_t deadline = mplat_deadline_ms(timeout_ms);
    int fd = mplat_fd(pipe);
    *out_size = 0;
    for (;;) {
        /* After POLLIN a read of a pipe does not block, also where the end is in blocking mode. */
        int err = mplat_poll_one(fd, POLLIN, deadline, "read pipe");
        if (err != 0)
            return err;
        ssize_t got = mplat_sys.read(fd, buf, size);
        if (got > 0 || (got == 0 && size == 0)) {
            *out_size = (size_t)got;
            return 0;
        }
        if (got == 0)
            return mplat_fail_as(MPLAT_ECLOSED, 0, "read pipe");
        if (errno != EAGAIN && errno != EINTR)
            return mplat_fail(errno, "read pipe");
    }
}

/* A pipe has no MSG_NOSIGNAL. SIGPIPE goes to the thread that writes, so it is enough to block it here and to take it
 * back, unless one was waiting already: that one is the host's. */
ssize_t mplat_write_quietly(int fd, const void *buf, size_t size) {
    sigset_t pipe_only, before, pending;
    int number;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t put = mplat_sys.write(fd, buf, size);
    int saved = errno;
    if (put < 0 && saved == EPIPE && !was_pending && sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1)
        sigwait(&pipe_only, &number);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return put;
}

int mplat_pipe_write(mplat_handle_t pipe, const void *buf, size_t size, int64_t timeout_ms, size_t *out_size) {
    int64_t deadline = mplat_deadline_ms(timeout_ms);
    int fd = mplat_fd(pipe);
    *out_size = 0;
    /* In blocking mode a write of more than PIPE_BUF waits until all has gone out, whatever the deadline. Only
     * this end is changed: the other has an open file description of its own. */
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || ((flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0))
        return mplat_fail(errno, "write pipe");
    for (;;) {
        ssize_t put = mplat_write_quietly(fd, buf, size);
        if (put >= 0) {
            *out_size = (size_t)put;
            return 0;
        }
        if (errno != EAGAIN && errno != EINTR)
            return mplat_fail(errno, "write pipe");
        int err = mplat_poll_one(fd, POLLOUT, deadline, "write pipe");
        if (err != 0)
            return err;
    }
}
