/* SPDX-License-Identifier: Apache-2.0 */
/* marker.h: the environment variable by which a child of the running executable finds what it was given. */
#ifndef MPLAT_POSIX_MARKER_H
#define MPLAT_POSIX_MARKER_H

#include "platform/platform.h"

#define MPLAT_MARKER_NAME "MPROC_LINK"

/* The descriptors are fixed (spawn.h); the marker says which are there and which objects they are, so that a
 * variable that was copied, forged or damaged is told from one that belongs to this process. */
typedef struct mplat_marker {
    bool lifeline;
    uint64_t link_inode, lifeline_inode;
    const char *executable; /* "" or the path of the program, for systems that cannot ask for it */
} mplat_marker_t;

/* mplat_marker_format writes "MPROC_LINK=1:…", at most size bytes; false when it does not fit. */
bool mplat_marker_format(const mplat_marker_t *marker, char *buf, size_t size);

/* mplat_marker_parse takes the value of the variable; executable points into it. False unless format wrote it. */
bool mplat_marker_parse(const char *value, mplat_marker_t *out_marker);

#endif
