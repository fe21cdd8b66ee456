/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h: what several files of the POSIX backend need: failures, deadlines, small threads. Not for other
 * folders. */
#ifndef MPLAT_POSIX_INTERNAL_H
#define MPLAT_POSIX_INTERNAL_H

#include "platform/platform.h"

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

/* mplat_fail records {os_code, step} for the calling thread and returns the MPLAT_E… code that os_code means. */
int mplat_fail(int os_code, const char *step);

/* mplat_fail_as does so with a code of the caller's choice; os_code is 0 where the system gave none. */
int mplat_fail_as(int err, int os_code, const char *step);

#define MPLAT_NO_DEADLINE INT64_MAX

/* mplat_deadline_ns and _ms turn a timeout into a point on mplat_clock_ns; MPLAT_NO_DEADLINE for a negative one. */
int64_t mplat_deadline_ns(int64_t timeout_ns);
int64_t mplat_deadline_ms(int64_t timeout_ms);

/* mplat_remaining_ns is what is left until deadline: never negative, except -1 for MPLAT_NO_DEADLINE. */
int64_t mplat_remaining_ns(int64_t deadline);

/* mplat_poll is poll until a deadline that no signal cuts short. It returns how many are ready, 0 after the
 * deadline, -1 with errno. */
int mplat_poll(struct pollfd *fds, nfds_t count, int64_t deadline);

/* mplat_poll_one waits for events on one descriptor: 0, MPLAT_ETIMEDOUT, or another error. */
int mplat_poll_one(int fd, short events, int64_t deadline, const char *step);

/* mplat_fd is a handle's descriptor; -1, which every system call refuses, when it cannot be one. */
int mplat_fd(mplat_handle_t handle);

/* mplat_close closes a descriptor, -1 included, and keeps errno. */
void mplat_close(int fd);

/* mplat_write_quietly is write without SIGPIPE, in this thread. (pipe.c) */
ssize_t mplat_write_quietly(int fd, const void *buf, size_t size);

/* mplat_read_file reads at most size bytes of a small file, such as one under /proc; -1 with errno. */
ssize_t mplat_read_file(const char *path, void *buf, size_t size);

#endif
