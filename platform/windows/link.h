/* SPDX-License-Identifier: Apache-2.0 */
/* link.h: what spawning and a child's start need from links beyond platform.h. */
#ifndef MPLAT_WINDOWS_LINK_H
#define MPLAT_WINDOWS_LINK_H

#include "system.h"

/* The marker of a child's link end: "1:<handle>:<pipe id>", both in hexadecimal. The pipe's id, 128 random bits, is also its name,
 * which the child asks the handle for: a handle that somebody made up, or that was closed and given out again, is found. */
#define MPLAT_LINK_VARIABLE L"MPROC_LINK"

enum { MPLAT_LINK_ID_SIZE = 32, MPLAT_LINK_MARKER_SIZE = 64 };

/* mplat_link_create makes both ends. *out_child_end is inheritable, marker (with its zero) is what the child must find in
 * MPLAT_LINK_VARIABLE; the caller closes the handle once the child has its own. */
int mplat_link_create(mplat_link_t **out_link, HANDLE *out_child_end, char marker[MPLAT_LINK_MARKER_SIZE]);

/* mplat_link_attach tells a parent's end its child, into which handles are sent. */
int mplat_link_attach(mplat_link_t *link, HANDLE child);

/* mplat_link_open makes the child's end out of a marker. MPLAT_EMALFORMED unless a mplat_link_create wrote it and its handle is
 * there. */
int mplat_link_open(const wchar_t *marker, mplat_link_t **out_link);

#endif
