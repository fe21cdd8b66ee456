/* SPDX-License-Identifier: Apache-2.0 */
/* report_wire.c: a report as a MessagePack array, from the process where a task failed to the one that wants to know.
 * How a process ended is not part of it: only its parent can tell. */
#include "report.h"

#include <limits.h>
#include <string.h>

#include "encode.h"
#include "value.h"

/* The places in the array. */
enum { CODE, OS_CODE, TASK_CODE, LINE, MESSAGE, TASK, SOURCE, BACKTRACE, PLACES };

/* Texts go as bytes: a task's message may be in any encoding, and must not be lost for that. */
static mproc_arg_t text(const char *string) {
    return mproc_arg_data(MPROC_KIND_BYTES, string, strlen(string));
}

int mproc_report_encode(const mproc_error_t *error, mproc_buffer_t *buffer) {
    const mproc_arg_t places[PLACES] = {
        [CODE] = mproc_arg_int(error->code),
        [OS_CODE] = mproc_arg_int(error->os_code),
        [TASK_CODE] = mproc_arg_int(error->task_code),
        [LINE] = mproc_arg_int(error->line),
        [MESSAGE] = text(error->message),
        [TASK] = text(error->task),
        [SOURCE] = text(error->file),
        [BACKTRACE] = text(error->backtrace),
    };
    const mproc_arg_t array = mproc_arg_items(MPROC_KIND_ARRAY, places, PLACES);
    return mproc_encode_value(&array, buffer);
}

static bool take_int(const mproc_value_t *array, size_t place, int *out_number) {
    int64_t number;
    if (mproc_value_as_int(mproc_value_at(array, place), &number) != MPROC_OK || number < INT_MIN || number > INT_MAX)
        return false;
    *out_number = (int)number;
    return true;
}

static bool take_text(const mproc_value_t *array, size_t place, const char **out_text) {
    const void *data;
    size_t size;
    if (mproc_value_as_bytes(mproc_value_at(array, place), &data, &size) != MPROC_OK)
        return false;
    *out_text = data;
    return true;
}

static bool is_code(int code) {
    return code != MPROC_OK && strcmp(mproc_error_name(code), "MPROC_?") != 0;
}

static bool take_error(const mproc_value_t *array, mproc_error_t *error) {
    return mproc_value_count(array) == PLACES && take_int(array, CODE, &error->code) && is_code(error->code) &&
           take_int(array, OS_CODE, &error->os_code) && take_int(array, TASK_CODE, &error->task_code) &&
           take_int(array, LINE, &error->line) && take_text(array, MESSAGE, &error->message) &&
           take_text(array, TASK, &error->task) && take_text(array, SOURCE, &error->file) &&
           take_text(array, BACKTRACE, &error->backtrace);
}

int mproc_report_decode(const void *data, size_t size, mproc_report_t *report) {
    mproc_tree_t *tree = NULL;
    mproc_error_t error = mproc_no_error;
    int err = mproc_tree_decode(data, size, NULL, &tree);
    if (err == MPROC_ETOOBIG)
        err = MPROC_EMALFORMED;
    if (err == MPROC_OK && !take_error(mproc_tree_root(tree), &error))
        err = mproc_fail(MPROC_EMALFORMED, "Malformed report of a failed task");
    if (err == MPROC_OK)
        err = mproc_report_set(report, &error);
    if (err == MPROC_ENOMEM)
        err = mproc_fail_memory("the report of a failed task");
    mproc_tree_destroy(tree);
    return err;
}
