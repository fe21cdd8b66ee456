/* SPDX-License-Identifier: Apache-2.0 */
/* What a pool counts and limits: statistics by cause, deaths in a window of time, sizes and kinds of values, workers by number,
 * seed and state. */
#include "pool_help.h"
#include "process_host.h"
#include "task_files.h"
#include "test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MPROC_TASK(count_echo) {
    int64_t x = 0;
    int err = mproc_call_args(call, "x", &x);
    return err != MPROC_OK ? err : mproc_call_return(call, x);
}

MPROC_TASK(count_pid) {
    return mproc_call_return(call, host_pid());
}

MPROC_TASK(count_fail) {
    return mproc_call_fail(call, 4, "as told");
}

MPROC_TASK(count_abort) {
    (void)call;
    abort();
}

MPROC_TASK(count_hang) {
    (void)call;
    host_sleep_forever();
}

MPROC_TASK(count_gate) {
    const char *began = NULL, *gate = NULL;
    int err = mproc_call_args(call, "ss", &began, &gate);
    if (err == MPROC_OK && file_add(began) != 0)
        return mproc_call_fail(call, 1, "%s cannot be made", began);
    if (err == MPROC_OK)
        file_gate(gate);
    return err;
}

MPROC_TASK(count_seed) {
    return mproc_call_return(call, (int64_t)(mproc_call_seed(call) >> 1));
}

/* Counts its calls in this worker, in a state that it makes itself. */
MPROC_TASK(count_calls) {
    static int64_t calls;
    int64_t *state = mproc_call_state(call);
    if (state == NULL) {
        state = &calls;
        mproc_call_set_state(call, state);
    }
    return mproc_call_return(call, ++*state);
}

/* Returns lists in lists. */
MPROC_TASK(count_deep) {
    int64_t depth = 0;
    int err = mproc_call_args(call, "x", &depth);
    mproc_arg_t lists[40];
    lists[0] = mproc_arg_int(1);
    for (int64_t i = 1; i < depth && i < 40; i++)
        lists[i] = mproc_arg_items(MPROC_KIND_ARRAY, &lists[i - 1], 1);
    return err != MPROC_OK ? err : mproc_call_return(call, lists[depth - 1]);
}

/* Returns a string of so many letters. */
MPROC_TASK(count_text) {
    int64_t size = 0;
    int err = mproc_call_args(call, "x", &size);
    char *text = err == MPROC_OK ? malloc((size_t)size + 1) : NULL;
    if (text == NULL)
        return mproc_call_fail(call, 1, "no text");
    memset(text, 'a', (size_t)size);
    err = mproc_call_return(call, MPROC_TEXT(text, (size_t)size));
    free(text);
    return err;
}

/* Takes anything. */
MPROC_TASK(count_take) {
    const mproc_value_t *value = NULL;
    int err = mproc_call_args(call, "v", &value);
    return err != MPROC_OK ? err : mproc_call_return(call, (int64_t)mproc_value_count(value));
}

/* Returns what is no UTF-8. */
MPROC_TASK(count_bad_text) {
    return mproc_call_return(call, "\xff\xfe");
}

MPROC_TASK(count_bad_init) {
    return mproc_call_fail(call, 5, "no licence");
}

static void warm_up(void) {
    warm_up_pool(&count_echo);
}
TEST_WARM_UP(warm_up)

/* ---- statistics ------------------------------------------------------------------------------------------------------------- */

TEST(pool_counts, statistics_have_a_counter_for_each_cause) {
    mproc_pool_options_t options = {.processes = 1, .restart_limit = 100, .queue_limit = 6, .queue_refuses = true};
    mproc_task_options_t timed = {.timeout_ms = 50};
    mproc_pool_t *pool = pool_with(&options);
    mproc_result_t *waiting[6], *running = NULL;
    mproc_pool_stats_t stats;
    task_file_t began = file_named("began"), never = file_named("never");
    for (int i = 0; i < 5; i++)
        CHECK_OK(mproc_pool_apply(pool, &count_echo, MPROC_ARGS(i), NULL, NULL));
    for (int i = 0; i < 4; i++)
        CHECK_ERR(mproc_pool_apply(pool, &count_fail, NULL, NULL, NULL), MPROC_ETASK);
    for (int i = 0; i < 3; i++)
        CHECK_ERR(mproc_pool_apply(pool, &count_abort, NULL, NULL, NULL), MPROC_EDIED);
    for (int i = 0; i < 2; i++)
        CHECK_ERR(mproc_pool_apply(pool, &count_hang, NULL, &timed, NULL), MPROC_ETASKTIMEOUT);
    REQUIRE_OK(mproc_pool_apply_async(pool, &count_gate, MPROC_ARGS(began.path, never.path), NULL, &running));
    REQUIRE(file_await(began.path));
    for (int i = 0; i < 6; i++)
        waiting[i] = start(pool, &count_echo, i, NULL);
    CHECK_ERR(mproc_pool_apply_async(pool, &count_echo, MPROC_ARGS(1), NULL, NULL), MPROC_EQUEUEFULL);
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.running, 1);
    CHECK_EQ_UINT(stats.waiting, 6);
    CHECK_EQ_INT(stats.workers, 1);
    CHECK_EQ_INT(stats.workers_idle, 0);
    for (int i = 0; i < 6; i++) {
        CHECK_OK(mproc_result_cancel(waiting[i], 0));
        CHECK_EQ_INT(done(waiting[i]), MPROC_ECANCELLED);
    }
    CHECK_OK(mproc_result_cancel(running, 0));
    CHECK_EQ_INT(done(running), MPROC_ECANCELLED);
    CHECK_OK(mproc_pool_apply(pool, &count_echo, MPROC_ARGS(1), NULL, NULL));
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.succeeded, 6);
    CHECK_EQ_UINT(stats.failed, 4);
    CHECK_EQ_UINT(stats.died, 3);
    CHECK_EQ_UINT(stats.timed_out, 2);
    CHECK_EQ_UINT(stats.cancelled, 7);
    CHECK_EQ_UINT(stats.refused, 1);
    CHECK_EQ_UINT(stats.submitted, 6 + 4 + 3 + 2 + 7 + 1);
    CHECK_EQ_UINT(stats.workers_started, 7);
    CHECK_EQ_UINT(stats.workers_crashed, 3);
    CHECK_EQ_UINT(stats.workers_killed, 3);
    CHECK_EQ_UINT(stats.workers_retired, 1);
    CHECK_EQ_UINT(stats.workers_failed_start, 0);
    CHECK_EQ_INT(stats.workers, 0);
    mproc_pool_destroy(pool);
}

/* ---- deaths in a window of time ------------------------------------------------------------------------------------------- */

typedef struct heard {
    atomic_llong pid; /* of the worker that came up last */
    atomic_int broken;
    char why[512];
} heard_t;

static void note(mproc_pool_t *pool, const mproc_pool_event_t *event, void *context) {
    heard_t *heard = context;
    (void)pool;
    if (event->kind == MPROC_POOL_WORKER_UP)
        atomic_store(&heard->pid, event->pid);
    if (event->kind == MPROC_POOL_BROKEN) {
        (void)snprintf(heard->why, sizeof heard->why, "%s", event->error != NULL ? event->error->message : "");
        atomic_fetch_add(&heard->broken, 1);
    }
}

static bool has_worker(void *heard) {
    return atomic_load(&((heard_t *)heard)->pid) != 0;
}

static bool is_broken(void *heard) {
    return atomic_load(&((heard_t *)heard)->broken) > 0;
}

/* Kills idle workers one after the other, each as soon as it is up. */
static void kill_idle(heard_t *heard, int times, int apart_ms) {
    for (int i = 0; i < times; i++) {
        REQUIRE(test_wait_until(has_worker, heard, 30000));
        int64_t pid = atomic_exchange(&heard->pid, 0);
        test_sleep_ms(apart_ms);
        CHECK(host_kill(pid));
    }
}

TEST(pool_counts, deaths_far_from_each_other_break_no_pool) {
    heard_t heard = {0};
    mproc_pool_options_t options = {
        .processes = 1, .restart_limit = 1, .restart_window_ms = 20, .hook = note, .hook_context = &heard};
    mproc_pool_t *pool = pool_with(&options);
    kill_idle(&heard, 4, 40);
    CHECK_OK(mproc_pool_apply(pool, &count_echo, MPROC_ARGS(1), NULL, NULL));
    CHECK_EQ_INT(atomic_load(&heard.broken), 0);
    end_pool(pool);
}

TEST(pool_counts, deaths_beyond_the_limit_break_the_pool_and_its_hook_hears_it_once) {
    heard_t heard = {0};
    mproc_pool_options_t options = {
        .processes = 1, .restart_limit = 2, .restart_window_ms = 600000, .hook = note, .hook_context = &heard};
    mproc_pool_t *pool = pool_with(&options);
    kill_idle(&heard, 3, 0);
    REQUIRE(test_wait_until(is_broken, &heard, 30000));
    CHECK_HAS_STR(heard.why, "3 workers");
    CHECK(mproc_pool_apply(pool, &count_echo, MPROC_ARGS(1), NULL, NULL) != MPROC_OK);
    CHECK_HAS_STR(mproc_last_error()->message, "3 workers");
    CHECK(mproc_pool_run_on_all(pool, &count_pid, NULL, NULL, NULL) != MPROC_OK);
    end_pool(pool);
    CHECK_EQ_INT(atomic_load(&heard.broken), 1);
}

TEST(pool_counts, a_broken_pool_fails_maps_and_iterators_too) {
    mproc_pool_options_t options = {.processes = 2, .initializer = &count_bad_init, .restart_limit = 3};
    mproc_pool_t *pool = pool_with(&options);
    static int64_t xs[100];
    mproc_iter_t *iter = NULL;
    mproc_item_t item;
    int err = mproc_pool_imap(pool, &count_pid, MPROC_ARRAY(xs, 100), NULL, &iter);
    for (int i = 0; err == MPROC_OK && i < 100; i++) {
        CHECK_ERR(mproc_iter_next(iter, LONG_MS, &item), MPROC_EINIT);
        CHECK_HAS_STR(item.error->message, "no licence");
    }
    CHECK_ERR(mproc_pool_map(pool, &count_pid, MPROC_ARRAY(xs, 100), MPROC_KEEP, NULL), MPROC_EINIT);
    CHECK_HAS_STR(mproc_last_error()->message, "no licence");
    mproc_iter_destroy(iter);
    end_pool(pool);
}

/* ---- values ---------------------------------------------------------------------------------------------------------------- */

TEST(pool_counts, values_beyond_the_pools_limits_fail_their_task_alone) {
    mproc_pool_options_t options = {.processes = 1, .values = {.max_depth = 4, .max_size = 1000}};
    mproc_pool_t *pool = pool_with(&options);
    static char large[2000];
    int64_t pid = apply_int(pool, &count_pid, 0);
    memset(large, 'x', sizeof large);
    CHECK_OK(mproc_pool_apply(pool, &count_deep, MPROC_ARGS(4), NULL, NULL));
    mproc_result_t *deep = start(pool, &count_deep, 10, NULL);
    const mproc_value_t *value = NULL;
    CHECK_ERR(mproc_result_get(deep, LONG_MS, &value), MPROC_ETOOBIG);
    CHECK_HAS_STR(mproc_last_error()->message, "max_depth");
    mproc_result_release(deep);
    mproc_result_t *text = start(pool, &count_text, 2000, NULL);
    CHECK_ERR(mproc_result_get(text, LONG_MS, &value), MPROC_ETOOBIG);
    mproc_result_release(text);
    CHECK_ERR(
        mproc_pool_apply(pool, &count_take, MPROC_ARGS(MPROC_LIST(MPROC_LIST(MPROC_LIST(MPROC_LIST(1))))), NULL, NULL),
        MPROC_ETOOBIG);
    CHECK_ERR(mproc_pool_apply(pool, &count_take, MPROC_ARGS(MPROC_BYTES(large, sizeof large)), NULL, NULL),
              MPROC_ETOOBIG);
    CHECK_OK(mproc_pool_apply(pool, &count_take, MPROC_ARGS(MPROC_LIST(1, 2)), NULL, NULL));
    CHECK_EQ_INT(apply_int(pool, &count_pid, 0), pid);
    end_pool(pool);
}

TEST(pool_counts, what_cannot_be_encoded_fails_its_task_alone) {
    mproc_pool_t *pool = pool_of(1);
    int64_t pid = apply_int(pool, &count_pid, 0);
    mproc_arg_t bad = mproc_arg_string("\xff\xfe"), good = mproc_arg_int(1);
    mproc_args_t bad_list = {1, &bad}, good_list = {1, &good};
    const mproc_args_t *lists[] = {&good_list, &bad_list};
    CHECK_ERR(mproc_pool_apply(pool, &count_take, &bad_list, NULL, NULL), MPROC_EINVAL);
    CHECK_ERR(mproc_pool_map(pool, &count_take, MPROC_ARGLISTS(lists, 2), MPROC_KEEP, NULL), MPROC_EINVAL);
    CHECK(mproc_pool_apply(pool, &count_bad_text, NULL, NULL, NULL) != MPROC_OK);
    CHECK_HAS_STR(mproc_last_error()->task, "count_bad_text");
    CHECK_EQ_INT(apply_int(pool, &count_pid, 0), pid);
    end_pool(pool);
}

TEST(pool_counts, a_task_that_was_never_registered_is_refused) {
    static mproc_task_t stranger = {.name = "stranger"};
    const int64_t x = 1;
    mproc_iter_t *iter = NULL;
    mproc_pool_t *pool = pool_of(1);
    CHECK_ERR(mproc_pool_apply(pool, &stranger, NULL, NULL, NULL), MPROC_ENOTASK);
    CHECK_ERR(mproc_pool_map(pool, &stranger, MPROC_ARRAY(&x, 1), MPROC_KEEP, NULL), MPROC_ENOTASK);
    CHECK_ERR(mproc_pool_imap(pool, &stranger, MPROC_ARRAY(&x, 1), NULL, &iter), MPROC_ENOTASK);
    CHECK_ERR(mproc_pool_run_on_all(pool, &stranger, NULL, NULL, NULL), MPROC_ENOTASK);
    CHECK_HAS_STR(mproc_last_error()->message, "stranger");
    end_pool(pool);
    mproc_pool_options_t options = {.processes = 1, .initializer = &stranger};
    pool = NULL;
    CHECK_ERR(mproc_pool_create(&options, &pool), MPROC_ENOTASK);
    CHECK(pool == NULL);
}

/* ---- workers --------------------------------------------------------------------------------------------------------------- */

TEST(pool_counts, a_replacement_has_a_seed_of_its_own) {
    enum { COUNT = 12 };
    mproc_pool_options_t options = {.processes = 2, .maxtasksperchild = 1, .seed = 7};
    mproc_pool_t *pool = pool_with(&options);
    int64_t seeds[COUNT];
    for (int i = 0; i < COUNT; i++) {
        seeds[i] = apply_int(pool, &count_seed, 0);
        for (int j = 0; j < i; j++)
            CHECK(seeds[j] != seeds[i]);
    }
    end_pool(pool);
}

TEST(pool_counts, pools_without_a_seed_have_different_ones) {
    mproc_pool_t *pools[2] = {pool_of(1), pool_of(1)};
    CHECK(apply_int(pools[0], &count_seed, 0) != apply_int(pools[1], &count_seed, 0));
    end_pool(pools[0]);
    end_pool(pools[1]);
}

TEST(pool_counts, a_state_lives_as_long_as_its_worker) {
    mproc_pool_t *pool = pool_of(1);
    for (int64_t i = 1; i <= 5; i++)
        CHECK_EQ_INT(apply_int(pool, &count_calls, 0), i);
    CHECK(host_kill(apply_int(pool, &count_pid, 0)));
    CHECK_EQ_INT(apply_int(pool, &count_calls, 0), 1);
    end_pool(pool);
}

static int files_there(const task_file_t *files, int count) {
    int there = 0;
    for (int i = 0; i < count; i++)
        there += file_exists(files[i].path);
    return there;
}

TEST(pool_counts, a_pool_that_grew_runs_more_at_once_and_one_that_shrank_fewer) {
    enum { COUNT = 3 };
    static task_file_t began[COUNT], later[2];
    mproc_pool_t *pool = pool_of(1);
    task_file_t gate = file_named("gate"), second = file_named("second");
    char name[] = "began_";
    for (int i = 0; i < COUNT; i++) {
        name[5] = (char)('a' + i);
        began[i] = file_named(name);
        REQUIRE_OK(mproc_pool_apply_async(pool, &count_gate, MPROC_ARGS(began[i].path, gate.path), NULL, NULL));
    }
    CHECK_OK(mproc_pool_resize(pool, COUNT));
    for (int i = 0; i < COUNT; i++)
        CHECK(file_await(began[i].path));
    CHECK_OK(mproc_pool_resize(pool, 1));
    later[0] = file_named("later0");
    later[1] = file_named("later1");
    for (int i = 0; i < 2; i++)
        REQUIRE_OK(mproc_pool_apply_async(pool, &count_gate, MPROC_ARGS(later[i].path, second.path), NULL, NULL));
    REQUIRE_EQ_INT(file_add(gate.path), 0);
    CHECK(file_await(later[0].path));
    test_sleep_ms(50);
    CHECK_EQ_INT(files_there(later, 2), 1);
    REQUIRE_EQ_INT(file_add(second.path), 0);
    end_pool(pool);
}

TEST(pool_counts, sizes_that_are_none_are_refused) {
    mproc_pool_t *pool = pool_of(1);
    CHECK_ERR(mproc_pool_resize(pool, 0), MPROC_EINVAL);
    CHECK_ERR(mproc_pool_resize(pool, -1), MPROC_EINVAL);
    CHECK_ERR(mproc_pool_resize(pool, 2000000000), MPROC_EINVAL);
    CHECK_OK(mproc_pool_apply(pool, &count_echo, MPROC_ARGS(1), NULL, NULL));
    CHECK_OK(mproc_pool_close(pool));
    CHECK_ERR(mproc_pool_resize(pool, 2), MPROC_ECLOSED);
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    mproc_pool_destroy(pool);
}
