/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_posix_spawn.c: posix_spawn with default signals and an empty mask, as a careful program uses it. */
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spawning.h"

static posix_spawnattr_t attributes;

int peer_open(void) {
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    if (posix_spawnattr_init(&attributes) != 0)
        return -1;
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    return posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

int peer_spawn_all(const char *const *argv, size_t count) {
    pid_t pids[PEER_AT_ONCE_MAX];
    int failures = 0, status = 0;
    char *child[] = {(char *)(size_t)argv[0], (char *)(size_t)argv[1], NULL};
    for (size_t i = 0; i < count; i++)
        if (posix_spawn(&pids[i], child[0], NULL, &attributes, child, environ) != 0)
            return -1;
    for (size_t i = 0; i < count; i++)
        failures += waitpid(pids[i], &status, 0) != pids[i] || status != 0;
    return failures;
}
