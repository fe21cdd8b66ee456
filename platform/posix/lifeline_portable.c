/* SPDX-License-Identifier: Apache-2.0 */
/* lifeline_portable.c: the choice between the ways to arm a lifeline where the thread is the only one. */
#include "internal.h"
#include "lifeline.h"

#include <errno.h>

int mplat_lifeline_arm(int fd) {
    if (mplat_lifeline_arm_thread(fd) == 0)
        return 0;
    int saved = errno;
    mplat_close(fd);
    return mplat_fail(saved, "arm lifeline");
}
