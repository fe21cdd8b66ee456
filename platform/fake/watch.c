/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c: watches and bells of the fake platform. */
#include <stdlib.h>
#include <string.h>

#include "platform/fake/state.h"

struct mplat_bell {
    object_t *object; /* shared by all who have the bell; ready when it has rung */
    mplat_handle_t handle;
};

typedef struct entry {
    struct entry *next;
    mplat_watch_kind_t kind;
    object_t *object; /* used once by the entry */
    void *key;
    bool reported; /* an exit is reported once */
} entry_t;

struct mplat_watch {
    entry_t *entries; /* in the order in which they are reported; who was reported goes to the end */
    bool woken;
};

/* ---- bells --------------------------------------------------------------------------------------------------------------- */

static void drop_bell(object_t *object) {
    free(object);
}

object_t *bell_object_locked(mplat_bell_t *bell) {
    return bell->object;
}

int mplat_bell_create(mplat_bell_t **out_bell) {
    *out_bell = NULL;
    int err = state_injected(FAKE_BELL_CREATE);
    if (err != 0)
        return err;
    mplat_bell_t *bell = calloc(1, sizeof *bell);
    object_t *object = malloc(sizeof *object);
    if (bell == NULL || object == NULL) {
        free(bell);
        free(object);
        return state_fail(MPLAT_ENOMEM, 0, "bell_create");
    }
    object_init(object, OBJECT_BELL, drop_bell);
    bell->object = object;
    monitor_enter();
    bell->handle = handle_add_locked(object);
    object_release_locked(object);
    monitor_leave();
    if (bell->handle == MPLAT_NO_HANDLE) {
        free(bell);
        return state_fail(MPLAT_ENOMEM, 0, "bell_create");
    }
    *out_bell = bell;
    return 0;
}

mplat_handle_t mplat_bell_handle(const mplat_bell_t *bell) {
    return bell->handle;
}

int mplat_bell_open(mplat_handle_t handle, mplat_bell_t **out_bell) {
    *out_bell = NULL;
    int err = state_injected(FAKE_BELL_OPEN);
    mplat_bell_t *bell = err == 0 ? calloc(1, sizeof *bell) : NULL;
    if (err == 0 && bell == NULL)
        err = state_fail(MPLAT_ENOMEM, 0, "bell_open");
    monitor_enter();
    object_t *object = handle_object_locked(handle);
    bool right = object != NULL && object->kind == OBJECT_BELL;
    if (bell == NULL || !right)
        handle_close_locked(&handle);
    monitor_leave();
    if (bell == NULL || !right) {
        free(bell);
        return err != 0 ? err : state_fail(MPLAT_EINVAL, 0, "bell_open");
    }
    *bell = (mplat_bell_t){.object = object, .handle = handle};
    *out_bell = bell;
    return 0;
}

int mplat_bell_ring(mplat_bell_t *bell) {
    monitor_enter();
    bell->object->ready = true;
    monitor_changed();
    monitor_leave();
    return 0;
}

void mplat_bell_destroy(mplat_bell_t *bell) {
    if (bell == NULL)
        return;
    mplat_handle_close(&bell->handle);
    free(bell);
}

/* ---- watches -------------------------------------------------------------------------------------------------------------- */

int mplat_watch_create(mplat_watch_t **out_watch) {
    *out_watch = NULL;
    int err = state_injected(FAKE_WATCH_CREATE);
    if (err != 0)
        return err;
    *out_watch = calloc(1, sizeof **out_watch);
    if (*out_watch == NULL)
        return state_fail(MPLAT_ENOMEM, 0, "watch_create");
    monitor_enter();
    state_opened_locked();
    monitor_leave();
    return 0;
}

static void append_locked(mplat_watch_t *watch, entry_t *entry) {
    entry_t **end = &watch->entries;
    while (*end != NULL)
        end = &(*end)->next;
    entry->next = NULL;
    *end = entry;
}

static int add(mplat_watch_t *watch, mplat_watch_kind_t kind, object_t *object, void *key, fake_call_t call) {
    int err = state_injected(call);
    if (err != 0)
        return err;
    entry_t *entry = malloc(sizeof *entry);
    if (entry == NULL)
        return state_fail(MPLAT_ENOMEM, 0, "watch_add");
    *entry = (entry_t){.kind = kind, .object = object, .key = key};
    monitor_enter();
    object->uses++;
    append_locked(watch, entry);
    monitor_changed();
    monitor_leave();
    return 0;
}

static void remove_entry(mplat_watch_t *watch, const object_t *object) {
    monitor_enter();
    for (entry_t **place = &watch->entries; *place != NULL;) {
        entry_t *entry = *place;
        if (entry->object == object) {
            *place = entry->next;
            object_release_locked(entry->object);
            free(entry);
        } else {
            place = &entry->next;
        }
    }
    monitor_leave();
}

int mplat_watch_add_process(mplat_watch_t *watch, mplat_process_t *process, void *key) {
    return add(watch, MPLAT_WATCH_EXIT, child_object_locked(process), key, FAKE_WATCH_ADD_PROCESS);
}

int mplat_watch_add_bell(mplat_watch_t *watch, mplat_bell_t *bell, void *key) {
    return add(watch, MPLAT_WATCH_BELL, bell->object, key, FAKE_WATCH_ADD_BELL);
}

int mplat_watch_add_link(mplat_watch_t *watch, mplat_link_t *link, void *key) {
    return add(watch, MPLAT_WATCH_LINK, link_object_locked(link), key, FAKE_WATCH_ADD_LINK);
}

int mplat_watch_add_capture(mplat_watch_t *watch, mplat_capture_t *capture, void *key) {
    return add(watch, MPLAT_WATCH_CAPTURE, capture_object_locked(capture), key, FAKE_WATCH_ADD_CAPTURE);
}

void mplat_watch_remove_process(mplat_watch_t *watch, mplat_process_t *process) {
    remove_entry(watch, child_object_locked(process));
}

void mplat_watch_remove_bell(mplat_watch_t *watch, mplat_bell_t *bell) {
    remove_entry(watch, bell->object);
}

void mplat_watch_remove_link(mplat_watch_t *watch, mplat_link_t *link) {
    remove_entry(watch, link_object_locked(link));
}

void mplat_watch_remove_capture(mplat_watch_t *watch, mplat_capture_t *capture) {
    remove_entry(watch, capture_object_locked(capture));
}

/* Takes the first entry that has something to report, and puts it last, so that none is passed over for ever. */
static entry_t *take_ready_locked(mplat_watch_t *watch, size_t *limit) {
    for (entry_t **place = &watch->entries; *place != NULL && *limit > 0; place = &(*place)->next, --*limit) {
        entry_t *entry = *place;
        if (!entry->object->ready || entry->reported)
            continue;
        *place = entry->next;
        append_locked(watch, entry);
        --*limit;
        return entry;
    }
    return NULL;
}

static size_t collect_locked(mplat_watch_t *watch, mplat_watch_event_t *events, size_t capacity) {
    size_t count = 0, limit = 0;
    if (watch->woken && capacity > 0) {
        events[count++] = (mplat_watch_event_t){.kind = MPLAT_WATCH_WAKE};
        watch->woken = false;
    }
    for (const entry_t *entry = watch->entries; entry != NULL; entry = entry->next)
        limit++;
    while (count < capacity) {
        entry_t *entry = take_ready_locked(watch, &limit);
        if (entry == NULL)
            break;
        entry->reported = entry->kind == MPLAT_WATCH_EXIT;
        if (entry->kind == MPLAT_WATCH_BELL)
            entry->object->ready = false;
        events[count++] = (mplat_watch_event_t){.kind = entry->kind, .key = entry->key};
    }
    return count;
}

int mplat_watch_wait(mplat_watch_t *watch, int64_t timeout_ns, mplat_watch_event_t *events, size_t capacity,
                     size_t *out_count) {
    *out_count = 0;
    int err = state_injected(FAKE_WATCH_WAIT);
    if (err != 0)
        return err;
    monitor_enter();
    int64_t deadline = clock_deadline_ns_locked(timeout_ns);
    while (err == 0 && (*out_count = collect_locked(watch, events, capacity)) == 0)
        if (!state_wait_locked(deadline))
            err = state_fail(MPLAT_ETIMEDOUT, 0, "watch_wait");
    monitor_leave();
    return err;
}

void mplat_watch_wake(mplat_watch_t *watch) {
    monitor_enter();
    watch->woken = true;
    monitor_changed();
    monitor_leave();
}

void mplat_watch_destroy(mplat_watch_t *watch) {
    if (watch == NULL)
        return;
    while (watch->entries != NULL)
        remove_entry(watch, watch->entries->object);
    monitor_enter();
    state_closed_locked();
    monitor_leave();
    free(watch);
}
