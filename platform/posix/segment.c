/* SPDX-License-Identifier: Apache-2.0 */
/* segment.c: anonymous shared memory, mapped. What a received handle really is, is looked at before it is
 * believed. */
#include "segment.h"

#include "internal.h"
#include "syscalls.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct mplat_segment {
    int fd;
    void *base;
    size_t size;
};

static int map(int fd, size_t size, mplat_segment_t **out_segment) {
    mplat_segment_t *segment = mplat_sys.allocate(sizeof *segment);
    if (segment == NULL)
        return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "make segment");
    void *base = mplat_sys.map(fd, size);
    if (base == MAP_FAILED) {
        int saved = errno;
        free(segment);
        /* EAGAIN: beyond what the process may lock. */
        return saved == EAGAIN ? mplat_fail_as(MPLAT_ENOMEM, saved, "mmap") : mplat_fail(saved, "mmap");
    }
    *segment = (mplat_segment_t){fd, base, size};
    *out_segment = segment;
    return 0;
}

/* size rounded up to pages; 0 when that is no size of anything. */
static size_t whole_pages(size_t size) {
    size_t page = mplat_page_size();
    if (size == 0 || size > (size_t)PTRDIFF_MAX - page)
        return 0;
    return (size + page - 1) / page * page;
}

/* Beyond this limit the system does more than refuse: SIGXFSZ ends a program that does not expect it. */
static bool is_within_limit(size_t size) {
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur;
}

int mplat_segment_create(size_t size, mplat_segment_t **out_segment) {
    size_t pages = whole_pages(size);
    *out_segment = NULL;
    if (pages == 0)
        return size == 0 ? mplat_fail(EINVAL, "make segment") : mplat_fail(ENOMEM, "make segment");
    if (!is_within_limit(pages))
        return mplat_fail_as(MPLAT_ENOMEM, EFBIG, "size segment");
    int fd = mplat_sys.memory_create();
    if (fd < 0)
        return mplat_fail(errno, "make segment");
    int err = 0;
    if (mplat_sys.memory_resize(fd, (off_t)pages) != 0)
        err = errno == EFBIG || errno == EINVAL ? mplat_fail_as(MPLAT_ENOMEM, errno, "size segment")
                                                : mplat_fail(errno, "size segment");
    else if (!mplat_memory_seal(fd))
        err = mplat_fail(errno, "seal segment");
    if (err == 0)
        err = map(fd, pages, out_segment);
    if (err != 0)
        mplat_close(fd);
    return err;
}

int mplat_segment_open(mplat_handle_t handle, size_t size, mplat_segment_t **out_segment) {
    struct stat status;
    int fd = mplat_fd(handle);
    size_t pages = whole_pages(size);
    *out_segment = NULL;
    int err = 0;
    if (fd < 0 || pages == 0)
        err = mplat_fail(EINVAL, "open segment");
    /* Sealed first, then looked at: in the other order it could shrink in between. */
    else if (!mplat_memory_seal(fd) || fstat(fd, &status) != 0)
        err = mplat_fail_as(MPLAT_EMALFORMED, errno, "open segment that can shrink");
    else if (status.st_size < 0 || (uint64_t)status.st_size < pages)
        err = mplat_fail_as(MPLAT_EMALFORMED, 0, "open segment that is too small");
    else
        err = map(fd, pages, out_segment);
    if (err != 0)
        mplat_close(fd);
    return err;
}

void *mplat_segment_base(const mplat_segment_t *segment) {
    return segment->base;
}

size_t mplat_segment_size(const mplat_segment_t *segment) {
    return segment->size;
}

mplat_handle_t mplat_segment_handle(const mplat_segment_t *segment) {
    return segment->fd;
}

void mplat_segment_close_handle(mplat_segment_t *segment) {
    mplat_close(segment->fd);
    segment->fd = -1;
}

void mplat_segment_discard(mplat_segment_t *segment, size_t offset, size_t size) {
    size_t page = mplat_page_size();
    if (segment->fd < 0 || offset > segment->size || size > segment->size - offset)
        return;
    /* Whole pages only: the rest of a page may be in use. */
    size_t end = (offset + size) / page * page;
    offset = (offset + page - 1) / page * page;
    if (offset < end)
        mplat_memory_discard(segment->fd, segment->base, offset, end - offset);
}

void mplat_segment_destroy(mplat_segment_t *segment) {
    if (segment == NULL)
        return;
    int saved = errno;
    munmap(segment->base, segment->size);
    mplat_close(segment->fd);
    free(segment);
    errno = saved;
}
