/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that ends at every allocation of the core in turn: an error that says so, nothing lost, nothing left. */
#include "backend_double.h"
#include "memory.h"
#include "test.h"

#include <mproc/mproc.h>

MPROC_TASK(memory_task) {
    (void)call;
    return MPROC_OK;
}

/* The first trace of a program makes a lock, which stays, whether there is such a file or not. */
static void warm_up(void) {
    mproc_pool_destroy(double_pool(NULL, 1));
    mproc_pool_destroy(double_pool(&(mproc_pool_options_t){.trace = "no/such/folder/trace.json"}, 1));
}
TEST_WARM_UP(warm_up)

static void nothing_to_do(mproc_result_t *result, void *context) {
    (void)result;
    (void)context;
}

/* Each of these gives its own error, or MPROC_OK when the call went through and ended well. */
typedef int scenario_t(mproc_pool_t *pool);

static int end_of(mproc_result_t *result) {
    int err = mproc_result_get(result, 5000, NULL);
    mproc_result_release(result);
    return err;
}

static int apply_plainly(mproc_pool_t *pool) {
    mproc_result_t *result = NULL;
    int err = mproc_pool_apply_async(pool, &memory_task, MPROC_ARGS(1, "two", 3.0), NULL, &result);
    return err != MPROC_OK ? err : end_of(result);
}

static int apply_with_everything(mproc_pool_t *pool) {
    mproc_task_options_t options = {.deadline_ms = 60000,
                                    .timeout_ms = 60000,
                                    .retries = 2,
                                    .priority = 7,
                                    .affinity_key = 9,
                                    .callback = nothing_to_do,
                                    .input = "0123456789012345678901234567890123456789",
                                    .input_size = 40};
    mproc_result_t *result = NULL;
    int err = mproc_pool_apply_async(pool, &memory_task, NULL, &options, &result);
    return err != MPROC_OK ? err : end_of(result);
}

static int map_an_array(mproc_pool_t *pool) {
    static int64_t xs[100];
    mproc_task_options_t options = {.chunk = 10};
    mproc_result_t *result = NULL;
    int err = mproc_pool_map_async(pool, &memory_task, MPROC_ARRAY(xs, 100), MPROC_KEEP, &options, &result);
    return err != MPROC_OK ? err : end_of(result);
}

static int map_lists(mproc_pool_t *pool) {
    const mproc_args_t *lists[] = {MPROC_ARGS(1), MPROC_ARGS(2), MPROC_ARGS(3)};
    mproc_result_t *result = NULL;
    int err = mproc_pool_map_async(pool, &memory_task, MPROC_ARGLISTS(lists, 3), MPROC_KEEP, NULL, &result);
    return err != MPROC_OK ? err : end_of(result);
}

static int pull_ten(void *context, int64_t index, mproc_args_t *out_args) {
    static mproc_arg_t arg;
    (void)context;
    if (index == 10)
        return MPROC_EEND;
    arg = mproc_arg_int(index);
    *out_args = (mproc_args_t){1, &arg};
    return MPROC_OK;
}

static int iterate(mproc_pool_t *pool) {
    mproc_iter_t *iter = NULL;
    mproc_item_t item;
    int first = MPROC_OK;
    int err = mproc_pool_imap(pool, &memory_task, MPROC_PULL(pull_ten, NULL), NULL, &iter);
    if (err != MPROC_OK)
        return err;
    while ((err = mproc_iter_next(iter, 5000, &item)) != MPROC_EEND) {
        if (err == MPROC_ETIMEDOUT) {
            first = err;
            break;
        }
        first = first == MPROC_OK ? err : first;
    }
    mproc_iter_destroy(iter);
    return first;
}

static int run_everywhere(mproc_pool_t *pool) {
    mproc_result_t *result = NULL;
    int err = mproc_pool_run_on_all(pool, &memory_task, MPROC_ARGS(1), NULL, &result);
    return err != MPROC_OK ? err : end_of(result);
}

/* Lets the n-th allocation fail, for every n that the scenario comes to. */
static void fail_each(scenario_t *run) {
    uint64_t n = 1;
    for (bool reached = true; reached && n < 200; n++) {
        mproc_pool_t *pool = double_pool(NULL, 2);
        REQUIRE(pool != NULL);
        double_automatic(true);
        double_all_up(2);
        mproc_memory_fail_at(n);
        int err = run(pool);
        reached = mproc_memory_pending() == 0;
        mproc_memory_fail_at(0);
        test_assert(err == MPROC_OK || err == MPROC_ENOMEM, TEST_HERE, false, "allocation %d: %d", (int)n, err);
        CHECK_EQ_INT(run(pool), MPROC_OK);
        mproc_pool_stats_t stats;
        CHECK_OK(mproc_pool_stats(pool, &stats));
        CHECK_EQ_UINT(stats.waiting + stats.running, 0);
        CHECK_OK(mproc_pool_close(pool));
        CHECK_OK(mproc_pool_join(pool, 5000));
        mproc_pool_destroy(pool);
    }
    CHECK(n > 2 && n < 200);
}

TEST(pool_memory, a_task_fails_for_want_of_memory_and_no_more) {
    fail_each(apply_plainly);
    fail_each(apply_with_everything);
}

TEST(pool_memory, a_map_fails_for_want_of_memory_and_no_more) {
    fail_each(map_an_array);
    fail_each(map_lists);
}

TEST(pool_memory, an_iterator_fails_for_want_of_memory_and_no_more) {
    fail_each(iterate);
}

TEST(pool_memory, a_run_on_every_worker_fails_for_want_of_memory_and_no_more) {
    fail_each(run_everywhere);
}

/* Fails each allocation of a pool in turn, until it is made; tells whether any failure left more blocks than before. */
static bool every_failed_pool_leaves(const mproc_pool_options_t *options, size_t before, bool *out_made) {
    bool same = true;
    *out_made = false;
    for (uint64_t n = 1; !*out_made && n < 200; n++) {
        mproc_memory_fail_at(n);
        mproc_pool_t *pool = double_pool(options, 4);
        mproc_memory_fail_at(0);
        *out_made = pool != NULL;
        mproc_pool_destroy(pool);
        same = same && mproc_memory_live() == before;
    }
    return same;
}

static void check_failed_pools(const mproc_pool_options_t *options) {
    bool made = false;
    /* What a thread's first failure and a program's first pool take, they take once. */
    (void)every_failed_pool_leaves(options, 0, &made);
    CHECK(every_failed_pool_leaves(options, mproc_memory_live(), &made));
    CHECK(made);
}

TEST(pool_memory, a_pool_that_is_not_made_leaves_no_block) {
    check_failed_pools(NULL);
}

TEST(pool_memory, a_pool_with_trace_and_progress_that_is_not_made_leaves_no_block) {
    char path[1024];
    test_temp_path("trace.json", path, sizeof path);
    mproc_pool_options_t options = {.progress = true, .trace = path};
    check_failed_pools(&options);
}

static void run_all(mproc_pool_t *pool, int times) {
    for (int i = 0; i < times; i++) {
        CHECK_EQ_INT(map_an_array(pool), MPROC_OK);
        CHECK_EQ_INT(map_lists(pool), MPROC_OK);
        CHECK_EQ_INT(iterate(pool), MPROC_OK);
        CHECK_EQ_INT(apply_with_everything(pool), MPROC_OK);
    }
    double_settle();
}

TEST(pool_memory, a_pool_that_is_gone_keeps_nothing_alive) {
    size_t before = 0;
    for (int round = 0; round < 3; round++) {
        mproc_pool_t *pool = double_pool(NULL, 2);
        double_automatic(true);
        double_all_up(2);
        run_all(pool, 50);
        mproc_pool_destroy(pool);
        /* What a program takes once, it has after the first round. */
        if (round == 0)
            before = mproc_memory_live();
        CHECK_EQ_UINT(mproc_memory_live(), before);
    }
}
