/* SPDX-License-Identifier: Apache-2.0 */
/* Pools among parents and children: pools in tasks, what is left when a process with a pool ends or is killed, and Ctrl-C. The
 * process with the pool is a child itself, so that a test sees its whole life. */
#include "pool_help.h"
#include "process_help.h"
#include "process_host.h"
#include "task_files.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 3 };

_Noreturn static void burn(void) {
    for (volatile unsigned number = 0;; number++)
        continue;
}

/* Says in a file of this folder which process has this name. */
static int announce(mproc_call_t *call, const char *folder, const char *name) {
    char path[1200], text[64];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)snprintf(text, sizeof text, "%lld\n", (long long)host_pid());
    return write_file(path, text) == 0 ? MPROC_OK : mproc_call_fail(call, 1, "cannot write %s", path);
}

/* Announces itself, and computes for ever or rests. */
MPROC_TASK(family_worker) {
    const char *folder = "", *name = "";
    bool busy = false;
    int err = mproc_call_args(call, "ssb", &folder, &name, &busy);
    if (err == MPROC_OK)
        err = announce(call, folder, name);
    if (err == MPROC_OK && busy)
        burn();
    return err;
}

/* Each worker by its number. */
MPROC_TASK(family_number) {
    const char *folder = "";
    char name[32];
    int err = mproc_call_args(call, "s", &folder);
    (void)snprintf(name, sizeof name, "worker%d", mproc_call_worker(call));
    return err == MPROC_OK ? announce(call, folder, name) : err;
}

/* A task with a process of its own, which computes for ever; so does the task. */
MPROC_TASK(family_with_child) {
    const char *folder = "";
    mproc_process_t *child = NULL;
    int err = mproc_call_args(call, "s", &folder);
    mproc_process_options_t options = {.target = &family_worker, .args = MPROC_ARGS(folder, "child", MPROC_BOOL(1))};
    if (err == MPROC_OK)
        err = mproc_process_create(&options, &child);
    if (err == MPROC_OK)
        err = mproc_process_start(child);
    if (err == MPROC_OK)
        burn();
    return err;
}

MPROC_TASK(family_square) {
    const int64_t *input = NULL;
    int64_t *output = NULL;
    size_t size = 0;
    mproc_call_input(call, (const void **)&input, &size);
    int err = mproc_call_reserve(call, sizeof *output, (void **)&output);
    if (err == MPROC_OK)
        *output = *input * *input;
    return err;
}

static void warm_up(void) {
    warm_up_pool(&family_square);
    warm_up_with(&family_square);
}
TEST_WARM_UP(warm_up)

static int64_t await_pid(const char *name) {
    task_file_t file = file_named(name);
    return strtoll(await_file(file.path), NULL, 10);
}

static bool are_gone(void *pids) {
    bool gone = true;
    for (const int64_t *pid = pids; *pid != 0; pid++)
        gone = gone && !host_runs(*pid);
    return gone;
}

/* ---- the end of who has the pool ----------------------------------------------------------------------------------------- */

/* Has a pool with a worker that computes, one whose task has a process, and one that rests; then ends in the given way. */
MPROC_TASK(family_owner) {
    const char *folder = "", *then = "";
    mproc_pool_options_t options = {.processes = WORKERS};
    mproc_pool_t *pool = NULL;
    int err = mproc_call_args(call, "ss", &folder, &then);
    if (err == MPROC_OK)
        err = mproc_pool_create(&options, &pool);
    if (err == MPROC_OK)
        err = mproc_pool_run_on_all(pool, &family_number, MPROC_ARGS(folder), NULL, NULL);
    const mproc_args_t *busy = MPROC_ARGS(folder, "busy", MPROC_BOOL(1));
    if (err == MPROC_OK)
        err = mproc_pool_apply_async(pool, &family_worker, busy, NULL, NULL);
    if (err == MPROC_OK)
        err = mproc_pool_apply_async(pool, &family_with_child, MPROC_ARGS(folder), NULL, NULL);
    if (err != MPROC_OK)
        return err;
    char path[1200];
    (void)snprintf(path, sizeof path, "%s/end", folder);
    file_gate(path);
    if (strcmp(then, "exit") == 0)
        exit(5);
    if (strcmp(then, "burn") == 0)
        burn();
    return mproc_call_return(call, 7);
}

/* The processes of an owner: workers, the process of one's task; all run. A zero ends the list. */
static mproc_process_t *start_owner(const char *then, int64_t pids[WORKERS + 2]) {
    char name[32];
    mproc_process_t *owner = started(
        &(mproc_process_options_t){.target = &family_owner, .args = MPROC_ARGS(test_temp_dir(), then), .result = true});
    for (int i = 0; i < WORKERS; i++) {
        (void)snprintf(name, sizeof name, "worker%d", i);
        pids[i] = await_pid(name);
    }
    pids[WORKERS] = await_pid("child");
    pids[WORKERS + 1] = 0;
    CHECK(await_pid("busy") > 0);
    for (int i = 0; i <= WORKERS; i++)
        REQUIRE(pids[i] > 0 && host_runs(pids[i]));
    return owner;
}

static void let_end(void) {
    task_file_t end = file_named("end");
    REQUIRE_EQ_INT(file_add(end.path), 0);
}

TEST(pool_family, workers_and_their_children_end_when_their_parent_is_killed) {
    int64_t pids[WORKERS + 2];
    mproc_process_t *owner = start_owner("burn", pids);
    let_end();
    REQUIRE(host_kill(mproc_process_pid(owner)));
    CHECK(test_wait_until(are_gone, pids, 30000));
    CHECK_OK(mproc_process_join(owner, LONG_MS));
    mproc_process_destroy(owner);
}

TEST(pool_family, workers_and_their_children_end_when_their_parent_exits) {
    int64_t pids[WORKERS + 2];
    mproc_process_t *owner = start_owner("exit", pids);
    let_end();
    mproc_exit_t end = exit_of(owner);
    CHECK_EQ_INT(end.how, MPROC_EXIT_EXITED);
    CHECK_EQ_INT(end.code, 5);
    CHECK(test_wait_until(are_gone, pids, 30000));
    mproc_process_destroy(owner);
}

TEST(pool_family, a_task_may_leave_its_pool_open_and_busy) {
    int64_t pids[WORKERS + 2];
    mproc_process_t *owner = start_owner("return", pids);
    let_end();
    CHECK_EQ_STR(result_repr(owner), "7");
    CHECK(test_wait_until(are_gone, pids, 30000));
    mproc_process_destroy(owner);
}

TEST(pool_family, a_task_that_is_killed_takes_its_processes_along) {
    mproc_pool_t *pool = pool_of(1);
    mproc_result_t *result = NULL;
    int64_t pids[2] = {0};
    REQUIRE_OK(mproc_pool_apply_async(pool, &family_with_child, MPROC_ARGS(test_temp_dir()), NULL, &result));
    pids[0] = await_pid("child");
    REQUIRE(pids[0] > 0 && host_runs(pids[0]));
    CHECK_OK(mproc_result_cancel(result, 0));
    CHECK_EQ_INT(done(result), MPROC_ECANCELLED);
    CHECK(test_wait_until(are_gone, pids, 30000));
    end_pool(pool);
}

/* ---- pools in tasks -------------------------------------------------------------------------------------------------------- */

enum { NESTED = 50 };

/* Sums squares with a pool of its own, which at the last level maps and above runs itself. */
MPROC_TASK(family_nested) {
    int64_t depth = 0, xs[NESTED], ys[NESTED], sum = 0;
    mproc_pool_options_t options = {.processes = 2};
    mproc_pool_t *pool = NULL;
    int err = mproc_call_args(call, "x", &depth);
    if (err == MPROC_OK)
        err = mproc_pool_create(&options, &pool);
    for (int64_t i = 0; i < NESTED; i++)
        xs[i] = i;
    if (err == MPROC_OK && depth == 0)
        err = mproc_pool_map(pool, &family_square, MPROC_ARRAY(xs, NESTED), MPROC_INTO(ys, NESTED), NULL);
    for (int i = 0; err == MPROC_OK && depth == 0 && i < NESTED; i++)
        sum += ys[i];
    if (err == MPROC_OK && depth > 0) {
        mproc_result_t *result = NULL;
        const mproc_value_t *value = NULL;
        err = mproc_pool_apply(pool, mproc_call_task(call), MPROC_ARGS(depth - 1), NULL, &result);
        if (err == MPROC_OK && (err = mproc_result_get(result, 0, &value)) == MPROC_OK)
            err = mproc_value_as_int(value, &sum);
        mproc_result_release(result);
    }
    mproc_pool_destroy(pool);
    return err == MPROC_OK ? mproc_call_return(call, sum) : err;
}

TEST(pool_family, a_task_has_a_pool_whose_task_has_a_pool) {
    mproc_pool_t *pool = pool_of(2);
    mproc_result_t *results[4];
    for (int i = 0; i < 4; i++)
        results[i] = start(pool, &family_nested, i % 2 + 1, NULL);
    for (int i = 0; i < 4; i++)
        CHECK_EQ_INT(done_int(results[i]), (NESTED - 1) * NESTED * (2 * NESTED - 1) / 6);
    end_pool(pool);
}

/* ---- Ctrl-C ------------------------------------------------------------------------------------------------------------------ */

/* A process group with a pool gets what Ctrl-C sends, several times; its own process survives if it catches that. */
MPROC_TASK(family_interrupted) {
    const char *folder = "";
    bool catches = false;
    char gate[1200];
    int64_t xs[NESTED] = {0}, ys[NESTED];
    mproc_pool_options_t options = {.processes = WORKERS};
    mproc_pool_t *pool = NULL;
    mproc_pool_stats_t stats;
    int err = mproc_call_args(call, "sb", &folder, &catches);
    if (err == MPROC_OK)
        err = mproc_pool_create(&options, &pool);
    if (err == MPROC_OK)
        err = mproc_pool_run_on_all(pool, &family_number, MPROC_ARGS(folder), NULL, NULL);
    for (int i = 0; err == MPROC_OK && i < WORKERS; i++) {
        (void)snprintf(gate, sizeof gate, "%s/worker%d", folder, i);
        file_gate(gate);
    }
    if (catches)
        host_catch_interrupt();
    for (int i = 0; err == MPROC_OK && i < 20; i++) {
        (void)host_interrupt_group();
        err = mproc_pool_map(pool, &family_square, MPROC_ARRAY(xs, NESTED), MPROC_INTO(ys, NESTED), NULL);
    }
    if (err == MPROC_OK)
        err = mproc_pool_stats(pool, &stats);
    mproc_pool_destroy(pool);
    return err != MPROC_OK ? err
                           : mproc_call_return(call, MPROC_LIST(MPROC_BOOL(host_interrupts() > 0),
                                                                stats.workers_started, stats.workers_crashed));
}

static mproc_process_t *start_interrupted(bool catches, const char *output) {
    return started(&(mproc_process_options_t){.target = &family_interrupted,
                                              .args = MPROC_ARGS(test_temp_dir(), MPROC_BOOL(catches)),
                                              .own_group = true,
                                              .result = true,
                                              .standard_output = {.kind = MPROC_STDIO_FILE, .path = output},
                                              .standard_error = {.kind = MPROC_STDIO_STDOUT}});
}

TEST(pool_family, ctrl_c_ends_no_worker_and_the_parent_decides) {
    task_file_t output = file_named("output");
    if (!host_has_terminate())
        SKIP("a group of processes cannot be interrupted here");
    mproc_process_t *owner = start_interrupted(true, output.path);
    CHECK_EQ_STR(result_repr(owner), "[True, 3, 0]");
    CHECK_EQ_STR(read_file(output.path), "");
    mproc_process_destroy(owner);
}

TEST(pool_family, ctrl_c_that_ends_the_parent_ends_its_workers_without_a_word) {
    task_file_t output = file_named("output");
    int64_t pids[WORKERS + 1] = {0};
    char name[32];
    if (!host_has_terminate())
        SKIP("a group of processes cannot be interrupted here");
    mproc_process_t *owner = start_interrupted(false, output.path);
    for (int i = 0; i < WORKERS; i++) {
        (void)snprintf(name, sizeof name, "worker%d", i);
        pids[i] = await_pid(name);
    }
    mproc_exit_t end = exit_of(owner);
    CHECK_EQ_INT(end.how, MPROC_EXIT_SIGNALLED);
    CHECK_EQ_STR(end.name, "SIGINT");
    CHECK(test_wait_until(are_gone, pids, 30000));
    CHECK_EQ_STR(read_file(output.path), "");
    mproc_process_destroy(owner);
}
