/* SPDX-License-Identifier: Apache-2.0 */
/* monitor.h: kills processes at their deadline, also while nobody waits for them. One thread for the program, which is there
 * only while a process with a deadline runs. */
#ifndef MPROC_SRC_MONITOR_H
#define MPROC_SRC_MONITOR_H

#include <mproc/process.h>

/* mproc_monitor_reserve sees to it that the thread runs: afterwards exactly one of add and cancel is called. Without the
 * lock of process_object.h. MPROC_ENOMEM, MPROC_ESYSTEM. */
int mproc_monitor_reserve(void);

/* The next three with the lock. remove is for any process: one that is not on the list is not touched. */
void mproc_monitor_cancel(void);
void mproc_monitor_add(mproc_process_t *process, int64_t deadline_ms);
void mproc_monitor_remove(mproc_process_t *process);

/* mproc_monitor_collect waits for threads that have nothing left to do, which takes them microseconds, and frees what they
 * had. Without the lock. */
void mproc_monitor_collect(void);

/* mproc_monitor_end forgets all deadlines, and collects. Without the lock. */
void mproc_monitor_end(void);

#endif
