/* SPDX-License-Identifier: Apache-2.0 */
/* Processes on the scripted platform: every call that can fail does, children say what no real one would, and time passes when
 * the test says so. */
#include "process_fake_support.h"

#include "bootstrap.h"
#include "memory.h"
#include "monitor.h"
#include "process_object.h"
#include "registry.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

TEST(process_fake, answer_arrives) {
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, answers);
    check_answer(process);
    CHECK(mproc_process_error(process) == NULL);
    mproc_process_destroy(process);
    finish();
}

/* ---- what is spawned and sent ------------------------------------------------------------------------------------------------------- */

TEST(process_fake, start_is_one_spawn_and_one_message) {
    _Alignas(MPROC_BOOTSTRAP_ALIGNMENT) unsigned char message[MPLAT_LINK_MESSAGE_MAX];
    mproc_bootstrap_t bootstrap;
    size_t size = 0, handles = 0;
    mplat_handle_t handle[MPLAT_LINK_HANDLES_MAX];
    begin();
    mproc_process_t *process =
        start((mproc_process_options_t){.name = "kid", .args = MPROC_ARGS(1), .daemon = 1}, NULL);
    CHECK_EQ_UINT(fake_call_count(FAKE_SPAWN), 1);
    CHECK_EQ_UINT(fake_call_count(FAKE_LINK_SEND), 1);
    CHECK_EQ_UINT(fake_call_count(FAKE_LINK_RECEIVE), 0);
    const mplat_spawn_options_t *options = fake_child_options(fake_child(0));
    CHECK_EQ_STR(options->argv[1], "--mproc-child"); /* which keeps an interpreter from reading standard input */
    CHECK(options->argv[2] == NULL);
    CHECK(options->program == NULL && options->link && !options->detached && !options->own_group);
    mplat_link_t *link = fake_child_link(fake_child(0));
    REQUIRE_OK(mplat_link_receive(link, message, sizeof message, &size, handle, &handles, 0));
    CHECK_EQ_UINT(handles, 0);
    CHECK(size <= MPROC_BOOTSTRAP_SIZE_MAX);
    REQUIRE_OK(mproc_bootstrap_decode(message, size, &bootstrap));
    CHECK_EQ_STR(bootstrap.name, "kid");
    CHECK_EQ_STR(bootstrap.task, "fake_task");
    CHECK_EQ_STR(bootstrap.parent_name, "MainProcess");
    CHECK(bootstrap.daemon && !bootstrap.result);
    CHECK(bootstrap.fingerprint == mproc_registry_fingerprint());
    CHECK_EQ_MEM(bootstrap.build_id, "fake", 4);
    CHECK_ERR(mplat_link_receive(link, message, sizeof message, &size, NULL, NULL, 0), MPLAT_ETIMEDOUT);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, large_input_travels_as_a_handle) {
    static unsigned char input[100000];
    _Alignas(MPROC_BOOTSTRAP_ALIGNMENT) unsigned char message[MPROC_BOOTSTRAP_SIZE_MAX];
    mproc_bootstrap_t bootstrap;
    mplat_segment_t *segment = NULL;
    size_t size = 0, handles = 0;
    mplat_handle_t handle[MPLAT_LINK_HANDLES_MAX];
    begin();
    memset(input, 5, sizeof input);
    mproc_process_t *process = start((mproc_process_options_t){.input = input, .input_size = sizeof input}, NULL);
    REQUIRE_OK(mplat_link_receive(fake_child_link(fake_child(0)), message, sizeof message, &size, handle, &handles, 0));
    REQUIRE_EQ_UINT(handles, 1);
    REQUIRE_OK(mproc_bootstrap_decode(message, size, &bootstrap));
    REQUIRE(bootstrap.in_segment);
    REQUIRE_OK(mplat_segment_open(handle[0], mproc_bootstrap_segment_size(&bootstrap), &segment));
    REQUIRE_OK(mproc_bootstrap_read_segment(&bootstrap, mplat_segment_base(segment), mplat_segment_size(segment)));
    CHECK_EQ_MEM(bootstrap.input, input, sizeof input);
    mplat_segment_destroy(segment);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, options_reach_the_spawn) {
    int cpus[] = {0, 65};
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.detached = true,
                                                               .own_group = true,
                                                               .directory = "somewhere",
                                                               .limits = {1, 2, 3},
                                                               .priority = MPROC_PRIORITY_LOW,
                                                               .cpus = cpus,
                                                               .cpu_count = 2},
                                     NULL);
    const mplat_spawn_options_t *options = fake_child_options(fake_child(0));
    CHECK(options->detached && options->own_group && options->environment_changes);
    CHECK_EQ_STR(options->directory, "somewhere");
    CHECK_EQ_UINT(options->limits.memory_bytes, 1);
    CHECK_EQ_UINT(options->limits.cpu_seconds, 2);
    CHECK_EQ_UINT(options->limits.open_files, 3);
    CHECK_EQ_INT(options->priority, MPLAT_PRIORITY_LOW);
    static const uint64_t affinity[] = {1, 2};
    CHECK_EQ_MEM(options->affinity, affinity, sizeof affinity);
    fake_child_exit(fake_child(0), 0);
    mproc_process_destroy(process);
    finish();
}

/* ---- failures ------------------------------------------------------------------------------------------------------------------------ */

static void check_start_fails(int code, const char *text) {
    mproc_process_t *process = NULL;
    REQUIRE_OK(mproc_process_create(&(mproc_process_options_t){.target = &fake_task, .result = true}, &process));
    CHECK_ERR(mproc_process_start(process), code);
    CHECK_HAS_STR(mproc_last_error()->message, text);
    CHECK(!mproc_process_is_alive(process));
    /* It is as before, and may be started again. */
    fake_next_child(answers);
    REQUIRE_OK(mproc_process_start(process));
    check_answer(process);
    mproc_process_destroy(process);
}

TEST(process_fake, full_process_table_leaves_nothing) {
    begin();
    fake_fail(FAKE_SPAWN, 1, MPLAT_ENOPROCS, 11);
    check_start_fails(MPROC_ESPAWN, "fake_task");
    CHECK_EQ_UINT(fake_child_count(), 1);
    finish();
}

TEST(process_fake, full_handle_table_leaves_nothing) {
    begin();
    fake_fail(FAKE_SPAWN, 1, MPLAT_ENOHANDLES, 24);
    check_start_fails(MPROC_ESPAWN, "spawn");
    finish();
}

TEST(process_fake, child_that_does_not_take_its_message_is_killed) {
    begin();
    fake_fail(FAKE_LINK_SEND, 1, MPLAT_ETIMEDOUT, 0);
    check_start_fails(MPROC_ESPAWN, "arguments");
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_KILL), 1);
    finish();
}

TEST(process_fake, child_that_dies_before_it_reads_is_told_by_its_exit) {
    static const fake_step_t dies[] = {FAKE_DIE(FAKE_SIGSEGV)};
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, dies);
    mproc_exit_t exit;
    CHECK_OK(mproc_process_join(process, 0));
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_CRASHED);
    mproc_process_destroy(process);
    finish();
}

static void check_refused_start(fake_call_t call, mproc_process_options_t options, int code, int expected) {
    mproc_process_t *process = NULL;
    options.target = &fake_task;
    fake_fail(call, 1, code, 24);
    REQUIRE_OK(mproc_process_create(&options, &process));
    CHECK_ERR(mproc_process_start(process), expected);
    CHECK_EQ_INT(mproc_last_error()->os_code, 24);
    fake_next_child(leaves);
    CHECK_OK(mproc_process_start(process));
    CHECK_OK(mproc_process_join(process, 1000));
    mproc_process_destroy(process);
}

TEST(process_fake, whatever_the_system_refuses_a_start_is_one_error) {
    static const unsigned char input[8192];
    mproc_process_options_t timed = {.deadline_ms = 100000}, large = {.input = input, .input_size = sizeof input};
    begin();
    check_refused_start(FAKE_WATCH_CREATE, timed, MPLAT_ENOHANDLES, MPROC_ESPAWN);
    check_refused_start(FAKE_SEGMENT_CREATE, large, MPLAT_ENOHANDLES, MPROC_ESPAWN);
    check_refused_start(FAKE_SEGMENT_CREATE, large, MPLAT_ESYSTEM, MPROC_ESPAWN);
    check_refused_start(FAKE_LINK_SEND, large, MPLAT_ESYSTEM, MPROC_ESPAWN);
    check_refused_start(FAKE_SEGMENT_CREATE, large, MPLAT_ENOMEM, MPROC_ENOMEM);
    check_refused_start(FAKE_SPAWN, large, MPLAT_ENOTSUP, MPROC_ENOTSUP);
    finish();
}

/* The whole life of a process; returns its first error. */
static int live(void *context) {
    mproc_process_t *process = NULL;
    const mproc_value_t *value = NULL;
    static unsigned char input[8192];
    (void)context;
    fake_every_child(answers);
    int err = mproc_process_create(&(mproc_process_options_t){.target = &fake_task,
                                                              .args = MPROC_ARGS(1, "two", MPROC_KW("three", 3.0)),
                                                              .input = input,
                                                              .input_size = sizeof input,
                                                              .environment = (const char *const[]){"A=1", "B", NULL},
                                                              .directory = ".",
                                                              .cpus = (int[]){1},
                                                              .cpu_count = 1,
                                                              .deadline_ms = 100000,
                                                              .result = true},
                                   &process);
    if (err == MPROC_OK)
        err = mproc_process_start(process);
    if (err == MPROC_OK)
        err = mproc_process_result(process, 1000, &value);
    if (err == MPROC_OK && mproc_process_error(process) != NULL)
        err = MPROC_EDIED;
    mproc_process_destroy(process);
    return err;
}

TEST(process_fake, each_failing_call_is_an_error_and_leaves_nothing) {
    static const int codes[] = {MPLAT_ENOMEM, MPLAT_ENOHANDLES, MPLAT_ESYSTEM, MPLAT_ECLOSED, MPLAT_EMALFORMED};
    for (size_t c = 0; c < sizeof codes / sizeof codes[0]; c++) {
        unsigned calls = 0, nth = 0;
        do {
            begin();
            nth++;
            fake_fail(FAKE_ANY, nth, codes[c], 5);
            int err = live(NULL);
            CHECK(err <= MPROC_OK && err > -100);
            calls = fake_call_count(FAKE_ANY);
            fake_fail(FAKE_ANY, 0, 0, 0);
            finish();
        } while (calls >= nth);
        CHECK(nth > 5);
    }
}

TEST(process_fake, each_failing_allocation_is_an_error_and_leaves_nothing) {
    for (uint64_t nth = 1; nth < 200; nth++) {
        begin();
        mproc_memory_fail_at(nth);
        int err = live(NULL);
        bool failed = mproc_memory_pending() == 0;
        mproc_memory_fail_at(0);
        finish();
        if (!failed) {
            CHECK_EQ_INT(err, MPROC_OK);
            CHECK(nth > 8);
            return;
        }
        /* Only what can do without may go on. */
        CHECK(err == MPROC_ENOMEM || err == MPROC_OK);
    }
    FAIL("it never has enough memory");
}

/* ---- time ---------------------------------------------------------------------------------------------------------------------------- */

TEST(process_fake, join_takes_its_time_and_no_more) {
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&begun, WIRE_SIZE(0)), FAKE_SLEEP(500 * MS),
                                        FAKE_EXIT(0)};
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, steps);
    int64_t before = mplat_clock_ns();
    CHECK_ERR(mproc_process_join(process, 200), MPROC_ETIMEDOUT);
    CHECK_EQ_INT(mplat_clock_ns() - before, 200 * MS);
    CHECK_ERR(mproc_process_join(process, 0), MPROC_ETIMEDOUT);
    CHECK_EQ_INT(mplat_clock_ns() - before, 200 * MS);
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK_EQ_INT(mplat_clock_ns() - before, 500 * MS);
    mproc_process_destroy(process);
    finish();
}

static bool one_sleeps(void *arg) {
    (void)arg;
    return fake_sleepers() == 1;
}

TEST(process_fake, deadline_kills_at_its_time_and_not_before) {
    mproc_exit_t exit;
    begin();
    fake_clock_hold();
    mproc_process_t *process = start((mproc_process_options_t){.deadline_ms = 100}, NULL);
    REQUIRE(test_wait_until(one_sleeps, NULL, 10000));
    fake_clock_advance(99 * MS);
    REQUIRE(test_wait_until(one_sleeps, NULL, 10000));
    CHECK(mproc_process_is_alive(process));
    fake_clock_advance(1 * MS);
    CHECK_OK(mproc_process_join(process, MPROC_FOREVER));
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_DEADLINE);
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_KILL), 1);
    mproc_process_destroy(process);
    finish();
}

/* The thread of the deadlines neither spins nor forgets its task. */
TEST(process_fake, deadline_is_kept_where_nobody_can_wait_for_it) {
    mproc_exit_t exit;
    begin();
    fake_clock_hold();
    fake_fail(FAKE_WATCH_WAIT, 1, MPLAT_ESYSTEM, 5);
    mproc_process_t *process = start((mproc_process_options_t){.deadline_ms = 100}, NULL);
    REQUIRE(test_wait_until(one_sleeps, NULL, 10000));
    CHECK_EQ_UINT(fake_call_count(FAKE_WATCH_WAIT), 1);
    fake_fail(FAKE_WATCH_WAIT, 1, MPLAT_ESYSTEM, 5);
    fake_clock_advance(99 * MS);
    while (fake_call_count(FAKE_WATCH_WAIT) < 2)
        test_sleep_ms(1);
    REQUIRE(test_wait_until(one_sleeps, NULL, 10000));
    CHECK_EQ_UINT(fake_call_count(FAKE_WATCH_WAIT), 2);
    fake_clock_advance(2 * MS);
    CHECK_OK(mproc_process_join(process, MPROC_FOREVER));
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_DEADLINE);
    mproc_process_destroy(process);
    finish();
}

/* Somebody who waits for the end keeps the line open, and closes it when he is the last. */
TEST(process_fake, nothing_of_an_ended_process_is_kept_for_who_waited_for_it) {
    static const fake_step_t stays[] = {FAKE_RECEIVE, FAKE_SEND(&begun, WIRE_SIZE(0)), FAKE_STAY};
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, stays);
    mproc_processes_lock();
    mproc_process_pin(process);
    mproc_processes_unlock();
    fake_child_end(fake_child(0), &(mplat_exit_t){.kind = MPLAT_EXIT_EXITED});
    CHECK_OK(mproc_process_join(process, 1000));
    size_t waited = fake_open_count();
    mproc_processes_lock();
    mproc_process_unpin(process);
    mproc_processes_unlock();
    CHECK_EQ_UINT(fake_open_count(), waited - 1);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, stop_gives_the_grace_and_then_kills) {
    static const fake_step_t deaf[] = {FAKE_RECEIVE, FAKE_DEAF, FAKE_STAY};
    mproc_exit_t exit;
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, deaf);
    int64_t before = mplat_clock_ns();
    CHECK_OK(mproc_process_stop(process, 300));
    CHECK_EQ_INT(mplat_clock_ns() - before, 300 * MS);
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_TERMINATE), 1);
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_KILL), 1);
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_TERMINATED);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, signal_that_cannot_be_sent_is_an_error) {
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, NULL);
    fake_fail(FAKE_PROCESS_SIGNAL, 1, MPLAT_EACCESS, 1);
    CHECK_ERR(mproc_process_terminate(process), MPROC_ESYSTEM);
    fake_fail(FAKE_PROCESS_SIGNAL, 1, MPLAT_ENOTSUP, 0);
    CHECK_ERR(mproc_process_interrupt(process), MPROC_ENOTSUP);
    CHECK_HAS_STR(mproc_last_error()->message, "own_group");
    fake_child_end(fake_child(0), &(mplat_exit_t){.kind = MPLAT_EXIT_SIGNALLED, .signal = FAKE_SIGTERM});
    mproc_exit_t exit;
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_SIGNALLED);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, tree_that_cannot_be_killed_is_ended_by_others) {
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, NULL);
    fake_fail(FAKE_PROCESS_SIGNAL_TREE, 1, MPLAT_EACCESS, 1);
    fake_fail(FAKE_PROCESS_SIGNAL, 1, MPLAT_EACCESS, 1);
    CHECK_ERR(mproc_process_terminate_tree(process), MPROC_ESYSTEM);
    fake_child_end(fake_child(0), &(mplat_exit_t){.kind = MPLAT_EXIT_SIGNALLED, .signal = FAKE_SIGKILL});
    mproc_exit_t exit;
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_SIGNALLED);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, process_whose_tree_cannot_be_listed_is_killed_alone) {
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, NULL);
    fake_fail(FAKE_PROCESS_SIGNAL_TREE, 1, MPLAT_ENOMEM, 12);
    CHECK_ERR(mproc_process_terminate_tree(process), MPROC_ENOMEM);
    CHECK_OK(mproc_process_join(process, MPROC_FOREVER));
    mproc_exit_t exit;
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_TERMINATED);
    mproc_process_destroy(process);
    finish();
}

static void check_never_began(bool result, int code) {
    fake_step_t steps[] = {FAKE_EXIT(code)};
    const mproc_value_t *value = NULL;
    mproc_exit_t exit;
    int64_t python = 7;
    mproc_process_t *process = start((mproc_process_options_t){.result = result}, steps);
    for (int i = 0; i < 2; i++)
        CHECK_ERR(mproc_process_join(process, 1000), MPROC_ESPAWN);
    CHECK_HAS_STR(mproc_last_error()->message, "before mproc_init took over");
    CHECK_HAS_STR(mproc_last_error()->message, "mproc_init must be the first statement of main");
    CHECK_ERR(mproc_process_exitcode(process, &python), MPROC_ESPAWN);
    CHECK_EQ_INT(python, 0);
    CHECK_ERR(mproc_process_result(process, 0, &value), result ? MPROC_ESPAWN : MPROC_ESTATE);
    CHECK_EQ_INT(error_of(process)->code, MPROC_ESPAWN);
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_EXITED);
    CHECK_EQ_INT(exit.code, code);
    mproc_process_destroy(process);
}

TEST(process_fake, child_that_never_says_a_word_never_ran_its_task) {
    begin();
    check_never_began(false, 0);
    check_never_began(true, 0);
    check_never_began(false, 2);
    check_never_began(true, 2);
    finish();
}

TEST(process_fake, child_whose_words_are_lost_is_not_accused) {
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, NULL);
    fake_fail(FAKE_LINK_RECEIVE, 1, MPLAT_ENOMEM, 12);
    CHECK(mproc_process_is_alive(process));
    fake_child_exit(fake_child(0), 0);
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK(mproc_process_error(process) == NULL);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, child_that_is_killed_before_its_first_word_is_told_as_killed) {
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, NULL);
    CHECK_OK(mproc_process_kill(process));
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK_EQ_INT(error_of(process)->code, MPROC_EDIED);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, child_without_a_wanted_result_sends_nothing_to_wait_for) {
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, leaves);
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK_EQ_UINT(fake_call_count(FAKE_HANDLES_WAIT), 0);
    mproc_process_destroy(process);
    finish();
}
