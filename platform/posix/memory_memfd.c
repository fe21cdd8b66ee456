/* SPDX-License-Identifier: Apache-2.0 */
/* memory_memfd.c: sizing, sealing and emptying of Linux's anonymous files. Its counterpart is memory_shm.c. */
#include "linux_abi.h"
#include "segment.h"

#include <errno.h>
#include <unistd.h>

/* No file system that may be full has these pages, so that none is taken before it is used. */
int mplat_memory_resize(int fd, off_t size) {
    return ftruncate(fd, size);
}

bool mplat_memory_seal(int fd) {
    const int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    if (fcntl(fd, F_ADD_SEALS, wanted) == 0)
        return true;
    /* EPERM: sealed before. What matters is that nobody can make it smaller under our feet (SIGBUS). */
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
}

void mplat_memory_discard(int fd, void *base, size_t offset, size_t size) {
    (void)base;
    int saved = errno;
    int done = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size);
    (void)done;
    errno = saved;
}
