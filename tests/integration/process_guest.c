/* SPDX-License-Identifier: Apache-2.0 */
/* A library is a guest: the host program stays as it is, and what the host does around it (signals, limits) does no harm. */
#include "process_help.h"
#include "process_host.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MPROC_TASK(guest_nothing) {
    return MPROC_OK;
}

MPROC_TASK(guest_sleep) {
    host_sleep_forever();
}

MPROC_TASK(guest_nap) {
    host_sleep_ms(30);
    return mproc_call_return(call, "rested");
}

MPROC_TASK(guest_describe) {
    char text[2048];
    host_describe(text, sizeof text);
    return mproc_call_return(call, text);
}

MPROC_TASK(guest_chatter) {
    printf("the output\n");
    (void)fflush(stdout);
    (void)fprintf(stderr, "the diagnosis\n");
    host_sleep_ms(30);
    return mproc_call_return(call, getchar() == EOF ? "rested" : "disturbed");
}

/* Has no streams, prints all the same, and starts a child that does so too. */
MPROC_TASK(guest_without_streams) {
    const mproc_value_t *value = NULL;
    mproc_process_t *process = NULL;
    host_close_streams();
    int err = mproc_process_create(&(mproc_process_options_t){.target = &guest_chatter, .result = true}, &process);
    if (err == MPROC_OK)
        err = mproc_process_start(process);
    printf("the parent's output\n");
    (void)fflush(stdout);
    (void)fprintf(stderr, "the parent's diagnosis\n");
    if (err == MPROC_OK)
        err = mproc_process_result(process, -1, &value);
    err = err == MPROC_OK ? mproc_call_return(call, value)
                          : mproc_call_fail(call, err, "%s", mproc_last_error()->message);
    mproc_process_destroy(process);
    return err;
}

static void warm_up(void) {
    warm_up_with(&guest_nothing);
}
TEST_WARM_UP(warm_up)

/* Every kind of work that a parent can do. */
static void do_everything(void) {
    mproc_process_t *process = ended(&(mproc_process_options_t){.target = &guest_nap, .result = true});
    CHECK_EQ_STR(result_repr(process), "'rested'");
    mproc_process_destroy(process);
    process = started(&(mproc_process_options_t){.target = &guest_sleep, .deadline_ms = 20});
    CHECK_EQ_INT(exit_of(process).how, MPROC_EXIT_DEADLINE);
    mproc_process_destroy(process);
    process =
        started(&(mproc_process_options_t){.target = &guest_sleep, .own_group = true, .limits = {.open_files = 50}});
    CHECK_OK(mproc_process_terminate_tree(process));
    CHECK_EQ_INT(exit_of(process).how, MPROC_EXIT_TERMINATED);
    mproc_process_destroy(process);
    process = NULL;
    REQUIRE_OK(mproc_process_create(
        &(mproc_process_options_t){.target = &guest_nothing, .directory = "no/such/directory"}, &process));
    CHECK_ERR(mproc_process_start(process), MPROC_ESPAWN);
    mproc_process_destroy(process);
}

TEST(process_guest, leaves_signals_directory_environment_and_limits_alone) {
    char before[2048], after[2048];
    host_describe(before, sizeof before);
    do_everything();
    host_describe(after, sizeof after);
    CHECK_EQ_STR(after, before);
}

TEST(process_guest, works_while_signals_interrupt_every_call) {
    if (!host_alarm_start())
        SKIP("nothing interrupts a call here");
    for (int i = 0; i < 5; i++)
        do_everything();
    CHECK(host_alarm_stop() > 10);
}

TEST(process_guest, gives_children_default_signals_whatever_the_host_has) {
    char *text;
    host_block_terminate();
    mproc_process_t *process = ended(&(mproc_process_options_t){.target = &guest_describe, .result = true});
    host_unblock_terminate();
    text = (char *)(uintptr_t)result_repr(process);
    const char *signals = strstr(text, "signals ");
    if (signals != NULL) {
        signals += strlen("signals ");
        /* Two characters a signal: not blocked, default; crashes are caught by us. */
        for (size_t at = 0; at < 62; at += 2) {
            CHECK_EQ_INT(signals[at], '0');
            CHECK(signals[at + 1] != 'i');
        }
    }
    mproc_process_destroy(process);
}

/* Starts with ever more handles to be had, until there are enough. */
static void check_full_table(const mproc_process_options_t *options) {
    mproc_process_t *process = NULL;
    REQUIRE_OK(mproc_process_create(options, &process));
    int failed = 0, err = MPROC_ESPAWN;
    for (size_t more = 0; more < 16 && err != MPROC_OK; more++) {
        REQUIRE(host_limit_handles(more));
        err = mproc_process_start(process);
        host_unlimit_handles();
        if (err == MPROC_OK)
            break;
        failed++;
        CHECK_EQ_INT(err, MPROC_ESPAWN);
        CHECK(mproc_last_error()->os_code != 0);
        CHECK(!mproc_process_is_alive(process));
    }
    CHECK_OK(err);
    CHECK(failed > 2);
    CHECK_OK(mproc_process_join(process, LONG_MS));
    mproc_process_destroy(process);
}

TEST(process_guest, says_so_when_the_handle_table_is_full) {
    static const unsigned char input[100000];
    if (!host_limit_handles(100))
        SKIP("there is no limit of handles here");
    host_unlimit_handles();
    check_full_table(&(mproc_process_options_t){.target = &guest_nothing});
    check_full_table(&(mproc_process_options_t){.target = &guest_nothing, .deadline_ms = 600000});
    check_full_table(&(mproc_process_options_t){.target = &guest_nothing, .input = input, .input_size = sizeof input});
}

TEST(process_guest, second_init_changes_nothing) {
    CHECK_OK(mproc_init(NULL, NULL));
    CHECK_EQ_INT(run_code(&(mproc_process_options_t){.target = &guest_nothing}), 0);
}

TEST(process_guest, may_have_closed_its_standard_streams) {
    mproc_process_options_t options = {
        .target = &guest_without_streams, .result = true, .standard_input = {.kind = MPROC_STDIO_NULL}};
    mproc_process_t *process = ended(&options);
    CHECK_EQ_STR(error_text(process), "(none)");
    CHECK_EQ_STR(result_repr(process), "'rested'");
    mproc_process_destroy(process);
}
