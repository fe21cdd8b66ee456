/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h: what processes hold of the machine's memory. */
#ifndef MPROC_BENCH_MEMORY_H
#define MPROC_BENCH_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* memory_pss is the proportional set size of a process (0: this one) in bytes: its own pages, and its part
 * of each shared one. memory_settled_pss waits until it no longer changes. Both return -1 after
 * bench_fail. */
int memory_pss(int64_t pid, double *out_bytes);
int memory_settled_pss(int64_t pid, double *out_bytes);

/* memory_touch takes size bytes of ordinary pages and writes to each; BENCH_SKIPPED when the machine has
 * not that much free. memory_release gives them back and accepts NULL. */
int memory_touch(size_t size, void **out_memory);
void memory_release(void *memory, size_t size);

/* memory_self_pid is this process, for a task to tell. */
int64_t memory_self_pid(void);

/* memory_sleep_ms lets others run. */
void memory_sleep_ms(int ms);

#endif
