/* SPDX-License-Identifier: Apache-2.0 */
/* link_private.h: the inside of a link, for link.c and link_open.c alone. */
#ifndef MPLAT_WINDOWS_LINK_PRIVATE_H
#define MPLAT_WINDOWS_LINK_PRIVATE_H

#include "link.h"

struct mplat_link {
    HANDLE pipe; /* duplex, in bytes, overlapped: reading and writing never wait for each other */
    HANDLE peer; /* the child process, on the parent's side; NULL on the child's */
    bool is_parent;

    OVERLAPPED reading; /* its event is what mplat_link_handle gives */
    bool read_pending;
    int end; /* 0, or what receiving comes to once the buffer is used up */
    unsigned char *in;
    size_t in_size, in_capacity;

    OVERLAPPED writing, crashing;
    _Atomic DWORD sender; /* the thread that is inside a message; 0: none */
    int send_end;         /* not 0: part of a message may have gone out, nothing may follow it, and this says so */
};

/* mplat_link_init makes what a link needs besides its pipe, and starts the first read. mplat_link_destroy undoes it,
 * also when it failed. */
int mplat_link_init(mplat_link_t *link);

#endif
