/* SPDX-License-Identifier: Apache-2.0 */
/* process_inbox.h: what a child tells its parent: the outcome of its task, and its crash. The child's side writes messages, the
 * parent's side checks every byte of them. Knows no process and no link. */
#ifndef MPROC_SRC_PROCESS_INBOX_H
#define MPROC_SRC_PROCESS_INBOX_H

#include "buffer.h"
#include "call.h"
#include "platform/platform.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mproc_message_type {
    MPROC_MESSAGE_OUTCOME = 1, /* with all of its bytes, or a segment that has them, or the first of them */
    MPROC_MESSAGE_PART,        /* more bytes of an outcome that came without a segment */
    MPROC_MESSAGE_CRASH,       /* an mplat_crash_t */
    MPROC_MESSAGE_BEGUN        /* the child has come to mproc_init and knows its task: sent before that runs */
} mproc_message_type_t;

/* Both processes run one executable, so it is written as it stands in memory. */
typedef struct mproc_message_header {
    uint32_t type;
    uint32_t kind; /* OUTCOME: mproc_outcome_kind_t; else 0 */
    uint64_t size; /* OUTCOME: bytes in all; PART and CRASH: bytes in this message */
} mproc_message_header_t;

/* A message up to this never blocks its sender, so larger outcomes travel in a segment. */
#define MPROC_MESSAGE_SMALL 4096

/* Bytes in every part of an outcome but the last: it does not take more messages than its size is worth. */
#define MPROC_PART_SIZE ((size_t)32768)

/* A failed task's report is no larger; the child cuts one that would be. */
#define MPROC_REPORT_SIZE_MAX ((size_t)1 << 20)

/* What has come from one child. All zero at first, but for max_size. */
typedef struct mproc_inbox {
    size_t
        max_size; /* of values.max_size: the child does not decide how much memory a result takes here; 0: the default */
    bool begun;   /* a message has come, or was lost: without any the child's program never called mproc_init */
    bool has_outcome; /* the whole of it */
    mproc_outcome_kind_t kind;
    uint64_t size;  /* of the outcome as announced */
    bool gathering; /* some parts are missing */
    uint64_t parts; /* that have come */
    mproc_buffer_t data;
    mplat_segment_t *segment;
    mplat_crash_t *crash; /* NULL: none */
    bool closed;          /* nothing more is read */
    bool malformed;       /* something came that no mproc sends: nothing is read any more */
    bool no_memory;       /* an outcome came for which there was no room ... */
    bool no_handles;      /* ... or no handle free */
    bool too_big;         /* an outcome was announced that is above max_size: none of it is taken */
} mproc_inbox_t;

/* mproc_inbox_take takes one message and all handles that came with it. Whatever is wrong with it is noted in the inbox. */
void mproc_inbox_take(mproc_inbox_t *inbox, const void *data, size_t size, mplat_handle_t *handles,
                      size_t handle_count);

/* mproc_inbox_outcome is the complete outcome; false while there is none. Its bytes belong to the inbox. */
bool mproc_inbox_outcome(const mproc_inbox_t *inbox, mproc_outcome_t *out_outcome);

/* mproc_inbox_max_size is max_size, or its default. */
size_t mproc_inbox_max_size(const mproc_inbox_t *inbox);

void mproc_inbox_fini(mproc_inbox_t *inbox);

#endif
