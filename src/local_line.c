/* SPDX-License-Identifier: Apache-2.0 */
/* local_line.c: the memory, bell and wakes that a pool shares with one worker process. */
#include "local.h"
#include "memory.h"

#define SEND_TIMEOUT_MS 10000

int mproc_line_create(mproc_line_t **out_line) {
    mproc_line_t *line = mproc_alloc_zero(1, sizeof *line);
    *out_line = NULL;
    if (line == NULL)
        return mproc_fail_memory("a worker");
    int err = mplat_segment_create(sizeof(mproc_channel_t), &line->memory);
    if (err == MPLAT_OK)
        err = mplat_bell_create(&line->bell);
    if (err == MPLAT_OK)
        err = mplat_wake_create(&line->worker_wake);
    if (err == MPLAT_OK)
        err = mplat_wake_create(&line->direct_wake);
    if (err != MPLAT_OK) {
        mproc_line_destroy(line);
        return mproc_fail_platform(err, "Cannot make a worker's channel");
    }
    line->channel = mplat_segment_base(line->memory);
    atomic_store(&line->head, 1);
    *out_line = line;
    return MPROC_OK;
}

int mproc_line_send(mproc_line_t *line, mplat_link_t *link) {
    mplat_handle_t handles[2 + 2 * MPLAT_WAKE_HANDLES_MAX];
    mproc_channel_message_t message = {.magic = MPROC_CHANNEL_MAGIC, .size = sizeof(mproc_channel_t)};
    handles[0] = mplat_segment_handle(line->memory);
    handles[1] = mplat_bell_handle(line->bell);
    size_t wakes = mplat_wake_handles(line->worker_wake, handles + 2);
    (void)mplat_wake_handles(line->direct_wake, handles + 2 + wakes);
    message.wake_handles = (uint32_t)wakes;
    int err = mplat_link_send(link, &message, sizeof message, handles, 2 + 2 * wakes, SEND_TIMEOUT_MS);
    mplat_segment_close_handle(line->memory); /* no other process gets it */
    /* A worker that ends before it reads is seen by its end. */
    return err == MPLAT_OK || err == MPLAT_ECLOSED ? MPROC_OK
                                                   : mproc_fail_platform(err, "Cannot send a worker its channel");
}

void mproc_line_destroy(mproc_line_t *line) {
    if (line == NULL)
        return;
    mplat_wake_destroy(line->worker_wake);
    mplat_wake_destroy(line->direct_wake);
    mplat_bell_destroy(line->bell);
    mplat_segment_destroy(line->memory);
    mproc_free(line);
}
