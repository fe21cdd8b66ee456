/* SPDX-License-Identifier: Apache-2.0 */
/* error_text.c: the sentence for each platform error code, from the one list in platform.h. */
#include "platform/platform.h"

const char *mplat_error_text(int err) {
    switch (err) {
    case MPLAT_OK:
        return "no error";
#define X(name, value, text)                                                                                           \
    case name:                                                                                                         \
        return text;
        MPLAT_ERRORS(X)
#undef X
    default:
        return "unknown error";
    }
}
