/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.h: waiting on a word of shared memory, by hand, and placing processes on processors. */
#ifndef MPROC_BENCH_CPU_H
#define MPROC_BENCH_CPU_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

/* cpu_futex_wait sleeps while *word == expected, or returns at once or for no reason. */
void cpu_futex_wait(_Atomic uint32_t *word, uint32_t expected);
void cpu_futex_wake(_Atomic uint32_t *word);

/* How a limit waits. ADAPTIVE is what measured best in every placement: some pauses, some yields, then
 * sleep. */
typedef enum cpu_waiting { CPU_SPIN, CPU_FUTEX, CPU_ADAPTIVE } cpu_waiting_t;

enum { CPU_PAUSES = 50, CPU_YIELDS = 100 };

/* cpu_idle is one turn of a loop that found nothing to do `turn` times. It returns true when it is time to
 * sleep. */
static inline bool cpu_idle(cpu_waiting_t waiting, unsigned turn) {
    if (waiting == CPU_FUTEX)
        return true;
    if (waiting == CPU_SPIN || turn < CPU_PAUSES)
        cpu_relax();
    else if (turn < CPU_PAUSES + CPU_YIELDS)
        (void)sched_yield();
    else
        return true;
    return false;
}

/* cpu_list writes the processors this process may use, at most capacity, and returns how many. */
size_t cpu_list(int *cpus, size_t capacity);

/* cpu_pin binds every thread of a process (0: this one) to one processor; cpu_unpin to all that this
 * program may use. -1 after bench_fail. */
int cpu_pin(int64_t pid, int cpu);
int cpu_unpin(int64_t pid);

#endif
