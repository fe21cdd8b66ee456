/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.c: a hint to the processor, the same on every system. */
#include "platform/platform.h"

enum { LINE = 64 };

/* The compilers' own builtin fetches for reading on the oldest x86-64. Those without this instruction take it for none. */
static inline void fetch_line(const unsigned char *line) {
#if defined(__x86_64__)
    __asm__ volatile("prefetchw %0" : : "m"(*line));
#else
    __builtin_prefetch(line, 1);
#endif
}

void mplat_cpu_fetch_for_write(const void *place, size_t size) {
    const unsigned char *line = place;
    for (size_t at = 0; at < size; at += LINE)
        fetch_line(line + at);
}
