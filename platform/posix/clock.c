/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c: clocks, deadlines, sleeping, and the waits that a signal does not cut short. */
#include "internal.h"
#include "syscalls.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

static int64_t read_clock(clockid_t id) {
    struct timespec now = {0, 0};
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t mplat_clock_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t mplat_wall_ns(void) {
    return read_clock(CLOCK_REALTIME);
}

void mplat_sleep_ms(int64_t ms) {
    int64_t deadline = mplat_deadline_ms(ms < 0 ? 0 : ms);
    for (int64_t left; (left = mplat_remaining_ns(deadline)) != 0;) {
        /* A day at a time: no system refuses that many seconds, and -1 (for ever) comes back here. */
        if (left < 0 || left > (int64_t)86400 * 1000000000)
            left = (int64_t)86400 * 1000000000;
        struct timespec span = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
        nanosleep(&span, NULL);
    }
}

int64_t mplat_deadline_ns(int64_t timeout_ns) {
    if (timeout_ns < 0)
        return MPLAT_NO_DEADLINE;
    int64_t now = mplat_clock_ns();
    return timeout_ns >= MPLAT_NO_DEADLINE - now ? MPLAT_NO_DEADLINE : now + timeout_ns;
}

int64_t mplat_deadline_ms(int64_t timeout_ms) {
    return mplat_deadline_ns(timeout_ms > INT64_MAX / 1000000 ? INT64_MAX : timeout_ms * 1000000);
}

int64_t mplat_remaining_ns(int64_t deadline) {
    if (deadline == MPLAT_NO_DEADLINE)
        return -1;
    int64_t left = deadline - mplat_clock_ns();
    return left > 0 ? left : 0;
}

int mplat_poll(struct pollfd *fds, nfds_t count, int64_t deadline) {
    for (;;) {
        int64_t left = mplat_remaining_ns(deadline);
        int ready = mplat_sys.poll(fds, count, left);
        if (ready > 0 || (ready == 0 && left >= 0 && mplat_remaining_ns(deadline) == 0))
            return ready;
        if (ready < 0 && errno != EINTR && errno != EAGAIN)
            return ready;
    }
}

int mplat_poll_one(int fd, short events, int64_t deadline, const char *step) {
    struct pollfd one = {.fd = fd, .events = events, .revents = 0};
    int ready = mplat_poll(&one, 1, deadline);
    if (ready < 0)
        return mplat_fail(errno, step);
    if (ready == 0)
        return mplat_fail_as(MPLAT_ETIMEDOUT, 0, step);
    return (one.revents & POLLNVAL) != 0 ? mplat_fail(EBADF, step) : 0;
}

void mplat_thread_yield(void) {
    sched_yield();
}
