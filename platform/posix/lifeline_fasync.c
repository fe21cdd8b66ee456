/* SPDX-License-Identifier: Apache-2.0 */
/* lifeline_fasync.c: Linux itself kills the child: the pipe is told to send SIGKILL when its state changes, which
 * is when the last write end closes. No thread, and no code of ours has to run at that moment. */
#include "internal.h"
#include "lifeline.h"
#include "linux_abi.h"
#include "spawn.h"
#include "syscalls.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* The owner and the signal belong to the open file description: each child needs one of its own, and only opening anew makes it.
 * The parent does that, because the first look into /proc of a fresh process costs more than one more in an old one.
 * O_NONBLOCK, which a mere duplicate has not, tells the child that it got one. */
int mplat_lifeline_open(int read_end) {
    char path[40];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", read_end);
    int own = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return own >= 0 ? own : mplat_sys.duplicate(read_end);
}

int mplat_lifeline_arm_fasync(void) {
    int flags = fcntl(MPLAT_LIFELINE_FD, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK) == 0)
        return -1;
    if (fcntl(MPLAT_LIFELINE_FD, F_SETOWN, getpid()) != 0 || fcntl(MPLAT_LIFELINE_FD, F_SETSIG, SIGKILL) != 0 ||
        fcntl(MPLAT_LIFELINE_FD, F_SETFL, O_ASYNC | O_NONBLOCK) != 0) {
        (void)fcntl(MPLAT_LIFELINE_FD, F_SETFL, 0); /* the thread's read is to wait */
        return -1;
    }
    /* The parent may have ended before: then there is no change any more to be told of. */
    struct pollfd ended = {.fd = MPLAT_LIFELINE_FD, .events = POLLIN, .revents = 0};
    if (poll(&ended, 1, 0) > 0)
        kill(getpid(), SIGKILL);
    return 0;
}

int mplat_lifeline_arm(void) {
    /* Without /proc, or under an emulator that knows no F_SETSIG, by a thread. */
    return mplat_lifeline_arm_fasync() == 0 || mplat_lifeline_arm_thread() == 0 ? 0 : mplat_fail(errno, "arm lifeline");
}
