/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_clone.c: starts a child on Linux without copying the parent: it borrows the parent's memory until exec, as vfork's
 * does, but on a stack of its own. Its counterpart is spawn_fork.c. */
#include "linux_abi.h"
#include "spawn.h"
#include "syscalls.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

/* The child's calls are few and flat, and nothing it calls takes more than a page or two of stack. */
#define STACK_SIZE ((size_t)64 * 1024)

static int run_child(void *argument) {
    mplat_child_run(argument);
}

static pid_t start(void *stack, mplat_spawn_plan_t *plan, int *out_pidfd) {
    const int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    pid_t pid = clone(run_child, (char *)stack + STACK_SIZE, flags | CLONE_PIDFD, plan, out_pidfd);
    if (pid >= 0 || errno != EINVAL)
        return pid;
    *out_pidfd = -1; /* an emulator that does not know the last flag: the pidfd is opened afterwards */
    return clone(run_child, (char *)stack + STACK_SIZE, flags, plan);
}

pid_t mplat_os_process_start(const struct mplat_spawn_plan *plan, int *out_pidfd) {
    void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return -1;
    /* All signals, also those the C library keeps for itself and would not let us block: a handler in the child would run
     * in the parent's memory, as a thread that is not there. Cancellation is a signal too, and open is such a point. */
    uint64_t all = ~(uint64_t)0, before = 0;
    int cancel_state = PTHREAD_CANCEL_ENABLE;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, MPLAT_KERNEL_SIGSET_SIZE);
    pid_t pid = start(stack, (mplat_spawn_plan_t *)(uintptr_t)plan, out_pidfd);
    int saved = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, MPLAT_KERNEL_SIGSET_SIZE);
    pthread_setcancelstate(cancel_state, NULL);
    munmap(stack, STACK_SIZE);
    errno = saved;
    return pid;
}
