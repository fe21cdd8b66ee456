/* SPDX-License-Identifier: Apache-2.0 */
/* The crash matrix: every way to fail, at every place in a worker's life, for every kind of call and several numbers of workers.
 * Exactly what ran fails, with the right kind; all else is right; the pool works afterwards. */
#include "pool_help.h"
#include "process_host.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 24, BAD = 7 };

typedef enum {
    HOW_ERROR,
    HOW_EXIT_0,
    HOW_EXIT_7,
    HOW_ABORT,
    HOW_FAULT,
    HOW_OVERFLOW,
    HOW_KILLED,
    HOW_MEMORY,
    HOW_DEAF,
    HOWS
} how_t;
typedef enum { WHERE_ARGUMENTS, WHERE_TASK, WHERE_RESULT, WHERE_AFTER, WHERES } where_t;
typedef enum { CALL_APPLY, CALL_MAP, CALL_IMAP, CALL_ASYNC, CALLS } call_t;

static const char *const how_names[] = {"error",    "exit(0)", "exit(7)",   "abort",    "segfault",
                                        "overflow", "killed",  "no memory", "deaf hang"};
static const char *const where_names[] = {"arguments", "task", "large result", "after the result"};
static const char *const call_names[] = {"apply", "map", "imap", "async"};

static volatile int depth;

static int overflow(int n) {
    volatile char room[4096];
    room[0] = (char)n;
    depth++;
    return n < depth + 1 ? overflow(n + 1) + room[0] + depth : depth;
}

static int fail_somehow(mproc_call_t *call, how_t how) {
    static volatile uintptr_t nowhere = 16;
    void *data = NULL;
    switch (how) {
    case HOW_ERROR:
        return mproc_call_fail(call, 3, "as told");
    case HOW_EXIT_0:
        exit(0);
    case HOW_EXIT_7:
        exit(7);
    case HOW_ABORT:
        abort();
    case HOW_FAULT:
        *(volatile int *)nowhere = 1;
        break;
    case HOW_OVERFLOW:
        depth = overflow(0);
        break;
    case HOW_KILLED:
        (void)host_kill(host_pid());
        host_sleep_forever();
    case HOW_MEMORY:
        return mproc_call_reserve(call, SIZE_MAX / 4, &data);
    case HOW_DEAF:
        (void)host_ignore_terminate();
        host_sleep_forever();
    case HOWS:
        break;
    }
    return MPROC_OK;
}

/* Item, how and where of the bad item; gives twice its number. */
MPROC_TASK(matrix_item) {
    int64_t code = 0;
    if (mproc_call_arg_count(call) != 1)
        return mproc_call_fail(call, 1, "arguments");
    int64_t packed = 0;
    int err = mproc_value_as_int(mproc_call_arg(call, 0), &packed);
    int64_t item = packed & 0xffff;
    int64_t how = packed >> 16 & 0xff;
    int64_t where = packed >> 24 & 0xff;
    bool bad = item == BAD;
    if (err == MPROC_OK && bad && (where == WHERE_ARGUMENTS || where == WHERE_TASK))
        return fail_somehow(call, (how_t)how);
    if (err == MPROC_OK && bad && where == WHERE_RESULT) {
        char *large = NULL;
        err = mproc_call_reserve(call, 4 << 20, (void **)&large);
        if (err != MPROC_OK)
            return err;
        memset(large, 1, 2 << 20);
        return fail_somehow(call, (how_t)how);
    }
    code = item * 2;
    err = mproc_call_return(call, code);
    if (err == MPROC_OK && bad && where == WHERE_AFTER)
        return fail_somehow(call, (how_t)how);
    return err;
}

static int64_t pack(int64_t item, how_t how, where_t where) {
    return item | (int64_t)how << 16 | (int64_t)where << 24;
}

static int expected_code(how_t how) {
    if (how == HOW_ERROR)
        return MPROC_ETASK;
    if (how == HOW_MEMORY)
        return MPROC_ENOMEM;
    return how == HOW_DEAF ? MPROC_ETASKTIMEOUT : MPROC_EDIED;
}

typedef struct outcome {
    int code;
    int64_t value;
} outcome_t;

static outcome_t outcome_of(int code, const mproc_value_t *value) {
    outcome_t outcome = {code, -1};
    if (code == MPROC_OK && mproc_value_as_int(value, &outcome.value) != MPROC_OK)
        outcome.value = -2;
    return outcome;
}

typedef struct cell {
    mproc_pool_t *pool;
    how_t how;
    where_t where;
    mproc_task_options_t options;
    mproc_args_t lists[ITEMS];
    mproc_arg_t args[ITEMS];
    const mproc_args_t *pointers[ITEMS];
    outcome_t outcomes[ITEMS];
} cell_t;

static void run_apply(cell_t *cell) {
    for (int i = 0; i < ITEMS; i++) {
        mproc_result_t *result = NULL;
        const mproc_value_t *value = NULL;
        int code = mproc_pool_apply(cell->pool, &matrix_item, cell->pointers[i], &cell->options, &result);
        if (code == MPROC_OK)
            code = mproc_result_get(result, 0, &value);
        cell->outcomes[i] = outcome_of(code, value);
        mproc_result_release(result);
    }
}

static void run_async(cell_t *cell) {
    mproc_result_t *results[ITEMS];
    for (int i = 0; i < ITEMS; i++)
        REQUIRE_OK(mproc_pool_apply_async(cell->pool, &matrix_item, cell->pointers[i], &cell->options, &results[i]));
    for (int i = 0; i < ITEMS; i++) {
        const mproc_value_t *value = NULL;
        int code = mproc_result_get(results[i], LONG_MS, &value);
        cell->outcomes[i] = outcome_of(code, value);
        mproc_result_release(results[i]);
    }
}

static void run_map(cell_t *cell) {
    mproc_result_t *result = NULL;
    cell->options.chunk = 6;
    REQUIRE_OK(mproc_pool_map_async(cell->pool, &matrix_item, MPROC_ARGLISTS(cell->pointers, ITEMS), MPROC_KEEP,
                                    &cell->options, &result));
    CHECK_OK(mproc_result_wait(result, LONG_MS));
    for (size_t i = 0; i < ITEMS; i++) {
        mproc_item_t item = {.code = -1000};
        CHECK_OK(mproc_result_item(result, i, &item));
        cell->outcomes[i] = outcome_of(item.code, item.value);
    }
    mproc_result_release(result);
}

static void run_imap(cell_t *cell) {
    mproc_iter_t *iter = NULL;
    cell->options.chunk = 3;
    REQUIRE_OK(mproc_pool_imap(cell->pool, &matrix_item, MPROC_ARGLISTS(cell->pointers, ITEMS), &cell->options, &iter));
    for (int i = 0; i < ITEMS; i++) {
        mproc_item_t item = {.code = -1000};
        int code = mproc_iter_next(iter, LONG_MS, &item);
        CHECK_EQ_INT(item.index, i);
        cell->outcomes[i] = outcome_of(code, item.value);
    }
    mproc_iter_destroy(iter);
}

static void check_cell(how_t how, where_t where, call_t kind, int workers) {
    static void (*const runs[])(cell_t *) = {run_apply, run_map, run_imap, run_async};
    mproc_pool_options_t options = {.processes = workers, .restart_limit = 100};
    cell_t cell = {.how = how, .where = where};
    cell.pool = pool_with(&options);
    if (how == HOW_DEAF)
        cell.options.timeout_ms = 150 * test_time_scale();
    for (int i = 0; i < ITEMS; i++) {
        cell.args[i] = mproc_arg_int(pack(i, how, where));
        cell.lists[i] = (mproc_args_t){1, &cell.args[i]};
        cell.pointers[i] = &cell.lists[i];
    }
    runs[kind](&cell);
    for (int i = 0; i < ITEMS; i++) {
        int code = i == BAD ? expected_code(how) : MPROC_OK;
        bool right = cell.outcomes[i].code == code && (i == BAD || cell.outcomes[i].value == INT64_C(2) * i);
        test_assert(right, TEST_HERE, false, "%s, %s, %s, %d workers, item %d: code %d (want %d), value %d",
                    how_names[how], where_names[where], call_names[kind], workers, i, cell.outcomes[i].code, code,
                    (int)cell.outcomes[i].value);
    }
    mproc_result_t *after = start(cell.pool, &matrix_item, pack(100, how, where), NULL);
    CHECK_EQ_INT(done_int(after), 200);
    end_pool(cell.pool);
}

static void check_where(where_t where, int workers) {
    for (int how = 0; how < HOWS; how++) {
        for (int kind = 0; kind < CALLS; kind++)
            check_cell((how_t)how, where, (call_t)kind, workers);
    }
}

MPROC_TASK(matrix_nothing) {
    (void)call;
    return MPROC_OK;
}

static void warm_up(void) {
    warm_up_pool(&matrix_nothing);
}
TEST_WARM_UP(warm_up)

TEST(pool_matrix, failures_before_the_task_looks_at_its_arguments) {
    check_where(WHERE_ARGUMENTS, 1);
    check_where(WHERE_ARGUMENTS, 2);
}

TEST(pool_matrix, failures_in_the_task_of_one_worker) {
    check_where(WHERE_TASK, 1);
}

TEST(pool_matrix, failures_in_the_task_of_two_workers) {
    check_where(WHERE_TASK, 2);
}

TEST(pool_matrix, failures_in_the_task_of_sixteen_workers) {
    check_where(WHERE_TASK, 16);
}

TEST(pool_matrix, failures_before_the_task_looks_at_its_arguments_of_sixteen_workers) {
    check_where(WHERE_ARGUMENTS, 16);
}

TEST(pool_matrix, failures_while_a_large_result_is_written) {
    check_where(WHERE_RESULT, 1);
    check_where(WHERE_RESULT, 2);
}

TEST(pool_matrix, failures_while_a_large_result_is_written_by_sixteen_workers) {
    check_where(WHERE_RESULT, 16);
}

TEST(pool_matrix, failures_after_the_result) {
    check_where(WHERE_AFTER, 1);
    check_where(WHERE_AFTER, 2);
}

TEST(pool_matrix, failures_after_the_result_of_sixteen_workers) {
    check_where(WHERE_AFTER, 16);
}

/* ---- outside tasks: no task is hurt ---------------------------------------------------------------------------------------- */

/* The first worker that comes here fails, the next ones find the file. */
static int fail_first(mproc_call_t *call, const char *path, how_t how) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        file = fopen(path, "w");
        if (file != NULL)
            (void)fclose(file);
        return fail_somehow(call, how);
    }
    (void)fclose(file);
    return MPROC_OK;
}

MPROC_TASK(matrix_initializer) {
    const char *path = NULL;
    int64_t how = 0;
    int err = mproc_call_args(call, "sx", &path, &how);
    return err != MPROC_OK ? err : fail_first(call, path, (how_t)how);
}

MPROC_TASK(matrix_finalizer_abort) {
    (void)call;
    abort();
}

MPROC_TASK(matrix_finalizer_exit) {
    (void)call;
    exit(7);
}

static void exit_badly(void) {
    abort();
}

MPROC_TASK(matrix_bad_exit_hook) {
    (void)call;
    return atexit(exit_badly) == 0 ? MPROC_OK : mproc_call_fail(call, 1, "atexit");
}

TEST(pool_matrix, a_worker_that_fails_in_its_initializer_hurts_no_task) {
    for (int how = 0; how < HOWS; how++) {
        char name[16], path[1200];
        (void)snprintf(name, sizeof name, "init%d", how);
        test_temp_path(name, path, sizeof path);
        mproc_pool_options_t options = {.processes = 2,
                                        .initializer = &matrix_initializer,
                                        .initargs = MPROC_ARGS((const char *)path, how),
                                        .restart_limit = 100,
                                        .start_timeout_ms = 2000 * test_time_scale()};
        mproc_pool_t *pool = pool_with(&options);
        mproc_result_t *results[ITEMS];
        for (int i = 0; i < ITEMS; i++)
            results[i] = start(pool, &matrix_item, pack(100 + i, HOWS, WHERES), NULL);
        for (int i = 0; i < ITEMS; i++)
            CHECK_EQ_INT(done_int(results[i]), INT64_C(2) * (100 + i));
        end_pool(pool);
    }
}

/* What a thread does that a task has left behind, once its worker rests. */
static void fail_later(void *arg) {
    host_sleep_ms(20);
    (void)fail_somehow(NULL, *(how_t *)arg);
}

MPROC_TASK(matrix_leaves_a_thread) {
    static how_t how;
    int64_t number = 0;
    int err = mproc_call_args(call, "x", &number);
    if (err != MPROC_OK)
        return err;
    how = (how_t)number;
    host_run_beside(fail_later, &how);
    return MPROC_OK;
}

static bool has_lost_one(void *pool) {
    mproc_pool_stats_t stats;
    return mproc_pool_stats(pool, &stats) == MPROC_OK && stats.workers_crashed > 0;
}

static void check_idle(int workers) {
    static void (*const runs[])(cell_t *) = {run_apply, run_map, run_imap, run_async};
    const how_t hows[] = {HOW_EXIT_0, HOW_EXIT_7, HOW_ABORT, HOW_FAULT, HOW_OVERFLOW, HOW_KILLED};
    mproc_pool_options_t options = {.processes = workers, .restart_limit = 100};
    for (size_t h = 0; h < sizeof hows / sizeof hows[0]; h++) {
        cell_t cell = {.pool = pool_with(&options)};
        CHECK_OK(mproc_pool_apply(cell.pool, &matrix_leaves_a_thread, MPROC_ARGS((int)hows[h]), NULL, NULL));
        CHECK(test_wait_until(has_lost_one, cell.pool, 30000));
        for (int i = 0; i < ITEMS; i++) {
            cell.args[i] = mproc_arg_int(pack(100 + i, HOWS, WHERES));
            cell.lists[i] = (mproc_args_t){1, &cell.args[i]};
            cell.pointers[i] = &cell.lists[i];
        }
        runs[h % CALLS](&cell);
        for (int i = 0; i < ITEMS; i++)
            CHECK(cell.outcomes[i].code == MPROC_OK && cell.outcomes[i].value == INT64_C(2) * (100 + i));
        end_pool(cell.pool);
    }
}

TEST(pool_matrix, a_worker_that_fails_while_it_rests_hurts_no_task) {
    check_idle(1);
    check_idle(2);
    check_idle(16);
}

static void check_end(const mproc_task_t *task, const mproc_task_t *finalizer) {
    for (int workers = 1; workers <= 2; workers++) {
        mproc_pool_options_t options = {
            .processes = workers, .finalizer = finalizer, .maxtasksperchild = 4, .restart_limit = 100};
        mproc_pool_t *pool = pool_with(&options);
        for (int i = 0; i < ITEMS; i++)
            CHECK_OK(mproc_pool_apply(pool, task, NULL, NULL, NULL));
        end_pool(pool);
    }
}

TEST(pool_matrix, a_worker_that_fails_at_its_end_hurts_no_task) {
    check_end(&matrix_nothing, &matrix_finalizer_abort);
    check_end(&matrix_nothing, &matrix_finalizer_exit);
    check_end(&matrix_bad_exit_hook, NULL);
}

MPROC_TASK(matrix_pid) {
    return mproc_call_return(call, host_pid());
}

TEST(pool_matrix, workers_that_are_killed_while_they_start_hurt_no_task) {
    mproc_pool_options_t options = {.processes = 4, .restart_limit = 1000};
    for (int round = 0; round < 5; round++) {
        mproc_pool_t *pool = pool_with(&options);
        mproc_result_t *results[ITEMS];
        for (int i = 0; i < ITEMS; i++)
            results[i] = start(pool, &matrix_item, pack(100 + i, HOWS, WHERES), NULL);
        (void)host_kill(apply_int(pool, &matrix_pid, 0));
        for (int i = 0; i < ITEMS; i++) {
            int err = done(results[i]);
            CHECK(err == MPROC_OK || err == MPROC_EDIED);
        }
        end_pool(pool);
    }
}

TEST(pool_matrix, terminate_while_a_large_result_is_written) {
    for (int round = 0; round < 10; round++) {
        mproc_pool_t *pool = pool_of(2);
        mproc_result_t *results[4];
        for (int i = 0; i < 4; i++)
            results[i] = start(pool, &matrix_item, pack(BAD, HOW_DEAF, WHERE_RESULT), NULL);
        test_sleep_ms(10 * round);
        CHECK_OK(mproc_pool_terminate(pool));
        CHECK_OK(mproc_pool_join(pool, LONG_MS));
        for (int i = 0; i < 4; i++)
            CHECK_EQ_INT(done(results[i]), MPROC_ECANCELLED);
        mproc_pool_destroy(pool);
    }
}
