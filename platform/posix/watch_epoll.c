/* SPDX-License-Identifier: Apache-2.0 */
/* watch_epoll.c: waiting for exits, bells, links and captures with epoll: its cost does not grow with their number. Its
 * counterpart is watch_poll.c. */
#include "bell.h"
#include "capture.h"
#include "internal.h"
#include "linux_abi.h"
#include "process.h"
#include "syscalls.h"
#include "watch_slots.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#define WAKE_TICKET 0 /* no slot has it */
#define BATCH 64

struct mplat_watch {
    pthread_mutex_t mutex; /* over slots */
    mplat_watch_slots_t slots;
    int epoll;
    int wake;
};

int mplat_watch_create(mplat_watch_t **out_watch) {
    mplat_watch_t *watch = mplat_sys.allocate(sizeof *watch);
    *out_watch = NULL;
    if (watch == NULL)
        return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "make watch");
    pthread_mutex_init(&watch->mutex, NULL);
    watch->wake = -1;
    watch->epoll = mplat_sys.epoll_create();
    if (watch->epoll >= 0)
        watch->wake = mplat_sys.event_create();
    if (watch->wake < 0 || mplat_sys.epoll_add(watch->epoll, watch->wake, EPOLLIN, WAKE_TICKET) != 0) {
        int err = mplat_fail(errno, "make watch");
        mplat_watch_destroy(watch);
        return err;
    }
    *out_watch = watch;
    return 0;
}

void mplat_watch_destroy(mplat_watch_t *watch) {
    if (watch == NULL)
        return;
    mplat_close(watch->wake);
    mplat_close(watch->epoll);
    mplat_watch_slots_fini(&watch->slots);
    pthread_mutex_destroy(&watch->mutex);
    free(watch);
}

static int add(mplat_watch_t *watch, const void *object, mplat_watch_kind_t kind, int fd, uint32_t events, void *key) {
    int err = 0;
    pthread_mutex_lock(&watch->mutex);
    mplat_watch_slot_t *slot = NULL;
    if (mplat_watch_slots_find(&watch->slots, object) != NULL)
        err = mplat_fail_as(MPLAT_ESTATE, 0, "watch twice");
    else if ((slot = mplat_watch_slots_take(&watch->slots, object, kind, fd, key)) == NULL)
        err = mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "watch");
    else if (mplat_sys.epoll_add(watch->epoll, fd, events, mplat_watch_slots_ticket(&watch->slots, slot)) != 0)
        err = mplat_fail(errno, "watch");
    if (err != 0 && slot != NULL)
        mplat_watch_slots_free(&watch->slots, slot);
    pthread_mutex_unlock(&watch->mutex);
    return err;
}

/* The caller holds the mutex. */
static void forget(mplat_watch_t *watch, mplat_watch_slot_t *slot) {
    struct epoll_event unused = {0}; /* kernels before 2.6.9 wanted one; valgrind still does */
    epoll_ctl(watch->epoll, EPOLL_CTL_DEL, slot->fd, &unused);
    mplat_watch_slots_free(&watch->slots, slot);
}

static void remove_object(mplat_watch_t *watch, const void *object) {
    pthread_mutex_lock(&watch->mutex);
    mplat_watch_slot_t *slot = mplat_watch_slots_find(&watch->slots, object);
    if (slot != NULL)
        forget(watch, slot);
    pthread_mutex_unlock(&watch->mutex);
}

int mplat_watch_add_process(mplat_watch_t *watch, mplat_process_t *process, void *key) {
    return add(watch, process, MPLAT_WATCH_EXIT, mplat_fd(mplat_process_sentinel(process)), EPOLLIN, key);
}

int mplat_watch_add_bell(mplat_watch_t *watch, mplat_bell_t *bell, void *key) {
    /* Each ring is an edge, although nobody ever reads the eventfd. */
    return add(watch, bell, MPLAT_WATCH_BELL, mplat_bell_heard_fd(bell), EPOLLIN | EPOLLET, key);
}

int mplat_watch_add_link(mplat_watch_t *watch, mplat_link_t *link, void *key) {
    return add(watch, link, MPLAT_WATCH_LINK, mplat_fd(mplat_link_handle(link)), EPOLLIN, key);
}

int mplat_watch_add_capture(mplat_watch_t *watch, mplat_capture_t *capture, void *key) {
    return add(watch, capture, MPLAT_WATCH_CAPTURE, mplat_capture_fd(capture), EPOLLIN, key);
}

void mplat_watch_remove_process(mplat_watch_t *watch, mplat_process_t *process) {
    remove_object(watch, process);
}

void mplat_watch_remove_bell(mplat_watch_t *watch, mplat_bell_t *bell) {
    remove_object(watch, bell);
}

void mplat_watch_remove_link(mplat_watch_t *watch, mplat_link_t *link) {
    remove_object(watch, link);
}

void mplat_watch_remove_capture(mplat_watch_t *watch, mplat_capture_t *capture) {
    remove_object(watch, capture);
}

/* One epoll wait, to the nanosecond where the kernel can (5.11). */
static int wait_once(int epoll, struct epoll_event *ready, int capacity, int64_t left) {
    static atomic_bool coarse;
    if (left > 0 && !atomic_load_explicit(&coarse, memory_order_relaxed)) {
        int64_t span[2] = {left / 1000000000, left % 1000000000}; /* the kernel's own 64-bit struct timespec */
        int count = (int)syscall(SYS_epoll_pwait2, epoll, ready, capacity, span, NULL, MPLAT_KERNEL_SIGSET_SIZE);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return count;
        atomic_store_explicit(&coarse, true, memory_order_relaxed);
    }
    int64_t ms = left < 0 ? -1 : left / 1000000 + (left % 1000000 > 0 ? 1 : 0);
    return epoll_wait(epoll, ready, capacity, ms > INT_MAX ? INT_MAX : (int)ms);
}

/* Turns what epoll saw into events. What was removed meanwhile gives none, so it may be fewer. */
static size_t collect(mplat_watch_t *watch, const struct epoll_event *ready, size_t count,
                      mplat_watch_event_t *events) {
    size_t used = 0;
    pthread_mutex_lock(&watch->mutex);
    for (size_t i = 0; i < count; i++) {
        if (ready[i].data.u64 == WAKE_TICKET) {
            uint64_t rings;
            ssize_t got = read(watch->wake, &rings, sizeof rings);
            if (got == (ssize_t)sizeof rings)
                events[used++] = (mplat_watch_event_t){MPLAT_WATCH_WAKE, NULL};
            continue;
        }
        mplat_watch_slot_t *slot = mplat_watch_slots_lookup(&watch->slots, ready[i].data.u64);
        if (slot == NULL)
            continue;
        events[used++] = (mplat_watch_event_t){slot->kind, slot->key};
        if (slot->kind == MPLAT_WATCH_EXIT)
            forget(watch, slot);
    }
    pthread_mutex_unlock(&watch->mutex);
    return used;
}

int mplat_watch_wait(mplat_watch_t *watch, int64_t timeout_ns, mplat_watch_event_t *events, size_t capacity,
                     size_t *out_count) {
    struct epoll_event ready[BATCH];
    int64_t deadline = mplat_deadline_ns(timeout_ns);
    *out_count = 0;
    if (capacity == 0)
        return mplat_fail(EINVAL, "wait on watch");
    for (;;) {
        int64_t left = mplat_remaining_ns(deadline);
        /* Never more than the caller has room for: the kernel forgets an edge that it has told of. */
        int count = wait_once(watch->epoll, ready, capacity < BATCH ? (int)capacity : BATCH, left);
        if (count < 0 && errno != EINTR)
            return mplat_fail(errno, "wait on watch");
        *out_count = count > 0 ? collect(watch, ready, (size_t)count, events) : 0;
        if (*out_count > 0)
            return 0;
        if (left >= 0 && mplat_remaining_ns(deadline) == 0)
            return mplat_fail_as(MPLAT_ETIMEDOUT, 0, "wait on watch");
    }
}

void mplat_watch_wake(mplat_watch_t *watch) {
    static const uint64_t one = 1;
    int saved = errno;
    ssize_t put = write(watch->wake, &one, sizeof one);
    (void)put;
    errno = saved;
}
