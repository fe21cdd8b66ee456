/* SPDX-License-Identifier: Apache-2.0 */
/* watch_poll.c: waiting for exits, bells, links and captures with poll, which every system has. Its counterpart is
 * watch_epoll.c. */
#include "bell.h"
#include "capture.h"
#include "internal.h"
#include "process.h"
#include "syscalls.h"
#include "watch_slots.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* The first descriptor of each poll. A byte 'w' is the caller's wake; any other only makes a running poll look at the
 * slots again. */
struct mplat_watch {
    pthread_mutex_t mutex; /* over all but the arrays of the wait */
    mplat_watch_slots_t slots;
    int heard, rung;
    size_t turn; /* where the next round begins, so that with little room no slot is always last */
    struct pollfd *fds;
    uint64_t *tickets;
    size_t room;
};

int mplat_watch_create(mplat_watch_t **out_watch) {
    int fds[2] = {-1, -1};
    mplat_watch_t *watch = mplat_sys.allocate(sizeof *watch);
    *out_watch = NULL;
    if (watch == NULL)
        return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "make watch");
    if (mplat_sys.socket_pair(fds) != 0) {
        int err = mplat_fail(errno, "make watch");
        free(watch);
        return err;
    }
    pthread_mutex_init(&watch->mutex, NULL);
    watch->heard = fds[0];
    watch->rung = fds[1];
    *out_watch = watch;
    return 0;
}

void mplat_watch_destroy(mplat_watch_t *watch) {
    if (watch == NULL)
        return;
    mplat_close(watch->heard);
    mplat_close(watch->rung);
    mplat_watch_slots_fini(&watch->slots);
    free(watch->fds);
    free(watch->tickets);
    pthread_mutex_destroy(&watch->mutex);
    free(watch);
}

static void send_byte(mplat_watch_t *watch, char byte) {
    int saved = errno;
    send(watch->rung, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    errno = saved;
}

static int add(mplat_watch_t *watch, const void *object, mplat_watch_kind_t kind, int fd, void *key) {
    int err = 0;
    pthread_mutex_lock(&watch->mutex);
    if (fd < 0)
        err = mplat_fail(EBADF, "watch");
    else if (mplat_watch_slots_find(&watch->slots, object) != NULL)
        err = mplat_fail_as(MPLAT_ESTATE, 0, "watch twice");
    else if (mplat_watch_slots_take(&watch->slots, object, kind, fd, key) == NULL)
        err = mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "watch");
    pthread_mutex_unlock(&watch->mutex);
    if (err == 0)
        send_byte(watch, 'a');
    return err;
}

static void remove_object(mplat_watch_t *watch, const void *object) {
    pthread_mutex_lock(&watch->mutex);
    mplat_watch_slot_t *slot = mplat_watch_slots_find(&watch->slots, object);
    if (slot != NULL)
        mplat_watch_slots_free(&watch->slots, slot);
    pthread_mutex_unlock(&watch->mutex);
}

int mplat_watch_add_process(mplat_watch_t *watch, mplat_process_t *process, void *key) {
    return add(watch, process, MPLAT_WATCH_EXIT, mplat_fd(mplat_process_sentinel(process)), key);
}

int mplat_watch_add_bell(mplat_watch_t *watch, mplat_bell_t *bell, void *key) {
    return add(watch, bell, MPLAT_WATCH_BELL, mplat_bell_heard_fd(bell), key);
}

int mplat_watch_add_link(mplat_watch_t *watch, mplat_link_t *link, void *key) {
    return add(watch, link, MPLAT_WATCH_LINK, mplat_fd(mplat_link_handle(link)), key);
}

int mplat_watch_add_capture(mplat_watch_t *watch, mplat_capture_t *capture, void *key) {
    return add(watch, capture, MPLAT_WATCH_CAPTURE, mplat_capture_fd(capture), key);
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

/* Copies what is watched into the arrays of the wait, beginning at another slot each time. The caller holds the
 * mutex. */
static bool prepare(mplat_watch_t *watch, size_t *out_count) {
    size_t capacity = watch->slots.capacity, used = 1;
    if (watch->room < capacity + 1) {
        struct pollfd *fds = mplat_sys.allocate((capacity + 1) * sizeof *fds);
        uint64_t *tickets = mplat_sys.allocate((capacity + 1) * sizeof *tickets);
        if (fds == NULL || tickets == NULL) {
            free(fds);
            free(tickets);
            return false;
        }
        free(watch->fds);
        free(watch->tickets);
        watch->fds = fds;
        watch->tickets = tickets;
        watch->room = capacity + 1;
    }
    watch->fds[0] = (struct pollfd){.fd = watch->heard, .events = POLLIN, .revents = 0};
    watch->turn++;
    for (size_t i = 0; i < capacity; i++) {
        const mplat_watch_slot_t *slot = &watch->slots.table[(watch->turn + i) % capacity];
        if (slot->object == NULL)
            continue;
        watch->tickets[used] = mplat_watch_slots_ticket(&watch->slots, slot);
        watch->fds[used++] = (struct pollfd){.fd = slot->fd, .events = POLLIN, .revents = 0};
    }
    *out_count = used;
    return true;
}

static bool take_wake(const mplat_watch_t *watch) {
    char bytes[64];
    bool woken = false;
    for (ssize_t got; (got = recv(watch->heard, bytes, sizeof bytes, MSG_DONTWAIT)) > 0;)
        for (ssize_t i = 0; i < got; i++)
            woken = woken || bytes[i] == 'w';
    return woken;
}

/* Turns what poll saw into events. The caller holds the mutex. */
static size_t collect(mplat_watch_t *watch, size_t count, mplat_watch_event_t *events, size_t capacity) {
    size_t used = 0;
    if (watch->fds[0].revents != 0 && take_wake(watch))
        events[used++] = (mplat_watch_event_t){MPLAT_WATCH_WAKE, NULL};
    for (size_t i = 1; i < count && used < capacity; i++) {
        mplat_watch_slot_t *slot = NULL;
        if (watch->fds[i].revents != 0)
            slot = mplat_watch_slots_lookup(&watch->slots, watch->tickets[i]);
        if (slot == NULL)
            continue;
        events[used++] = (mplat_watch_event_t){slot->kind, slot->key};
        if (slot->kind == MPLAT_WATCH_BELL)
            mplat_bell_silence(slot->fd);
        if (slot->kind == MPLAT_WATCH_EXIT)
            mplat_watch_slots_free(&watch->slots, slot);
    }
    return used;
}

int mplat_watch_wait(mplat_watch_t *watch, int64_t timeout_ns, mplat_watch_event_t *events, size_t capacity,
                     size_t *out_count) {
    int64_t deadline = mplat_deadline_ns(timeout_ns);
    *out_count = 0;
    if (capacity == 0)
        return mplat_fail(EINVAL, "wait on watch");
    for (;;) {
        size_t count = 0;
        pthread_mutex_lock(&watch->mutex);
        bool prepared = prepare(watch, &count);
        pthread_mutex_unlock(&watch->mutex);
        if (!prepared)
            return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "wait on watch");
        int ready = mplat_poll(watch->fds, (nfds_t)count, deadline);
        if (ready < 0)
            return mplat_fail(errno, "wait on watch");
        pthread_mutex_lock(&watch->mutex);
        *out_count = ready > 0 ? collect(watch, count, events, capacity) : 0;
        pthread_mutex_unlock(&watch->mutex);
        if (*out_count > 0)
            return 0;
        if (ready == 0)
            return mplat_fail_as(MPLAT_ETIMEDOUT, 0, "wait on watch");
    }
}

void mplat_watch_wake(mplat_watch_t *watch) {
    send_byte(watch, 'w');
}
