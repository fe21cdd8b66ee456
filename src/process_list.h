/* SPDX-License-Identifier: Apache-2.0 */
/* process_list.h: all processes of this program, and what becomes of them when it exits. */
#ifndef MPROC_SRC_PROCESS_LIST_H
#define MPROC_SRC_PROCESS_LIST_H

#include <mproc/process.h>

/* Both with the lock of process_object.h. */
void mproc_list_add(mproc_process_t *process);
void mproc_list_remove(mproc_process_t *process);

/* mproc_processes_end is for exit: it terminates the daemons and waits for all children but the detached ones. Objects stay
 * their owners': another thread may be in a call on one. */
void mproc_processes_end(void);

#endif
