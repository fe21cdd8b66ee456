/* SPDX-License-Identifier: Apache-2.0 */
/* process_stdio.h: the standard streams of a child that is about to start: files are opened here, once for a start. */
#ifndef MPROC_SRC_PROCESS_STDIO_H
#define MPROC_SRC_PROCESS_STDIO_H

#include "platform/platform.h"

#include <mproc/process.h>

/* Files that are open until the child has its own handles. */
typedef struct mproc_streams {
    void *pool;
} mproc_streams_t;

/* mproc_streams_open turns checked options into handles. MPROC_ESPAWN with the system's reason when a file cannot be opened;
 * there is then nothing to close. Relative paths start at the parent's directory. */
int mproc_streams_open(const mproc_stdio_t options[3], mproc_streams_t *streams, mplat_stdio_t out_stdio[3]);
void mproc_streams_close(mproc_streams_t *streams);

#endif
