/* SPDX-License-Identifier: Apache-2.0 */
/* segment.c: anonymous shared memory: a section of the page file without a name. */
#include "syscalls.h"
#include "system.h"

#include <stdlib.h>

struct mplat_segment {
    HANDLE section;
    void *base;
    size_t size;
};

/* The size of a section never changes, so nobody can cut it and make us crash. Mapping more than it has is refused. */
static int map(HANDLE section, size_t size, mplat_segment_t **out_segment) {
    mplat_segment_t *segment = mplat_sys.calloc(1, sizeof *segment);
    *out_segment = NULL;
    if (segment == NULL) {
        mplat_close(&section);
        return mplat_fail(MPLAT_ENOMEM, "map segment");
    }
    segment->section = section;
    segment->size = size;
    segment->base = mplat_sys.MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, size);
    if (segment->base == NULL) {
        int err = mplat_fail_last("MapViewOfFile");
        mplat_segment_destroy(segment);
        return err;
    }
    *out_segment = segment;
    return 0;
}

int mplat_segment_create(size_t size, mplat_segment_t **out_segment) {
    size_t page = mplat_page_size();
    *out_segment = NULL;
    if (size == 0)
        return mplat_fail(MPLAT_EINVAL, "create segment");
    if (size > SIZE_MAX - page)
        return mplat_fail(MPLAT_ENOMEM, "create segment");
    size = (size + page - 1) / page * page;
    HANDLE section = mplat_sys.CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE,
                                                  (DWORD)((uint64_t)size >> 32), (DWORD)size, NULL);
    if (section == NULL) {
        DWORD os_code = GetLastError();
        int err = mplat_fail_os(os_code, "CreateFileMapping");
        /* A full disk under the page file, and a size beyond what the system can count, are want of memory too. */
        return os_code == ERROR_DISK_FULL || os_code == ERROR_INVALID_PARAMETER ? MPLAT_ENOMEM : err;
    }
    return map(section, size, out_segment);
}

int mplat_segment_open(mplat_handle_t handle, size_t size, mplat_segment_t **out_segment) {
    HANDLE section = (HANDLE)handle;
    *out_segment = NULL;
    if (!mplat_is_handle(section) || size == 0) {
        mplat_close(&section);
        return mplat_fail(MPLAT_EINVAL, "open segment");
    }
    int err = map(section, size, out_segment);
    /* Too small, no section at all, or one we may not write to: not what a peer of ours sends. */
    return err == MPLAT_EACCESS || err == MPLAT_EINVAL ? MPLAT_EMALFORMED : err;
}

void *mplat_segment_base(const mplat_segment_t *segment) {
    return segment->base;
}

size_t mplat_segment_size(const mplat_segment_t *segment) {
    return segment->size;
}

mplat_handle_t mplat_segment_handle(const mplat_segment_t *segment) {
    return segment->section != NULL ? (mplat_handle_t)segment->section : MPLAT_NO_HANDLE;
}

void mplat_segment_close_handle(mplat_segment_t *segment) {
    mplat_close(&segment->section);
}

/* A view of a section cannot be decommitted; only whole segments go back. What can be done is to take the pages out
 * of this process's working set, from where the system moves them to the page file first when memory is short.
 * Unlocking pages that are not locked does just that. */
void mplat_segment_discard(mplat_segment_t *segment, size_t offset, size_t size) {
    if (offset < segment->size && size > 0)
        VirtualUnlock((char *)segment->base + offset, size < segment->size - offset ? size : segment->size - offset);
}

void mplat_segment_destroy(mplat_segment_t *segment) {
    DWORD last_error = GetLastError();
    if (segment == NULL)
        return;
    if (segment->base != NULL)
        UnmapViewOfFile(segment->base);
    mplat_close(&segment->section);
    free(segment);
    SetLastError(last_error);
}
