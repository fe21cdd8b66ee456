/* SPDX-License-Identifier: Apache-2.0 */
/* Many processes at once, from many threads, and what of the parent they must not see. */
#include "process_help.h"
#include "process_host.h"
#include "test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MANY 100

MPROC_TASK(many_nothing) {
    return MPROC_OK;
}

MPROC_TASK(many_sleep) {
    host_sleep_forever();
}

MPROC_TASK(many_count_handles) {
    return mproc_call_return(call, (uint64_t)host_count_handles());
}

MPROC_TASK(many_has_handle) {
    int64_t handle = 0;
    int err = mproc_call_args(call, "x", &handle);
    return err == MPROC_OK ? mproc_call_return(call, MPROC_BOOL(host_handle_is_open((intptr_t)handle))) : err;
}

MPROC_TASK(many_has_socket) {
    int64_t handle = 0;
    int err = mproc_call_args(call, "x", &handle);
    return err == MPROC_OK ? mproc_call_return(call, MPROC_BOOL(host_is_socket((intptr_t)handle))) : err;
}

static void warm_up(void) {
    host_close_socket(host_open_high_socket());
    warm_up_with(&many_nothing);
}
TEST_WARM_UP(warm_up)

TEST(process_many, hundred_at_once_all_finish) {
    mproc_process_t *processes[MANY];
    for (int i = 0; i < MANY; i++)
        processes[i] = started(&(mproc_process_options_t){.target = &many_nothing});
    for (int i = 0; i < MANY; i++) {
        mproc_exit_t exit = exit_of(processes[i]);
        CHECK_EQ_INT(exit.how, MPROC_EXIT_EXITED);
        CHECK_EQ_INT(exit.code, 0);
        mproc_process_destroy(processes[i]);
    }
}

TEST(process_many, hundred_started_and_terminated_all_say_so) {
    mproc_process_t *processes[MANY];
    size_t count = 0;
    for (int i = 0; i < MANY; i++)
        processes[i] = started(&(mproc_process_options_t){.target = &many_sleep});
    REQUIRE_OK(mproc_active_children(NULL, 0, &count));
    CHECK_EQ_UINT(count, MANY);
    for (int i = 0; i < MANY; i++)
        CHECK_OK(mproc_process_terminate(processes[i]));
    for (int i = 0; i < MANY; i++) {
        mproc_exit_t exit = exit_of(processes[i]);
        CHECK_EQ_INT(exit.how, MPROC_EXIT_TERMINATED);
        CHECK_EQ_STR(exit.name, "SIGTERM");
        mproc_process_destroy(processes[i]);
    }
}

TEST(process_many, hundred_sentinels_are_waited_for_together) {
    mproc_process_t *processes[MANY];
    intptr_t sentinels[MANY];
    bool ready[MANY];
    for (int i = 0; i < MANY; i++) {
        processes[i] = started(&(mproc_process_options_t){.target = i == 70 ? &many_nothing : &many_sleep});
        REQUIRE_OK(mproc_process_sentinel(processes[i], &sentinels[i]));
    }
    CHECK_OK(mproc_connection_wait(sentinels, MANY, LONG_MS, ready));
    for (int i = 0; i < MANY; i++) {
        CHECK(ready[i] == (i == 70));
        mproc_process_destroy(processes[i]);
    }
}

TEST(process_many, five_have_equally_many_handles) {
    mproc_process_t *processes[5];
    char first[64] = "";
    for (int i = 0; i < 5; i++)
        processes[i] = started(&(mproc_process_options_t){.target = &many_count_handles, .result = true});
    for (int i = 0; i < 5; i++) {
        const char *count = result_repr(processes[i]);
        if (i == 0)
            strncpy(first, count, sizeof first - 1);
        /* Under wine the loader's handles come and go. */
        if (!test_on_wine())
            CHECK_EQ_STR(count, first);
        mproc_process_destroy(processes[i]);
    }
}

TEST(process_many, high_handle_of_the_parent_is_not_the_childs) {
    intptr_t handle = host_open_high();
    REQUIRE(handle != -1);
    mproc_process_t *process = ended(
        &(mproc_process_options_t){.target = &many_has_handle, .args = MPROC_ARGS((int64_t)handle), .result = true});
    /* On Windows another object of the child may have this number by chance. */
    if (host_has_terminate())
        CHECK_EQ_STR(result_repr(process), "False");
    mproc_process_destroy(process);
    host_close(handle);
}

TEST(process_many, high_socket_of_the_parent_is_not_the_childs) {
    intptr_t handle = host_open_high_socket();
    REQUIRE(handle != -1);
    CHECK(host_is_socket(handle));
    mproc_process_t *process = ended(
        &(mproc_process_options_t){.target = &many_has_socket, .args = MPROC_ARGS((int64_t)handle), .result = true});
    CHECK_EQ_STR(result_repr(process), "False");
    mproc_process_destroy(process);
    host_close_socket(handle);
}

/* ---- threads -------------------------------------------------------------------------------------------------------------------- */

static atomic_int wrong;
static uint64_t expected_handles;

/* Assertions belong to the test's own thread: these count what is wrong. */
static void start_and_count(void *arg) {
    (void)arg;
    for (int i = 0; i < 10; i++) {
        mproc_process_t *process = NULL;
        const mproc_value_t *value = NULL;
        uint64_t count = 0;
        if (mproc_process_create(&(mproc_process_options_t){.target = &many_count_handles, .result = true}, &process) !=
                MPROC_OK ||
            mproc_process_start(process) != MPROC_OK ||
            mproc_process_result(process, MPROC_FOREVER, &value) != MPROC_OK ||
            mproc_value_as_uint(value, &count) != MPROC_OK || (expected_handles != 0 && count != expected_handles))
            atomic_fetch_add(&wrong, 1);
        mproc_process_destroy(process);
    }
}

TEST(process_many, two_threads_that_start_at_once_leak_nothing_into_each_others_children) {
    mproc_process_t *process = ended(&(mproc_process_options_t){.target = &many_count_handles, .result = true});
    const mproc_value_t *value = NULL;
    REQUIRE_OK(mproc_process_result(process, 0, &value));
    if (!test_on_wine())
        REQUIRE_OK(mproc_value_as_uint(value, &expected_handles));
    mproc_process_destroy(process);
    host_run_threads(2, start_and_count, NULL);
    CHECK_EQ_INT(atomic_load(&wrong), 0);
}

static void join_shared(void *process) {
    mproc_exit_t exit;
    if (mproc_process_join(process, MPROC_FOREVER) != MPROC_OK || mproc_process_exit(process, &exit) != MPROC_OK ||
        exit.how != MPROC_EXIT_TERMINATED)
        atomic_fetch_add(&wrong, 1);
}

static void terminate_shared(void *process) {
    host_sleep_ms(50);
    (void)mproc_process_terminate(process);
}

static atomic_int roles;

static void join_or_terminate(void *process) {
    if (atomic_fetch_add(&roles, 1) == 0)
        terminate_shared(process);
    else
        join_shared(process);
}

TEST(process_many, threads_join_one_process_together) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &many_sleep, .result = true});
    host_run_threads(5, join_or_terminate, process);
    CHECK_EQ_INT(atomic_load(&wrong), 0);
    mproc_process_destroy(process);
}

static void start_shared(void *process) {
    int err = mproc_process_start(process);
    if (err == MPROC_OK)
        atomic_fetch_add(&roles, 1);
    else if (err != MPROC_ESTATE)
        atomic_fetch_add(&wrong, 1);
}

TEST(process_many, threads_that_start_one_process_start_it_once) {
    mproc_process_t *process = NULL;
    REQUIRE_OK(mproc_process_create(&(mproc_process_options_t){.target = &many_nothing}, &process));
    host_run_threads(4, start_shared, process);
    CHECK_EQ_INT(atomic_load(&roles), 1);
    CHECK_EQ_INT(atomic_load(&wrong), 0);
    CHECK_OK(mproc_process_join(process, LONG_MS));
    mproc_process_destroy(process);
}

static void close_or_join(void *process) {
    if (atomic_fetch_add(&roles, 1) != 0) {
        int err = mproc_process_join(process, MPROC_FOREVER);
        if (err != MPROC_OK && err != MPROC_ESTATE)
            atomic_fetch_add(&wrong, 1);
        return;
    }
    host_sleep_ms(20);
    (void)mproc_process_kill(process);
    while (mproc_process_close(process) != MPROC_OK)
        host_sleep_ms(1);
}

TEST(process_many, close_while_another_thread_joins_is_orderly) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &many_sleep});
    host_run_threads(4, close_or_join, process);
    CHECK_EQ_INT(atomic_load(&wrong), 0);
    CHECK_HAS_STR(repr_of(process), " closed>");
    mproc_process_destroy(process);
}

/* ---- failing starts -------------------------------------------------------------------------------------------------------------- */

TEST(process_many, hundred_failing_starts_lose_no_exit) {
    mproc_process_t *sleeper = started(&(mproc_process_options_t){.target = &many_sleep});
    mproc_process_t *failing = NULL;
    REQUIRE_OK(mproc_process_create(
        &(mproc_process_options_t){.target = &many_nothing, .directory = "no/such/directory/anywhere"}, &failing));
    for (int i = 0; i < MANY; i++)
        CHECK_ERR(mproc_process_start(failing), MPROC_ESPAWN);
    CHECK(mproc_process_is_alive(sleeper));
    CHECK_OK(mproc_process_terminate(sleeper));
    CHECK_EQ_INT(exit_of(sleeper).how, MPROC_EXIT_TERMINATED);
    mproc_process_destroy(failing);
    mproc_process_destroy(sleeper);
}
