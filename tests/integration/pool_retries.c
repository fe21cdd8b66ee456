/* SPDX-License-Identifier: Apache-2.0 */
/* What a task's options promise when it fails or takes too long: retries by kind, deadlines, soft time-outs, policies of maps. */
#include "pool_help.h"
#include "process_host.h"
#include "task_files.h"
#include "test.h"

#include <stdlib.h>

#define SOON_MS (1000 * test_time_scale()) /* enough for quick tasks on workers that are up */

MPROC_TASK(retry_pid) {
    return mproc_call_return(call, host_pid());
}

/* Notes that it began in one file, waits for another, then gives its number; negative numbers fail. */
MPROC_TASK(retry_gate) {
    const char *gate = NULL, *began = NULL;
    int64_t number = 0;
    int err = mproc_call_args(call, "ssx", &began, &gate, &number);
    if (err == MPROC_OK && file_add(began) != 0)
        return mproc_call_fail(call, 1, "%s cannot be made", began);
    if (err != MPROC_OK)
        return err;
    file_gate(gate);
    return number < 0 ? mproc_call_fail(call, (int)-number, "as told") : mproc_call_return(call, number);
}

static int fail_by(mproc_call_t *call, unsigned kind) {
    if (kind == MPROC_RETRY_DIED)
        abort();
    if (kind == MPROC_RETRY_TIMEOUT)
        host_sleep_forever();
    return mproc_call_fail(call, 9, "the first time");
}

/* Fails its first run in the given way; gives the number of its run. */
MPROC_TASK(retry_first_fails) {
    const char *path = NULL;
    int64_t kind = 0;
    int err = mproc_call_args(call, "sx", &path, &kind);
    if (err == MPROC_OK && file_add(path) != 0)
        return mproc_call_fail(call, 1, "%s cannot be written", path);
    if (err != MPROC_OK)
        return err;
    int run = file_count(path);
    return run == 1 && kind != 0 ? fail_by(call, (unsigned)kind) : mproc_call_return(call, run);
}

/* True when it was told to end soon, and not before it began. */
MPROC_TASK(retry_polite) {
    bool early = mproc_call_cancelled(call);
    for (int i = 0; i < 30000 && !mproc_call_cancelled(call); i++)
        host_sleep_ms(1);
    return mproc_call_return(call, MPROC_BOOL(!early && mproc_call_cancelled(call)));
}

static void warm_up(void) {
    warm_up_pool(&retry_pid);
}
TEST_WARM_UP(warm_up)

/* ---- retries ----------------------------------------------------------------------------------------------------------- */

static const unsigned kinds[] = {MPROC_RETRY_DIED, MPROC_RETRY_TIMEOUT, MPROC_RETRY_ERROR};
static const int codes[] = {MPROC_EDIED, MPROC_ETASKTIMEOUT, MPROC_ETASK};
enum { KINDS = 3 };

static void check_kind(mproc_pool_t *pool, size_t kind, unsigned retry_on, const task_file_t *runs) {
    mproc_task_options_t options = {.retries = 1, .retry_on = retry_on};
    mproc_result_t *result = NULL;
    bool again = retry_on == 0 || (retry_on & kinds[kind]) != 0;
    if (kinds[kind] == MPROC_RETRY_TIMEOUT)
        options.timeout_ms = SOON_MS / 4;
    int err = mproc_pool_apply(pool, &retry_first_fails, MPROC_ARGS(runs->path, kinds[kind]), &options, &result);
    CHECK_EQ_INT(err, again ? MPROC_OK : codes[kind]);
    CHECK_EQ_INT(file_count(runs->path), again ? 2 : 1);
    if (err == MPROC_OK)
        CHECK_EQ_INT(done_int(result), 2);
    else
        mproc_result_release(result);
}

TEST(pool_retries, only_the_kinds_that_were_asked_for_are_tried_again) {
    mproc_pool_options_t options = {.processes = 1, .restart_limit = 100};
    mproc_pool_t *pool = pool_with(&options);
    const unsigned masks[] = {MPROC_RETRY_DIED, MPROC_RETRY_TIMEOUT, MPROC_RETRY_ERROR, 0};
    char name[] = "runs00";
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t mask = 0; mask < sizeof masks / sizeof masks[0]; mask++) {
            name[4] = (char)('0' + kind);
            name[5] = (char)('0' + mask);
            task_file_t runs = file_named(name);
            check_kind(pool, kind, masks[mask], &runs);
        }
    end_pool(pool);
}

TEST(pool_retries, without_retries_nothing_runs_twice) {
    mproc_pool_t *pool = pool_of(1);
    task_file_t runs = file_named("runs");
    CHECK_ERR(mproc_pool_apply(pool, &retry_first_fails, MPROC_ARGS(runs.path, MPROC_RETRY_DIED), NULL, NULL),
              MPROC_EDIED);
    CHECK_EQ_INT(apply_int(pool, &retry_pid, 0) > 0, 1);
    CHECK_EQ_INT(file_count(runs.path), 1);
    end_pool(pool);
}

TEST(pool_retries, a_map_tries_its_failed_items_again_and_no_others) {
    enum { COUNT = 12 };
    static task_file_t runs[COUNT];
    static mproc_arg_t args[COUNT][2];
    static mproc_args_t lists[COUNT];
    static const mproc_args_t *pointers[COUNT];
    mproc_pool_options_t options = {.processes = 2, .restart_limit = 100};
    mproc_task_options_t task = {.chunk = 4, .retries = 1};
    char name[] = "item_";
    for (int i = 0; i < COUNT; i++) {
        name[4] = (char)('a' + i);
        runs[i] = file_named(name);
        args[i][0] = mproc_arg_string(runs[i].path);
        args[i][1] = mproc_arg_int(i % 4 == 1 ? MPROC_RETRY_DIED : i % 4 == 2 ? MPROC_RETRY_ERROR : 0);
        lists[i] = (mproc_args_t){2, args[i]};
        pointers[i] = &lists[i];
    }
    mproc_pool_t *pool = pool_with(&options);
    CHECK_OK(mproc_pool_starmap(pool, &retry_first_fails, MPROC_ARGLISTS(pointers, COUNT), MPROC_KEEP, &task));
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ_INT(file_count(runs[i].path), i % 4 == 1 || i % 4 == 2 ? 2 : 1);
    mproc_pool_stats_t stats;
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.retried, COUNT / 2);
    CHECK_EQ_UINT(stats.succeeded, COUNT);
    CHECK_EQ_UINT(stats.died + stats.failed, 0);
    end_pool(pool);
}

TEST(pool_retries, the_back_off_is_waited_for) {
    mproc_pool_t *pool = pool_of(1);
    mproc_task_options_t options = {.retries = 2, .backoff_ms = 40, .backoff_max_ms = 50};
    int64_t from = test_now_ms();
    CHECK_ERR(mproc_pool_apply(pool, &retry_gate, MPROC_ARGS(1, 2), &options, NULL), MPROC_ETYPE);
    CHECK(test_now_ms() - from >= 40 + 50 - 2);
    end_pool(pool);
}

/* ---- deadlines --------------------------------------------------------------------------------------------------------- */

TEST(pool_retries, what_has_not_begun_by_its_deadline_never_runs) {
    mproc_pool_t *pool = pool_of(1);
    task_file_t gate = file_named("gate"), began = file_named("began"), late = file_named("late");
    mproc_task_options_t options = {.deadline_ms = 30};
    mproc_result_t *blocker = NULL, *waits = NULL;
    REQUIRE_OK(mproc_pool_apply_async(pool, &retry_gate, MPROC_ARGS(began.path, gate.path, 1), NULL, &blocker));
    REQUIRE(file_await(began.path));
    REQUIRE_OK(mproc_pool_apply_async(pool, &retry_gate, MPROC_ARGS(late.path, gate.path, 2), &options, &waits));
    CHECK_EQ_INT(done(waits), MPROC_ETASKTIMEOUT);
    REQUIRE_EQ_INT(file_add(gate.path), 0);
    CHECK_EQ_INT(done_int(blocker), 1);
    end_pool(pool);
    CHECK_EQ_INT(file_count(late.path), 0);
}

TEST(pool_retries, the_deadline_of_a_map_costs_only_what_is_not_done) {
    enum { COUNT = 8, HANGS = 4 };
    mproc_pool_t *pool = pool_of(1);
    task_file_t open = file_named("open"), never = file_named("never"), began = file_named("began");
    static mproc_arg_t args[COUNT][3];
    static mproc_args_t lists[COUNT];
    static const mproc_args_t *pointers[COUNT];
    mproc_task_options_t options = {.chunk = 1, .deadline_ms = SOON_MS};
    mproc_result_t *result = NULL;
    REQUIRE_EQ_INT(file_add(open.path), 0);
    for (int i = 0; i < COUNT; i++) {
        args[i][0] = mproc_arg_string(began.path);
        args[i][1] = mproc_arg_string(i == HANGS ? never.path : open.path);
        args[i][2] = mproc_arg_int(i);
        lists[i] = (mproc_args_t){3, args[i]};
        pointers[i] = &lists[i];
    }
    (void)apply_int(pool, &retry_pid, 0);
    REQUIRE_OK(
        mproc_pool_starmap_async(pool, &retry_gate, MPROC_ARGLISTS(pointers, COUNT), MPROC_KEEP, &options, &result));
    CHECK_ERR(mproc_result_get(result, LONG_MS, NULL), MPROC_ETASKTIMEOUT);
    for (size_t i = 0; i < COUNT; i++) {
        mproc_item_t item;
        REQUIRE_OK(mproc_result_item(result, i, &item));
        CHECK_EQ_INT(item.code, i < HANGS ? MPROC_OK : MPROC_ETASKTIMEOUT);
    }
    mproc_result_release(result);
    CHECK(apply_int(pool, &retry_pid, 0) > 0);
    end_pool(pool);
    CHECK_EQ_INT(file_count(began.path), HANGS + 1);
}

/* ---- soft time-outs ---------------------------------------------------------------------------------------------------- */

TEST(pool_retries, a_soft_timeout_is_each_items_own) {
    enum { COUNT = 6 };
    static int64_t xs[COUNT];
    mproc_pool_t *pool = pool_of(2);
    mproc_task_options_t options = {.chunk = 3, .soft_timeout_ms = 30};
    mproc_result_t *result = NULL;
    mproc_pool_stats_t stats;
    REQUIRE_OK(mproc_pool_map_async(pool, &retry_polite, MPROC_ARRAY(xs, COUNT), MPROC_KEEP, &options, &result));
    CHECK_OK(mproc_result_get(result, LONG_MS, NULL));
    for (size_t i = 0; i < COUNT; i++) {
        mproc_item_t item;
        bool polite = false;
        REQUIRE_OK(mproc_result_item(result, i, &item));
        CHECK_OK(mproc_value_as_bool(item.value, &polite));
        CHECK(polite);
    }
    mproc_result_release(result);
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.workers_killed + stats.workers_crashed, 0);
    end_pool(pool);
}

TEST(pool_retries, a_task_deaf_to_its_soft_timeout_is_killed_at_the_hard_one) {
    mproc_pool_t *pool = pool_of(1);
    task_file_t began = file_named("began"), never = file_named("never");
    mproc_task_options_t options = {.soft_timeout_ms = 20, .timeout_ms = 200};
    CHECK_ERR(mproc_pool_apply(pool, &retry_gate, MPROC_ARGS(began.path, never.path, 1), &options, NULL),
              MPROC_ETASKTIMEOUT);
    CHECK_HAS_STR(mproc_last_error()->message, "Task 'retry_gate': worker 0");
    CHECK_HAS_STR(mproc_last_error()->message, "timeout_ms");
    CHECK(mproc_last_error()->pid > 0);
    end_pool(pool);
}

/* ---- policies of maps -------------------------------------------------------------------------------------------------- */

enum { POLICY_ITEMS = 20 };

/* Which item but the first has begun; 0 when none has. */
static int other_begun(const task_file_t *began) {
    for (int i = 1; i < POLICY_ITEMS; i++) {
        if (file_exists(began[i].path))
            return i;
    }
    return 0;
}

/* MPROC_ESTATE while it is not done. */
static int code_of(mproc_result_t *result, int index) {
    mproc_item_t item;
    int err = mproc_result_item(result, (size_t)index, &item);
    return err == MPROC_OK ? item.code : err;
}

static int count_of(mproc_result_t *result, int code) {
    int count = 0;
    for (int i = 0; i < POLICY_ITEMS; i++)
        count += code_of(result, i) == code;
    return count;
}

/* The first item fails once its gate is open, while another waits at its own; everything after could run at once. */
static void check_policy(mproc_map_policy_t policy) {
    static task_file_t began[POLICY_ITEMS];
    mproc_pool_t *pool = pool_of(2);
    task_file_t first = file_named("first"), second = file_named("second");
    mproc_arg_t args[POLICY_ITEMS][3];
    mproc_args_t lists[POLICY_ITEMS];
    const mproc_args_t *pointers[POLICY_ITEMS];
    mproc_task_options_t options = {.chunk = 1, .policy = policy};
    mproc_result_t *result = NULL;
    char name[] = "item_";
    for (int i = 0; i < POLICY_ITEMS; i++) {
        name[4] = (char)('a' + i);
        began[i] = file_named(name);
        args[i][0] = mproc_arg_string(began[i].path);
        args[i][1] = mproc_arg_string(i == 0 ? first.path : second.path);
        args[i][2] = mproc_arg_int(i == 0 ? -7 : i);
        lists[i] = (mproc_args_t){3, args[i]};
        pointers[i] = &lists[i];
    }
    REQUIRE_OK(mproc_pool_starmap_async(pool, &retry_gate, MPROC_ARGLISTS(pointers, POLICY_ITEMS), MPROC_KEEP, &options,
                                        &result));
    for (int i = 0; i < 30000 && (other_begun(began) == 0 || !file_exists(began[0].path)); i++)
        test_sleep_ms(1);
    int other = other_begun(began);
    REQUIRE(other > 0);
    REQUIRE_EQ_INT(file_add(first.path), 0);
    while (code_of(result, 0) == MPROC_ESTATE)
        test_sleep_ms(1);
    if (policy != MPROC_MAP_CANCEL)
        REQUIRE_EQ_INT(file_add(second.path), 0);
    CHECK_ERR(mproc_result_get(result, LONG_MS, NULL), MPROC_ETASK);
    CHECK_EQ_INT(mproc_last_error()->item, 0);
    CHECK_EQ_INT(code_of(result, 0), MPROC_ETASK);
    CHECK_EQ_INT(code_of(result, other), policy == MPROC_MAP_CANCEL ? MPROC_ECANCELLED : MPROC_OK);
    /* The worker of the first item may have begun one more before it could be told; a stop lets that one end. */
    int ended = count_of(result, MPROC_OK), cancelled = count_of(result, MPROC_ECANCELLED);
    CHECK_EQ_INT(ended + cancelled, POLICY_ITEMS - 1);
    if (policy == MPROC_MAP_COLLECT)
        CHECK_EQ_INT(cancelled, 0);
    else
        CHECK(ended <= (policy == MPROC_MAP_STOP ? 2 : 0));
    mproc_result_release(result);
    end_pool(pool);
}

TEST(pool_retries, a_collecting_map_runs_every_item_whatever_fails) {
    check_policy(MPROC_MAP_COLLECT);
}

TEST(pool_retries, a_stopping_map_lets_end_what_runs) {
    check_policy(MPROC_MAP_STOP);
}

TEST(pool_retries, a_cancelling_map_kills_what_runs) {
    check_policy(MPROC_MAP_CANCEL);
}

static int pull_negative(void *context, int64_t index, mproc_args_t *out_args) {
    mproc_arg_t *args = context;
    args[2] = mproc_arg_int(index == 5 ? -1 : index);
    *out_args = (mproc_args_t){3, args};
    return MPROC_OK;
}

TEST(pool_retries, an_iterator_that_stops_ends_an_endless_input) {
    mproc_pool_t *pool = pool_of(2);
    task_file_t open = file_named("open"), began = file_named("began");
    mproc_arg_t args[3] = {mproc_arg_string(began.path), mproc_arg_string(open.path), mproc_arg_int(0)};
    mproc_task_options_t options = {.chunk = 1, .policy = MPROC_MAP_STOP};
    mproc_iter_t *iter = NULL;
    mproc_item_t item;
    int err = MPROC_OK, failed = 0, count = 0;
    REQUIRE_EQ_INT(file_add(open.path), 0);
    REQUIRE_OK(mproc_pool_istarmap(pool, &retry_gate, MPROC_PULL(pull_negative, args), &options, &iter));
    for (; count < 1000; count++) {
        err = mproc_iter_next(iter, LONG_MS, &item);
        if (err == MPROC_EEND)
            break;
        CHECK(err == MPROC_OK || err == (item.index == 5 ? MPROC_ETASK : MPROC_ECANCELLED));
        CHECK_EQ_INT(item.index, count);
        failed += err == MPROC_ETASK;
    }
    CHECK_EQ_INT(err, MPROC_EEND);
    CHECK_EQ_INT(failed, 1);
    CHECK(count >= 6);
    mproc_iter_destroy(iter);
    end_pool(pool);
}
