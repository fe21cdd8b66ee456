/* SPDX-License-Identifier: Apache-2.0 */
/* iter.h: the items of an imap on their way to its reader. */
#ifndef MPROC_SRC_ITER_H
#define MPROC_SRC_ITER_H

#include "core_map.h"

/* mproc_iter_create makes one for at most window items between pull and reader; NULL with an error. */
mproc_iter_t *mproc_iter_create(mproc_pool_t *pool, size_t window, bool ordered);

/* mproc_iter_begin lets its map go; with the lock. */
void mproc_iter_begin(mproc_iter_t *iter, mproc_map_t *map);

/* mproc_iter_free frees one that has not begun. */
void mproc_iter_free(mproc_iter_t *iter);

#endif
