/* SPDX-License-Identifier: Apache-2.0 */
/* handle.c: handles of the fake platform, its null device and its pipes. */
#include <stdlib.h>
#include <string.h>

#include "platform/fake/state.h"

enum { FIRST_HANDLE = 1000, PIPE_SIZE = 65536 };

typedef struct slot {
    object_t *object; /* NULL: free */
} slot_t;

static slot_t *table; /* index + FIRST_HANDLE is the handle */
static size_t table_size;

void object_init(object_t *object, object_kind_t kind, void (*drop)(object_t *object)) {
    *object = (object_t){.kind = kind, .uses = 1, .drop = drop};
}

void object_release_locked(object_t *object) {
    if (object != NULL && --object->uses == 0)
        object->drop(object);
}

mplat_handle_t handle_add_locked(object_t *object) {
    size_t i = 0;
    while (i < table_size && table[i].object != NULL)
        i++;
    if (i == table_size) {
        slot_t *bigger = realloc(table, (table_size + 64) * sizeof *table);
        if (bigger == NULL)
            return MPLAT_NO_HANDLE;
        memset(bigger + table_size, 0, 64 * sizeof *table);
        table = bigger;
        table_size += 64;
    }
    table[i].object = object;
    object->uses++;
    state_opened_locked();
    return (mplat_handle_t)i + FIRST_HANDLE;
}

object_t *handle_object_locked(mplat_handle_t handle) {
    if (handle < FIRST_HANDLE || handle >= FIRST_HANDLE + (mplat_handle_t)table_size)
        return NULL;
    return table[handle - FIRST_HANDLE].object;
}

void handle_close_locked(mplat_handle_t *handle) {
    object_t *object = handle_object_locked(*handle);
    if (object != NULL) {
        table[*handle - FIRST_HANDLE].object = NULL;
        object_release_locked(object);
        state_closed_locked();
        monitor_changed();
    }
    *handle = MPLAT_NO_HANDLE;
}

void handles_reset_locked(void) {
    for (size_t i = 0; i < table_size; i++) {
        mplat_handle_t handle = (mplat_handle_t)i + FIRST_HANDLE;
        handle_close_locked(&handle);
    }
    free(table);
    table = NULL;
    table_size = 0;
}

void mplat_handle_close(mplat_handle_t *handle) {
    monitor_enter();
    handle_close_locked(handle);
    monitor_leave();
}

int mplat_handle_duplicate(mplat_handle_t handle, mplat_handle_t *out_handle) {
    *out_handle = MPLAT_NO_HANDLE;
    int err = state_injected(FAKE_HANDLE_DUPLICATE);
    if (err != 0)
        return err;
    monitor_enter();
    object_t *object = handle_object_locked(handle);
    if (object != NULL)
        *out_handle = handle_add_locked(object);
    monitor_leave();
    return *out_handle != MPLAT_NO_HANDLE ? 0
                                          : state_fail(object == NULL ? MPLAT_EINVAL : MPLAT_ENOMEM, 0, "duplicate");
}

/* How many of the handles are ready; sets *out_valid to whether all are open and can be waited for. */
static size_t mark_ready_locked(const mplat_handle_t *handles, size_t count, bool *out_ready, bool *out_valid) {
    size_t total = 0;
    *out_valid = true;
    for (size_t i = 0; i < count; i++) {
        object_t *object = handle_object_locked(handles[i]);
        out_ready[i] = object != NULL && object->ready;
        total += out_ready[i] ? 1 : 0;
        *out_valid = *out_valid && object != NULL;
    }
    return total;
}

int mplat_handles_wait(const mplat_handle_t *handles, size_t count, int64_t timeout_ms, bool *out_ready) {
    bool valid;
    int err = state_injected(FAKE_HANDLES_WAIT);
    for (size_t i = 0; i < count; i++)
        out_ready[i] = false;
    if (err != 0)
        return err;
    monitor_enter();
    int64_t deadline = clock_deadline_ms_locked(timeout_ms);
    while (err == 0 && mark_ready_locked(handles, count, out_ready, &valid) == 0 && valid)
        if (!state_wait_locked(deadline))
            err = state_fail(MPLAT_ETIMEDOUT, 0, "wait");
    if (err == 0 && !valid)
        err = state_fail(MPLAT_EINVAL, 0, "wait");
    monitor_leave();
    return err;
}

/* ---- null device and pipes ------------------------------------------------------------------------------------------- */

typedef struct pipe_buffer {
    unsigned char bytes[PIPE_SIZE];
    size_t start, used;
    bool has_reader, has_writer;
    object_t *read_end; /* its readiness follows the content; valid while has_reader */
} pipe_buffer_t;

typedef struct pipe_end {
    object_t object; /* first: an object is cast back to the end */
    pipe_buffer_t *pipe;
} pipe_end_t;

static void drop_plain(object_t *object) {
    free(object);
}

static void update_ready_locked(const pipe_buffer_t *pipe) {
    if (pipe->has_reader)
        pipe->read_end->ready = pipe->used > 0 || !pipe->has_writer;
}

static void drop_end(object_t *object) {
    pipe_end_t *end = (pipe_end_t *)object;
    if (object->kind == OBJECT_PIPE_READ)
        end->pipe->has_reader = false;
    else
        end->pipe->has_writer = false;
    update_ready_locked(end->pipe);
    if (!end->pipe->has_reader && !end->pipe->has_writer)
        free(end->pipe);
    free(end);
    monitor_changed();
}

/* Makes a handle the only user of a fresh object. */
static int publish(object_t *object, mplat_handle_t *out_handle) {
    monitor_enter();
    *out_handle = handle_add_locked(object);
    object_release_locked(object);
    monitor_leave();
    return *out_handle != MPLAT_NO_HANDLE ? 0 : state_fail(MPLAT_ENOMEM, 0, "handle");
}

int mplat_null_open(mplat_handle_t *out_handle) {
    *out_handle = MPLAT_NO_HANDLE;
    int err = state_injected(FAKE_NULL_OPEN);
    if (err != 0)
        return err;
    object_t *object = malloc(sizeof *object);
    if (object == NULL)
        return state_fail(MPLAT_ENOMEM, 0, "null_open");
    object_init(object, OBJECT_NULL, drop_plain);
    object->ready = true;
    return publish(object, out_handle);
}

static object_t *make_end(pipe_buffer_t *pipe, object_kind_t kind) {
    pipe_end_t *end = malloc(sizeof *end);
    if (end == NULL)
        return NULL;
    object_init(&end->object, kind, drop_end);
    end->pipe = pipe;
    return &end->object;
}

int mplat_pipe_create(mplat_handle_t *out_read, mplat_handle_t *out_write) {
    *out_read = *out_write = MPLAT_NO_HANDLE;
    int err = state_injected(FAKE_PIPE_CREATE);
    if (err != 0)
        return err;
    pipe_buffer_t *pipe = calloc(1, sizeof *pipe);
    object_t *read_end = pipe != NULL ? make_end(pipe, OBJECT_PIPE_READ) : NULL;
    object_t *write_end = read_end != NULL ? make_end(pipe, OBJECT_PIPE_WRITE) : NULL;
    if (write_end == NULL) {
        free(read_end);
        free(pipe);
        return state_fail(MPLAT_ENOMEM, 0, "pipe_create");
    }
    pipe->has_reader = pipe->has_writer = true;
    pipe->read_end = read_end;
    err = publish(read_end, out_read);
    int write_err = publish(write_end, out_write);
    if (err == 0 && write_err == 0)
        return 0;
    mplat_handle_close(out_read);
    mplat_handle_close(out_write);
    return MPLAT_ENOMEM;
}

/* Waits until the end can be used: data or no writer to read, room or no reader to write. */
static int await_pipe_locked(mplat_handle_t handle, object_kind_t kind, int64_t deadline, pipe_buffer_t **out_pipe) {
    for (;;) {
        object_t *object = handle_object_locked(handle);
        *out_pipe = NULL;
        if (object != NULL && object->kind == OBJECT_NULL)
            return 0;
        if (object == NULL || object->kind != kind)
            return state_fail(MPLAT_EINVAL, 0, "pipe");
        pipe_buffer_t *pipe = ((pipe_end_t *)object)->pipe;
        *out_pipe = pipe;
        bool reads = kind == OBJECT_PIPE_READ;
        if (reads ? pipe->used > 0 : pipe->has_reader && pipe->used < PIPE_SIZE)
            return 0;
        if (reads ? !pipe->has_writer : !pipe->has_reader)
            return state_fail(MPLAT_ECLOSED, 0, "pipe");
        if (!state_wait_locked(deadline))
            return state_fail(MPLAT_ETIMEDOUT, 0, "pipe");
    }
}

int mplat_pipe_read(mplat_handle_t pipe, void *buf, size_t size, int64_t timeout_ms, size_t *out_size) {
    *out_size = 0;
    int err = state_injected(FAKE_PIPE_READ);
    if (err != 0)
        return err;
    monitor_enter();
    pipe_buffer_t *buffer = NULL;
    err = await_pipe_locked(pipe, OBJECT_PIPE_READ, clock_deadline_ms_locked(timeout_ms), &buffer);
    if (err == 0 && buffer == NULL)
        err = state_fail(MPLAT_ECLOSED, 0, "null");
    for (; err == 0 && buffer != NULL && *out_size < size && buffer->used > 0; buffer->used--, ++*out_size) {
        ((unsigned char *)buf)[*out_size] = buffer->bytes[buffer->start];
        buffer->start = (buffer->start + 1) % PIPE_SIZE;
    }
    if (buffer != NULL)
        update_ready_locked(buffer);
    monitor_changed();
    monitor_leave();
    return err;
}

int mplat_pipe_write(mplat_handle_t pipe, const void *buf, size_t size, int64_t timeout_ms, size_t *out_size) {
    *out_size = 0;
    int err = state_injected(FAKE_PIPE_WRITE);
    if (err != 0)
        return err;
    monitor_enter();
    pipe_buffer_t *buffer = NULL;
    err = await_pipe_locked(pipe, OBJECT_PIPE_WRITE, clock_deadline_ms_locked(timeout_ms), &buffer);
    if (err == 0 && buffer == NULL)
        *out_size = size;
    for (; err == 0 && buffer != NULL && *out_size < size && buffer->used < PIPE_SIZE; buffer->used++, ++*out_size)
        buffer->bytes[(buffer->start + buffer->used) % PIPE_SIZE] = ((const unsigned char *)buf)[*out_size];
    if (buffer != NULL)
        update_ready_locked(buffer);
    monitor_changed();
    monitor_leave();
    return err;
}
