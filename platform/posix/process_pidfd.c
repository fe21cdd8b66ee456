/* SPDX-License-Identifier: Apache-2.0 */
/* process_pidfd.c: a child seen through a pidfd, which is never another process and is ready once it has ended. No
 * SIGCHLD, no thread. Its counterpart is process_thread.c. */
#include "internal.h"
#include "linux_abi.h"
#include "process.h"
#include "syscalls.h"
#include "usage_linux.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ORPHAN_STACK_SIZE ((size_t)64 * 1024)

/* What the parent may have grown by between asking for its own peak and the child's exec. */
#define PEAK_SLACK ((uint64_t)256 * 1024)

struct mplat_process {
    pthread_mutex_t mutex; /* over exit, seen_peak and reaping */
    pid_t pid;
    pid_t owner; /* who may reap: not a copy that the host forks */
    int pidfd;
    bool own_group;
    mplat_exit_t exit;
    uint64_t inherited_peak; /* what the system counts as the child's peak before it is a program of its own */
    uint64_t seen_peak;      /* its real peak when last looked at */
    mplat_process_t *next;   /* among the orphans */
};

/* Children that were destroyed while they ran, and for which there was no thread: nobody else will ever reap them. */
static struct {
    pthread_mutex_t mutex;
    mplat_process_t *first;
} orphans = {.mutex = PTHREAD_MUTEX_INITIALIZER, .first = NULL};

/* The kernel's struct rusage in longs: user and system time in seconds and microseconds, peak memory in KiB, and
 * more. A library with 64-bit time on a 32-bit system has another one. */
typedef struct kernel_usage {
    long user[2], system[2], peak, rest[13];
} kernel_usage_t;

static int64_t to_ns(const long time[2]) {
    return (int64_t)time[0] * 1000000000 + (int64_t)time[1] * 1000;
}

static void note_usage(mplat_process_t *process, const kernel_usage_t *usage) {
    uint64_t peak = (uint64_t)usage->peak * 1024;
    mplat_usage_t *out = &process->exit.usage;
    out->user_ns = to_ns(usage->user);
    out->system_ns = to_ns(usage->system);
    /* At exec the kernel counts the memory that the child leaves as its own peak, and here that is the parent's:
     * of a small child of a big parent only what was seen while it ran is true, or else no more than an upper
     * bound is known. */
    bool inherited = peak <= process->inherited_peak + PEAK_SLACK;
    out->peak_memory_bytes = inherited && process->seen_peak > 0 ? process->seen_peak : peak;
}

/* Takes the status once the child has ended. The caller holds the mutex. */
static void try_reap(mplat_process_t *process) {
    siginfo_t info;
    kernel_usage_t usage;
    mplat_exit_t *how = &process->exit;
    memset(&info, 0, sizeof info);
    memset(&usage, 0, sizeof usage);
    long done = syscall(SYS_waitid, MPLAT_P_PIDFD, process->pidfd, &info, WEXITED | WNOHANG, &usage);
    if (done < 0 && errno == EINVAL) /* an emulator that knows P_PID alone */
        done = syscall(SYS_waitid, P_PID, process->pid, &info, WEXITED | WNOHANG, &usage);
    if (done < 0 ? errno != ECHILD : info.si_pid == 0)
        return;
    if (done == 0) {
        how->kind = info.si_code == CLD_EXITED ? MPLAT_EXIT_EXITED : MPLAT_EXIT_SIGNALLED;
        how->code = info.si_code == CLD_EXITED ? (uint32_t)info.si_status : 0;
        how->signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
        how->core_dumped = info.si_code == CLD_DUMPED;
        note_usage(process, &usage);
    } else {
        how->kind = MPLAT_EXIT_LOST;
        how->usage.peak_memory_bytes = process->seen_peak;
    }
    how->usage.ended_ns = mplat_clock_ns();
}

static void free_process(mplat_process_t *process) {
    mplat_close(process->pidfd);
    pthread_mutex_destroy(&process->mutex);
    free(process);
}

static void *wait_for_orphan(void *argument) {
    mplat_process_t *process = argument;
    siginfo_t info;
    while (syscall(SYS_waitid, MPLAT_P_PIDFD, process->pidfd, &info, WEXITED, NULL) < 0 && errno == EINTR)
        continue;
    free_process(process);
    return NULL;
}

/* A child that nobody looks at any more is reaped by a thread of its own; a host that destroys running children
 * does so with few. Without a thread it is reaped at a later spawn or destroy. */
static void leave_to_itself(mplat_process_t *process) {
    if (mplat_sys.thread_start(wait_for_orphan, process, ORPHAN_STACK_SIZE) == 0)
        return;
    pthread_mutex_lock(&orphans.mutex);
    process->next = orphans.first;
    orphans.first = process;
    pthread_mutex_unlock(&orphans.mutex);
}

static void reap_orphans(void) {
    pthread_mutex_lock(&orphans.mutex);
    for (mplat_process_t **at = &orphans.first; *at != NULL;) {
        mplat_process_t *process = *at;
        bool ours = process->owner == getpid();
        if (ours)
            try_reap(process);
        if (ours && process->exit.kind == MPLAT_EXIT_RUNNING) {
            at = &process->next;
        } else {
            *at = process->next;
            free_process(process);
        }
    }
    pthread_mutex_unlock(&orphans.mutex);
}

int mplat_process_prepare(bool own_group, mplat_process_t **out_process) {
    reap_orphans();
    mplat_process_t *process = mplat_sys.allocate(sizeof *process);
    *out_process = process;
    if (process == NULL)
        return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "make process");
    pthread_mutex_init(&process->mutex, NULL);
    process->owner = getpid();
    process->pidfd = -1;
    process->own_group = own_group;
    process->exit.usage.started_ns = mplat_clock_ns();
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        process->inherited_peak = (uint64_t)usage.ru_maxrss * 1024;
    return 0;
}

int mplat_process_adopt(mplat_process_t *process, pid_t pid, int pidfd) {
    /* Where starting it gave none. Nobody has waited for the child yet, so that the number is still its own. */
    if (pidfd < 0)
        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        int saved = errno;
        kill(pid, SIGKILL);
        mplat_process_reap_now(pid);
        return mplat_fail(saved, "pidfd_open");
    }
    process->pid = pid;
    process->pidfd = pidfd;
    return 0;
}

int64_t mplat_process_pid(const mplat_process_t *process) {
    return process->pid;
}

mplat_handle_t mplat_process_sentinel(const mplat_process_t *process) {
    return process->pidfd;
}

bool mplat_process_own_group(const mplat_process_t *process) {
    return process->own_group;
}

static int check_owner(const mplat_process_t *process, const char *step) {
    return process->owner == getpid() ? 0 : mplat_fail_as(MPLAT_ESTATE, 0, step);
}

int mplat_process_exit(mplat_process_t *process, mplat_exit_t *out_exit) {
    *out_exit = (mplat_exit_t){.kind = MPLAT_EXIT_RUNNING};
    int err = check_owner(process, "look at exit");
    if (err != 0)
        return err;
    pthread_mutex_lock(&process->mutex);
    if (process->exit.kind == MPLAT_EXIT_RUNNING)
        try_reap(process);
    if (process->exit.kind != MPLAT_EXIT_RUNNING)
        *out_exit = process->exit;
    pthread_mutex_unlock(&process->mutex);
    return 0;
}

int mplat_process_usage(mplat_process_t *process, mplat_usage_t *out_usage) {
    *out_usage = (mplat_usage_t){0};
    int err = check_owner(process, "look at usage");
    if (err != 0)
        return err;
    pthread_mutex_lock(&process->mutex);
    if (process->exit.kind == MPLAT_EXIT_RUNNING)
        try_reap(process);
    *out_usage = process->exit.usage;
    mplat_usage_t seen = process->exit.usage;
    /* Not reaped, so the number is still the child's: unless the host reaps what is not its own, and then the pidfd,
     * asked after the reading, tells. */
    if (process->exit.kind == MPLAT_EXIT_RUNNING && mplat_usage_read(process->pid, &seen) &&
        syscall(SYS_pidfd_send_signal, process->pidfd, 0, NULL, 0) == 0) {
        process->seen_peak = seen.peak_memory_bytes;
        *out_usage = seen;
    }
    pthread_mutex_unlock(&process->mutex);
    return 0;
}

int mplat_process_send(mplat_process_t *process, int number) {
    int err = check_owner(process, "signal process");
    if (err != 0)
        return err;
    if (syscall(SYS_pidfd_send_signal, process->pidfd, number, NULL, 0) == 0 || errno == ESRCH)
        return 0;
    return mplat_fail(errno, "signal process");
}

void mplat_process_destroy(mplat_process_t *process) {
    if (process == NULL)
        return;
    int saved = errno;
    bool ours = process->owner == getpid() && process->pid > 0;
    if (ours && process->exit.kind == MPLAT_EXIT_RUNNING)
        try_reap(process);
    if (ours && process->exit.kind == MPLAT_EXIT_RUNNING)
        leave_to_itself(process);
    else
        free_process(process);
    reap_orphans();
    errno = saved;
}
