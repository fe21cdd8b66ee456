/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h: a pool's time line of workers and tasks, as events of Chrome's trace format: a row a worker, a bar a unit of work. */
#ifndef MPROC_SRC_TRACE_H
#define MPROC_SRC_TRACE_H

#include "core.h"

/* mproc_trace_default is the path that the environment's MPROC_TRACE asks for; NULL for none. In a child, which has the same
 * environment, its pid stands before the last dot, so that it does not write over its parent's file. */
const char *mproc_trace_default(void);

/* mproc_trace_open begins a pool's trace: pool->trace. MPROC_ESYSTEM when the file cannot be written. */
int mproc_trace_open(mproc_pool_t *pool, const char *path);

/* Each does nothing for a pool without a trace. With the pool's lock. */
void mproc_trace_work(mproc_pool_t *pool, const mproc_lane_t *lane, const mproc_work_t *work,
                      const mproc_reply_t *reply);
void mproc_trace_slot_up(mproc_pool_t *pool, int slot, int64_t pid);
void mproc_trace_slot_down(mproc_pool_t *pool, int slot, int64_t pid, const mproc_error_t *error);

/* mproc_trace_count notes how many items are not done, when that has changed; at most once a millisecond. */
void mproc_trace_count(mproc_pool_t *pool);

/* mproc_trace_flush writes what is kept: some time after each event. */
void mproc_trace_flush(mproc_pool_t *pool);

void mproc_trace_close(mproc_pool_t *pool);

#endif
