/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of platform.h about watches: one thread sees every exit, bell, message and wake, each exactly as often as said. */
#include <stdlib.h>
#include <string.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

static const int64_t SOON_NS = INT64_C(20000000000);
static const int64_t BRIEF_NS = 30000000;

static mplat_watch_t *make_watch(void) {
    mplat_watch_t *watch = NULL;
    REQUIRE_OK(mplat_watch_create(&watch));
    return watch;
}

/* Waits for one event and tells whether it is this one. */
static bool event_is(mplat_watch_t *watch, mplat_watch_kind_t kind, void *key) {
    mplat_watch_event_t event = {0};
    size_t count = 0;
    return mplat_watch_wait(watch, SOON_NS, &event, 1, &count) == 0 && count == 1 && event.kind == kind &&
           event.key == key;
}

static bool nothing_comes(mplat_watch_t *watch) {
    mplat_watch_event_t event;
    size_t count = 7;
    return mplat_watch_wait(watch, BRIEF_NS, &event, 1, &count) == MPLAT_ETIMEDOUT && count == 0;
}

TEST(platform_watch, wait_ends_on_time) {
    mplat_watch_t *watch = make_watch();
    mplat_watch_event_t event;
    size_t count;
    CHECK_ERR(mplat_watch_wait(watch, 0, &event, 1, &count), MPLAT_ETIMEDOUT);
    int64_t start = mplat_clock_ns();
    CHECK_ERR(mplat_watch_wait(watch, 50000000, &event, 1, &count), MPLAT_ETIMEDOUT);
    CHECK(mplat_clock_ns() - start >= 49000000);
    mplat_watch_destroy(watch);
}

TEST(platform_watch, exit_is_reported_once) {
    mplat_watch_t *watch = make_watch();
    child_t child = child_start_serving();
    int key;
    CHECK_OK(mplat_watch_add_process(watch, child.process, &key));
    CHECK(nothing_comes(watch));
    child_tell(&child, "exit 5");
    CHECK(event_is(watch, MPLAT_WATCH_EXIT, &key));
    CHECK(nothing_comes(watch));
    CHECK_EQ_INT(child_exit_code(&child), 5);
    mplat_watch_remove_process(watch, child.process);
    child_end(&child);
    mplat_watch_destroy(watch);
}

TEST(platform_watch, exit_before_the_add_is_reported) {
    mplat_watch_t *watch = make_watch();
    child_t child = child_start_serving();
    int key;
    child_tell(&child, "exit 0");
    CHECK_OK(mplat_process_wait(child.process, -1));
    CHECK_OK(mplat_watch_add_process(watch, child.process, &key));
    CHECK(event_is(watch, MPLAT_WATCH_EXIT, &key));
    mplat_watch_remove_process(watch, child.process);
    child_end(&child);
    mplat_watch_destroy(watch);
}

TEST(platform_watch, two_hundred_exits_are_all_seen) {
    enum { COUNT = 200 };
    static child_t children[COUNT];
    static unsigned char seen[COUNT];
    mplat_watch_t *watch = make_watch();
    mplat_spawn_options_t options = child_options(CHILD_ARGS("exit", "0"));
    for (size_t i = 0; i < COUNT; i++) {
        children[i] = child_start(&options);
        REQUIRE_OK(mplat_watch_add_process(watch, children[i].process, &seen[i]));
    }
    size_t total = 0;
    while (total < COUNT) {
        mplat_watch_event_t events[16];
        size_t count;
        REQUIRE_OK(mplat_watch_wait(watch, SOON_NS, events, 16, &count));
        REQUIRE(count >= 1 && count <= 16);
        for (size_t i = 0; i < count; i++) {
            CHECK_EQ_INT(events[i].kind, MPLAT_WATCH_EXIT);
            ++*(unsigned char *)events[i].key;
        }
        total += count;
    }
    CHECK(nothing_comes(watch));
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_EQ_INT(seen[i], 1);
        mplat_watch_remove_process(watch, children[i].process);
        child_end(&children[i]);
    }
    mplat_watch_destroy(watch);
}

TEST(platform_watch, removed_process_is_never_reported) {
    mplat_watch_t *watch = make_watch();
    child_t removed = child_start_serving(), kept = child_start_serving();
    int removed_key, kept_key;
    CHECK_OK(mplat_watch_add_process(watch, removed.process, &removed_key));
    CHECK_OK(mplat_watch_add_process(watch, kept.process, &kept_key));
    child_tell(&removed, "exit 0");
    CHECK_OK(mplat_process_wait(removed.process, -1));
    mplat_watch_remove_process(watch, removed.process);
    child_tell(&kept, "exit 0");
    CHECK(event_is(watch, MPLAT_WATCH_EXIT, &kept_key));
    CHECK(nothing_comes(watch));
    mplat_watch_remove_process(watch, kept.process);
    child_end(&removed);
    child_end(&kept);
    mplat_watch_destroy(watch);
}

TEST(platform_watch, message_is_reported_until_it_is_taken) {
    mplat_watch_t *watch = make_watch();
    child_t child = child_start_serving();
    int key;
    CHECK_OK(mplat_watch_add_link(watch, child.link, &key));
    CHECK(nothing_comes(watch));
    child_tell_with(&child, "echo", "x", 1, NULL, 0);
    CHECK(event_is(watch, MPLAT_WATCH_LINK, &key));
    CHECK(event_is(watch, MPLAT_WATCH_LINK, &key));
    CHECK_EQ_STR(child_answer(&child), "x");
    CHECK(nothing_comes(watch));
    child_tell(&child, "exit 0");
    CHECK(event_is(watch, MPLAT_WATCH_LINK, &key));
    CHECK_EQ_STR(child_answer(&child), "(none)");
    mplat_watch_remove_link(watch, child.link);
    CHECK(nothing_comes(watch));
    child_end(&child);
    mplat_watch_destroy(watch);
}

TEST(platform_watch, messages_that_came_together_are_all_reported) {
    mplat_watch_t *watch = make_watch();
    child_t child = child_start_serving();
    int key;
    CHECK_OK(mplat_watch_add_link(watch, child.link, &key));
    child_tell(&child, "burst 10 100");
    for (int i = 0; i < 10; i++) {
        CHECK(event_is(watch, MPLAT_WATCH_LINK, &key));
        child_answer(&child);
    }
    CHECK(nothing_comes(watch));
    mplat_watch_remove_link(watch, child.link);
    child_end(&child);
    mplat_watch_destroy(watch);
}

TEST(platform_watch, bell_from_another_process_is_heard) {
    mplat_watch_t *watch = make_watch();
    mplat_bell_t *bell = NULL;
    child_t child = child_start_serving();
    int key;
    REQUIRE_OK(mplat_bell_create(&bell));
    CHECK_OK(mplat_watch_add_bell(watch, bell, &key));
    CHECK(nothing_comes(watch));
    mplat_handle_t handle = mplat_bell_handle(bell);
    child_tell_with(&child, "bell 1 50", NULL, 0, &handle, 1);
    CHECK_EQ_STR(child_answer(&child), "0");
    CHECK(event_is(watch, MPLAT_WATCH_BELL, &key));
    CHECK(nothing_comes(watch));
    mplat_watch_remove_bell(watch, bell);
    mplat_bell_destroy(bell);
    child_end(&child);
    mplat_watch_destroy(watch);
}

TEST(platform_watch, rings_before_the_look_count_once) {
    mplat_watch_t *watch = make_watch();
    mplat_bell_t *bell = NULL;
    child_t child = child_start_serving();
    int key;
    REQUIRE_OK(mplat_bell_create(&bell));
    CHECK_OK(mplat_watch_add_bell(watch, bell, &key));
    mplat_handle_t handle = mplat_bell_handle(bell);
    child_tell_with(&child, "bell 100000", NULL, 0, &handle, 1);
    CHECK_EQ_STR(child_answer(&child), "0");
    child_tell_with(&child, "echo", "rung", 4, NULL, 0);
    CHECK_EQ_STR(child_answer(&child), "rung");
    CHECK(event_is(watch, MPLAT_WATCH_BELL, &key));
    CHECK(nothing_comes(watch));
    mplat_bell_ring(bell);
    CHECK(event_is(watch, MPLAT_WATCH_BELL, &key));
    mplat_watch_remove_bell(watch, bell);
    mplat_bell_ring(bell);
    CHECK(nothing_comes(watch));
    mplat_bell_destroy(bell);
    child_end(&child);
    mplat_watch_destroy(watch);
}

TEST(platform_watch, ring_before_the_add_is_heard) {
    mplat_watch_t *watch = make_watch();
    mplat_bell_t *bell = NULL;
    int key;
    REQUIRE_OK(mplat_bell_create(&bell));
    mplat_bell_ring(bell);
    CHECK_OK(mplat_watch_add_bell(watch, bell, &key));
    CHECK(event_is(watch, MPLAT_WATCH_BELL, &key));
    mplat_watch_remove_bell(watch, bell);
    mplat_bell_destroy(bell);
    mplat_watch_destroy(watch);
}

TEST(platform_watch, wake_ends_the_next_wait_once) {
    mplat_watch_t *watch = make_watch();
    mplat_watch_wake(watch);
    CHECK(event_is(watch, MPLAT_WATCH_WAKE, NULL));
    CHECK(nothing_comes(watch));
    mplat_watch_wake(watch);
    mplat_watch_wake(watch);
    CHECK(event_is(watch, MPLAT_WATCH_WAKE, NULL));
    CHECK(nothing_comes(watch));
    mplat_watch_destroy(watch);
}

static void wake_later(void *arg) {
    mplat_sleep_ms(50);
    mplat_watch_wake(arg);
}

TEST(platform_watch, wake_ends_the_running_wait) {
    mplat_watch_t *watch = make_watch();
    host_thread_t *thread = host_thread_start(wake_later, watch);
    CHECK(event_is(watch, MPLAT_WATCH_WAKE, NULL));
    host_thread_join(thread);
    mplat_watch_destroy(watch);
}

typedef struct adder {
    mplat_watch_t *watch;
    mplat_process_t *process;
    int err;
} adder_t;

static void add_later(void *arg) {
    adder_t *adder = arg;
    mplat_sleep_ms(50);
    adder->err = mplat_watch_add_process(adder->watch, adder->process, adder);
}

TEST(platform_watch, add_during_a_wait_takes_effect) {
    mplat_watch_t *watch = make_watch();
    child_t child = child_start_serving();
    adder_t adder = {.watch = watch, .process = child.process};
    child_tell(&child, "exit 0");
    host_thread_t *thread = host_thread_start(add_later, &adder);
    CHECK(event_is(watch, MPLAT_WATCH_EXIT, &adder));
    host_thread_join(thread);
    CHECK_OK(adder.err);
    mplat_watch_remove_process(watch, child.process);
    child_end(&child);
    mplat_watch_destroy(watch);
}

/* A watch with three kinds of object must report each, and hand out no more than there is room for. */
TEST(platform_watch, events_of_all_kinds_come_and_fit_the_capacity) {
    mplat_watch_t *watch = make_watch();
    mplat_bell_t *bell = NULL;
    child_t child = child_start_serving();
    int exit_key, link_key, bell_key;
    REQUIRE_OK(mplat_bell_create(&bell));
    CHECK_OK(mplat_watch_add_process(watch, child.process, &exit_key));
    CHECK_OK(mplat_watch_add_link(watch, child.link, &link_key));
    CHECK_OK(mplat_watch_add_bell(watch, bell, &bell_key));
    mplat_bell_ring(bell);
    mplat_watch_wake(watch);
    child_tell(&child, "exit 0");
    CHECK_OK(mplat_process_wait(child.process, -1));

    bool exited = false, ended = false, rung = false, woken = false;
    for (int i = 0; i < 50 && !(exited && ended && rung && woken); i++) {
        mplat_watch_event_t events[2];
        size_t count = 0;
        REQUIRE_OK(mplat_watch_wait(watch, SOON_NS, events, 1 + (size_t)i % 2, &count));
        REQUIRE(count >= 1 && count <= 1 + (size_t)i % 2);
        for (size_t j = 0; j < count; j++) {
            CHECK(events[j].kind != MPLAT_WATCH_EXIT || (!exited && events[j].key == &exit_key));
            CHECK(events[j].kind != MPLAT_WATCH_BELL || (!rung && events[j].key == &bell_key));
            CHECK(events[j].kind != MPLAT_WATCH_LINK || events[j].key == &link_key);
            CHECK(events[j].kind != MPLAT_WATCH_WAKE || !woken);
            exited = exited || events[j].kind == MPLAT_WATCH_EXIT;
            ended = ended || events[j].kind == MPLAT_WATCH_LINK;
            rung = rung || events[j].kind == MPLAT_WATCH_BELL;
            woken = woken || events[j].kind == MPLAT_WATCH_WAKE;
        }
    }
    CHECK(exited && ended && rung && woken);
    mplat_watch_remove_process(watch, child.process);
    mplat_watch_remove_link(watch, child.link);
    mplat_watch_remove_bell(watch, bell);
    mplat_bell_destroy(bell);
    child_end(&child);
    mplat_watch_destroy(watch);
}

TEST(platform_watch, add_and_remove_a_thousand_times_leave_nothing) {
    mplat_watch_t *watch = make_watch();
    mplat_bell_t *bell = NULL;
    child_t child = child_start_serving();
    REQUIRE_OK(mplat_bell_create(&bell));
    size_t before = host_count_handles();
    for (int i = 0; i < 1000; i++) {
        REQUIRE_OK(mplat_watch_add_process(watch, child.process, &child));
        REQUIRE_OK(mplat_watch_add_link(watch, child.link, &child));
        REQUIRE_OK(mplat_watch_add_bell(watch, bell, &child));
        mplat_bell_ring(bell);
        mplat_watch_remove_bell(watch, bell);
        mplat_watch_remove_link(watch, child.link);
        mplat_watch_remove_process(watch, child.process);
    }
    CHECK(nothing_comes(watch));
    CHECK(host_count_handles() <= before + 4);
    mplat_bell_destroy(bell);
    child_end(&child);
    mplat_watch_destroy(watch);
}
