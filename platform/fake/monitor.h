/* SPDX-License-Identifier: Apache-2.0 */
/* monitor.h: the one lock of the fake platform, and how a thread sleeps until somebody changed something. The only part of it
 * that knows the real system. */
#ifndef MPLAT_FAKE_MONITOR_H
#define MPLAT_FAKE_MONITOR_H

void monitor_enter(void);
void monitor_leave(void);

/* monitor_sleep leaves, sleeps until monitor_changed (or for no reason), and enters again. */
void monitor_sleep(void);
void monitor_changed(void);

#endif
