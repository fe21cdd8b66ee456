/* SPDX-License-Identifier: Apache-2.0 */
/* os_portable.c: the same calls as os_linux.c with POSIX.1-2008 alone. A descriptor is for a moment without its
 * close-on-exec flag here: a child of ours closes it anyway, a program that the host starts by itself at that
 * moment may keep it. */
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int set_cloexec(int fds[2]) {
    for (int i = 0; i < 2; i++)
        if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) != 0) {
            int saved = errno;
            close(fds[0]);
            close(fds[1]);
            errno = saved;
            return -1;
        }
    return 0;
}

int mplat_os_pipe(int fds[2]) {
    return pipe(fds) != 0 || set_cloexec(fds) != 0 ? -1 : mplat_above_streams(fds);
}

int mplat_os_socket_pair(int fds[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0 || set_cloexec(fds) != 0 ? -1 : mplat_above_streams(fds);
}

int mplat_os_poll(struct pollfd *fds, nfds_t count, int64_t timeout_ns) {
    /* Rounded up: a wait may end late, never early. */
    int64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 > 0 ? 1 : 0);
    return poll(fds, count, timeout_ns < 0 ? -1 : ms > INT_MAX ? INT_MAX : (int)ms);
}

ssize_t mplat_os_receive_message(int fd, struct msghdr *message) {
    return recvmsg(fd, message, MSG_DONTWAIT);
}

int mplat_os_memory_create(void) {
    /* The name is there only between the two calls, and nobody can guess it: O_EXCL refuses one that is. */
    uint64_t number;
    char name[32];
    if (mplat_os_random(&number, sizeof number) != 0)
        return -1;
    snprintf(name, sizeof name, "/mproc-%016llx", (unsigned long long)number);
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    if (fd >= 0)
        shm_unlink(name);
    return fd;
}

int mplat_os_random(void *buf, size_t size) {
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    char *at = buf;
    while (fd >= 0 && size > 0) {
        ssize_t got = read(fd, at, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        at += got;
        size -= (size_t)got;
    }
    int saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return fd >= 0 && size == 0 ? 0 : -1;
}

int mplat_os_reopen(int fd, int flags) {
    (void)fd, (void)flags;
    errno = ENOSYS;
    return -1;
}

int mplat_os_event_create(void) {
    errno = ENOSYS;
    return -1;
}

int mplat_os_epoll_create(void) {
    errno = ENOSYS;
    return -1;
}

int mplat_os_epoll_add(int epoll, int fd, uint32_t events, uint64_t key) {
    (void)epoll, (void)fd, (void)events, (void)key;
    errno = ENOSYS;
    return -1;
}
