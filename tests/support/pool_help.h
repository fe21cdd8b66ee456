/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of pools share, made of the public interface alone. Each REQUIREs success: after a failure the test is over. */
#ifndef TESTS_SUPPORT_POOL_HELP_H
#define TESTS_SUPPORT_POOL_HELP_H

#include <mproc/mproc.h>

/* Long enough for any wait that is to succeed; a test that needs it has failed. */
#define LONG_MS (30000 * test_time_scale())

/* warm_up_pool makes a pool and lets it run a task, for TEST_WARM_UP: it asserts nothing. */
void warm_up_pool(const mproc_task_t *task);

/* warm_up_process does the same with a Process, for tests of pools that start some beside. */
void warm_up_process(const mproc_task_t *task);

mproc_pool_t *pool_of(int processes);
mproc_pool_t *pool_with(const mproc_pool_options_t *options);

/* done waits for a result, releases it and gives its code; done_int gives the integer it returned, which must be one. */
int done(mproc_result_t *result);
int64_t done_int(mproc_result_t *result);

/* start submits a task whose only argument is a number. */
mproc_result_t *start(mproc_pool_t *pool, const mproc_task_t *task, int64_t number,
                      const mproc_task_options_t *options);

/* apply_int runs such a task and gives the integer it returned. */
int64_t apply_int(mproc_pool_t *pool, const mproc_task_t *task, int64_t number);

/* check_stats CHECKs that the counters of a pool without work add up. */
void check_stats(mproc_pool_t *pool);

/* end_pool closes, joins within LONG_MS, and destroys. */
void end_pool(mproc_pool_t *pool);

#endif
