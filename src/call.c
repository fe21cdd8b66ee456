/* SPDX-License-Identifier: Apache-2.0 */
/* call.c: running a task, and its result or failure. Reading the arguments is call_args.c. */
#include "call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "encode.h"
#include "memory.h"

/* ---- the runner's side ----------------------------------------------------------------------------------------- */

void mproc_call_init(mproc_call_t *call, const mproc_value_limits_t *limits, const mproc_buffer_source_t *source) {
    *call = (mproc_call_t){.kind = MPROC_OUTCOME_NOTHING};
    if (limits != NULL)
        call->limits = *limits;
    mproc_buffer_init(&call->output, source);
    mproc_report_init(&call->failure);
}

/* Forgets what is in the output. The runner's place takes a reservation and nothing else: no part of a value or a report
 * may be left there. Nor in the place of an item before this one, which the output still has when a runner has left begin out. */
static void clear_output(mproc_call_t *call) {
    if (call->place != NULL && (call->output.data == call->place || call->kind == MPROC_OUTCOME_NOTHING)) {
        call->output.data = NULL;
        call->output.capacity = 0;
    }
    mproc_buffer_clear(&call->output);
}

/* A reservation in the runner's place is only noted at first: a map over numbers makes a million of them, and most tasks do
 * nothing more to their result than write it. Here it becomes an output like others. */
static void settle_place(mproc_call_t *call) {
    if (call->kind != MPROC_OUTCOME_PLACED)
        return;
    call->kind = MPROC_OUTCOME_BYTES;
    call->output.data = call->place;
    call->output.size = call->place_size;
    call->output.capacity = call->place_size;
}

/* A number that no function of this call has noted: the task's own, or the error of some other function. */
static void note_returned(mproc_call_t *call, int returned) {
    const char *name = call->request.task->name;
    const mproc_error_t *last = mproc_last_error();
    if (last->code == returned)
        (void)mproc_fail(MPROC_ETASK, "Task '%s' returned %d: %s", name, returned, last->message);
    else
        (void)mproc_fail(MPROC_ETASK, "Task '%s' returned %d", name, returned);
    (void)mproc_call_note(call, MPROC_ETASK);
    call->failure.error.task_code = returned;
}

static void fail(mproc_call_t *call, int returned) {
    if (!call->noted || call->failure.error.code != returned)
        note_returned(call, returned);
    clear_output(call);
    call->kind = MPROC_OUTCOME_FAILED;
    if (mproc_report_encode(&call->failure.error, &call->output) != MPROC_OK)
        clear_output(call);
}

void mproc_call_run(mproc_call_t *call, const mproc_request_t *request, mproc_outcome_t *out_outcome) {
    call->request = *request;
    mproc_call_begin(call);
    mproc_call_end(call, request->task->run(call), out_outcome);
}

void mproc_call_end(mproc_call_t *call, int returned, mproc_outcome_t *out_outcome) {
    settle_place(call);
    if (returned != MPROC_OK)
        fail(call, returned);
    if (call->tree != NULL)
        mproc_tree_trim(&call->tree);
    call->decoded = false;
    out_outcome->kind = call->kind;
    out_outcome->data = call->output.size > 0 ? call->output.data : NULL;
    out_outcome->size = call->output.size;
}

const mproc_error_t *mproc_call_failure(const mproc_call_t *call) {
    return call->kind == MPROC_OUTCOME_FAILED ? &call->failure.error : &mproc_no_error;
}

void mproc_call_fini(mproc_call_t *call) {
    mproc_tree_destroy(call->tree);
    call->tree = NULL;
    mproc_buffer_fini(&call->output);
    mproc_report_fini(&call->failure);
}

/* ---- failing --------------------------------------------------------------------------------------------------- */

int mproc_call_check(const mproc_call_t *call) {
    if (call != NULL)
        return MPROC_OK;
    (void)mproc_fail(MPROC_EINVAL, "The call is NULL: pass on the one that the task was given");
    return MPROC_EINVAL;
}

int mproc_call_note(mproc_call_t *call, int code) {
    mproc_error_t error = *mproc_last_error();
    error.task = call->request.task->name;
    error.task_code = code;
    (void)mproc_report_set(&call->failure, &error);
    call->noted = true;
    return code;
}

static int note_failure(mproc_call_t *call, int code, const char *file, int line, const char *message) {
    mproc_error_t error = mproc_no_error;
    error.code = MPROC_ETASK;
    error.message = message;
    error.task = call->request.task->name;
    error.task_code = code;
    error.file = file != NULL ? file : "";
    error.line = line;
    (void)mproc_report_set(&call->failure, &error);
    call->noted = true;
    return MPROC_ETASK;
}

int mproc_call_fail_at(mproc_call_t *call, int code, const char *file, int line, const char *format, ...) {
    char few[512];
    char *many = NULL;
    va_list list;
    if (mproc_call_check(call) != MPROC_OK)
        return MPROC_EINVAL;
    va_start(list, format);
    int length = vsnprintf(few, sizeof few, format, list);
    va_end(list);
    if (length >= (int)sizeof few && (many = mproc_alloc((size_t)length + 1)) != NULL) {
        va_start(list, format);
        (void)vsnprintf(many, (size_t)length + 1, format, list);
        va_end(list);
    }
    if (length < 0) /* wide characters that the locale cannot write */
        few[0] = '\0';
    int err = note_failure(call, code, file, line, many != NULL ? many : few);
    mproc_free(many);
    return err;
}

/* ---- the result ------------------------------------------------------------------------------------------------ */

static int drop_result(mproc_call_t *call, int code) {
    clear_output(call);
    call->kind = MPROC_OUTCOME_NOTHING;
    return mproc_call_note(call, code);
}

/* The value may point into the reserved result that it replaces. */
static int replace_reserved(mproc_call_t *call, const mproc_arg_t *value) {
    mproc_buffer_t copy;
    mproc_buffer_init(&copy, NULL);
    int err = mproc_encode_value(value, &copy);
    clear_output(call);
    if (err == MPROC_OK && !mproc_buffer_append(&call->output, copy.data, copy.size))
        err = mproc_fail_memory("the result of a task");
    mproc_buffer_fini(&copy);
    return err;
}

int mproc_call_return_arg(mproc_call_t *call, mproc_arg_t value) {
    int err = mproc_call_check(call);
    if (err != MPROC_OK)
        return err;
    settle_place(call);
    if (call->kind == MPROC_OUTCOME_BYTES) {
        err = replace_reserved(call, &value);
    } else {
        clear_output(call);
        err = mproc_encode_value(&value, &call->output);
    }
    if (err != MPROC_OK)
        return drop_result(call, err);
    call->kind = MPROC_OUTCOME_VALUE;
    return MPROC_OK;
}

/* Apart, so that a reservation in the runner's place, of which a map makes one for each item, needs no registers of this. */
static __attribute__((noinline)) int reserve_elsewhere(mproc_call_t *call, size_t size, void **out_data) {
    if (mproc_call_check(call) != MPROC_OK)
        return MPROC_EINVAL;
    if (out_data == NULL)
        return mproc_call_note(call, mproc_fail(MPROC_EINVAL, "out_data is NULL"));
    clear_output(call);
    *out_data = mproc_buffer_extend(&call->output, size);
    if (*out_data == NULL) {
        (void)mproc_fail(MPROC_ENOMEM, "No room for a result of %zu bytes", size);
        return drop_result(call, MPROC_ENOMEM);
    }
    call->kind = MPROC_OUTCOME_BYTES;
    return MPROC_OK;
}

int mproc_call_reserve(mproc_call_t *call, size_t size, void **out_data) {
    if (__builtin_expect(call == NULL || out_data == NULL || call->place == NULL || size != call->place_size, 0))
        return reserve_elsewhere(call, size, out_data);
    call->kind = MPROC_OUTCOME_PLACED;
    *out_data = call->place;
    return MPROC_OK;
}

int mproc_call_truncate(mproc_call_t *call, size_t size) {
    if (mproc_call_check(call) != MPROC_OK)
        return MPROC_EINVAL;
    settle_place(call);
    if (call->kind != MPROC_OUTCOME_BYTES)
        return mproc_call_note(call, mproc_fail(MPROC_EINVAL, "There is no reserved result to make shorter"));
    if (size > call->output.size)
        return mproc_call_note(call, mproc_fail(MPROC_EINVAL, "A result of %zu bytes cannot grow to %zu: reserve more",
                                                call->output.size, size));
    call->output.size = size;
    return MPROC_OK;
}

/* ---- where it runs --------------------------------------------------------------------------------------------- */

const mproc_task_t *mproc_call_task(const mproc_call_t *call) {
    return call != NULL ? call->request.task : NULL;
}

void mproc_call_input(const mproc_call_t *call, const void **out_data, size_t *out_size) {
    size_t size = call != NULL ? call->request.input_size : 0;
    if (out_data != NULL)
        *out_data = size > 0 ? call->request.input : NULL;
    if (out_size != NULL)
        *out_size = size;
}
