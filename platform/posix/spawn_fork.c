/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_fork.c: starts a child with fork, which every system has; it costs more the more memory the parent has touched.
 * Its counterpart is spawn_clone.c. */
#include "spawn.h"
#include "syscalls.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

pid_t mplat_os_process_start(const struct mplat_spawn_plan *plan, int *out_pidfd) {
    /* Blocked before and until the child's steps reset the dispositions: no handler of the host runs in the child. */
    sigset_t all, before;
    *out_pidfd = -1;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        mplat_child_run(plan);
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return pid;
}
