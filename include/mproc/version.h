/* SPDX-License-Identifier: Apache-2.0 */
/* version.h: the version of these headers, and of the library that is linked. */
#ifndef MPROC_VERSION_H
#define MPROC_VERSION_H

#include <mproc/export.h>

#define MPROC_VERSION_MAJOR 0
#define MPROC_VERSION_MINOR 1
#define MPROC_VERSION_PATCH 0
#define MPROC_VERSION_STRING "0.1.0"

/* One number that grows with every version: 0.1.0 is 100, 1.2.3 is 10203. */
#define MPROC_VERSION_NUMBER (MPROC_VERSION_MAJOR * 10000 + MPROC_VERSION_MINOR * 100 + MPROC_VERSION_PATCH)

MPROC_BEGIN_DECLS

/* The linked library's MPROC_VERSION_STRING. Any thread, never blocks. */
MPROC_API const char *mproc_version(void);

MPROC_END_DECLS

#endif
