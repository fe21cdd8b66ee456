/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_fork.c: starts a child with fork, which every system has; it costs more the more memory the parent has
 * touched. Its counterpart is spawn_clone.c. */
#include "internal.h"
#include "process.h"
#include "spawn.h"
#include "syscalls.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

_Noreturn static void run_child(const mplat_spawn_plan_t *plan, int report) {
    mplat_child_failure_t failure = mplat_child_become(plan, &report);
    /* Fits into an empty pipe, and the parent waits for it. */
    ssize_t put = write(report, &failure, sizeof failure);
    (void)put;
    _exit(127);
}

static pid_t fork_blocked(const mplat_spawn_plan_t *plan, int report) {
    /* Until the child's steps have reset the dispositions, no handler of the host may run in it. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        run_child(plan, report);
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return pid;
}

/* Waits until the child has become its program, which closes the pipe, or has said why it cannot. */
static bool hear_failure(int report, mplat_child_failure_t *out_failure) {
    ssize_t got;
    do
        got = read(report, out_failure, sizeof *out_failure);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof *out_failure;
}

pid_t mplat_process_start_by_fork(const mplat_spawn_plan_t *plan, int *out_pidfd, int32_t *out_failed_step) {
    int report[2] = {-1, -1};
    mplat_spawn_plan_t by_path = *plan; /* what the child keeps open is the pipe */
    by_path.executable = -1;
    mplat_child_failure_t failure = {MPLAT_STEP_START, 0};
    *out_pidfd = -1;
    *out_failed_step = MPLAT_STEP_START;
    if (mplat_sys.pipe(report) != 0)
        return -1;
    pid_t pid = fork_blocked(&by_path, report[1]);
    mplat_close(report[1]);
    if (pid > 0 && hear_failure(report[0], &failure)) {
        mplat_process_reap_now(pid);
        *out_failed_step = failure.step;
        errno = failure.os_code;
        pid = -1;
    }
    mplat_close(report[0]);
    return pid;
}
