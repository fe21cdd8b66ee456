/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of platform.h about the machine, this process, and the words for what failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

TEST(platform_machine, clock_never_goes_back) {
    int64_t last = mplat_clock_ns();
    for (int i = 0; i < 10000; i++) {
        int64_t now = mplat_clock_ns();
        CHECK(now >= last);
        last = now;
    }
}

TEST(platform_machine, sleep_is_not_shorter_than_asked) {
    int64_t start = mplat_clock_ns();
    mplat_sleep_ms(30);
    CHECK(mplat_clock_ns() - start >= 29000000);
    mplat_sleep_ms(0);
}

TEST(platform_machine, wall_clock_is_that_of_the_c_library) {
    int64_t seconds = mplat_wall_ns() / 1000000000 - (int64_t)time(NULL);
    CHECK(seconds >= -1 && seconds <= 1);
}

TEST(platform_machine, numbers_make_sense) {
    size_t page = mplat_page_size();
    CHECK(page >= 4096 && (page & (page - 1)) == 0);
    CHECK(mplat_cpu_count() >= 1 && mplat_cpu_count() <= host_affinity_count());
    CHECK(mplat_self_pid() > 0);
    CHECK(mplat_parent_pid() >= 0);
    CHECK(mplat_parent_pid() != mplat_self_pid());
}

TEST(platform_machine, executable_path_leads_to_this_program) {
    char path[4096];
    REQUIRE_OK(mplat_executable_path(path, sizeof path));
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    if (file != NULL)
        fclose(file);
    char *cut = malloc(strlen(path) + 1);
    REQUIRE(cut != NULL);
    CHECK_OK(mplat_executable_path(cut, strlen(path) + 1));
    CHECK_EQ_STR(cut, path);
    CHECK_ERR(mplat_executable_path(cut, strlen(path)), MPLAT_ETOOBIG);
    CHECK_ERR(mplat_executable_path(cut, 1), MPLAT_ETOOBIG);
    free(cut);
}

TEST(platform_machine, build_id_is_the_same_each_time) {
    unsigned char one[64], two[64];
    size_t size = 99, again = 99;
    CHECK_OK(mplat_build_id(one, sizeof one, &size));
    CHECK(size <= sizeof one);
    CHECK_OK(mplat_build_id(two, sizeof two, &again));
    CHECK_EQ_UINT(size, again);
    CHECK_EQ_MEM(one, two, size);
    memset(two, '#', sizeof two);
    CHECK_OK(mplat_build_id(two, 3, &again));
    CHECK(again <= 3);
    CHECK_EQ_INT(two[3], '#');
}

TEST(platform_machine, random_bytes_differ) {
    static unsigned char one[100000], two[100000];
    size_t zeros = 0;
    CHECK_OK(mplat_random(one, sizeof one));
    CHECK_OK(mplat_random(two, sizeof two));
    CHECK(memcmp(one, two, sizeof one) != 0);
    for (size_t i = 0; i < sizeof one; i++)
        zeros += one[i] == 0 ? 1 : 0;
    CHECK(zeros > 100 && zeros < 1000); /* 390 are expected */
    CHECK_OK(mplat_random(one, 0));
}

TEST(platform_machine, kills_for_memory_are_counted_or_nobody_counts) {
    uint64_t count = 7, again = 7;
    int err = mplat_oom_kills(&count);
    if (err != 0) {
        CHECK_EQ_INT(err, MPLAT_ENOTSUP);
        CHECK_EQ_UINT(count, 0);
        return;
    }
    CHECK_OK(mplat_oom_kills(&again));
    CHECK(again >= count);
}

typedef struct noted_end {
    mplat_thread_end_t end; /* first: it is cast back */
    int runs;
} noted_end_t;

static void note_end(mplat_thread_end_t *end) {
    ((noted_end_t *)end)->runs++;
}

static noted_end_t first_end, last_end;

static void ask_for_an_end(void *arg) {
    first_end = last_end = (noted_end_t){.end = {.run = note_end}};
    if (mplat_thread_at_end(&first_end.end) != 0 || mplat_thread_at_end(&last_end.end) != 0)
        last_end.runs = 100;
    if (arg != NULL && mplat_thread_at_end(NULL) != 0)
        last_end.runs = 100;
    if (last_end.runs != 0)
        last_end.runs = 100;
}

TEST(platform_thread, latest_end_runs_once_when_the_thread_ends) {
    host_thread_join(host_thread_start(ask_for_an_end, NULL));
    CHECK_EQ_INT(first_end.runs, 0);
    CHECK_EQ_INT(last_end.runs, 1);
}

TEST(platform_thread, end_that_was_called_off_does_not_run) {
    host_thread_join(host_thread_start(ask_for_an_end, &first_end));
    CHECK_EQ_INT(first_end.runs, 0);
    CHECK_EQ_INT(last_end.runs, 0);
}

TEST(platform_thread, signals_can_be_held_and_released_again) {
    mplat_signals_t outer, inner;
    mplat_signals_hold(&outer);
    mplat_signals_hold(&inner);
    mplat_signals_release(&inner);
    mplat_signals_release(&outer);
    CHECK_EQ_INT(child_run(CHILD_ARGS("exit", "0")), 0);
}

TEST(platform_machine, pipe_and_null_device_are_no_terminals) {
    child_t child = child_start_captured(child_options(CHILD_ARGS("terminals")));
    CHECK_EQ_INT(child_exit_code(&child) & 6, 0);
    child_end(&child);
    mplat_spawn_options_t options = child_options(CHILD_ARGS("terminals"));
    for (size_t i = 0; i < 3; i++)
        options.stdio[i].kind = MPLAT_STDIO_NULL;
    child = child_start(&options);
    CHECK_EQ_INT(child_exit_code(&child), 0);
    child_end(&child);
    CHECK(!mplat_is_terminal(-1) && !mplat_is_terminal(3));
    CHECK_EQ_INT(mplat_terminal_width(-1), 80);
}

TEST(platform_failure, names_the_step_of_the_last_failure) {
    mplat_handle_t copy;
    CHECK(mplat_handle_duplicate(MPLAT_NO_HANDLE, &copy) < 0);
    mplat_failure_t first = mplat_failure();
    CHECK(first.step != NULL && first.step[0] != '\0');
    CHECK_OK(mplat_null_open(&copy));
    mplat_handle_close(&copy);
    CHECK_EQ_STR(mplat_failure().step, first.step);
    CHECK_EQ_INT(mplat_failure().os_code, first.os_code);
}

static void look_at_failure(void *arg) {
    mplat_failure_t *failure = arg;
    *failure = mplat_failure();
}

TEST(platform_failure, belongs_to_its_thread) {
    mplat_handle_t copy;
    mplat_failure_t theirs = {.os_code = 9, .step = NULL};
    CHECK(mplat_handle_duplicate(MPLAT_NO_HANDLE, &copy) < 0);
    host_thread_join(host_thread_start(look_at_failure, &theirs));
    CHECK_EQ_INT(theirs.os_code, 0);
    CHECK_EQ_STR(theirs.step, "");
}

TEST(platform_failure, system_text_is_one_line_and_fits) {
    char text[256], small[6];
    memset(text, '#', sizeof text);
    CHECK(mplat_os_error_text(0, text, sizeof text) == text);
    CHECK_EQ_STR(text, "");
    mplat_os_error_text(2, text, sizeof text);
    CHECK(strlen(text) > 5);
    CHECK(strchr(text, '\n') == NULL && strchr(text, '\r') == NULL);
    memset(small, '#', sizeof small);
    mplat_os_error_text(2, small, 5);
    CHECK(strlen(small) <= 4);
    CHECK_EQ_INT(small[5], '#');
    mplat_os_error_text(123456789, text, sizeof text);
    CHECK(strlen(text) < sizeof text);
}

TEST(platform_machine, to_fetch_for_writing_changes_nothing_wherever_it_points) {
    unsigned char bytes[1000];
    memset(bytes, 7, sizeof bytes);
    mplat_cpu_fetch_for_write(bytes, sizeof bytes);
    mplat_cpu_fetch_for_write(bytes + 1, 0);
    mplat_cpu_fetch_for_write(bytes + sizeof bytes, 65536);
    mplat_cpu_fetch_for_write((const void *)(uintptr_t)64, 4096); /* nothing is mapped there */
    for (size_t i = 0; i < sizeof bytes; i++)
        REQUIRE_EQ_UINT(bytes[i], 7);
}
