/* SPDX-License-Identifier: Apache-2.0 */
/* memory_kills.h: did the system kill a process for want of memory since we last looked? A hint for the report of a child that
 * ended by SIGKILL: it may have been another process, and before the child started. */
#ifndef MPROC_SRC_MEMORY_KILLS_H
#define MPROC_SRC_MEMORY_KILLS_H

#include <stdbool.h>
#include <stdint.h>

/* mproc_memory_kills_known is how many the system had killed when we last looked; it looks only once. Any thread. */
uint64_t mproc_memory_kills_known(void);

/* mproc_memory_kills_since looks, and tells whether there are more than known. Any thread. */
bool mproc_memory_kills_since(uint64_t known);

#endif
