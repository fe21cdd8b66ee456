/* SPDX-License-Identifier: Apache-2.0 */
/* gate.h: a counter that one process moves and another waits for; only one that sleeps is woken. */
#ifndef MPROC_BENCH_GATE_H
#define MPROC_BENCH_GATE_H

#include <stdalign.h>

#include "posix/cpu.h"

typedef struct gate {
    alignas(64) _Atomic uint32_t value;
    _Atomic uint32_t sleeping;
} gate_t;

static inline uint32_t gate_value(gate_t *gate) {
    return atomic_load_explicit(&gate->value, memory_order_acquire);
}

/* The fence stands between value and sleeping on both sides: one of them sees the other's store. */
static inline void gate_set(gate_t *gate, uint32_t value) {
    atomic_store_explicit(&gate->value, value, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&gate->sleeping, memory_order_relaxed) != 0)
        cpu_futex_wake(&gate->value);
}

/* gate_await returns the value once it is not `seen`. */
static inline uint32_t gate_await(gate_t *gate, uint32_t seen) {
    for (unsigned turn = 0; gate_value(gate) == seen; turn++) {
        if (!cpu_idle(CPU_ADAPTIVE, turn))
            continue;
        atomic_store_explicit(&gate->sleeping, 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        if (gate_value(gate) == seen)
            cpu_futex_wait(&gate->value, seen);
        atomic_store_explicit(&gate->sleeping, 0, memory_order_relaxed);
    }
    return gate_value(gate);
}

#endif
