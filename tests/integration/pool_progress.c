/* SPDX-License-Identifier: Apache-2.0 */
/* What a pool tells a person of its maps: a bar on a terminal, lines elsewhere, nothing unasked. A child makes the pool, and its
 * standard error is a file or a terminal of the test. */
#include "pool_help.h"
#include "process_host.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Its input is how long it takes; below zero it fails. */
static int take_item(mproc_call_t *call) {
    const void *input = NULL;
    size_t size = 0;
    int64_t ms = 0;
    mproc_call_input(call, &input, &size);
    memcpy(&ms, input, sizeof ms);
    if (ms < 0)
        return mproc_call_fail(call, 1, "no");
    host_sleep_ms((int)ms);
    return MPROC_OK;
}

MPROC_TASK(item) {
    return take_item(call);
}

MPROC_TASK(a_task_whose_name_is_longer_than_many_a_terminal_is_wide) {
    return take_item(call);
}

MPROC_TASK(number) {
    int64_t any = 0;
    return mproc_call_args(call, "x", &any);
}

/* ---- in the child ------------------------------------------------------------------------------------------------------------ */

enum { PLAIN, SILENT, FAILING, SLOW, LONG_NAME, PULLED, TWO_MAPS, EMPTY, CALLBACK, INLINE, RATHER_SLOW, STUCK };
enum { ITEMS = 20, MANY_MAPS = 5000 };

static int pull(void *context, int64_t index, mproc_args_t *out_args) {
    static mproc_arg_t arg;
    (void)context;
    arg = mproc_arg_int(index);
    *out_args = (mproc_args_t){1, &arg};
    return index == ITEMS ? MPROC_EEND : MPROC_OK;
}

static void say_called(mproc_result_t *result, void *context) {
    (void)result;
    (void)context;
    fputs("called\n", stderr);
}

static int run_twice(mproc_pool_t *pool, const int64_t *items) {
    mproc_result_t *results[2] = {NULL};
    int err = mproc_pool_map_async(pool, &item, MPROC_ARRAY(items, ITEMS), MPROC_KEEP, NULL, &results[0]);
    if (err == MPROC_OK)
        err = mproc_pool_map_async(pool, &item, MPROC_ARRAY(items, ITEMS / 2), MPROC_KEEP, NULL, &results[1]);
    if (err == MPROC_OK)
        err = mproc_wait(results, 2, MPROC_ALL, LONG_MS);
    mproc_result_release(results[0]);
    mproc_result_release(results[1]);
    return err;
}

/* Tells more than a pipe holds. */
static int run_many(mproc_pool_t *pool, const int64_t *items) {
    int err = MPROC_OK;
    for (int i = 0; err == MPROC_OK && i < MANY_MAPS; i++)
        err = mproc_pool_map(pool, &item, MPROC_ARRAY(items, 0), MPROC_KEEP, NULL);
    return err;
}

static int run(mproc_pool_t *pool, int kind) {
    int64_t items[ITEMS] = {0};
    mproc_task_options_t options = {.chunk = 1, .callback = kind == CALLBACK ? say_called : NULL};
    items[3] = items[7] = kind == FAILING ? -1 : 0;
    for (int i = 0; i < ITEMS; i++)
        items[i] = kind == RATHER_SLOW ? 25 : items[i];
    items[ITEMS - 1] = kind == SLOW ? 1500 : items[ITEMS - 1];
    if (kind == PULLED)
        return mproc_pool_map(pool, &number, MPROC_PULL(pull, NULL), MPROC_KEEP, &options);
    if (kind == TWO_MAPS)
        return run_twice(pool, items);
    if (kind == STUCK)
        return run_many(pool, items);
    const mproc_task_t *task = kind == LONG_NAME ? &a_task_whose_name_is_longer_than_many_a_terminal_is_wide : &item;
    return mproc_pool_map(pool, task, MPROC_ARRAY(items, kind == EMPTY ? 0 : ITEMS), MPROC_KEEP, &options);
}

MPROC_TASK(progress_child) {
    mproc_pool_t *pool = NULL;
    int kind = PLAIN;
    int err = mproc_call_args(call, "i", &kind);
    mproc_pool_options_t options = {.processes = kind == INLINE ? MPROC_INLINE : 1, .progress = kind != SILENT};
    if (err == MPROC_OK)
        err = mproc_pool_create(&options, &pool);
    if (err == MPROC_OK)
        err = run(pool, kind);
    if (kind != STUCK) /* nobody reads it */
        fputs("after\n", stderr);
    if (pool != NULL && kind == PLAIN)
        host_sleep_ms(300);
    mproc_pool_destroy(pool);
    return kind == FAILING ? MPROC_OK : err;
}

static void warm_up(void) {
    warm_up_process(&item);
}
TEST_WARM_UP(warm_up)

/* ---- in the test --------------------------------------------------------------------------------------------------------------- */

static char text[65536];

static mproc_process_t *start_child(int kind, mproc_stdio_t standard_error) {
    mproc_process_t *process = NULL;
    mproc_process_options_t options = {
        .target = &progress_child, .args = MPROC_ARGS(kind), .standard_error = standard_error};
    REQUIRE_OK(mproc_process_create(&options, &process));
    REQUIRE_OK(mproc_process_start(process));
    return process;
}

static void end_child(mproc_process_t *process) {
    int64_t code = -1;
    REQUIRE_OK(mproc_process_join(process, LONG_MS));
    CHECK_OK(mproc_process_exitcode(process, &code));
    CHECK_EQ_INT(code, 0);
    mproc_process_destroy(process);
}

/* Runs a child whose standard error is a file; text is what it wrote, with ends of lines as C has them. */
static void run_with_file(int kind) {
    char path[1024];
    test_temp_path("stderr", path, sizeof path);
    end_child(start_child(kind, (mproc_stdio_t){.kind = MPROC_STDIO_FILE, .path = path}));
    FILE *file = fopen(path, "r");
    REQUIRE(file != NULL);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
}

/* The same with a terminal; false where there is none. */
static bool run_with_terminal(int kind, int columns) {
    intptr_t outside = -1, inside = -1;
    if (!host_open_terminal(columns, &outside, &inside))
        return false;
    mproc_process_t *process = start_child(kind, (mproc_stdio_t){.kind = MPROC_STDIO_HANDLE, .handle = inside});
    host_close(inside);
    text[host_read_terminal(outside, text, sizeof text - 1)] = '\0';
    end_child(process);
    host_close(outside);
    return true;
}

/* What a terminal shows after all that: every line as the last drawing left it, without blanks at its end. Gives the width of
 * the widest drawing. */
static size_t show(char *out_screen, size_t size) {
    char line[1024] = "";
    size_t column = 0, length = 0, widest = 0, used = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\r') {
            column = 0;
        } else if (*at == '\n') {
            while (length > 0 && line[length - 1] == ' ')
                length--;
            used += (size_t)snprintf(out_screen + used, size - used, "%.*s\n", (int)length, line);
            length = 0;
        } else {
            REQUIRE(column < sizeof line);
            line[column++] = *at;
            length = length > column ? length : column;
            widest = widest > column ? widest : column;
        }
    }
    CHECK_EQ_UINT(length, 0);
    return widest;
}

static size_t count(const char *part) {
    size_t times = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        times++;
    return times;
}

TEST(pool_progress, nothing_is_written_unasked) {
    run_with_file(SILENT);
    CHECK_EQ_STR(text, "after\n");
}

TEST(pool_progress, elsewhere_than_on_a_terminal_it_is_lines_without_a_bar) {
    run_with_file(PLAIN);
    CHECK_HAS_STR(text, "item: 100% 20/20, ");
    CHECK_EQ_UINT(count("\r"), 0);
    CHECK_EQ_UINT(count("#"), 0);
    CHECK_EQ_UINT(count("left"), 0);
}

TEST(pool_progress, nothing_is_written_after_the_end_of_a_map) {
    run_with_file(PLAIN);
    REQUIRE(strlen(text) > 6);
    CHECK_EQ_STR(text + strlen(text) - 6, "after\n");
}

TEST(pool_progress, failures_are_counted) {
    run_with_file(FAILING);
    CHECK_HAS_STR(text, "item: 100% 20/20, 2 failed, ");
}

TEST(pool_progress, a_long_map_tells_how_far_it_is_and_how_long_it_takes_still) {
    run_with_file(SLOW);
    CHECK_HAS_STR(text, "item:  95% 19/20, ");
    CHECK_HAS_STR(text, " s left\n");
    CHECK_HAS_STR(text, "item: 100% 20/20, ");
}

TEST(pool_progress, an_input_whose_end_is_not_known_has_a_last_line_too) {
    run_with_file(PULLED);
    CHECK_HAS_STR(text, "number: 100% 20/20, ");
}

TEST(pool_progress, each_of_several_maps_has_its_last_line) {
    run_with_file(TWO_MAPS);
    CHECK_HAS_STR(text, "item: 100% 20/20, ");
    CHECK_HAS_STR(text, "item: 100% 10/10, ");
}

TEST(pool_progress, a_map_of_nothing_is_done_at_once) {
    run_with_file(EMPTY);
    CHECK_HAS_STR(text, "item: 100% 0/0, ");
}

TEST(pool_progress, the_last_line_stands_before_what_the_callback_writes) {
    run_with_file(CALLBACK);
    const char *line = strstr(text, "20/20"), *called = strstr(text, "called\n");
    REQUIRE(line != NULL && called != NULL);
    CHECK(line < called);
}

TEST(pool_progress, a_pool_without_processes_tells_it_too) {
    run_with_file(INLINE);
    CHECK_HAS_STR(text, "item: 100% 20/20, ");
}

TEST(pool_progress, nobody_waits_for_a_standard_error_that_takes_nothing) {
    intptr_t read_end = -1, write_end = -1;
    REQUIRE(host_open_pipe(&read_end, &write_end));
    end_child(start_child(STUCK, (mproc_stdio_t){.kind = MPROC_STDIO_HANDLE, .handle = write_end}));
    host_close(write_end);
    host_close(read_end);
}

static char screen[4096];

/* Runs a child on a terminal so wide, and checks that no drawing was wider; screen is what it shows at the end. False where there
 * is no terminal. */
static bool draw(int kind, size_t columns) {
    if (!run_with_terminal(kind, (int)columns))
        return false;
    CHECK(show(screen, sizeof screen) < columns);
    return true;
}

TEST(pool_progress, on_a_terminal_one_line_is_drawn_again_and_again) {
    if (!draw(RATHER_SLOW, 100))
        SKIP("no terminal to draw on");
    CHECK(count("\r") > 2);
    CHECK_HAS_STR(screen, "item: 100% [########################################] 20/20, ");
    /* One line of the map and the one after it. */
    const char *end = strchr(screen, '\n');
    REQUIRE(end != NULL);
    CHECK_EQ_STR(end, "\nafter\n");
    CHECK(strstr(screen, "left") == NULL);
}

TEST(pool_progress, the_bar_fits_into_a_narrow_terminal) {
    if (!draw(RATHER_SLOW, 60))
        SKIP("no terminal to draw on");
    CHECK_HAS_STR(screen, "item: 100% [##");
    CHECK_HAS_STR(screen, "##] 20/20, ");
}

TEST(pool_progress, without_room_there_is_no_bar_but_the_numbers) {
    if (!draw(PLAIN, 36))
        SKIP("no terminal to draw on");
    CHECK_HAS_STR(screen, "item: 100% 20/20, ");
}

TEST(pool_progress, a_line_too_long_for_the_terminal_is_cut_off) {
    if (!draw(LONG_NAME, 20))
        SKIP("no terminal to draw on");
    CHECK_EQ_STR(screen, "a_task_whose_name_i\nafter\n");
}

TEST(pool_progress, several_maps_leave_a_line_each_on_a_terminal) {
    if (!draw(TWO_MAPS, 80))
        SKIP("no terminal to draw on");
    CHECK_HAS_STR(screen, "] 20/20, ");
    CHECK_HAS_STR(screen, "] 10/10, ");
    CHECK_HAS_STR(screen, "\nafter\n");
}
