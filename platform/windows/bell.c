/* SPDX-License-Identifier: Apache-2.0 */
/* bell.c: an event that one process sets, and that a watch of another waits for and resets. */
#include "syscalls.h"
#include "system.h"

#include <stdlib.h>

struct mplat_bell {
    HANDLE event;
};

int mplat_bell_create(mplat_bell_t **out_bell) {
    *out_bell = NULL;
    HANDLE event = mplat_sys.CreateEventW(NULL, TRUE, FALSE, NULL);
    return event != NULL ? mplat_bell_open((mplat_handle_t)event, out_bell) : mplat_fail_last("CreateEvent");
}

mplat_handle_t mplat_bell_handle(const mplat_bell_t *bell) {
    return (mplat_handle_t)bell->event;
}

int mplat_bell_open(mplat_handle_t handle, mplat_bell_t **out_bell) {
    HANDLE event = (HANDLE)handle;
    *out_bell = NULL;
    if (!mplat_is_handle(event))
        return mplat_fail(MPLAT_EINVAL, "open bell");
    mplat_bell_t *bell = mplat_sys.calloc(1, sizeof *bell);
    if (bell == NULL) {
        mplat_close(&event);
        return mplat_fail(MPLAT_ENOMEM, "open bell");
    }
    bell->event = event;
    *out_bell = bell;
    return 0;
}

int mplat_bell_ring(mplat_bell_t *bell) {
    return SetEvent(bell->event) ? 0 : mplat_fail_last("SetEvent");
}

void mplat_bell_destroy(mplat_bell_t *bell) {
    if (bell == NULL)
        return;
    mplat_close(&bell->event);
    free(bell);
}
