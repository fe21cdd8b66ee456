/* SPDX-License-Identifier: Apache-2.0 */
/* bell.h: what a watch needs of a bell. */
#ifndef MPLAT_POSIX_BELL_H
#define MPLAT_POSIX_BELL_H

#include "platform/platform.h"

/* mplat_bell_heard_fd becomes readable when the bell is rung; -1 on the ringing side. */
int mplat_bell_heard_fd(const mplat_bell_t *bell);

/* mplat_bell_silence takes back the rings so far, where the descriptor stays readable until then. */
void mplat_bell_silence(int heard_fd);

#endif
