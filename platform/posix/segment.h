/* SPDX-License-Identifier: Apache-2.0 */
/* segment.h: what differs between systems in anonymous shared memory: memory_memfd.c or memory_shm.c. */
#ifndef MPLAT_POSIX_SEGMENT_H
#define MPLAT_POSIX_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* mplat_memory_resize gives a segment that was just made its size; -1 and errno when the system has not so much memory, where
 * it can know that without touching it. */
int mplat_memory_resize(int fd, off_t size);

/* mplat_memory_seal fixes the size of a segment that was just made or received. False when somebody can still cut it,
 * although this system could rule that out. */
bool mplat_memory_seal(int fd);

/* mplat_memory_discard gives pages back. */
void mplat_memory_discard(int fd, void *base, size_t offset, size_t size);

#endif
