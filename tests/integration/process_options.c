/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a process: what each does to the child, and what is said to a wrong one. */
#include "process_help.h"
#include "process_host.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MPROC_TASK(options_nothing) {
    return MPROC_OK;
}

MPROC_TASK(options_getenv) {
    const char *name = "";
    int err = mproc_call_args(call, "s", &name);
    if (err != MPROC_OK)
        return err;
    const char *value = getenv(name);
    return value != NULL ? mproc_call_return(call, value) : mproc_call_return(call, MPROC_NIL);
}

MPROC_TASK(options_write_relative) {
    return write_file("here.txt", "here\n");
}

MPROC_TASK(options_copy_line) {
    char line[256] = "";
    if (fgets(line, sizeof line, stdin) == NULL)
        (void)snprintf(line, sizeof line, "end of file\n");
    printf("out %s", line);
    fprintf(stderr, "err %s", line);
    return MPROC_OK;
}

MPROC_TASK(options_count_cpus) {
    return mproc_call_return(call, mproc_cpu_count());
}

MPROC_TASK(options_allocate) {
    int64_t size = 0;
    int err = mproc_call_args(call, "x", &size);
    if (err != MPROC_OK)
        return err;
    char *volatile block = malloc((size_t)size);
    if (block == NULL)
        return mproc_call_return(call, "refused");
    memset(block, 1, (size_t)size);
    free(block);
    return mproc_call_return(call, "allowed");
}

MPROC_TASK(options_fill) {
    int64_t size = 0;
    void *data = NULL;
    int err = mproc_call_args(call, "x", &size);
    if (err == MPROC_OK)
        err = mproc_call_reserve(call, (size_t)size, &data);
    if (err == MPROC_OK)
        memset(data, 7, (size_t)size);
    return err;
}

MPROC_TASK(options_burn) {
    volatile unsigned number = 1;
    while (number != 0)
        number += 2;
    return MPROC_OK;
}

static void warm_up(void) {
    warm_up_with(&options_nothing);
}
TEST_WARM_UP(warm_up)

/* ---- wrong ones ----------------------------------------------------------------------------------------------------------------- */

static void check_refused(const mproc_process_options_t *options, int code, const char *text) {
    mproc_process_t *process = (mproc_process_t *)(uintptr_t)1;
    CHECK_ERR(mproc_process_create(options, &process), code);
    CHECK_HAS_STR(mproc_last_error()->message, text);
    CHECK(process == NULL);
}

TEST(process_options, without_a_target_are_refused) {
    check_refused(NULL, MPROC_EINVAL, "options is NULL");
    check_refused(&(mproc_process_options_t){.name = "x"}, MPROC_EINVAL, "options.target is NULL");
    CHECK_ERR(mproc_process_create(&(mproc_process_options_t){.target = &options_nothing}, NULL), MPROC_EINVAL);
}

TEST(process_options, with_an_unregistered_target_are_refused) {
    static mproc_task_t stranger = {.name = "stranger"};
    check_refused(&(mproc_process_options_t){.target = &stranger}, MPROC_ENOTASK, "stranger");
}

TEST(process_options, of_another_size_are_refused) {
    check_refused(&(mproc_process_options_t){.size = 3, .target = &options_nothing}, MPROC_EINVAL, "options.size");
    check_refused(&(mproc_process_options_t){.size = 100000, .target = &options_nothing}, MPROC_EINVAL, "options.size");
    mproc_process_options_t options = MPROC_PROCESS_OPTIONS_INIT;
    options.target = &options_nothing;
    CHECK_EQ_INT(run_code(&options), 0);
}

TEST(process_options, with_a_name_too_long_are_refused) {
    char name[400];
    memset(name, 'n', sizeof name);
    name[256] = '\0';
    check_refused(&(mproc_process_options_t){.target = &options_nothing, .name = name}, MPROC_EINVAL, "255");
    name[255] = '\0';
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){.target = &options_nothing, .name = name}), 0);
}

TEST(process_options, with_unknown_numbers_are_refused) {
    mproc_process_options_t options = {.target = &options_nothing};
    options.deadline_ms = -1;
    check_refused(&options, MPROC_EINVAL, "options.deadline_ms");
    options = (mproc_process_options_t){.target = &options_nothing, .priority = (mproc_priority_t)9};
    check_refused(&options, MPROC_EINVAL, "options.priority");
    options = (mproc_process_options_t){.target = &options_nothing, .daemon = 3};
    check_refused(&options, MPROC_EINVAL, "options.daemon");
    options = (mproc_process_options_t){.target = &options_nothing, .daemon = true, .detached = true};
    check_refused(&options, MPROC_EINVAL, "options.detached");
    options = (mproc_process_options_t){.target = &options_nothing, .values = {.max_depth = 5000}};
    check_refused(&options, MPROC_EINVAL, "max_depth");
    options = (mproc_process_options_t){.target = &options_nothing, .input_size = 5};
    check_refused(&options, MPROC_EINVAL, "options.input");
    options = (mproc_process_options_t){.target = &options_nothing, .input = "", .input_size = SIZE_MAX / 2 + 1};
    check_refused(&options, MPROC_ETOOBIG, "options.input_size");
}

TEST(process_options, with_impossible_streams_are_refused) {
    mproc_process_options_t options = {.target = &options_nothing, .standard_input = {.kind = (mproc_stdio_kind_t)77}};
    check_refused(&options, MPROC_EINVAL, "options.standard_input.kind");
    options = (mproc_process_options_t){.target = &options_nothing, .standard_input = {.kind = MPROC_STDIO_STDOUT}};
    check_refused(&options, MPROC_EINVAL, "standard_input");
    options = (mproc_process_options_t){.target = &options_nothing, .standard_input = {.kind = MPROC_STDIO_APPEND}};
    check_refused(&options, MPROC_EINVAL, "standard_input");
    options = (mproc_process_options_t){.target = &options_nothing, .standard_output = {.kind = MPROC_STDIO_FILE}};
    check_refused(&options, MPROC_EINVAL, "options.standard_output needs a path");
    options = (mproc_process_options_t){.target = &options_nothing,
                                        .standard_error = {.kind = MPROC_STDIO_HANDLE, .handle = -1}};
    check_refused(&options, MPROC_EINVAL, "options.standard_error.handle");
}

TEST(process_options, with_impossible_processors_are_refused) {
    check_refused(&(mproc_process_options_t){.target = &options_nothing, .cpu_count = 1}, MPROC_EINVAL, "options.cpus");
    check_refused(&(mproc_process_options_t){.target = &options_nothing, .cpus = (int[]){-1}, .cpu_count = 1},
                  MPROC_EINVAL, "options.cpus[0]");
    check_refused(&(mproc_process_options_t){.target = &options_nothing, .cpus = (int[]){0, 5000}, .cpu_count = 2},
                  MPROC_EINVAL, "options.cpus[1]");
}

TEST(process_options, with_a_nameless_variable_are_refused) {
    const char *const empty[] = {"", NULL}, *const no_name[] = {"A=1", "=", NULL}, *const removal[] = {"GONE", NULL};
    check_refused(&(mproc_process_options_t){.target = &options_nothing, .environment = empty}, MPROC_EINVAL,
                  "options.environment[0]");
    check_refused(&(mproc_process_options_t){.target = &options_nothing, .environment = no_name}, MPROC_EINVAL,
                  "options.environment[1]");
    check_refused(
        &(mproc_process_options_t){.target = &options_nothing, .environment = removal, .environment_only = true},
        MPROC_EINVAL, "GONE");
}

TEST(process_options, with_wrong_arguments_are_refused) {
    check_refused(&(mproc_process_options_t){.target = &options_nothing, .args = MPROC_ARGS("\xff")}, MPROC_EINVAL,
                  "UTF-8");
    check_refused(
        &(mproc_process_options_t){.target = &options_nothing, .args = MPROC_ARGS(MPROC_KW("a", 1), MPROC_KW("a", 2))},
        MPROC_EINVAL, "a");
}

TEST(process_options, with_a_missing_directory_fail_the_start) {
    mproc_process_t *process = NULL;
    char path[1024];
    test_temp_path("missing", path, sizeof path);
    REQUIRE_OK(
        mproc_process_create(&(mproc_process_options_t){.target = &options_nothing, .directory = path}, &process));
    CHECK_ERR(mproc_process_start(process), MPROC_ESPAWN);
    CHECK(mproc_last_error()->os_code != 0);
    CHECK_HAS_STR(mproc_last_error()->message, "options_nothing");
    CHECK_HAS_STR(mproc_last_error()->message, "missing' (");
    CHECK(!mproc_process_is_alive(process));
    CHECK_HAS_STR(repr_of(process), " initial>");
    CHECK_ERR(mproc_process_start(process), MPROC_ESPAWN);
    mproc_process_destroy(process);
}

TEST(process_options, with_a_missing_input_file_fail_the_start) {
    mproc_process_t *process = NULL;
    char path[1024];
    test_temp_path("missing", path, sizeof path);
    REQUIRE_OK(
        mproc_process_create(&(mproc_process_options_t){.target = &options_nothing,
                                                        .standard_input = {.kind = MPROC_STDIO_FILE, .path = path}},
                             &process));
    CHECK_ERR(mproc_process_start(process), MPROC_ESPAWN);
    CHECK(mproc_last_error()->os_code != 0);
    CHECK_HAS_STR(mproc_last_error()->message, "missing");
    /* What was wrong can be mended: a failed start leaves the process as it was. */
    REQUIRE(write_file(path, "now\n") == 0);
    CHECK_OK(mproc_process_start(process));
    CHECK_OK(mproc_process_join(process, LONG_MS));
    mproc_process_destroy(process);
}

/* ---- environment and directory ---------------------------------------------------------------------------------------------- */

static void check_variable(const char *const *environment, bool only, const char *name, const char *expected) {
    mproc_process_t *process = ended(&(mproc_process_options_t){.target = &options_getenv,
                                                                .args = MPROC_ARGS(name),
                                                                .environment = environment,
                                                                .environment_only = only,
                                                                .result = true});
    CHECK_EQ_STR(result_repr(process), expected);
    mproc_process_destroy(process);
}

TEST(process_options, environment_is_the_parents_with_changes) {
    const char *const changes[] = {"MPROC_TEST_A=1", "MPROC_TEST_B=\xC3\xA4 b", "MPROC_TEST_A=2",
                                   "PATH",           "MPROC_TEST_C=",           NULL};
    const char *const nothing[] = {NULL};
    REQUIRE(getenv("PATH") != NULL);
    check_variable(changes, false, "MPROC_TEST_A", "'2'");
    check_variable(changes, false, "PATH", "None");
    check_variable(nothing, false, "MPROC_TEST_A", "None");
    mproc_process_t *process = ended(&(mproc_process_options_t){
        .target = &options_getenv, .args = MPROC_ARGS("PATH"), .environment = changes + 4, .result = true});
    CHECK(strlen(result_repr(process)) > 4);
    mproc_process_destroy(process);
    CHECK(getenv("MPROC_TEST_A") == NULL);
}

TEST(process_options, environment_can_be_all_there_is) {
    const char *const only[] = {"MPROC_TEST_A=1", NULL};
    check_variable(only, true, "MPROC_TEST_A", "'1'");
    check_variable(only, true, "PATH", "None");
    check_variable(NULL, true, "PATH", "None");
}

TEST(process_options, start_marker_is_gone_before_the_task_runs) {
    check_variable(NULL, false, "MPROC_LINK", "None");
}

TEST(process_options, directory_is_where_the_child_runs) {
    char path[1024];
    test_temp_path("here.txt", path, sizeof path);
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){.target = &options_write_relative, .directory = test_temp_dir()}),
                 0);
    CHECK_EQ_STR(read_file(path), "here\n");
}

/* ---- streams -------------------------------------------------------------------------------------------------------------------- */

TEST(process_options, streams_can_be_files) {
    char in[1024], out[1024], err[1024];
    test_temp_path("in", in, sizeof in);
    test_temp_path("out", out, sizeof out);
    test_temp_path("err", err, sizeof err);
    REQUIRE(write_file(in, "line\n") == 0);
    mproc_process_options_t options = {.target = &options_copy_line,
                                       .standard_input = {.kind = MPROC_STDIO_FILE, .path = in},
                                       .standard_output = {.kind = MPROC_STDIO_FILE, .path = out},
                                       .standard_error = {.kind = MPROC_STDIO_APPEND, .path = err}};
    CHECK_EQ_INT(run_code(&options), 0);
    CHECK_EQ_INT(run_code(&options), 0);
    CHECK_EQ_STR(read_file(out), "out line\n");
    CHECK_EQ_STR(read_file(err), "err line\nerr line\n");
}

TEST(process_options, standard_error_can_follow_standard_output) {
    char out[1024];
    test_temp_path("out", out, sizeof out);
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){.target = &options_copy_line,
                                                     .standard_input = {.kind = MPROC_STDIO_NULL},
                                                     .standard_output = {.kind = MPROC_STDIO_FILE, .path = out},
                                                     .standard_error = {.kind = MPROC_STDIO_STDOUT}}),
                 0);
    CHECK_HAS_STR(read_file(out), "out end of file\n");
    CHECK_HAS_STR(read_file(out), "err end of file\n");
}

TEST(process_options, streams_can_be_null_or_a_handle) {
    intptr_t handle = host_open_high();
    REQUIRE(handle != -1);
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){.target = &options_copy_line,
                                                     .standard_input = {.kind = MPROC_STDIO_HANDLE, .handle = handle},
                                                     .standard_output = {.kind = MPROC_STDIO_NULL},
                                                     .standard_error = {.kind = MPROC_STDIO_NULL}}),
                 0);
    CHECK(host_handle_is_open(handle));
    host_close(handle);
    mproc_process_t *process = NULL;
    REQUIRE_OK(mproc_process_create(
        &(mproc_process_options_t){.target = &options_copy_line,
                                   .standard_input = {.kind = MPROC_STDIO_HANDLE, .handle = handle}},
        &process));
    CHECK_ERR(mproc_process_start(process), MPROC_ESPAWN);
    mproc_process_destroy(process);
}

/* ---- limits --------------------------------------------------------------------------------------------------------------------- */

TEST(process_options, memory_limit_is_kept) {
    if (test_on_wine())
        SKIP("wine does not enforce a job's memory limit");
    if (test_time_scale() > 1)
        SKIP("a sanitizer needs more address space than any limit");
    mproc_process_t *process = ended(&(mproc_process_options_t){.target = &options_allocate,
                                                                .args = MPROC_ARGS(INT64_C(1) << 30),
                                                                .limits = {.memory_bytes = 256 << 20},
                                                                .result = true});
    CHECK_EQ_STR(result_repr(process), "'refused'");
    mproc_process_destroy(process);
}

/* Of a result that comes in parts on one system, and as a handle on another. */
TEST(process_options, result_above_its_limit_is_refused_by_name) {
    const void *data = NULL;
    size_t size = 0;
    mproc_process_t *process = ended(&(mproc_process_options_t){
        .target = &options_fill, .args = MPROC_ARGS(1000000), .result = true, .values = {.max_size = 999999}});
    CHECK_ERR(mproc_process_result_bytes(process, LONG_MS, &data, &size), MPROC_ETOOBIG);
    CHECK(data == NULL && size == 0);
    CHECK_HAS_STR(mproc_last_error()->message, "1000000 bytes, more than 999999: raise options.values.max_size");
    CHECK_HAS_STR(repr_of(process), "exitcode=0>");
    mproc_process_destroy(process);
}

TEST(process_options, result_at_its_limit_arrives) {
    const void *data = NULL;
    size_t size = 0;
    mproc_process_t *process = started(&(mproc_process_options_t){
        .target = &options_fill, .args = MPROC_ARGS(1000000), .result = true, .values = {.max_size = 1000000}});
    CHECK_OK(mproc_process_result_bytes(process, LONG_MS, &data, &size));
    CHECK_EQ_UINT(size, 1000000);
    mproc_process_destroy(process);
}

TEST(process_options, processor_time_limit_is_kept) {
    if (test_on_wine())
        SKIP("wine does not enforce a job's time limit");
    mproc_process_t *process = ended(&(mproc_process_options_t){
        .target = &options_burn, .limits = {.cpu_seconds = 1}, .standard_error = {.kind = MPROC_STDIO_NULL}});
    mproc_exit_t exit = exit_of(process);
    CHECK(exit.how == MPROC_EXIT_SIGNALLED || exit.how == MPROC_EXIT_EXITED);
    CHECK(exit.how != MPROC_EXIT_EXITED || exit.code != 0);
    CHECK(exit.how != MPROC_EXIT_SIGNALLED || strcmp(exit.name, "SIGXCPU") == 0);
    if (exit.how == MPROC_EXIT_SIGNALLED)
        CHECK_HAS_STR(error_of(process)->message, "cpu_seconds");
    mproc_process_destroy(process);
}

TEST(process_options, processors_are_kept) {
    if (test_on_wine())
        SKIP("wine does not enforce affinity");
    int cpus[] = {0};
    mproc_process_t *process = NULL;
    REQUIRE_OK(mproc_process_create(
        &(mproc_process_options_t){.target = &options_count_cpus, .cpus = cpus, .cpu_count = 1, .result = true},
        &process));
    CHECK(mproc_cpu_count() >= 1);
    int err = mproc_process_start(process);
    if (err == MPROC_ENOTSUP) {
        mproc_process_destroy(process);
        SKIP("strict POSIX has no affinity");
    }
    CHECK_OK(err);
    CHECK_EQ_STR(result_repr(process), "1");
    mproc_process_destroy(process);
}

TEST(process_options, priority_and_group_do_not_hinder) {
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){
                     .target = &options_nothing, .priority = MPROC_PRIORITY_IDLE, .own_group = true}),
                 0);
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){
                     .target = &options_nothing, .priority = MPROC_PRIORITY_LOW, .limits = {.open_files = 64}}),
                 0);
}
