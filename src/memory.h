/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h: the one place where the library takes memory from the heap, and where tests make it run out. */
#ifndef MPROC_SRC_MEMORY_H
#define MPROC_SRC_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* All blocks are aligned for any type, 16 bytes at least. NULL means no memory: none of these sets the last error,
 * since only the caller knows what the memory was for (mproc_fail_memory says it). Any thread. */

void *mproc_alloc(size_t size);

/* mproc_alloc_zero takes count * size bytes, filled with zero; NULL also when the product is too large to be. */
void *mproc_alloc_zero(size_t count, size_t size);

/* mproc_realloc changes a block's size; block may be NULL. The old block stays as it is when it returns NULL. */
void *mproc_realloc(void *block, size_t size);

void mproc_free(void *block);

char *mproc_strdup(const char *text);

/* For tests. mproc_memory_fail_at makes the n-th request from now fail, in whatever thread, 1 being the next; 0
 * none. mproc_memory_pending tells how many are still to come before that one, 0 when it has failed or none was
 * asked for. */
void mproc_memory_fail_at(uint64_t n);
uint64_t mproc_memory_pending(void);

/* mproc_memory_call_at has call run by the thread that makes the n-th request from now, which does not fail for that. */
void mproc_memory_call_at(uint64_t n, void (*call)(void));

/* mproc_memory_live counts the blocks that are taken and not freed. */
size_t mproc_memory_live(void);

#endif
