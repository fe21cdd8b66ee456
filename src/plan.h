/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h: how a child is to be started: the options of a process, or of a pool's workers, checked and copied (plan.c). */
#ifndef MPROC_SRC_PLAN_H
#define MPROC_SRC_PLAN_H

#include "bootstrap.h"
#include "platform/platform.h"

#include <mproc/process.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mproc_plan {
    const mproc_task_t *task; /* NULL: a worker without an initializer */
    unsigned char *args;      /* encoded */
    size_t args_size;
    unsigned char *input;
    size_t input_size;
    bool detached, result, own_group, environment_only;
    char **environment; /* one block with its strings; NULL for none */
    char *directory;
    mproc_stdio_t stdio[3]; /* path is a copy */
    mproc_limits_t limits;
    mproc_priority_t priority;
    uint64_t *affinity; /* MPLAT_AFFINITY_WORDS; NULL: as the parent */
    int64_t deadline_ms;
    mproc_value_limits_t values;
} mproc_plan_t;

/* mproc_plan_init checks the options and copies them; each has its own message. mproc_plan_init_worker does so for workers, which
 * may have no target. After a failure too the plan is to be finished. */
int mproc_plan_init(mproc_plan_t *plan, const mproc_process_options_t *options);
int mproc_plan_init_worker(mproc_plan_t *plan, const mproc_process_options_t *options);

/* mproc_plan_launch starts a child by the plan (launch.h). bootstrap says who it is to be; task, limits, arguments and input are
 * filled in here. standard_error takes the place of the plan's, unless it is MPLAT_NO_HANDLE. */
int mproc_plan_launch(const mproc_plan_t *plan, mproc_bootstrap_t *bootstrap, mplat_handle_t standard_error,
                      mplat_process_t **out_system, mplat_link_t **out_link);

/* mproc_plan_drop_payload frees what a process that is started once no longer needs. */
void mproc_plan_drop_payload(mproc_plan_t *plan);

void mproc_plan_fini(mproc_plan_t *plan);

#endif
