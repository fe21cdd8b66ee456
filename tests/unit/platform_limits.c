/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of platform.h about what a child may use: memory, time, handles, processors, and how urgently. */
#include <stdio.h>
#include <stdlib.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

static int run_with_memory(uint64_t bytes) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("allocate", "512"));
    options.limits.memory_bytes = bytes;
    child_t child = child_start(&options);
    int code = child_exit_code(&child);
    child_end(&child);
    return code;
}

TEST(platform_limits, memory_limit_holds) {
    if (test_on_wine() || test_time_scale() > 1)
        SKIP("wine does not enforce job limits; a sanitizer needs terabytes of addresses");
    CHECK_EQ_INT(run_with_memory(0), 0);
    CHECK_EQ_INT(run_with_memory((uint64_t)256 << 20), 1);
    CHECK_EQ_INT(run_with_memory((uint64_t)4096 << 20), 0);
}

TEST(platform_limits, processor_time_limit_holds) {
    if (test_on_wine())
        SKIP("wine does not enforce job limits");
    mplat_spawn_options_t options = child_options(CHILD_ARGS("compute", "20000"));
    options.limits.cpu_seconds = 1;
    child_t child = child_start(&options);
    mplat_exit_t how = child_exit(&child);
    CHECK(how.kind == MPLAT_EXIT_SIGNALLED || (!host_has_signals() && how.code != 0));
    CHECK(how.usage.user_ns + how.usage.system_ns >= INT64_C(500000000)); /* counted by ticks: roughly */
    if (host_has_signals())
        CHECK_EQ_STR(mplat_signal_name((uint32_t)how.signal), "SIGXCPU");
    child_end(&child);
}

TEST(platform_limits, open_files_limit_holds) {
    if (!host_has_signals())
        SKIP("this system has no limit of handles");
    mplat_spawn_options_t options = child_options(CHILD_ARGS("fill-handles", "1000"));
    options.limits.open_files = 50;
    char *rest = NULL;
    long count = strtol(child_output_of(options), &rest, 10);
    long err = strtol(rest, NULL, 10);
    CHECK(count > 30 && count <= 50);
    CHECK_EQ_INT(err, MPLAT_ENOHANDLES);
}

static int priority_of(mplat_priority_t priority) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("priority"));
    options.priority = priority;
    child_t child = child_start(&options);
    int seen = child_exit_code(&child);
    child_end(&child);
    return seen;
}

TEST(platform_limits, priority_is_as_asked) {
    if (test_on_wine())
        SKIP("wine ignores the class that CreateProcess is given");
    if (host_priority() != MPLAT_PRIORITY_NORMAL)
        SKIP("these tests run at a priority of their own");
    CHECK_EQ_INT(priority_of(MPLAT_PRIORITY_INHERIT), MPLAT_PRIORITY_NORMAL);
    CHECK_EQ_INT(priority_of(MPLAT_PRIORITY_IDLE), MPLAT_PRIORITY_IDLE);
    CHECK_EQ_INT(priority_of(MPLAT_PRIORITY_LOW), MPLAT_PRIORITY_LOW);
    CHECK_EQ_INT(priority_of(MPLAT_PRIORITY_NORMAL), MPLAT_PRIORITY_NORMAL);
}

TEST(platform_limits, high_priority_works_or_says_that_a_right_is_missing) {
    if (test_on_wine())
        SKIP("wine ignores the class that CreateProcess is given");
    mplat_spawn_options_t options = child_options(CHILD_ARGS("priority"));
    child_t child = {.output = MPLAT_NO_HANDLE};
    options.priority = MPLAT_PRIORITY_HIGH;
    int err = mplat_spawn(&options, &child.process, &child.link);
    if (err != 0) {
        CHECK_EQ_INT(err, MPLAT_EACCESS);
        return;
    }
    CHECK_EQ_INT(child_exit_code(&child), MPLAT_PRIORITY_HIGH);
    child_end(&child);
}

TEST(platform_limits, affinity_is_as_asked) {
    if (test_on_wine())
        SKIP("wine does not enforce affinity");
    const char *const *argv = CHILD_ARGS("processors");
    mplat_spawn_options_t options = child_options(argv);
    if (host_affinity_count() < 2)
        SKIP("this machine has one processor");
    for (unsigned bit = 0; bit < 2; bit++) {
        uint64_t words[MPLAT_AFFINITY_WORDS] = {UINT64_C(1) << bit};
        options.affinity = words;
        mplat_process_t *process;
        mplat_link_t *link;
        int err = mplat_spawn(&options, &process, &link);
        if (err == MPLAT_ENOTSUP)
            SKIP("this system has no affinity");
        if (err != 0)
            continue; /* this process may not use that processor itself */
        mplat_process_wait(process, -1);
        mplat_process_destroy(process);
        CHECK_EQ_STR(child_output_of(options), "1 1");
    }
}

TEST(platform_limits, affinity_to_no_processor_fails) {
    if (test_on_wine())
        SKIP("wine does not enforce affinity");
    uint64_t words[MPLAT_AFFINITY_WORDS] = {0};
    words[MPLAT_AFFINITY_WORDS - 1] = UINT64_C(1) << 63;
    mplat_spawn_options_t options = child_options(CHILD_ARGS("exit"));
    options.affinity = words;
    mplat_process_t *process;
    mplat_link_t *link;
    CHECK(mplat_spawn(&options, &process, &link) < 0);
    CHECK(process == NULL);
}
