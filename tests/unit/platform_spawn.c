/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of platform.h about starting a program: what the child gets, and what a failure leaves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

enum { SOON_MS = 10000 };

/* What the verbs args and env print: each text behind its length and a colon. Gives the next one, NULL at the end. */
static char *next_text(const char **output) {
    char *end;
    size_t length = (size_t)strtoul(*output, &end, 10);
    if (end == *output || *end != ':')
        return NULL;
    char *text = malloc(length + 1);
    if (text == NULL)
        abort();
    memcpy(text, end + 1, length);
    text[length] = '\0';
    *output = end + 1 + length;
    return text;
}

static void check_texts(const char *output, const char *const *expected) {
    for (size_t i = 0;; i++) {
        char *text = next_text(&output);
        if (text == NULL || expected[i] == NULL) {
            CHECK(text == NULL && expected[i] == NULL);
            free(text);
            return;
        }
        CHECK_EQ_STR(text, expected[i]);
        free(text);
    }
}

static size_t count_texts(const char *output) {
    size_t count = 0;
    for (char *text = next_text(&output); text != NULL; text = next_text(&output)) {
        count++;
        free(text);
    }
    return count;
}

static bool has_text(const char *output, const char *expected) {
    bool found = false;
    for (char *text = next_text(&output); text != NULL; text = next_text(&output)) {
        found = found || strcmp(text, expected) == 0;
        free(text);
    }
    return found;
}

static void check_arguments(const char *const *argv) {
    check_texts(child_output_of(child_options(argv)), argv + 2);
}

TEST(platform_spawn, plain_arguments_arrive) {
    check_arguments(CHILD_ARGS("args"));
    check_arguments(CHILD_ARGS("args", "a", "-b", "--c=d", "/e"));
}

TEST(platform_spawn, hard_arguments_arrive_unchanged) {
    check_arguments(CHILD_ARGS("args", "", "", " ", "a b", "\t", "a\"b", "\"", "\"\"", "\\", "\\\\", "\\\"",
                               "a\\\\\"b c\\", "c:\\x y\\", "'", "a'b", "*", "?", "*.c", "$HOME", "%PATH%", "^&|<>",
                               "!x!"));
}

TEST(platform_spawn, newlines_and_unicode_in_arguments_arrive_unchanged) {
    check_arguments(CHILD_ARGS("args", "a\nb", "\n", "a\r\nb", "\xC3\xA4\xC3\x9F", "\xE2\x82\xAC", "\xF0\x9F\x98\x80 x",
                               "\xEF\xBF\xBD"));
}

TEST(platform_spawn, thirty_thousand_characters_arrive) {
    static char argument[30001];
    for (size_t i = 0; i < sizeof argument - 1; i++)
        argument[i] = (char)('a' + i % 26);
    check_arguments(CHILD_ARGS("args", argument));
}

TEST(platform_spawn, arguments_above_the_limit_are_too_big) {
    enum { SIZE = 64 << 20 };
    char *argument = malloc(SIZE + 1);
    REQUIRE(argument != NULL);
    memset(argument, 'x', SIZE);
    argument[SIZE] = '\0';
    mplat_spawn_options_t options = child_options(CHILD_ARGS("args", argument));
    mplat_process_t *process = (mplat_process_t *)&options;
    mplat_link_t *link = (mplat_link_t *)&options;
    CHECK_ERR(mplat_spawn(&options, &process, &link), MPLAT_ETOOBIG);
    CHECK(process == NULL && link == NULL);
    free(argument);
}

TEST(platform_spawn, environment_is_a_copy_without_one_given) {
    char *const *mine = host_environment();
    REQUIRE(mine[0] != NULL);
    static char before[1 << 18];
    snprintf(before, sizeof before, "%s", child_output_of(child_options(CHILD_ARGS("env"))));
    for (size_t i = 0; mine[i] != NULL; i++)
        if (mine[i][0] != '=' && !has_text(before, mine[i]))
            FAIL("%s is missing", mine[i]);
}

TEST(platform_spawn, environment_is_replaced_by_the_one_given) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("env"));
    options.environment = (const char *const[]){"MPROC_B=2", "MPROC_A=a b=\xC3\xA4", "MPROC_C=", NULL};
    const char *output = child_output_of(options);
    CHECK(has_text(output, "MPROC_B=2"));
    CHECK(has_text(output, "MPROC_A=a b=\xC3\xA4"));
    CHECK(has_text(output, "MPROC_C="));
    for (char *text = next_text(&output); text != NULL; text = next_text(&output)) {
        CHECK(strncmp(text, "PATH=", 5) != 0 || test_on_wine());
        free(text);
    }
}

TEST(platform_spawn, changes_to_the_environment_keep_the_rest) {
    const char *removed = host_has_signals() ? "HOME" : "OS";
    mplat_spawn_options_t options = child_options(CHILD_ARGS("env"));
    size_t before = count_texts(child_output_of(options));
    options.environment = (const char *const[]){"MPROC_ADDED=1", "MPROC_ADDED=2", "MPROC_GONE=1", "MPROC_GONE", NULL};
    options.environment_changes = true;
    const char *output = child_output_of(options);
    CHECK(has_text(output, "MPROC_ADDED=2"));
    CHECK(!has_text(output, "MPROC_ADDED=1"));
    CHECK(!has_text(output, "MPROC_GONE=1"));
    CHECK_EQ_UINT(count_texts(output), before + 1);

    if (getenv(removed) == NULL)
        return;
    options.environment = (const char *const[]){removed, "MPROC_NEVER_WAS", NULL};
    CHECK_EQ_UINT(count_texts(child_output_of(options)), before - 1);
    options.environment = (const char *const[]){NULL};
    CHECK_EQ_UINT(count_texts(child_output_of(options)), before);
}

TEST(platform_spawn, empty_environment_is_possible) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("env"));
    options.environment = (const char *const[]){NULL};
    const char *output = child_output_of(options);
    /* Windows programs cannot start without some variables; where there are none, none must come. */
    if (host_has_signals())
        CHECK_EQ_STR(output, "");
}

TEST(platform_spawn, environment_of_a_linked_child_has_no_trace_of_the_link) {
    static char plain[1 << 18];
    mplat_spawn_options_t options = child_options(CHILD_ARGS("env"));
    snprintf(plain, sizeof plain, "%s", child_output_of(options));
    options.link = true;
    const char *linked = child_output_of(options);
    CHECK_EQ_UINT(count_texts(linked), count_texts(plain));
    const char *rest = plain;
    for (char *text = next_text(&rest); text != NULL; text = next_text(&rest)) {
        CHECK(has_text(linked, text));
        free(text);
    }
}

TEST(platform_spawn, directory_is_as_asked) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("directory"));
    char mine[4096];
    REQUIRE(host_directory(mine, sizeof mine));
    CHECK_EQ_STR(child_output_of(options), mine);

    options.directory = test_temp_dir();
    const char *output = child_output_of(options);
    const char *name = strrchr(test_temp_dir(), host_has_signals() ? '/' : '\\');
    REQUIRE(name != NULL);
    CHECK_HAS_STR(output, name + 1);
}

TEST(platform_spawn, program_may_be_relative_to_the_directory) {
    char directory[1024];
    snprintf(directory, sizeof directory, "%s", child_program());
    char *slash = strrchr(directory, '/');
    if (slash == NULL)
        SKIP("the test child is not in a folder");
    char program[256];
    snprintf(program, sizeof program, "./%s", slash + 1);
    *slash = '\0';
    mplat_spawn_options_t options = child_options(CHILD_ARGS("exit", "5"));
    options.program = program;
    options.directory = directory;
    child_t child = child_start(&options);
    CHECK_EQ_INT(child_exit_code(&child), 5);
    child_end(&child);
}

TEST(platform_spawn, no_program_means_the_running_one) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("again", "executable"));
    const char *output = child_output_of(options);
    const char *name = strrchr(child_program(), '/');
    REQUIRE(name != NULL);
    CHECK_HAS_STR(output, name + 1);
}

TEST(platform_spawn, streams_go_where_they_are_sent) {
    mplat_handle_t out, out_theirs, err, err_theirs;
    char bytes[16] = "";
    size_t size;
    REQUIRE_OK(mplat_pipe_create(&out, &out_theirs));
    REQUIRE_OK(mplat_pipe_create(&err, &err_theirs));
    mplat_spawn_options_t options = child_options(CHILD_ARGS("say", "out", "err"));
    options.stdio[0].kind = MPLAT_STDIO_NULL;
    options.stdio[1] = (mplat_stdio_t){.kind = MPLAT_STDIO_HANDLE, .handle = out_theirs};
    options.stdio[2] = (mplat_stdio_t){.kind = MPLAT_STDIO_HANDLE, .handle = err_theirs};
    child_t child = child_start(&options);
    CHECK(host_handle_is_open(out_theirs) && host_handle_is_open(err_theirs));
    mplat_handle_close(&out_theirs);
    mplat_handle_close(&err_theirs);
    CHECK_OK(mplat_pipe_read(out, bytes, sizeof bytes, SOON_MS, &size));
    CHECK_EQ_MEM(bytes, "out", 3);
    CHECK_OK(mplat_pipe_read(err, bytes, sizeof bytes, SOON_MS, &size));
    CHECK_EQ_MEM(bytes, "err", 3);
    child_end(&child);
    mplat_handle_close(&out);
    mplat_handle_close(&err);
}

TEST(platform_spawn, null_input_is_at_its_end) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("cat"));
    options.stdio[0].kind = MPLAT_STDIO_NULL;
    CHECK_EQ_STR(child_output_of(options), "");
}

/* The streams themselves are often the lowest handles, which the child's own streams want to be. */
TEST(platform_spawn, parent_without_streams_can_spawn) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("streamless"));
    options.link = true;
    child_t child = child_start(&options);
    char expected[32];
    snprintf(expected, sizeof expected, "0 %d 42", (int)MPLAT_EXIT_EXITED);
    CHECK_EQ_STR(child_answer(&child), expected);
    child_end(&child);
}

TEST(platform_spawn, high_handle_of_the_parent_is_not_open_in_the_child) {
    enum { COUNT = 600 };
    static mplat_handle_t handles[COUNT];
    char inherited[24], own[24];
    REQUIRE_OK(mplat_null_open(&handles[0]));
    for (size_t i = 1; i < COUNT; i++)
        REQUIRE_OK(mplat_handle_duplicate(handles[0], &handles[i]));
    REQUIRE(host_handle_make_inheritable(handles[COUNT - 2]));
    snprintf(inherited, sizeof inherited, "%lld", (long long)handles[COUNT - 2]);
    snprintf(own, sizeof own, "%lld", (long long)handles[COUNT - 1]);
    CHECK_EQ_INT(child_run(CHILD_ARGS("is-open", own, inherited)), 0);

    mplat_spawn_options_t options = child_options(CHILD_ARGS("is-open", own, inherited));
    options.link = true;
    child_t child = child_start(&options);
    CHECK_EQ_INT(child_exit_code(&child), 0);
    child_end(&child);
    for (size_t i = 0; i < COUNT; i++)
        mplat_handle_close(&handles[i]);
}

TEST(platform_spawn, five_children_show_equal_handle_counts) {
    child_t children[5];
    char first[32];
    for (size_t i = 0; i < 5; i++)
        children[i] = child_start_serving();
    for (size_t i = 0; i < 5; i++) {
        child_tell(&children[i], "handles");
        const char *count = child_answer(&children[i]);
        if (i == 0)
            snprintf(first, sizeof first, "%s", count);
        CHECK_EQ_STR(count, first);
    }
    for (size_t i = 0; i < 5; i++)
        child_end(&children[i]);
}

typedef struct spawner {
    size_t wrong;
    char counts[2][32]; /* of children with and without a link */
} spawner_t;

/* Each child gets a pipe as its output. If another child got a copy of it, the end would not be seen before that one's. */
static void spawn_many(void *arg) {
    spawner_t *spawner = arg;
    for (int i = 0; i < 15; i++) {
        mplat_handle_t output = MPLAT_NO_HANDLE, theirs = MPLAT_NO_HANDLE;
        mplat_process_t *process = NULL;
        mplat_link_t *link = NULL;
        char count[32] = "";
        size_t size;
        int err = mplat_pipe_create(&output, &theirs);
        mplat_spawn_options_t options = child_options(CHILD_ARGS("handles"));
        options.link = i % 2 == 0;
        options.stdio[1] = (mplat_stdio_t){.kind = MPLAT_STDIO_HANDLE, .handle = theirs};
        if (err == 0)
            err = mplat_spawn(&options, &process, &link);
        mplat_handle_close(&theirs);
        if (err == 0)
            err = mplat_pipe_read(output, count, sizeof count - 1, SOON_MS, &size);
        if (i < 2)
            memcpy(spawner->counts[i], count, sizeof count);
        if (err != 0 || strcmp(spawner->counts[i % 2], count) != 0)
            spawner->wrong++;
        mplat_process_wait(process, -1);
        mplat_process_destroy(process);
        mplat_link_destroy(link);
        mplat_handle_close(&output);
    }
}

TEST(platform_spawn, two_threads_leak_nothing_into_each_others_child) {
    spawner_t alone = {0}, one = {0}, two = {0};
    spawn_many(&alone);
    host_thread_t *first = host_thread_start(spawn_many, &one), *second = host_thread_start(spawn_many, &two);
    host_thread_join(first);
    host_thread_join(second);
    CHECK_EQ_UINT(alone.wrong + one.wrong + two.wrong, 0);
    for (size_t i = 0; i < 2; i++) {
        CHECK_EQ_STR(one.counts[i], alone.counts[i]);
        CHECK_EQ_STR(two.counts[i], alone.counts[i]);
    }
}

static void check_failure(const mplat_spawn_options_t *options, int code) {
    mplat_process_t *process = (mplat_process_t *)(uintptr_t)options;
    mplat_link_t *link = (mplat_link_t *)(uintptr_t)options;
    CHECK_ERR(mplat_spawn(options, &process, &link), code);
    CHECK(process == NULL && link == NULL);
    CHECK(mplat_failure().os_code != 0);
    CHECK(mplat_failure().step[0] != '\0');
    char text[256];
    CHECK(mplat_os_error_text(mplat_failure().os_code, text, sizeof text)[0] != '\0');
}

TEST(platform_spawn, missing_program_is_not_found) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("exit"));
    options.program = "/nowhere/at/all";
    check_failure(&options, MPLAT_ENOTFOUND);
    options.link = true;
    check_failure(&options, MPLAT_ENOTFOUND);
    options.program = "";
    options.link = false;
    check_failure(&options, MPLAT_ENOTFOUND);
}

TEST(platform_spawn, missing_directory_is_not_found) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("exit"));
    options.directory = "/nowhere/at/all";
    check_failure(&options, MPLAT_ENOTFOUND);
}

TEST(platform_spawn, directory_is_no_program) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("exit"));
    options.program = test_temp_dir();
    if (test_on_wine())
        SKIP("wine finds the handle of a directory invalid, and says so");
    check_failure(&options, MPLAT_EACCESS);
}

TEST(platform_spawn, hundred_failures_leave_nothing) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("exit"));
    options.link = true;
    size_t before = host_count_handles();
    for (int i = 0; i < 100; i++) {
        mplat_process_t *process;
        mplat_link_t *link;
        options.program = i % 2 == 0 ? "/nowhere/at/all" : test_temp_dir();
        CHECK(mplat_spawn(&options, &process, &link) < 0);
    }
    CHECK_EQ_UINT(host_count_handles(), before);
    CHECK_EQ_UINT(host_count_children(), 0);
}

TEST(platform_spawn, failures_do_not_disturb_a_running_child) {
    child_t child = child_start_serving();
    mplat_spawn_options_t options = child_options(CHILD_ARGS("exit"));
    mplat_process_t *process;
    mplat_link_t *link;
    options.program = "/nowhere/at/all";
    for (int i = 0; i < 10; i++)
        CHECK(mplat_spawn(&options, &process, &link) < 0);
    CHECK_ERR(mplat_process_wait(child.process, 0), MPLAT_ETIMEDOUT);
    child_tell(&child, "exit 3");
    CHECK_EQ_INT(child_exit_code(&child), 3);
    child_end(&child);
}

TEST(platform_spawn, all_options_at_once_work) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("serve"));
    options.environment = (const char *const[]){"A=1", NULL};
    options.directory = test_temp_dir();
    options.stdio[0].kind = options.stdio[1].kind = options.stdio[2].kind = MPLAT_STDIO_NULL;
    options.link = true;
    options.own_group = true;
    options.limits = (mplat_limits_t){.cpu_seconds = 100, .open_files = 64};
    options.priority = MPLAT_PRIORITY_LOW;
    child_t child = child_start(&options);
    child_tell_with(&child, "echo", "hi", 2, NULL, 0);
    CHECK_EQ_STR(child_answer(&child), "hi");
    child_end(&child);
}
