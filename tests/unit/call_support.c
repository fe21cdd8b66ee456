/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of calls share. */
#include "call_support.h"

#include <string.h>

#include "core_support.h"
#include "test.h"

void run_begin(run_t *run, const mproc_args_t *args) {
    mproc_call_init(&run->call, NULL, NULL);
    encode_args(args, &run->args);
}

void run_again(run_t *run, mproc_task_fn *function) {
    run->task = (mproc_task_t){"shape", function, "shapes.c", 12, NULL, 0};
    mproc_request_t request = {&run->task, run->args.data, run->args.size, NULL, 0};
    mproc_call_run(&run->call, &request, &run->outcome);
}

void run_end(run_t *run) {
    mproc_call_fini(&run->call);
    mproc_buffer_fini(&run->args);
}

void check_result(const run_t *run, const char *expected) {
    mproc_tree_t *tree = NULL;
    char text[256];
    CHECK_EQ_INT(run->outcome.kind, MPROC_OUTCOME_VALUE);
    CHECK_OK(mproc_tree_decode(run->outcome.data, run->outcome.size, NULL, &tree));
    (void)mproc_value_repr(mproc_tree_root(tree), text, sizeof text);
    CHECK_EQ_STR(text, expected);
    mproc_tree_destroy(tree);
}

void check_returns(mproc_task_fn *function, const mproc_args_t *args, const char *expected) {
    run_t run;
    run_begin(&run, args);
    run_again(&run, function);
    check_result(&run, expected);
    run_end(&run);
}

void check_failure(const run_t *run, int code, const char *message) {
    mproc_report_t arrived;
    mproc_report_init(&arrived);
    CHECK_EQ_INT(run->outcome.kind, MPROC_OUTCOME_FAILED);
    CHECK_OK(mproc_report_decode(run->outcome.data, run->outcome.size, &arrived));
    CHECK_EQ_INT(arrived.error.code, code);
    CHECK_EQ_STR(arrived.error.message, message);
    CHECK_EQ_STR(arrived.error.task, "shape");
    CHECK_EQ_STR(mproc_call_failure(&run->call)->message, message);
    mproc_report_fini(&arrived);
}

void check_fails(mproc_task_fn *function, const mproc_args_t *args, int code, const char *message) {
    run_t run;
    run_begin(&run, args);
    run_again(&run, function);
    check_failure(&run, code, message);
    run_end(&run);
}

/* ---- tasks ----------------------------------------------------------------------------------------------------- */

int read_everything(mproc_call_t *call) {
    bool truth = false;
    int small = 0;
    int64_t number = 0;
    uint64_t natural = 0;
    double real = 0, whole = 0;
    const char *text = NULL;
    const void *data = NULL;
    size_t size = 0;
    const mproc_value_t *list = NULL, *dict = NULL, *any = NULL;
    int err = mproc_call_args(call, "bixuddsyamv", &truth, &small, &number, &natural, &real, &whole, &text, &data,
                              &size, &list, &dict, &any);
    if (err != MPROC_OK)
        return err;
    return mproc_call_return(
        call, MPROC_LIST(truth, small, number, natural, real, whole, text, MPROC_BYTES(data, size), list, dict, any));
}

int read_one(mproc_call_t *call) {
    int64_t number = 0;
    int err = mproc_call_args(call, "x", &number);
    return err != MPROC_OK ? err : mproc_call_return(call, number);
}

int return_nothing(mproc_call_t *call) {
    (void)call;
    return MPROC_OK;
}

int reserve_and_cut(mproc_call_t *call) {
    void *data;
    int err = mproc_call_reserve(call, 1000, &data);
    if (err != MPROC_OK)
        return err;
    CHECK_EQ_UINT((uintptr_t)data % 16, 0);
    memcpy(data, "result", 6);
    return mproc_call_truncate(call, 6);
}

int reserve_nothing(mproc_call_t *call) {
    void *data = NULL;
    int err = mproc_call_reserve(call, 0, &data);
    CHECK(data != NULL);
    return err;
}

int fail_at_length(mproc_call_t *call) {
    return mproc_call_fail(call, 1, "%05000d", 7);
}
