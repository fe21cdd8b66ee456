/* SPDX-License-Identifier: Apache-2.0 */
/* timers.c: a binary heap of timers that know their place, so that any of them can be moved or removed. */
#include "timers.h"

#include "memory.h"
#include "report.h"

int mproc_timers_reserve(mproc_timers_t *timers, size_t count) {
    size_t needed = timers->reserved + count;
    if (needed > timers->capacity) {
        size_t capacity = timers->capacity < 16 ? 16 : timers->capacity * 2;
        if (capacity < needed)
            capacity = needed;
        mproc_timer_t **heap = mproc_realloc(timers->heap, (capacity + 1) * sizeof(mproc_timer_t *));
        if (heap == NULL)
            return mproc_fail_memory("a timer");
        timers->heap = heap;
        timers->capacity = capacity;
    }
    timers->reserved = needed;
    return MPROC_OK;
}

void mproc_timers_release(mproc_timers_t *timers, size_t count) {
    timers->reserved -= count;
}

static void put(mproc_timers_t *timers, size_t place, mproc_timer_t *timer) {
    timers->heap[place] = timer;
    timer->place = place;
}

static void sift_up(mproc_timers_t *timers, size_t place, mproc_timer_t *timer) {
    for (; place > 1 && timers->heap[place / 2]->at_ns > timer->at_ns; place /= 2)
        put(timers, place, timers->heap[place / 2]);
    put(timers, place, timer);
}

static void sift_down(mproc_timers_t *timers, size_t place, mproc_timer_t *timer) {
    for (;;) {
        size_t child = place * 2;
        if (child > timers->count)
            break;
        if (child < timers->count && timers->heap[child + 1]->at_ns < timers->heap[child]->at_ns)
            child++;
        if (timers->heap[child]->at_ns >= timer->at_ns)
            break;
        put(timers, place, timers->heap[child]);
        place = child;
    }
    put(timers, place, timer);
}

void mproc_timers_set(mproc_timers_t *timers, mproc_timer_t *timer, int64_t at_ns) {
    mproc_timers_cancel(timers, timer);
    timer->at_ns = at_ns;
    sift_up(timers, ++timers->count, timer);
}

void mproc_timers_cancel(mproc_timers_t *timers, mproc_timer_t *timer) {
    size_t place = timer->place;
    if (place == 0)
        return;
    timer->place = 0;
    mproc_timer_t *last = timers->heap[timers->count--];
    if (last == timer)
        return;
    if (place > 1 && timers->heap[place / 2]->at_ns > last->at_ns)
        sift_up(timers, place, last);
    else
        sift_down(timers, place, last);
}

int64_t mproc_timers_next(const mproc_timers_t *timers) {
    return timers->count == 0 ? INT64_MAX : timers->heap[1]->at_ns;
}

mproc_timer_t *mproc_timers_take(mproc_timers_t *timers, int64_t now_ns) {
    if (mproc_timers_next(timers) > now_ns)
        return NULL;
    mproc_timer_t *timer = timers->heap[1];
    mproc_timers_cancel(timers, timer);
    return timer;
}

void mproc_timers_fini(mproc_timers_t *timers) {
    mproc_free(timers->heap);
    *timers = (mproc_timers_t){0};
}
