/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of platform.h about handles, pipes and the null device. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

enum { SOON_MS = 10000 };

TEST(platform_handles, close_takes_none_and_resets) {
    mplat_handle_t handle = MPLAT_NO_HANDLE;
    errno = 7;
    mplat_handle_close(&handle);
    CHECK(handle == MPLAT_NO_HANDLE);
    REQUIRE_OK(mplat_null_open(&handle));
    CHECK(host_handle_is_open(handle));
    mplat_handle_t was = handle;
    errno = 7;
    mplat_handle_close(&handle);
    CHECK_EQ_INT(errno, 7);
    CHECK(handle == MPLAT_NO_HANDLE);
    CHECK(!host_handle_is_open(was));
}

TEST(platform_handles, duplicate_outlives_the_original) {
    mplat_handle_t read_end, write_end, copy;
    size_t size;
    char byte;
    REQUIRE_OK(mplat_pipe_create(&read_end, &write_end));
    REQUIRE_OK(mplat_handle_duplicate(write_end, &copy));
    CHECK(copy != write_end);
    mplat_handle_close(&write_end);
    CHECK_OK(mplat_pipe_write(copy, "x", 1, SOON_MS, &size));
    CHECK_OK(mplat_pipe_read(read_end, &byte, 1, SOON_MS, &size));
    CHECK_ERR(mplat_pipe_read(read_end, &byte, 1, 0, &size), MPLAT_ETIMEDOUT);
    mplat_handle_close(&copy);
    CHECK_ERR(mplat_pipe_read(read_end, &byte, 1, SOON_MS, &size), MPLAT_ECLOSED);
    mplat_handle_close(&read_end);
}

TEST(platform_handles, duplicate_of_nothing_fails) {
    mplat_handle_t copy = 5;
    CHECK(mplat_handle_duplicate(MPLAT_NO_HANDLE, &copy) < 0);
    CHECK(copy == MPLAT_NO_HANDLE);
    CHECK(mplat_failure().step[0] != '\0');
}

TEST(platform_handles, wait_reports_exactly_the_ready_ones) {
    child_t quick = child_start_serving(), slow = child_start_serving();
    mplat_handle_t handles[] = {mplat_process_sentinel(slow.process), mplat_process_sentinel(quick.process)};
    bool ready[2] = {true, true};
    CHECK_ERR(mplat_handles_wait(handles, 2, 0, ready), MPLAT_ETIMEDOUT);
    CHECK(!ready[0] && !ready[1]);
    child_tell(&quick, "exit 0");
    CHECK_OK(mplat_handles_wait(handles, 2, SOON_MS, ready));
    CHECK(!ready[0] && ready[1]);
    CHECK_OK(mplat_handles_wait(handles, 2, 0, ready));
    CHECK(!ready[0] && ready[1]);
    child_tell(&slow, "exit 0");
    CHECK_OK(mplat_handles_wait(handles, 1, -1, ready));
    CHECK(ready[0]);
    child_end(&quick);
    child_end(&slow);
}

TEST(platform_handles, wait_takes_more_than_64) {
    enum { COUNT = 70 };
    child_t children[COUNT];
    mplat_handle_t handles[COUNT];
    bool ready[COUNT] = {false};
    for (size_t i = 0; i < COUNT; i++) {
        children[i] = child_start_serving();
        handles[i] = mplat_process_sentinel(children[i].process);
    }
    CHECK_ERR(mplat_handles_wait(handles, COUNT, 10, ready), MPLAT_ETIMEDOUT);
    child_tell(&children[COUNT - 1], "exit 0");
    CHECK_OK(mplat_handles_wait(handles, COUNT, SOON_MS, ready));
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_EQ_INT(ready[i], i == COUNT - 1);
        child_end(&children[i]);
    }
}

TEST(platform_handles, wait_refuses_what_is_not_open) {
    bool ready[1];
    mplat_handle_t handle = MPLAT_NO_HANDLE;
    CHECK_ERR(mplat_handles_wait(&handle, 1, 0, ready), MPLAT_EINVAL);
    REQUIRE_OK(mplat_null_open(&handle));
    mplat_handle_t closed = handle;
    mplat_handle_close(&handle);
    CHECK_ERR(mplat_handles_wait(&closed, 1, 0, ready), MPLAT_EINVAL);
}

TEST(platform_handles, wait_lasts_as_long_as_it_was_told) {
    child_t child = child_start_serving();
    mplat_handle_t handle = mplat_process_sentinel(child.process);
    bool ready[1];
    int64_t start = mplat_clock_ns();
    CHECK_ERR(mplat_handles_wait(&handle, 1, 60, ready), MPLAT_ETIMEDOUT);
    int64_t waited = mplat_clock_ns() - start;
    CHECK(waited >= INT64_C(59000000));
    CHECK(waited < INT64_C(5000000000) * test_time_scale());
    child_end(&child);
}

TEST(platform_handles, null_device_swallows_and_gives_nothing) {
    mplat_handle_t null;
    mplat_spawn_options_t options = child_options(CHILD_ARGS("cat"));
    REQUIRE_OK(mplat_null_open(&null));
    options.stdio[0] = (mplat_stdio_t){.kind = MPLAT_STDIO_HANDLE, .handle = null};
    options.stdio[1] = options.stdio[0];
    child_t child = child_start(&options);
    CHECK_EQ_INT(child_exit_code(&child), 0);
    child_end(&child);
    mplat_handle_close(&null);
}

TEST(platform_pipes, bytes_come_in_order_and_the_end_after_them) {
    mplat_handle_t read_end, write_end;
    size_t size;
    char bytes[16] = "";
    REQUIRE_OK(mplat_pipe_create(&read_end, &write_end));
    CHECK_OK(mplat_pipe_write(write_end, "abc", 3, SOON_MS, &size));
    CHECK_EQ_UINT(size, 3);
    CHECK_OK(mplat_pipe_write(write_end, "def", 3, SOON_MS, &size));
    mplat_handle_close(&write_end);
    CHECK_OK(mplat_pipe_read(read_end, bytes, 2, SOON_MS, &size));
    CHECK_EQ_UINT(size, 2);
    CHECK_EQ_MEM(bytes, "ab", 2);
    size_t total = 2;
    while (total < 6 && mplat_pipe_read(read_end, bytes + total, sizeof bytes - total, SOON_MS, &size) == 0)
        total += size;
    CHECK_EQ_STR(bytes, "abcdef");
    CHECK_ERR(mplat_pipe_read(read_end, bytes, 1, SOON_MS, &size), MPLAT_ECLOSED);
    CHECK_EQ_UINT(size, 0);
    CHECK_ERR(mplat_pipe_read(read_end, bytes, 1, 0, &size), MPLAT_ECLOSED);
    mplat_handle_close(&read_end);
}

TEST(platform_pipes, empty_pipe_times_out) {
    mplat_handle_t read_end, write_end;
    size_t size = 3;
    char byte;
    REQUIRE_OK(mplat_pipe_create(&read_end, &write_end));
    CHECK_ERR(mplat_pipe_read(read_end, &byte, 1, 0, &size), MPLAT_ETIMEDOUT);
    CHECK_EQ_UINT(size, 0);
    int64_t start = mplat_clock_ns();
    CHECK_ERR(mplat_pipe_read(read_end, &byte, 1, 50, &size), MPLAT_ETIMEDOUT);
    CHECK(mplat_clock_ns() - start >= INT64_C(49000000));
    CHECK_OK(mplat_pipe_write(write_end, "x", 1, 0, &size));
    CHECK_OK(mplat_pipe_read(read_end, &byte, 1, 0, &size));
    CHECK_EQ_INT(byte, 'x');
    mplat_handle_close(&read_end);
    mplat_handle_close(&write_end);
}

TEST(platform_pipes, full_pipe_times_out_and_loses_nothing) {
    static char block[65536];
    mplat_handle_t read_end, write_end;
    size_t size, written = 0, got = 0;
    int err = 0;
    REQUIRE_OK(mplat_pipe_create(&read_end, &write_end));
    for (int i = 0; i < 10000 && err == 0; i++) {
        err = mplat_pipe_write(write_end, block, sizeof block, i % 2 == 0 ? 0 : 20, &size);
        written += size;
    }
    CHECK_EQ_INT(err, MPLAT_ETIMEDOUT);
    CHECK(written > 0);
    mplat_handle_close(&write_end);
    while (mplat_pipe_read(read_end, block, sizeof block, SOON_MS, &size) == 0)
        got += size;
    CHECK_EQ_UINT(got, written);
    mplat_handle_close(&read_end);
}

TEST(platform_pipes, write_without_a_reader_is_closed_and_no_signal) {
    mplat_handle_t read_end, write_end;
    size_t size = 3;
    REQUIRE_OK(mplat_pipe_create(&read_end, &write_end));
    mplat_handle_close(&read_end);
    CHECK_ERR(mplat_pipe_write(write_end, "x", 1, SOON_MS, &size), MPLAT_ECLOSED);
    CHECK_EQ_UINT(size, 0);
    CHECK_ERR(mplat_pipe_write(write_end, "x", 1, 0, &size), MPLAT_ECLOSED);
    mplat_handle_close(&write_end);
}

typedef struct transfer {
    mplat_handle_t pipe;
    size_t size;
    int err;
} transfer_t;

static unsigned char pattern(size_t i) {
    return (unsigned char)(i * 7 + i / 251);
}

static void write_pattern(void *arg) {
    transfer_t *transfer = arg;
    static unsigned char block[10000];
    for (size_t done = 0; done < transfer->size && transfer->err == 0;) {
        size_t count = transfer->size - done < sizeof block ? transfer->size - done : sizeof block, written;
        for (size_t i = 0; i < count; i++)
            block[i] = pattern(done + i);
        transfer->err = mplat_pipe_write(transfer->pipe, block, count, -1, &written);
        done += written;
    }
    mplat_handle_close(&transfer->pipe);
}

TEST(platform_pipes, four_mebibytes_arrive_whole) {
    static unsigned char block[30000];
    mplat_handle_t read_end;
    transfer_t transfer = {.size = 4 << 20};
    REQUIRE_OK(mplat_pipe_create(&read_end, &transfer.pipe));
    host_thread_t *writer = host_thread_start(write_pattern, &transfer);
    REQUIRE(writer != NULL);
    size_t total = 0, size, wrong = 0;
    while (mplat_pipe_read(read_end, block, sizeof block, -1, &size) == 0) {
        for (size_t i = 0; i < size; i++)
            wrong += block[i] != pattern(total + i) ? 1 : 0;
        total += size;
    }
    host_thread_join(writer);
    CHECK_OK(transfer.err);
    CHECK_EQ_UINT(total, transfer.size);
    CHECK_EQ_UINT(wrong, 0);
    mplat_handle_close(&read_end);
}

TEST(platform_pipes, either_end_can_be_a_standard_stream) {
    mplat_handle_t input, theirs;
    size_t size;
    mplat_spawn_options_t options = child_options(CHILD_ARGS("cat"));
    REQUIRE_OK(mplat_pipe_create(&theirs, &input));
    options.stdio[0] = (mplat_stdio_t){.kind = MPLAT_STDIO_HANDLE, .handle = theirs};
    child_t child = child_start_captured(options);
    mplat_handle_close(&theirs);
    CHECK_OK(mplat_pipe_write(input, "hello", 5, SOON_MS, &size));
    CHECK(child_says(&child, "hello"));
    mplat_handle_close(&input);
    CHECK_EQ_INT(child_exit_code(&child), 0);
    CHECK(child_falls_silent(&child, SOON_MS));
    child_end(&child);
}

/* Both ends of a pipe that its maker uses must not reach a child: it would never see the end of file. */
TEST(platform_pipes, are_not_inherited) {
    mplat_handle_t read_end, write_end;
    char byte;
    size_t size;
    REQUIRE_OK(mplat_pipe_create(&read_end, &write_end));
    child_t child = child_start_serving();
    mplat_handle_close(&write_end);
    CHECK_ERR(mplat_pipe_read(read_end, &byte, 1, SOON_MS, &size), MPLAT_ECLOSED);
    mplat_handle_close(&read_end);
    child_end(&child);
}
