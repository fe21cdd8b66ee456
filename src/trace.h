/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h: a time line of workers and tasks, in the JSON that Chrome's and Perfetto's viewers read. */
#ifndef MPROC_SRC_TRACE_H
#define MPROC_SRC_TRACE_H

#include "core.h"

/* mproc_trace_open creates the file. MPROC_ESYSTEM when it cannot be written. */
int mproc_trace_open(const char *path, mproc_trace_t **out_trace);

/* With the pool's lock. Events are kept in a buffer of fixed size that is written when it is full; when the disk is, the rest
 * is dropped. */
void mproc_trace_work(mproc_trace_t *trace, const mproc_lane_t *lane, const mproc_work_t *work,
                      const mproc_reply_t *reply);
void mproc_trace_slot(mproc_trace_t *trace, int slot, int64_t pid, bool up);

void mproc_trace_close(mproc_trace_t *trace);

#endif
