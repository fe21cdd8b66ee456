/* SPDX-License-Identifier: Apache-2.0 */
/* timers.h: what is to happen at some time, earliest first. It keeps order; it neither looks at a clock nor sleeps. */
#ifndef MPROC_SRC_TIMERS_H
#define MPROC_SRC_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lies in what it belongs to; all zero before its first use. */
typedef struct mproc_timer {
    int64_t at_ns; /* mplat_clock_ns */
    size_t place;  /* in the heap, from 1 on; 0: not set */
    int kind;      /* the owner's, as is MPROC_OWNER */
} mproc_timer_t;

/* A binary heap. All zero is empty. One thread at a time. */
typedef struct mproc_timers {
    mproc_timer_t **heap; /* from 1 on */
    size_t count;
    size_t capacity; /* of heap, its unused first place not counted */
    size_t reserved;
} mproc_timers_t;

/* mproc_timers_reserve makes sure that count further timers can be set at any time, so that setting one cannot fail.
 * MPROC_ENOMEM. mproc_timers_release gives up what was reserved; those timers are no longer set. */
int mproc_timers_reserve(mproc_timers_t *timers, size_t count);
void mproc_timers_release(mproc_timers_t *timers, size_t count);

/* mproc_timers_set sets or moves a timer. mproc_timers_cancel does nothing for one that is not set. */
void mproc_timers_set(mproc_timers_t *timers, mproc_timer_t *timer, int64_t at_ns);
void mproc_timers_cancel(mproc_timers_t *timers, mproc_timer_t *timer);

/* mproc_timers_next is the time of the earliest timer, INT64_MAX when there is none. */
int64_t mproc_timers_next(const mproc_timers_t *timers);

/* mproc_timers_take removes the earliest timer that is due at now and returns it; NULL when none is. */
mproc_timer_t *mproc_timers_take(mproc_timers_t *timers, int64_t now_ns);

void mproc_timers_fini(mproc_timers_t *timers);

#endif
