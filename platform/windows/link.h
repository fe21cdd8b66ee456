/* SPDX-License-Identifier: Apache-2.0 */
/* link.h: what spawning and a child's start need from links beyond platform.h. */
#ifndef MPLAT_WINDOWS_LINK_H
#define MPLAT_WINDOWS_LINK_H

#include "pipe_named.h"
#include "system.h"

/* How a child gets its end. The end itself is never inheritable, so that no other process that somebody starts at
 * the same moment can come by it. What the child inherits is a page of memory, the mailbox; when the child is there,
 * still suspended, its end is duplicated into it, and the mailbox says under which handle. MPLAT_LINK_VARIABLE names
 * the mailbox: "1:<handle>:<id>", in hexadecimal. The id, 128 random bits, is also in the mailbox and is the pipe's
 * name, which the child asks the handle for: a made-up handle, or one that was closed and given out again, is found
 * out. */
#define MPLAT_LINK_VARIABLE L"MPROC_LINK"

enum { MPLAT_LINK_ID_SIZE = MPLAT_NAMED_ID_SIZE, MPLAT_LINK_MARKER_SIZE = 64 };

/* What a spawn holds of the child's side until the child has it. */
typedef struct mplat_link_offer {
    HANDLE child_end;
    HANDLE mailbox; /* inheritable */
    char id[MPLAT_LINK_ID_SIZE + 1];
    char marker[MPLAT_LINK_MARKER_SIZE]; /* the value of MPLAT_LINK_VARIABLE */
} mplat_link_offer_t;

/* mplat_link_create makes the parent's end and what is needed for the child's. The caller withdraws the offer in the
 * end, given or not. */
int mplat_link_create(mplat_link_t **out_link, mplat_link_offer_t *offer);

/* mplat_link_give puts the child's end into the suspended child, and tells the parent's end of its child. */
int mplat_link_give(mplat_link_t *link, mplat_link_offer_t *offer, HANDLE child);

void mplat_link_withdraw(mplat_link_offer_t *offer);

/* mplat_link_open makes the child's end out of a marker. MPLAT_EMALFORMED unless mplat_link_create wrote it and its
 * handles are there. */
int mplat_link_open(const wchar_t *marker, mplat_link_t **out_link);

#endif
