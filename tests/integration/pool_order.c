/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes first, where, and who waits: priorities, affinity keys, full queues, and what a callback may do meanwhile. */
#include "pool_help.h"
#include "process_host.h"
#include "task_files.h"
#include "test.h"

#include <stdatomic.h>

MPROC_TASK(order_echo) {
    int64_t x = 0;
    int err = mproc_call_args(call, "x", &x);
    return err != MPROC_OK ? err : mproc_call_return(call, x);
}

MPROC_TASK(order_pid) {
    return mproc_call_return(call, host_pid());
}

/* Notes that it began in one file and waits for another; gives its process. */
MPROC_TASK(order_gate) {
    const char *began = NULL, *gate = NULL;
    int err = mproc_call_args(call, "ss", &began, &gate);
    if (err == MPROC_OK && file_add(began) != 0)
        return mproc_call_fail(call, 1, "%s cannot be made", began);
    if (err != MPROC_OK)
        return err;
    file_gate(gate);
    return mproc_call_return(call, host_pid());
}

static void warm_up(void) {
    warm_up_pool(&order_echo);
}
TEST_WARM_UP(warm_up)

/* A task that holds a worker until its gate is opened. */
typedef struct blocker {
    task_file_t began, gate;
    mproc_result_t *result;
} blocker_t;

static void block(mproc_pool_t *pool, blocker_t *blocker, const mproc_task_options_t *options) {
    blocker->began = file_named("began");
    blocker->gate = file_named("gate");
    REQUIRE_OK(mproc_pool_apply_async(pool, &order_gate, MPROC_ARGS(blocker->began.path, blocker->gate.path), options,
                                      &blocker->result));
    REQUIRE(file_await(blocker->began.path));
}

static int64_t unblock(blocker_t *blocker) {
    REQUIRE_EQ_INT(file_add(blocker->gate.path), 0);
    return done_int(blocker->result);
}

static bool all_idle(void *pool) {
    mproc_pool_stats_t stats;
    return mproc_pool_stats(pool, &stats) == MPROC_OK && stats.workers == stats.workers_idle && stats.waiting == 0;
}

/* ---- priorities -------------------------------------------------------------------------------------------------------- */

typedef struct order {
    int64_t numbers[100];
    int count;
} order_t;

static void note_order(mproc_result_t *result, void *context) {
    order_t *order = context;
    const mproc_value_t *value = NULL;
    int64_t number = -1;
    if (mproc_result_get(result, 0, &value) == MPROC_OK)
        (void)mproc_value_as_int(value, &number);
    order->numbers[order->count++] = number;
}

TEST(pool_order, priority_decides_the_whole_order_and_then_the_time_of_submit) {
    enum { COUNT = 60 };
    mproc_pool_t *pool = pool_of(1);
    order_t order = {.count = 0};
    blocker_t blocker;
    block(pool, &blocker, NULL);
    for (int64_t i = 0; i < COUNT; i++) {
        mproc_task_options_t options = {.priority = (int)(i * 7 % 5) - 2, .callback = note_order, .context = &order};
        REQUIRE_OK(mproc_pool_apply_async(pool, &order_echo, MPROC_ARGS(i), &options, NULL));
    }
    (void)unblock(&blocker);
    end_pool(pool);
    REQUIRE_EQ_INT(order.count, COUNT);
    for (int i = 1; i < COUNT; i++) {
        int64_t before = order.numbers[i - 1], now = order.numbers[i];
        int64_t higher = before * 7 % 5, lower = now * 7 % 5;
        CHECK(higher > lower || (higher == lower && before < now));
    }
}

TEST(pool_order, an_urgent_task_overtakes_the_rest_of_a_map) {
    enum { COUNT = 50 };
    static const mproc_args_t *lists[COUNT];
    mproc_pool_t *pool = pool_of(1);
    mproc_task_options_t chunks = {.chunk = 1}, urgent = {.priority = 1};
    mproc_result_t *map = NULL;
    blocker_t blocker;
    task_file_t stop = file_named("stop"), reached = file_named("reached");
    lists[0] = MPROC_ARGS(reached.path, stop.path);
    for (int i = 1; i < COUNT; i++)
        lists[i] = lists[0];
    block(pool, &blocker, NULL);
    REQUIRE_OK(mproc_pool_starmap_async(pool, &order_gate, MPROC_ARGLISTS(lists, COUNT), MPROC_KEEP, &chunks, &map));
    mproc_result_t *first = start(pool, &order_echo, 5, &urgent);
    (void)unblock(&blocker);
    CHECK_EQ_INT(done_int(first), 5);
    CHECK(!mproc_result_ready(map));
    REQUIRE_EQ_INT(file_add(stop.path), 0);
    CHECK_EQ_INT(done(map), MPROC_OK);
    end_pool(pool);
}

/* ---- affinity ---------------------------------------------------------------------------------------------------------- */

static int64_t keyed_pid(mproc_pool_t *pool, uint64_t key) {
    mproc_task_options_t options = {.affinity_key = key};
    return done_int(start(pool, &order_pid, 0, &options));
}

TEST(pool_order, a_key_whose_worker_died_finds_another_and_stays) {
    mproc_pool_t *pool = pool_of(3);
    mproc_result_t *all = NULL;
    REQUIRE_OK(mproc_pool_run_on_all(pool, &order_pid, NULL, NULL, &all));
    REQUIRE_EQ_INT(done(all), MPROC_OK);
    int64_t first = keyed_pid(pool, 77);
    CHECK_EQ_INT(keyed_pid(pool, 77), first);
    CHECK(host_kill(first));
    CHECK(keyed_pid(pool, 77) != first);
    REQUIRE_OK(mproc_pool_run_on_all(pool, &order_pid, NULL, NULL, &all));
    CHECK_EQ_INT(done(all), MPROC_OK);
    CHECK(test_wait_until(all_idle, pool, 30000));
    int64_t second = keyed_pid(pool, 77);
    for (int i = 0; i < 20; i++)
        CHECK_EQ_INT(keyed_pid(pool, 77), second);
    end_pool(pool);
}

TEST(pool_order, tasks_of_an_overloaded_worker_go_to_others) {
    enum { COUNT = 40 };
    mproc_pool_t *pool = pool_of(2);
    mproc_result_t *all = NULL, *results[COUNT];
    mproc_task_options_t keyed = {.affinity_key = 5};
    blocker_t blocker;
    REQUIRE_OK(mproc_pool_run_on_all(pool, &order_pid, NULL, NULL, &all));
    REQUIRE_EQ_INT(done(all), MPROC_OK);
    block(pool, &blocker, &keyed);
    for (int i = 0; i < COUNT; i++)
        results[i] = start(pool, &order_echo, i, &keyed);
    CHECK_OK(mproc_wait(results, COUNT, MPROC_ANY, LONG_MS));
    CHECK(!mproc_result_ready(blocker.result));
    (void)unblock(&blocker);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ_INT(done_int(results[i]), i);
    end_pool(pool);
}

/* ---- full queues ------------------------------------------------------------------------------------------------------- */

enum { LIMIT = 3, SUBMITS = 10 };

typedef struct crowd {
    mproc_pool_t *pool;
    atomic_int role, submitted, seen_full;
    int codes[SUBMITS];
    int (*relieve)(mproc_pool_t *pool, const char *gate);
    const char *gate;
} crowd_t;

static void submit_many(crowd_t *crowd) {
    for (int i = 0; i < SUBMITS; i++) {
        crowd->codes[i] = mproc_pool_apply_async(crowd->pool, &order_echo, MPROC_ARGS(i), NULL, NULL);
        atomic_fetch_add(&crowd->submitted, 1);
    }
}

/* A submit that does not wait would be through long before. */
static void watch_many(crowd_t *crowd) {
    while (atomic_load(&crowd->submitted) < LIMIT)
        host_sleep_ms(1);
    host_sleep_ms(50);
    atomic_store(&crowd->seen_full, atomic_load(&crowd->submitted));
    (void)crowd->relieve(crowd->pool, crowd->gate);
}

static void submit_or_watch(void *arg) {
    crowd_t *crowd = arg;
    if (atomic_fetch_add(&crowd->role, 1) == 0)
        submit_many(crowd);
    else
        watch_many(crowd);
}

static int open_gate(mproc_pool_t *pool, const char *gate) {
    (void)pool;
    return file_add(gate);
}

static int close_pool(mproc_pool_t *pool, const char *gate) {
    (void)gate;
    return mproc_pool_close(pool);
}

static int terminate_pool(mproc_pool_t *pool, const char *gate) {
    (void)gate;
    return mproc_pool_terminate(pool);
}

static void run_crowd(crowd_t *crowd, blocker_t *blocker) {
    mproc_pool_options_t options = {.processes = 1, .queue_limit = LIMIT};
    crowd->pool = pool_with(&options);
    block(crowd->pool, blocker, NULL);
    crowd->gate = blocker->gate.path;
    host_run_threads(2, submit_or_watch, crowd);
    CHECK_EQ_INT(atomic_load(&crowd->seen_full), LIMIT);
}

TEST(pool_order, a_submit_waits_until_a_full_queue_has_room) {
    crowd_t crowd = {.relieve = open_gate};
    blocker_t blocker;
    run_crowd(&crowd, &blocker);
    for (int i = 0; i < SUBMITS; i++)
        CHECK_OK(crowd.codes[i]);
    CHECK_EQ_INT(done(blocker.result), MPROC_OK);
    end_pool(crowd.pool);
}

TEST(pool_order, close_ends_the_wait_for_room) {
    crowd_t crowd = {.relieve = close_pool};
    blocker_t blocker;
    run_crowd(&crowd, &blocker);
    for (int i = 0; i < SUBMITS; i++)
        CHECK_EQ_INT(crowd.codes[i], i < LIMIT ? MPROC_OK : MPROC_ECLOSED);
    (void)unblock(&blocker);
    end_pool(crowd.pool);
}

TEST(pool_order, terminate_ends_the_wait_for_room) {
    crowd_t crowd = {.relieve = terminate_pool};
    blocker_t blocker;
    run_crowd(&crowd, &blocker);
    for (int i = 0; i < SUBMITS; i++)
        CHECK_EQ_INT(crowd.codes[i], i < LIMIT ? MPROC_OK : MPROC_ECLOSED);
    CHECK_EQ_INT(done(blocker.result), MPROC_ECANCELLED);
    end_pool(crowd.pool);
}

TEST(pool_order, a_deadline_ends_the_wait_for_room) {
    mproc_pool_options_t limit = {.processes = 1, .queue_limit = LIMIT};
    mproc_pool_t *pool = pool_with(&limit);
    mproc_task_options_t options = {.deadline_ms = 40};
    mproc_iter_t *iter = NULL;
    const int64_t x = 1;
    blocker_t blocker;
    block(pool, &blocker, NULL);
    for (int i = 0; i < LIMIT; i++)
        REQUIRE_OK(mproc_pool_apply_async(pool, &order_echo, MPROC_ARGS(i), NULL, NULL));
    int64_t from = test_now_ms();
    CHECK_ERR(mproc_pool_apply_async(pool, &order_echo, MPROC_ARGS(1), &options, NULL), MPROC_EQUEUEFULL);
    CHECK(test_now_ms() - from >= 39);
    CHECK_HAS_STR(mproc_last_error()->message, "deadline_ms");
    CHECK_ERR(mproc_pool_apply(pool, &order_echo, MPROC_ARGS(1), &options, NULL), MPROC_EQUEUEFULL);
    CHECK_ERR(mproc_pool_map(pool, &order_pid, MPROC_ARRAY(&x, 1), MPROC_KEEP, &options), MPROC_EQUEUEFULL);
    CHECK_ERR(mproc_pool_imap(pool, &order_pid, MPROC_ARRAY(&x, 1), &options, &iter), MPROC_EQUEUEFULL);
    CHECK(iter == NULL);
    (void)unblock(&blocker);
    CHECK_OK(mproc_pool_apply(pool, &order_echo, MPROC_ARGS(1), NULL, NULL));
    end_pool(pool);
}

TEST(pool_order, a_queue_that_refuses_says_how_many_wait) {
    mproc_pool_options_t options = {.processes = 1, .queue_limit = LIMIT, .queue_refuses = true};
    mproc_pool_t *pool = pool_with(&options);
    mproc_pool_stats_t stats;
    blocker_t blocker;
    block(pool, &blocker, NULL);
    for (int i = 0; i < SUBMITS; i++)
        CHECK_EQ_INT(mproc_pool_apply_async(pool, &order_echo, MPROC_ARGS(i), NULL, NULL),
                     i < LIMIT ? MPROC_OK : MPROC_EQUEUEFULL);
    CHECK_HAS_STR(mproc_last_error()->message, "3 tasks");
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.refused, SUBMITS - LIMIT);
    CHECK_EQ_UINT(stats.waiting, LIMIT);
    CHECK_EQ_UINT(stats.running, 1);
    (void)unblock(&blocker);
    CHECK_OK(mproc_pool_apply(pool, &order_echo, MPROC_ARGS(1), NULL, NULL));
    end_pool(pool);
}

/* ---- in callbacks ------------------------------------------------------------------------------------------------------ */

typedef struct tries {
    mproc_pool_t *pool;
    mproc_result_t *unready;
    mproc_iter_t *iter;
    int apply, map, get, wait, next, join, poll, own, submit, stats;
    atomic_int called;
} tries_t;

static void try_everything(mproc_result_t *result, void *context) {
    tries_t *tries = context;
    mproc_pool_stats_t stats;
    mproc_item_t item;
    const int64_t x = 1;
    tries->apply = mproc_pool_apply(tries->pool, &order_echo, MPROC_ARGS(1), NULL, NULL);
    tries->map = mproc_pool_map(tries->pool, &order_pid, MPROC_ARRAY(&x, 1), MPROC_KEEP, NULL);
    tries->get = mproc_result_get(tries->unready, MPROC_FOREVER, NULL);
    tries->wait = mproc_wait(&tries->unready, 1, MPROC_ALL, MPROC_FOREVER);
    tries->next = mproc_iter_next(tries->iter, MPROC_FOREVER, &item);
    tries->poll = mproc_result_get(tries->unready, 0, NULL);
    tries->own = mproc_result_get(result, MPROC_FOREVER, NULL);
    tries->submit = mproc_pool_apply_async(tries->pool, &order_echo, MPROC_ARGS(2), NULL, NULL);
    tries->stats = mproc_pool_stats(tries->pool, &stats);
    (void)mproc_pool_close(tries->pool);
    tries->join = mproc_pool_join(tries->pool, MPROC_FOREVER);
    atomic_store(&tries->called, 1);
}

static bool was_called(void *called) {
    return atomic_load((atomic_int *)called) != 0;
}

TEST(pool_order, nothing_in_a_callback_waits_for_its_own_pool) {
    mproc_pool_t *pool = pool_of(3);
    const mproc_args_t *lists[1];
    tries_t tries = {.pool = pool};
    mproc_task_options_t options = {.callback = try_everything, .context = &tries};
    blocker_t blocker;
    block(pool, &blocker, NULL);
    lists[0] = MPROC_ARGS(blocker.began.path, blocker.gate.path);
    tries.unready = blocker.result;
    REQUIRE_OK(mproc_pool_istarmap(pool, &order_gate, MPROC_ARGLISTS(lists, 1), NULL, &tries.iter));
    REQUIRE_OK(mproc_pool_apply_async(pool, &order_echo, MPROC_ARGS(3), &options, NULL));
    REQUIRE(test_wait_until(was_called, &tries.called, 30000));
    CHECK_EQ_INT(tries.apply, MPROC_ESTATE);
    CHECK_EQ_INT(tries.map, MPROC_ESTATE);
    CHECK_EQ_INT(tries.get, MPROC_ESTATE);
    CHECK_EQ_INT(tries.wait, MPROC_ESTATE);
    CHECK_EQ_INT(tries.next, MPROC_ESTATE);
    CHECK_EQ_INT(tries.join, MPROC_ESTATE);
    CHECK_EQ_INT(tries.poll, MPROC_ETIMEDOUT);
    CHECK_EQ_INT(tries.own, MPROC_OK);
    CHECK_EQ_INT(tries.submit, MPROC_OK);
    CHECK_EQ_INT(tries.stats, MPROC_OK);
    (void)unblock(&blocker);
    mproc_iter_destroy(tries.iter);
    end_pool(pool);
}

static void submit_into_full(mproc_result_t *result, void *context) {
    tries_t *tries = context;
    (void)result;
    for (int i = 0; i < 100 && tries->submit == MPROC_OK; i++)
        tries->submit = mproc_pool_apply_async(tries->pool, &order_echo, MPROC_ARGS(i), NULL, NULL);
    atomic_store(&tries->called, 1);
}

TEST(pool_order, a_callback_never_waits_for_room_in_the_queue) {
    mproc_pool_options_t limit = {.processes = 2, .queue_limit = LIMIT};
    mproc_pool_t *pool = pool_with(&limit);
    tries_t tries = {.pool = pool};
    mproc_task_options_t options = {.callback = submit_into_full, .context = &tries};
    blocker_t blocker;
    block(pool, &blocker, NULL);
    /* The queue may not fill as long as the other worker takes from it; then nothing has to wait. */
    REQUIRE_OK(mproc_pool_apply_async(pool, &order_echo, MPROC_ARGS(1), &options, NULL));
    REQUIRE(test_wait_until(was_called, &tries.called, 30000));
    CHECK(tries.submit == MPROC_ESTATE || tries.submit == MPROC_OK);
    (void)unblock(&blocker);
    end_pool(pool);
}

/* ---- hooks and started callbacks that act ------------------------------------------------------------------------------ */

static void terminate_when_up(mproc_pool_t *pool, const mproc_pool_event_t *event, void *context) {
    tries_t *tries = context;
    if (event->kind != MPROC_POOL_WORKER_UP)
        return;
    (void)mproc_pool_terminate(pool);
    tries->join = mproc_pool_join(pool, MPROC_FOREVER);
    atomic_store(&tries->called, 1);
}

TEST(pool_order, a_hook_may_terminate_its_pool) {
    tries_t tries = {.join = MPROC_OK};
    mproc_pool_options_t options = {.processes = 2, .hook = terminate_when_up, .hook_context = &tries};
    mproc_pool_t *pool = pool_with(&options);
    REQUIRE(test_wait_until(was_called, &tries.called, 30000));
    CHECK_EQ_INT(tries.join, MPROC_ESTATE);
    CHECK_ERR(mproc_pool_apply(pool, &order_echo, MPROC_ARGS(1), NULL, NULL), MPROC_ECLOSED);
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    mproc_pool_destroy(pool);
}

static void cancel_started(int64_t item, int64_t pid, void *context) {
    tries_t *tries = context;
    (void)item;
    (void)pid;
    while (!was_called(&tries->called))
        host_sleep_ms(1);
    tries->get = mproc_result_cancel(tries->unready, 0);
}

TEST(pool_order, a_started_callback_may_cancel_its_task) {
    mproc_pool_t *pool = pool_of(1);
    task_file_t began = file_named("began"), never = file_named("never");
    tries_t tries = {.pool = pool};
    mproc_task_options_t options = {.started = cancel_started, .context = &tries};
    REQUIRE_OK(mproc_pool_apply_async(pool, &order_gate, MPROC_ARGS(began.path, never.path), &options, &tries.unready));
    atomic_store(&tries.called, 1);
    CHECK_ERR(mproc_result_get(tries.unready, LONG_MS, NULL), MPROC_ECANCELLED);
    CHECK_OK(tries.get);
    mproc_result_release(tries.unready);
    end_pool(pool);
}

/* ---- a run on every worker --------------------------------------------------------------------------------------------- */

MPROC_TASK(order_slow_start) {
    const char *gate = NULL;
    int err = mproc_call_args(call, "s", &gate);
    if (err == MPROC_OK)
        file_gate(gate);
    return err;
}

TEST(pool_order, a_deadline_ends_the_wait_for_workers) {
    task_file_t gate = file_named("gate");
    mproc_pool_options_t options = {
        .processes = 2, .initializer = &order_slow_start, .initargs = MPROC_ARGS(gate.path)};
    mproc_task_options_t short_time = {.deadline_ms = 40};
    mproc_pool_t *pool = pool_with(&options);
    mproc_result_t *result = NULL;
    CHECK_ERR(mproc_pool_run_on_all(pool, &order_pid, NULL, &short_time, &result), MPROC_ETASKTIMEOUT);
    CHECK(result == NULL);
    REQUIRE_EQ_INT(file_add(gate.path), 0);
    CHECK_OK(mproc_pool_run_on_all(pool, &order_pid, NULL, NULL, &result));
    CHECK_EQ_UINT(mproc_result_count(result), 2);
    CHECK_EQ_INT(done(result), MPROC_OK);
    end_pool(pool);
}

MPROC_TASK(order_first_dies) {
    if (mproc_call_worker(call) == 0)
        (void)host_kill(host_pid());
    while (mproc_call_worker(call) == 0)
        host_sleep_ms(10);
    return mproc_call_return(call, mproc_call_worker(call));
}

TEST(pool_order, a_worker_that_dies_fails_its_item_of_a_run_on_all) {
    mproc_pool_t *pool = pool_of(3);
    mproc_result_t *result = NULL;
    int died = 0, lived = 0;
    REQUIRE_OK(mproc_pool_run_on_all(pool, &order_first_dies, NULL, NULL, &result));
    CHECK_ERR(mproc_result_get(result, LONG_MS, NULL), MPROC_EDIED);
    for (size_t i = 0; i < 3; i++) {
        mproc_item_t item;
        REQUIRE_OK(mproc_result_item(result, i, &item));
        died += item.code == MPROC_EDIED;
        lived += item.code == MPROC_OK;
    }
    CHECK_EQ_INT(died, 1);
    CHECK_EQ_INT(lived, 2);
    mproc_result_release(result);
    end_pool(pool);
}
