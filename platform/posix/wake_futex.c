/* SPDX-License-Identifier: Apache-2.0 */
/* wake_futex.c: sleeping on a word of shared memory with Linux's futexes, which need no object at all. Its
 * counterpart is wake_socket.c. */
#include "internal.h"
#include "linux_abi.h"

#include <errno.h>
#include <limits.h>

/* There is nothing to keep, so all wakes are one. */
struct mplat_wake {
    char unused;
};
static mplat_wake_t the_wake;

int mplat_wake_create(mplat_wake_t **out_wake) {
    *out_wake = &the_wake;
    return 0;
}

size_t mplat_wake_handles(const mplat_wake_t *wake, mplat_handle_t handles[MPLAT_WAKE_HANDLES_MAX]) {
    (void)wake, (void)handles;
    return 0;
}

int mplat_wake_open(const mplat_handle_t *handles, size_t count, mplat_wake_t **out_wake) {
    *out_wake = count == 0 ? &the_wake : NULL;
    for (size_t i = 0; i < count; i++)
        mplat_close(mplat_fd(handles[i]));
    return count == 0 ? 0 : mplat_fail_as(MPLAT_EMALFORMED, 0, "open wake");
}

int mplat_wake_wait(mplat_wake_t *wake, _Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns) {
    /* The old call's time is two longs, whatever the C library's struct timespec is; it counts from now. A wait
     * that has been cut short for being too long for it is one that ended for no reason. */
    struct {
        long seconds, nanoseconds;
    } span = {0, 0};
    (void)wake;
    if (timeout_ns > 0) {
        int64_t seconds = timeout_ns / 1000000000;
        span.seconds = seconds > INT_MAX ? INT_MAX : (long)seconds;
        span.nanoseconds = (long)(timeout_ns % 1000000000);
    }
    /* Not FUTEX_PRIVATE: the other side is another process. */
    if (syscall(SYS_futex, word, MPLAT_FUTEX_WAIT, expected, timeout_ns < 0 ? NULL : &span, NULL, 0) == 0)
        return 0;
    if (errno == ETIMEDOUT)
        return mplat_fail_as(MPLAT_ETIMEDOUT, 0, "futex");
    return errno == EAGAIN || errno == EINTR ? 0 : mplat_fail(errno, "futex");
}

int mplat_wake_signal(mplat_wake_t *wake, _Atomic uint32_t *word) {
    int saved = errno;
    (void)wake;
    syscall(SYS_futex, word, MPLAT_FUTEX_WAKE, 1, NULL, NULL, 0);
    errno = saved;
    return 0;
}

void mplat_wake_destroy(mplat_wake_t *wake) {
    (void)wake;
}
