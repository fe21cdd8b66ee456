/* SPDX-License-Identifier: Apache-2.0 */
/* process.h: how spawning makes a process object, and what its two kinds (process_pidfd.c, process_thread.c)
 * share. */
#ifndef MPLAT_POSIX_PROCESS_H
#define MPLAT_POSIX_PROCESS_H

#include "platform/platform.h"

#include <sys/types.h>

/* mplat_process_prepare makes the object before there is a child, so that nothing is missing once there is one. */
int mplat_process_prepare(bool own_group, mplat_process_t **out_process);

/* mplat_process_adopt begins to watch a child. It owns pidfd (-1 where there is none) from then on. When it fails,
 * the child is killed and reaped. */
int mplat_process_adopt(mplat_process_t *process, pid_t pid, int pidfd);

/* mplat_process_send sends a signal number; 0 also when the process has ended. */
int mplat_process_send(mplat_process_t *process, int number);

/* mplat_process_own_group tells whether it was spawned with a group, which then has its number. */
bool mplat_process_own_group(const mplat_process_t *process);

/* mplat_process_reap_now waits for a child that has ended or is about to, and takes its status. (process.c) */
void mplat_process_reap_now(pid_t pid);

/* mplat_signal_number is what the system calls one of the interface's signals, 0 for none of them. (process.c) */
int mplat_signal_number(mplat_signal_t signal);

#endif
