/* SPDX-License-Identifier: Apache-2.0 */
/* The relay of standard error on the scripted platform: what comes through streams, in every order, from whoever still has them,
 * to a standard error that takes it, does not, or is not there. */
#include "relay.h"

#include "memory.h"
#include "platform/fake/fake.h"
#include "report.h"
#include "test.h"
#include "threads.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_SIZE = 1 << 20 };

static mplat_watch_t *host;
static mproc_relay_t *relay;
static char shown[SHOWN_SIZE];
static size_t shown_size;
static char tail[MPROC_TAIL_SIZE + 1];

static void nothing(void *context) {
    (void)context;
}

static void warm_up(void) {
    mproc_thread_t *thread = NULL;
    if (mproc_thread_create(nothing, NULL, 0, &thread) == MPROC_OK)
        mproc_thread_join(&thread);
    mproc_error_thread_fini();
}
TEST_WARM_UP(warm_up)

/* A relay whose streams this thread is to look after. */
static void begin_hosted(fake_stderr_t how) {
    fake_reset();
    fake_set_stderr(how);
    shown_size = 0;
    REQUIRE_OK(mplat_watch_create(&host));
    REQUIRE_OK(mproc_relay_create(host, &relay));
}

/* A relay with its thread. */
static void begin(fake_stderr_t how) {
    begin_hosted(how);
    mproc_relay_begin(relay);
}

static void finish(void) {
    mproc_relay_destroy(relay);
    mplat_watch_destroy(host);
    mproc_error_thread_fini();
    CHECK_EQ_UINT(fake_open_count(), 0);
    CHECK_EQ_UINT(mproc_memory_live(), 0);
}

/* Writes as a worker would: all of it, waiting for room. */
static void say(mplat_handle_t end, const char *text) {
    size_t size = strlen(text), done = 0;
    while (size > 0) {
        REQUIRE_OK(mplat_pipe_write(end, text, size, -1, &done));
        text += done;
        size -= done;
    }
}

static const char *take_shown(void) {
    shown_size += fake_stderr_take(shown + shown_size, sizeof shown - shown_size);
    return shown;
}

static bool shows(void *text) {
    return strstr(take_shown(), text) != NULL;
}

static mproc_stream_t *open_stream(mplat_handle_t *out_end) {
    mproc_stream_t *stream = NULL;
    REQUIRE_OK(mproc_relay_open(relay, &stream, out_end));
    return stream;
}

static const char *tail_of(mproc_stream_t *stream) {
    mproc_stream_tail(stream, tail);
    return tail;
}

TEST(relay, shows_what_is_written_at_once) {
    mplat_handle_t end;
    begin(FAKE_STDERR_TAKES);
    mproc_stream_t *stream = open_stream(&end);
    say(end, "no line end");
    CHECK(test_wait_until(shows, "no line end", 10000));
    mplat_handle_close(&end);
    mproc_stream_leave(stream);
    finish();
}

TEST(relay, keeps_each_streams_last_lines) {
    mplat_handle_t one, other;
    begin(FAKE_STDERR_TAKES);
    mproc_stream_t *first = open_stream(&one), *second = open_stream(&other);
    say(one, "one\n");
    say(other, "other\n");
    say(one, "more\n");
    CHECK_EQ_STR(tail_of(first), "one\nmore\n");
    CHECK_EQ_STR(tail_of(second), "other\n");
    mplat_handle_close(&one);
    CHECK_EQ_STR(tail_of(first), "one\nmore\n");
    mplat_handle_close(&other);
    mproc_stream_leave(first);
    mproc_stream_leave(second);
    finish();
    CHECK_EQ_UINT(strlen(take_shown()), 15);
}

TEST(relay, shows_all_there_is_before_it_ends) {
    static char text[50001];
    mplat_handle_t end;
    begin(FAKE_STDERR_TAKES);
    mproc_stream_t *stream = open_stream(&end);
    memset(text, 'x', sizeof text - 1);
    say(end, text);
    mplat_handle_close(&end);
    mproc_stream_leave(stream);
    finish();
    CHECK_EQ_STR(take_shown(), text);
}

TEST(relay, flush_waits_until_all_is_shown) {
    mplat_handle_t end;
    begin(FAKE_STDERR_TAKES);
    mproc_stream_t *stream = open_stream(&end);
    say(end, "last words");
    mplat_handle_close(&end);
    mproc_stream_leave(stream);
    mproc_relay_flush(relay);
    CHECK_EQ_STR(take_shown(), "last words");
    mproc_relay_flush(NULL);
    finish();
}

TEST(relay, a_flood_takes_turns_with_others) {
    static char text[200001];
    mplat_handle_t loud, quiet;
    begin(FAKE_STDERR_TAKES);
    mproc_stream_t *first = open_stream(&loud), *second = open_stream(&quiet);
    memset(text, 'x', sizeof text - 1);
    say(quiet, "a word");
    say(loud, text);
    mplat_handle_close(&loud);
    mplat_handle_close(&quiet);
    CHECK_EQ_STR(tail_of(second), "a word");
    mproc_stream_leave(first);
    mproc_stream_leave(second);
    finish();
    CHECK_EQ_UINT(strlen(take_shown()), sizeof text - 1 + 6);
}

TEST(relay, shows_what_others_write_after_the_worker) {
    mplat_handle_t end;
    begin(FAKE_STDERR_TAKES);
    mproc_stream_t *stream = open_stream(&end);
    say(end, "the worker\n");
    mproc_stream_leave(stream);
    say(end, "one it left behind\n");
    CHECK(test_wait_until(shows, "one it left behind\n", 10000));
    mproc_relay_destroy(relay);
    size_t size;
    CHECK_ERR(mplat_pipe_write(end, "x", 1, 0, &size), MPLAT_ECLOSED);
    mplat_handle_close(&end);
    relay = NULL;
    finish();
}

/* Each worker leaves something behind that keeps its standard error. */
TEST(relay, streams_without_their_workers_are_closed_from_the_oldest_on) {
    enum { KEPT = 64, MORE = 3, ALL = KEPT + MORE };
    mplat_handle_t ends[ALL], worker;
    size_t size;
    begin(FAKE_STDERR_TAKES);
    mproc_stream_t *stays = open_stream(&worker);
    size_t open = fake_open_count();
    for (int i = 0; i < ALL; i++) {
        mproc_stream_t *stream = open_stream(&ends[i]);
        say(ends[i], i == 0 ? "the oldest\n" : "x");
        mproc_stream_leave(stream);
    }
    CHECK_EQ_UINT(fake_open_count(), open + KEPT + ALL);
    for (int i = 0; i < MORE; i++)
        CHECK_ERR(mplat_pipe_write(ends[i], "x", 1, 0, &size), MPLAT_ECLOSED);
    say(ends[MORE], "one of those kept\n");
    say(worker, "a worker\n");
    CHECK_EQ_STR(tail_of(stays), "a worker\n");
    CHECK(test_wait_until(shows, "one of those kept\n", 10000));
    CHECK_HAS_STR(take_shown(), "the oldest\n");
    for (int i = 0; i < ALL; i++)
        mplat_handle_close(&ends[i]);
    mplat_handle_close(&worker);
    mproc_stream_leave(stays);
    finish();
}

TEST(relay, a_stream_that_nobody_has_any_more_is_none_of_those_kept) {
    enum { MANY = 200 };
    mplat_handle_t kept, end;
    begin(FAKE_STDERR_TAKES);
    mproc_stream_leave(open_stream(&kept));
    for (int i = 0; i < MANY; i++) {
        mproc_stream_t *stream = open_stream(&end);
        mplat_handle_close(&end);
        mproc_stream_leave(stream);
    }
    say(kept, "still here\n");
    CHECK(test_wait_until(shows, "still here\n", 10000));
    mplat_handle_close(&kept);
    finish();
}

/* The clock jumps over the second that it waits. */
TEST(relay, what_is_not_taken_for_a_second_is_dropped_and_told) {
    static char text[200001];
    mplat_handle_t end;
    begin(FAKE_STDERR_STUCK);
    mproc_stream_t *stream = open_stream(&end);
    memset(text, 'x', sizeof text - 1);
    say(end, text);
    CHECK_EQ_UINT(strlen(tail_of(stream)), MPROC_TAIL_SIZE);
    mproc_relay_flush(relay);
    fake_set_stderr(FAKE_STDERR_TAKES);
    fake_clock_advance(1000000000);
    say(end, "again\n");
    CHECK(test_wait_until(shows, "again\n", 10000));
    CHECK_HAS_STR(take_shown(), "bytes that workers wrote here were dropped\n");
    mplat_handle_close(&end);
    mproc_stream_leave(stream);
    finish();
}

TEST(relay, ends_although_nothing_is_taken) {
    mplat_handle_t end;
    begin(FAKE_STDERR_STUCK);
    mproc_stream_t *stream = open_stream(&end);
    say(end, "nobody reads this");
    CHECK_EQ_STR(tail_of(stream), "nobody reads this");
    mplat_handle_close(&end);
    mproc_stream_leave(stream);
    finish();
    CHECK_EQ_STR(take_shown(), "");
}

TEST(relay, without_a_standard_error_keeps_the_lines) {
    static char text[200001];
    mplat_handle_t end;
    begin(FAKE_STDERR_NONE);
    mproc_stream_t *stream = open_stream(&end);
    memset(text, 'x', sizeof text - 1);
    say(end, text);
    say(end, "\nend");
    CHECK_EQ_STR(tail_of(stream), "end");
    mplat_handle_close(&end);
    mproc_stream_leave(stream);
    finish();
}

TEST(relay, a_stream_that_cannot_be_read_ends) {
    mplat_handle_t end;
    begin(FAKE_STDERR_TAKES);
    mproc_stream_t *stream = open_stream(&end);
    fake_fail(FAKE_CAPTURE_READ, 1, MPLAT_ESYSTEM, 5);
    say(end, "x");
    CHECK_EQ_STR(tail_of(stream), "");
    size_t done = 0; /* and its worker does not wait for a reader that will not come */
    CHECK_ERR(mplat_pipe_write(end, "x", 1, 0, &done), MPLAT_ECLOSED);
    mplat_handle_close(&end);
    mproc_stream_leave(stream);
    finish();
}

TEST(relay, what_there_is_no_memory_for_is_lost_and_the_next_is_shown) {
    mplat_handle_t end;
    begin(FAKE_STDERR_TAKES);
    mproc_stream_t *stream = open_stream(&end);
    mproc_memory_fail_at(1);
    say(end, "lost\n");
    CHECK_HAS_STR(tail_of(stream), "lost");
    CHECK_EQ_UINT(mproc_memory_pending(), 0);
    mproc_memory_fail_at(0);
    say(end, "shown\n");
    CHECK(test_wait_until(shows, "shown", 10000));
    CHECK_HAS_STR(take_shown(), "5 bytes that workers wrote here were dropped");
    mplat_handle_close(&end);
    mproc_stream_leave(stream);
    finish();
}

/* look does what the pool's thread does when its watch has something; false when it has nothing. */
static bool look(void) {
    mplat_watch_event_t event;
    size_t count = 0;
    if (mplat_watch_wait(host, 0, &event, 1, &count) != MPLAT_OK)
        return false;
    CHECK_EQ_UINT(event.kind, MPLAT_WATCH_CAPTURE);
    mproc_relay_look(relay, event.key);
    return true;
}

TEST(relay, the_first_byte_starts_the_thread) {
    mplat_handle_t end, later;
    begin_hosted(FAKE_STDERR_TAKES);
    mproc_stream_t *stream = open_stream(&end);
    size_t before = fake_open_count();
    CHECK(!look());
    say(end, "first\n");
    CHECK(look());
    CHECK(test_wait_until(shows, "first\n", 10000));
    CHECK_EQ_UINT(fake_open_count(), before + 1);
    say(end, "second\n");
    CHECK(test_wait_until(shows, "second\n", 10000));
    mproc_stream_t *other = open_stream(&later);
    say(later, "third\n");
    CHECK(test_wait_until(shows, "third\n", 10000));
    CHECK(!look());
    mplat_handle_close(&end);
    mplat_handle_close(&later);
    mproc_stream_leave(stream);
    mproc_stream_leave(other);
    finish();
}

TEST(relay, a_worker_that_writes_nothing_needs_no_thread) {
    mplat_handle_t end;
    begin_hosted(FAKE_STDERR_TAKES);
    size_t before = fake_open_count();
    mproc_stream_t *stream = open_stream(&end);
    mplat_handle_close(&end);
    CHECK(look());
    mproc_stream_leave(stream);
    mproc_relay_flush(relay);
    CHECK_EQ_UINT(fake_open_count(), before);
    finish();
}

TEST(relay, what_a_worker_left_behind_needs_nobody_at_the_host_after_a_flush) {
    mplat_handle_t end;
    begin_hosted(FAKE_STDERR_TAKES);
    mproc_stream_t *stream = open_stream(&end);
    mproc_stream_leave(stream);
    mproc_relay_flush(relay);
    say(end, "one it left behind\n");
    CHECK(test_wait_until(shows, "one it left behind\n", 10000));
    mplat_handle_close(&end);
    finish();
}

TEST(relay, without_a_thread_it_shows_what_is_taken_at_once) {
    mplat_handle_t end;
    begin_hosted(FAKE_STDERR_TAKES);
    mproc_stream_t *stream = open_stream(&end);
    fake_fail(FAKE_WATCH_CREATE, 1, MPLAT_ENOHANDLES, 24);
    say(end, "at once\n");
    CHECK(look());
    CHECK_EQ_STR(take_shown(), "at once\n");
    say(end, "by the thread\n");
    CHECK(look());
    CHECK(test_wait_until(shows, "by the thread\n", 10000));
    mplat_handle_close(&end);
    mproc_stream_leave(stream);
    finish();
}

TEST(relay, without_a_thread_nobody_waits_for_who_takes_nothing) {
    mplat_handle_t end;
    begin_hosted(FAKE_STDERR_STUCK);
    mproc_stream_t *stream = open_stream(&end);
    int64_t before = mplat_clock_ns();
    fake_fail(FAKE_WATCH_CREATE, 1, MPLAT_ENOHANDLES, 24);
    say(end, "nobody reads this");
    CHECK(look());
    CHECK(mplat_clock_ns() - before < 1000000000); /* the scripted clock: it jumps over what somebody waits */
    fake_set_stderr(FAKE_STDERR_TAKES);
    fake_clock_advance(1000000000);
    say(end, "again\n");
    CHECK(look());
    CHECK(test_wait_until(shows, "again\n", 10000));
    CHECK_HAS_STR(take_shown(), "17 bytes that workers wrote here were dropped");
    mplat_handle_close(&end);
    mproc_stream_leave(stream);
    finish();
}

TEST(relay, a_stream_that_the_thread_has_no_room_for_stays_with_the_host) {
    mplat_handle_t end;
    begin_hosted(FAKE_STDERR_TAKES);
    mproc_stream_t *stream = open_stream(&end);
    fake_fail(FAKE_WATCH_ADD_CAPTURE, 1, MPLAT_ENOMEM, 12);
    mproc_relay_begin(relay);
    say(end, "still heard\n");
    CHECK(look());
    CHECK(test_wait_until(shows, "still heard\n", 10000));
    mplat_handle_close(&end);
    mproc_stream_leave(stream);
    finish();
}

TEST(relay, a_failure_of_its_start_leaves_nothing) {
    fake_reset();
    fake_fail(FAKE_STDERR_OPEN, 1, MPLAT_ENOHANDLES, 24);
    CHECK_ERR(mproc_relay_create(NULL, &relay), MPROC_ESYSTEM);
    CHECK(relay == NULL);
    CHECK_HAS_STR(mproc_last_error()->message, "Cannot show the standard error of workers");
    mproc_error_thread_fini();
    CHECK_EQ_UINT(fake_open_count(), 0);
    CHECK_EQ_UINT(mproc_memory_live(), 0);
}

TEST(relay, every_failure_of_a_stream_leaves_nothing) {
    static const fake_call_t calls[] = {FAKE_CAPTURE_CREATE, FAKE_PIPE_CREATE, FAKE_WATCH_ADD_CAPTURE};
    begin(FAKE_STDERR_TAKES);
    size_t open = fake_open_count();
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        mproc_stream_t *stream = NULL;
        mplat_handle_t end = 0;
        fake_fail(calls[i], 1, MPLAT_ENOHANDLES, 24);
        CHECK_ERR(mproc_relay_open(relay, &stream, &end), MPROC_ESYSTEM);
        CHECK(stream == NULL && end == MPLAT_NO_HANDLE);
        CHECK_EQ_UINT(fake_open_count(), open);
    }
    finish();
}

TEST(relay, without_memory_it_is_not_made) {
    fake_reset();
    REQUIRE_OK(mplat_watch_create(&host));
    int err = MPROC_ENOMEM;
    for (unsigned nth = 1; err != MPROC_OK && nth < 50; nth++) {
        mproc_memory_fail_at(nth);
        err = mproc_relay_create(host, &relay);
        mproc_memory_fail_at(0);
        CHECK(err == MPROC_OK || relay == NULL);
    }
    REQUIRE(err == MPROC_OK);
    finish();
}
