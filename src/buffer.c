/* SPDX-License-Identifier: Apache-2.0 */
/* buffer.c: growing by doubling; the room comes from the heap or from the buffer's source. */
#include "buffer.h"

#include <stdint.h>
#include <string.h>

#include "memory.h"

#define FIRST_CAPACITY 64

void mproc_buffer_init(mproc_buffer_t *buffer, const mproc_buffer_source_t *source) {
    *buffer = (mproc_buffer_t){.source = source};
}

void mproc_buffer_clear(mproc_buffer_t *buffer) {
    buffer->size = 0;
    buffer->failed = false;
}

static void *grow(mproc_buffer_t *buffer, size_t *capacity) {
    const mproc_buffer_source_t *source = buffer->source;
    if (source != NULL)
        return source->grow(source->context, buffer->data, buffer->size, capacity);
    return mproc_realloc(buffer->data, *capacity);
}

static bool make_room(mproc_buffer_t *buffer, size_t size) {
    if (size > SIZE_MAX / 2 - buffer->size) {
        buffer->failed = true;
        return false;
    }
    size_t capacity = buffer->size + size;
    if (buffer->size > 0 && capacity < 2 * buffer->capacity && buffer->capacity <= SIZE_MAX / 4)
        capacity = 2 * buffer->capacity;
    if (buffer->source == NULL && capacity < FIRST_CAPACITY)
        capacity = FIRST_CAPACITY;
    if (capacity == 0) /* room for nothing has an address too */
        capacity = 1;
    void *data = grow(buffer, &capacity);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void *mproc_buffer_extend(mproc_buffer_t *buffer, size_t size) {
    if (buffer->failed)
        return NULL;
    if ((buffer->data == NULL || size > buffer->capacity - buffer->size) && !make_room(buffer, size))
        return NULL;
    void *start = buffer->data + buffer->size;
    buffer->size += size;
    return start;
}

bool mproc_buffer_append(mproc_buffer_t *buffer, const void *data, size_t size) {
    if (size == 0)
        return !buffer->failed;
    void *start = mproc_buffer_extend(buffer, size);
    if (start != NULL)
        memcpy(start, data, size);
    return start != NULL;
}

void *mproc_buffer_take(mproc_buffer_t *buffer, size_t *out_size) {
    void *data = NULL;
    *out_size = 0;
    if (!buffer->failed && buffer->size > 0) {
        data = buffer->data;
        *out_size = buffer->size;
        buffer->data = NULL;
    }
    mproc_buffer_fini(buffer);
    return data;
}

void mproc_buffer_fini(mproc_buffer_t *buffer) {
    const mproc_buffer_source_t *source = buffer->source;
    if (source == NULL)
        mproc_free(buffer->data);
    mproc_buffer_init(buffer, source);
}
