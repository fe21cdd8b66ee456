/* SPDX-License-Identifier: Apache-2.0 */
/* capture.h: what a watch needs of a capture. */
#ifndef MPLAT_POSIX_CAPTURE_H
#define MPLAT_POSIX_CAPTURE_H

#include "platform/platform.h"

/* mplat_capture_fd becomes readable when there are bytes, and for good at the end. */
int mplat_capture_fd(const mplat_capture_t *capture);

#endif
