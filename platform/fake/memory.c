/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c: segments of the fake platform, on the heap, and sleeping on their words. */
#include <stdlib.h>
#include <string.h>

#include "platform/fake/state.h"

enum { PAGE_SIZE_HERE = 4096 };

typedef struct memory {
    object_t object; /* first: it is cast back */
    void *allocation;
    unsigned char *base; /* page-aligned within */
    size_t size;
} memory_t;

struct mplat_segment {
    memory_t *memory;
    mplat_handle_t handle;
    size_t size;
};

struct mplat_wake {
    int unused; /* the monitor wakes everybody, who then look at their words */
};

size_t mplat_page_size(void) {
    return PAGE_SIZE_HERE;
}

static void drop_memory(object_t *object) {
    memory_t *memory = (memory_t *)object;
    free(memory->allocation);
    free(memory);
}

static size_t round_up(size_t size) {
    return size > SIZE_MAX / 2 ? 0 : (size + PAGE_SIZE_HERE - 1) / PAGE_SIZE_HERE * PAGE_SIZE_HERE;
}

static memory_t *make_memory(size_t size) {
    memory_t *memory = calloc(1, sizeof *memory);
    if (memory == NULL)
        return NULL;
    memory->allocation = calloc(1, size + PAGE_SIZE_HERE);
    if (memory->allocation == NULL) {
        free(memory);
        return NULL;
    }
    object_init(&memory->object, OBJECT_SEGMENT, drop_memory);
    uintptr_t start = (uintptr_t)memory->allocation;
    memory->base = (unsigned char *)memory->allocation + (PAGE_SIZE_HERE - start % PAGE_SIZE_HERE) % PAGE_SIZE_HERE;
    memory->size = size;
    return memory;
}

int mplat_segment_create(size_t size, mplat_segment_t **out_segment) {
    *out_segment = NULL;
    int err = state_injected(FAKE_SEGMENT_CREATE);
    if (err != 0)
        return err;
    size_t rounded = round_up(size == 0 ? 1 : size);
    mplat_segment_t *segment = malloc(sizeof *segment);
    memory_t *memory = segment != NULL && rounded > 0 ? make_memory(rounded) : NULL;
    if (memory == NULL) {
        free(segment);
        return state_fail(MPLAT_ENOMEM, 0, "segment_create");
    }
    monitor_enter();
    *segment = (mplat_segment_t){.memory = memory, .size = rounded, .handle = handle_add_locked(&memory->object)};
    object_release_locked(&memory->object);
    monitor_leave();
    if (segment->handle == MPLAT_NO_HANDLE) {
        free(segment);
        return state_fail(MPLAT_ENOMEM, 0, "segment_create");
    }
    *out_segment = segment;
    return 0;
}

int mplat_segment_open(mplat_handle_t handle, size_t size, mplat_segment_t **out_segment) {
    *out_segment = NULL;
    int err = state_injected(FAKE_SEGMENT_OPEN);
    mplat_segment_t *segment = err == 0 ? malloc(sizeof *segment) : NULL;
    if (err == 0 && segment == NULL)
        err = state_fail(MPLAT_ENOMEM, 0, "segment_open");
    monitor_enter();
    object_t *object = handle_object_locked(handle);
    memory_t *memory = object != NULL && object->kind == OBJECT_SEGMENT ? (memory_t *)object : NULL;
    bool fits = memory != NULL && memory->size >= size;
    if (segment == NULL || !fits)
        handle_close_locked(&handle);
    monitor_leave();
    if (segment == NULL || !fits) {
        free(segment);
        return err != 0 ? err : state_fail(memory == NULL ? MPLAT_EINVAL : MPLAT_EMALFORMED, 0, "segment_open");
    }
    *segment = (mplat_segment_t){.memory = memory, .handle = handle, .size = round_up(size)};
    *out_segment = segment;
    return 0;
}

void *mplat_segment_base(const mplat_segment_t *segment) {
    return segment->memory->base;
}

size_t mplat_segment_size(const mplat_segment_t *segment) {
    return segment->size;
}

mplat_handle_t mplat_segment_handle(const mplat_segment_t *segment) {
    return segment->handle;
}

/* The memory then has this user in place of the handle. */
void mplat_segment_close_handle(mplat_segment_t *segment) {
    monitor_enter();
    if (segment->handle != MPLAT_NO_HANDLE)
        segment->memory->object.uses++;
    handle_close_locked(&segment->handle);
    monitor_leave();
}

void mplat_segment_discard(mplat_segment_t *segment, size_t offset, size_t size) {
    if (offset <= segment->size && size <= segment->size - offset)
        memset(segment->memory->base + offset, 0, size);
}

void mplat_segment_destroy(mplat_segment_t *segment) {
    if (segment == NULL)
        return;
    monitor_enter();
    if (segment->handle == MPLAT_NO_HANDLE)
        object_release_locked(&segment->memory->object);
    handle_close_locked(&segment->handle);
    monitor_leave();
    free(segment);
}

/* ---- wakes ----------------------------------------------------------------------------------------------------------------- */

static int make_wake(mplat_wake_t **out_wake) {
    *out_wake = calloc(1, sizeof **out_wake);
    if (*out_wake == NULL)
        return state_fail(MPLAT_ENOMEM, 0, "wake");
    monitor_enter();
    state_opened_locked();
    monitor_leave();
    return 0;
}

int mplat_wake_create(mplat_wake_t **out_wake) {
    *out_wake = NULL;
    int err = state_injected(FAKE_WAKE_CREATE);
    return err != 0 ? err : make_wake(out_wake);
}

size_t mplat_wake_handles(const mplat_wake_t *wake, mplat_handle_t handles[MPLAT_WAKE_HANDLES_MAX]) {
    (void)wake;
    (void)handles;
    return 0;
}

int mplat_wake_open(const mplat_handle_t *handles, size_t count, mplat_wake_t **out_wake) {
    *out_wake = NULL;
    int err = state_injected(FAKE_WAKE_OPEN);
    if (err == 0 && count != 0)
        err = state_fail(MPLAT_EINVAL, 0, "wake_open");
    for (size_t i = 0; err != 0 && i < count; i++) {
        mplat_handle_t handle = handles[i];
        mplat_handle_close(&handle);
    }
    return err != 0 ? err : make_wake(out_wake);
}

int mplat_wake_wait(mplat_wake_t *wake, _Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns) {
    (void)wake;
    int err = state_injected(FAKE_WAKE_WAIT);
    if (err != 0)
        return err;
    monitor_enter();
    int64_t deadline = clock_deadline_ns_locked(timeout_ns);
    while (err == 0 && atomic_load(word) == expected)
        if (!state_wait_locked(deadline))
            err = state_fail(MPLAT_ETIMEDOUT, 0, "wake_wait");
    monitor_leave();
    return err;
}

int mplat_wake_signal(mplat_wake_t *wake, _Atomic uint32_t *word) {
    (void)wake;
    (void)word;
    monitor_enter();
    monitor_changed();
    monitor_leave();
    return 0;
}

void mplat_wake_destroy(mplat_wake_t *wake) {
    if (wake == NULL)
        return;
    monitor_enter();
    state_closed_locked();
    monitor_leave();
    free(wake);
}

void mplat_cpu_relax(void) {}

void mplat_thread_yield(void) {}
