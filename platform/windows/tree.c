/* SPDX-License-Identifier: Apache-2.0 */
/* tree.c: stops a child together with all that descends from it. */
#include "process.h"

/* The job ends all its processes in one step, so nobody in it can start another one meanwhile. It outlives the
 * child: what the child left behind is reached too. */
int mplat_process_signal_tree(mplat_process_t *process, mplat_signal_t signal) {
    if (signal == MPLAT_SIGNAL_INTERRUPT)
        return mplat_process_interrupt(process);
    if (TerminateJobObject(process->job, mplat_process_stop_code(process, signal)))
        return 0;
    return mplat_fail_last("TerminateJobObject");
}
