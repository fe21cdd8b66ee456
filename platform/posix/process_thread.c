/* SPDX-License-Identifier: Apache-2.0 */
/* process_thread.c: a child seen by a thread that waits for it, and a pipe whose end tells everybody else. For
 * systems where a process is no descriptor. Its counterpart is process_pidfd.c. */
#include "internal.h"
#include "process.h"
#include "syscalls.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)64 * 1024)

struct mplat_process {
    pthread_mutex_t mutex; /* over exit and abandoned; held while the child is reaped or signalled */
    pid_t pid;
    pid_t owner;
    int sentinel, ended_end; /* the pipe: a byte comes when the child has ended */
    bool own_group;
    bool watched;   /* the thread has a share in this object */
    bool abandoned; /* the thread frees it */
    mplat_exit_t exit;
};

static void free_process(mplat_process_t *process) {
    mplat_close(process->sentinel);
    mplat_close(process->ended_end);
    pthread_mutex_destroy(&process->mutex);
    free(process);
}

int mplat_process_prepare(bool own_group, mplat_process_t **out_process) {
    int fds[2] = {-1, -1};
    mplat_process_t *process = mplat_sys.allocate(sizeof *process);
    *out_process = NULL;
    if (process == NULL)
        return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "make process");
    if (mplat_sys.pipe(fds) != 0) {
        int saved = errno;
        free(process);
        return mplat_fail(saved, "make process");
    }
    pthread_mutex_init(&process->mutex, NULL);
    process->owner = getpid();
    process->sentinel = fds[0];
    process->ended_end = fds[1];
    process->own_group = own_group;
    process->exit.usage.started_ns = mplat_clock_ns();
    *out_process = process;
    return 0;
}

static int64_t to_ns(struct timeval time) {
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

/* Takes the status of a child that has ended. The caller holds the mutex. */
static void reap(mplat_process_t *process) {
    int status = 0;
    struct rusage usage;
    mplat_exit_t *how = &process->exit;
    /* wait4 is in no POSIX standard but on every system that has processes, and alone tells what one child has
     * used. */
    if (wait4(process->pid, &status, WNOHANG, &usage) != process->pid) {
        how->kind = MPLAT_EXIT_LOST;
    } else {
        how->kind = WIFEXITED(status) ? MPLAT_EXIT_EXITED : MPLAT_EXIT_SIGNALLED;
        how->code = WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 0;
        how->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
#ifdef WCOREDUMP
        how->core_dumped = WIFSIGNALED(status) && WCOREDUMP(status);
#endif
        how->usage.user_ns = to_ns(usage.ru_utime);
        how->usage.system_ns = to_ns(usage.ru_stime);
        how->usage.peak_memory_bytes = (uint64_t)usage.ru_maxrss * 1024;
    }
    how->usage.ended_ns = mplat_clock_ns();
}

static void *watch_child(void *argument) {
    mplat_process_t *process = argument;
    siginfo_t info;
    /* Waits first and reaps later, under the mutex: between the two the number still belongs to the child, so that
     * a signal never goes to another process. */
    while (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
        continue;
    pthread_mutex_lock(&process->mutex);
    reap(process);
    /* A byte that nobody reads, and not only the end of the pipe: a copy that the host forks has the write end,
     * too. */
    ssize_t put = write(process->ended_end, "", 1);
    (void)put;
    mplat_close(process->ended_end);
    process->ended_end = -1;
    process->watched = false;
    bool last = process->abandoned;
    pthread_mutex_unlock(&process->mutex);
    if (last)
        free_process(process);
    return NULL;
}

int mplat_process_adopt(mplat_process_t *process, pid_t pid, int pidfd) {
    mplat_close(pidfd);
    process->pid = pid;
    process->watched = true;
    if (mplat_sys.thread_start(watch_child, process, STACK_SIZE) == 0)
        return 0;
    int saved = errno;
    process->watched = false;
    process->pid = 0;
    kill(pid, SIGKILL);
    mplat_process_reap_now(pid);
    return mplat_fail(saved, "start thread for process");
}

int64_t mplat_process_pid(const mplat_process_t *process) {
    return process->pid;
}

mplat_handle_t mplat_process_sentinel(const mplat_process_t *process) {
    return process->sentinel;
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
    if (process->exit.kind != MPLAT_EXIT_RUNNING)
        *out_exit = process->exit;
    pthread_mutex_unlock(&process->mutex);
    return 0;
}

int mplat_process_usage(mplat_process_t *process, mplat_usage_t *out_usage) {
    clockid_t clock;
    struct timespec used;
    *out_usage = (mplat_usage_t){0};
    int err = check_owner(process, "look at usage");
    if (err != 0)
        return err;
    pthread_mutex_lock(&process->mutex);
    *out_usage = process->exit.usage;
    /* POSIX tells the sum of both times only. */
    if (process->exit.kind == MPLAT_EXIT_RUNNING && clock_getcpuclockid(process->pid, &clock) == 0 &&
        clock_gettime(clock, &used) == 0)
        out_usage->user_ns = (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
    pthread_mutex_unlock(&process->mutex);
    return 0;
}

int mplat_process_send(mplat_process_t *process, int number) {
    int err = check_owner(process, "signal process");
    if (err != 0)
        return err;
    pthread_mutex_lock(&process->mutex);
    bool failed = process->exit.kind == MPLAT_EXIT_RUNNING && kill(process->pid, number) != 0 && errno != ESRCH;
    int saved = errno;
    pthread_mutex_unlock(&process->mutex);
    return failed ? mplat_fail(saved, "signal process") : 0;
}

void mplat_process_destroy(mplat_process_t *process) {
    if (process == NULL)
        return;
    int saved = errno;
    /* In a forked copy there is no thread, and the mutex may be held for ever. */
    bool copy = process->owner != getpid();
    if (!copy)
        pthread_mutex_lock(&process->mutex);
    bool last = copy || !process->watched;
    process->abandoned = true;
    if (!copy)
        pthread_mutex_unlock(&process->mutex);
    if (last)
        free_process(process);
    errno = saved;
}
