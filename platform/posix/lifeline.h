/* SPDX-License-Identifier: Apache-2.0 */
/* lifeline.h: how a child learns, whatever it is doing, that its parent has ended. A pipe has one write end, which
 * only the parent holds and never writes to; when the parent ends in any way, the read end says so. */
#ifndef MPLAT_POSIX_LIFELINE_H
#define MPLAT_POSIX_LIFELINE_H

/* mplat_lifeline_for_child gives the next child its descriptor of this process's lifeline; the caller closes it once the child has
 * its own. */
int mplat_lifeline_for_child(int *out_fd);

/* mplat_lifeline_open makes such a descriptor of the read end, as mplat_lifeline_arm wants it: lifeline_fasync.c or
 * lifeline_portable.c. -1 with errno. */
int mplat_lifeline_open(int read_end);

/* mplat_lifeline_arm makes this process die when MPLAT_LIFELINE_FD, which it owns from then on, says that the
 * parent has ended; also when it has ended already. */
int mplat_lifeline_arm(void);

/* The two ways: lifeline_fasync.c (Linux) falls back to the second, lifeline_thread.c. 0, or -1 with errno. */
int mplat_lifeline_arm_fasync(void);
int mplat_lifeline_arm_thread(void);

#endif
