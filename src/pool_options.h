/* SPDX-License-Identifier: Apache-2.0 */
/* pool_options.h: options of pools and tasks, checked and completed. */
#ifndef MPROC_SRC_POOL_OPTIONS_H
#define MPROC_SRC_POOL_OPTIONS_H

#include <mproc/pool.h>

#include "core.h"

/* mproc_pool_options_complete copies options (NULL: all defaults) with the defaults filled in. MPROC_EINVAL says which is wrong.
 * Pointers stay the caller's. */
int mproc_pool_options_complete(const mproc_pool_options_t *options, mproc_pool_options_t *out_options);

/* mproc_task_options_complete does so for a task's. */
int mproc_task_options_complete(const mproc_task_options_t *options, mproc_task_options_t *out_options);

/* mproc_task_options_apply gives a job its options: time-outs, retries, bucket, callbacks. With the lock. MPROC_ENOMEM; what it
 * did until then goes with the job. options are complete; those that are all defaults cost nothing. */
int mproc_task_options_apply(mproc_pool_t *pool, mproc_result_t *job, const mproc_task_options_t *options);

#endif
