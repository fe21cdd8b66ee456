/* SPDX-License-Identifier: Apache-2.0 */
/* wake_socket.c: sleeping on a word of shared memory where there are no futexes: a byte on a pair of sockets
 * wakes. Sockets and not a pipe, for the reason that bell_socket.c gives. Its counterpart is wake_futex.c. */
#include "internal.h"
#include "syscalls.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Both processes have both ends: who sleeps and who wakes is not fixed. */
struct mplat_wake {
    int heard, rung;
};

static int adopt(int heard, int rung, mplat_wake_t **out_wake) {
    mplat_wake_t *wake = mplat_sys.allocate(sizeof *wake);
    *out_wake = wake;
    if (wake == NULL) {
        mplat_close(heard);
        mplat_close(rung);
        return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "make wake");
    }
    *wake = (mplat_wake_t){heard, rung};
    return 0;
}

int mplat_wake_create(mplat_wake_t **out_wake) {
    int fds[2] = {-1, -1};
    *out_wake = NULL;
    return mplat_sys.socket_pair(fds) != 0 ? mplat_fail(errno, "socketpair") : adopt(fds[0], fds[1], out_wake);
}

size_t mplat_wake_handles(const mplat_wake_t *wake, mplat_handle_t handles[MPLAT_WAKE_HANDLES_MAX]) {
    handles[0] = wake->heard;
    handles[1] = wake->rung;
    return 2;
}

int mplat_wake_open(const mplat_handle_t *handles, size_t count, mplat_wake_t **out_wake) {
    *out_wake = NULL;
    if (count == 2 && mplat_fd(handles[0]) >= 0 && mplat_fd(handles[1]) >= 0)
        return adopt(mplat_fd(handles[0]), mplat_fd(handles[1]), out_wake);
    for (size_t i = 0; i < count; i++)
        mplat_close(mplat_fd(handles[i]));
    return mplat_fail_as(MPLAT_EMALFORMED, 0, "open wake");
}

int mplat_wake_wait(mplat_wake_t *wake, _Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns) {
    int64_t deadline = mplat_deadline_ns(timeout_ns);
    /* The waker changes the word before it sends, so a byte that comes after this look is for a later change at
     * worst. */
    if (atomic_load(word) != expected)
        return 0;
    int err = mplat_poll_one(wake->heard, POLLIN, deadline, "wait for wake");
    char bytes[256];
    while (err == 0 && recv(wake->heard, bytes, sizeof bytes, MSG_DONTWAIT) == (ssize_t)sizeof bytes)
        continue;
    return err == MPLAT_ETIMEDOUT && atomic_load(word) != expected ? 0 : err;
}

int mplat_wake_signal(mplat_wake_t *wake, _Atomic uint32_t *word) {
    int saved = errno;
    (void)word;
    bool closed = send(wake->rung, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && (errno == EBADF || errno == ENOTSOCK);
    int err = closed ? mplat_fail(EBADF, "signal wake") : 0;
    errno = saved;
    return err;
}

void mplat_wake_destroy(mplat_wake_t *wake) {
    if (wake == NULL)
        return;
    mplat_close(wake->heard);
    mplat_close(wake->rung);
    free(wake);
}
