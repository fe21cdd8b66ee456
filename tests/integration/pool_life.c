/* SPDX-License-Identifier: Apache-2.0 */
/* The life of pools and workers: options, recycling, resizing, hooks, close and terminate in every order. */
#include "pool_help.h"
#include "process_host.h"
#include "test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

MPROC_TASK(life_pid) {
    return mproc_call_return(call, host_pid());
}

MPROC_TASK(life_sleep) {
    int64_t ms = 0;
    int err = mproc_call_args(call, "x", &ms);
    if (err == MPROC_OK)
        host_sleep_ms((int)ms);
    return err != MPROC_OK ? err : mproc_call_return(call, host_pid());
}

MPROC_TASK(life_init) {
    static int64_t state;
    int64_t number = 0;
    int err = mproc_call_args(call, "x", &number);
    state = number;
    mproc_call_set_state(call, &state);
    return err;
}

MPROC_TASK(life_state) {
    const int64_t *state = mproc_call_state(call);
    return mproc_call_return(call, state == NULL ? (int64_t)-1 : *state);
}

MPROC_TASK(life_bad_init) {
    return mproc_call_fail(call, 5, "no licence");
}

MPROC_TASK(life_worker) {
    return mproc_call_return(call, mproc_call_worker(call));
}

MPROC_TASK(life_seed) {
    return mproc_call_return(call, (int64_t)(mproc_call_seed(call) >> 1));
}

/* Uses memory and keeps it. */
MPROC_TASK(life_leak) {
    static void *volatile kept;
    kept = malloc(64 << 20);
    if (kept != NULL)
        memset(kept, 1, 64 << 20);
    return mproc_call_return(call, host_pid());
}

/* A pool inside a task, which the task leaves open. */
MPROC_TASK(life_nested) {
    mproc_pool_options_t options = {.processes = 1};
    mproc_pool_t *pool = NULL;
    mproc_result_t *result = NULL;
    int err = mproc_pool_create(&options, &pool);
    if (err == MPROC_OK)
        err = mproc_pool_apply(pool, &life_pid, NULL, NULL, &result);
    mproc_result_release(result);
    if (err == MPROC_OK)
        err = mproc_pool_apply_async(pool, &life_sleep, MPROC_ARGS(100000), NULL, NULL);
    return err != MPROC_OK ? err : mproc_call_return(call, MPROC_BOOL(true));
}

static void warm_up(void) {
    warm_up_pool(&life_pid);
    warm_up_process(&life_pid);
}
TEST_WARM_UP(warm_up)

TEST(pool_life, the_initializer_sets_the_workers_state) {
    mproc_pool_options_t options = {.processes = 2, .initializer = &life_init, .initargs = MPROC_ARGS(77)};
    mproc_pool_t *pool = pool_with(&options);
    for (int i = 0; i < 20; i++)
        CHECK_EQ_INT(apply_int(pool, &life_state, 0), 77);
    end_pool(pool);
    pool = pool_of(1);
    CHECK_EQ_INT(apply_int(pool, &life_state, 0), -1);
    end_pool(pool);
}

TEST(pool_life, an_initializer_that_always_fails_breaks_the_pool) {
    mproc_pool_options_t options = {.processes = 2, .initializer = &life_bad_init, .restart_limit = 4};
    mproc_pool_t *pool = pool_with(&options);
    mproc_result_t *result = NULL;
    int err = mproc_pool_apply_async(pool, &life_pid, NULL, NULL, &result);
    if (err == MPROC_OK)
        err = done(result);
    CHECK_EQ_INT(err, MPROC_EINIT);
    CHECK_HAS_STR(mproc_last_error()->message, "no licence");
    CHECK_ERR(mproc_pool_apply(pool, &life_pid, NULL, NULL, NULL), MPROC_EINIT);
    mproc_pool_destroy(pool);
}

TEST(pool_life, workers_retire_after_their_tasks) {
    mproc_pool_options_t options = {.processes = 2, .maxtasksperchild = 10};
    mproc_pool_t *pool = pool_with(&options);
    int64_t pids[100];
    int different = 0;
    mproc_pool_stats_t stats;
    mproc_result_t *results[100];
    for (int i = 0; i < 100; i++)
        results[i] = start(pool, &life_pid, 0, NULL);
    for (int i = 0; i < 100; i++) {
        int earlier = 0;
        pids[i] = done_int(results[i]);
        for (int j = 0; j < i; j++)
            earlier += pids[j] == pids[i];
        different += earlier == 0;
        CHECK(earlier < 10);
    }
    CHECK(different >= 10);
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.workers_crashed, 0);
    CHECK(stats.workers_retired >= 8);
    end_pool(pool);
}

TEST(pool_life, an_early_close_loses_no_task_of_retiring_workers) {
    mproc_pool_options_t options = {.processes = 2, .maxtasksperchild = 1};
    mproc_pool_t *pool = pool_with(&options);
    mproc_result_t *results[20];
    for (int i = 0; i < 20; i++)
        results[i] = start(pool, &life_pid, 0, NULL);
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    for (int i = 0; i < 20; i++)
        CHECK_EQ_INT(done(results[i]), MPROC_OK);
    check_stats(pool);
    mproc_pool_destroy(pool);
}

static bool is_replaced(void *arg) {
    void **args = arg;
    return apply_int(args[0], &life_pid, 0) != *(int64_t *)args[1];
}

TEST(pool_life, a_worker_that_is_too_old_is_replaced) {
    mproc_pool_options_t old = {.processes = 1, .max_age_ms = 100};
    mproc_pool_t *pool = pool_with(&old);
    int64_t first = apply_int(pool, &life_pid, 0);
    test_sleep_ms(300);
    CHECK(apply_int(pool, &life_pid, 0) != first);
    end_pool(pool);
}

TEST(pool_life, a_worker_that_is_too_large_is_replaced) {
#if defined(MPROC_PORTABLE)
    SKIP("nobody tells the memory of another process here");
#endif
    mproc_pool_options_t large = {.processes = 1, .max_memory_bytes = 48 << 20};
    mproc_pool_t *pool = pool_with(&large);
    int64_t first = apply_int(pool, &life_pid, 0);
    CHECK_EQ_INT(apply_int(pool, &life_pid, 0), first);
    CHECK_EQ_INT(apply_int(pool, &life_leak, 0), first);
    /* Its size is looked at now and then, not after each of many quick tasks. */
    CHECK(test_wait_until(is_replaced, (void *[]){pool, &first}, 10000));
    end_pool(pool);
}

TEST(pool_life, seeds_differ_and_follow_from_the_pools) {
    int64_t seeds[2][3];
    for (int round = 0; round < 2; round++) {
        mproc_pool_options_t options = {.processes = 3, .seed = 42};
        mproc_pool_t *pool = pool_with(&options);
        mproc_result_t *result = NULL;
        mproc_item_t item;
        REQUIRE_OK(mproc_pool_run_on_all(pool, &life_seed, NULL, NULL, &result));
        REQUIRE_OK(mproc_result_get(result, LONG_MS, NULL));
        REQUIRE_EQ_UINT(mproc_result_count(result), 3);
        for (size_t i = 0; i < 3; i++) {
            REQUIRE_OK(mproc_result_item(result, i, &item));
            REQUIRE_OK(mproc_value_as_int(item.value, &seeds[round][i]));
        }
        CHECK(seeds[round][0] != seeds[round][1] && seeds[round][1] != seeds[round][2]);
        mproc_result_release(result);
        end_pool(pool);
    }
    CHECK_EQ_MEM(seeds[0], seeds[1], sizeof seeds[0]);
}

TEST(pool_life, run_on_all_reaches_every_worker_once) {
    mproc_pool_t *pool = pool_of(4);
    for (int round = 0; round < 3; round++) {
        mproc_result_t *result = NULL;
        int seen[4] = {0};
        mproc_result_t *other = start(pool, &life_sleep, 20, NULL);
        REQUIRE_OK(mproc_pool_run_on_all(pool, &life_worker, NULL, NULL, &result));
        REQUIRE_OK(mproc_result_get(result, LONG_MS, NULL));
        REQUIRE_EQ_UINT(mproc_result_count(result), 4);
        for (size_t i = 0; i < 4; i++) {
            mproc_item_t item;
            int64_t worker = -1;
            REQUIRE_OK(mproc_result_item(result, i, &item));
            REQUIRE_OK(mproc_value_as_int(item.value, &worker));
            REQUIRE(worker >= 0 && worker < 4);
            seen[worker]++;
        }
        for (int i = 0; i < 4; i++)
            CHECK_EQ_INT(seen[i], 1);
        mproc_result_release(result);
        CHECK_EQ_INT(done(other), MPROC_OK);
    }
    end_pool(pool);
}

static bool has_workers(void *arg) {
    void **args = arg;
    mproc_pool_stats_t stats;
    return mproc_pool_stats(args[0], &stats) == MPROC_OK && stats.workers == *(int *)args[1];
}

TEST(pool_life, resize_under_load_loses_nothing) {
    mproc_pool_t *pool = pool_of(1);
    mproc_result_t *results[300];
    int sizes[] = {4, 2, 5, 1, 3};
    int next = 0;
    for (int step = 0; step < 5; step++) {
        for (int i = 0; i < 60; i++)
            results[next++] = start(pool, &life_sleep, 1, NULL);
        CHECK_OK(mproc_pool_resize(pool, sizes[step]));
    }
    for (int i = 0; i < 300; i++)
        CHECK_EQ_INT(done(results[i]), MPROC_OK);
    CHECK(test_wait_until(has_workers, (void *[]){pool, &sizes[4]}, 20000));
    mproc_pool_stats_t stats;
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.workers_crashed, 0);
    CHECK_EQ_UINT(stats.died, 0);
    end_pool(pool);
    CHECK_ERR(mproc_pool_resize(NULL, 1), MPROC_EINVAL);
}

typedef struct events {
    atomic_int up, down, failed, broken;
} events_t;

static void note(mproc_pool_t *pool, const mproc_pool_event_t *event, void *context) {
    events_t *events = context;
    (void)pool;
    if (event->kind == MPROC_POOL_WORKER_UP)
        atomic_fetch_add(&events->up, event->pid > 0);
    else if (event->kind == MPROC_POOL_BROKEN)
        atomic_fetch_add(&events->broken, 1);
    else
        atomic_fetch_add(event->error == NULL ? &events->down : &events->failed, 1);
}

TEST(pool_life, hooks_tell_of_workers_coming_and_going) {
    events_t events = {0};
    mproc_pool_options_t options = {.processes = 2, .hook = note, .hook_context = &events};
    mproc_pool_t *pool = pool_with(&options);
    mproc_result_t *result = NULL;
    REQUIRE_OK(mproc_pool_run_on_all(pool, &life_pid, NULL, NULL, &result));
    CHECK_EQ_INT(done(result), MPROC_OK);
    CHECK_EQ_INT(atomic_load(&events.up), 2);
    CHECK(host_kill(apply_int(pool, &life_pid, 0)));
    for (int i = 0; i < 10000 && (atomic_load(&events.failed) == 0 || atomic_load(&events.up) < 3); i++)
        test_sleep_ms(1);
    CHECK_EQ_INT(atomic_load(&events.failed), 1);
    CHECK_EQ_INT(atomic_load(&events.up), 3);
    end_pool(pool);
    CHECK_EQ_INT(atomic_load(&events.down), 2);
    CHECK_EQ_INT(atomic_load(&events.broken), 0);
}

TEST(pool_life, close_runs_what_is_queued) {
    mproc_pool_t *pool = pool_of(2);
    mproc_result_t *results[100];
    for (int i = 0; i < 100; i++)
        results[i] = start(pool, &life_sleep, 1, NULL);
    CHECK_OK(mproc_pool_close(pool));
    CHECK_ERR(mproc_pool_apply(pool, &life_pid, NULL, NULL, NULL), MPROC_ECLOSED);
    CHECK_ERR(mproc_pool_map(pool, &life_pid, MPROC_ARRAY((int *)NULL, 0), MPROC_KEEP, NULL), MPROC_ECLOSED);
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    CHECK_OK(mproc_pool_join(pool, 0));
    for (int i = 0; i < 100; i++)
        CHECK_EQ_INT(done(results[i]), MPROC_OK);
    CHECK_OK(mproc_pool_terminate(pool));
    mproc_pool_destroy(pool);
}

TEST(pool_life, terminate_ends_ten_thousand_long_tasks_at_once) {
    enum { COUNT = 10000 };
    static mproc_result_t *results[COUNT];
    mproc_pool_t *pool = pool_of(2);
    int cancelled = 0;
    (void)apply_int(pool, &life_pid, 0);
    for (int i = 0; i < COUNT; i++)
        results[i] = start(pool, &life_sleep, 100000, NULL);
    test_sleep_ms(20);
    CHECK_OK(mproc_pool_terminate(pool));
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    for (int i = 0; i < COUNT; i++)
        cancelled += done(results[i]) == MPROC_ECANCELLED;
    CHECK_EQ_INT(cancelled, COUNT);
    CHECK_OK(mproc_pool_terminate(pool));
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, 0));
    check_stats(pool);
    mproc_pool_destroy(pool);
}

TEST(pool_life, options_may_be_as_large_as_can_be) {
    mproc_pool_options_t options = {.processes = 1,
                                    .maxtasksperchild = INT64_MAX,
                                    .max_age_ms = INT64_MAX,
                                    .restart_window_ms = INT64_MAX,
                                    .start_timeout_ms = INT64_MAX,
                                    .max_memory_bytes = UINT64_MAX,
                                    .recycle_jitter = 0.5};
    mproc_pool_t *pool = pool_with(&options);
    int64_t pid = apply_int(pool, &life_pid, 0);
    for (int i = 0; i < 10; i++)
        CHECK_EQ_INT(apply_int(pool, &life_pid, 0), pid);
    end_pool(pool);
}

TEST(pool_life, join_of_a_busy_pool_times_out) {
    mproc_pool_t *pool = pool_of(1);
    mproc_result_t *result = start(pool, &life_sleep, 100000, NULL);
    CHECK_ERR(mproc_pool_join(pool, 0), MPROC_ESTATE);
    CHECK_OK(mproc_pool_close(pool));
    CHECK_ERR(mproc_pool_join(pool, 0), MPROC_ETIMEDOUT);
    int64_t from = test_now_ms();
    CHECK_ERR(mproc_pool_join(pool, 50), MPROC_ETIMEDOUT);
    CHECK(test_now_ms() - from >= 49);
    mproc_pool_destroy(pool);
    CHECK_EQ_INT(done(result), MPROC_ECANCELLED);
}

TEST(pool_life, a_new_pool_is_destroyed_at_once) {
    for (int i = 0; i < 10; i++)
        mproc_pool_destroy(pool_of(3));
    mproc_pool_destroy(NULL);
}

typedef struct ends {
    mproc_pool_t *pool;
    atomic_int turn;
} ends_t;

static void end_in_some_way(void *arg) {
    ends_t *ends = arg;
    int turn = atomic_fetch_add(&ends->turn, 1);
    (void)(turn % 2 == 0 ? mproc_pool_close(ends->pool) : mproc_pool_terminate(ends->pool));
    (void)mproc_pool_join(ends->pool, LONG_MS);
    (void)(turn % 2 != 0 ? mproc_pool_close(ends->pool) : mproc_pool_terminate(ends->pool));
}

TEST(pool_life, several_threads_end_a_pool_in_every_order) {
    for (int i = 0; i < 10; i++) {
        ends_t ends = {.pool = pool_of(2)};
        mproc_result_t *result = start(ends.pool, &life_sleep, 5, NULL);
        host_run_threads(4, end_in_some_way, &ends);
        CHECK_OK(mproc_pool_join(ends.pool, 0));
        int err = done(result);
        CHECK(err == MPROC_OK || err == MPROC_ECANCELLED);
        mproc_pool_destroy(ends.pool);
    }
}

typedef struct ending {
    mproc_pool_t *pool;
    int how;
    int join_err;
    atomic_int called;
} ending_t;

static void end_in_callback(mproc_result_t *result, void *context) {
    ending_t *ending = context;
    (void)result;
    if (ending->how == 0)
        (void)mproc_pool_close(ending->pool);
    else if (ending->how == 1)
        (void)mproc_pool_terminate(ending->pool);
    ending->join_err = mproc_pool_join(ending->pool, MPROC_FOREVER);
    if (ending->how == 2)
        mproc_pool_destroy(ending->pool);
    atomic_store(&ending->called, 1);
}

TEST(pool_life, a_callback_may_end_its_pool) {
    for (int how = 0; how < 3; how++) {
        ending_t ending = {.pool = pool_of(2), .how = how};
        mproc_task_options_t options = {.callback = end_in_callback, .context = &ending};
        mproc_result_t *result = start(ending.pool, &life_sleep, 1, &options);
        for (int i = 0; i < 20000 && atomic_load(&ending.called) == 0; i++)
            test_sleep_ms(1);
        CHECK_EQ_INT(ending.join_err, MPROC_ESTATE);
        CHECK_EQ_INT(done(result), MPROC_OK);
        if (how < 2) {
            CHECK_OK(mproc_pool_join(ending.pool, LONG_MS));
            mproc_pool_destroy(ending.pool);
        }
    }
    /* The thread of the one that freed itself is collected with the next pool. */
    mproc_pool_destroy(pool_of(1));
}

TEST(pool_life, an_open_pool_keeps_no_process_from_ending) {
    mproc_process_options_t options = {.target = &life_nested, .result = true};
    mproc_process_t *process = NULL;
    mproc_exit_t end;
    REQUIRE_OK(mproc_process_create(&options, &process));
    REQUIRE_OK(mproc_process_start(process));
    REQUIRE_OK(mproc_process_join(process, LONG_MS));
    REQUIRE_OK(mproc_process_exit(process, &end));
    CHECK_EQ_INT(end.how, MPROC_EXIT_EXITED);
    CHECK_EQ_INT(end.code, 0);
    mproc_process_destroy(process);
}

TEST(pool_life, a_full_queue_refuses_or_makes_wait) {
    mproc_pool_options_t options = {.processes = 1, .queue_limit = 5, .queue_refuses = true};
    mproc_pool_t *pool = pool_with(&options);
    (void)apply_int(pool, &life_pid, 0);
    mproc_result_t *blocker = start(pool, &life_sleep, 300, NULL);
    int refused = 0;
    for (int i = 0; i < 20; i++) {
        int err = mproc_pool_apply_async(pool, &life_pid, NULL, NULL, NULL);
        refused += err == MPROC_EQUEUEFULL;
    }
    CHECK(refused >= 10 && refused <= 15);
    CHECK_EQ_INT(done(blocker), MPROC_OK);
    end_pool(pool);
    options.queue_refuses = false;
    pool = pool_with(&options);
    for (int i = 0; i < 300; i++)
        CHECK_OK(mproc_pool_apply_async(pool, &life_pid, NULL, NULL, NULL));
    end_pool(pool);
}

TEST(pool_life, priority_decides_among_what_waits) {
    mproc_pool_t *pool = pool_of(1);
    mproc_task_options_t low = {.priority = -5};
    mproc_task_options_t high = {.priority = 5};
    mproc_result_t *blocker = start(pool, &life_sleep, 200, NULL);
    test_sleep_ms(50);
    mproc_result_t *last = start(pool, &life_sleep, 300, &low);
    mproc_result_t *first = start(pool, &life_sleep, 1, &high);
    CHECK_EQ_INT(done(blocker), MPROC_OK);
    CHECK_EQ_INT(done(first), MPROC_OK);
    CHECK(!mproc_result_ready(last));
    CHECK_EQ_INT(done(last), MPROC_OK);
    end_pool(pool);
}

TEST(pool_life, tasks_of_one_key_share_a_worker) {
    mproc_pool_t *pool = pool_of(4);
    mproc_result_t *all = NULL;
    REQUIRE_OK(mproc_pool_run_on_all(pool, &life_pid, NULL, NULL, &all));
    CHECK_EQ_INT(done(all), MPROC_OK);
    for (uint64_t key = 1; key <= 4; key++) {
        mproc_task_options_t options = {.affinity_key = key};
        int64_t pid = done_int(start(pool, &life_pid, 0, &options));
        for (int i = 0; i < 20; i++)
            CHECK_EQ_INT(done_int(start(pool, &life_pid, 0, &options)), pid);
    }
    end_pool(pool);
}

TEST(pool_life, a_short_task_waits_behind_no_long_one) {
    mproc_pool_t *pool = pool_of(2);
    mproc_result_t *results[50];
    for (int i = 0; i < 2; i++)
        (void)apply_int(pool, &life_pid, 0);
    mproc_result_t *one = start(pool, &life_sleep, 3000, NULL);
    for (int i = 0; i < 50; i++)
        results[i] = start(pool, &life_pid, 0, NULL);
    for (int i = 0; i < 50; i++)
        CHECK_EQ_INT(done(results[i]), MPROC_OK);
    CHECK(!mproc_result_ready(one));
    mproc_pool_destroy(pool);
    mproc_result_release(one);
}

TEST(pool_life, many_pools_live_side_by_side) {
    mproc_pool_t *pools[6];
    mproc_result_t *results[6];
    for (int i = 0; i < 6; i++) {
        pools[i] = pool_of(2);
        results[i] = start(pools[i], &life_pid, 0, NULL);
    }
    for (int i = 0; i < 6; i++)
        CHECK_EQ_INT(done(results[i]), MPROC_OK);
    for (int i = 5; i >= 0; i--)
        end_pool(pools[i]);
}

static void use_pool(void *arg) {
    atomic_int *wrong = arg;
    mproc_pool_options_t options = {.processes = 1};
    mproc_pool_t *pool = NULL;
    int err = mproc_pool_create(&options, &pool);
    for (int i = 0; i < 100 && err == MPROC_OK; i++)
        err = mproc_pool_apply(pool, &life_pid, NULL, NULL, NULL);
    mproc_pool_destroy(pool);
    atomic_fetch_add(wrong, err != MPROC_OK);
}

typedef struct shared {
    mproc_pool_t *pool;
    atomic_int wrong;
} shared_t;

static void share_pool(void *arg) {
    shared_t *shared = arg;
    for (int i = 0; i < 500; i++) {
        mproc_result_t *result = NULL;
        int err = mproc_pool_apply_async(shared->pool, &life_pid, NULL, NULL, &result);
        if (err == MPROC_OK)
            err = mproc_result_get(result, LONG_MS, NULL);
        mproc_result_release(result);
        atomic_fetch_add(&shared->wrong, err != MPROC_OK);
    }
}

TEST(pool_life, threads_make_and_share_pools) {
    atomic_int wrong = 0;
    host_run_threads(4, use_pool, &wrong);
    CHECK_EQ_INT(atomic_load(&wrong), 0);
    shared_t shared = {.pool = pool_of(2)};
    host_run_threads(4, share_pool, &shared);
    CHECK_EQ_INT(atomic_load(&shared.wrong), 0);
    end_pool(shared.pool);
}
