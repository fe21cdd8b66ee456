/* SPDX-License-Identifier: Apache-2.0 */
/* lifeline_portable.c: the choice between the ways to arm a lifeline where the thread is the only one. */
#include "internal.h"
#include "lifeline.h"
#include "syscalls.h"

#include <errno.h>

int mplat_lifeline_open(int read_end) {
    return mplat_sys.duplicate(read_end);
}

int mplat_lifeline_arm(void) {
    return mplat_lifeline_arm_thread() == 0 ? 0 : mplat_fail(errno, "arm lifeline");
}
