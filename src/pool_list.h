/* SPDX-License-Identifier: Apache-2.0 */
/* pool_list.h: all pools of the program, for its end, and the threads of pools that were destroyed in one of their callbacks. */
#ifndef MPROC_SRC_POOL_LIST_H
#define MPROC_SRC_POOL_LIST_H

#include <mproc/pool.h>

/* mproc_pools_fini terminates all pools and waits for their threads. Called by mproc_fini before processes are joined: an open
 * pool keeps no program from ending. */
void mproc_pools_fini(void);

/* mproc_pool_list_prepare takes what the list needs for a pool; MPROC_ENOMEM. From mproc_pool_list_add on, when it has all its parts,
 * the program's end sees it. mproc_pool_list_remove takes it out, if it is in, and waits while the program's end is at it. */
int mproc_pool_list_prepare(mproc_pool_t *pool);
void mproc_pool_list_add(mproc_pool_t *pool);
void mproc_pool_list_remove(mproc_pool_t *pool);

/* mproc_pool_finish frees a pool that has ended; its results stay (pool.c). */
void mproc_pool_finish(mproc_pool_t *pool);

/* mproc_pool_leave leaves a pool that has no thread and was destroyed in a callback to be freed when the next pool is made or freed,
 * or at the program's end: its callers are not out of it yet. With the pool's lock. */
void mproc_pool_leave(mproc_pool_t *pool);

/* mproc_pool_bury frees a pool in its own thread, at that thread's end; the thread is joined when the next pool is made or
 * freed, or at the program's end. */
void mproc_pool_bury(mproc_pool_t *pool);

#endif
