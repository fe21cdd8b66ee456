/* SPDX-License-Identifier: Apache-2.0 */
/* buffer.h: bytes that grow, on the heap or where the owner of some other memory says. */
#ifndef MPROC_SRC_BUFFER_H
#define MPROC_SRC_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/* Where a buffer takes its room: a ring slot, a shared segment. grow gives room for at least *capacity bytes, aligned
 * to 16, sets *capacity to what it gave, and has the first used bytes of data at its start; data is then its own
 * again. data NULL is the first request. Without room it returns NULL, and data stays as it was. */
typedef struct mproc_buffer_source {
    void *(*grow)(void *context, void *data, size_t used, size_t *capacity);
    void *context;
} mproc_buffer_source_t;

/* Running out of memory is sticky: appending goes on without effect, and failed tells at the end. */
typedef struct mproc_buffer {
    unsigned char *data;
    size_t size;
    size_t capacity;
    bool failed;
    const mproc_buffer_source_t *source; /* NULL: the heap, mproc_free frees data */
} mproc_buffer_t;

/* source stays the caller's and outlives the buffer; NULL for the heap. Takes no memory yet. */
void mproc_buffer_init(mproc_buffer_t *buffer, const mproc_buffer_source_t *source);

/* mproc_buffer_clear forgets the content and the failure, and keeps the room. */
void mproc_buffer_clear(mproc_buffer_t *buffer);

/* mproc_buffer_append returns false once the buffer has failed. size 0 is allowed, with data NULL too. */
bool mproc_buffer_append(mproc_buffer_t *buffer, const void *data, size_t size);

/* mproc_buffer_extend makes the content size bytes longer and returns where they start, their contents not set; NULL
 * once the buffer has failed. The pointer is valid until the next append or extend. */
void *mproc_buffer_extend(mproc_buffer_t *buffer, size_t size);

/* mproc_buffer_take hands the heap block to the caller, who frees it with mproc_free, and leaves the buffer empty.
 * NULL for an empty or failed buffer. Only for a buffer on the heap. */
void *mproc_buffer_take(mproc_buffer_t *buffer, size_t *out_size);

/* mproc_buffer_fini frees a heap block; the room of a source stays the source's. */
void mproc_buffer_fini(mproc_buffer_t *buffer);

#endif
