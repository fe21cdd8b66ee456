/* SPDX-License-Identifier: Apache-2.0 */
/* syscalls.c: the table of system calls as the library starts with it. */
#include "syscalls.h"

#include "segment.h"
#include "spawn.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void *sys_allocate(size_t size) {
    return calloc(1, size);
}

static int sys_open(const char *path, int flags) {
    return open(path, flags | O_CLOEXEC);
}

static int sys_duplicate(int fd) {
    return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static ssize_t sys_send_message(int fd, const struct msghdr *message) {
    return sendmsg(fd, message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void *sys_map(int fd, size_t size) {
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

mplat_syscalls_t mplat_sys = {
    .allocate = sys_allocate,
    .open = sys_open,
    .duplicate = sys_duplicate,
    .pipe = mplat_os_pipe,
    .socket_pair = mplat_os_socket_pair,
    .poll = mplat_os_poll,
    .read = read,
    .write = write,
    .send_message = sys_send_message,
    .receive_message = mplat_os_receive_message,
    .memory_create = mplat_os_memory_create,
    .memory_resize = mplat_memory_resize,
    .map = sys_map,
    .thread_start = mplat_os_thread_start,
    .process_start = mplat_os_process_start,
    .event_create = mplat_os_event_create,
    .epoll_create = mplat_os_epoll_create,
    .epoll_add = mplat_os_epoll_add,
};
