/* SPDX-License-Identifier: Apache-2.0 */
/* What the test child and the tests of the platform layer need from POSIX beside the layer itself. */
#include "child_host.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

#include "host.h"
#include "platform/platform.h"

struct host_thread {
    pthread_t id;
    host_thread_function_t *function;
    void *arg;
};

void host_utf8_args(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
}

void host_binary_streams(void) {}

char **host_environment(void) {
    static char *none[] = {NULL};
    return environ != NULL ? environ : none;
}

bool host_directory(char *buf, size_t size) {
    return getcwd(buf, size) != NULL;
}

bool host_handle_is_open(intptr_t handle) {
    return fcntl((int)handle, F_GETFD) >= 0;
}

bool host_handle_make_inheritable(intptr_t handle) {
    return fcntl((int)handle, F_SETFD, 0) == 0;
}

bool host_link_write_raw(mplat_link_t *link, const void *data, size_t size) {
    return write((int)mplat_link_handle(link), data, size) == (ssize_t)size;
}

void host_close_streams(void) {
    for (int fd = 0; fd < 3; fd++)
        close(fd);
}

void host_deafen(void) {
    for (int number = 1; number < 32; number++)
        signal(number, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
}

size_t host_count_handles(void) {
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;
    if (directory == NULL)
        return 0;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        count += entry->d_name[0] != '.' && strtol(entry->d_name, NULL, 10) != dirfd(directory) ? 1 : 0;
    closedir(directory);
    return count;
}

size_t host_count_children(void) {
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? 1 : 0;
}

int host_priority(void) {
    switch (getpriority(PRIO_PROCESS, 0)) {
    case 19:
        return MPLAT_PRIORITY_IDLE;
    case 10:
        return MPLAT_PRIORITY_LOW;
    case 0:
        return MPLAT_PRIORITY_NORMAL;
    case -10:
        return MPLAT_PRIORITY_HIGH;
    default:
        return -1;
    }
}

int host_affinity_count(void) {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
#endif
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

bool host_has_signals(void) {
    return true;
}

static void *run_thread(void *arg) {
    host_thread_t *thread = arg;
    thread->function(thread->arg);
    return NULL;
}

host_thread_t *host_thread_start(host_thread_function_t *function, void *arg) {
    host_thread_t *thread = malloc(sizeof *thread);
    if (thread == NULL)
        return NULL;
    thread->function = function;
    thread->arg = arg;
    if (pthread_create(&thread->id, NULL, run_thread, thread) != 0) {
        free(thread);
        return NULL;
    }
    return thread;
}

void host_thread_join(host_thread_t *thread) {
    if (thread == NULL)
        return;
    pthread_join(thread->id, NULL);
    free(thread);
}
