/* SPDX-License-Identifier: Apache-2.0 */
/* Pools in large numbers: workers, pending tasks, changing loads. */
#include "pool_help.h"
#include "process_host.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

MPROC_TASK(many_echo) {
    int64_t x = 0;
    int err = mproc_call_args(call, "x", &x);
    return err != MPROC_OK ? err : mproc_call_return(call, x);
}

/* Sleeps a little, crashes now and then. */
MPROC_TASK(many_moods) {
    int64_t x = 0;
    int err = mproc_call_args(call, "x", &x);
    if (err == MPROC_OK && x % 37 == 5)
        abort();
    if (err == MPROC_OK && x % 11 == 3)
        host_sleep_ms((int)(x % 5));
    return err != MPROC_OK ? err : mproc_call_return(call, x);
}

static void warm_up(void) {
    warm_up_pool(&many_echo);
}
TEST_WARM_UP(warm_up)

TEST(pool_many, two_hundred_workers) {
    mproc_pool_t *pool = pool_of(200);
    mproc_result_t *result = NULL;
    REQUIRE_OK(mproc_pool_run_on_all(pool, &many_echo, MPROC_ARGS(1), NULL, &result));
    CHECK_OK(mproc_result_get(result, 4 * LONG_MS, NULL));
    CHECK_EQ_UINT(mproc_result_count(result), 200);
    mproc_result_release(result);
    end_pool(pool);
}

static void check_pending(int64_t count) {
    mproc_result_t **results = calloc((size_t)count, sizeof(mproc_result_t *));
    mproc_pool_t *pool = pool_of(2);
    bool right = true;
    REQUIRE(results != NULL);
    for (int64_t i = 0; i < count && right; i++)
        right = mproc_pool_apply_async(pool, &many_echo, MPROC_ARGS(i), NULL, &results[i]) == MPROC_OK;
    CHECK(right);
    for (int64_t i = 0; i < count && right; i++) {
        const mproc_value_t *value = NULL;
        int64_t number = -1;
        right = mproc_result_get(results[i], LONG_MS, &value) == MPROC_OK &&
                mproc_value_as_int(value, &number) == MPROC_OK && number == i;
        mproc_result_release(results[i]);
    }
    CHECK(right);
    free(results);
    end_pool(pool);
}

TEST(pool_many, thirty_thousand_pending_tasks) {
    check_pending(30000);
}

TEST(pool_many, a_million_pending_tasks) {
    if (test_on_wine())
        SKIP("each wake-up goes through wine's server and takes a millisecond; a test of fewer tasks runs");
    check_pending(1000000);
}

typedef struct load {
    mproc_pool_t *pool;
    int wrong;
} load_t;

static void put_load(void *arg) {
    load_t *load = arg;
    mproc_result_t *results[200];
    for (int round = 0; round < 5; round++) {
        for (int64_t i = 0; i < 200; i++) {
            if (mproc_pool_apply_async(load->pool, &many_moods, MPROC_ARGS(i), NULL, &results[i]) != MPROC_OK)
                results[i] = NULL;
        }
        for (int64_t i = 0; i < 200; i++) {
            int want = i % 37 == 5 ? MPROC_EDIED : MPROC_OK;
            if (results[i] == NULL || mproc_result_get(results[i], LONG_MS, NULL) != want)
                load->wrong++;
            mproc_result_release(results[i]);
        }
    }
}

TEST(pool_many, crashes_under_load_from_several_threads) {
    mproc_pool_options_t options = {.processes = 4, .restart_limit = 100000};
    load_t load = {.pool = pool_with(&options)};
    host_run_threads(3, put_load, &load);
    CHECK_EQ_INT(load.wrong, 0);
    end_pool(load.pool);
}

TEST(pool_many, resizing_under_load_from_several_threads) {
    mproc_pool_options_t options = {.processes = 2, .restart_limit = 100000, .maxtasksperchild = 50};
    load_t load = {.pool = pool_with(&options)};
    mproc_result_t *first = start(load.pool, &many_echo, 1, NULL);
    CHECK_EQ_INT(done_int(first), 1);
    host_run_threads(2, put_load, &load);
    CHECK_OK(mproc_pool_resize(load.pool, 5));
    host_run_threads(2, put_load, &load);
    CHECK_OK(mproc_pool_resize(load.pool, 1));
    put_load(&load);
    CHECK_EQ_INT(load.wrong, 0);
    end_pool(load.pool);
}
