/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.c: futex and affinity by the system's own calls. */
#include "posix/cpu.h"

#include <dirent.h>
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

void cpu_futex_wait(_Atomic uint32_t *word, uint32_t expected) {
    (void)syscall(SYS_futex, word, FUTEX_WAIT, expected, NULL, NULL, 0);
}

void cpu_futex_wake(_Atomic uint32_t *word) {
    (void)syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* What this program was allowed at its start, before anything was pinned. */
static const cpu_set_t *allowed(void) {
    static cpu_set_t set;
    static bool known;
    if (!known)
        known = sched_getaffinity(0, sizeof set, &set) == 0;
    return &set;
}

size_t cpu_list(int *cpus, size_t capacity) {
    size_t count = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE && count < capacity; cpu++)
        if (CPU_ISSET((size_t)cpu, allowed()))
            cpus[count++] = cpu;
    return count;
}

/* A process is bound thread by thread; one that ends meanwhile does not matter. */
static int bind_all_threads(int64_t pid, const cpu_set_t *set) {
    char path[64];
    int err = BENCH_OK;
    (void)snprintf(path, sizeof path, "/proc/%lld/task", (long long)(pid != 0 ? pid : getpid()));
    DIR *folder = opendir(path);
    if (folder == NULL)
        return bench_fail("%s: %s", path, strerror(errno));
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread > 0 && sched_setaffinity(thread, sizeof *set, set) != 0 && errno != ESRCH)
            err = bench_fail("sched_setaffinity: %s", strerror(errno));
    }
    (void)closedir(folder);
    return err;
}

int cpu_pin(int64_t pid, int cpu) {
    cpu_set_t set;
    (void)allowed();
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return bind_all_threads(pid, &set);
}

int cpu_unpin(int64_t pid) {
    return bind_all_threads(pid, allowed());
}
