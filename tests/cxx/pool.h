/* SPDX-License-Identifier: Apache-2.0 */
/* What pool.cpp does with a pool as a C++11 program, for the C tests beside it. Each gives 0, or the line that failed. */
#ifndef TESTS_CXX_POOL_H
#define TESTS_CXX_POOL_H

#include <mproc/mproc.h>

MPROC_BEGIN_DECLS

int cxx_pool_apply(mproc_pool_t *pool, int64_t timeout_ms);
int cxx_pool_map_structs(mproc_pool_t *pool);
int cxx_pool_starmap(mproc_pool_t *pool, int64_t timeout_ms);
int cxx_pool_pull(mproc_pool_t *pool, int64_t timeout_ms);
int cxx_pool_callback(mproc_pool_t *pool, int64_t timeout_ms);
int cxx_pool_options(int64_t timeout_ms);
int cxx_process_options(int64_t timeout_ms);

MPROC_TASK_DECLARE(cxx_join);

MPROC_END_DECLS

#endif
