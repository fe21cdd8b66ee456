/* SPDX-License-Identifier: Apache-2.0 */
/* A pool is a guest, too: the host program stays as it is, and what the host does around it (signals, limits) or asks for its
 * workers (environment, streams, limits) is respected. */
#include "pool_help.h"
#include "process_help.h"
#include "process_host.h"
#include "task_files.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MPROC_TASK(pool_guest_echo) {
    int64_t x = 0;
    int err = mproc_call_args(call, "x", &x);
    return err != MPROC_OK ? err : mproc_call_return(call, x);
}

MPROC_TASK(pool_guest_pid) {
    return mproc_call_return(call, host_pid());
}

MPROC_TASK(pool_guest_nap) {
    host_sleep_ms(20);
    return mproc_call_return(call, host_pid());
}

MPROC_TASK(pool_guest_hang) {
    (void)call;
    host_sleep_forever();
}

MPROC_TASK(pool_guest_abort) {
    (void)call;
    abort();
}

MPROC_TASK(pool_guest_describe) {
    char text[2048];
    host_describe(text, sizeof text);
    return mproc_call_return(call, (const char *)text);
}

/* Its raw input back. */
MPROC_TASK(pool_guest_bytes) {
    const void *input = NULL;
    void *output = NULL;
    size_t size = 0;
    mproc_call_input(call, &input, &size);
    int err = mproc_call_reserve(call, size, &output);
    if (err == MPROC_OK && size > 0)
        memcpy(output, input, size);
    return err;
}

MPROC_TASK(pool_guest_variable) {
    const char *name = NULL;
    int err = mproc_call_args(call, "s", &name);
    const char *value = err == MPROC_OK ? getenv(name) : NULL;
    return err != MPROC_OK ? err : mproc_call_return(call, value != NULL ? value : "(none)");
}

/* Makes a file where it runs. */
MPROC_TASK(pool_guest_mark) {
    return file_add("mark") == 0 ? MPROC_OK : mproc_call_fail(call, 1, "cannot make a file here");
}

MPROC_TASK(pool_guest_talk) {
    printf("said\n");
    (void)fflush(stdout);
    (void)fprintf(stderr, "complained\n");
    return mproc_call_return(call, getchar() == EOF ? "nothing to hear" : "heard");
}

/* Asks for more memory than it may have; touches it, should it get it. */
MPROC_TASK(pool_guest_hungry) {
    size_t size = (size_t)2 << 30;
    char *volatile memory = malloc(size);
    if (memory == NULL)
        return mproc_call_return(call, "refused");
    memory[0] = 1;
    free(memory);
    return mproc_call_return(call, "granted");
}

static void warm_up(void) {
    warm_up_pool(&pool_guest_echo);
    warm_up_with(&pool_guest_pid);
}
TEST_WARM_UP(warm_up)

enum { COUNT = 200, LARGE = 1 << 20 };

static int pull_number(void *context, int64_t index, mproc_args_t *out_args) {
    mproc_arg_t *arg = context;
    if (index == COUNT)
        return MPROC_EEND;
    *arg = mproc_arg_int(index);
    *out_args = (mproc_args_t){1, arg};
    return MPROC_OK;
}

static void check_iter(mproc_pool_t *pool) {
    mproc_arg_t arg;
    mproc_iter_t *iter = NULL;
    mproc_item_t item;
    REQUIRE_OK(mproc_pool_imap(pool, &pool_guest_echo, MPROC_PULL(pull_number, &arg), NULL, &iter));
    for (int64_t i = 0; i < COUNT; i++) {
        REQUIRE_OK(mproc_iter_next(iter, LONG_MS, &item));
        CHECK_EQ_INT(item.index, i);
    }
    CHECK_EQ_INT(mproc_iter_next(iter, LONG_MS, &item), MPROC_EEND);
    mproc_iter_destroy(iter);
}

static void check_large(mproc_pool_t *pool) {
    static char input[LARGE];
    mproc_task_options_t options = {.input = input, .input_size = sizeof input};
    mproc_result_t *result = NULL;
    const void *data = NULL;
    size_t size = 0;
    memset(input, 'x', sizeof input);
    REQUIRE_OK(mproc_pool_apply(pool, &pool_guest_bytes, NULL, &options, &result));
    REQUIRE_OK(mproc_result_get_bytes(result, 0, &data, &size));
    REQUIRE_EQ_UINT(size, sizeof input);
    CHECK_EQ_MEM(data, input, sizeof input);
    mproc_result_release(result);
}

/* Every kind of work and of wait that a pool knows, with workers that die, hang, retire and are made anew. */
static void do_everything(void) {
    mproc_pool_options_t options = {.processes = 2, .restart_limit = 100, .no_spin = true};
    mproc_task_options_t timed = {.timeout_ms = 30};
    mproc_pool_t *pool = pool_with(&options);
    mproc_result_t *naps[4];
    for (int i = 0; i < 4; i++)
        naps[i] = start(pool, &pool_guest_nap, 0, NULL);
    CHECK_ERR(mproc_wait(naps, 4, MPROC_ALL, 1), MPROC_ETIMEDOUT);
    CHECK_OK(mproc_wait(naps, 4, MPROC_ALL, LONG_MS));
    for (int i = 0; i < 4; i++)
        CHECK_EQ_INT(done(naps[i]), MPROC_OK);
    check_iter(pool);
    check_large(pool);
    CHECK_ERR(mproc_pool_apply(pool, &pool_guest_hang, NULL, &timed, NULL), MPROC_ETASKTIMEOUT);
    CHECK_ERR(mproc_pool_apply(pool, &pool_guest_abort, NULL, NULL, NULL), MPROC_EDIED);
    CHECK_OK(mproc_pool_resize(pool, 3));
    CHECK_OK(mproc_pool_run_on_all(pool, &pool_guest_pid, NULL, NULL, NULL));
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ_INT(apply_int(pool, &pool_guest_echo, i), i);
    end_pool(pool);
}

TEST(pool_guest, leaves_signals_directory_environment_and_limits_alone) {
    char before[2048], after[2048];
    host_describe(before, sizeof before);
    do_everything();
    mproc_pool_destroy(pool_of(2));
    host_describe(after, sizeof after);
    CHECK_EQ_STR(after, before);
}

TEST(pool_guest, works_while_signals_interrupt_every_call) {
    if (!host_alarm_start())
        SKIP("nothing interrupts a call here");
    for (int i = 0; i < 5; i++)
        do_everything();
    CHECK(host_alarm_stop() > 10);
}

TEST(pool_guest, gives_workers_default_signals_whatever_the_host_has) {
    mproc_result_t *result = NULL;
    const mproc_value_t *value = NULL;
    const char *text = "";
    host_block_terminate();
    mproc_pool_t *pool = pool_of(1);
    int err = mproc_pool_apply(pool, &pool_guest_describe, NULL, NULL, &result);
    host_unblock_terminate();
    REQUIRE_OK(err);
    REQUIRE_OK(mproc_result_get(result, 0, &value));
    REQUIRE_OK(mproc_value_as_string(value, &text, NULL));
    const char *signals = strstr(text, "signals ");
    if (signals != NULL) {
        signals += strlen("signals ");
        /* Two characters a signal: nothing is blocked, and nothing but Ctrl-C (2) is ignored. */
        for (size_t at = 0; at < 62; at += 2) {
            CHECK_EQ_INT(signals[at], '0');
            CHECK((signals[at + 1] == 'i') == (at / 2 + 1 == 2));
        }
    }
    mproc_result_release(result);
    end_pool(pool);
}

TEST(pool_guest, ends_workers_though_the_host_blocks_and_ignores_sigterm) {
    host_block_terminate();
    mproc_pool_t *pool = pool_of(2);
    mproc_result_t *result = start(pool, &pool_guest_hang, 0, NULL);
    test_sleep_ms(20);
    CHECK_OK(mproc_pool_terminate(pool));
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    CHECK_EQ_INT(done(result), MPROC_ECANCELLED);
    mproc_pool_destroy(pool);
    host_unblock_terminate();
}

TEST(pool_guest, works_though_the_host_ignores_its_children) {
    if (!host_ignore_children())
        SKIP("there is no such signal here");
    mproc_pool_options_t options = {.processes = 2, .restart_limit = 100};
    mproc_pool_t *pool = pool_with(&options);
    CHECK_ERR(mproc_pool_apply(pool, &pool_guest_abort, NULL, NULL, NULL), MPROC_EDIED);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ_INT(apply_int(pool, &pool_guest_echo, i), i);
    end_pool(pool);
    host_heed_children();
}

/* ---- a full table of handles ------------------------------------------------------------------------------------------------ */

TEST(pool_guest, says_so_when_the_handle_table_is_full) {
    mproc_pool_options_t options = {.processes = 2};
    mproc_pool_t *pool = NULL;
    int failed = 0, err = MPROC_ESPAWN;
    for (size_t more = 0; more < 60 && err != MPROC_OK; more++) {
        if (!host_limit_handles(more))
            SKIP("there is no limit of handles here");
        err = mproc_pool_create(&options, &pool);
        int os_code = mproc_last_error()->os_code;
        host_unlimit_handles();
        if (err == MPROC_OK)
            break;
        failed++;
        CHECK(err == MPROC_ESPAWN || err == MPROC_ESYSTEM);
        CHECK(os_code != 0);
        CHECK(pool == NULL);
    }
    REQUIRE_OK(err);
    CHECK(failed > 4);
    CHECK_EQ_INT(apply_int(pool, &pool_guest_echo, 5), 5);
    end_pool(pool);
}

TEST(pool_guest, goes_on_when_the_handle_table_has_room_again) {
    mproc_pool_options_t options = {.processes = 1, .restart_limit = 1000};
    mproc_pool_t *pool = pool_with(&options);
    int64_t pid = apply_int(pool, &pool_guest_pid, 0);
    if (!host_limit_handles(0)) {
        mproc_pool_destroy(pool);
        SKIP("there is no limit of handles here");
    }
    CHECK(host_kill(pid));
    mproc_result_t *waits = start(pool, &pool_guest_pid, 0, NULL);
    CHECK_ERR(mproc_result_wait(waits, 100), MPROC_ETIMEDOUT);
    host_unlimit_handles();
    CHECK(done_int(waits) != pid);
    end_pool(pool);
}

TEST(pool_guest, large_payloads_fail_alone_when_the_handle_table_is_full) {
    static char input[4 * LARGE];
    mproc_pool_t *pool = pool_of(1);
    mproc_task_options_t options = {.input = input, .input_size = sizeof input};
    int64_t pid = apply_int(pool, &pool_guest_pid, 0);
    if (!host_limit_handles(0)) {
        mproc_pool_destroy(pool);
        SKIP("there is no limit of handles here");
    }
    int err = mproc_pool_apply(pool, &pool_guest_bytes, NULL, &options, NULL);
    int64_t same = apply_int(pool, &pool_guest_pid, 0);
    host_unlimit_handles();
    CHECK(err == MPROC_ENOMEM || err == MPROC_ESYSTEM);
    CHECK_EQ_INT(same, pid);
    check_large(pool);
    end_pool(pool);
}

/* ---- shared memory that is refused ------------------------------------------------------------------------------------------ */

TEST(pool_guest, says_so_when_its_host_may_make_no_large_files) {
    mproc_pool_options_t options = {.processes = 2};
    mproc_pool_t *pool = NULL;
    if (!host_limit_files(4096))
        SKIP("there is no limit of files here");
    int err = mproc_pool_create(&options, &pool);
    int os_code = mproc_last_error()->os_code;
    host_unlimit_files();
    CHECK_EQ_INT(err, MPROC_ENOMEM);
    CHECK(os_code != 0);
    CHECK(pool == NULL);
}

/* Large payloads there and back fail, or pass as far as there is room; nothing else is hurt. */
static void check_refusals(mproc_pool_t *pool) {
    static char input[4 * LARGE];
    mproc_task_options_t options = {.input = input, .input_size = sizeof input};
    mproc_result_t *large[8], *small[8];
    int failed = 0;
    for (int i = 0; i < 8; i++) {
        REQUIRE_OK(mproc_pool_apply_async(pool, &pool_guest_bytes, NULL, &options, &large[i]));
        small[i] = start(pool, &pool_guest_echo, i, NULL);
    }
    for (int i = 0; i < 8; i++) {
        int err = done(large[i]);
        failed += err != MPROC_OK;
        CHECK(err == MPROC_OK || err == MPROC_ENOMEM);
        CHECK(err == MPROC_OK || mproc_last_error()->message[0] != '\0');
        CHECK_EQ_INT(done_int(small[i]), i);
    }
    CHECK(failed > 0);
}

TEST(pool_guest, large_payloads_fail_alone_when_its_host_may_make_no_large_files) {
    mproc_pool_t *pool = pool_of(2);
    REQUIRE_OK(mproc_pool_run_on_all(pool, &pool_guest_pid, NULL, NULL, NULL));
    if (!host_limit_files(LARGE / 2)) {
        mproc_pool_destroy(pool);
        SKIP("there is no limit of files here");
    }
    check_refusals(pool);
    host_unlimit_files();
    check_large(pool);
    end_pool(pool);
}

/* Where shared memory is not in that file system, nothing is refused. */
TEST(pool_guest, works_where_the_file_system_of_shared_memory_is_full) {
    if (!host_shrink_shared_memory(UINT64_C(3) * LARGE))
        SKIP("this process cannot have a file system of its own");
    mproc_pool_t *pool = pool_of(2);
    static char input[4 * LARGE];
    mproc_task_options_t options = {.input = input, .input_size = sizeof input};
    for (int i = 0; i < 4; i++) {
        int err = mproc_pool_apply(pool, &pool_guest_bytes, NULL, &options, NULL);
        CHECK(err == MPROC_OK || err == MPROC_ENOMEM);
        CHECK_EQ_INT(apply_int(pool, &pool_guest_echo, i), i);
    }
    mproc_pool_stats_t stats;
    REQUIRE_OK(mproc_pool_stats(pool, &stats));
    CHECK_EQ_UINT(stats.workers_crashed + stats.workers_failed_start, 0);
    end_pool(pool);
}

/* ---- what is asked for the workers ------------------------------------------------------------------------------------------ */

static mproc_pool_t *pool_of_workers(const mproc_process_options_t *worker) {
    mproc_pool_options_t options = {.processes = 1, .worker = worker};
    return pool_with(&options);
}

static void check_string(mproc_pool_t *pool, const mproc_task_t *task, const char *argument, const char *expected) {
    mproc_result_t *result = NULL;
    const mproc_value_t *value = NULL;
    const char *text = "";
    REQUIRE_OK(mproc_pool_apply(pool, task, MPROC_ARGS(argument), NULL, &result));
    REQUIRE_OK(mproc_result_get(result, 0, &value));
    REQUIRE_OK(mproc_value_as_string(value, &text, NULL));
    CHECK_EQ_STR(text, expected);
    mproc_result_release(result);
}

TEST(pool_guest, workers_have_the_environment_that_was_asked_for) {
    const char *environment[] = {"MPROC_TEST_COLOUR=blue", NULL};
    mproc_process_options_t worker = {.environment = environment};
    mproc_pool_t *pool = pool_of_workers(&worker);
    check_string(pool, &pool_guest_variable, "MPROC_TEST_COLOUR", "blue");
    environment[0] = "MPROC_TEST_COLOUR=red"; /* it was copied: a later worker has the same */
    CHECK(host_kill(apply_int(pool, &pool_guest_pid, 0)));
    check_string(pool, &pool_guest_variable, "MPROC_TEST_COLOUR", "blue");
    CHECK(getenv("MPROC_TEST_COLOUR") == NULL);
    end_pool(pool);
}

TEST(pool_guest, workers_run_in_the_directory_that_was_asked_for) {
    mproc_process_options_t worker = {.directory = test_temp_dir()};
    mproc_pool_t *pool = pool_of_workers(&worker);
    task_file_t mark = file_named("mark");
    CHECK_OK(mproc_pool_apply(pool, &pool_guest_mark, NULL, NULL, NULL));
    CHECK(file_exists(mark.path));
    end_pool(pool);
}

TEST(pool_guest, workers_have_the_streams_that_were_asked_for) {
    task_file_t output = file_named("output"), input = file_named("input");
    REQUIRE_EQ_INT(write_file(input.path, "word"), 0);
    mproc_process_options_t worker = {.standard_input = {.kind = MPROC_STDIO_FILE, .path = input.path},
                                      .standard_output = {.kind = MPROC_STDIO_APPEND, .path = output.path},
                                      .standard_error = {.kind = MPROC_STDIO_STDOUT}};
    mproc_pool_t *pool = pool_of_workers(&worker);
    check_string(pool, &pool_guest_talk, "", "heard");
    end_pool(pool);
    CHECK_EQ_STR(read_file(output.path), "said\ncomplained\n");
}

/* A process with something to read has a pool, and still has it afterwards. */
MPROC_TASK(pool_guest_reader) {
    mproc_process_options_t worker = {.standard_output = {.kind = MPROC_STDIO_NULL},
                                      .standard_error = {.kind = MPROC_STDIO_NULL}};
    mproc_pool_options_t options = {.processes = 1, .worker = &worker};
    mproc_pool_t *pool = NULL;
    mproc_result_t *result = NULL;
    const mproc_value_t *value = NULL;
    int err = mproc_pool_create(&options, &pool);
    if (err == MPROC_OK)
        err = mproc_pool_apply(pool, &pool_guest_talk, NULL, NULL, &result);
    if (err == MPROC_OK)
        err = mproc_result_get(result, 0, &value);
    if (err == MPROC_OK)
        err = mproc_call_return(call, MPROC_LIST(value, getchar() == 'w' ? "it is all here" : "something is missing"));
    mproc_result_release(result);
    mproc_pool_destroy(pool);
    return err;
}

TEST(pool_guest, workers_do_not_read_the_hosts_standard_input) {
    task_file_t input = file_named("input");
    REQUIRE_EQ_INT(write_file(input.path, "word"), 0);
    mproc_process_t *process =
        started(&(mproc_process_options_t){.target = &pool_guest_reader,
                                           .result = true,
                                           .standard_input = {.kind = MPROC_STDIO_FILE, .path = input.path}});
    CHECK_EQ_STR(result_repr(process), "['nothing to hear', 'it is all here']");
    mproc_process_destroy(process);
}

TEST(pool_guest, a_workers_memory_limit_is_kept) {
    mproc_process_options_t worker = {.limits = {.memory_bytes = (uint64_t)1 << 30}};
    if (test_on_wine() || test_time_scale() > 1)
        SKIP("a limit of memory is not enforced here");
    mproc_pool_t *pool = pool_of_workers(&worker);
    check_string(pool, &pool_guest_hungry, "", "refused");
    end_pool(pool);
    pool = pool_of(1);
    check_string(pool, &pool_guest_hungry, "", "granted");
    end_pool(pool);
}

TEST(pool_guest, wrong_options_for_workers_leave_no_pool) {
    int none[] = {-3};
    mproc_process_options_t workers[] = {
        {.priority = (mproc_priority_t)77},
        {.cpus = none, .cpu_count = 1},
        {.standard_input = {.kind = (mproc_stdio_kind_t)99}},
        {.standard_output = {.kind = MPROC_STDIO_FILE}},
    };
    for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++) {
        mproc_pool_options_t options = {.processes = 2, .worker = &workers[i]};
        mproc_pool_t *pool = NULL;
        CHECK_ERR(mproc_pool_create(&options, &pool), MPROC_EINVAL);
        CHECK(pool == NULL);
    }
    mproc_process_options_t missing = {.directory = "no/such/directory"};
    mproc_pool_options_t options = {.processes = 2, .worker = &missing};
    mproc_pool_t *pool = NULL;
    CHECK_ERR(mproc_pool_create(&options, &pool), MPROC_ESPAWN);
    CHECK(pool == NULL);
}
