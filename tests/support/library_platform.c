/* SPDX-License-Identifier: Apache-2.0 */
/* The harness on the platform layer alone. */
#include "library.h"

#include "platform/platform.h"

#include <stdio.h>

int library_start(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    /* Where a compiler emulates thread-local variables, the first use of one opens a handle for good. */
    (void)mplat_failure();
    return 0;
}

const char *library_describe_error(int code, char *out_text, size_t size) {
    char system_text[256];
    mplat_failure_t last = mplat_failure();
    snprintf(out_text, size, "%s (%d): last failure in %s: %d %s", code == 0 ? "success" : mplat_error_text(code), code,
             last.step, last.os_code, mplat_os_error_text(last.os_code, system_text, sizeof system_text));
    return out_text;
}
