/* SPDX-License-Identifier: Apache-2.0 */
/* link.c: links of the fake platform, two queues in memory. */
#include <stdlib.h>
#include <string.h>

#include "platform/fake/state.h"

enum { QUEUE_BYTES_MAX = 1 << 18 };

typedef struct message {
    struct message *next;
    object_t *objects[MPLAT_LINK_HANDLES_MAX]; /* each used once, by the message */
    size_t object_count;
    size_t size;
    unsigned char data[];
} message_t;

struct mplat_link {
    object_t object; /* first: it is cast back. Ready when something can be received. */
    mplat_handle_t handle;
    mplat_link_t *peer; /* NULL once that end is gone */
    bool closed;
    message_t *first, *last;
    size_t queued_bytes;
};

static void update_ready_locked(mplat_link_t *link) {
    link->object.ready = link->first != NULL || link->peer == NULL;
    monitor_changed();
}

/* A duplicate of its handle may outlive the link; the memory goes with the last of them. */
static void drop_link(object_t *object) {
    free(object);
}

static mplat_link_t *make_end_locked(void) {
    mplat_link_t *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    object_init(&link->object, OBJECT_LINK, drop_link);
    link->handle = handle_add_locked(&link->object);
    if (link->handle == MPLAT_NO_HANDLE) {
        free(link);
        return NULL;
    }
    return link;
}

int link_pair_locked(mplat_link_t **out_one, mplat_link_t **out_other) {
    *out_one = make_end_locked();
    *out_other = *out_one != NULL ? make_end_locked() : NULL;
    if (*out_other == NULL) {
        link_free_locked(*out_one);
        *out_one = NULL;
        return state_fail(MPLAT_ENOMEM, 0, "link");
    }
    (*out_one)->peer = *out_other;
    (*out_other)->peer = *out_one;
    return 0;
}

static void free_message_locked(message_t *message) {
    for (size_t i = 0; i < message->object_count; i++)
        object_release_locked(message->objects[i]);
    free(message);
}

/* Takes the first message off the queue. */
static message_t *pop_locked(mplat_link_t *link) {
    message_t *message = link->first;
    if (message == NULL)
        return NULL;
    link->first = message->next;
    if (link->first == NULL)
        link->last = NULL;
    link->queued_bytes -= message->size;
    update_ready_locked(link);
    return message;
}

bool link_drop_first_locked(mplat_link_t *link) {
    message_t *message = pop_locked(link);
    if (message != NULL)
        free_message_locked(message);
    return message != NULL;
}

bool link_has_ended_locked(const mplat_link_t *link) {
    return link->first == NULL && link->peer == NULL;
}

void link_close_locked(mplat_link_t *link) {
    if (link->closed)
        return;
    link->closed = true;
    while (link_drop_first_locked(link)) {}
    if (link->peer != NULL) {
        link->peer->peer = NULL;
        update_ready_locked(link->peer);
        link->peer = NULL;
    }
    handle_close_locked(&link->handle);
}

void link_free_locked(mplat_link_t *link) {
    if (link == NULL)
        return;
    link_close_locked(link);
    link->object.ready = true;
    object_release_locked(&link->object);
}

object_t *link_object_locked(mplat_link_t *link) {
    return &link->object;
}

int link_push_locked(mplat_link_t *link, const void *data, size_t size, const mplat_handle_t *handles, size_t count) {
    if (link->peer == NULL)
        return state_fail(MPLAT_ECLOSED, 0, "send");
    message_t *message = calloc(1, sizeof *message + size);
    if (message == NULL)
        return state_fail(MPLAT_ENOMEM, 0, "send");
    for (; message->object_count < count; message->object_count++) {
        object_t *object = handle_object_locked(handles[message->object_count]);
        if (object == NULL) {
            free_message_locked(message);
            return state_fail(MPLAT_EINVAL, 0, "send handle");
        }
        object->uses++;
        message->objects[message->object_count] = object;
    }
    message->size = size;
    if (size > 0)
        memcpy(message->data, data, size);
    mplat_link_t *peer = link->peer;
    if (peer->last != NULL)
        peer->last->next = message;
    else
        peer->first = message;
    peer->last = message;
    peer->queued_bytes += size;
    update_ready_locked(peer);
    return 0;
}

int mplat_link_send(mplat_link_t *link, const void *data, size_t size, const mplat_handle_t *handles,
                    size_t handle_count, int64_t timeout_ms) {
    int err = state_injected(FAKE_LINK_SEND);
    if (err != 0)
        return err;
    if (size > MPLAT_LINK_MESSAGE_MAX || handle_count > MPLAT_LINK_HANDLES_MAX)
        return state_fail(MPLAT_EINVAL, 0, "send");
    monitor_enter();
    int64_t deadline = clock_deadline_ms_locked(timeout_ms);
    while (err == 0 && link->peer != NULL && link->peer->queued_bytes > 0 &&
           link->peer->queued_bytes + size > QUEUE_BYTES_MAX)
        if (!state_wait_locked(deadline))
            err = state_fail(MPLAT_ETIMEDOUT, 0, "send");
    if (err == 0)
        err = link_push_locked(link, data, size, handles, handle_count);
    if (err == 0)
        children_step_locked();
    monitor_leave();
    return err;
}

/* Gives the caller handles for what came with the message, or lets it go where none are wanted. */
static int hand_over_locked(const message_t *message, mplat_handle_t *handles, size_t *out_handle_count) {
    if (out_handle_count != NULL)
        *out_handle_count = 0;
    for (size_t i = 0; handles != NULL && out_handle_count != NULL && i < message->object_count; i++) {
        handles[i] = handle_add_locked(message->objects[i]);
        if (handles[i] == MPLAT_NO_HANDLE) {
            while (*out_handle_count > 0)
                handle_close_locked(&handles[--*out_handle_count]);
            return state_fail(MPLAT_ENOHANDLES, 0, "receive");
        }
        ++*out_handle_count;
    }
    return 0;
}

int mplat_link_receive(mplat_link_t *link, void *buf, size_t size, size_t *out_size, mplat_handle_t *handles,
                       size_t *out_handle_count, int64_t timeout_ms) {
    *out_size = 0;
    if (out_handle_count != NULL)
        *out_handle_count = 0;
    int err = state_injected(FAKE_LINK_RECEIVE);
    if (err != 0)
        return err;
    monitor_enter();
    int64_t deadline = clock_deadline_ms_locked(timeout_ms);
    while (err == 0 && link->first == NULL) {
        if (link->peer == NULL)
            err = state_fail(MPLAT_ECLOSED, 0, "receive");
        else if (!state_wait_locked(deadline))
            err = state_fail(MPLAT_ETIMEDOUT, 0, "receive");
    }
    message_t *message = err == 0 ? pop_locked(link) : NULL;
    if (message != NULL) {
        err = message->size > size ? state_fail(MPLAT_ETOOBIG, 0, "receive")
                                   : hand_over_locked(message, handles, out_handle_count);
        if (err == 0) {
            *out_size = message->size;
            if (message->size > 0)
                memcpy(buf, message->data, message->size);
        }
        free_message_locked(message);
    }
    monitor_leave();
    return err;
}

int mplat_link_crash_send(mplat_link_t *link, const void *data, size_t size) {
    monitor_enter();
    int err = size > MPLAT_LINK_MESSAGE_MAX ? state_fail(MPLAT_EINVAL, 0, "crash send")
                                            : link_push_locked(link, data, size, NULL, 0);
    monitor_leave();
    return err;
}

mplat_handle_t mplat_link_handle(const mplat_link_t *link) {
    return link->handle;
}

void mplat_link_destroy(mplat_link_t *link) {
    monitor_enter();
    link_free_locked(link);
    children_step_locked();
    monitor_leave();
}

int fake_link_pair(mplat_link_t **out_one, mplat_link_t **out_other) {
    monitor_enter();
    int err = link_pair_locked(out_one, out_other);
    monitor_leave();
    return err;
}
