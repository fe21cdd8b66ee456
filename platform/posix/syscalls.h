/* SPDX-License-Identifier: Apache-2.0 */
/* syscalls.h: the system calls that can fail for want of something, behind a table, so that a test can make the
 * n-th one fail. Calls between fork and exec and in signal handlers do not go through it; nor do those that cannot
 * fail. */
#ifndef MPLAT_POSIX_SYSCALLS_H
#define MPLAT_POSIX_SYSCALLS_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>

struct mplat_spawn_plan;

/* X(type, name, parameters, arguments, value that means failure); a failed call sets errno. Every descriptor they
 * make is closed by exec. */
#define MPLAT_SYSCALLS(X)                                                                                              \
    X(void *, allocate, (size_t size), (size), NULL)                                                                   \
    X(int, open, (const char *path, int flags), (path, flags), -1)                                                     \
    X(int, duplicate, (int fd), (fd), -1)                                                                              \
    X(int, pipe, (int fds[2]), (fds), -1)                                                                              \
    X(int, socket_pair, (int fds[2]), (fds), -1)                                                                       \
    X(int, poll, (struct pollfd * fds, nfds_t count, int64_t timeout_ns), (fds, count, timeout_ns), -1)                \
    X(ssize_t, read, (int fd, void *buf, size_t size), (fd, buf, size), -1)                                            \
    X(ssize_t, write, (int fd, const void *buf, size_t size), (fd, buf, size), -1)                                     \
    X(ssize_t, send_message, (int fd, const struct msghdr *message), (fd, message), -1)                                \
    X(ssize_t, receive_message, (int fd, struct msghdr *message), (fd, message), -1)                                   \
    X(int, memory_create, (void), (), -1)                                                                              \
    X(int, memory_resize, (int fd, off_t size), (fd, size), -1)                                                        \
    X(void *, map, (int fd, size_t size), (fd, size), MAP_FAILED)                                                      \
    X(int, thread_start, (void *(*run)(void *), void *argument, size_t stack), (run, argument, stack), -1)             \
    X(pid_t, process_start, (const struct mplat_spawn_plan *plan, int *out_pidfd, int32_t *out_failed_step),           \
      (plan, out_pidfd, out_failed_step), -1)                                                                          \
    X(int, event_create, (void), (), -1)                                                                               \
    X(int, epoll_create, (void), (), -1)                                                                               \
    X(int, epoll_add, (int epoll, int fd, uint32_t events, uint64_t key), (epoll, fd, events, key), -1)

typedef struct mplat_syscalls {
#define X(type, name, parameters, arguments, failure) type(*name) parameters;
    MPLAT_SYSCALLS(X)
#undef X
} mplat_syscalls_t;

/* The table in use. A test copies it, replaces members while no other thread is in the library, and puts the copy
 * back. */
extern mplat_syscalls_t mplat_sys;

/* What each system does in its own way: os_linux.c or os_portable.c. The last four are Linux's alone: ENOSYS
 * elsewhere. */
int mplat_os_pipe(int fds[2]);
int mplat_os_socket_pair(int fds[2]);
int mplat_os_poll(struct pollfd *fds, nfds_t count, int64_t timeout_ns);
ssize_t mplat_os_receive_message(int fd, struct msghdr *message);
int mplat_os_memory_create(void);
int mplat_os_random(void *buf, size_t size);
int mplat_os_reopen(int fd, int flags);
int mplat_os_event_create(void);
int mplat_os_epoll_create(void);
int mplat_os_epoll_add(int epoll, int fd, uint32_t events, uint64_t key);

/* mplat_above_streams moves a new pair out of the numbers of standard streams: what a host that has closed these
 * prints all the same must not get into a link or a lifeline. On failure -1 with errno, and both are closed.
 * (handle.c) */
int mplat_above_streams(int fds[2]);

/* mplat_os_thread_start starts a detached thread with every signal blocked, so that none of the host's handlers
 * runs on its small stack. (threads.c) */
int mplat_os_thread_start(void *(*run)(void *), void *argument, size_t stack);

#endif
