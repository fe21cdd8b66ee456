/* SPDX-License-Identifier: Apache-2.0 */
/* registry.h: the tasks of this program: by name, by number, and the fingerprint that two processes compare. */
#ifndef MPROC_SRC_REGISTRY_H
#define MPROC_SRC_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include <mproc/task.h>

/* Nothing here takes memory. Everything but mproc_registry_check may be called by any thread at any time, also while
 * a plug-in that is just being loaded registers its tasks. */

/* mproc_registry_check numbers the tasks registered so far by the order of their names, so that link order does not
 * matter, and takes the fingerprint. Called once, by mproc_init, before other threads use the registry. MPROC_EINVAL
 * when two have one name: the message says where both stand. */
int mproc_registry_check(void);

/* mproc_registry_fingerprint is equal in two processes exactly when (but for a chance of 2^-64) library version,
 * pointer size and all numbered tasks' names and lines are. 0 before mproc_registry_check. */
uint64_t mproc_registry_fingerprint(void);

/* mproc_registry_count tells how many tasks have a number, mproc_registry_at gives the one with a number; NULL
 * beyond. It walks the list: a runner that looks up often makes a table once. */
size_t mproc_registry_count(void);
const mproc_task_t *mproc_registry_at(size_t number);

#define MPROC_NO_NUMBER SIZE_MAX

/* mproc_registry_number is the task's number; MPROC_NO_NUMBER for one registered later (by a plug-in): it must be
 * sent by name. Takes no search. */
size_t mproc_registry_number(const mproc_task_t *task);

/* mproc_registry_find looks for a task by name, later ones included; NULL when there is none. */
const mproc_task_t *mproc_registry_find(const char *name);

/* mproc_registry_check_task tells whether task is registered here: MPROC_EINVAL for NULL, MPROC_ENOTASK for one that
 * is not, with a message. */
int mproc_registry_check_task(const mproc_task_t *task);

#endif
