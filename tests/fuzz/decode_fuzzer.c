/* SPDX-License-Identifier: Apache-2.0 */
/* A libFuzzer target for everything that reads bytes of another process as MessagePack: values, arguments, reports.
 * Whatever decodes must survive being printed, compared, sent on and read again. `decode_fuzzer [DIRECTORY]
 * [-max_total_time=60]` */
#include <stdlib.h>

#include "buffer.h"
#include "call.h"
#include "encode.h"
#include "report.h"
#include "value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

static void send_on(const mproc_value_t *value) {
    static const mproc_value_limits_t deepest = {.max_depth = MPROC_DEPTH_MAX};
    mproc_buffer_t buffer;
    mproc_tree_t *again = NULL;
    mproc_arg_t arg = mproc_arg_value(value);
    mproc_buffer_init(&buffer, NULL);
    require(mproc_encode_value(&arg, &buffer) == MPROC_OK);
    require(mproc_tree_decode(buffer.data, buffer.size, &deepest, &again) == MPROC_OK);
    require(mproc_value_equal(value, mproc_tree_root(again)));
    mproc_tree_destroy(again);
    mproc_buffer_fini(&buffer);
}

static void try_value(const uint8_t *data, size_t size) {
    static const mproc_value_limits_t limits = {.max_depth = 100, .max_count = 10000};
    char text[256];
    mproc_tree_t *tree = NULL;
    if (mproc_tree_decode(data, size, &limits, &tree) == MPROC_OK) {
        (void)mproc_value_repr(mproc_tree_root(tree), text, sizeof text);
        send_on(mproc_tree_root(tree));
    }
    mproc_tree_destroy(tree);
}

static int read_arguments(mproc_call_t *call) {
    int64_t number = 0;
    const char *text = NULL;
    const mproc_value_t *rest = NULL;
    int err = mproc_call_args(call, "x|sv", &number, &text, &rest);
    if (err == MPROC_OK)
        err = mproc_call_kwarg(call, "k", "s", &text);
    return err != MPROC_OK ? err : mproc_call_return(call, MPROC_LIST(number, mproc_call_kwargs(call)));
}

static void try_arguments(const uint8_t *data, size_t size) {
    static mproc_task_t task = {"fuzzed", read_arguments, __FILE__, __LINE__, NULL, 0};
    mproc_request_t request = {&task, data, size, NULL, 0};
    mproc_outcome_t outcome;
    mproc_call_t call;
    mproc_call_init(&call, NULL, NULL);
    mproc_call_run(&call, &request, &outcome);
    require(outcome.kind == MPROC_OUTCOME_VALUE || outcome.kind == MPROC_OUTCOME_FAILED);
    mproc_call_fini(&call);
}

static void try_report(const uint8_t *data, size_t size) {
    mproc_report_t report;
    mproc_report_init(&report);
    if (mproc_report_decode(data, size, &report) == MPROC_OK)
        require(mproc_error_format(&report.error, NULL, 0) > 0);
    mproc_report_fini(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    try_value(data, size);
    try_arguments(data, size);
    try_report(data, size);
    return 0;
}
