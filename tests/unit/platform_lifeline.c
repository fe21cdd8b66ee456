/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of platform.h about life and death: nothing outlives its parent unless it was told to, however the parent ends.
 * All levels share one output pipe; when nobody holds it any more, all of them have ended. */
#include <string.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

enum { SOON_MS = 20000, DEATH_MS = 1000 };

/* Starts argv, waits until each of count children below says that it is up, and kills the one in between. */
static child_t start_and_kill(const char *const *argv, size_t count) {
    child_t child = child_start_captured(child_options(argv));
    for (size_t i = 0; i < count; i++)
        REQUIRE(child_says(&child, "u"));
    CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_KILL));
    CHECK_OK(mplat_process_wait(child.process, SOON_MS));
    return child;
}

TEST(platform_lifeline, busy_child_dies_with_its_killed_parent) {
    child_t child = start_and_kill(CHILD_ARGS("again", "spin"), 1);
    CHECK(child_falls_silent(&child, DEATH_MS * test_time_scale()));
    child_end(&child);
}

TEST(platform_lifeline, idle_child_dies_with_its_killed_parent) {
    child_t child = start_and_kill(CHILD_ARGS("again", "linger", "60000"), 1);
    CHECK(child_falls_silent(&child, DEATH_MS * test_time_scale()));
    child_end(&child);
}

TEST(platform_lifeline, three_levels_die_with_the_first) {
    child_t child = start_and_kill(CHILD_ARGS("again", "again", "again", "spin"), 1);
    CHECK(child_falls_silent(&child, DEATH_MS * test_time_scale()));
    child_end(&child);
}

/* Siblings that inherited each other's lifeline would keep each other alive. */
TEST(platform_lifeline, siblings_die_together) {
    child_t child = start_and_kill(CHILD_ARGS("again-twice", "spin"), 2);
    CHECK(child_falls_silent(&child, DEATH_MS * test_time_scale()));
    child_end(&child);
}

TEST(platform_lifeline, child_dies_with_a_parent_that_just_ends) {
    mplat_handle_t input, theirs;
    REQUIRE_OK(mplat_pipe_create(&theirs, &input));
    mplat_spawn_options_t options = child_options(CHILD_ARGS("leave", "spin"));
    options.stdio[0] = (mplat_stdio_t){.kind = MPLAT_STDIO_HANDLE, .handle = theirs};
    child_t child = child_start_captured(options);
    mplat_handle_close(&theirs);
    REQUIRE(child_says(&child, "u"));
    mplat_handle_close(&input);
    CHECK_EQ_INT(child_exit_code(&child), 0);
    CHECK(child_falls_silent(&child, DEATH_MS * test_time_scale()));
    child_end(&child);
}

TEST(platform_lifeline, detached_child_lives_on) {
    child_t child = start_and_kill(CHILD_ARGS("again-detached", "linger", "1500"), 1);
    CHECK(child_says(&child, "v"));
    CHECK(child_falls_silent(&child, SOON_MS));
    child_end(&child);
}

static void start_serving(void *arg) {
    child_t *child = arg;
    const char *const argv[] = {"child", "serve", NULL};
    mplat_spawn_options_t options = child_options(argv);
    options.link = true;
    if (mplat_spawn(&options, &child->process, &child->link) != 0)
        *child = (child_t){.output = MPLAT_NO_HANDLE};
}

/* The parent is the process, not the thread that happened to start the child. */
TEST(platform_lifeline, child_outlives_the_thread_that_started_it) {
    child_t child = {.output = MPLAT_NO_HANDLE};
    host_thread_join(host_thread_start(start_serving, &child));
    REQUIRE(child.process != NULL);
    test_sleep_ms(300);
    child_tell_with(&child, "echo", "alive", 5, NULL, 0);
    CHECK_EQ_STR(child_answer(&child), "alive");
    child_end(&child);
}

TEST(platform_lifeline, child_of_another_program_knows_no_link) {
    CHECK_EQ_INT(child_run(CHILD_ARGS("serve")), 98);
}
