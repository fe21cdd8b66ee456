/* SPDX-License-Identifier: Apache-2.0 */
/* version.c: the version that was compiled into the library. */
#include <mproc/version.h>

const char *mproc_version(void) {
    return MPROC_VERSION_STRING;
}
