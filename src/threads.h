/* SPDX-License-Identifier: Apache-2.0 */
/* threads.h: mutex, condition, thread and once for the portable code. Only threads.c knows that they are APR's, and APR starts
 * with the first of them: a child that needs none pays nothing for it. */
#ifndef MPROC_THREADS_H
#define MPROC_THREADS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Functions that can fail return MPROC_OK or MPROC_ENOMEM / MPROC_ESYSTEM and leave a report. destroy accepts NULL. */

typedef struct mproc_mutex mproc_mutex_t;

/* mproc_mutex_create makes a mutex that is not recursive. It costs a memory pool of some kilobytes: one for a table or a
 * pool, not one for every item. */
int mproc_mutex_create(mproc_mutex_t **out_mutex);
void mproc_mutex_lock(mproc_mutex_t *mutex);
void mproc_mutex_unlock(mproc_mutex_t *mutex);
void mproc_mutex_destroy(mproc_mutex_t *mutex);

typedef struct mproc_condition mproc_condition_t;

int mproc_condition_create(mproc_condition_t **out_condition);

/* mproc_condition_wait gives the mutex up, sleeps until it is signalled, and takes it again. It may return at any time,
 * and does within a second: the caller looks at what it waits for and at mplat_clock_ns in a loop. The wait below knows only
 * the wall clock, which somebody may set back by a year. timeout_ns below zero: no limit of the caller's own. */
void mproc_condition_wait(mproc_condition_t *condition, mproc_mutex_t *mutex, int64_t timeout_ns);
void mproc_condition_signal(mproc_condition_t *condition);
void mproc_condition_broadcast(mproc_condition_t *condition);
void mproc_condition_destroy(mproc_condition_t *condition);

typedef struct mproc_thread mproc_thread_t;
typedef void mproc_thread_fn(void *context);

/* mproc_thread_create starts a thread with a stack of stack_size bytes (0: the system's default). It takes no signals of
 * the host where the system can keep them away. Each thread is joined once. */
int mproc_thread_create(mproc_thread_fn *run, void *context, size_t stack_size, mproc_thread_t **out_thread);

/* mproc_thread_join waits for the end of *thread, frees it and sets it to NULL; nothing when it is NULL. */
void mproc_thread_join(mproc_thread_t **thread);

/* A piece of work that is done once in a program; all zero before. */
typedef struct mproc_once {
    _Atomic int state;
} mproc_once_t;

/* mproc_once runs prepare unless it has succeeded before, and returns when it has, in whichever thread. A failure is
 * returned, and the next caller tries again. */
int mproc_once(mproc_once_t *once, int (*prepare)(void));

/* mproc_apr_start makes APR usable in this process; it is called by all of the above that need it. */
int mproc_apr_start(void);

#endif
