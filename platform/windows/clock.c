/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c: the monotonic and the wall clock, sleeping, and deadlines for the backend's waits. */
#include "system.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

int64_t mplat_clock_ns(void) {
    LARGE_INTEGER frequency, count;
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&count);
    /* count * NS_PER_S would overflow after 15 minutes at 10 MHz. */
    int64_t seconds = count.QuadPart / frequency.QuadPart;
    int64_t rest = count.QuadPart % frequency.QuadPart;
    return seconds * NS_PER_S + rest * NS_PER_S / frequency.QuadPart;
}

int64_t mplat_wall_ns(void) {
    const int64_t unix_epoch = INT64_C(116444736000000000); /* 1970 in units of 100 ns since 1601 */
    FILETIME now;
    GetSystemTimePreciseAsFileTime(&now);
    return ((int64_t)((uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime) - unix_epoch) * 100;
}

void mplat_sleep_ms(int64_t ms) {
    mplat_deadline_t deadline = mplat_deadline_in_ms(ms < 0 ? 0 : ms);
    for (DWORD left = mplat_deadline_left(deadline); left > 0; left = mplat_deadline_left(deadline))
        Sleep(left);
}

mplat_deadline_t mplat_deadline_in_ns(int64_t timeout_ns) {
    int64_t now = mplat_clock_ns();
    return timeout_ns < 0 || timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
}

mplat_deadline_t mplat_deadline_in_ms(int64_t timeout_ms) {
    return timeout_ms < 0 || timeout_ms > INT64_MAX / NS_PER_MS ? INT64_MAX
                                                                : mplat_deadline_in_ns(timeout_ms * NS_PER_MS);
}

DWORD mplat_deadline_left(mplat_deadline_t deadline) {
    const int64_t longest_ms = INT32_MAX;
    if (deadline == INT64_MAX)
        return INFINITE;
    int64_t left_ns = deadline - mplat_clock_ns();
    if (left_ns <= 0)
        return 0;
    int64_t left_ms = left_ns / NS_PER_MS + (left_ns % NS_PER_MS != 0);
    return (DWORD)(left_ms < longest_ms ? left_ms : longest_ms);
}

int mplat_wait_object(HANDLE object, mplat_deadline_t deadline) {
    for (;;) {
        DWORD left = mplat_deadline_left(deadline);
        DWORD result = WaitForSingleObject(object, left);
        if (result == WAIT_OBJECT_0)
            return 0;
        if (result == WAIT_FAILED)
            return mplat_fail_last("WaitForSingleObject");
        if (left == 0)
            return mplat_fail(MPLAT_ETIMEDOUT, "wait");
    }
}
