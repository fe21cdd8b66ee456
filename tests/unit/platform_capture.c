/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of platform.h about captures, and about writing to this process's standard error. */
#include <stdlib.h>
#include <string.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

enum { SOON_MS = 20000, SIZE = 200000 };
static const int64_t SOON_NS = INT64_C(20000000000);
static const int64_t BRIEF_NS = 30000000;

static mplat_capture_t *make(mplat_handle_t *out_write) {
    mplat_capture_t *capture = NULL;
    REQUIRE_OK(mplat_capture_create(&capture, out_write));
    return capture;
}

static bool comes(mplat_watch_t *watch, void *key) {
    mplat_watch_event_t event = {0};
    size_t count = 0;
    return mplat_watch_wait(watch, SOON_NS, &event, 1, &count) == 0 && count == 1 &&
           event.kind == MPLAT_WATCH_CAPTURE && event.key == key;
}

static bool nothing_comes(mplat_watch_t *watch) {
    mplat_watch_event_t event;
    size_t count = 7;
    return mplat_watch_wait(watch, BRIEF_NS, &event, 1, &count) == MPLAT_ETIMEDOUT && count == 0;
}

TEST(platform_capture, read_never_waits) {
    mplat_handle_t end;
    char buf[16];
    size_t size = 7;
    mplat_capture_t *capture = make(&end);
    CHECK_ERR(mplat_capture_read(capture, buf, sizeof buf, &size), MPLAT_ETIMEDOUT);
    CHECK_EQ_UINT(size, 0);
    CHECK_OK(mplat_pipe_write(end, "abcdef", 6, SOON_MS, &size));
    CHECK_OK(mplat_capture_read(capture, buf, 4, &size));
    CHECK_EQ_UINT(size, 4);
    CHECK_EQ_MEM(buf, "abcd", 4);
    CHECK_OK(mplat_capture_read(capture, buf, sizeof buf, &size));
    CHECK_EQ_UINT(size, 2);
    CHECK_ERR(mplat_capture_read(capture, buf, sizeof buf, &size), MPLAT_ETIMEDOUT);
    mplat_handle_close(&end);
    mplat_capture_destroy(capture);
    mplat_capture_destroy(NULL);
}

TEST(platform_capture, what_was_written_is_read_before_the_end) {
    mplat_handle_t end;
    char buf[16];
    size_t size;
    mplat_capture_t *capture = make(&end);
    CHECK_OK(mplat_pipe_write(end, "last words", 10, SOON_MS, &size));
    mplat_handle_close(&end);
    CHECK_OK(mplat_capture_read(capture, buf, sizeof buf, &size));
    CHECK_EQ_UINT(size, 10);
    CHECK_ERR(mplat_capture_read(capture, buf, sizeof buf, &size), MPLAT_ECLOSED);
    CHECK_ERR(mplat_capture_read(capture, buf, sizeof buf, &size), MPLAT_ECLOSED);
    mplat_capture_destroy(capture);
}

TEST(platform_capture, a_watch_reports_until_all_is_read_and_the_end_always) {
    mplat_watch_t *watch = NULL;
    mplat_handle_t end;
    char buf[16];
    size_t size;
    mplat_capture_t *capture = make(&end);
    REQUIRE_OK(mplat_watch_create(&watch));
    CHECK_OK(mplat_watch_add_capture(watch, capture, &end));
    CHECK(nothing_comes(watch));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(mplat_pipe_write(end, "ab", 2, SOON_MS, &size));
        CHECK(comes(watch, &end));
        CHECK_OK(mplat_capture_read(capture, buf, 1, &size));
        CHECK(comes(watch, &end));
        CHECK_OK(mplat_capture_read(capture, buf, 1, &size));
        CHECK_ERR(mplat_capture_read(capture, buf, 1, &size), MPLAT_ETIMEDOUT);
        CHECK(nothing_comes(watch));
    }
    mplat_handle_close(&end);
    CHECK(comes(watch, &end));
    CHECK_ERR(mplat_capture_read(capture, buf, 1, &size), MPLAT_ECLOSED);
    CHECK(comes(watch, &end));
    mplat_watch_remove_capture(watch, capture);
    CHECK(nothing_comes(watch));
    mplat_capture_destroy(capture);
    mplat_watch_destroy(watch);
}

typedef struct sender {
    mplat_handle_t end;
    size_t sent;
} sender_t;

static void send_all(void *arg) {
    sender_t *sender = arg;
    static unsigned char data[SIZE];
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (unsigned char)(i % 251);
    for (size_t done = 0; sender->sent < SIZE; sender->sent += done)
        if (mplat_pipe_write(sender->end, data + sender->sent, SIZE - sender->sent, SOON_MS, &done) != 0)
            break;
    mplat_handle_close(&sender->end);
}

TEST(platform_capture, more_than_fits_arrives_whole) {
    mplat_watch_t *watch = NULL;
    sender_t sender = {0};
    unsigned char buf[3000];
    size_t size, total = 0, wrong = 0;
    int err = 0;
    mplat_capture_t *capture = make(&sender.end);
    REQUIRE_OK(mplat_watch_create(&watch));
    REQUIRE_OK(mplat_watch_add_capture(watch, capture, watch));
    host_thread_t *thread = host_thread_start(send_all, &sender);
    while (err == 0 && comes(watch, watch)) {
        err = mplat_capture_read(capture, buf, sizeof buf, &size);
        for (size_t i = 0; i < size; i++)
            wrong += buf[i] != (unsigned char)((total + i) % 251);
        total += size;
        if (err == MPLAT_ETIMEDOUT)
            err = 0;
    }
    host_thread_join(thread);
    CHECK_ERR(err, MPLAT_ECLOSED);
    CHECK_EQ_UINT(total, SIZE);
    CHECK_EQ_UINT(wrong, 0);
    mplat_watch_remove_capture(watch, capture);
    mplat_watch_destroy(watch);
    mplat_capture_destroy(capture);
}

typedef struct maker {
    mplat_capture_t *capture;
    mplat_handle_t end;
} maker_t;

static void make_in_thread(void *arg) {
    maker_t *maker = arg;
    (void)mplat_capture_create(&maker->capture, &maker->end);
}

TEST(platform_capture, outlives_the_thread_that_made_it) {
    mplat_watch_t *watch = NULL;
    maker_t maker = {NULL, MPLAT_NO_HANDLE};
    char buf[16];
    size_t size;
    host_thread_join(host_thread_start(make_in_thread, &maker));
    REQUIRE(maker.capture != NULL);
    REQUIRE_OK(mplat_watch_create(&watch));
    CHECK_OK(mplat_watch_add_capture(watch, maker.capture, &maker));
    CHECK_ERR(mplat_capture_read(maker.capture, buf, sizeof buf, &size), MPLAT_ETIMEDOUT);
    CHECK_OK(mplat_pipe_write(maker.end, "ab", 2, SOON_MS, &size));
    CHECK(comes(watch, &maker));
    CHECK_OK(mplat_capture_read(maker.capture, buf, sizeof buf, &size));
    CHECK_EQ_UINT(size, 2);
    mplat_handle_close(&maker.end);
    mplat_watch_remove_capture(watch, maker.capture);
    mplat_watch_destroy(watch);
    mplat_capture_destroy(maker.capture);
}

static bool has_ended(void *capture) {
    char byte;
    size_t size;
    return mplat_capture_read(capture, &byte, 1, &size) == MPLAT_ECLOSED;
}

TEST(platform_capture, all_that_a_child_wrote_is_there_when_its_end_is_seen) {
    for (int i = 0; i < 20; i++) {
        mplat_spawn_options_t options = child_options(CHILD_ARGS("say", "to its output", "to its error"));
        mplat_handle_t end;
        char buf[4096];
        size_t size = 0;
        mplat_capture_t *capture = make(&end);
        options.stdio[2] = (mplat_stdio_t){MPLAT_STDIO_HANDLE, end};
        options.stdio[1] = (mplat_stdio_t){MPLAT_STDIO_NULL, MPLAT_NO_HANDLE};
        child_t child = child_start(&options);
        mplat_handle_close(&end);
        CHECK_OK(mplat_process_wait(child.process, -1));
        CHECK_OK(mplat_capture_read(capture, buf, sizeof buf, &size));
        CHECK_EQ_UINT(size, 12);
        CHECK(test_wait_until(has_ended, capture, SOON_MS)); /* which may be seen a little later */
        child_end(&child);
        mplat_capture_destroy(capture);
    }
}

TEST(platform_capture, many_are_watched_by_one_thread) {
    enum { COUNT = 100 };
    static mplat_capture_t *captures[COUNT];
    static mplat_handle_t ends[COUNT];
    mplat_watch_t *watch = NULL;
    size_t size;
    REQUIRE_OK(mplat_watch_create(&watch));
    for (size_t i = 0; i < COUNT; i++) {
        captures[i] = make(&ends[i]);
        REQUIRE_OK(mplat_watch_add_capture(watch, captures[i], &ends[i]));
    }
    for (size_t i = 0; i < COUNT; i++) {
        char byte = 0;
        CHECK_OK(mplat_pipe_write(ends[i], "x", 1, SOON_MS, &size));
        CHECK(comes(watch, &ends[i]));
        CHECK_OK(mplat_capture_read(captures[i], &byte, 1, &size));
        CHECK_ERR(mplat_capture_read(captures[i], &byte, 1, &size), MPLAT_ETIMEDOUT);
    }
    for (size_t i = 0; i < COUNT; i++) {
        mplat_watch_remove_capture(watch, captures[i]);
        mplat_handle_close(&ends[i]);
        mplat_capture_destroy(captures[i]);
    }
    mplat_watch_destroy(watch);
}

/* ---- standard error ---------------------------------------------------------------------------------------------------------- */

TEST(platform_capture, this_processs_standard_error_takes_text) {
    mplat_handle_t handle;
    size_t size = 0;
    int err = mplat_stderr_open(&handle);
    if (err == MPLAT_ENOTFOUND)
        SKIP("this test has no standard error");
    REQUIRE_OK(err);
    CHECK_OK(mplat_stderr_write(handle, "written by a test\n", 18, SOON_MS, &size));
    CHECK(size > 0 && size <= 18);
    mplat_handle_close(&handle);
}
