/* SPDX-License-Identifier: Apache-2.0 */
/* list.c: all cases, in the order of the table. */
#include "cases/cases.h"

const bench_case_t *const bench_cases[] = {
    &case_process_start,
    &case_process_start_large,
    &case_process_16,
    &case_process_memory,
    &case_pool_apply,
    &case_pool_apply_sleep_one_core,
    &case_pool_apply_sleep_two_cores,
    &case_pool_async,
    &case_pool_map,
    &case_pool_map_array,
    &case_pool_map_chunk_1,
    &case_pool_exchange_64_mib,
    &case_pool_exchange_1_mib,
    &case_pool_start_2,
    &case_pool_start_16,
    &case_pool_memory,
    &case_pool_compute,
    &case_pool_pending,
    NULL,
};
