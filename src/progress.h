/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h: how far the maps of a pool are, for a person at a terminal: a bar, or lines where there is no terminal. */
#ifndef MPROC_SRC_PROGRESS_H
#define MPROC_SRC_PROGRESS_H

#include "core.h"

/* mproc_progress_begin and _end are told of every map; both do nothing for a pool without a bar. With the lock. */
void mproc_progress_begin(mproc_pool_t *pool, mproc_map_t *map);
void mproc_progress_end(mproc_pool_t *pool, const mproc_map_t *map);

/* mproc_progress_due draws when the time has come: at most ten times a second. With the lock, by the pool's thread. */
void mproc_progress_due(mproc_pool_t *pool, int64_t now_ns);

int mproc_progress_create(mproc_pool_t *pool);
void mproc_progress_destroy(mproc_progress_bar_t *bar);

#endif
