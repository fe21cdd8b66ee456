/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c: one thread waits on a completion port; the system's thread pool posts to it what any number of objects
 * do. */
#include "capture.h"
#include "process.h"
#include "syscalls.h"

#include <stdlib.h>
#include <string.h>

/* A packet on the port names an item by slot and serial number, never by address: it may still be queued when the
 * item is gone, and is then recognised and dropped. */
typedef struct watch_item {
    mplat_watch_kind_t kind;
    const void *object;
    void *key;
    HANDLE port, handle;
    PTP_WAIT wait; /* calls back once for each time that it is armed */
    size_t slot;
    DWORD serial;
    bool reported; /* a link or capture that was said to be ready, and is not armed since */
} watch_item_t;

struct mplat_watch {
    HANDLE port;
    SRWLOCK lock; /* for all below; no callback takes it */
    watch_item_t **slots;
    size_t capacity, reported_count;
    DWORD last_serial;
    atomic_bool wake_queued;
};

enum { WAKE_SERIAL = 0, FIRST_CAPACITY = 16, PACKETS_AT_ONCE = 64 };

/* The post fails only for want of memory, and nobody would hear of this exit or ring ever again. */
static void post(HANDLE port, DWORD serial, ULONG_PTR slot) {
    while (!PostQueuedCompletionStatus(port, serial, slot, NULL))
        Sleep(1);
}

static void CALLBACK object_is_ready(PTP_CALLBACK_INSTANCE instance, void *context, PTP_WAIT wait,
                                     TP_WAIT_RESULT result) {
    const watch_item_t *item = context;
    (void)instance;
    (void)wait;
    (void)result;
    post(item->port, item->serial, item->slot);
}

/* ---- items ------------------------------------------------------------------------------------------------------- */

static void arm(watch_item_t *item) {
    SetThreadpoolWait(item->wait, item->handle, NULL);
}

/* When this returns, no callback of the item runs or will run. */
static void destroy_item(watch_item_t *item) {
    if (item == NULL)
        return;
    if (item->wait != NULL) {
        SetThreadpoolWait(item->wait, NULL, NULL);
        WaitForThreadpoolWaitCallbacks(item->wait, TRUE);
        CloseThreadpoolWait(item->wait);
    }
    free(item);
}

/* take_out frees the item's slot: whoever does so owns the item. */
static watch_item_t *take_out(mplat_watch_t *watch, size_t slot) {
    watch_item_t *item = watch->slots[slot];
    watch->slots[slot] = NULL;
    watch->reported_count -= item->reported;
    return item;
}

static int free_slot(mplat_watch_t *watch, size_t *out_slot) {
    for (*out_slot = 0; *out_slot < watch->capacity; ++*out_slot)
        if (watch->slots[*out_slot] == NULL)
            return 0;
    size_t capacity = watch->capacity == 0 ? FIRST_CAPACITY : 2 * watch->capacity;
    watch_item_t **slots = mplat_sys.calloc(capacity, sizeof(watch_item_t *));
    if (slots == NULL)
        return mplat_fail(MPLAT_ENOMEM, "add to watch");
    if (watch->capacity > 0)
        memcpy(slots, watch->slots, watch->capacity * sizeof(watch_item_t *));
    free(watch->slots);
    watch->slots = slots;
    watch->capacity = capacity;
    return 0;
}

static int add_locked(mplat_watch_t *watch, watch_item_t *item) {
    int err = free_slot(watch, &item->slot);
    if (err != 0)
        return err;
    if (++watch->last_serial == WAKE_SERIAL)
        ++watch->last_serial;
    item->serial = watch->last_serial;
    watch->slots[item->slot] = item;
    arm(item);
    return 0;
}

static int make_item(mplat_watch_t *watch, mplat_watch_kind_t kind, watch_item_t **out_item) {
    watch_item_t *item = mplat_sys.calloc(1, sizeof *item);
    *out_item = NULL;
    if (item == NULL)
        return mplat_fail(MPLAT_ENOMEM, "add to watch");
    item->wait = mplat_sys.CreateThreadpoolWait(object_is_ready, item, NULL);
    if (item->wait == NULL) {
        int err = mplat_fail_last("CreateThreadpoolWait");
        free(item);
        return err;
    }
    item->kind = kind;
    item->port = watch->port;
    *out_item = item;
    return 0;
}

static int add(mplat_watch_t *watch, mplat_watch_kind_t kind, const void *object, mplat_handle_t handle, void *key) {
    watch_item_t *item = NULL;
    int err = make_item(watch, kind, &item);
    if (err != 0 || item == NULL)
        return err;
    item->object = object;
    item->key = key;
    item->handle = (HANDLE)handle;
    AcquireSRWLockExclusive(&watch->lock);
    err = add_locked(watch, item);
    ReleaseSRWLockExclusive(&watch->lock);
    if (err != 0)
        destroy_item(item);
    return err;
}

static void remove_object(mplat_watch_t *watch, mplat_watch_kind_t kind, const void *object) {
    watch_item_t *item = NULL;
    AcquireSRWLockExclusive(&watch->lock);
    for (size_t i = 0; item == NULL && i < watch->capacity; i++)
        if (watch->slots[i] != NULL && watch->slots[i]->object == object && watch->slots[i]->kind == kind)
            item = take_out(watch, i);
    ReleaseSRWLockExclusive(&watch->lock);
    destroy_item(item);
}

int mplat_watch_add_process(mplat_watch_t *watch, mplat_process_t *process, void *key) {
    return add(watch, MPLAT_WATCH_EXIT, process, mplat_process_sentinel(process), key);
}

int mplat_watch_add_bell(mplat_watch_t *watch, mplat_bell_t *bell, void *key) {
    return add(watch, MPLAT_WATCH_BELL, bell, mplat_bell_handle(bell), key);
}

int mplat_watch_add_link(mplat_watch_t *watch, mplat_link_t *link, void *key) {
    return add(watch, MPLAT_WATCH_LINK, link, mplat_link_handle(link), key);
}

int mplat_watch_add_capture(mplat_watch_t *watch, mplat_capture_t *capture, void *key) {
    return add(watch, MPLAT_WATCH_CAPTURE, capture, (mplat_handle_t)mplat_capture_event(capture), key);
}

void mplat_watch_remove_process(mplat_watch_t *watch, mplat_process_t *process) {
    remove_object(watch, MPLAT_WATCH_EXIT, process);
}

void mplat_watch_remove_bell(mplat_watch_t *watch, mplat_bell_t *bell) {
    remove_object(watch, MPLAT_WATCH_BELL, bell);
}

void mplat_watch_remove_link(mplat_watch_t *watch, mplat_link_t *link) {
    remove_object(watch, MPLAT_WATCH_LINK, link);
}

void mplat_watch_remove_capture(mplat_watch_t *watch, mplat_capture_t *capture) {
    remove_object(watch, MPLAT_WATCH_CAPTURE, capture);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

/* Where events are gathered for the caller. */
typedef struct gathered {
    mplat_watch_event_t *events;
    size_t count, capacity;
} gathered_t;

static void gather(gathered_t *to, mplat_watch_kind_t kind, void *key) {
    to->events[to->count++] = (mplat_watch_event_t){kind, key};
}

/* What was reported before is reported again while it is still ready; otherwise it is waited for again. */
static void look_at_reported(mplat_watch_t *watch, gathered_t *to) {
    AcquireSRWLockExclusive(&watch->lock);
    for (size_t i = 0; watch->reported_count > 0 && i < watch->capacity && to->count < to->capacity; i++) {
        watch_item_t *item = watch->slots[i];
        if (item == NULL || !item->reported)
            continue;
        if (WaitForSingleObject(item->handle, 0) == WAIT_OBJECT_0) {
            gather(to, item->kind, item->key);
        } else {
            item->reported = false;
            watch->reported_count--;
            arm(item);
        }
    }
    ReleaseSRWLockExclusive(&watch->lock);
}

/* What the packet of an item brings; true when the item has done its work. */
static bool take_item(mplat_watch_t *watch, watch_item_t *item, gathered_t *to) {
    gather(to, item->kind, item->key);
    if (item->kind == MPLAT_WATCH_BELL) {
        /* All rings up to here are this one event; one that comes between the two calls is the next. */
        ResetEvent(item->handle);
        arm(item);
    }
    if (item->kind == MPLAT_WATCH_LINK || item->kind == MPLAT_WATCH_CAPTURE) {
        item->reported = true;
        watch->reported_count++;
    }
    return item->kind == MPLAT_WATCH_EXIT;
}

static void take_packet(mplat_watch_t *watch, DWORD serial, size_t slot, gathered_t *to) {
    watch_item_t *ended = NULL;
    if (serial == WAKE_SERIAL) {
        atomic_store(&watch->wake_queued, false);
        gather(to, MPLAT_WATCH_WAKE, NULL);
        return;
    }
    AcquireSRWLockExclusive(&watch->lock);
    watch_item_t *item = slot < watch->capacity ? watch->slots[slot] : NULL;
    if (item != NULL && item->serial == serial && take_item(watch, item, to))
        ended = take_out(watch, slot);
    ReleaseSRWLockExclusive(&watch->lock);
    destroy_item(ended);
}

static int take_packets(mplat_watch_t *watch, mplat_deadline_t deadline, gathered_t *to) {
    OVERLAPPED_ENTRY packets[PACKETS_AT_ONCE];
    ULONG count = 0;
    size_t room = to->capacity - to->count;
    DWORD left = to->count > 0 ? 0 : mplat_deadline_left(deadline);
    if (!GetQueuedCompletionStatusEx(watch->port, packets, (ULONG)(room < PACKETS_AT_ONCE ? room : PACKETS_AT_ONCE),
                                     &count, left, FALSE)) {
        if (GetLastError() != WAIT_TIMEOUT)
            return mplat_fail_last("GetQueuedCompletionStatusEx");
        return left == 0 && to->count == 0 ? mplat_fail(MPLAT_ETIMEDOUT, "wait on watch") : 0;
    }
    for (ULONG i = 0; i < count; i++)
        take_packet(watch, packets[i].dwNumberOfBytesTransferred, packets[i].lpCompletionKey, to);
    return 0;
}

int mplat_watch_wait(mplat_watch_t *watch, int64_t timeout_ns, mplat_watch_event_t *events, size_t capacity,
                     size_t *out_count) {
    mplat_deadline_t deadline = mplat_deadline_in_ns(timeout_ns);
    gathered_t to = {events, 0, capacity};
    int err = 0;
    *out_count = 0;
    if (capacity == 0)
        return mplat_fail(MPLAT_EINVAL, "wait on watch");
    look_at_reported(watch, &to);
    if (to.count < capacity)
        do
            err = take_packets(watch, deadline, &to);
        while (err == 0 && to.count == 0);
    *out_count = to.count;
    return err;
}

void mplat_watch_wake(mplat_watch_t *watch) {
    if (!atomic_exchange(&watch->wake_queued, true))
        post(watch->port, WAKE_SERIAL, 0);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

int mplat_watch_create(mplat_watch_t **out_watch) {
    *out_watch = NULL;
    mplat_watch_t *watch = mplat_sys.calloc(1, sizeof *watch);
    if (watch == NULL)
        return mplat_fail(MPLAT_ENOMEM, "create watch");
    InitializeSRWLock(&watch->lock);
    watch->port = mplat_sys.CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    if (watch->port == NULL) {
        int err = mplat_fail_last("CreateIoCompletionPort");
        free(watch);
        return err;
    }
    *out_watch = watch;
    return 0;
}

void mplat_watch_destroy(mplat_watch_t *watch) {
    DWORD last_error = GetLastError();
    if (watch == NULL)
        return;
    for (size_t i = 0; i < watch->capacity; i++)
        destroy_item(watch->slots[i]);
    mplat_close(&watch->port);
    free(watch->slots);
    free(watch);
    SetLastError(last_error);
}
