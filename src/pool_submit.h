/* SPDX-License-Identifier: Apache-2.0 */
/* pool_submit.h: what every submit begins with. With the lock, except check. */
#ifndef MPROC_SRC_POOL_SUBMIT_H
#define MPROC_SRC_POOL_SUBMIT_H

#include "core.h"

/* mproc_pool_check answers a missing pool and a task that is not registered. */
int mproc_pool_check(const mproc_pool_t *pool, const mproc_task_t *task);

/* mproc_pool_admit waits until the queue has room, at most until the deadline in options, from which it takes what it waited.
 * MPROC_ECLOSED, the error of a broken pool, MPROC_EQUEUEFULL, MPROC_ESTATE in a callback that would have to wait. */
int mproc_pool_admit(mproc_pool_t *pool, mproc_task_options_t *options);

/* mproc_pool_until gives the time of the deadline in options, from now; INT64_MAX without one. mproc_pool_spend leaves in them what
 * is left until then, at least a millisecond. */
int64_t mproc_pool_until(const mproc_task_options_t *options);
void mproc_pool_spend(mproc_task_options_t *options, int64_t until_ns);

/* mproc_pool_discard takes a job back that has not been queued yet. */
void mproc_pool_discard(mproc_pool_t *pool, mproc_result_t *job);

#endif
