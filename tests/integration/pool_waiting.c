/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for results: any and all of several pools, time-outs, what a result tells before and after it is ready. Tasks wait
 * at a gate, a file that the test makes, so that no test depends on how fast a worker is. */
#include "pool_help.h"
#include "process_host.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 1024, SHORT_MS = 20 };

static bool file_exists(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file != NULL)
        (void)fclose(file);
    return file != NULL;
}

static bool exists(void *path) {
    return file_exists(path);
}

static int make_file(const char *path) {
    FILE *file = fopen(path, "wb");
    return file == NULL ? 1 : fclose(file);
}

MPROC_TASK(waiting_echo) {
    int64_t x = 0;
    int err = mproc_call_args(call, "x", &x);
    return err != MPROC_OK ? err : mproc_call_return(call, x);
}

MPROC_TASK(waiting_fail) {
    return mproc_call_fail(call, 31, "as it was told");
}

/* Gives its number once the gate is open; negative numbers fail then. It makes the file `after`, if one is named. */
MPROC_TASK(waiting_gate) {
    const char *gate = NULL, *after = NULL;
    int64_t x = 0;
    int err = mproc_call_args(call, "sx|s", &gate, &x, &after);
    if (err != MPROC_OK)
        return err;
    while (!file_exists(gate))
        host_sleep_ms(1);
    if (after != NULL && make_file(after) != 0)
        return mproc_call_fail(call, 1, "%s cannot be made", after);
    return x < 0 ? mproc_call_fail(call, (int)-x, "negative") : mproc_call_return(call, x);
}

MPROC_TASK(waiting_bytes) {
    static const char abc[] = {'a', 'b', 'c'};
    char *output = NULL;
    int err = mproc_call_reserve(call, sizeof abc, (void **)&output);
    if (err == MPROC_OK)
        memcpy(output, abc, sizeof abc);
    return err;
}

static void warm_up(void) {
    warm_up_pool(&waiting_echo);
}
TEST_WARM_UP(warm_up)

typedef struct gate {
    char path[PATH_SIZE];
} gate_t;

static gate_t gate_named(const char *name) {
    gate_t gate;
    test_temp_path(name, gate.path, sizeof gate.path);
    return gate;
}

static void open_gate(const gate_t *gate) {
    REQUIRE_EQ_INT(make_file(gate->path), 0);
}

static mproc_result_t *start_at(mproc_pool_t *pool, const gate_t *gate, int64_t number) {
    mproc_result_t *result = NULL;
    REQUIRE_OK(mproc_pool_apply_async(pool, &waiting_gate, MPROC_ARGS(gate->path, number), NULL, &result));
    return result;
}

TEST(pool_waiting, any_ends_with_the_first_and_all_with_the_last) {
    gate_t gate = gate_named("gate");
    mproc_pool_t *pools[2] = {pool_of(1), pool_of(1)};
    mproc_result_t *results[2] = {start_at(pools[0], &gate, 1), start(pools[1], &waiting_echo, 2, NULL)};
    CHECK_OK(mproc_wait(results, 2, MPROC_ANY, LONG_MS));
    CHECK(!mproc_result_ready(results[0]));
    CHECK(mproc_result_ready(results[1]));
    CHECK_ERR(mproc_wait(results, 2, MPROC_ALL, 0), MPROC_ETIMEDOUT);
    CHECK_ERR(mproc_wait(results, 2, MPROC_ALL, SHORT_MS), MPROC_ETIMEDOUT);
    open_gate(&gate);
    CHECK_OK(mproc_wait(results, 2, MPROC_ALL, LONG_MS));
    CHECK(mproc_result_ready(results[0]));
    CHECK_EQ_INT(done_int(results[0]), 1);
    CHECK_EQ_INT(done_int(results[1]), 2);
    end_pool(pools[0]);
    end_pool(pools[1]);
}

TEST(pool_waiting, any_of_unfinished_results_times_out_and_may_be_asked_again) {
    gate_t gates[2] = {gate_named("gate0"), gate_named("gate1")};
    mproc_pool_t *pools[2] = {pool_of(1), pool_of(1)};
    mproc_result_t *results[2] = {start_at(pools[0], &gates[0], 10), start_at(pools[1], &gates[1], 11)};
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(mproc_wait(results, 2, MPROC_ANY, 0), MPROC_ETIMEDOUT);
        CHECK_ERR(mproc_wait(results, 2, MPROC_ANY, SHORT_MS), MPROC_ETIMEDOUT);
    }
    open_gate(&gates[1]);
    CHECK_OK(mproc_wait(results, 2, MPROC_ANY, LONG_MS));
    CHECK(!mproc_result_ready(results[0]));
    CHECK(mproc_result_ready(results[1]));
    open_gate(&gates[0]);
    CHECK_OK(mproc_wait(results, 2, MPROC_ALL, MPROC_FOREVER));
    CHECK_EQ_INT(done_int(results[0]), 10);
    CHECK_EQ_INT(done_int(results[1]), 11);
    end_pool(pools[0]);
    end_pool(pools[1]);
}

TEST(pool_waiting, a_poll_of_finished_results_succeeds) {
    mproc_pool_t *pools[2] = {pool_of(2), pool_of(1)};
    mproc_result_t *results[6];
    for (int i = 0; i < 6; i++)
        results[i] = start(pools[i % 2], &waiting_echo, i, NULL);
    CHECK_OK(mproc_wait(results, 6, MPROC_ALL, LONG_MS));
    CHECK_OK(mproc_wait(results, 6, MPROC_ALL, 0));
    CHECK_OK(mproc_wait(results, 6, MPROC_ANY, 0));
    for (int i = 0; i < 6; i++) {
        CHECK_OK(mproc_result_wait(results[i], 0));
        CHECK_EQ_INT(done_int(results[i]), i);
    }
    end_pool(pools[0]);
    end_pool(pools[1]);
}

TEST(pool_waiting, a_failed_result_is_a_ready_one) {
    gate_t gate = gate_named("gate");
    mproc_pool_t *pools[2] = {pool_of(1), pool_of(1)};
    mproc_result_t *results[2] = {start(pools[0], &waiting_fail, 0, NULL), start_at(pools[1], &gate, -5)};
    CHECK_OK(mproc_wait(results, 2, MPROC_ANY, LONG_MS));
    CHECK(mproc_result_ready(results[0]));
    open_gate(&gate);
    CHECK_OK(mproc_wait(results, 2, MPROC_ALL, LONG_MS));
    CHECK_ERR(mproc_result_get(results[0], 0, NULL), MPROC_ETASK);
    CHECK_EQ_INT(mproc_last_error()->task_code, 31);
    CHECK_ERR(mproc_result_get(results[1], 0, NULL), MPROC_ETASK);
    CHECK_EQ_INT(mproc_last_error()->task_code, 5);
    mproc_result_release(results[0]);
    mproc_result_release(results[1]);
    end_pool(pools[0]);
    end_pool(pools[1]);
}

TEST(pool_waiting, one_result_may_stand_in_the_list_twice) {
    gate_t gate = gate_named("gate");
    mproc_pool_t *pool = pool_of(1);
    mproc_result_t *result = start_at(pool, &gate, 6);
    mproc_result_t *twice[2] = {result, result};
    CHECK_ERR(mproc_wait(twice, 2, MPROC_ALL, SHORT_MS), MPROC_ETIMEDOUT);
    open_gate(&gate);
    CHECK_OK(mproc_wait(twice, 2, MPROC_ALL, LONG_MS));
    CHECK_EQ_INT(done_int(result), 6);
    end_pool(pool);
}

TEST(pool_waiting, a_map_is_ready_with_its_last_item) {
    gate_t gate = gate_named("gate");
    mproc_pool_t *pools[2] = {pool_of(1), pool_of(1)};
    const mproc_args_t *lists[] = {MPROC_ARGS(gate.path, 1), MPROC_ARGS(gate.path, 2), MPROC_ARGS(gate.path, 3)};
    mproc_result_t *results[2] = {start(pools[1], &waiting_echo, 9, NULL), NULL};
    REQUIRE_OK(
        mproc_pool_starmap_async(pools[0], &waiting_gate, MPROC_ARGLISTS(lists, 3), MPROC_KEEP, NULL, &results[1]));
    CHECK_EQ_UINT(mproc_result_count(results[0]), 1);
    CHECK_EQ_UINT(mproc_result_count(results[1]), 3);
    CHECK_OK(mproc_wait(results, 2, MPROC_ANY, LONG_MS));
    CHECK_ERR(mproc_wait(results, 2, MPROC_ALL, SHORT_MS), MPROC_ETIMEDOUT);
    CHECK(!mproc_result_ready(results[1]));
    open_gate(&gate);
    CHECK_OK(mproc_wait(results, 2, MPROC_ALL, LONG_MS));
    CHECK_OK(done(results[1]));
    CHECK_EQ_INT(done_int(results[0]), 9);
    end_pool(pools[0]);
    end_pool(pools[1]);
}

TEST(pool_waiting, get_times_out_and_gets_later) {
    gate_t gate = gate_named("gate");
    mproc_pool_t *pool = pool_of(1);
    mproc_result_t *result = start_at(pool, &gate, 44);
    const mproc_value_t *value = NULL, *again = NULL;
    int64_t number = 0;
    CHECK_ERR(mproc_result_get(result, 0, &value), MPROC_ETIMEDOUT);
    CHECK_ERR(mproc_result_get(result, SHORT_MS, &value), MPROC_ETIMEDOUT);
    CHECK_ERR(mproc_result_get_bytes(result, SHORT_MS, NULL, NULL), MPROC_ETIMEDOUT);
    CHECK_ERR(mproc_result_wait(result, 0), MPROC_ETIMEDOUT);
    open_gate(&gate);
    REQUIRE_OK(mproc_result_get(result, LONG_MS, &value));
    CHECK_OK(mproc_value_as_int(value, &number));
    CHECK_EQ_INT(number, 44);
    CHECK_OK(mproc_result_get(result, 0, &again));
    CHECK(again == value);
    mproc_result_release(result);
    end_pool(pool);
}

TEST(pool_waiting, a_result_says_nothing_before_it_is_ready) {
    gate_t gate = gate_named("gate");
    mproc_pool_t *pool = pool_of(2);
    mproc_result_t *results[2] = {start_at(pool, &gate, 1), start_at(pool, &gate, -2)};
    for (int i = 0; i < 2; i++) {
        mproc_item_t item;
        bool successful = i != 0;
        CHECK(!mproc_result_ready(results[i]));
        CHECK_ERR(mproc_result_successful(results[i], &successful), MPROC_ESTATE);
        CHECK_ERR(mproc_result_item(results[i], 0, &item), MPROC_ESTATE);
        CHECK(mproc_result_error(results[i]) == NULL);
    }
    open_gate(&gate);
    CHECK_OK(mproc_wait(results, 2, MPROC_ALL, LONG_MS));
    for (int i = 0; i < 2; i++) {
        mproc_item_t item;
        bool successful = i != 0;
        CHECK_OK(mproc_result_successful(results[i], &successful));
        CHECK_EQ_INT(successful, i == 0);
        REQUIRE_OK(mproc_result_item(results[i], 0, &item));
        CHECK_EQ_INT(item.code, i == 0 ? MPROC_OK : MPROC_ETASK);
        CHECK((mproc_result_error(results[i]) == NULL) == (i == 0));
        CHECK_ERR(mproc_result_item(results[i], 1, &item), MPROC_EINVAL);
    }
    CHECK_EQ_INT(mproc_result_error(results[1])->task_code, 2);
    mproc_result_release(results[0]);
    mproc_result_release(results[1]);
    end_pool(pool);
}

TEST(pool_waiting, a_released_task_runs_to_its_end) {
    gate_t gate = gate_named("gate");
    gate_t after = gate_named("after");
    mproc_pool_t *pool = pool_of(1);
    mproc_result_t *running = NULL;
    mproc_pool_stats_t stats;
    REQUIRE_OK(mproc_pool_apply_async(pool, &waiting_gate, MPROC_ARGS(gate.path, 1, after.path), NULL, &running));
    mproc_result_t *waiting = start(pool, &waiting_echo, 2, NULL);
    mproc_result_release(running);
    mproc_result_release(waiting);
    CHECK(!file_exists(after.path));
    open_gate(&gate);
    CHECK(test_wait_until(exists, after.path, 30000));
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.succeeded, 2);
    CHECK_EQ_UINT(stats.cancelled, 0);
    check_stats(pool);
    mproc_pool_destroy(pool);
}

MPROC_TASK(waiting_pause) {
    (void)call;
    host_sleep_ms(50);
    return MPROC_OK;
}

/* Has a result too large for what a worker has at hand, and makes a file once there is room for it. */
MPROC_TASK(waiting_large) {
    enum { SIZE = 1 << 20 };
    const char *after = NULL;
    char *output = NULL;
    int err = mproc_call_args(call, "s", &after);
    if (err == MPROC_OK)
        err = mproc_call_reserve(call, SIZE, (void **)&output);
    if (err != MPROC_OK)
        return err;
    memset(output, 1, SIZE);
    return make_file(after) == 0 ? MPROC_OK : mproc_call_fail(call, 1, "%s cannot be made", after);
}

/* The wait for the first task takes the worker's bell over; the second one, which nobody waits for, is heard nevertheless. */
TEST(pool_waiting, a_large_result_gets_room_although_nobody_asks_for_it) {
    gate_t after = gate_named("after");
    mproc_pool_t *pool = pool_of(1);
    mproc_result_t *large = NULL;
    REQUIRE_OK(mproc_pool_apply(pool, &waiting_echo, MPROC_ARGS(1), NULL, NULL));
    test_sleep_ms(1500); /* the pool's thread has seen that there is no work out: it does not look each second */
    REQUIRE_OK(mproc_pool_apply(pool, &waiting_pause, NULL, NULL, NULL));
    REQUIRE_OK(mproc_pool_apply_async(pool, &waiting_large, MPROC_ARGS((const char *)after.path), NULL, &large));
    CHECK(test_wait_until(exists, after.path, 10000));
    CHECK_OK(done(large));
    end_pool(pool);
}

TEST(pool_waiting, terminate_makes_every_result_ready) {
    gate_t gate = gate_named("never");
    mproc_pool_t *pool = pool_of(1);
    mproc_result_t *results[3];
    for (int i = 0; i < 3; i++)
        results[i] = start_at(pool, &gate, i);
    CHECK_ERR(mproc_wait(results, 3, MPROC_ANY, 0), MPROC_ETIMEDOUT);
    CHECK_OK(mproc_pool_terminate(pool));
    CHECK_OK(mproc_wait(results, 3, MPROC_ALL, LONG_MS));
    mproc_pool_destroy(pool);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(mproc_result_wait(results[i], 0));
        CHECK_ERR(done(results[i]), MPROC_ECANCELLED);
    }
}

TEST(pool_waiting, bytes_and_values_are_not_mixed_up) {
    mproc_pool_t *pool = pool_of(1);
    mproc_result_t *result = start(pool, &waiting_bytes, 0, NULL);
    const mproc_value_t *value = NULL;
    const void *data = NULL;
    size_t size = 0;
    mproc_item_t item;
    CHECK_ERR(mproc_result_get(result, LONG_MS, &value), MPROC_ETYPE);
    CHECK_OK(mproc_result_get(result, 0, NULL));
    REQUIRE_OK(mproc_result_get_bytes(result, 0, &data, &size));
    REQUIRE_EQ_UINT(size, 3);
    CHECK_EQ_MEM(data, "abc", 3);
    REQUIRE_OK(mproc_result_item(result, 0, &item));
    CHECK(item.value == NULL);
    CHECK_EQ_UINT(item.size, 3);
    mproc_result_release(result);
    end_pool(pool);
}

TEST(pool_waiting, an_iterator_times_out_and_goes_on) {
    gate_t gate = gate_named("gate");
    mproc_pool_t *pool = pool_of(2);
    const mproc_args_t *lists[] = {MPROC_ARGS(gate.path, 1), MPROC_ARGS(gate.path, 2)};
    mproc_iter_t *iter = NULL;
    mproc_item_t item;
    REQUIRE_OK(mproc_pool_istarmap(pool, &waiting_gate, MPROC_ARGLISTS(lists, 2), NULL, &iter));
    CHECK_ERR(mproc_iter_next(iter, 0, &item), MPROC_ETIMEDOUT);
    CHECK_ERR(mproc_iter_next(iter, SHORT_MS, &item), MPROC_ETIMEDOUT);
    open_gate(&gate);
    for (int64_t i = 0; i < 2; i++) {
        int64_t number = 0;
        REQUIRE_OK(mproc_iter_next(iter, LONG_MS, &item));
        CHECK_EQ_INT(item.index, i);
        CHECK_OK(mproc_value_as_int(item.value, &number));
        CHECK_EQ_INT(number, i + 1);
    }
    CHECK_EQ_INT(mproc_iter_next(iter, 0, &item), MPROC_EEND);
    mproc_iter_destroy(iter);
    end_pool(pool);
}
