/* SPDX-License-Identifier: Apache-2.0 */
/* Children on the scripted platform that say what no real one would, too much, or nothing; and what is reported of them. */
#include "process_fake_support.h"

#include "bootstrap.h"
#include "memory.h"
#include "registry.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

/* ---- hostile children ---------------------------------------------------------------------------------------------------------------- */

static void check_condemned(const fake_step_t *steps) {
    const mproc_value_t *value = NULL;
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, steps);
    CHECK_OK(mproc_process_join(process, 1000));
    const mproc_error_t *error = error_of(process);
    CHECK_EQ_INT(error->code, MPROC_EMALFORMED);
    CHECK_ERR(mproc_process_result(process, 0, &value), MPROC_EMALFORMED);
    mproc_process_destroy(process);
}

TEST(process_fake, garbage_condemns_a_child) {
    static const wire_t unknown = WIRE(77, 0, 0, 0),
                        too_long = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 1, 1, 2),
                        lonely = WIRE(MPROC_MESSAGE_PART, 0, 1, 1);
    static const fake_step_t scripts[][4] = {
        {FAKE_RECEIVE, FAKE_SEND("x", 1), FAKE_STAY},
        {FAKE_RECEIVE, FAKE_SEND(&unknown, WIRE_SIZE(0)), FAKE_STAY},
        {FAKE_RECEIVE, FAKE_SEND(&too_long, WIRE_SIZE(2)), FAKE_STAY},
        {FAKE_RECEIVE, FAKE_SEND(&lonely, WIRE_SIZE(1)), FAKE_EXIT(0)},
        {FAKE_RECEIVE, FAKE_SEND(&answer, WIRE_SIZE(1)), FAKE_SEND(&answer, WIRE_SIZE(1)), FAKE_STAY},
    };
    begin();
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++)
        check_condemned(scripts[i]);
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_KILL), 1);
    CHECK_EQ_UINT(fake_child_signalled(fake_child(3), MPLAT_SIGNAL_KILL), 0);
    finish();
}

/* The child has done nothing wrong: it is not killed, and the result says what to do. */
TEST(process_fake, a_result_for_which_no_handle_is_free_says_so) {
    static const wire_t sent = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 1, 0x05);
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&sent, WIRE_SIZE(1)), FAKE_EXIT(0)};
    const mproc_value_t *value = NULL;
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, steps);
    fake_fail(FAKE_LINK_RECEIVE, 1, MPLAT_ENOHANDLES, 24);
    CHECK_ERR(mproc_process_result(process, 1000, &value), MPROC_ESYSTEM);
    CHECK_HAS_STR(mproc_last_error()->message, "open files");
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_KILL), 0);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, damaged_value_is_an_error_of_its_result_alone) {
    static const wire_t damaged = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 1, 0xc1);
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&damaged, WIRE_SIZE(1)), FAKE_EXIT(0)};
    const mproc_value_t *value = NULL;
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, steps);
    CHECK_ERR(mproc_process_result(process, 1000, &value), MPROC_EMALFORMED);
    CHECK_ERR(mproc_process_result(process, 1000, &value), MPROC_EMALFORMED);
    CHECK(value == NULL);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, damaged_report_still_fails_the_task) {
    static const wire_t damaged = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_FAILED, 1, 0xc1),
                        empty = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_FAILED, 0, 0);
    static const fake_step_t damages[] = {FAKE_RECEIVE, FAKE_SEND(&damaged, WIRE_SIZE(1)), FAKE_EXIT(1)};
    static const fake_step_t empties[] = {FAKE_RECEIVE, FAKE_SEND(&empty, WIRE_SIZE(0)), FAKE_EXIT(1)};
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, damages);
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK_EQ_INT(error_of(process)->code, MPROC_EMALFORMED);
    mproc_process_destroy(process);
    process = start((mproc_process_options_t){0}, empties);
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK_EQ_INT(error_of(process)->code, MPROC_ENOMEM);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, unfinished_outcome_is_none) {
    static const wire_t first = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, 100, 1, 2);
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&first, WIRE_SIZE(2)), FAKE_EXIT(0)};
    const void *data = NULL;
    size_t size = 0;
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, steps);
    CHECK_ERR(mproc_process_result_bytes(process, 1000, &data, &size), MPROC_EDIED);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, parts_are_put_together) {
    static const wire_t first = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, 5, 'a', 'b'),
                        second = WIRE(MPROC_MESSAGE_PART, 0, 3, 'c', 'd', 'e');
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&first, WIRE_SIZE(2)), FAKE_SLEEP(5 * MS),
                                        FAKE_SEND(&second, WIRE_SIZE(3)), FAKE_EXIT(0)};
    const void *data = NULL;
    size_t size = 0;
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, steps);
    REQUIRE_OK(mproc_process_result_bytes(process, 1000, &data, &size));
    REQUIRE_EQ_UINT(size, 5);
    CHECK_EQ_MEM(data, "abcde", 5);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, result_above_its_limit_is_refused_by_name) {
    static const wire_t first = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, 5, 'a', 'b'),
                        second = WIRE(MPROC_MESSAGE_PART, 0, 3, 'c', 'd', 'e');
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&first, WIRE_SIZE(2)), FAKE_SEND(&second, WIRE_SIZE(3)),
                                        FAKE_EXIT(0)};
    const void *data = NULL;
    size_t size = 0;
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true, .values = {.max_size = 4}}, steps);
    CHECK_ERR(mproc_process_result_bytes(process, 1000, &data, &size), MPROC_ETOOBIG);
    CHECK_HAS_STR(mproc_last_error()->message, "takes 5 bytes, more than 4: raise options.values.max_size");
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_KILL), 0);
    mproc_process_destroy(process);
    finish();
}

#define FLOOD 40

TEST(process_fake, one_look_takes_few_messages_and_the_next_goes_on) {
    static const wire_t first = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, FLOOD * MPROC_PART_SIZE, 'a'),
                        part = WIRE(MPROC_MESSAGE_PART, 0, 1, 'b');
    static fake_step_t steps[FLOOD + 3] = {FAKE_RECEIVE, FAKE_SEND(&first, WIRE_SIZE(1))};
    mproc_exit_t exit;
    for (int i = 2; i < FLOOD + 2; i++)
        steps[i] = (fake_step_t)FAKE_SEND(&part, WIRE_SIZE(1));
    steps[FLOOD + 2] = (fake_step_t)FAKE_EXIT(0);
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, steps);
    CHECK(mproc_process_is_alive(process));
    CHECK(fake_call_count(FAKE_LINK_RECEIVE) < FLOOD / 2);
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK(fake_call_count(FAKE_LINK_RECEIVE) > FLOOD);
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_EXITED);
    mproc_process_destroy(process);
    finish();
}

/* ---- reports ------------------------------------------------------------------------------------------------------------------------- */

TEST(process_fake, crash_message_becomes_address_and_backtrace) {
    static struct {
        mproc_message_header_t header;
        mplat_crash_t crash;
    } message = {{MPROC_MESSAGE_CRASH, 0, sizeof(mplat_crash_t)},
                 {.code = FAKE_SIGSEGV, .has_address = 1, .address = 0xbad, .frame_count = 2, .module_count = 1}};
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&message, sizeof message), FAKE_DIE(FAKE_SIGSEGV)};
    begin();
    memcpy(message.crash.modules[0], "/bin/prog", 10);
    mproc_process_t *process = start((mproc_process_options_t){.name = "kid"}, steps);
    CHECK_OK(mproc_process_join(process, 1000));
    const mproc_error_t *error = error_of(process);
    CHECK(error->has_address);
    CHECK_EQ_UINT(error->address, 0xbad);
    CHECK_HAS_STR(error->backtrace, "#0 ");
    CHECK_HAS_STR(error->backtrace, "(prog)");
    CHECK_HAS_STR(error->message, "Process 'kid' (task 'fake_task'");
    CHECK_HAS_STR(error->message, "SIGSEGV at address 0xbad");
    mproc_process_destroy(process);
    finish();
}

static void check_memory_hint(uint64_t before, uint64_t after, bool expected) {
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SLEEP(MS), FAKE_DIE(FAKE_SIGKILL)};
    fake_set_oom_kills(before);
    mproc_process_t *warm = start((mproc_process_options_t){0}, steps);
    CHECK_OK(mproc_process_join(warm, 1000)); /* looks at the count */
    mproc_process_destroy(warm);
    mproc_process_t *process = start((mproc_process_options_t){0}, steps);
    fake_set_oom_kills(after);
    CHECK_OK(mproc_process_join(process, 1000));
    const mproc_error_t *error = error_of(process);
    CHECK(error->out_of_memory == expected);
    CHECK((strstr(error->message, "out of memory") != NULL) == expected);
    CHECK_EQ_INT(error->exit.how, MPROC_EXIT_SIGNALLED);
    mproc_process_destroy(process);
}

TEST(process_fake, kill_for_want_of_memory_is_hinted_at) {
    begin();
    check_memory_hint(5, 6, true);
    check_memory_hint(6, 6, false);
    finish();
}

static void check_limit_hint(const fake_step_t *steps, mproc_limits_t limits, bool expected) {
    mproc_process_t *process = start((mproc_process_options_t){.limits = limits}, steps);
    (void)mproc_process_join(process, 1000);
    const mproc_error_t *error = error_of(process);
    CHECK((strstr(error->message, "options.limits") != NULL) == expected);
    mproc_process_destroy(process);
}

TEST(process_fake, end_of_a_child_that_its_limits_do_not_let_start_is_hinted_at) {
    static const fake_step_t killed[] = {FAKE_DIE(FAKE_SIGSEGV)}, refused[] = {FAKE_EXIT(127)};
    begin();
    check_limit_hint(killed, (mproc_limits_t){.memory_bytes = 4096}, true);
    check_limit_hint(killed, (mproc_limits_t){.open_files = 2}, false);
    check_limit_hint(refused, (mproc_limits_t){.open_files = 2}, true);
    check_limit_hint(refused, (mproc_limits_t){.memory_bytes = 4096}, true);
    check_limit_hint(refused, (mproc_limits_t){0}, false);
    finish();
}
