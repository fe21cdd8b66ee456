/* SPDX-License-Identifier: Apache-2.0 */
/* link.c: messages and handles over the private pipe of a parent and its child. How the pipe comes about is
 * link_open.c. */
#include "link_private.h"
#include "syscalls.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_MAGIC UINT32_C(0x4B4C504D)

/* One message on the wire: this, the handles' values in the receiver, the data. */
typedef struct frame {
    uint32_t magic;
    uint32_t size;
    uint32_t handle_count;
    uint32_t reserved;
} frame_t;

enum {
    FIRST_CAPACITY = 4096,
    SENT_AT_ONCE = 4096,
    LAST_BYTES_MS = 1000,
    HANDLES_SIZE = MPLAT_LINK_HANDLES_MAX * sizeof(uint64_t)
};

/* ---- receiving --------------------------------------------------------------------------------------------------- */

/* A read is always pending, into the buffer behind what came already, so that its event tells when there is
 * something to receive. The event stays set while a whole message, or the end, waits in the buffer. */

static void end_receiving(mplat_link_t *link, int err) {
    link->end = err;
    SetEvent(link->reading.hEvent);
}

static int reserve(mplat_link_t *link, size_t capacity) {
    if (capacity <= link->in_capacity)
        return 0;
    unsigned char *in = mplat_sys.calloc(capacity, 1);
    if (in == NULL)
        return mplat_fail(MPLAT_ENOMEM, "receive from link");
    if (link->in_size > 0)
        memcpy(in, link->in, link->in_size);
    free(link->in);
    link->in = in;
    link->in_capacity = capacity;
    return 0;
}

static void start_read(mplat_link_t *link) {
    DWORD room = (DWORD)(link->in_capacity - link->in_size);
    link->reading = (OVERLAPPED){.hEvent = link->reading.hEvent};
    if (mplat_sys.ReadFile(link->pipe, link->in + link->in_size, room, NULL, &link->reading) ||
        GetLastError() == ERROR_IO_PENDING)
        link->read_pending = true;
    else
        end_receiving(link, mplat_fail_last("read link"));
}

/* The system cancels a thread's pending reads when the thread ends: that is no end of the link, and the next receive
 * starts another. */
static void finish_read(mplat_link_t *link) {
    DWORD count = 0;
    link->read_pending = false;
    if (GetOverlappedResult(link->pipe, &link->reading, &count, FALSE))
        link->in_size += count;
    else if (GetLastError() != ERROR_OPERATION_ABORTED)
        end_receiving(link, mplat_fail_last("read link"));
}

static size_t frame_size(const frame_t *frame) {
    return sizeof *frame + frame->handle_count * sizeof(uint64_t) + frame->size;
}

/* look_at_frame sets *out_needed to the size of the first frame in the buffer, as far as it is known. The other side is
 * not trusted: a child must not make its parent use numbers as handles. */
static int look_at_frame(const mplat_link_t *link, frame_t *out_frame, size_t *out_needed) {
    *out_needed = sizeof *out_frame;
    if (link->in_size < sizeof *out_frame)
        return 0;
    memcpy(out_frame, link->in, sizeof *out_frame);
    if (out_frame->magic != FRAME_MAGIC || out_frame->reserved != 0 || out_frame->size > MPLAT_LINK_MESSAGE_MAX ||
        out_frame->handle_count > (link->is_parent ? 0 : MPLAT_LINK_HANDLES_MAX))
        return mplat_fail(MPLAT_EMALFORMED, "receive from link");
    *out_needed = frame_size(out_frame);
    return 0;
}

static bool peer_has_ended(const mplat_link_t *link) {
    return link->is_parent && link->peer != NULL && WaitForSingleObject(link->peer, 0) == WAIT_OBJECT_0;
}

/* What a child wrote last reaches a pending read by way of the thread that began it, perhaps after the child's end was
 * seen. Then there is something to wait for in any case: those bytes, or the end of the pipe. */
static int await_read(const mplat_link_t *link, mplat_deadline_t deadline) {
    int err = mplat_wait_object(link->reading.hEvent, deadline);
    if (err == MPLAT_ETIMEDOUT && peer_has_ended(link))
        err = mplat_wait_object(link->reading.hEvent, mplat_deadline_in_ms(LAST_BYTES_MS));
    return err;
}

/* fill reads until a whole frame is in the buffer. What was there before the end is still received. */
static int fill(mplat_link_t *link, frame_t *out_frame, mplat_deadline_t deadline) {
    for (;;) {
        size_t needed;
        if (link->end == MPLAT_EMALFORMED)
            return mplat_fail(MPLAT_EMALFORMED, "receive from link");
        int err = look_at_frame(link, out_frame, &needed);
        if (err != 0) {
            end_receiving(link, err);
            return err;
        }
        if (link->in_size >= needed)
            return 0;
        if (link->end != 0)
            return mplat_fail(link->end, "receive from link");
        if (!link->read_pending) {
            err = reserve(link, needed);
            if (err != 0)
                return err;
            start_read(link);
        }
        err = await_read(link, deadline);
        if (err != 0)
            return err;
        if (link->read_pending)
            finish_read(link);
    }
}

/* drop_frame takes the first frame out of the buffer and sees to it that the event tells of the next one. */
static void drop_frame(mplat_link_t *link, const frame_t *frame) {
    frame_t next = {0};
    size_t needed = 0, size = frame_size(frame);
    link->in_size -= size;
    memmove(link->in, link->in + size, link->in_size);
    bool more = look_at_frame(link, &next, &needed) != 0 || link->in_size >= needed || link->end != 0;
    if (more || reserve(link, needed) != 0)
        SetEvent(link->reading.hEvent);
    else
        start_read(link);
}

static int take_handles(const mplat_link_t *link, const frame_t *frame, mplat_handle_t *handles) {
    uint64_t values[MPLAT_LINK_HANDLES_MAX] = {0};
    memcpy(values, link->in + sizeof *frame, frame->handle_count * sizeof values[0]);
    for (size_t i = 0; i < frame->handle_count; i++) {
        handles[i] = (mplat_handle_t)(uintptr_t)values[i];
        if (!mplat_is_handle((HANDLE)handles[i]))
            return mplat_fail(MPLAT_EMALFORMED, "receive from link");
    }
    return 0;
}

int mplat_link_receive(mplat_link_t *link, void *buf, size_t size, size_t *out_size, mplat_handle_t *handles,
                       size_t *out_handle_count, int64_t timeout_ms) {
    mplat_handle_t taken[MPLAT_LINK_HANDLES_MAX];
    frame_t frame = {0};
    *out_size = 0;
    if (out_handle_count != NULL)
        *out_handle_count = 0;
    int err = fill(link, &frame, mplat_deadline_in_ms(timeout_ms));
    if (err != 0)
        return err;
    err = take_handles(link, &frame, taken);
    if (err != 0) {
        end_receiving(link, err);
        return err;
    }
    bool fits = frame.size <= size, wanted = fits && handles != NULL && out_handle_count != NULL;
    *out_size = frame.size;
    if (fits && frame.size > 0)
        memcpy(buf, link->in + sizeof frame + frame.handle_count * sizeof(uint64_t), frame.size);
    for (size_t i = 0; i < frame.handle_count; i++) {
        if (wanted)
            handles[i] = taken[i];
        else
            mplat_handle_close(&taken[i]);
    }
    if (wanted)
        *out_handle_count = frame.handle_count;
    drop_frame(link, &frame);
    return fits ? 0 : mplat_fail(MPLAT_ETOOBIG, "receive from link");
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* write_all writes everything before the deadline, or breaks the write off. It sets no failure and takes no memory,
 * since a crash handler calls it too. */
static DWORD write_all(HANDLE pipe, OVERLAPPED *writing, const void *data, size_t size, mplat_deadline_t deadline) {
    const unsigned char *at = data;
    while (size > 0) {
        DWORD count = 0;
        *writing = (OVERLAPPED){.hEvent = writing->hEvent};
        if (!mplat_sys.WriteFile(pipe, at, (DWORD)size, NULL, writing) && GetLastError() != ERROR_IO_PENDING)
            return GetLastError();
        DWORD left = mplat_deadline_left(deadline);
        while (WaitForSingleObject(writing->hEvent, left) == WAIT_TIMEOUT && left > 0)
            left = mplat_deadline_left(deadline);
        if (left == 0)
            CancelIoEx(pipe, writing);
        if (!GetOverlappedResult(pipe, writing, &count, TRUE))
            return GetLastError() == ERROR_OPERATION_ABORTED ? ERROR_SEM_TIMEOUT : GetLastError();
        at += count;
        size -= count;
    }
    return ERROR_SUCCESS;
}

static void close_in_peer(const mplat_link_t *link, const uint64_t *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        mplat_sys.DuplicateHandle(link->peer, (HANDLE)(uintptr_t)values[i], NULL, NULL, 0, FALSE,
                                  DUPLICATE_CLOSE_SOURCE);
}

/* A child that has just died refuses handles in many ways; all of them mean that it is gone. */
static int copy_into_peer(const mplat_link_t *link, const mplat_handle_t *handles, size_t count, uint64_t *values) {
    for (size_t i = 0; i < count; i++) {
        HANDLE copy = NULL;
        int err = 0;
        if (!mplat_is_handle((HANDLE)handles[i]))
            err = mplat_fail(MPLAT_EINVAL, "send handle");
        else if (!mplat_sys.DuplicateHandle(GetCurrentProcess(), (HANDLE)handles[i], link->peer, &copy, 0, FALSE,
                                            DUPLICATE_SAME_ACCESS))
            err = mplat_fail_last("send handle");
        if (err != 0) {
            close_in_peer(link, values, i);
            return WaitForSingleObject(link->peer, 0) == WAIT_OBJECT_0 ? mplat_fail(MPLAT_ECLOSED, "send handle") : err;
        }
        values[i] = (uint64_t)(uintptr_t)copy;
    }
    return 0;
}

static int send_frame(mplat_link_t *link, const void *data, size_t size, const uint64_t *values, size_t count,
                      mplat_deadline_t deadline) {
    unsigned char first[sizeof(frame_t) + HANDLES_SIZE + SENT_AT_ONCE];
    frame_t frame = {FRAME_MAGIC, (uint32_t)size, (uint32_t)count, 0};
    size_t head = sizeof frame + count * sizeof *values;
    size_t piece = size < SENT_AT_ONCE ? size : SENT_AT_ONCE;
    memcpy(first, &frame, sizeof frame);
    if (count > 0)
        memcpy(first + sizeof frame, values, count * sizeof *values);
    if (piece > 0)
        memcpy(first + head, data, piece);

    DWORD os_code = write_all(link->pipe, &link->writing, first, head + piece, deadline);
    if (os_code == ERROR_SUCCESS && size > piece)
        os_code = write_all(link->pipe, &link->writing, (const unsigned char *)data + piece, size - piece, deadline);
    if (os_code == ERROR_SUCCESS)
        return 0;
    int err = mplat_fail_os(os_code, "send over link");
    link->send_end = err == MPLAT_ECLOSED ? MPLAT_ECLOSED : MPLAT_ESTATE;
    return err;
}

int mplat_link_send(mplat_link_t *link, const void *data, size_t size, const mplat_handle_t *handles,
                    size_t handle_count, int64_t timeout_ms) {
    uint64_t values[MPLAT_LINK_HANDLES_MAX] = {0};
    if (size > MPLAT_LINK_MESSAGE_MAX || handle_count > MPLAT_LINK_HANDLES_MAX)
        return mplat_fail(MPLAT_ETOOBIG, "send over link");
    if (handle_count > 0 && !link->is_parent)
        return mplat_fail(MPLAT_ENOTSUP, "send handle");
    if (link->send_end != 0)
        return mplat_fail(link->send_end, "send over link");
    int err = copy_into_peer(link, handles, handle_count, values);
    if (err != 0)
        return err;
    atomic_store(&link->sender, GetCurrentThreadId());
    err = send_frame(link, data, size, values, handle_count, mplat_deadline_in_ms(timeout_ms));
    atomic_store(&link->sender, 0);
    if (err != 0)
        close_in_peer(link, values, handle_count);
    return err;
}

/* Gives another thread half of the second to end its message: cutting into it would make both worthless. The crashed
 * thread itself may be that sender; it will not go on. */
static void wait_for_sender(const mplat_link_t *link, mplat_deadline_t deadline) {
    while (atomic_load(&link->sender) != 0 && atomic_load(&link->sender) != GetCurrentThreadId() &&
           mplat_deadline_left(deadline) > 0)
        Sleep(1);
}

int mplat_link_crash_send(mplat_link_t *link, const void *data, size_t size) {
    enum { LARGEST = 16384, HALF_SECOND_MS = 500 };
    frame_t frame = {FRAME_MAGIC, (uint32_t)size, 0, 0};
    if (size > LARGEST)
        return MPLAT_ETOOBIG;
    wait_for_sender(link, mplat_deadline_in_ms(HALF_SECOND_MS));
    mplat_deadline_t deadline = mplat_deadline_in_ms(HALF_SECOND_MS);
    DWORD os_code = write_all(link->pipe, &link->crashing, &frame, sizeof frame, deadline);
    if (os_code == ERROR_SUCCESS)
        os_code = write_all(link->pipe, &link->crashing, data, size, deadline);
    if (os_code == ERROR_SUCCESS)
        return 0;
    return os_code == ERROR_SEM_TIMEOUT ? MPLAT_ETIMEDOUT : MPLAT_ECLOSED;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

int mplat_link_init(mplat_link_t *link) {
    link->reading.hEvent = mplat_sys.CreateEventW(NULL, TRUE, FALSE, NULL);
    link->writing.hEvent = mplat_sys.CreateEventW(NULL, TRUE, FALSE, NULL);
    link->crashing.hEvent = mplat_sys.CreateEventW(NULL, TRUE, FALSE, NULL);
    if (link->reading.hEvent == NULL || link->writing.hEvent == NULL || link->crashing.hEvent == NULL)
        return mplat_fail_last("CreateEvent");
    int err = reserve(link, FIRST_CAPACITY);
    if (err != 0)
        return err;
    start_read(link);
    /* A peer that is gone already is found out by receiving. */
    return link->end == MPLAT_ECLOSED ? 0 : link->end;
}

mplat_handle_t mplat_link_handle(const mplat_link_t *link) {
    return (mplat_handle_t)link->reading.hEvent;
}

void mplat_link_destroy(mplat_link_t *link) {
    DWORD last_error = GetLastError(), count;
    if (link == NULL)
        return;
    if (link->read_pending) {
        CancelIoEx(link->pipe, &link->reading);
        GetOverlappedResult(link->pipe, &link->reading, &count, TRUE);
    }
    mplat_close(&link->pipe);
    mplat_close(&link->peer);
    mplat_close(&link->reading.hEvent);
    mplat_close(&link->writing.hEvent);
    mplat_close(&link->crashing.hEvent);
    free(link->in);
    free(link);
    SetLastError(last_error);
}
