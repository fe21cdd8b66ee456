/* SPDX-License-Identifier: Apache-2.0 */
/* memory_shm.c: POSIX shared memory can neither be sealed nor emptied in part. Its counterpart is memory_memfd.c. */
#include "segment.h"

#include <sys/mman.h>

bool mplat_memory_seal(int fd) {
    (void)fd;
    return true;
}

void mplat_memory_discard(int fd, void *base, size_t offset, size_t size) {
    (void)fd;
    posix_madvise((char *)base + offset, size, POSIX_MADV_DONTNEED);
}
