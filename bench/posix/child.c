/* SPDX-License-Identifier: Apache-2.0 */
/* child.c: child.h by vfork, execv and waitpid. Nothing here is portable or careful beyond what a limit
 * needs. */
#include "posix/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "limits/partner.h"

enum { CHILD_AT_ONCE_MAX = 64, EXIT_NO_PROGRAM = 127 };

const char *child_self_path(void) {
    static char path[4096];
    if (path[0] == '\0' && readlink("/proc/self/exe", path, sizeof path - 1) < 0)
        return "/proc/self/exe";
    return path;
}

/* execv wants char *const *, for history's sake; it writes nothing. */
static char *const *exec_argv(const char *const *argv) {
    union {
        const char *const *given;
        char *const *wanted;
    } view = {.given = argv};
    return view.wanted;
}

int child_spawn(const char *const *argv, int keep_fd, int64_t *out_pid) {
    char *const *child_argv = exec_argv(argv);
    /* Only vfork costs the same whatever the parent's size; the child calls nothing but fcntl, execv and _exit. */
    pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
    if (pid == 0) {
        if (keep_fd != CHILD_NO_FD)
            (void)fcntl(keep_fd, F_SETFD, 0);
        (void)execv(child_argv[0], child_argv);
        _exit(EXIT_NO_PROGRAM);
    }
    *out_pid = pid;
    return pid > 0 ? BENCH_OK : bench_fail("vfork: %s", strerror(errno));
}

int child_wait(int64_t pid) {
    int status = 0;
    while (waitpid((pid_t)pid, &status, 0) < 0)
        if (errno != EINTR)
            return bench_fail("waitpid: %s", strerror(errno));
    return status == 0 ? BENCH_OK : bench_fail("a child by hand ended with status %#x", (unsigned)status);
}

void child_kill(int64_t pid) {
    if (pid <= 0)
        return;
    (void)kill((pid_t)pid, SIGKILL);
    (void)waitpid((pid_t)pid, NULL, 0);
}

int child_spawn_nothing_at_once(size_t count) {
    const char *argv[] = {child_self_path(), PARTNER_NOTHING, NULL};
    int64_t pids[CHILD_AT_ONCE_MAX];
    size_t started = 0;
    int err = BENCH_OK;
    while (err == BENCH_OK && started < count && started < CHILD_AT_ONCE_MAX) {
        err = child_spawn(argv, CHILD_NO_FD, &pids[started]);
        started += err == BENCH_OK;
    }
    for (size_t i = 0; i < started; i++)
        if (child_wait(pids[i]) != BENCH_OK)
            err = BENCH_FAILED;
    return err;
}

/* ---- a program's output -------------------------------------------------------------------------------- */

static int spawn_with_output(const char *const *argv, int output, pid_t *out_pid) {
    char *const *child_argv = exec_argv(argv);
    pid_t pid = fork();
    if (pid == 0) {
        (void)setpgid(0, 0);
        (void)dup2(output, STDOUT_FILENO);
        (void)execvp(child_argv[0], child_argv);
        _exit(EXIT_NO_PROGRAM);
    }
    *out_pid = pid;
    return pid > 0 ? BENCH_OK : bench_fail("fork: %s", strerror(errno));
}

/* Keeps the end of what does not fit: the figure is in the last line. Returns false when time is over. */
static bool read_all(int input, int64_t timeout_ms, char *buf, size_t size) {
    int64_t end_ns = bench_clock_ns() + timeout_ms * 1000000;
    size_t used = 0;
    for (;;) {
        struct pollfd ready = {.fd = input, .events = POLLIN};
        int64_t left_ms = (end_ns - bench_clock_ns()) / 1000000;
        if (left_ms <= 0)
            return false;
        if (used + 1 >= size) {
            memmove(buf, buf + used / 2, used - used / 2);
            used -= used / 2;
        }
        if (poll(&ready, 1, (int)left_ms) <= 0)
            continue;
        ssize_t got = read(input, buf + used, size - 1 - used);
        if (got <= 0 && errno != EINTR)
            break;
        used += got > 0 ? (size_t)got : 0;
        buf[used] = '\0';
    }
    return true;
}

int child_output(const char *const *argv, int64_t timeout_ms, char *buf, size_t size) {
    int ends[2] = {CHILD_NO_FD, CHILD_NO_FD};
    int status = -1;
    pid_t pid = 0;
    bool in_time = false;
    buf[0] = '\0';
    if (pipe(ends) != 0)
        return bench_fail("pipe: %s", strerror(errno));
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    int err = spawn_with_output(argv, ends[1], &pid);
    (void)close(ends[1]);
    if (err == BENCH_OK) {
        errno = 0;
        in_time = read_all(ends[0], timeout_ms, buf, size);
        if (!in_time)
            (void)kill(-pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
    }
    (void)close(ends[0]);
    if (err != BENCH_OK)
        return err;
    if (!in_time)
        return bench_fail("took longer than %d s", (int)(timeout_ms / 1000));
    return WIFEXITED(status) ? WEXITSTATUS(status) : bench_fail("ended by signal %d", WTERMSIG(status));
}
