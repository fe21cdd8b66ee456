/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_clone.c: starts a child on Linux without copying the parent: it borrows the parent's memory until exec, as
 * vfork's does, but on a stack of its own. Its counterpart is spawn_fork.c. */
#include "linux_abi.h"
#include "process.h"
#include "spawn.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

/* The child's calls are few and flat; the largest takes some 2 KiB. */
#define STACK_SIZE ((size_t)16 * 1024)

typedef struct child {
    const mplat_spawn_plan_t *plan;
    mplat_child_failure_t failure;
} child_t;

static int run_child(void *argument) {
    child_t *child = argument;
    int keep = child->plan->executable;
    /* The parent's thread sleeps until exec or exit, and then finds this in its own memory. */
    child->failure = mplat_child_become(child->plan, &keep);
    _exit(127);
}

/* All signals are blocked, also those the C library keeps for itself and would not let us block: a handler in the
 * child would run in the parent's memory, as a thread that is not there. Cancellation is a signal too, and open is
 * such a point. */
static pid_t start_blocked(child_t *child, int *out_pidfd) {
    /* On this thread's own stack, which sleeps: nothing to map or unmap, and no second thread in the way. */
    _Alignas(16) unsigned char stack[STACK_SIZE];
    uint64_t all = ~(uint64_t)0, before = 0;
    int cancel_state = PTHREAD_CANCEL_ENABLE;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, MPLAT_KERNEL_SIGSET_SIZE);
    pid_t pid =
        clone(run_child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, child, out_pidfd);
    int saved = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, MPLAT_KERNEL_SIGSET_SIZE);
    pthread_setcancelstate(cancel_state, NULL);
    errno = saved;
    return pid;
}

pid_t mplat_os_process_start(const mplat_spawn_plan_t *plan, int *out_pidfd, int32_t *out_failed_step) {
    child_t child = {plan, {MPLAT_STEP_START, 0}};
    pid_t pid = start_blocked(&child, out_pidfd);
    /* An emulator: it does not know CLONE_PIDFD, nor does its child really share our memory. */
    if (pid < 0 && errno == EINVAL)
        return mplat_process_start_by_fork(plan, out_pidfd, out_failed_step);
    *out_failed_step = child.failure.step;
    if (pid < 0 || child.failure.step == MPLAT_STEP_START)
        return pid;
    mplat_process_reap_now(pid);
    close(*out_pidfd);
    *out_pidfd = -1;
    errno = child.failure.os_code;
    return -1;
}
