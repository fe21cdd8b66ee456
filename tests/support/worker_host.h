/* SPDX-License-Identifier: Apache-2.0 */
/* What a pool's worker does to itself in tests, beside what process_host.h has: worker_host_posix.c and worker_host_windows.c
 * answer it. */
#ifndef TESTS_SUPPORT_WORKER_HOST_H
#define TESTS_SUPPORT_WORKER_HOST_H

/* host_stop_self stops this process as it stands: SIGSTOP; its thread is suspended on Windows. */
void host_stop_self(void);

/* host_close_everything closes every handle of this process, whoever opened it. */
void host_close_everything(void);

#endif
