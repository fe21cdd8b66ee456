/* SPDX-License-Identifier: Apache-2.0 */
/* capture.h: what a watch needs of a capture. */
#ifndef MPLAT_WINDOWS_CAPTURE_H
#define MPLAT_WINDOWS_CAPTURE_H

#include "system.h"

/* mplat_capture_event is set while there may be something to read. */
HANDLE mplat_capture_event(const mplat_capture_t *capture);

#endif
