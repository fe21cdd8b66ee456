/* SPDX-License-Identifier: Apache-2.0 */
/* bell_socket.c: a bell is a pair of sockets, and a byte on it a ring. Sockets and not a pipe, because with them
 * each call says that it must not wait; a pipe's mode belongs to both sides, and the peer could change it. Its
 * counterpart is bell_eventfd.c. */
#include "bell.h"
#include "internal.h"
#include "syscalls.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

struct mplat_bell {
    int heard, rung; /* heard is -1 on the ringing side */
};

static int adopt(int heard, int rung, mplat_bell_t **out_bell) {
    mplat_bell_t *bell = mplat_sys.allocate(sizeof *bell);
    *out_bell = bell;
    if (bell == NULL) {
        mplat_close(heard);
        mplat_close(rung);
        return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "make bell");
    }
    *bell = (mplat_bell_t){heard, rung};
    return 0;
}

int mplat_bell_create(mplat_bell_t **out_bell) {
    int fds[2] = {-1, -1};
    *out_bell = NULL;
    return mplat_sys.socket_pair(fds) != 0 ? mplat_fail(errno, "socketpair") : adopt(fds[0], fds[1], out_bell);
}

mplat_handle_t mplat_bell_handle(const mplat_bell_t *bell) {
    return bell->rung;
}

int mplat_bell_open(mplat_handle_t handle, mplat_bell_t **out_bell) {
    *out_bell = NULL;
    return mplat_fd(handle) < 0 ? mplat_fail(EBADF, "open bell") : adopt(-1, mplat_fd(handle), out_bell);
}

int mplat_bell_ring(mplat_bell_t *bell) {
    int saved = errno;
    /* When it does not fit, more than one ring is waiting to be heard. */
    bool closed = send(bell->rung, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && (errno == EBADF || errno == ENOTSOCK);
    int err = closed ? mplat_fail(EBADF, "ring bell") : 0;
    errno = saved;
    return err;
}

void mplat_bell_destroy(mplat_bell_t *bell) {
    if (bell == NULL)
        return;
    mplat_close(bell->heard);
    mplat_close(bell->rung);
    free(bell);
}

int mplat_bell_heard_fd(const mplat_bell_t *bell) {
    return bell->heard;
}

void mplat_bell_silence(int heard_fd) {
    char bytes[256];
    while (recv(heard_fd, bytes, sizeof bytes, MSG_DONTWAIT) == (ssize_t)sizeof bytes)
        continue;
}
