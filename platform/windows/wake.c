/* SPDX-License-Identifier: Apache-2.0 */
/* wake.c: sleeping on a word of shared memory. The system has no futex between processes, so that each wake has an
 * event. */
#include "syscalls.h"
#include "system.h"

#include <stdlib.h>

struct mplat_wake {
    HANDLE
    event; /* auto-reset: a signal that comes before the sleep ends it at once, and an old one costs one look more */
};

int mplat_wake_create(mplat_wake_t **out_wake) {
    *out_wake = NULL;
    mplat_handle_t event = (mplat_handle_t)mplat_sys.CreateEventW(NULL, FALSE, FALSE, NULL);
    return event != 0 ? mplat_wake_open(&event, 1, out_wake) : mplat_fail_last("CreateEvent");
}

size_t mplat_wake_handles(const mplat_wake_t *wake, mplat_handle_t handles[MPLAT_WAKE_HANDLES_MAX]) {
    handles[0] = (mplat_handle_t)wake->event;
    return 1;
}

int mplat_wake_open(const mplat_handle_t *handles, size_t count, mplat_wake_t **out_wake) {
    mplat_wake_t *wake = NULL;
    int err = 0;
    *out_wake = NULL;
    if (count != 1 || !mplat_is_handle((HANDLE)handles[0])) {
        err = mplat_fail(MPLAT_EINVAL, "open wake");
        goto done;
    }
    wake = mplat_sys.calloc(1, sizeof *wake);
    if (wake == NULL) {
        err = mplat_fail(MPLAT_ENOMEM, "open wake");
        goto done;
    }
    wake->event = (HANDLE)handles[0];
    *out_wake = wake;
done:
    for (size_t i = 0; err != 0 && i < count; i++) {
        mplat_handle_t owned = handles[i];
        mplat_handle_close(&owned);
    }
    return err;
}

int mplat_wake_wait(mplat_wake_t *wake, _Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns) {
    if (atomic_load(word) != expected)
        return 0;
    return mplat_wait_object(wake->event, mplat_deadline_in_ns(timeout_ns));
}

int mplat_wake_signal(mplat_wake_t *wake, _Atomic uint32_t *word) {
    (void)word;
    return SetEvent(wake->event) ? 0 : mplat_fail_last("SetEvent");
}

void mplat_wake_destroy(mplat_wake_t *wake) {
    if (wake == NULL)
        return;
    mplat_close(&wake->event);
    free(wake);
}

void mplat_cpu_relax(void) {
    YieldProcessor();
}

void mplat_thread_yield(void) {
    SwitchToThread();
}
