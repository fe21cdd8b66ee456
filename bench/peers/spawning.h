/* SPDX-License-Identifier: Apache-2.0 */
/* spawning.h: what each of the spawning peers implements, and nothing of the benchmark itself. */
#ifndef MPROC_BENCH_PEER_SPAWNING_H
#define MPROC_BENCH_PEER_SPAWNING_H

#include <stddef.h>

#define PEER_AT_ONCE_MAX 64

/* peer_open prepares the library; 0 for success. */
int peer_open(void);

/* peer_spawn_all starts argv count times, then waits until all have ended with exit code 0; 0 for success. */
int peer_spawn_all(const char *const *argv, size_t count);

#endif
