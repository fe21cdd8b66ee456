/* SPDX-License-Identifier: Apache-2.0 */
/* crash_report.h: what a crashed process left behind becomes a back-trace that people can read. */
#ifndef MPROC_SRC_CRASH_REPORT_H
#define MPROC_SRC_CRASH_REPORT_H

#include "buffer.h"
#include "platform/platform.h"

/* mproc_crash_backtrace appends a line a frame, innermost first, "#0  divide+0x12 (program)\n", and an ending zero. The crash
 * may hold anything: it comes from a process that was out of its mind. It reads symbol tables, so it takes milliseconds and
 * must not be called in a crash handler. A buffer that runs out of memory notes it. */
void mproc_crash_backtrace(const mplat_crash_t *crash, mproc_buffer_t *buffer);

/* mproc_crash_place writes the function of the innermost frame that has a name in the program itself, "divide+0x12"; "" when
 * there is none. Returns buf. */
const char *mproc_crash_place(const mplat_crash_t *crash, char *buf, size_t size);

#endif
