/* SPDX-License-Identifier: Apache-2.0 */
/* bell_eventfd.c: a bell is an eventfd that is only ever added to. Nobody reads it: the watch asks for edges. So a
 * peer that puts it into blocking mode or empties it cannot make the watch wait. Its counterpart is bell_socket.c. */
#include "bell.h"
#include "internal.h"
#include "syscalls.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct mplat_bell {
    int fd;
};

static int adopt(int fd, mplat_bell_t **out_bell) {
    mplat_bell_t *bell = mplat_sys.allocate(sizeof *bell);
    *out_bell = bell;
    if (bell == NULL) {
        mplat_close(fd);
        return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "make bell");
    }
    bell->fd = fd;
    return 0;
}

int mplat_bell_create(mplat_bell_t **out_bell) {
    int fd = mplat_sys.event_create();
    *out_bell = NULL;
    return fd < 0 ? mplat_fail(errno, "eventfd") : adopt(fd, out_bell);
}

mplat_handle_t mplat_bell_handle(const mplat_bell_t *bell) {
    return bell->fd;
}

int mplat_bell_open(mplat_handle_t handle, mplat_bell_t **out_bell) {
    *out_bell = NULL;
    return mplat_fd(handle) < 0 ? mplat_fail(EBADF, "open bell") : adopt(mplat_fd(handle), out_bell);
}

int mplat_bell_ring(mplat_bell_t *bell) {
    static const uint64_t one = 1;
    int saved = errno;
    int err = write(bell->fd, &one, sizeof one) < 0 && errno == EBADF ? mplat_fail(EBADF, "ring bell") : 0;
    errno = saved;
    return err;
}

void mplat_bell_destroy(mplat_bell_t *bell) {
    if (bell == NULL)
        return;
    mplat_close(bell->fd);
    free(bell);
}

int mplat_bell_heard_fd(const mplat_bell_t *bell) {
    return bell->fd;
}

void mplat_bell_silence(int heard_fd) {
    (void)heard_fd;
}
