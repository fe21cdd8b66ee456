/* SPDX-License-Identifier: Apache-2.0 */
/* Single tasks in the core, over a scripted backend: who gets what, what a death costs, retries, time-outs, cancel. */
#include "backend_double.h"
#include "test.h"

#include <mproc/mproc.h>
#include <string.h>

MPROC_TASK(core_task) {
    (void)call;
    return MPROC_OK;
}

static mproc_result_t *submit(mproc_pool_t *pool, const mproc_task_options_t *options) {
    mproc_result_t *result = NULL;
    REQUIRE_OK(mproc_pool_apply_async(pool, &core_task, NULL, options, &result));
    return result;
}

static int end_of(mproc_result_t *result) {
    int err = mproc_result_get(result, 5000, NULL);
    mproc_result_release(result);
    return err;
}

static void warm_up(void) {
    mproc_pool_destroy(double_pool(NULL, 1));
}
TEST_WARM_UP(warm_up)

TEST(pool_core, a_task_waits_until_a_worker_is_up) {
    mproc_pool_t *pool = double_pool(NULL, 2);
    mproc_result_t *result = submit(pool, NULL);
    CHECK(!mproc_result_ready(result));
    double_up(1);
    double_settle();
    CHECK_EQ_UINT(double_count(1), 1);
    double_done(1);
    CHECK_EQ_INT(end_of(result), MPROC_OK);
    mproc_pool_destroy(pool);
}

TEST(pool_core, the_result_is_what_the_worker_wrote) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_result_t *result = submit(pool, NULL);
    const void *data = NULL;
    size_t size = 0;
    double_up(0);
    double_settle();
    double_done(0);
    REQUIRE_OK(mproc_result_get_bytes(result, 5000, &data, &size));
    CHECK_EQ_UINT(size, 8);
    CHECK_EQ_MEM(data, &(int64_t){0}, 8);
    const mproc_value_t *value = NULL;
    CHECK_ERR(mproc_result_get(result, 0, &value), MPROC_ETYPE);
    mproc_result_release(result);
    mproc_pool_destroy(pool);
}

TEST(pool_core, a_death_fails_what_had_begun_and_no_other) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_result_t *results[2];
    double_all_up(1);
    for (int i = 0; i < 2; i++)
        results[i] = submit(pool, NULL);
    double_begin(0);
    double_die(0, 0);
    double_settle();
    CHECK(mproc_result_ready(results[0]));
    CHECK(!mproc_result_ready(results[1]));
    CHECK_ERR(mproc_result_get(results[0], 0, NULL), MPROC_EDIED);
    CHECK_EQ_STR(mproc_result_error(results[0])->task, "core_task");
    double_up(0);
    double_settle();
    CHECK_EQ_UINT(double_count(0), 1);
    double_done(0);
    CHECK_EQ_INT(end_of(results[1]), MPROC_OK);
    mproc_result_release(results[0]);
    mproc_pool_stats_t stats;
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.submitted, 2);
    CHECK_EQ_UINT(stats.died, 1);
    CHECK_EQ_UINT(stats.succeeded, 1);
    CHECK_EQ_UINT(stats.waiting + stats.running, 0);
    mproc_pool_destroy(pool);
}

TEST(pool_core, an_idle_death_fails_nothing_and_loses_no_order) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_result_t *results[4];
    double_all_up(1);
    double_set_room(4);
    for (int i = 0; i < 4; i++)
        results[i] = submit(pool, &(mproc_task_options_t){.input = &i, .input_size = sizeof i});
    double_die(0, 0);
    double_up(0);
    double_settle();
    double_automatic(true);
    for (int i = 0; i < 4; i++)
        CHECK_EQ_INT(end_of(results[i]), MPROC_OK);
    mproc_pool_destroy(pool);
}

TEST(pool_core, what_waits_behind_a_task_moves_to_an_idle_worker) {
    mproc_pool_t *pool = double_pool(NULL, 2);
    mproc_result_t *results[4];
    double_up(0);
    double_settle();
    for (int i = 0; i < 4; i++)
        results[i] = submit(pool, NULL);
    CHECK_EQ_UINT(double_count(0), 2);
    double_begin(0);
    double_up(1);
    double_settle();
    CHECK_EQ_UINT(double_count(1), 2);
    double_done(1);
    double_settle();
    double_done(1);
    double_settle();
    /* Slot 1 is idle now, slot 0 is in its first task: the one behind it has gone over. */
    CHECK_EQ_UINT(double_count(0), 1);
    CHECK_EQ_UINT(double_count(1), 1);
    double_done(1);
    for (int i = 1; i < 4; i++)
        CHECK_EQ_INT(end_of(results[i]), MPROC_OK);
    CHECK(!mproc_result_ready(results[0]));
    double_done(0);
    CHECK_EQ_INT(end_of(results[0]), MPROC_OK);
    mproc_pool_stats_t stats;
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.taken_back, 1);
    mproc_pool_destroy(pool);
}

TEST(pool_core, short_tasks_open_the_window) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_result_t *results[40];
    double_all_up(1);
    double_set_room(32);
    for (int i = 0; i < 40; i++)
        results[i] = submit(pool, NULL);
    CHECK_EQ_UINT(double_count(0), 2);
    double_begin(0);
    double_end(0, 1, 0, 0, 1000);
    double_settle();
    CHECK(double_count(0) > 30);
    /* A long task shuts it again. */
    for (int i = 0; i < 12; i++) {
        double_end(0, 1, 0, 0, 100000000);
        double_settle();
    }
    double_automatic(true);
    for (int i = 0; i < 40; i++)
        CHECK_EQ_INT(end_of(results[i]), MPROC_OK);
    mproc_pool_destroy(pool);
}

TEST(pool_core, higher_priority_goes_first_and_overtakes_what_has_not_begun) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_task_options_t low = {.priority = -1};
    mproc_task_options_t high = {.priority = 5};
    double_all_up(1);
    mproc_result_t *first = submit(pool, NULL);
    mproc_result_t *behind = submit(pool, &low);
    double_begin(0);
    CHECK_EQ_UINT(double_count(0), 2);
    mproc_result_t *normal = submit(pool, NULL);
    mproc_result_t *urgent = submit(pool, &high);
    for (int i = 0; i < 2; i++) {
        double_done(0);
        double_settle();
    }
    CHECK(mproc_result_ready(first));
    CHECK(mproc_result_ready(urgent));
    CHECK(!mproc_result_ready(normal));
    double_done(0);
    double_settle();
    CHECK(mproc_result_ready(normal));
    CHECK(!mproc_result_ready(behind));
    double_done(0);
    CHECK_EQ_INT(end_of(behind), MPROC_OK);
    mproc_result_release(first);
    mproc_result_release(normal);
    mproc_result_release(urgent);
    mproc_pool_destroy(pool);
}

TEST(pool_core, tasks_of_one_key_go_to_one_worker) {
    mproc_pool_t *pool = double_pool(NULL, 4);
    mproc_task_options_t options = {.affinity_key = 12345};
    int where = -1;
    double_all_up(4);
    for (int i = 0; i < 8; i++) {
        mproc_result_t *result = submit(pool, &options);
        for (int slot = 0; slot < 4; slot++) {
            if (double_count(slot) == 0)
                continue;
            CHECK(where == -1 || where == slot);
            where = slot;
            double_done(slot);
        }
        CHECK_EQ_INT(end_of(result), MPROC_OK);
    }
    REQUIRE(where >= 0);
    /* Its worker dies: the key moves on. */
    double_die(where, 0);
    double_settle();
    mproc_result_t *result = submit(pool, &options);
    double_automatic(true);
    CHECK_EQ_INT(end_of(result), MPROC_OK);
    mproc_pool_destroy(pool);
}

TEST(pool_core, a_failure_of_the_chosen_kind_is_retried) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_task_options_t died = {.retries = 1, .retry_on = MPROC_RETRY_DIED, .backoff_max_ms = 1};
    double_all_up(1);
    mproc_result_t *result = submit(pool, &died);
    double_begin(0);
    double_die(0, 0);
    double_up(0);
    double_settle();
    CHECK_EQ_UINT(double_count(0), 1);
    CHECK(!mproc_result_ready(result));
    double_begin(0);
    double_die(0, 0);
    CHECK_EQ_INT(end_of(result), MPROC_EDIED);
    double_up(0);
    double_settle();
    result = submit(pool, &died);
    double_begin(0);
    double_end(0, 0, 1, MPROC_ETASK, 0);
    CHECK_EQ_INT(end_of(result), MPROC_ETASK);
    mproc_pool_destroy(pool);
}

TEST(pool_core, back_off_doubles_up_to_its_cap) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_task_options_t options = {
        .retries = 3, .retry_on = MPROC_RETRY_ERROR, .backoff_ms = 40, .backoff_max_ms = 80};
    int64_t least[] = {40, 80, 80};
    double_all_up(1);
    mproc_result_t *result = submit(pool, &options);
    for (int i = 0; i < 3; i++) {
        int64_t from = test_now_ms();
        double_end(0, 0, 1, MPROC_ETASK, 0);
        while (double_count(0) == 0)
            test_sleep_ms(1);
        CHECK(test_now_ms() - from >= least[i] - 2);
        CHECK(test_now_ms() - from < least[i] + 60 * test_time_scale());
    }
    double_end(0, 0, 1, MPROC_ETASK, 0);
    CHECK_EQ_INT(end_of(result), MPROC_ETASK);
    mproc_pool_destroy(pool);
}

TEST(pool_core, a_timeout_counts_from_the_start_of_the_task) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_task_options_t options = {.timeout_ms = 60};
    double_all_up(1);
    mproc_result_t *blocker = submit(pool, NULL);
    double_begin(0);
    mproc_result_t *result = submit(pool, &options);
    CHECK_EQ_UINT(double_count(0), 2);
    test_sleep_ms(150);
    CHECK(!mproc_result_ready(result));
    double_done(0);
    double_begin(0);
    int64_t from = test_now_ms();
    CHECK_EQ_INT(end_of(result), MPROC_ETASKTIMEOUT);
    CHECK(test_now_ms() - from >= 55);
    CHECK_EQ_INT(double_kills(0), 1);
    CHECK_EQ_INT(double_kill_code(0), MPROC_ETASKTIMEOUT);
    CHECK_EQ_INT(end_of(blocker), MPROC_OK);
    mproc_pool_stats_t stats;
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.timed_out, 1);
    mproc_pool_destroy(pool);
}

TEST(pool_core, a_soft_timeout_asks_once_before_the_kill) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_task_options_t options = {.soft_timeout_ms = 30, .timeout_ms = 120};
    double_all_up(1);
    mproc_result_t *result = submit(pool, &options);
    double_begin(0);
    test_sleep_ms(70);
    CHECK_EQ_INT(double_cancels(0), 1);
    CHECK_EQ_INT(double_kills(0), 0);
    CHECK_EQ_INT(end_of(result), MPROC_ETASKTIMEOUT);
    CHECK_EQ_INT(double_cancels(0), 1);
    CHECK_EQ_INT(double_kills(0), 1);
    mproc_pool_destroy(pool);
}

TEST(pool_core, a_deadline_counts_from_the_submit) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_task_options_t options = {.deadline_ms = 50};
    mproc_result_t *waiting = submit(pool, &options);
    CHECK_EQ_INT(end_of(waiting), MPROC_ETASKTIMEOUT);
    double_all_up(1);
    mproc_result_t *running = submit(pool, &options);
    double_begin(0);
    CHECK_EQ_INT(end_of(running), MPROC_ETASKTIMEOUT);
    CHECK_EQ_INT(double_kills(0), 1);
    mproc_pool_destroy(pool);
}

TEST(pool_core, cancel_drops_what_waits_and_kills_what_runs_after_the_grace) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    double_all_up(1);
    mproc_result_t *running = submit(pool, NULL);
    mproc_result_t *behind = submit(pool, NULL);
    mproc_result_t *queued = submit(pool, NULL);
    double_begin(0);
    CHECK_OK(mproc_result_cancel(behind, 0));
    CHECK_OK(mproc_result_cancel(queued, -1));
    CHECK(mproc_result_ready(behind));
    CHECK(mproc_result_ready(queued));
    CHECK_ERR(mproc_result_get(queued, 0, NULL), MPROC_ECANCELLED);
    CHECK_OK(mproc_result_cancel(running, 40));
    CHECK_EQ_INT(double_cancels(0), 1);
    CHECK_EQ_INT(double_kills(0), 0);
    CHECK_ERR(mproc_result_get(running, 5000, NULL), MPROC_ECANCELLED);
    CHECK_EQ_INT(double_kills(0), 1);
    CHECK_OK(mproc_result_cancel(running, 0));
    mproc_result_release(running);
    mproc_result_release(behind);
    mproc_result_release(queued);
    mproc_pool_destroy(pool);
}

TEST(pool_core, cancel_without_a_kill_leaves_the_task_its_result) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    double_all_up(1);
    mproc_result_t *result = submit(pool, NULL);
    double_begin(0);
    CHECK_OK(mproc_result_cancel(result, -1));
    CHECK_EQ_INT(double_cancels(0), 1);
    double_done(0);
    CHECK_EQ_INT(end_of(result), MPROC_OK);
    CHECK_EQ_INT(double_kills(0), 0);
    mproc_pool_destroy(pool);
}

TEST(pool_core, a_refused_task_fails_and_the_next_goes_on) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    double_all_up(1);
    double_refuse(MPROC_ETOOBIG);
    mproc_result_t *refused = submit(pool, NULL);
    CHECK_ERR(mproc_result_get(refused, 1000, NULL), MPROC_ETOOBIG);
    CHECK_HAS_STR(mproc_result_error(refused)->message, "the double refuses");
    mproc_result_release(refused);
    double_refuse(0);
    mproc_result_t *result = submit(pool, NULL);
    double_done(0);
    CHECK_EQ_INT(end_of(result), MPROC_OK);
    mproc_pool_destroy(pool);
}

TEST(pool_core, a_timed_out_get_leaves_the_task_running) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    double_all_up(1);
    mproc_result_t *result = submit(pool, NULL);
    bool successful = true;
    CHECK_ERR(mproc_result_get(result, 0, NULL), MPROC_ETIMEDOUT);
    int64_t from = test_now_ms();
    CHECK_ERR(mproc_result_get(result, 30, NULL), MPROC_ETIMEDOUT);
    CHECK(test_now_ms() - from >= 29);
    CHECK_ERR(mproc_result_successful(result, &successful), MPROC_ESTATE);
    double_done(0);
    CHECK_OK(mproc_result_get(result, 5000, NULL));
    CHECK_OK(mproc_result_successful(result, &successful));
    CHECK(successful);
    mproc_result_release(result);
    mproc_pool_destroy(pool);
}

TEST(pool_core, a_full_queue_refuses_or_waits) {
    mproc_pool_options_t options = {.queue_limit = 2, .queue_refuses = true};
    mproc_pool_t *pool = double_pool(&options, 1);
    mproc_result_t *results[2];
    for (int i = 0; i < 2; i++)
        results[i] = submit(pool, NULL);
    CHECK_ERR(mproc_pool_apply_async(pool, &core_task, NULL, NULL, NULL), MPROC_EQUEUEFULL);
    double_automatic(true);
    double_up(0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ_INT(end_of(results[i]), MPROC_OK);
    mproc_pool_stats_t stats;
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.refused, 1);
    CHECK_EQ_UINT(stats.submitted, 3);
    mproc_pool_destroy(pool);
    options.queue_refuses = false;
    pool = double_pool(&options, 1);
    double_automatic(true);
    double_up(0);
    for (int i = 0; i < 100; i++)
        CHECK_OK(mproc_pool_apply_async(pool, &core_task, NULL, NULL, NULL));
    mproc_pool_destroy(pool);
}

TEST(pool_core, a_broken_pool_fails_all_that_waits_and_takes_nothing) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_result_t *waiting = submit(pool, NULL);
    mproc_task_options_t later = {.retries = 1, .backoff_ms = 100000};
    double_all_up(1);
    mproc_result_t *running = submit(pool, NULL);
    mproc_result_t *delayed = NULL;
    double_begin(0);
    delayed = submit(pool, &later);
    double_break(MPROC_EINIT);
    CHECK_EQ_INT(end_of(delayed), MPROC_EINIT);
    CHECK_EQ_INT(end_of(running), MPROC_EINIT);
    CHECK_ERR(mproc_pool_apply_async(pool, &core_task, NULL, NULL, NULL), MPROC_EINIT);
    CHECK_HAS_STR(mproc_last_error()->message, "die too often");
    double_die(0, 0);
    CHECK_EQ_INT(end_of(waiting), MPROC_EDIED);
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, 5000));
    mproc_pool_destroy(pool);
}

typedef struct order {
    int count;
    int64_t seen[16];
    int64_t pid;
    mproc_pool_t *destroy;
} order_t;

static void note_order(mproc_result_t *result, void *context) {
    order_t *order = context;
    order->seen[order->count++] = mproc_result_error(result) == NULL ? 1 : 0;
    if (order->destroy != NULL)
        mproc_pool_destroy(order->destroy);
}

static void note_started(int64_t item, int64_t pid, void *context) {
    order_t *order = context;
    (void)item;
    order->pid = pid;
}

TEST(pool_core, callbacks_come_in_the_order_of_completion) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    order_t order = {0};
    mproc_task_options_t options = {
        .callback = note_order, .error_callback = note_order, .started = note_started, .context = &order};
    double_all_up(1);
    for (int i = 0; i < 4; i++)
        CHECK_OK(mproc_pool_apply_async(pool, &core_task, NULL, &options, NULL));
    for (int i = 0; i < 4; i++) {
        double_begin(0);
        double_end(0, i % 2 == 0, i % 2 != 0, MPROC_ETASK, 0);
        double_settle();
    }
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, 5000));
    CHECK_EQ_INT(order.count, 4);
    for (int i = 0; i < 4; i++)
        CHECK_EQ_INT(order.seen[i], i % 2 == 0);
    CHECK_EQ_INT(order.pid, 1000);
    mproc_pool_destroy(pool);
}

static void note_leaves(mproc_result_t *result, void *context) {
    (void)result;
    *(int *)context = double_leaves();
}

TEST(pool_core, the_backend_is_left_before_a_callback) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    int leaves = 0;
    mproc_task_options_t options = {.callback = note_leaves, .context = &leaves};
    double_all_up(1);
    CHECK_OK(mproc_pool_apply_async(pool, &core_task, NULL, &options, NULL));
    CHECK_EQ_INT(double_leaves(), 0);
    double_begin(0);
    double_end(0, 1, 0, 0, 0);
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, 5000));
    CHECK_EQ_INT(leaves, 1);
    mproc_pool_destroy(pool);
}

static int pull_leaves(void *context, int64_t index, mproc_args_t *out_args) {
    (void)index;
    (void)out_args;
    *(int *)context = double_leaves();
    return MPROC_EEND;
}

TEST(pool_core, the_backend_is_left_before_input_is_pulled) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_iter_t *iter = NULL;
    mproc_item_t item;
    int leaves = 0;
    double_all_up(1);
    REQUIRE_OK(mproc_pool_imap(pool, &core_task, MPROC_PULL(pull_leaves, &leaves), NULL, &iter));
    CHECK_ERR(mproc_iter_next(iter, 5000, &item), MPROC_EEND);
    CHECK(leaves > 0);
    mproc_iter_destroy(iter);
    mproc_pool_destroy(pool);
}

TEST(pool_core, a_pool_may_be_destroyed_in_its_callback) {
    mproc_pool_t *pool = double_pool(NULL, 2);
    order_t order = {.destroy = pool};
    mproc_task_options_t options = {.callback = note_order, .context = &order};
    double_all_up(2);
    mproc_result_t *result = submit(pool, &options);
    int slot = double_count(0) > 0 ? 0 : 1;
    mproc_result_t *other = submit(pool, NULL);
    double_done(slot);
    CHECK_EQ_INT(end_of(result), MPROC_OK);
    int err = mproc_result_get(other, 5000, NULL);
    CHECK(err == MPROC_ECANCELLED);
    mproc_result_release(other);
    test_sleep_ms(50);
    CHECK_EQ_INT(order.count, 1);
    /* The thread of a pool that freed itself is collected with the next one. */
    mproc_pool_destroy(double_pool(NULL, 1));
}
