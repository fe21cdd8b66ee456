/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that die, hang or are stopped, and what that costs: their task, and nothing else. */
#include "pool_help.h"
#include "process_host.h"
#include "test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CRASHING_ITEM = 13, HANGING_ITEM = 14 };

MPROC_TASK(fault_echo) {
    int64_t x = 0;
    int err = mproc_call_args(call, "x", &x);
    return err != MPROC_OK ? err : mproc_call_return(call, x);
}

MPROC_TASK(fault_pid) {
    return mproc_call_return(call, host_pid());
}

MPROC_TASK(fault_start_of_one) {
    return mproc_call_worker(call) == 1 ? mproc_call_fail(call, 1, "not this one") : MPROC_OK;
}

MPROC_TASK(fault_crash) {
    (void)call;
    static volatile uintptr_t nowhere = 16;
    *(volatile int *)nowhere = 1;
    return MPROC_OK;
}

MPROC_TASK(fault_exit) {
    int64_t code = 0;
    int err = mproc_call_args(call, "x", &code);
    if (err != MPROC_OK)
        return err;
    exit((int)code);
}

MPROC_TASK(fault_abort) {
    (void)call;
    abort();
}

MPROC_TASK(fault_kill) {
    (void)call;
    (void)host_kill(host_pid());
    host_sleep_forever();
}

MPROC_TASK(fault_hang) {
    (void)call;
    (void)host_ignore_terminate();
    host_sleep_forever();
}

MPROC_TASK(fault_sleep) {
    int64_t ms = 0;
    int err = mproc_call_args(call, "x", &ms);
    if (err == MPROC_OK)
        host_sleep_ms((int)ms);
    return err != MPROC_OK ? err : mproc_call_return(call, ms);
}

MPROC_TASK(fault_polite) {
    for (int i = 0; i < 20000 && !mproc_call_cancelled(call); i++)
        host_sleep_ms(1);
    return mproc_call_return(call, MPROC_BOOL(mproc_call_cancelled(call)));
}

/* One item crashes, one hangs; the others give their square. */
MPROC_TASK(fault_items) {
    const int64_t *input = NULL;
    int64_t *output = NULL;
    size_t size = 0;
    mproc_call_input(call, (const void **)&input, &size);
    if (*input == CRASHING_ITEM)
        abort();
    if (*input == HANGING_ITEM)
        host_sleep_forever();
    int err = mproc_call_reserve(call, sizeof *output, (void **)&output);
    if (err == MPROC_OK)
        *output = *input * *input;
    return err;
}

MPROC_TASK(fault_huge) {
    void *data = NULL;
    return mproc_call_reserve(call, SIZE_MAX / 4, &data);
}

/* Dies at its first run: the file is a note to the second. */
MPROC_TASK(fault_once) {
    const char *path = NULL;
    int err = mproc_call_args(call, "s", &path);
    if (err != MPROC_OK)
        return err;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        file = fopen(path, "w");
        if (file != NULL)
            (void)fclose(file);
        abort();
    }
    (void)fclose(file);
    return mproc_call_return(call, (int64_t)2);
}

static void warm_up(void) {
    warm_up_pool(&fault_echo);
}
TEST_WARM_UP(warm_up)

static void check_fault(const mproc_task_t *task, int64_t argument) {
    mproc_pool_t *pool = pool_of(2);
    mproc_result_t *before[10], *after[10];
    for (int i = 0; i < 10; i++)
        before[i] = start(pool, &fault_echo, i, NULL);
    mproc_result_t *fault = start(pool, task, argument, NULL);
    for (int i = 0; i < 10; i++)
        after[i] = start(pool, &fault_echo, 100 + i, NULL);
    CHECK_ERR(mproc_result_get(fault, LONG_MS, NULL), MPROC_EDIED);
    const mproc_error_t *error = mproc_result_error(fault);
    REQUIRE(error != NULL);
    CHECK_EQ_STR(error->task, task->name);
    CHECK(error->pid > 0);
    CHECK(error->exit.how != MPROC_EXIT_NONE);
    mproc_result_release(fault);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ_INT(done_int(before[i]), i);
        CHECK_EQ_INT(done_int(after[i]), 100 + i);
    }
    end_pool(pool);
}

TEST(pool_faults, a_crash_fails_its_task_and_no_other) {
    check_fault(&fault_crash, 0);
}

TEST(pool_faults, an_abort_fails_its_task_and_no_other) {
    check_fault(&fault_abort, 0);
}

TEST(pool_faults, exit_in_a_task_is_its_failure_whatever_the_code) {
    check_fault(&fault_exit, 0);
    check_fault(&fault_exit, 7);
}

TEST(pool_faults, a_kill_from_outside_fails_what_ran) {
    check_fault(&fault_kill, 0);
}

TEST(pool_faults, a_crash_tells_signal_and_place) {
    mproc_pool_t *pool = pool_of(1);
    char text[8192];
    CHECK_ERR(mproc_pool_apply(pool, &fault_crash, NULL, NULL, NULL), MPROC_EDIED);
    const mproc_error_t *error = mproc_last_error();
    CHECK_EQ_INT(error->exit.how, MPROC_EXIT_CRASHED);
    CHECK(error->exit.name[0] != '\0');
    CHECK(error->has_address);
    CHECK_EQ_UINT(error->address, 16);
    CHECK(error->backtrace[0] != '\0');
    (void)mproc_error_format(error, text, sizeof text);
    CHECK_HAS_STR(text, "fault_crash");
    end_pool(pool);
}

TEST(pool_faults, the_item_that_killed_the_worker_is_known) {
    enum { COUNT = 200 };
    static int64_t xs[COUNT], ys[COUNT];
    size_t chunks[] = {0, 1, 50};
    for (int i = 0; i < COUNT; i++)
        xs[i] = i == HANGING_ITEM ? 0 : i;
    for (size_t c = 0; c < 3; c++) {
        mproc_pool_t *pool = pool_of(2);
        mproc_task_options_t options = {.chunk = chunks[c]};
        memset(ys, 0xff, sizeof ys);
        CHECK_ERR(mproc_pool_map(pool, &fault_items, MPROC_ARRAY(xs, COUNT), MPROC_INTO(ys, COUNT), &options),
                  MPROC_EDIED);
        CHECK_EQ_INT(mproc_last_error()->item, CRASHING_ITEM);
        for (int i = 0; i < COUNT; i++)
            CHECK_EQ_INT(ys[i], i == CRASHING_ITEM ? -1 : xs[i] * xs[i]);
        mproc_pool_stats_t stats;
        REQUIRE_OK(mproc_pool_stats(pool, &stats));
        CHECK_EQ_UINT(stats.succeeded, COUNT - 1);
        CHECK_EQ_UINT(stats.died, 1);
        end_pool(pool);
    }
}

TEST(pool_faults, a_timeout_is_each_items_own) {
    enum { COUNT = 100 };
    static int64_t xs[COUNT], ys[COUNT];
    mproc_pool_t *pool = pool_of(2);
    mproc_task_options_t options = {.timeout_ms = 300, .chunk = 20};
    for (int i = 0; i < COUNT; i++)
        xs[i] = i == CRASHING_ITEM ? 0 : i;
    memset(ys, 0xff, sizeof ys);
    CHECK_ERR(mproc_pool_map(pool, &fault_items, MPROC_ARRAY(xs, COUNT), MPROC_INTO(ys, COUNT), &options),
              MPROC_ETASKTIMEOUT);
    CHECK_EQ_INT(mproc_last_error()->item, HANGING_ITEM);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ_INT(ys[i], i == HANGING_ITEM ? -1 : xs[i] * xs[i]);
    end_pool(pool);
}

TEST(pool_faults, a_timeout_does_not_count_waiting) {
    mproc_pool_t *pool = pool_of(1);
    mproc_task_options_t options = {.timeout_ms = 400};
    mproc_result_t *blocker = start(pool, &fault_sleep, 700, NULL);
    mproc_result_t *waits = start(pool, &fault_sleep, 10, &options);
    CHECK_EQ_INT(done(blocker), MPROC_OK);
    CHECK_EQ_INT(done(waits), MPROC_OK);
    int64_t pid = apply_int(pool, &fault_pid, 0);
    int64_t from = test_now_ms();
    CHECK_ERR(mproc_pool_apply(pool, &fault_hang, NULL, &options, NULL), MPROC_ETASKTIMEOUT);
    CHECK(test_now_ms() - from >= 395);
    CHECK(apply_int(pool, &fault_pid, 0) != pid);
    end_pool(pool);
}

TEST(pool_faults, a_soft_timeout_lets_the_task_end_by_itself) {
    mproc_pool_t *pool = pool_of(1);
    mproc_task_options_t options = {.soft_timeout_ms = 100, .timeout_ms = 20000};
    mproc_result_t *result = NULL;
    const mproc_value_t *value = NULL;
    bool cancelled = false;
    int64_t pid = apply_int(pool, &fault_pid, 0);
    REQUIRE_OK(mproc_pool_apply(pool, &fault_polite, NULL, &options, &result));
    REQUIRE_OK(mproc_result_get(result, 0, &value));
    CHECK_OK(mproc_value_as_bool(value, &cancelled));
    CHECK(cancelled);
    mproc_result_release(result);
    CHECK_EQ_INT(apply_int(pool, &fault_pid, 0), pid);
    end_pool(pool);
}

TEST(pool_faults, a_deadline_ends_waiting_and_running) {
    mproc_pool_t *pool = pool_of(1);
    mproc_task_options_t options = {.deadline_ms = 300};
    (void)apply_int(pool, &fault_pid, 0);
    mproc_result_t *runs = start(pool, &fault_hang, 0, &options);
    mproc_result_t *waits = start(pool, &fault_echo, 1, &options);
    int64_t from = test_now_ms();
    CHECK_EQ_INT(done(runs), MPROC_ETASKTIMEOUT);
    int err = done(waits);
    CHECK(err == MPROC_ETASKTIMEOUT || err == MPROC_OK);
    CHECK(test_now_ms() - from < 5000 * test_time_scale());
    end_pool(pool);
}

static bool is_running(void *pool) {
    mproc_pool_stats_t stats;
    return mproc_pool_stats(pool, &stats) == MPROC_OK && stats.running == 1;
}

TEST(pool_faults, cancel_waiting_running_and_finished) {
    mproc_pool_t *pool = pool_of(1);
    mproc_result_t *finished = start(pool, &fault_echo, 3, NULL);
    CHECK_OK(mproc_result_wait(finished, LONG_MS));
    mproc_result_t *hangs = start(pool, &fault_hang, 0, NULL);
    mproc_result_t *waits = start(pool, &fault_echo, 1, NULL);
    CHECK(test_wait_until(is_running, pool, 20000));
    CHECK_OK(mproc_result_cancel(waits, 0));
    CHECK_ERR(mproc_result_get(waits, 0, NULL), MPROC_ECANCELLED);
    CHECK_OK(mproc_result_cancel(hangs, 50));
    CHECK_ERR(mproc_result_get(hangs, LONG_MS, NULL), MPROC_ECANCELLED);
    CHECK_OK(mproc_result_cancel(finished, 0));
    CHECK_EQ_INT(done_int(finished), 3);
    mproc_result_release(waits);
    mproc_result_release(hangs);
    mproc_result_t *polite = start(pool, &fault_polite, 0, NULL);
    CHECK(test_wait_until(is_running, pool, 20000));
    CHECK_OK(mproc_result_cancel(polite, -1));
    CHECK_EQ_INT(done(polite), MPROC_OK);
    end_pool(pool);
}

static bool has_first_item(void *result) {
    mproc_item_t item;
    return mproc_result_item(result, 0, &item) == MPROC_OK;
}

TEST(pool_faults, a_cancelled_map_keeps_what_is_done) {
    enum { COUNT = 1000 };
    static mproc_args_t lists[COUNT];
    static const mproc_args_t *pointers[COUNT];
    static mproc_arg_t arg;
    mproc_pool_t *pool = pool_of(2);
    mproc_task_options_t options = {.chunk = 1};
    mproc_result_t *result = NULL;
    size_t good = 0, cancelled = 0;
    arg = mproc_arg_int(5);
    for (int i = 0; i < COUNT; i++) {
        lists[i] = (mproc_args_t){1, &arg};
        pointers[i] = &lists[i];
    }
    REQUIRE_OK(
        mproc_pool_map_async(pool, &fault_sleep, MPROC_ARGLISTS(pointers, COUNT), MPROC_KEEP, &options, &result));
    CHECK(test_wait_until(has_first_item, result, 20000));
    CHECK_OK(mproc_result_cancel(result, 0));
    CHECK_ERR(mproc_result_get(result, LONG_MS, NULL), MPROC_ECANCELLED);
    for (size_t i = 0; i < COUNT; i++) {
        mproc_item_t item;
        REQUIRE_OK(mproc_result_item(result, i, &item));
        good += item.code == MPROC_OK;
        cancelled += item.code == MPROC_ECANCELLED;
    }
    CHECK_EQ_UINT(good + cancelled, COUNT);
    CHECK(good > 0 && cancelled > 0);
    mproc_result_release(result);
    end_pool(pool);
}

TEST(pool_faults, a_task_that_died_runs_again_if_asked) {
    mproc_pool_t *pool = pool_of(1);
    mproc_task_options_t options = {.retries = 1, .retry_on = MPROC_RETRY_DIED, .backoff_ms = 5};
    mproc_result_t *result = NULL;
    char path[1200];
    test_temp_path("ran", path, sizeof path);
    REQUIRE_OK(mproc_pool_apply(pool, &fault_once, MPROC_ARGS((const char *)path), &options, &result));
    CHECK_EQ_INT(done_int(result), 2);
    CHECK_ERR(mproc_pool_apply(pool, &fault_abort, NULL, &options, NULL), MPROC_EDIED);
    mproc_pool_stats_t stats;
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.retried, 2);
    end_pool(pool);
}

TEST(pool_faults, a_crash_storm_breaks_the_pool) {
    mproc_pool_options_t options = {.processes = 2, .restart_limit = 6};
    mproc_pool_t *pool = pool_with(&options);
    mproc_result_t *results[50];
    int count = 0;
    for (int i = 0; i < 50; i++) {
        if (mproc_pool_apply_async(pool, &fault_abort, NULL, NULL, &results[count]) == MPROC_OK)
            count++;
    }
    for (int i = 0; i < count; i++)
        CHECK(done(results[i]) != MPROC_OK);
    CHECK(mproc_pool_apply(pool, &fault_echo, MPROC_ARGS(1), NULL, NULL) != MPROC_OK);
    CHECK(mproc_last_error()->message[0] != '\0');
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    check_stats(pool);
    mproc_pool_destroy(pool);
}

TEST(pool_faults, a_result_that_is_too_large_fails_its_task) {
    mproc_pool_t *pool = pool_of(1);
    int64_t pid = apply_int(pool, &fault_pid, 0);
    CHECK(mproc_pool_apply(pool, &fault_huge, NULL, NULL, NULL) != MPROC_OK);
    CHECK_EQ_INT(apply_int(pool, &fault_pid, 0), pid);
    end_pool(pool);
}

TEST(pool_faults, an_idle_worker_that_is_killed_fails_nothing) {
    mproc_pool_t *pool = pool_of(1);
    for (int i = 0; i < 3; i++) {
        int64_t pid = apply_int(pool, &fault_pid, 0);
        CHECK(host_kill(pid));
        int64_t next = apply_int(pool, &fault_pid, 0);
        CHECK(next != pid);
    }
    end_pool(pool);
}

typedef struct began {
    atomic_int count;
    int64_t pid;
} began_t;

static void note_began(int64_t item, int64_t pid, void *context) {
    began_t *began = context;
    began->pid = item == 0 ? pid : -1;
    atomic_fetch_add(&began->count, 1);
}

TEST(pool_faults, started_tells_the_process_while_the_task_runs) {
    mproc_pool_t *pool = pool_of(1);
    began_t began = {0};
    mproc_task_options_t options = {.started = note_began, .context = &began};
    mproc_result_t *result = start(pool, &fault_hang, 0, &options);
    for (int i = 0; i < 20000 && atomic_load(&began.count) == 0; i++)
        test_sleep_ms(1);
    REQUIRE_EQ_INT(atomic_load(&began.count), 1);
    CHECK(host_kill(began.pid));
    CHECK_EQ_INT(done(result), MPROC_EDIED);
    end_pool(pool);
}

/* Each success of the others would let the next follow at once, without end. */
TEST(pool_faults, a_worker_that_never_comes_up_is_replaced_ever_more_slowly) {
    mproc_pool_options_t options = {.processes = 2, .initializer = &fault_start_of_one};
    mproc_pool_stats_t stats;
    mproc_pool_t *pool = NULL;
    REQUIRE_OK(mproc_pool_create(&options, &pool));
    time_t end = time(NULL) + 3;
    for (int64_t i = 0; i < 5000 && time(NULL) < end; i++)
        REQUIRE_OK(mproc_pool_apply(pool, &fault_echo, MPROC_ARGS(i), NULL, NULL));
    CHECK_OK(mproc_pool_stats(pool, &stats));
    CHECK(stats.workers_failed_start >= 1);
    CHECK(stats.workers_failed_start < 12); /* the 12th comes after 7 seconds */
    mproc_pool_destroy(pool);
}
