/* SPDX-License-Identifier: Apache-2.0 */
/* memory_shm.c: POSIX shared memory can neither be sealed nor emptied in part, and may be on a file system that is full. Its
 * counterpart is memory_memfd.c. */
#include "internal.h"
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* A page that the file system has no room for is SIGBUS for whoever touches it, so all of them are taken now. A signal undoes the
 * whole work on some systems: with one every millisecond it would never end. */
static int reserve(int fd, off_t size) {
    mplat_signals_t signals;
    mplat_signals_hold(&signals);
    int err = posix_fallocate(fd, 0, size);
    mplat_signals_release(&signals);
    return err;
}

int mplat_memory_resize(int fd, off_t size) {
    int err = ftruncate(fd, size) == 0 ? reserve(fd, size) : errno;
    /* These are what systems say that cannot do it for such an object. */
    if (err == 0 || err == EINVAL || err == ENODEV || err == ENOTSUP || err == EOPNOTSUPP)
        return 0;
    errno = err;
    return -1;
}

bool mplat_memory_seal(int fd) {
    (void)fd;
    return true;
}

void mplat_memory_discard(int fd, void *base, size_t offset, size_t size) {
    (void)fd;
    posix_madvise((char *)base + offset, size, POSIX_MADV_DONTNEED);
}
