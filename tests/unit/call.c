/* SPDX-License-Identifier: Apache-2.0 */
/* A task's results and failures, and objects that serve many runs. */
#include "call_support.h"

#include <stdio.h>
#include <string.h>

#include "core_support.h"
#include "encode.h"
#include "memory.h"
#include "test.h"

/* ---- results --------------------------------------------------------------------------------------------------- */

static int return_twice(mproc_call_t *call) {
    (void)mproc_call_return(call, "a long first result that is replaced");
    return mproc_call_return(call, 2);
}

static int return_input(mproc_call_t *call) {
    const void *data;
    size_t size;
    mproc_call_input(call, &data, &size);
    return mproc_call_return(call, MPROC_LIST(MPROC_BOOL(data != NULL), MPROC_BYTES(data, size)));
}

TEST(call, the_last_value_returned_counts) {
    run_t run;
    run_begin(&run, NULL);
    run_again(&run, return_nothing);
    CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_NOTHING);
    CHECK_EQ_UINT(run.outcome.size, 0);
    CHECK_EQ_INT(mproc_call_failure(&run.call)->code, MPROC_OK);
    run_again(&run, return_twice);
    check_result(&run, "2");
    run_end(&run);
}

TEST(call, raw_input_is_seen_as_it_is) {
    run_t run;
    run_begin(&run, NULL);
    run_again(&run, return_input);
    check_result(&run, "[False, b'']");
    mproc_request_t request = {&run.task, NULL, 0, "raw", 3};
    mproc_call_run(&run.call, &request, &run.outcome);
    check_result(&run, "[True, b'raw']");
    run_end(&run);
}

static int truncate_upwards(mproc_call_t *call) {
    void *data;
    int err = mproc_call_reserve(call, 4, &data);
    return err != MPROC_OK ? err : mproc_call_truncate(call, 5);
}

static int truncate_without(mproc_call_t *call) {
    return mproc_call_truncate(call, 0);
}

TEST(call, a_reserved_result_is_written_in_place) {
    run_t run;
    run_begin(&run, NULL);
    run_again(&run, reserve_and_cut);
    CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_BYTES);
    CHECK_EQ_UINT(run.outcome.size, 6);
    CHECK_EQ_MEM(run.outcome.data, "result", 6);
    run_again(&run, reserve_nothing);
    CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_BYTES);
    CHECK_EQ_UINT(run.outcome.size, 0);
    run_end(&run);
    check_fails(truncate_upwards, NULL, MPROC_EINVAL, "A result of 4 bytes cannot grow to 5: reserve more");
    check_fails(truncate_without, NULL, MPROC_EINVAL, "There is no reserved result to make shorter");
}

static int return_what_was_reserved(mproc_call_t *call) {
    void *data;
    int err = mproc_call_reserve(call, 200, &data);
    if (err != MPROC_OK)
        return err;
    memset(data, 'r', 200);
    memcpy(data, "begin", 5);
    return mproc_call_return(call, MPROC_LIST(MPROC_BYTES(data, 7)));
}

TEST(call, a_value_may_be_made_of_the_reserved_room) {
    check_returns(return_what_was_reserved, NULL, "[b'beginrr']");
}

static int return_unsendable(mproc_call_t *call) {
    return mproc_call_return(call, MPROC_LIST(1, "\xff"));
}

static int return_unsendable_and_go_on(mproc_call_t *call) {
    (void)mproc_call_return(call, 1);
    (void)mproc_call_return(call, "\xff");
    return MPROC_OK;
}

TEST(call, a_result_that_cannot_be_sent_fails_the_task) {
    check_fails(return_unsendable, NULL, MPROC_EINVAL,
                "Cannot send the value[1]: it is a string that is not UTF-8; MPROC_BYTES sends any bytes");
    run_t run;
    run_begin(&run, NULL);
    run_again(&run, return_unsendable_and_go_on);
    CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_NOTHING);
    run_end(&run);
}

/* ---- failures -------------------------------------------------------------------------------------------------- */

static int fail_by_hand(mproc_call_t *call) {
    return mproc_call_fail_at(call, 42, "disk.c", 17, "cannot read %s: %d of %d", "x.dat", 3, 9);
}

TEST(call, a_failure_keeps_code_text_and_place) {
    mproc_report_t arrived;
    run_t run;
    mproc_report_init(&arrived);
    run_begin(&run, NULL);
    run_again(&run, fail_by_hand);
    check_failure(&run, MPROC_ETASK, "cannot read x.dat: 3 of 9");
    CHECK_OK(mproc_report_decode(run.outcome.data, run.outcome.size, &arrived));
    CHECK_EQ_INT(arrived.error.task_code, 42);
    CHECK_EQ_STR(arrived.error.file, "disk.c");
    CHECK_EQ_INT(arrived.error.line, 17);
    mproc_report_fini(&arrived);
    run_end(&run);
}

TEST(call, a_long_failure_is_not_cut) {
    char expected[5001];
    memset(expected, '0', 4999);
    memcpy(expected + 4999, "7", 2);
    check_fails(fail_at_length, NULL, MPROC_ETASK, expected);
}

static int return_seven(mproc_call_t *call) {
    (void)mproc_call_return(call, "lost");
    return 7;
}

static int return_foreign_error(mproc_call_t *call) {
    (void)call;
    return mproc_value_as_int(NULL, &(int64_t){0});
}

static int fail_but_succeed(mproc_call_t *call) {
    (void)mproc_call_fail(call, 1, "not returned");
    return mproc_call_return(call, "good");
}

static int note_one_return_another(mproc_call_t *call) {
    (void)mproc_call_args(call, "x", &(int64_t){0});
    return 5;
}

TEST(call, any_other_number_fails_the_task_with_it) {
    run_t run;
    run_begin(&run, NULL);
    run_again(&run, return_seven);
    check_failure(&run, MPROC_ETASK, "Task 'shape' returned 7");
    CHECK_EQ_INT(mproc_call_failure(&run.call)->task_code, 7);
    run_again(&run, return_foreign_error);
    check_failure(&run, MPROC_ETASK, "Task 'shape' returned -3: The value must be int, not None");
    CHECK_EQ_INT(mproc_call_failure(&run.call)->task_code, MPROC_ETYPE);
    run_again(&run, note_one_return_another);
    check_failure(&run, MPROC_ETASK, "Task 'shape' returned 5");
    run_again(&run, fail_but_succeed);
    check_result(&run, "'good'");
    run_end(&run);
}

static int return_stale(mproc_call_t *call) {
    (void)call;
    return MPROC_ETYPE;
}

TEST(call, an_old_error_of_the_thread_does_not_explain_a_new_failure) {
    (void)mproc_value_as_int(NULL, &(int64_t){0});
    check_fails(return_stale, NULL, MPROC_ETASK, "Task 'shape' returned -3");
}
