/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_child_linux.c: the steps of the child that Linux has better calls for. Not instrumented by sanitizers; its
 * counterpart is spawn_child_portable.c. */
#include "linux_abi.h"
#include "spawn.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

int mplat_child_reset_signals(void) {
    /* By number, because a library's sigaction may keep books in memory that is the parent's. The kernel's structure
     * differs between architectures, but all zero means the default disposition on each. */
    unsigned char standard[64] = {0};
    for (int signal = 1; signal <= MPLAT_KERNEL_SIGSET_SIZE * CHAR_BIT; signal++)
        syscall(SYS_rt_sigaction, signal, standard, NULL, MPLAT_KERNEL_SIGSET_SIZE);
    return 0; /* SIGKILL and SIGSTOP are refused, and are what they always are */
}

/* The number a directory entry's name is, or -1. */
static int parse_fd(const char *name) {
    int fd = 0;
    if (*name == '\0')
        return -1;
    for (; *name != '\0'; name++) {
        if (*name < '0' || *name > '9' || fd > (INT_MAX - 9) / 10)
            return -1;
        fd = fd * 10 + (*name - '0');
    }
    return fd;
}

/* For kernels before 5.9, and for emulators. opendir takes memory, so the entries are read by hand: {inode,
 * offset: 8 bytes each, length: 2, type: 1, name}. */
static int close_listed(int first, int keep) {
    _Alignas(8) char entries[2048];
    int list = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long got = list < 0 ? -1 : 0;
    while (list >= 0 && (got = syscall(SYS_getdents64, list, entries, sizeof entries)) > 0) {
        for (long at = 0; at + 19 < got;) {
            unsigned short length;
            memcpy(&length, entries + at + 16, sizeof length);
            int fd = parse_fd(entries + at + 19);
            if (fd >= first && fd != keep && fd != list)
                close(fd);
            at += length > 0 ? length : got;
        }
    }
    if (list >= 0)
        close(list); /* closed by exec too; a file of /proc keeps nothing alive */
    return got < 0 ? -1 : 0;
}

static int close_each(int first, int keep) {
    long end = sysconf(_SC_OPEN_MAX);
    for (int fd = first; fd < (end < 0 || end > 1 << 20 ? 1 << 20 : end); fd++)
        if (fd != keep)
            close(fd);
    return 0;
}

/* from and to are both closed, with all between. */
static bool close_range_of(unsigned from, unsigned to) {
    return from > to || syscall(SYS_close_range, from, to, 0) == 0;
}

int mplat_child_close(int first, int keep) {
    unsigned from = (unsigned)first, kept = (unsigned)keep;
    bool closed = keep < first ? close_range_of(from, ~0u)
                               : (kept == from || close_range_of(from, kept - 1)) && close_range_of(kept + 1, ~0u);
    return closed || close_listed(first, keep) == 0 ? 0 : close_each(first, keep);
}

int mplat_child_exec(const mplat_spawn_plan_t *plan, int executable) {
    if (executable >= 0) {
        syscall(SYS_execveat, executable, "", plan->argv, plan->environment, AT_EMPTY_PATH);
        if (errno != ENOSYS && errno != EINVAL && errno != EACCES)
            return -1;
    }
    return execve(plan->program, plan->argv, plan->environment);
}

int mplat_child_set_affinity(const uint64_t *words) {
    unsigned long mask[MPLAT_AFFINITY_WORDS * sizeof(uint64_t) / sizeof(unsigned long)];
    for (size_t i = 0; i < sizeof mask / sizeof mask[0]; i++) {
        size_t bit = i * sizeof mask[0] * CHAR_BIT;
        mask[i] = (unsigned long)(words[bit / 64] >> bit % 64);
    }
    return syscall(SYS_sched_setaffinity, 0, sizeof mask, mask) == 0 ? 0 : -1;
}
