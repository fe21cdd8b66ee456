/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one process: what each call says before the start, while it runs, after its end, and after close. */
#include "process_help.h"
#include "process_host.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

MPROC_TASK(life_nothing) {
    return MPROC_OK;
}

MPROC_TASK(life_sleep) {
    host_sleep_forever();
}

static void warm_up(void) {
    warm_up_with(&life_nothing);
}
TEST_WARM_UP(warm_up)

TEST(process, is_nothing_before_its_start) {
    mproc_process_t *process = NULL;
    mproc_exit_t exit;
    mproc_usage_t usage;
    int64_t code = 1;
    intptr_t sentinel = 0;
    REQUIRE_OK(mproc_process_create(&(mproc_process_options_t){.target = &life_nothing}, &process));
    CHECK(!mproc_process_is_alive(process));
    CHECK_EQ_INT(mproc_process_pid(process), 0);
    REQUIRE_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_NONE);
    CHECK_ERR(mproc_process_exitcode(process, &code), MPROC_ESTATE);
    CHECK_ERR(mproc_process_sentinel(process, &sentinel), MPROC_ESTATE);
    CHECK_ERR(mproc_process_join(process, 0), MPROC_ESTATE);
    CHECK_ERR(mproc_process_terminate(process), MPROC_ESTATE);
    CHECK_ERR(mproc_process_kill(process), MPROC_ESTATE);
    CHECK_ERR(mproc_process_interrupt(process), MPROC_ESTATE);
    CHECK_ERR(mproc_process_terminate_tree(process), MPROC_ESTATE);
    CHECK_ERR(mproc_process_stop(process, 0), MPROC_ESTATE);
    CHECK_ERR(mproc_process_usage(process, &usage), MPROC_ESTATE);
    CHECK(mproc_process_error(process) == NULL);
    CHECK_HAS_STR(repr_of(process), " initial>");
    mproc_process_destroy(process);
}

TEST(process, is_alive_and_listed_after_its_start) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &life_sleep});
    mproc_process_t *children[4] = {NULL};
    mproc_exit_t exit;
    int64_t code = 0;
    size_t count = 0;
    CHECK(mproc_process_is_alive(process));
    CHECK(mproc_process_pid(process) > 0);
    CHECK(host_runs(mproc_process_pid(process)));
    REQUIRE_OK(mproc_active_children(children, 4, &count));
    CHECK_EQ_UINT(count, 1);
    CHECK(children[0] == process);
    REQUIRE_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_NONE);
    CHECK_ERR(mproc_process_exitcode(process, &code), MPROC_ESTATE);
    CHECK(mproc_process_error(process) == NULL);
    mproc_process_destroy(process);
    REQUIRE_OK(mproc_active_children(children, 4, &count));
    CHECK_EQ_UINT(count, 0);
}

TEST(process, exit_is_known_after_join_and_a_second_join_gives_it_again) {
    mproc_process_t *process = ended(&(mproc_process_options_t){.target = &life_nothing});
    int64_t code = 1;
    size_t count = 1;
    CHECK(!mproc_process_is_alive(process));
    CHECK_OK(mproc_process_exitcode(process, &code));
    CHECK_EQ_INT(code, 0);
    CHECK_OK(mproc_process_join(process, MPROC_FOREVER));
    CHECK_OK(mproc_process_join(process, 0));
    code = 1;
    CHECK_OK(mproc_process_exitcode(process, &code));
    CHECK_EQ_INT(code, 0);
    CHECK(mproc_process_error(process) == NULL);
    CHECK_OK(mproc_active_children(NULL, 0, &count));
    CHECK_EQ_UINT(count, 0);
    mproc_process_destroy(process);
}

TEST(process, join_zero_returns_at_once) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &life_sleep});
    CHECK_ERR(mproc_process_join(process, 0), MPROC_ETIMEDOUT);
    CHECK_HAS_STR(mproc_last_error()->message, "still runs");
    CHECK(mproc_process_is_alive(process));
    mproc_process_destroy(process);
}

TEST(process, join_ends_at_its_timeout) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &life_sleep});
    int64_t before = test_now_ms();
    CHECK_ERR(mproc_process_join(process, 50), MPROC_ETIMEDOUT);
    CHECK(test_now_ms() - before >= 50);
    CHECK(mproc_process_is_alive(process));
    mproc_process_destroy(process);
}

TEST(process, second_start_is_refused) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &life_nothing});
    CHECK_ERR(mproc_process_start(process), MPROC_ESTATE);
    CHECK_HAS_STR(mproc_last_error()->message, "only once");
    REQUIRE_OK(mproc_process_join(process, LONG_MS));
    CHECK_ERR(mproc_process_start(process), MPROC_ESTATE);
    mproc_process_destroy(process);
}

TEST(process, close_while_it_runs_is_refused) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &life_sleep});
    CHECK_ERR(mproc_process_close(process), MPROC_ESTATE);
    CHECK(mproc_process_is_alive(process));
    REQUIRE_OK(mproc_process_kill(process));
    REQUIRE_OK(mproc_process_join(process, LONG_MS));
    CHECK_OK(mproc_process_close(process));
    mproc_process_destroy(process);
}

TEST(process, closed_one_refuses_all_but_repr_and_name) {
    mproc_process_t *process = ended(&(mproc_process_options_t){.target = &life_nothing, .name = "gone"});
    mproc_exit_t exit;
    mproc_usage_t usage;
    int64_t code = 0;
    intptr_t sentinel = 0;
    const mproc_value_t *value = NULL;
    REQUIRE_OK(mproc_process_close(process));
    CHECK_OK(mproc_process_close(process));
    CHECK(!mproc_process_is_alive(process));
    CHECK_EQ_INT(mproc_process_pid(process), 0);
    CHECK_ERR(mproc_process_join(process, 0), MPROC_ESTATE);
    CHECK_HAS_STR(mproc_last_error()->message, "closed");
    CHECK_ERR(mproc_process_start(process), MPROC_ESTATE);
    CHECK_ERR(mproc_process_exit(process, &exit), MPROC_ESTATE);
    CHECK_ERR(mproc_process_exitcode(process, &code), MPROC_ESTATE);
    CHECK_ERR(mproc_process_terminate(process), MPROC_ESTATE);
    CHECK_ERR(mproc_process_sentinel(process, &sentinel), MPROC_ESTATE);
    CHECK_ERR(mproc_process_usage(process, &usage), MPROC_ESTATE);
    CHECK_ERR(mproc_process_result(process, 0, &value), MPROC_ESTATE);
    CHECK_EQ_STR(mproc_process_name(process), "gone");
    CHECK_HAS_STR(repr_of(process), " closed>");
    mproc_process_destroy(process);
}

TEST(process, that_was_never_started_can_be_closed) {
    mproc_process_t *process = NULL;
    REQUIRE_OK(mproc_process_create(&(mproc_process_options_t){.target = &life_nothing}, &process));
    CHECK_OK(mproc_process_close(process));
    CHECK_ERR(mproc_process_start(process), MPROC_ESTATE);
    mproc_process_destroy(process);
}

TEST(process, destroy_ends_one_that_runs) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &life_sleep});
    int64_t pid = mproc_process_pid(process);
    mproc_process_destroy(process);
    CHECK(!host_runs(pid));
    mproc_process_destroy(NULL);
}

TEST(process, daemon_is_decided_before_start) {
    mproc_process_t *process = NULL;
    REQUIRE_OK(mproc_process_create(&(mproc_process_options_t){.target = &life_nothing}, &process));
    CHECK(!mproc_process_daemon(process));
    CHECK_OK(mproc_process_set_daemon(process, true));
    CHECK(mproc_process_daemon(process));
    REQUIRE_OK(mproc_process_start(process));
    CHECK_ERR(mproc_process_set_daemon(process, false), MPROC_ESTATE);
    CHECK_HAS_STR(repr_of(process), " daemon>");
    mproc_process_destroy(process);
}

TEST(process, names_itself_by_its_number_unless_named) {
    mproc_process_t *first = NULL, *second = NULL, *third = NULL;
    REQUIRE_OK(mproc_process_create(&(mproc_process_options_t){.target = &life_nothing}, &first));
    REQUIRE_OK(mproc_process_create(&(mproc_process_options_t){.target = &life_nothing, .name = "Anna"}, &second));
    REQUIRE_OK(mproc_process_create(&(mproc_process_options_t){.target = &life_nothing}, &third));
    /* The warm-up made Process-1. */
    CHECK_EQ_STR(mproc_process_name(first), "Process-2");
    CHECK_EQ_STR(mproc_process_name(second), "Anna");
    CHECK_EQ_STR(mproc_process_name(third), "Process-4");
    const char *old = mproc_process_name(first);
    CHECK_OK(mproc_process_set_name(first, "Berta"));
    CHECK_EQ_STR(mproc_process_name(first), "Berta");
    CHECK_EQ_STR(old, "Process-2");
    CHECK_ERR(mproc_process_set_name(first, NULL), MPROC_EINVAL);
    mproc_process_destroy(first);
    mproc_process_destroy(second);
    mproc_process_destroy(third);
}

TEST(process, sentinel_is_ready_once_it_has_ended) {
    mproc_process_t *sleeper = started(&(mproc_process_options_t){.target = &life_sleep});
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &life_nothing});
    intptr_t sentinels[2];
    bool ready[2] = {true, false};
    REQUIRE_OK(mproc_process_sentinel(sleeper, &sentinels[0]));
    REQUIRE_OK(mproc_process_sentinel(process, &sentinels[1]));
    CHECK_OK(mproc_connection_wait(sentinels, 2, LONG_MS, ready));
    CHECK(!ready[0]);
    CHECK(ready[1]);
    CHECK_OK(mproc_process_join(process, LONG_MS));
    CHECK_OK(mproc_connection_wait(&sentinels[1], 1, 0, ready));
    CHECK_ERR(mproc_connection_wait(sentinels, 1, 0, ready), MPROC_ETIMEDOUT);
    CHECK_ERR(mproc_connection_wait(NULL, 1, 0, ready), MPROC_EINVAL);
    mproc_process_destroy(sleeper);
    mproc_process_destroy(process);
}

TEST(process, usage_is_told_while_it_runs_and_after) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &life_sleep});
    mproc_usage_t usage;
    REQUIRE_OK(mproc_process_usage(process, &usage));
    CHECK(usage.started_ns > INT64_C(1600000000000000000));
    CHECK_EQ_INT(usage.ended_ns, 0);
    REQUIRE_OK(mproc_process_kill(process));
    REQUIRE_OK(mproc_process_join(process, LONG_MS));
    REQUIRE_OK(mproc_process_usage(process, &usage));
    CHECK(usage.ended_ns >= usage.started_ns);
    CHECK(usage.peak_memory_bytes > 0 || test_on_wine());
    CHECK(usage.user_ns + usage.system_ns >= 0);
    mproc_process_destroy(process);
}

/* ---- repr --------------------------------------------------------------------------------------------------------------------- */

static const char *expected(const char *format, const char *name, int64_t pid, const char *status) {
    static char text[512];
    (void)snprintf(text, sizeof text, format, name, (long long)pid, (long long)host_pid(), status);
    return text;
}

TEST(process, repr_is_pythons_in_every_state) {
    mproc_process_t *process = NULL;
    char text[256];
    REQUIRE_OK(mproc_process_create(&(mproc_process_options_t){.target = &life_sleep, .name = "it's"}, &process));
    (void)snprintf(text, sizeof text, "<Process name=\"it's\" parent=%lld initial>", (long long)host_pid());
    CHECK_EQ_STR(repr_of(process), text);
    REQUIRE_OK(mproc_process_start(process));
    int64_t pid = mproc_process_pid(process);
    CHECK_EQ_STR(repr_of(process), expected("<Process name=\"%s\" pid=%lld parent=%lld %s>", "it's", pid, "started"));
    REQUIRE_OK(mproc_process_terminate(process));
    REQUIRE_OK(mproc_process_join(process, LONG_MS));
    CHECK_EQ_STR(repr_of(process),
                 expected("<Process name=\"%s\" pid=%lld parent=%lld %s>", "it's", pid, "stopped exitcode=-SIGTERM"));
    REQUIRE_OK(mproc_process_close(process));
    (void)snprintf(text, sizeof text, "<Process name=\"it's\" parent=%lld closed>", (long long)host_pid());
    CHECK_EQ_STR(repr_of(process), text);
    mproc_process_destroy(process);

    process = ended(&(mproc_process_options_t){.target = &life_nothing, .name = "d", .daemon = true});
    pid = mproc_process_pid(process);
    CHECK_EQ_STR(repr_of(process),
                 expected("<Process name='%s' pid=%lld parent=%lld %s>", "d", pid, "stopped exitcode=0 daemon"));
    mproc_process_destroy(process);
}

TEST(process, repr_gives_its_full_length_like_snprintf) {
    char small[10];
    char *full = (char *)(uintptr_t)repr_of(mproc_current_process());
    CHECK_EQ_STR(full, "<_MainProcess name='MainProcess' parent=None started>");
    CHECK_EQ_UINT(mproc_process_repr(mproc_current_process(), small, sizeof small), strlen(full));
    CHECK_EQ_STR(small, "<_MainPro");
    CHECK_EQ_UINT(mproc_process_repr(mproc_current_process(), NULL, 0), strlen(full));
}

TEST(process, main_one_has_no_parent) {
    mproc_process_t *main_process = mproc_current_process();
    CHECK(mproc_parent_process() == NULL);
    CHECK_EQ_STR(mproc_process_name(main_process), "MainProcess");
    CHECK_EQ_INT(mproc_process_pid(main_process), host_pid());
    CHECK(mproc_process_is_alive(main_process));
    CHECK_ERR(mproc_process_join(main_process, 0), MPROC_ESTATE);
    CHECK_ERR(mproc_process_start(main_process), MPROC_ESTATE);
    mproc_process_destroy(main_process);
    CHECK(mproc_process_is_alive(main_process));
}

/* ---- a copy of the program that fork() made ------------------------------------------------------------------------------------ */

static int use_in_copy(void *arg) {
    mproc_process_t *process = arg, *other = NULL;
    mproc_exit_t exit;
    char text[512];
    bool right = mproc_process_join(process, 0) == MPROC_ESTATE && mproc_process_kill(process) == MPROC_ESTATE &&
                 mproc_process_close(process) == MPROC_ESTATE && mproc_process_exit(process, &exit) == MPROC_ESTATE &&
                 !mproc_process_is_alive(process) &&
                 mproc_process_create(&(mproc_process_options_t){.target = &life_nothing}, &other) == MPROC_ESTATE;
    mproc_process_repr(process, text, sizeof text);
    right = right && strstr(text, " unknown>") != NULL;
    mproc_process_destroy(process);
    return right ? 42 : 1;
}

TEST(process, in_a_forked_copy_refuses_everything) {
    mproc_process_t *process = started(&(mproc_process_options_t){.target = &life_sleep});
    int code = host_copy(use_in_copy, process);
    CHECK(mproc_process_is_alive(process));
    mproc_process_destroy(process);
    if (code == -1)
        SKIP("there is no fork() here");
    CHECK_EQ_INT(code, 42);
}
