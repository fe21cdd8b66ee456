/* SPDX-License-Identifier: Apache-2.0 */
/* Parents, children and grandchildren: who knows whom, in which order things are said, and who outlives whom. Programs that end
 * are children themselves, so that a test can watch their whole life. */
#include "process_help.h"
#include "process_host.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MPROC_TASK_DECLARE(family_tell);
MPROC_TASK_DECLARE(family_parent);

MPROC_TASK(family_nothing) {
    return MPROC_OK;
}

_Noreturn static void burn(void) {
    for (volatile unsigned number = 0;; number++)
        continue;
}

static void warm_up(void) {
    warm_up_with(&family_nothing);
}
TEST_WARM_UP(warm_up)

/* ---- who knows whom ------------------------------------------------------------------------------------------------------------ */

MPROC_TASK(family_describe) {
    char repr[512], parent_repr[512];
    mproc_process_t *self = mproc_current_process(), *parent = mproc_parent_process();
    if (parent == NULL)
        return mproc_call_fail(call, 1, "no parent");
    mproc_process_repr(self, repr, sizeof repr);
    mproc_process_repr(parent, parent_repr, sizeof parent_repr);
    return mproc_call_return(call, MPROC_LIST(mproc_process_name(self), mproc_process_pid(self), repr,
                                              mproc_process_name(parent), mproc_process_pid(parent), parent_repr,
                                              MPROC_BOOL(mproc_process_is_alive(parent)),
                                              mproc_process_join(parent, 0) == MPROC_ETIMEDOUT ? "waits" : "waits not",
                                              MPROC_BOOL(mproc_process_daemon(self))));
}

TEST(process_family, child_knows_itself_and_its_parent) {
    char expected[1024];
    mproc_process_t *process =
        ended(&(mproc_process_options_t){.target = &family_describe, .name = "kid", .daemon = true, .result = true});
    long long pid = mproc_process_pid(process), parent = host_pid();
    (void)snprintf(expected, sizeof expected,
                   "['kid', %lld, \"<Process name='kid' parent=%lld started daemon>\", 'MainProcess', %lld, "
                   "\"<_ParentProcess name='MainProcess' parent=None unknown>\", True, 'waits', True]",
                   pid, parent, parent);
    CHECK_EQ_STR(result_repr(process), expected);
    mproc_process_destroy(process);
}

/* Three levels: each starts two children one after the other, and says when. */
MPROC_TASK(family_tell) {
    int depth = 0;
    const char *path = "";
    int err = mproc_call_args(call, "si", &path, &depth);
    FILE *file = fopen(path, "ab");
    if (err != MPROC_OK || file == NULL)
        return err != MPROC_OK ? err : mproc_call_fail(call, 1, "cannot write to %s", path);
    fprintf(file, "%s begins, child of %s\n", mproc_process_name(mproc_current_process()),
            mproc_process_name(mproc_parent_process()));
    fclose(file);
    for (int i = 0; depth > 1 && i < 2; i++) {
        mproc_process_t *child = NULL;
        mproc_process_options_t options = {.target = &family_tell, .args = MPROC_ARGS(path, depth - 1)};
        if ((err = mproc_process_create(&options, &child)) != MPROC_OK ||
            (err = mproc_process_start(child)) != MPROC_OK ||
            (err = mproc_process_join(child, MPROC_FOREVER)) != MPROC_OK)
            return err;
        mproc_process_destroy(child);
    }
    file = fopen(path, "ab");
    if (file == NULL)
        return mproc_call_fail(call, 1, "cannot write to %s", path);
    fprintf(file, "%s ends\n", mproc_process_name(mproc_current_process()));
    fclose(file);
    return MPROC_OK;
}

TEST(process_family, three_levels_speak_in_exact_order) {
    char path[1024];
    test_temp_path("order", path, sizeof path);
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){.target = &family_tell, .args = MPROC_ARGS(path, 3)}), 0);
    /* The warm-up made Process-1. */
    CHECK_EQ_STR(read_file(path), "Process-2 begins, child of MainProcess\n"
                                  "Process-2:1 begins, child of Process-2\n"
                                  "Process-2:1:1 begins, child of Process-2:1\n"
                                  "Process-2:1:1 ends\n"
                                  "Process-2:1:2 begins, child of Process-2:1\n"
                                  "Process-2:1:2 ends\n"
                                  "Process-2:1 ends\n"
                                  "Process-2:2 begins, child of Process-2\n"
                                  "Process-2:2:1 begins, child of Process-2:2\n"
                                  "Process-2:2:1 ends\n"
                                  "Process-2:2:2 begins, child of Process-2:2\n"
                                  "Process-2:2:2 ends\n"
                                  "Process-2:2 ends\n"
                                  "Process-2 ends\n");
}

/* ---- the end of a parent -------------------------------------------------------------------------------------------------------- */

/* Says its number in a file named by its level, and then does what it is told. */
MPROC_TASK(family_sit) {
    const char *folder = "", *name = "", *then = "";
    char path[1200], text[64];
    int err = mproc_call_args(call, "sss", &folder, &name, &then);
    if (err != MPROC_OK)
        return err;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)snprintf(text, sizeof text, "%lld\n", (long long)host_pid());
    if (write_file(path, text) != 0)
        return mproc_call_fail(call, 1, "cannot write %s", path);
    if (strcmp(then, "burn") == 0)
        burn();
    if (strcmp(then, "sleep") == 0)
        host_sleep_forever();
    (void)snprintf(path, sizeof path, "%s/%s.done", folder, name);
    host_sleep_ms(300);
    return write_file(path, "done\n");
}

/* Starts a child that sits, and then ends in the way it is told, with the child neither joined nor destroyed. */
MPROC_TASK(family_parent) {
    const char *folder = "", *child_then = "", *then = "";
    bool daemon = false, detached = false;
    int depth = 0;
    int err = mproc_call_args(call, "sssbbi", &folder, &child_then, &then, &daemon, &detached, &depth);
    mproc_process_t *child = NULL;
    char name[32];
    (void)snprintf(name, sizeof name, "level%d", depth);
    const mproc_args_t *sit = MPROC_ARGS(folder, name, child_then);
    const mproc_args_t *more =
        MPROC_ARGS(folder, child_then, "burn", MPROC_BOOL(daemon), MPROC_BOOL(detached), depth - 1);
    mproc_process_options_t options = {.target = depth > 1 ? &family_parent : &family_sit,
                                       .args = depth > 1 ? more : sit,
                                       .daemon = daemon ? 1 : MPROC_DAEMON_NO,
                                       .detached = detached};
    if (err != MPROC_OK || (err = mproc_process_create(&options, &child)) != MPROC_OK ||
        (err = mproc_process_start(child)) != MPROC_OK)
        return err;
    char path[1200], text[64];
    (void)snprintf(path, sizeof path, "%s/parent%d", folder, depth);
    (void)snprintf(text, sizeof text, "%lld\n", (long long)host_pid());
    if (write_file(path, text) != 0)
        return mproc_call_fail(call, 1, "cannot write %s", path);
    if (strcmp(then, "burn") == 0)
        burn();
    (void)snprintf(path, sizeof path, "%s/level1", folder);
    for (int i = 0; i < 3000 && strcmp(read_file(path), "(none)") == 0; i++)
        host_sleep_ms(10);
    if (strcmp(then, "exit") == 0)
        exit(5);
    return MPROC_OK;
}

static int64_t await_pid(const char *name) {
    char path[1200];
    test_temp_path(name, path, sizeof path);
    return strtoll(await_file(path), NULL, 10);
}

static bool is_gone(void *pid) {
    return !host_runs(*(int64_t *)pid);
}

static mproc_process_t *start_parent(const char *child_then, const char *then, bool daemon, bool detached, int depth) {
    return started(&(mproc_process_options_t){
        .target = &family_parent,
        .args = MPROC_ARGS(test_temp_dir(), child_then, then, MPROC_BOOL(daemon), MPROC_BOOL(detached), depth)});
}

TEST(process_family, busy_orphan_ends_when_its_parent_is_killed) {
    mproc_process_t *parent = start_parent("burn", "burn", false, false, 1);
    int64_t child = await_pid("level1");
    REQUIRE(child > 0);
    REQUIRE(host_runs(child));
    REQUIRE(host_kill(mproc_process_pid(parent)));
    CHECK(test_wait_until(is_gone, &child, 30000));
    mproc_process_destroy(parent);
}

TEST(process_family, sleeping_orphan_ends_when_its_parent_is_killed) {
    mproc_process_t *parent = start_parent("sleep", "burn", false, false, 1);
    int64_t child = await_pid("level1");
    REQUIRE(child > 0);
    REQUIRE_OK(mproc_process_kill(parent));
    CHECK(test_wait_until(is_gone, &child, 30000));
    mproc_process_destroy(parent);
}

TEST(process_family, orphans_of_three_levels_end_when_the_first_is_killed) {
    mproc_process_t *parent = start_parent("burn", "burn", false, false, 3);
    int64_t pids[3];
    pids[0] = await_pid("parent2");
    pids[1] = await_pid("parent1");
    pids[2] = await_pid("level1");
    for (int i = 0; i < 3; i++)
        REQUIRE(pids[i] > 0 && host_runs(pids[i]));
    REQUIRE(host_kill(mproc_process_pid(parent)));
    for (int i = 0; i < 3; i++)
        CHECK(test_wait_until(is_gone, &pids[i], 30000));
    mproc_process_destroy(parent);
}

TEST(process_family, tree_kill_reaches_three_levels_at_once) {
    /* In a group of its own, which is all that a system without a list of descendants can reach. */
    mproc_process_t *parent = started(&(mproc_process_options_t){
        .target = &family_parent,
        .args = MPROC_ARGS(test_temp_dir(), "sleep", "burn", MPROC_BOOL(false), MPROC_BOOL(false), 3),
        .own_group = true});
    int64_t pids[3];
    pids[0] = await_pid("parent2");
    pids[1] = await_pid("parent1");
    pids[2] = await_pid("level1");
    CHECK_OK(mproc_process_terminate_tree(parent));
    CHECK_EQ_INT(exit_of(parent).how, MPROC_EXIT_TERMINATED);
    for (int i = 0; i < 3; i++) {
        bool gone = test_wait_until(is_gone, &pids[i], 5000);
        if (!gone && pids[i] > 0)
            (void)host_kill(pids[i]);
        CHECK(gone);
    }
    mproc_process_destroy(parent);
}

TEST(process_family, daemon_ends_with_its_parent) {
    mproc_process_t *parent = start_parent("sleep", "return", true, false, 1);
    CHECK_EQ_INT(exit_of(parent).code, 0);
    int64_t child = await_pid("level1");
    CHECK(!host_runs(child));
    mproc_process_destroy(parent);
}

TEST(process_family, others_are_joined_by_their_parent) {
    char path[1200];
    test_temp_path("level1.done", path, sizeof path);
    mproc_process_t *parent = start_parent("finish", "return", false, false, 1);
    CHECK_EQ_INT(exit_of(parent).code, 0);
    CHECK_EQ_STR(read_file(path), "done\n");
    mproc_process_destroy(parent);
}

TEST(process_family, exit_in_a_task_also_waits_for_children) {
    char path[1200];
    test_temp_path("level1.done", path, sizeof path);
    mproc_process_t *parent = start_parent("finish", "exit", false, false, 1);
    CHECK_EQ_INT(exit_of(parent).code, 5);
    CHECK_EQ_STR(read_file(path), "done\n");
    mproc_process_destroy(parent);
}

TEST(process_family, detached_child_lives_on) {
    mproc_process_t *parent = start_parent("sleep", "return", false, true, 1);
    CHECK_EQ_INT(exit_of(parent).code, 0);
    int64_t child = await_pid("level1");
    CHECK(child > 0 && host_runs(child));
    host_sleep_ms(50);
    CHECK(host_runs(child));
    CHECK(host_kill(child));
    CHECK(test_wait_until(is_gone, &child, 30000));
    mproc_process_destroy(parent);
}

TEST(process_family, destroy_leaves_a_detached_child_running) {
    mproc_process_t *process = started(&(mproc_process_options_t){
        .target = &family_sit, .args = MPROC_ARGS(test_temp_dir(), "alone", "sleep"), .detached = true});
    int64_t pid = await_pid("alone");
    mproc_process_destroy(process);
    CHECK(pid > 0 && host_runs(pid));
    CHECK(host_kill(pid));
    CHECK(test_wait_until(is_gone, &pid, 30000));
}

/* ---- exit while another thread waits --------------------------------------------------------------------------------------------- */

static void join_forever(void *process) {
    (void)mproc_process_join(process, MPROC_FOREVER);
}

MPROC_TASK(family_exit_while_joining) {
    mproc_process_t *child = NULL;
    bool daemon = false;
    int err = mproc_call_args(call, "b", &daemon);
    mproc_process_options_t options = {.target = &family_sit,
                                       .args = MPROC_ARGS(".", "level1", daemon ? "sleep" : "finish"),
                                       .daemon = daemon ? 1 : MPROC_DAEMON_NO};
    if (err != MPROC_OK || (err = mproc_process_create(&options, &child)) != MPROC_OK ||
        (err = mproc_process_start(child)) != MPROC_OK)
        return err;
    host_run_beside(join_forever, child);
    host_sleep_ms(50);
    exit(6);
}

TEST(process_family, exit_while_another_thread_joins_is_orderly) {
    for (int daemon = 0; daemon < 2; daemon++)
        CHECK_EQ_INT(run_code(&(mproc_process_options_t){.target = &family_exit_while_joining,
                                                         .args = MPROC_ARGS(MPROC_BOOL(daemon)),
                                                         .directory = test_temp_dir()}),
                     6);
}

static void start_at_exit(void) {
    mproc_process_t *child = NULL;
    int err = mproc_process_create(&(mproc_process_options_t){.target = &family_nothing}, &child);
    if (err == MPROC_OK && mproc_process_start(child) == MPROC_OK &&
        mproc_process_join(child, MPROC_FOREVER) == MPROC_OK)
        (void)write_file("started", "started\n");
    mproc_process_destroy(child);
}

MPROC_TASK(family_start_at_exit) {
    return atexit(start_at_exit) == 0 ? MPROC_OK : MPROC_ENOMEM;
}

TEST(process_family, exit_handler_of_a_task_can_still_use_processes) {
    char path[1200];
    test_temp_path("started", path, sizeof path);
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){.target = &family_start_at_exit, .directory = test_temp_dir()}),
                 0);
    CHECK_EQ_STR(read_file(path), "started\n");
}
