/* SPDX-License-Identifier: Apache-2.0 */
/* cases.h: what the cases share: their names for list.c, the tasks, and a warm pool. */
#ifndef MPROC_BENCH_CASES_H
#define MPROC_BENCH_CASES_H

#include <mproc/mproc.h>
#include <mproc/pool.h>

#include "bench.h"

#define GIB (1024.0 * 1024.0 * 1024.0)
#define MIB (1024.0 * 1024.0)

extern const bench_case_t case_process_start, case_process_start_large, case_process_16, case_process_memory;
extern const bench_case_t case_pool_apply, case_pool_apply_sleep_one_core, case_pool_apply_sleep_two_cores;
extern const bench_case_t case_pool_async, case_pool_map, case_pool_map_array, case_pool_map_chunk_1;
extern const bench_case_t case_pool_exchange_64_mib, case_pool_exchange_1_mib;
extern const bench_case_t case_pool_start_2, case_pool_start_16;
extern const bench_case_t case_pool_memory, case_pool_compute, case_pool_pending;

/* ---- tasks (tasks.c) ----------------------------------------------------------------------------------- */
MPROC_TASK_DECLARE(bench_nothing);      /* returns at once */
MPROC_TASK_DECLARE(bench_sleep);        /* sleeps until it is killed or cancelled */
MPROC_TASK_DECLARE(bench_pid);          /* returns its process id */
MPROC_TASK_DECLARE(bench_pin);          /* (int): binds its process to a processor */
MPROC_TASK_DECLARE(bench_square);       /* one int64_t in, its square out */
MPROC_TASK_DECLARE(bench_square_array); /* the same for its whole chunk */
MPROC_TASK_DECLARE(bench_copy);         /* its raw input is its result */
MPROC_TASK_DECLARE(bench_compute);      /* one uint32_t of steps in, a uint64_t out */
MPROC_TASK_DECLARE(bench_pending);      /* what a million waiting tasks cost, in bytes each */

/* ---- a pool whose workers are up and have run something (warm.c) --------------------------------------- */
int warm_pool_create(int workers, bool no_spin, mproc_pool_t **out_pool);

/* warm_pool_run_on_all runs a task on every worker and waits for all of them. */
int warm_pool_run_on_all(mproc_pool_t *pool, const mproc_task_t *task, const mproc_args_t *args);

/* warm_pool_destroy closes it and waits for its workers, so that their processor time is counted as ours.
 * Accepts NULL. */
void warm_pool_destroy(mproc_pool_t *pool);

#endif
