/* SPDX-License-Identifier: Apache-2.0 */
/* os_linux.c: system calls that Linux does better than POSIX.1-2008 asks. Its counterpart is os_portable.c. */
#include "linux_abi.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

int mplat_os_pipe(int fds[2]) {
    return pipe2(fds, O_CLOEXEC) != 0 ? -1 : mplat_above_streams(fds);
}

int mplat_os_socket_pair(int fds[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0 ? -1 : mplat_above_streams(fds);
}

int mplat_os_poll(struct pollfd *fds, nfds_t count, int64_t timeout_ns) {
    struct timespec timeout = {(time_t)(timeout_ns / 1000000000), (long)(timeout_ns % 1000000000)};
    return ppoll(fds, count, timeout_ns < 0 ? NULL : &timeout, NULL);
}

ssize_t mplat_os_receive_message(int fd, struct msghdr *message) {
    return recvmsg(fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
}

int mplat_os_memory_create(void) {
    /* By number: musl before 1.1.20 and glibc before 2.27 have no function for it. */
    return (int)syscall(SYS_memfd_create, "mproc", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

int mplat_os_random(void *buf, size_t size) {
    char *at = buf;
    while (size > 0) {
        long got = syscall(SYS_getrandom, at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

int mplat_os_reopen(int fd, int flags) {
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return mplat_sys.open(path, flags);
}

int mplat_os_event_create(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int mplat_os_epoll_create(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

int mplat_os_epoll_add(int epoll, int fd, uint32_t events, uint64_t key) {
    struct epoll_event event = {.events = events, .data = {.u64 = key}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}
