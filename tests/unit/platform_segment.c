/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of platform.h about anonymous shared memory. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

static mplat_segment_t *make_segment(size_t size) {
    mplat_segment_t *segment = NULL;
    REQUIRE_OK(mplat_segment_create(size, &segment));
    REQUIRE(segment != NULL);
    return segment;
}

TEST(platform_segment, size_is_rounded_up_to_pages) {
    size_t page = mplat_page_size();
    const size_t asked[] = {1, page - 1, page, page + 1, 10 * page};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        mplat_segment_t *segment = make_segment(asked[i]);
        CHECK_EQ_UINT(mplat_segment_size(segment), (asked[i] + page - 1) / page * page);
        CHECK(mplat_segment_handle(segment) != MPLAT_NO_HANDLE);
        mplat_segment_destroy(segment);
    }
}

TEST(platform_segment, is_zero_aligned_and_writable_to_the_last_byte) {
    mplat_segment_t *segment = make_segment(100000);
    unsigned char *base = mplat_segment_base(segment);
    size_t size = mplat_segment_size(segment), dirty = 0;
    CHECK_EQ_UINT((uintptr_t)base % mplat_page_size(), 0);
    for (size_t i = 0; i < size; i++)
        dirty += base[i] != 0 ? 1 : 0;
    CHECK_EQ_UINT(dirty, 0);
    memset(base, 0xA5, size);
    CHECK_EQ_INT(base[size - 1], 0xA5);
    mplat_segment_destroy(segment);
}

TEST(platform_segment, stays_without_its_handle_here_and_there) {
    mplat_segment_t *segment = make_segment(100000);
    child_t child = child_start_serving();
    unsigned char *base = mplat_segment_base(segment);
    mplat_handle_t handle = mplat_segment_handle(segment);
    base[0] = 10;
    child_tell_with(&child, "segment 100000 0", NULL, 0, &handle, 1);
    mplat_segment_close_handle(segment);
    CHECK(mplat_segment_handle(segment) == MPLAT_NO_HANDLE);
    CHECK(!host_handle_is_open(handle));
    CHECK_EQ_STR(child_answer(&child), "0");
    CHECK_EQ_INT(base[0], 11);
    mplat_segment_discard(segment, 0, 100000);
    mplat_segment_close_handle(segment);
    base[99999] = 1;
    mplat_segment_destroy(segment);
    child_end(&child);
}

TEST(platform_segment, both_processes_see_the_same_bytes) {
    mplat_segment_t *segment = make_segment(200000);
    child_t child = child_start_serving();
    unsigned char *base = mplat_segment_base(segment);
    mplat_handle_t handle = mplat_segment_handle(segment);
    base[0] = 10;
    base[199999] = 20;
    child_tell_with(&child, "segment 200000 0", NULL, 0, &handle, 1);
    CHECK_EQ_STR(child_answer(&child), "0");
    child_tell_with(&child, "segment 200000 199999", NULL, 0, &handle, 1);
    CHECK_EQ_STR(child_answer(&child), "0");
    CHECK_EQ_INT(base[0], 11);
    CHECK_EQ_INT(base[199999], 21);
    mplat_segment_destroy(segment);
    child_end(&child);
}

TEST(platform_segment, outlives_the_process_that_made_its_contents) {
    mplat_segment_t *segment = make_segment(1);
    child_t child = child_start_serving();
    mplat_handle_t handle = mplat_segment_handle(segment);
    child_tell_with(&child, "segment 1 0", NULL, 0, &handle, 1);
    CHECK_EQ_STR(child_answer(&child), "0");
    child_end(&child);
    CHECK_EQ_INT(*(unsigned char *)mplat_segment_base(segment), 1);
    mplat_segment_destroy(segment);
}

TEST(platform_segment, lie_about_the_size_is_malformed) {
    mplat_segment_t *segment = make_segment(1);
    child_t child = child_start_serving();
    mplat_handle_t handle = mplat_segment_handle(segment);
    char command[64], expected[16];
    snprintf(expected, sizeof expected, "%d", MPLAT_EMALFORMED);
    for (int shift = 0; shift < 3; shift++) {
        snprintf(command, sizeof command, "segment %zu 0", (mplat_segment_size(segment) + 1) << shift * 10);
        child_tell_with(&child, command, NULL, 0, &handle, 1);
        CHECK_EQ_STR(child_answer(&child), expected);
    }
    mplat_segment_destroy(segment);
    child_end(&child);
}

TEST(platform_segment, open_owns_the_handle_also_on_failure) {
    mplat_segment_t *opened = (mplat_segment_t *)1;
    mplat_handle_t pipe_end, other_end;
    REQUIRE_OK(mplat_pipe_create(&pipe_end, &other_end));
    CHECK(mplat_segment_open(pipe_end, 4096, &opened) < 0);
    CHECK(opened == NULL);
    CHECK(!host_handle_is_open(pipe_end));
    mplat_handle_close(&other_end);

    opened = (mplat_segment_t *)1;
    CHECK(mplat_segment_open(MPLAT_NO_HANDLE, 4096, &opened) < 0);
    CHECK(opened == NULL);
}

TEST(platform_segment, opened_twice_in_one_process_is_one_memory) {
    mplat_segment_t *segment = make_segment(5000), *again = NULL;
    mplat_handle_t copy;
    REQUIRE_OK(mplat_handle_duplicate(mplat_segment_handle(segment), &copy));
    REQUIRE_OK(mplat_segment_open(copy, 5000, &again));
    ((char *)mplat_segment_base(segment))[4999] = 'x';
    CHECK_EQ_INT(((char *)mplat_segment_base(again))[4999], 'x');
    mplat_segment_destroy(segment);
    CHECK_EQ_INT(((char *)mplat_segment_base(again))[4999], 'x');
    mplat_segment_destroy(again);
}

TEST(platform_segment, one_untouched_gibibyte_is_cheap) {
#if defined(MPROC_PORTABLE)
    SKIP("all pages are taken at once here, so that none can be missing later");
#endif
    if (sizeof(void *) < 8)
        SKIP("too little room for addresses");
    int64_t start = mplat_clock_ns();
    for (int i = 0; i < 10; i++) {
        mplat_segment_t *segment = make_segment((size_t)1 << 30);
        ((char *)mplat_segment_base(segment))[(size_t)1 << 29] = 1;
        mplat_segment_destroy(segment);
    }
    CHECK(mplat_clock_ns() - start < INT64_C(1000000000) * test_time_scale());
}

TEST(platform_segment, more_than_the_system_has_is_no_memory) {
    mplat_segment_t *segment = (mplat_segment_t *)1;
    CHECK_ERR(mplat_segment_create(SIZE_MAX, &segment), MPLAT_ENOMEM);
    CHECK(segment == NULL);
    CHECK_ERR(mplat_segment_create(SIZE_MAX / 2, &segment), MPLAT_ENOMEM);
    CHECK(segment == NULL);
}

TEST(platform_segment, discarded_pages_read_as_zero_or_as_before) {
    size_t page = mplat_page_size();
    mplat_segment_t *segment = make_segment(8 * page);
    unsigned char *base = mplat_segment_base(segment);
    memset(base, 7, 8 * page);
    mplat_segment_discard(segment, 2 * page, 3 * page);
    for (size_t i = 0; i < 8 * page; i++) {
        bool inside = i >= 2 * page && i < 5 * page;
        if (base[i] != 7 && !(inside && base[i] == 0)) {
            FAIL("byte %zu is %d", i, base[i]);
            break;
        }
    }
    base[3 * page] = 9;
    CHECK_EQ_INT(base[3 * page], 9);
    mplat_segment_discard(segment, 0, 8 * page);
    mplat_segment_discard(segment, 0, 0);
    mplat_segment_destroy(segment);
}

TEST(platform_segment, thousand_come_and_go) {
    size_t before = host_count_handles();
    for (int i = 0; i < 1000; i++) {
        mplat_segment_t *segment = make_segment(10000);
        *(char *)mplat_segment_base(segment) = 1;
        mplat_segment_destroy(segment);
    }
    CHECK_EQ_UINT(host_count_handles(), before);
}
