/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_child_portable.c: the steps of the child that differ between systems, with POSIX.1-2008 alone. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

int mplat_child_reset_signals(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigemptyset(&standard.sa_mask);
    /* SIGRTMAX is the highest number everywhere; what cannot be set (SIGKILL, SIGSTOP, the library's own) is
     * refused. */
    for (int signal = 1; signal <= SIGRTMAX; signal++)
        sigaction(signal, &standard, NULL);
    return 0;
}

/* poll tells of many descriptors at once which are open: POLLNVAL marks the others. */
#define BATCH 128

static int close_batch(int first, int count, int keep) {
    struct pollfd fds[BATCH];
    for (int i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = first + i, .events = 0, .revents = 0};
    if (poll(fds, (nfds_t)count, 0) < 0)
        for (int i = 0; i < count; i++)
            fds[i].revents = 0; /* cannot tell: close each */
    for (int i = 0; i < count; i++)
        if ((fds[i].revents & POLLNVAL) == 0 && fds[i].fd != keep)
            close(fds[i].fd);
    return 0;
}

int mplat_child_close(int first, int keep) {
    /* The hard limit: a host may have lowered the soft one below what it has open. No host has more than a million
     * open, and asking for more would take seconds where there is no limit. */
    struct rlimit limit;
    int end = 1 << 20;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < (rlim_t)end)
        end = (int)limit.rlim_max;
    while (first < end) {
        int count = end - first < BATCH ? end - first : BATCH;
        close_batch(first, count, keep);
        first += count;
    }
    return 0;
}

int mplat_child_exec(const mplat_spawn_plan_t *plan, int executable) {
    (void)executable;
    return execve(plan->program, plan->argv, plan->environment);
}

int mplat_child_set_affinity(const uint64_t *words) {
    (void)words;
    errno = ENOSYS;
    return -1;
}
