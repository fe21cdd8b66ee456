/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c: what POSIX itself tells about this process and its machine. The rest is in machine_linux.c or
 * machine_portable.c. */
#include "internal.h"
#include "syscalls.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

size_t mplat_page_size(void) {
    long size = sysconf(_SC_PAGESIZE);
    return size > 0 ? (size_t)size : 4096;
}

int64_t mplat_self_pid(void) {
    return getpid();
}

int64_t mplat_parent_pid(void) {
    /* The kernel gives a child of a dead parent to another process; only a changed answer shows that. Both numbers
     * in one word, because a forked copy of this process has a parent of its own. Pids fit into 32 bits on every
     * system. */
    static _Atomic uint64_t known;
    uint64_t self = (uint32_t)getpid(), parent = (uint32_t)getppid();
    uint64_t first = atomic_load(&known);
    if (first >> 32 != self) {
        atomic_store(&known, self << 32 | parent);
        return (int64_t)parent;
    }
    return (uint32_t)first == parent ? (int64_t)parent : 0;
}

int mplat_random(void *buf, size_t size) {
    return mplat_os_random(buf, size) == 0 ? 0 : mplat_fail(errno != 0 ? errno : EIO, "random bytes");
}

void mplat_cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
    __asm__ volatile("yield" ::: "memory");
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}
