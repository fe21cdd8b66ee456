/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the test child program: what it can be told to do, on its command line or over a link. */
#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

#include <stdbool.h>

#include "platform/platform.h"

/* child_serve does what messages on the link say until its end; returns the exit code. */
int child_serve(mplat_link_t *link);

/* child_crash_report makes a crash be sent over the link as one message, an mplat_crash_t. */
int child_crash_report(mplat_link_t *link);

/* child_crash crashes: segv, call, abort, fpe, ill, stack, thread, nested. False when it knows no such kind. */
bool child_crash(const char *kind);

#endif
