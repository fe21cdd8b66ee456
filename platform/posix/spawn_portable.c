/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_portable.c: fork is the only way to start a child here. */
#include "spawn.h"

pid_t mplat_os_process_start(const mplat_spawn_plan_t *plan, int *out_pidfd, int32_t *out_failed_step) {
    return mplat_process_start_by_fork(plan, out_pidfd, out_failed_step);
}
