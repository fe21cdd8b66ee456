/* SPDX-License-Identifier: Apache-2.0 */
/* The harness on the whole library. */
#include "library.h"

#include <mproc/mproc.h>
#include <stdio.h>

int library_start(int *argc, char ***argv) {
    /* Where a compiler emulates thread-local variables, the first use of one opens a handle for good. */
    (void)mproc_last_error();
    return mproc_init(argc, argv);
}

const char *library_describe_error(int code, char *out_text, size_t size) {
    const mproc_error_t *last = mproc_last_error();
    int used = snprintf(out_text, size, "%s (%d): ", code == MPROC_OK ? "success" : mproc_error_name(code), code);
    if (last->code == code && code != MPROC_OK && used > 0 && (size_t)used < size)
        mproc_error_format(last, out_text + used, size - (size_t)used);
    return out_text;
}
