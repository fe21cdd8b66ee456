/* SPDX-License-Identifier: Apache-2.0 */
/* lifeline_fasync.c: Linux itself kills the child: the pipe is told to send SIGKILL when its state changes, which is when
 * the last write end closes. No thread, and no code of ours has to run at that moment. */
#include "internal.h"
#include "lifeline.h"
#include "linux_abi.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int mplat_lifeline_arm_fasync(int fd) {
    /* The owner and the signal belong to the open file description, which all children of the parent share: each needs one
     * of its own, and only opening anew makes it. */
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (own < 0)
        return -1;
    if (fcntl(own, F_SETOWN, getpid()) != 0 || fcntl(own, F_SETSIG, SIGKILL) != 0 ||
        fcntl(own, F_SETFL, O_ASYNC | O_NONBLOCK) != 0) {
        mplat_close(own);
        return -1;
    }
    mplat_close(fd);
    /* The parent may have ended before: then there is no change any more to be told of. */
    struct pollfd ended = {.fd = own, .events = POLLIN, .revents = 0};
    if (poll(&ended, 1, 0) > 0)
        kill(getpid(), SIGKILL);
    return 0;
}

int mplat_lifeline_arm(int fd) {
    /* Without /proc, or under an emulator that knows no F_SETSIG. */
    if (mplat_lifeline_arm_fasync(fd) == 0 || mplat_lifeline_arm_thread(fd) == 0)
        return 0;
    int saved = errno;
    mplat_close(fd);
    return mplat_fail(saved, "arm lifeline");
}
