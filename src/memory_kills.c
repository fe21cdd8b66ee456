/* SPDX-License-Identifier: Apache-2.0 */
/* memory_kills.c: the count of processes that the system killed for want of memory. Reading it costs a file: it is read after a
 * SIGKILL, and once before. */
#include "memory_kills.h"

#include <stdatomic.h>

#include "platform/platform.h"

/* The latest count, plus one, so that 0 is "not asked yet". */
static _Atomic uint64_t memory_kills;

static uint64_t count(void) {
    uint64_t kills = 0;
    if (mplat_oom_kills(&kills) != 0)
        kills = 0;
    atomic_store(&memory_kills, kills + 1);
    return kills;
}

uint64_t mproc_memory_kills_known(void) {
    uint64_t known = atomic_load(&memory_kills);
    return known != 0 ? known - 1 : count();
}

bool mproc_memory_kills_since(uint64_t known) {
    return count() > known;
}
