/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_fork_exec.c: fork and exec as careful libraries without vfork do it (reproc is one): signals
 * blocked around fork, the child's dispositions reset and its descriptors closed, an error of exec
 * reported through a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spawning.h"

enum { DESCRIPTORS_MAX = 1024 };

int peer_open(void) {
    return 0;
}

static void reset_signals(void) {
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &usual, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_descriptors(int keep) {
    struct rlimit limit = {.rlim_cur = DESCRIPTORS_MAX};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    int end = limit.rlim_cur < DESCRIPTORS_MAX ? (int)limit.rlim_cur : DESCRIPTORS_MAX;
    for (int fd = STDERR_FILENO + 1; fd < end; fd++)
        if (fd != keep)
            (void)close(fd);
}

static pid_t spawn(char **argv) {
    int report[2], reason = 0;
    sigset_t all, before;
    if (pipe2(report, O_CLOEXEC) != 0)
        return -1;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        reset_signals();
        close_descriptors(report[1]);
        (void)execv(argv[0], argv);
        reason = errno;
        (void)!write(report[1], &reason, sizeof reason);
        _exit(127);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)close(report[1]);
    ssize_t got = pid > 0 ? read(report[0], &reason, sizeof reason) : -1;
    (void)close(report[0]);
    return got == 0 ? pid : -1;
}

int peer_spawn_all(const char *const *argv, size_t count) {
    pid_t pids[PEER_AT_ONCE_MAX];
    int failures = 0, status = 0;
    char *child[] = {(char *)(size_t)argv[0], (char *)(size_t)argv[1], NULL};
    for (size_t i = 0; i < count; i++)
        if ((pids[i] = spawn(child)) < 0)
            return -1;
    for (size_t i = 0; i < count; i++)
        failures += waitpid(pids[i], &status, 0) != pids[i] || status != 0;
    return failures;
}
