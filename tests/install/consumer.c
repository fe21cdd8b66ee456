/* SPDX-License-Identifier: Apache-2.0 */
/* A program outside the build tree: it starts a process and checks what its task returned. */
#include <mproc/mproc.h>

#include <stdio.h>
#include <string.h>

MPROC_TASK(square) {
    int64_t number = 0;
    int err = mproc_call_args(call, "x", &number);
    if (err != MPROC_OK)
        return err;
    return mproc_call_return(call, number * number);
}

/* create takes the arguments as a parameter: in C++ they live until the end of the call that they are written in. */
static int create(const mproc_args_t *args, mproc_process_t **out_process) {
    mproc_process_options_t options = MPROC_PROCESS_OPTIONS_INIT;
    options.target = &square;
    options.args = args;
    options.result = true;
    return mproc_process_create(&options, out_process);
}

static int run(void) {
    mproc_process_t *process = NULL;
    const mproc_value_t *value = NULL;
    int64_t result = 0;

    int err = create(MPROC_ARGS(7), &process);
    if (err == MPROC_OK)
        err = mproc_process_start(process);
    if (err == MPROC_OK)
        err = mproc_process_result(process, 30000, &value);
    if (err == MPROC_OK)
        err = mproc_value_as_int(value, &result);
    if (err != MPROC_OK)
        fprintf(stderr, "%s: %s\n", mproc_error_name(err), mproc_last_error()->message);
    mproc_process_destroy(process);
    return err == MPROC_OK && result == 49 ? 0 : 1;
}

int main(int argc, char **argv) {
    if (mproc_init(&argc, &argv) != MPROC_OK)
        return 1;
    if (strcmp(mproc_version(), MPROC_VERSION_STRING) != 0)
        return 1;
    return run();
}
