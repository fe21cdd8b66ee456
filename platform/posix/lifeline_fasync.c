/* SPDX-License-Identifier: Apache-2.0 */
/* lifeline_fasync.c: Linux itself kills the child: the pipe is told to send SIGKILL when its state changes, which
 * is when the last write end closes. No thread, and no code of ours has to run at that moment. */
#include "internal.h"
#include "lifeline.h"
#include "linux_abi.h"
#include "spawn.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

int mplat_lifeline_arm_fasync(void) {
    /* The owner and the signal belong to the open file description, which all children of the parent share: each
     * needs one of its own, and only opening anew makes it. */
    _Static_assert(MPLAT_LIFELINE_FD == 4, "the path is the lifeline's");
    static const char path[] = "/proc/self/fd/4";
    int own = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (own < 0)
        return -1;
    if (fcntl(own, F_SETOWN, getpid()) != 0 || fcntl(own, F_SETSIG, SIGKILL) != 0 ||
        fcntl(own, F_SETFL, O_ASYNC | O_NONBLOCK) != 0) {
        mplat_close(own);
        return -1;
    }
    mplat_close(MPLAT_LIFELINE_FD);
    /* The parent may have ended before: then there is no change any more to be told of. */
    struct pollfd ended = {.fd = own, .events = POLLIN, .revents = 0};
    if (poll(&ended, 1, 0) > 0)
        kill(getpid(), SIGKILL);
    return 0;
}

int mplat_lifeline_arm(void) {
    /* Without /proc, or under an emulator that knows no F_SETSIG, by a thread. */
    return mplat_lifeline_arm_fasync() == 0 || mplat_lifeline_arm_thread() == 0 ? 0 : mplat_fail(errno, "arm lifeline");
}
