/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of platform.h about a child process: how it ended, what it used, and what it can be sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

enum { SOON_MS = 10000 };

TEST(platform_process, every_exit_code_is_told) {
    for (int code = 0; code <= 255; code++) {
        char text[16];
        snprintf(text, sizeof text, "%d", code);
        CHECK_EQ_INT(child_run(CHILD_ARGS(code % 2 == 0 ? "exit" : "return", text)), code);
    }
}

TEST(platform_process, hundred_at_once_end_well) {
    enum { COUNT = 100 };
    static child_t children[COUNT];
    mplat_spawn_options_t options = child_options(CHILD_ARGS("exit", "0"));
    for (size_t i = 0; i < COUNT; i++)
        children[i] = child_start(&options);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_EQ_INT(child_exit_code(&children[i]), 0);
        child_end(&children[i]);
    }
}

static bool ended_by(const mplat_exit_t *how, mplat_signal_t sent) {
    if (!host_has_signals())
        return how->code == (sent == MPLAT_SIGNAL_KILL ? MPLAT_CODE_KILLED : MPLAT_CODE_TERMINATED);
    const char *name = how->kind == MPLAT_EXIT_SIGNALLED ? mplat_signal_name((uint32_t)how->signal) : NULL;
    return name != NULL && strcmp(name, sent == MPLAT_SIGNAL_KILL ? "SIGKILL" : "SIGTERM") == 0;
}

TEST(platform_process, hundred_terminated_at_once_say_so) {
    enum { COUNT = 100 };
    static child_t children[COUNT];
    mplat_spawn_options_t options = child_options(CHILD_ARGS("sleep", "60000"));
    for (size_t i = 0; i < COUNT; i++) {
        children[i] = child_start(&options);
        CHECK_OK(mplat_process_signal(children[i].process, MPLAT_SIGNAL_TERMINATE));
    }
    for (size_t i = 0; i < COUNT; i++) {
        mplat_exit_t how = child_exit(&children[i]);
        CHECK(ended_by(&how, MPLAT_SIGNAL_TERMINATE));
        child_end(&children[i]);
    }
}

TEST(platform_process, terminate_and_kill_are_told_apart) {
    static const mplat_signal_t signals[] = {MPLAT_SIGNAL_TERMINATE, MPLAT_SIGNAL_KILL};
    for (size_t i = 0; i < 2; i++) {
        child_t child = child_start_serving();
        CHECK_OK(mplat_process_signal(child.process, signals[i]));
        mplat_exit_t how = child_exit(&child);
        CHECK(ended_by(&how, signals[i]));
        child_end(&child);
    }
}

TEST(platform_process, running_child_is_running) {
    child_t child = child_start_serving();
    mplat_exit_t how;
    memset(&how, 0xFF, sizeof how);
    CHECK_OK(mplat_process_exit(child.process, &how));
    CHECK_EQ_INT(how.kind, MPLAT_EXIT_RUNNING);
    CHECK(mplat_process_pid(child.process) > 0);
    CHECK(mplat_process_pid(child.process) != mplat_self_pid());
    child_end(&child);
}

TEST(platform_process, end_is_told_again_and_again) {
    child_t child = child_start_serving();
    child_tell(&child, "exit 9");
    for (int i = 0; i < 3; i++) {
        CHECK_OK(mplat_process_wait(child.process, i == 0 ? -1 : 0));
        mplat_exit_t how;
        CHECK_OK(mplat_process_exit(child.process, &how));
        CHECK_EQ_INT(how.kind, MPLAT_EXIT_EXITED);
        CHECK_EQ_UINT(how.code, 9);
    }
    child_end(&child);
}

TEST(platform_process, exit_is_known_without_a_wait) {
    child_t child = child_start_serving();
    child_tell(&child, "exit 4");
    mplat_exit_t how = {0};
    for (int i = 0; i < 1000 && how.kind == MPLAT_EXIT_RUNNING; i++) {
        CHECK_OK(mplat_process_exit(child.process, &how));
        test_sleep_ms(10);
    }
    CHECK_EQ_INT(how.kind, MPLAT_EXIT_EXITED);
    CHECK_EQ_UINT(how.code, 4);
    child_end(&child);
}

TEST(platform_process, wait_ends_on_time) {
    child_t child = child_start_serving();
    int64_t start = mplat_clock_ns();
    CHECK_ERR(mplat_process_wait(child.process, 0), MPLAT_ETIMEDOUT);
    CHECK(mplat_clock_ns() - start < INT64_C(1000000000) * test_time_scale());
    start = mplat_clock_ns();
    CHECK_ERR(mplat_process_wait(child.process, 80), MPLAT_ETIMEDOUT);
    CHECK(mplat_clock_ns() - start >= INT64_C(79000000));
    child_end(&child);
}

TEST(platform_process, sentinel_becomes_ready_at_the_end) {
    child_t child = child_start_serving();
    mplat_handle_t sentinel = mplat_process_sentinel(child.process);
    bool ready[1];
    CHECK(sentinel != MPLAT_NO_HANDLE);
    CHECK_ERR(mplat_handles_wait(&sentinel, 1, 0, ready), MPLAT_ETIMEDOUT);
    child_tell(&child, "exit 0");
    CHECK_OK(mplat_handles_wait(&sentinel, 1, SOON_MS, ready));
    CHECK_OK(mplat_process_wait(child.process, 0));
    CHECK_OK(mplat_handles_wait(&sentinel, 1, 0, ready));
    child_end(&child);
}

TEST(platform_process, signal_after_the_end_does_nothing) {
    child_t child = child_start_serving();
    child_tell(&child, "exit 6");
    CHECK_EQ_INT(child_exit_code(&child), 6);
    CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_KILL));
    CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_TERMINATE));
    CHECK_OK(mplat_process_signal_tree(child.process, MPLAT_SIGNAL_KILL));
    CHECK_EQ_INT(child_exit_code(&child), 6);
    child_end(&child);
}

TEST(platform_process, kill_reaches_one_that_ignores_everything) {
    child_t child = child_start_captured(child_options(CHILD_ARGS("spin")));
    REQUIRE(child_says(&child, "u"));
    if (host_has_signals()) {
        CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_TERMINATE));
        CHECK_ERR(mplat_process_wait(child.process, 200), MPLAT_ETIMEDOUT);
    }
    CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_KILL));
    mplat_exit_t how = child_exit(&child);
    CHECK(ended_by(&how, MPLAT_SIGNAL_KILL));
    child_end(&child);
}

TEST(platform_process, interrupt_ends_a_willing_child) {
    if (test_on_wine())
        SKIP("wine does not deliver CTRL_BREAK");
    mplat_spawn_options_t options = child_options(CHILD_ARGS("linger", "60000"));
    options.own_group = true;
    child_t child = child_start_captured(options);
    REQUIRE(child_says(&child, "u"));
    CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_INTERRUPT));
    mplat_exit_t how = child_exit(&child);
    if (host_has_signals())
        CHECK_EQ_STR(mplat_signal_name((uint32_t)how.signal), "SIGINT");
    child_end(&child);
}

TEST(platform_process, tree_kill_reaches_three_levels) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("again", "again", "spin"));
    options.own_group = true;
    child_t child = child_start_captured(options);
    REQUIRE(child_says(&child, "u"));
    CHECK_OK(mplat_process_signal_tree(child.process, MPLAT_SIGNAL_KILL));
    mplat_exit_t how = child_exit(&child);
    CHECK(ended_by(&how, MPLAT_SIGNAL_KILL));
    CHECK(child_falls_silent(&child, 1000 * test_time_scale()));
    child_end(&child);
}

TEST(platform_process, tree_kill_spares_the_siblings) {
    child_t sibling = child_start_serving();
    mplat_spawn_options_t options = child_options(CHILD_ARGS("again", "spin"));
    options.own_group = true;
    child_t child = child_start_captured(options);
    REQUIRE(child_says(&child, "u"));
    CHECK_OK(mplat_process_signal_tree(child.process, MPLAT_SIGNAL_KILL));
    CHECK(child_falls_silent(&child, 1000 * test_time_scale()));
    child_tell_with(&sibling, "echo", "alive", 5, NULL, 0);
    CHECK_EQ_STR(child_answer(&sibling), "alive");
    child_end(&child);
    child_end(&sibling);
}

TEST(platform_process, usage_grows_with_the_work) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("compute", "400"));
    child_t child = child_start(&options);
    mplat_exit_t how = child_exit(&child);
    CHECK(how.usage.user_ns + how.usage.system_ns >= INT64_C(20000000));
    CHECK(how.usage.user_ns + how.usage.system_ns <= INT64_C(60000000000));
    child_end(&child);
}

TEST(platform_process, usage_times_enclose_the_run) {
    int64_t before = mplat_clock_ns();
    mplat_spawn_options_t options = child_options(CHILD_ARGS("sleep", "50"));
    child_t child = child_start(&options);
    mplat_usage_t usage;
    CHECK_OK(mplat_process_usage(child.process, &usage));
    CHECK_EQ_INT(usage.ended_ns, 0);
    mplat_exit_t how = child_exit(&child);
    int64_t after = mplat_clock_ns();
    CHECK(how.usage.started_ns >= before && how.usage.started_ns <= how.usage.ended_ns);
    CHECK(how.usage.ended_ns - how.usage.started_ns >= INT64_C(49000000));
    CHECK(how.usage.ended_ns <= after);
    CHECK_OK(mplat_process_usage(child.process, &usage));
    CHECK_EQ_INT(usage.ended_ns, how.usage.ended_ns);
    CHECK_EQ_INT(usage.user_ns, how.usage.user_ns);
    CHECK_EQ_UINT(usage.peak_memory_bytes, how.usage.peak_memory_bytes);
    child_end(&child);
}

TEST(platform_process, usage_of_a_running_child_is_told) {
    child_t child = child_start_captured(child_options(CHILD_ARGS("spin")));
    REQUIRE(child_says(&child, "u"));
    mplat_usage_t usage = {0};
    for (int i = 0; i < 200 && usage.user_ns + usage.system_ns < 10000000; i++) {
        test_sleep_ms(10);
        int err = mplat_process_usage(child.process, &usage);
        if (err == MPLAT_ENOTSUP) {
            child_end(&child);
            SKIP("this system tells usage only after the end");
        }
        CHECK_OK(err);
    }
    CHECK(usage.user_ns + usage.system_ns >= 10000000);
    child_end(&child);
}

/* Wine forgets the memory of a process with its end: what has been told stays true. */
TEST(platform_process, the_largest_size_told_is_not_forgotten) {
    child_t child = child_start_captured(child_options(CHILD_ARGS("linger", "60000")));
    mplat_usage_t usage = {0};
    REQUIRE(child_says(&child, "u"));
    (void)mplat_process_usage(child.process, &usage);
    CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_KILL));
    mplat_exit_t how = child_exit(&child);
    CHECK(how.usage.peak_memory_bytes > 0 || usage.peak_memory_bytes == 0);
    for (int i = 0; i < 20; i++) {
        mplat_usage_t after;
        test_sleep_ms(5);
        CHECK_OK(mplat_process_usage(child.process, &after));
        CHECK_EQ_MEM(&after, &how.usage, sizeof after);
    }
    child_end(&child);
}

TEST(platform_process, memory_of_a_running_child_is_told_or_is_zero) {
    child_t child = child_start_captured(child_options(CHILD_ARGS("linger", "60000")));
    mplat_usage_t usage = {0};
    REQUIRE(child_says(&child, "u"));
    int err = mplat_process_usage(child.process, &usage);
    CHECK(err == 0 || err == MPLAT_ENOTSUP);
    CHECK(usage.memory_bytes == 0 || (usage.memory_bytes > 50000 && usage.memory_bytes < (uint64_t)8 << 30));
    CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_KILL));
    mplat_exit_t how = child_exit(&child);
    CHECK_EQ_UINT(how.usage.memory_bytes, 0);
    child_end(&child);
}

TEST(platform_process, peak_memory_is_told) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("allocate", "64"));
    child_t child = child_start(&options);
    mplat_exit_t how = child_exit(&child);
    CHECK(how.usage.peak_memory_bytes >= (uint64_t)60 << 20 || test_on_wine());
    CHECK(how.usage.peak_memory_bytes <= (uint64_t)8 << 30);
    child_end(&child);
}

/* A destroyed child goes on; the harness's leak check shows that it does not stay uncollected. */
TEST(platform_process, destroyed_child_goes_on_and_is_collected) {
    child_t child = child_start_captured(child_options(CHILD_ARGS("linger", "100")));
    REQUIRE(child_says(&child, "u"));
    mplat_process_destroy(child.process);
    child.process = NULL;
    CHECK(child_says(&child, "v"));
    CHECK(child_falls_silent(&child, SOON_MS));
    child_end(&child);
}

TEST(platform_process, fifty_destroyed_while_running_are_collected) {
    enum { COUNT = 50 };
    mplat_spawn_options_t options = child_options(CHILD_ARGS("sleep", "100"));
    for (int i = 0; i < COUNT; i++) {
        child_t child = child_start(&options);
        mplat_process_destroy(child.process);
    }
    for (int i = 0; i < 500 && host_count_children() > 0; i++)
        test_sleep_ms(10);
    CHECK_EQ_UINT(host_count_children(), 0);
}

TEST(platform_process, destroy_takes_none) {
    mplat_process_destroy(NULL);
    mplat_link_destroy(NULL);
    mplat_bell_destroy(NULL);
    mplat_watch_destroy(NULL);
    mplat_wake_destroy(NULL);
    mplat_segment_destroy(NULL);
}

static void wait_for_end(void *arg) {
    mplat_process_wait(arg, -1);
}

TEST(platform_process, many_threads_wait_for_one_child) {
    enum { COUNT = 8 };
    child_t child = child_start_serving();
    host_thread_t *threads[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        threads[i] = host_thread_start(wait_for_end, child.process);
    test_sleep_ms(20);
    child_tell(&child, "exit 2");
    for (size_t i = 0; i < COUNT; i++)
        host_thread_join(threads[i]);
    CHECK_EQ_INT(child_exit_code(&child), 2);
    child_end(&child);
}

TEST(platform_process, child_knows_its_parent) {
    child_t child = child_start_captured(child_options(CHILD_ARGS("parent")));
    char *rest = NULL;
    long long pid = strtoll(child_output(&child, -1, NULL), &rest, 10);
    long long parent = strtoll(rest, NULL, 10);
    CHECK_EQ_INT(pid, mplat_process_pid(child.process));
    CHECK_EQ_INT(parent, mplat_self_pid());
    child_end(&child);
}
