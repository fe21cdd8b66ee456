/* SPDX-License-Identifier: Apache-2.0 */
/* child_output.h: a child's result on its way to the parent: where a task writes it, and how it is sent. */
#ifndef MPROC_SRC_CHILD_OUTPUT_H
#define MPROC_SRC_CHILD_OUTPUT_H

#include "buffer.h"
#include "call.h"
#include "platform/platform.h"

/* Room for one result: a small one on the heap, a large one in a segment, which is then sent without a copy. */
typedef struct mproc_child_room {
    mproc_buffer_source_t source;
    void *heap;
    mplat_segment_t *segment;
} mproc_child_room_t;

void mproc_child_room_init(mproc_child_room_t *room);
void mproc_child_room_fini(mproc_child_room_t *room);

/* mproc_child_send_outcome sends an outcome in as few messages as the system allows. room is where its data may be, or NULL.
 * Many messages need a parent that takes them while it waits: false, and nothing is sent, when it would take them and awaited
 * is not set. A parent that is gone is not told, and that is no error here. */
bool mproc_child_send_outcome(mplat_link_t *link, const mproc_outcome_t *outcome, const mproc_child_room_t *room,
                              bool awaited);

#endif
