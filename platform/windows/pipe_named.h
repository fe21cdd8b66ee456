/* SPDX-License-Identifier: Apache-2.0 */
/* pipe_named.h: pipes whose one end at least is overlapped. The system makes these by name only, CreatePipe's are plain. */
#ifndef MPLAT_WINDOWS_PIPE_NAMED_H
#define MPLAT_WINDOWS_PIPE_NAMED_H

#include "system.h"

enum { MPLAT_NAMED_ID_SIZE = 32 };

/* mplat_named_id makes 128 random bits in hexadecimal, and a zero. */
int mplat_named_id(char id[MPLAT_NAMED_ID_SIZE + 1]);

/* mplat_named_pipe makes a pipe of bytes whose near end is overlapped. both_ways: the far end is so too, and each reads what
 * the other writes; else the far end is a plain one that writes, fit for a standard stream. buffer is the size of what fits
 * into it. On failure the ends may be open or not: the caller closes them. */
int mplat_named_pipe(const char *id, bool both_ways, DWORD buffer, HANDLE *out_near, HANDLE *out_far);

#endif
