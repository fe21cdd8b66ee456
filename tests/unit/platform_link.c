/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of platform.h about links: order, sizes, handles, ends, and a peer that lies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

enum { SOON_MS = 20000 };

static unsigned char bytes[MPLAT_LINK_MESSAGE_MAX];
static unsigned char back[MPLAT_LINK_MESSAGE_MAX];

static int receive(child_t *child, size_t *out_size) {
    return mplat_link_receive(child->link, back, sizeof back, out_size, NULL, NULL, SOON_MS);
}

TEST(platform_link, messages_of_any_size_come_back_equal) {
    static const size_t sizes[] = {
        0, 1, 2, 7, 255, 4091, 4096, 4097, 16384, 65000, MPLAT_LINK_MESSAGE_MAX - sizeof "echo"};
    child_t child = child_start_serving();
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 31 + i / 256);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t size = 1;
        child_tell_with(&child, "echo", bytes, sizes[i], NULL, 0);
        REQUIRE_OK(receive(&child, &size));
        REQUIRE_EQ_UINT(size, sizes[i]);
        CHECK_EQ_MEM(back, bytes, size);
    }
    child_end(&child);
}

TEST(platform_link, largest_message_fits_both_ways) {
    child_t child = child_start_serving();
    size_t size;
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, "received", sizeof "received");
    CHECK_OK(mplat_link_send(child.link, bytes, sizeof bytes, NULL, 0, SOON_MS));
    CHECK_EQ_STR(child_answer(&child), "0");
    child_tell(&child, "burst 2 65536");
    for (int i = 0; i < 2; i++) {
        CHECK_OK(receive(&child, &size));
        CHECK_EQ_UINT(size, 65536);
        CHECK_EQ_INT(back[65535], i);
    }
    child_end(&child);
}

TEST(platform_link, too_much_is_refused_and_the_link_still_works) {
    static char too_big[MPLAT_LINK_MESSAGE_MAX + 1];
    child_t child = child_start_serving();
    CHECK(mplat_link_send(child.link, too_big, sizeof too_big, NULL, 0, SOON_MS) < 0);
    mplat_handle_t handles[MPLAT_LINK_HANDLES_MAX + 1];
    for (size_t i = 0; i <= MPLAT_LINK_HANDLES_MAX; i++)
        handles[i] = mplat_process_sentinel(child.process);
    CHECK(mplat_link_send(child.link, "x", 1, handles, MPLAT_LINK_HANDLES_MAX + 1, SOON_MS) < 0);
    child_tell_with(&child, "echo", "ok", 2, NULL, 0);
    CHECK_EQ_STR(child_answer(&child), "ok");
    child_end(&child);
}

TEST(platform_link, order_is_kept) {
    child_t child = child_start_serving();
    child_tell(&child, "burst 2000 9");
    for (int i = 0; i < 2000; i++) {
        size_t size;
        REQUIRE_OK(receive(&child, &size));
        REQUIRE(size == 9 && back[0] == (i & 0xFF) && back[8] == (i & 0xFF));
    }
    child_end(&child);
}

TEST(platform_link, end_comes_after_the_last_message) {
    child_t child = child_start_serving();
    child_tell(&child, "burst 50 100 1");
    CHECK_OK(mplat_process_wait(child.process, SOON_MS));
    size_t size = 0;
    for (int i = 0; i < 50; i++) {
        REQUIRE_OK(receive(&child, &size));
        CHECK_EQ_UINT(size, 100);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(receive(&child, &size), MPLAT_ECLOSED);
        CHECK_EQ_UINT(size, 0);
    }
    child_end(&child);
}

TEST(platform_link, sending_to_one_that_ended_is_closed) {
    child_t child = child_start_serving();
    child_tell(&child, "exit 0");
    CHECK_OK(mplat_process_wait(child.process, SOON_MS));
    CHECK_ERR(mplat_link_send(child.link, "x", 1, NULL, 0, SOON_MS), MPLAT_ECLOSED);
    child_end(&child);
}

TEST(platform_link, closed_link_of_a_living_child_is_closed) {
    child_t child = child_start_serving();
    size_t size;
    child_tell(&child, "drop 60000");
    CHECK_ERR(receive(&child, &size), MPLAT_ECLOSED);
    CHECK_ERR(mplat_process_wait(child.process, 0), MPLAT_ETIMEDOUT);
    child_end(&child);
}

TEST(platform_link, child_sees_that_the_parent_closed) {
    child_t child = child_start_serving();
    mplat_link_destroy(child.link);
    child.link = NULL;
    mplat_exit_t how = child_exit(&child); /* the lifeline may be the link itself: either may end it */
    CHECK(how.kind != MPLAT_EXIT_RUNNING);
    child_end(&child);
}

TEST(platform_link, receive_ends_on_time) {
    child_t child = child_start_serving();
    size_t size = 5;
    int64_t start = mplat_clock_ns();
    CHECK_ERR(mplat_link_receive(child.link, back, sizeof back, &size, NULL, NULL, 0), MPLAT_ETIMEDOUT);
    CHECK_EQ_UINT(size, 0);
    CHECK(mplat_clock_ns() - start < INT64_C(1000000000) * test_time_scale());
    start = mplat_clock_ns();
    CHECK_ERR(mplat_link_receive(child.link, back, sizeof back, &size, NULL, NULL, 60), MPLAT_ETIMEDOUT);
    CHECK(mplat_clock_ns() - start >= INT64_C(59000000));
    child_tell_with(&child, "echo", "x", 1, NULL, 0);
    CHECK_EQ_STR(child_answer(&child), "x");
    child_end(&child);
}

TEST(platform_link, send_to_one_that_does_not_read_times_out) {
    child_t child = child_start_serving();
    child_tell(&child, "sleep 60000");
    int err = 0;
    for (int i = 0; i < 10000 && err == 0; i++)
        err = mplat_link_send(child.link, bytes, sizeof bytes, NULL, 0, 20);
    CHECK_EQ_INT(err, MPLAT_ETIMEDOUT);
    child_end(&child);
}

TEST(platform_link, four_kibibytes_to_a_reader_never_block) {
    child_t child = child_start_serving();
    for (int i = 0; i < 20; i++) {
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, "received", sizeof "received");
        CHECK_OK(mplat_link_send(child.link, bytes, 4096, NULL, 0, 0));
        CHECK_EQ_STR(child_answer(&child), "0");
    }
    child_end(&child);
}

TEST(platform_link, message_above_the_buffer_is_dropped_alone) {
    child_t child = child_start_serving();
    size_t size = 3;
    child_tell_with(&child, "echo", "0123456789", 10, NULL, 0);
    child_tell_with(&child, "echo", "next", 4, NULL, 0);
    CHECK_ERR(mplat_link_receive(child.link, back, 9, &size, NULL, NULL, SOON_MS), MPLAT_ETOOBIG);
    CHECK_OK(mplat_link_receive(child.link, back, 9, &size, NULL, NULL, SOON_MS));
    CHECK_EQ_UINT(size, 4);
    CHECK_EQ_MEM(back, "next", 4);
    child_end(&child);
}

TEST(platform_link, eight_handles_travel_with_a_message) {
    mplat_handle_t mine[MPLAT_LINK_HANDLES_MAX], theirs[MPLAT_LINK_HANDLES_MAX];
    child_t child = child_start_serving();
    for (size_t i = 0; i < MPLAT_LINK_HANDLES_MAX; i++)
        REQUIRE_OK(mplat_pipe_create(&mine[i], &theirs[i]));
    child_tell_with(&child, "write hello", NULL, 0, theirs, MPLAT_LINK_HANDLES_MAX);
    CHECK_EQ_STR(child_answer(&child), "8");
    for (size_t i = 0; i < MPLAT_LINK_HANDLES_MAX; i++) {
        char text[8] = "";
        size_t size;
        CHECK(host_handle_is_open(theirs[i]));
        mplat_handle_close(&theirs[i]);
        CHECK_OK(mplat_pipe_read(mine[i], text, 5, SOON_MS, &size));
        CHECK_EQ_STR(text, "hello");
        CHECK_ERR(mplat_pipe_read(mine[i], text, 5, SOON_MS, &size), MPLAT_ECLOSED);
        mplat_handle_close(&mine[i]);
    }
    child_end(&child);
}

TEST(platform_link, handles_stay_with_their_message) {
    child_t child = child_start_serving();
    mplat_handle_t read_end, write_end;
    REQUIRE_OK(mplat_pipe_create(&read_end, &write_end));
    for (size_t i = 0; i < 20; i++) {
        mplat_handle_t handles[] = {write_end, write_end, write_end};
        child_tell_with(&child, "received", bytes, i * 700, handles, i % 4);
    }
    for (unsigned i = 0; i < 20; i++) {
        char expected[4];
        snprintf(expected, sizeof expected, "%u", i % 4);
        CHECK_EQ_STR(child_answer(&child), expected);
    }
    mplat_handle_close(&write_end);
    char byte;
    size_t size;
    CHECK_ERR(mplat_pipe_read(read_end, &byte, 1, SOON_MS, &size), MPLAT_ECLOSED);
    mplat_handle_close(&read_end);
    child_end(&child);
}

TEST(platform_link, handles_come_back_where_a_child_can_send_them) {
    if (!host_has_signals())
        SKIP("handles go from parent to child only on this system");
    child_t child = child_start_serving();
    mplat_handle_t ends[2], got[MPLAT_LINK_HANDLES_MAX];
    size_t size, count = 9;
    char byte = 0;
    REQUIRE_OK(mplat_pipe_create(&ends[0], &ends[1]));
    child_tell_with(&child, "echo", "x", 1, ends, 2);
    REQUIRE_OK(mplat_link_receive(child.link, back, sizeof back, &size, got, &count, SOON_MS));
    REQUIRE_EQ_UINT(count, 2);
    CHECK_OK(mplat_pipe_write(got[1], "y", 1, SOON_MS, &size));
    CHECK_OK(mplat_pipe_read(got[0], &byte, 1, SOON_MS, &size));
    CHECK_EQ_INT(byte, 'y');
    for (size_t i = 0; i < 2; i++) {
        mplat_handle_close(&got[i]);
        mplat_handle_close(&ends[i]);
    }
    child_end(&child);
}

/* The harness's leak check shows that they are closed. */
TEST(platform_link, unwanted_handles_are_closed) {
    child_t child = child_start_serving();
    mplat_handle_t null;
    size_t size, before = host_count_handles();
    REQUIRE_OK(mplat_null_open(&null));
    for (int i = 0; i < 10; i++) {
        child_tell_with(&child, "echo", "01234", 5, &null, 1);
        if (i % 2 == 0)
            CHECK_OK(receive(&child, &size));
        else
            CHECK_ERR(mplat_link_receive(child.link, back, 2, &size, NULL, NULL, SOON_MS), MPLAT_ETOOBIG);
    }
    mplat_handle_close(&null);
    CHECK_EQ_UINT(host_count_handles(), before);
    child_end(&child);
}

TEST(platform_link, bad_handle_is_refused) {
    child_t child = child_start_serving();
    mplat_handle_t none = MPLAT_NO_HANDLE;
    CHECK(mplat_link_send(child.link, "x", 1, &none, 1, SOON_MS) < 0);
    child_end(&child);
}

TEST(platform_link, handle_is_ready_for_a_message_and_for_the_end) {
    child_t child = child_start_serving();
    mplat_handle_t handle = mplat_link_handle(child.link);
    bool ready[1];
    size_t size;
    CHECK_ERR(mplat_handles_wait(&handle, 1, 20, ready), MPLAT_ETIMEDOUT);
    child_tell_with(&child, "echo", "x", 1, NULL, 0);
    CHECK_OK(mplat_handles_wait(&handle, 1, SOON_MS, ready));
    CHECK_OK(receive(&child, &size));
    CHECK_ERR(mplat_handles_wait(&handle, 1, 20, ready), MPLAT_ETIMEDOUT);
    child_tell(&child, "exit 0");
    CHECK_OK(mplat_handles_wait(&handle, 1, SOON_MS, ready));
    CHECK_ERR(receive(&child, &size), MPLAT_ECLOSED);
    child_end(&child);
}

/* A part of the last message may have gone out: then nothing follows it, and that is no end of the other side. */
TEST(platform_link, a_link_that_nobody_reads_takes_no_more) {
    static const char message[MPLAT_LINK_MESSAGE_MAX];
    child_t child = child_start_serving();
    int err = 0;
    child_tell(&child, "sleep 100000");
    for (int i = 0; i < 1000 && err == 0; i++)
        err = mplat_link_send(child.link, message, sizeof message, NULL, 0, 50);
    CHECK_EQ_INT(err, MPLAT_ETIMEDOUT);
    err = mplat_link_send(child.link, message, sizeof message, NULL, 0, 50);
    CHECK(err == MPLAT_ESTATE || err == MPLAT_ETIMEDOUT);
    CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_KILL));
    child_end(&child);
}

typedef struct sender {
    mplat_link_t *link;
    int err;
} sender_t;

static void send_many(void *arg) {
    sender_t *sender = arg;
    char message[] = "echo\0#";
    for (int i = 0; i < 3000 && sender->err == 0; i++) {
        message[5] = (char)(i & 0x7F);
        sender->err = mplat_link_send(sender->link, message, 6, NULL, 0, SOON_MS);
    }
}

TEST(platform_link, one_thread_sends_while_another_receives) {
    child_t child = child_start_serving();
    sender_t sender = {.link = child.link};
    host_thread_t *thread = host_thread_start(send_many, &sender);
    for (int i = 0; i < 3000; i++) {
        size_t size;
        if (receive(&child, &size) != 0 || size != 1 || back[0] != (i & 0x7F)) {
            FAIL("message %d is not the one that was sent", i);
            break;
        }
    }
    host_thread_join(thread);
    CHECK_OK(sender.err);
    child_end(&child);
}

/* Whatever bytes a hostile child puts on the line: an error or a message, and never a hang, once it is gone. */
static int error_of_garbage(const void *garbage, size_t garbage_size) {
    child_t child = child_start_serving();
    child_tell_with(&child, "raw 1", garbage, garbage_size, NULL, 0);
    int err = 0;
    size_t size;
    for (int i = 0; i < 1000 && err == 0; i++)
        err = receive(&child, &size);
    CHECK(err == MPLAT_EMALFORMED || err == MPLAT_ECLOSED);
    if (err == MPLAT_EMALFORMED)
        CHECK_ERR(receive(&child, &size), MPLAT_EMALFORMED);
    CHECK_EQ_INT(child_exit_code(&child), 0);
    child_end(&child);
    return err;
}

TEST(platform_link, garbage_from_the_child_is_an_error) {
    static const size_t sizes[] = {1, 3, 4, 8, 15, 16, 24, 64, 4096, 60000};
    static const unsigned char values[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
    static unsigned char garbage[60000];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(garbage, values[i % sizeof values], sizes[i]);
        int err = error_of_garbage(garbage, sizes[i]);
        CHECK(err == MPLAT_EMALFORMED || sizes[i] < 16); /* shorter may be the beginning of something */
    }
    uint32_t state = 99;
    for (size_t round = 0; round < 10; round++) {
        for (size_t i = 0; i < 200; i++) {
            state = state * 1664525u + 1013904223u;
            garbage[i] = (unsigned char)(state >> 24);
        }
        CHECK_EQ_INT(error_of_garbage(garbage, 20 * (round + 1)), MPLAT_EMALFORMED);
    }
}

TEST(platform_link, half_a_message_does_not_hang_the_receiver) {
    child_t child = child_start_serving();
    size_t size;
    child_tell_with(&child, "raw 0", "\x10\0\0", 3, NULL, 0);
    int err = mplat_link_receive(child.link, back, sizeof back, &size, NULL, NULL, 300);
    CHECK(err == MPLAT_ETIMEDOUT || err == MPLAT_EMALFORMED || err == MPLAT_ECLOSED || err == 0);
    child_end(&child);
}

TEST(platform_link, child_killed_while_it_sends_ends_the_link) {
    for (int i = 0; i < 5; i++) {
        child_t child = child_start_serving();
        child_tell(&child, "burst 100000 50000");
        test_sleep_ms(5 * i);
        CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_KILL));
        int err = 0;
        size_t size;
        while (err == 0) {
            err = receive(&child, &size);
            CHECK(err != 0 || size == 50000);
        }
        CHECK(err == MPLAT_ECLOSED || err == MPLAT_EMALFORMED);
        child_end(&child);
    }
}

TEST(platform_link, three_levels_pass_messages_in_order) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("chain", "2"));
    options.link = true;
    child_t child = child_start(&options);
    for (int i = 0; i < 100; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "%d:0,1,2", i);
        CHECK_EQ_STR(child_answer(&child), expected);
    }
    CHECK_EQ_STR(child_answer(&child), "(none)");
    CHECK_EQ_INT(child_exit_code(&child), 0);
    child_end(&child);
}
