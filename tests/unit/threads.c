/* SPDX-License-Identifier: Apache-2.0 */
/* Mutex, condition, thread and once: each does what its header says, and fails cleanly without memory. */
#include "threads.h"

#include "memory.h"
#include "platform/platform.h"
#include "report.h"
#include "test.h"

#include <mproc/error.h>
#include <stdbool.h>

#define COUNT 20000

static mproc_mutex_t *mutex;
static mproc_condition_t *condition;
static int number;
static atomic_int calls;

static void nothing(void *context) {
    (void)context;
}

/* The first thread of a process brings another one with it under a sanitizer; APR starts once. */
static void warm_up(void) {
    mproc_thread_t *thread = NULL;
    if (mproc_thread_create(nothing, NULL, 0, &thread) == MPROC_OK)
        mproc_thread_join(&thread);
    mproc_error_thread_fini();
}
TEST_WARM_UP(warm_up)

static void make(void) {
    REQUIRE_OK(mproc_mutex_create(&mutex));
    REQUIRE_OK(mproc_condition_create(&condition));
}

static void unmake(void) {
    mproc_condition_destroy(condition);
    mproc_mutex_destroy(mutex);
    CHECK_EQ_UINT(mproc_memory_live(), 0);
}

static void count_up(void *context) {
    (void)context;
    for (int i = 0; i < COUNT; i++) {
        mproc_mutex_lock(mutex);
        number++;
        mproc_mutex_unlock(mutex);
    }
}

TEST(threads, mutex_lets_one_in) {
    mproc_thread_t *threads[4] = {NULL};
    make();
    number = 0;
    for (int i = 0; i < 4; i++)
        REQUIRE_OK(mproc_thread_create(count_up, NULL, 0, &threads[i]));
    for (int i = 0; i < 4; i++)
        mproc_thread_join(&threads[i]);
    CHECK_EQ_INT(number, INT64_C(4) * COUNT);
    unmake();
}

/* Each waits for its turn and passes it on. */
static void take_turns(void *context) {
    int self = *(int *)context;
    mproc_mutex_lock(mutex);
    for (int i = 0; i < 200; i++) {
        while (number % 2 != self)
            mproc_condition_wait(condition, mutex, -1);
        number++;
        mproc_condition_broadcast(condition);
    }
    mproc_mutex_unlock(mutex);
}

TEST(threads, condition_wakes_who_waits) {
    mproc_thread_t *threads[2] = {NULL};
    int selves[2] = {0, 1};
    make();
    number = 0;
    for (int i = 0; i < 2; i++)
        REQUIRE_OK(mproc_thread_create(take_turns, &selves[i], 0, &threads[i]));
    for (int i = 0; i < 2; i++)
        mproc_thread_join(&threads[i]);
    CHECK_EQ_INT(number, 400);
    unmake();
}

TEST(threads, condition_wait_ends_by_itself) {
    make();
    mproc_mutex_lock(mutex);
    int64_t start = mplat_clock_ns();
    for (int64_t left = 20000000; left > 0; left = 20000000 - (mplat_clock_ns() - start))
        mproc_condition_wait(condition, mutex, left);
    CHECK(mplat_clock_ns() - start >= 20000000);
    /* Without a limit of the caller's it still returns now and then, so that a caller can look at a clock. */
    mproc_condition_wait(condition, mutex, -1);
    mproc_condition_wait(condition, mutex, 0);
    mproc_condition_signal(condition);
    mproc_mutex_unlock(mutex);
    unmake();
}

static void use_stack(void *context) {
    volatile char block[64 * 1024];
    for (size_t i = 0; i < sizeof block; i += 1024)
        block[i] = (char)i;
    *(bool *)context = block[1024] == 0;
}

TEST(threads, thread_has_the_stack_it_was_given) {
    mproc_thread_t *thread = NULL;
    bool used = false;
    REQUIRE_OK(mproc_thread_create(use_stack, &used, (size_t)256 * 1024, &thread));
    mproc_thread_join(&thread);
    CHECK(used);
    CHECK(thread == NULL);
    mproc_thread_join(&thread);
    CHECK_EQ_UINT(mproc_memory_live(), 0);
}

/* ---- once ------------------------------------------------------------------------------------------------------------ */

static int prepare_slowly(void) {
    atomic_fetch_add(&calls, 1);
    mplat_sleep_ms(20);
    number = 7;
    return MPROC_OK;
}

static int prepare_at_the_third_time(void) {
    return atomic_fetch_add(&calls, 1) < 2 ? MPROC_ENOMEM : MPROC_OK;
}

static mproc_once_t once;
static atomic_int unprepared;

static void need(void *context) {
    (void)context;
    if (mproc_once(&once, prepare_slowly) != MPROC_OK || number != 7)
        atomic_fetch_add(&unprepared, 1);
}

TEST(threads, once_is_once_and_waited_for_by_all) {
    mproc_thread_t *threads[4] = {NULL};
    number = 0;
    for (int i = 0; i < 4; i++)
        REQUIRE_OK(mproc_thread_create(need, NULL, 0, &threads[i]));
    for (int i = 0; i < 4; i++)
        mproc_thread_join(&threads[i]);
    CHECK_EQ_INT(atomic_load(&calls), 1);
    CHECK_EQ_INT(atomic_load(&unprepared), 0);
}

TEST(threads, once_that_failed_is_tried_again) {
    mproc_once_t failing = {0};
    CHECK_EQ_INT(mproc_once(&failing, prepare_at_the_third_time), MPROC_ENOMEM);
    CHECK_EQ_INT(mproc_once(&failing, prepare_at_the_third_time), MPROC_ENOMEM);
    CHECK_EQ_INT(mproc_once(&failing, prepare_at_the_third_time), MPROC_OK);
    CHECK_EQ_INT(mproc_once(&failing, prepare_at_the_third_time), MPROC_OK);
    CHECK_EQ_INT(atomic_load(&calls), 3);
}

/* ---- without memory ---------------------------------------------------------------------------------------------------- */

TEST(threads, without_memory_nothing_is_made) {
    mproc_thread_t *thread = (mproc_thread_t *)&number;
    mproc_memory_fail_at(1);
    CHECK_EQ_INT(mproc_mutex_create(&mutex), MPROC_ENOMEM);
    CHECK(mutex == NULL);
    mproc_memory_fail_at(1);
    CHECK_EQ_INT(mproc_condition_create(&condition), MPROC_ENOMEM);
    CHECK(condition == NULL);
    mproc_memory_fail_at(1);
    CHECK_EQ_INT(mproc_thread_create(nothing, NULL, 0, &thread), MPROC_ENOMEM);
    CHECK(thread == NULL);
    mproc_memory_fail_at(0);
    mproc_mutex_destroy(NULL);
    mproc_condition_destroy(NULL);
    mproc_error_thread_fini();
    CHECK_EQ_UINT(mproc_memory_live(), 0);
}
