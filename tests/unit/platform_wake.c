/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of platform.h about sleeping on a word of shared memory. */
#include <stdlib.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

static const int64_t SOON_NS = INT64_C(20000000000);

typedef struct shared {
    mplat_segment_t *segment;
    mplat_wake_t *wake;
    _Atomic uint32_t *word;
} shared_t;

static shared_t make_shared(void) {
    shared_t shared = {0};
    REQUIRE_OK(mplat_segment_create(1, &shared.segment));
    REQUIRE_OK(mplat_wake_create(&shared.wake));
    shared.word = mplat_segment_base(shared.segment);
    return shared;
}

static void drop_shared(shared_t *shared) {
    mplat_wake_destroy(shared->wake);
    mplat_segment_destroy(shared->segment);
}

/* Lets the child have the segment and the wake, with this command. */
static void share(child_t *child, const shared_t *shared, const char *command) {
    mplat_handle_t handles[1 + MPLAT_WAKE_HANDLES_MAX] = {mplat_segment_handle(shared->segment)};
    size_t count = mplat_wake_handles(shared->wake, handles + 1);
    REQUIRE(count <= MPLAT_WAKE_HANDLES_MAX);
    child_tell_with(child, command, NULL, 0, handles, 1 + count);
    CHECK_EQ_STR(child_answer(child), "0");
}

static bool sleep_until_set(const shared_t *shared) {
    int64_t end = mplat_clock_ns() + SOON_NS;
    while (atomic_load(shared->word) == 0)
        if (mplat_wake_wait(shared->wake, shared->word, 0, end - mplat_clock_ns()) == MPLAT_ETIMEDOUT)
            return false;
    return true;
}

TEST(platform_wake, other_word_does_not_sleep) {
    shared_t shared = make_shared();
    atomic_store(shared.word, 3);
    int64_t start = mplat_clock_ns();
    CHECK_OK(mplat_wake_wait(shared.wake, shared.word, 2, SOON_NS));
    CHECK(mplat_clock_ns() - start < SOON_NS / 2);
    drop_shared(&shared);
}

TEST(platform_wake, sleep_ends_on_time) {
    shared_t shared = make_shared();
    int64_t start = mplat_clock_ns();
    int err = 0;
    while (err == 0 && mplat_clock_ns() - start < SOON_NS)
        err = mplat_wake_wait(shared.wake, shared.word, 0, 40000000);
    CHECK_EQ_INT(err, MPLAT_ETIMEDOUT);
    CHECK(mplat_clock_ns() - start >= 39000000);
    CHECK_ERR(mplat_wake_wait(shared.wake, shared.word, 0, 0), MPLAT_ETIMEDOUT);
    drop_shared(&shared);
}

TEST(platform_wake, other_process_wakes_the_maker) {
    shared_t shared = make_shared();
    child_t child = child_start_serving();
    share(&child, &shared, "wake-signal 100");
    CHECK(sleep_until_set(&shared));
    drop_shared(&shared);
    child_end(&child);
}

TEST(platform_wake, maker_wakes_the_other_process) {
    shared_t shared = make_shared();
    child_t child = child_start_serving();
    share(&child, &shared, "wake-wait");
    mplat_sleep_ms(100);
    atomic_store(shared.word, 7);
    mplat_wake_signal(shared.wake, shared.word);
    CHECK_EQ_STR(child_answer(&child), "7");
    drop_shared(&shared);
    child_end(&child);
}

static void signal_later(void *arg) {
    shared_t *shared = arg;
    mplat_sleep_ms(50);
    atomic_store(shared->word, 1);
    mplat_wake_signal(shared->wake, shared->word);
}

TEST(platform_wake, thread_of_the_same_process_wakes) {
    shared_t shared = make_shared();
    host_thread_t *thread = host_thread_start(signal_later, &shared);
    CHECK(sleep_until_set(&shared));
    host_thread_join(thread);
    drop_shared(&shared);
}

/* Signals of words that changed long ago may end one sleep each, never all of them: the sleeper looks again. */
TEST(platform_wake, stale_signals_do_not_keep_it_awake) {
    shared_t shared = make_shared();
    for (int i = 0; i < 1000; i++)
        CHECK_OK(mplat_wake_signal(shared.wake, shared.word));
    int early = 0;
    while (early < 2000 && mplat_wake_wait(shared.wake, shared.word, 0, 20000000) == 0)
        early++;
    CHECK(early <= 1000);
    drop_shared(&shared);
}

enum { ROUNDS = 2000 };

typedef struct rally {
    shared_t there, back;
    int lost;
} rally_t;

static void answer_rally(void *arg) {
    rally_t *rally = arg;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        while (atomic_load(rally->there.word) == i)
            if (mplat_wake_wait(rally->there.wake, rally->there.word, i, SOON_NS) != 0) {
                rally->lost++;
                return;
            }
        atomic_store(rally->back.word, i + 1);
        mplat_wake_signal(rally->back.wake, rally->back.word);
    }
}

TEST(platform_wake, no_signal_is_lost_in_two_thousand_rounds) {
    rally_t rally = {.there = make_shared(), .back = make_shared()};
    host_thread_t *thread = host_thread_start(answer_rally, &rally);
    int lost = 0;
    for (uint32_t i = 0; i < ROUNDS && lost == 0; i++) {
        atomic_store(rally.there.word, i + 1);
        mplat_wake_signal(rally.there.wake, rally.there.word);
        while (atomic_load(rally.back.word) == i && lost == 0)
            lost = mplat_wake_wait(rally.back.wake, rally.back.word, i, SOON_NS);
    }
    host_thread_join(thread);
    CHECK_EQ_INT(lost, 0);
    CHECK_EQ_INT(rally.lost, 0);
    drop_shared(&rally.there);
    drop_shared(&rally.back);
}

TEST(platform_wake, open_refuses_handles_that_are_none) {
    mplat_handle_t handles[MPLAT_WAKE_HANDLES_MAX + 1] = {MPLAT_NO_HANDLE, MPLAT_NO_HANDLE, MPLAT_NO_HANDLE};
    mplat_wake_t *wake = NULL;
    CHECK(mplat_wake_open(handles, MPLAT_WAKE_HANDLES_MAX + 1, &wake) < 0);
    CHECK(wake == NULL);
}

/* The opener owns what it was given also when it fails; the harness's leak check sees it. */
TEST(platform_wake, open_of_the_wrong_number_of_handles_closes_them) {
    mplat_wake_t *wake = NULL, *opened = NULL;
    mplat_handle_t handles[MPLAT_WAKE_HANDLES_MAX + 1];
    REQUIRE_OK(mplat_wake_create(&wake));
    size_t right = mplat_wake_handles(wake, handles);
    for (size_t count = 0; count <= MPLAT_WAKE_HANDLES_MAX; count++) {
        for (size_t i = 0; i < count; i++)
            REQUIRE_OK(mplat_null_open(&handles[i]));
        if (count != right) {
            CHECK(mplat_wake_open(handles, count, &opened) < 0);
            CHECK(opened == NULL);
        } else {
            for (size_t i = 0; i < count; i++)
                mplat_handle_close(&handles[i]);
        }
    }
    mplat_wake_destroy(wake);
}

TEST(platform_wake, relax_and_yield_return) {
    for (int i = 0; i < 1000; i++) {
        mplat_cpu_relax();
        mplat_thread_yield();
    }
}

TEST(platform_bell, open_of_none_fails) {
    mplat_bell_t *bell = (mplat_bell_t *)1;
    CHECK(mplat_bell_open(MPLAT_NO_HANDLE, &bell) < 0);
    CHECK(bell == NULL);
}

TEST(platform_bell, rings_from_its_own_process_are_heard) {
    mplat_bell_t *bell = NULL, *ringer = NULL;
    mplat_watch_t *watch = NULL;
    mplat_handle_t copy;
    mplat_watch_event_t event = {0};
    size_t count = 0;
    REQUIRE_OK(mplat_bell_create(&bell));
    REQUIRE_OK(mplat_watch_create(&watch));
    REQUIRE_OK(mplat_watch_add_bell(watch, bell, bell));
    REQUIRE_OK(mplat_handle_duplicate(mplat_bell_handle(bell), &copy));
    REQUIRE_OK(mplat_bell_open(copy, &ringer));
    for (int i = 0; i < 100; i++) {
        mplat_bell_ring(ringer);
        CHECK_OK(mplat_watch_wait(watch, SOON_NS, &event, 1, &count));
        CHECK_EQ_INT(event.kind, MPLAT_WATCH_BELL);
    }
    mplat_watch_remove_bell(watch, bell);
    mplat_bell_destroy(ringer);
    mplat_bell_destroy(bell);
    mplat_watch_destroy(watch);
}

/* Whoever rings must not be stopped by nobody listening. */
TEST(platform_bell, a_million_rings_do_not_block) {
    mplat_bell_t *bell = NULL;
    REQUIRE_OK(mplat_bell_create(&bell));
    int rings = test_on_wine() || test_time_scale() > 1 ? 20000 : 1000000;
    int failed = 0;
    for (int i = 0; i < rings; i++)
        failed += mplat_bell_ring(bell) != 0 ? 1 : 0;
    CHECK_EQ_INT(failed, 0);
    mplat_bell_destroy(bell);
}
