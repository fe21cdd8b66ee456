/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of processes on the scripted platform share. */
#include "process_fake_support.h"

#include "memory.h"
#include "monitor.h"
#include "report.h"

MPROC_TASK(fake_task) {
    return MPROC_OK;
}

/* The lock of all processes is made once and stays. */
static void warm_up(void) {
    mproc_process_t *process = NULL;
    fake_reset();
    (void)mproc_process_create(&(mproc_process_options_t){.target = NULL}, &process);
    if (mproc_process_create(&(mproc_process_options_t){.target = &fake_task, .deadline_ms = 1}, &process) ==
            MPROC_OK &&
        mproc_process_start(process) == MPROC_OK)
        (void)mproc_process_join(process, MPROC_FOREVER);
    mproc_process_destroy(process);
    mproc_monitor_end();
    fake_reset();
}
TEST_WARM_UP(warm_up)

static size_t live_before;

void begin(void) {
    fake_reset();
    mproc_error_thread_fini();
    live_before = mproc_memory_live();
}

void finish(void) {
    mproc_monitor_end();
    mproc_error_thread_fini();
    CHECK_EQ_UINT(fake_open_count(), 0);
    CHECK(mproc_memory_live() <= live_before);
    fake_reset();
}

mproc_process_t *start(mproc_process_options_t options, const fake_step_t *steps) {
    mproc_process_t *process = NULL;
    options.target = &fake_task;
    if (steps != NULL)
        fake_next_child(steps);
    REQUIRE_OK(mproc_process_create(&options, &process));
    REQUIRE_OK(mproc_process_start(process));
    return process;
}

/* The report of a process that must have one. */
const mproc_error_t *error_of(mproc_process_t *process) {
    const mproc_error_t *error = mproc_process_error(process);
    REQUIRE(error != NULL);
    return error != NULL ? error : &mproc_no_error;
}

/* ---- messages of a child ----------------------------------------------------------------------------------------------------------- */

/* MessagePack of 42. */
const wire_t answer = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 1, 42);
const fake_step_t answers[] = {FAKE_RECEIVE, FAKE_SEND(&answer, WIRE_SIZE(1)), FAKE_EXIT(0)};
const wire_t begun = WIRE(MPROC_MESSAGE_BEGUN, 0, 0, 0);
const fake_step_t leaves[] = {FAKE_RECEIVE, FAKE_SEND(&begun, WIRE_SIZE(0)), FAKE_EXIT(0)};

void check_answer(mproc_process_t *process) {
    const mproc_value_t *value = NULL;
    int64_t number = 0;
    REQUIRE_OK(mproc_process_result(process, 1000, &value));
    REQUIRE_OK(mproc_value_as_int(value, &number));
    CHECK_EQ_INT(number, 42);
}
