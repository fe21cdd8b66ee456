/* SPDX-License-Identifier: Apache-2.0 */
/* tree_group.c: a process and its descendants where nobody can list them: those that stayed in its group. Its
 * counterpart is tree_proc.c. */
#include "internal.h"
#include "process.h"

#include <errno.h>
#include <signal.h>

int mplat_process_signal_tree(mplat_process_t *process, mplat_signal_t signal) {
    int number = mplat_signal_number(signal);
    mplat_exit_t how;
    if (number == 0)
        return mplat_fail(EINVAL, "signal tree");
    int err = mplat_process_exit(process, &how);
    if (err != 0 || how.kind != MPLAT_EXIT_RUNNING)
        return err;
    /* The group's number cannot be another's while its leader is not reaped. A member may refuse (another user's):
     * then the system has signalled the others. */
    if (mplat_process_own_group(process) && kill(-(pid_t)mplat_process_pid(process), number) == 0)
        return 0;
    return mplat_process_send(process, number);
}
