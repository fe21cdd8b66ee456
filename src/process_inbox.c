/* SPDX-License-Identifier: Apache-2.0 */
/* process_inbox.c: the parent's side of a child's messages. It trusts none of them. */
#include "process_inbox.h"

#include "memory.h"
#include "scan.h"

#include <string.h>

/* The outcome came, but not into memory: what follows of it is dropped. */
static bool is_dropped(const mproc_inbox_t *inbox) {
    return inbox->no_memory || inbox->too_big;
}

size_t mproc_inbox_max_size(const mproc_inbox_t *inbox) {
    return mproc_limits_complete(&(mproc_value_limits_t){.max_size = inbox->max_size}).max_size;
}

static void take_all(mproc_inbox_t *inbox, const unsigned char *bytes, size_t size) {
    if (!mproc_buffer_append(&inbox->data, bytes, size))
        inbox->no_memory = true;
    inbox->gathering = inbox->data.size < inbox->size && !inbox->no_memory;
    inbox->has_outcome = !inbox->gathering && !inbox->no_memory;
}

static void take_outcome(mproc_inbox_t *inbox, const mproc_message_header_t *header, const unsigned char *bytes,
                         size_t size, mplat_handle_t *handles, size_t handle_count) {
    bool again = inbox->has_outcome || inbox->gathering || is_dropped(inbox);
    bool in_segment = handle_count == 1 && size == 0 && header->size > 0 && header->size <= SIZE_MAX;
    if (again || header->kind > MPROC_OUTCOME_FAILED || size > header->size || (handle_count > 0 && !in_segment)) {
        inbox->malformed = true;
        return;
    }
    inbox->kind = (mproc_outcome_kind_t)header->kind;
    inbox->size = header->size;
    inbox->too_big =
        header->size > (header->kind == MPROC_OUTCOME_FAILED ? MPROC_REPORT_SIZE_MAX : mproc_inbox_max_size(inbox));
    if (inbox->too_big)
        return;
    if (!in_segment) {
        mproc_buffer_init(&inbox->data, NULL);
        take_all(inbox, bytes, size);
        return;
    }
    mplat_handle_t handle = handles[0];
    handles[0] = MPLAT_NO_HANDLE;
    int err = mplat_segment_open(handle, (size_t)header->size, &inbox->segment);
    inbox->malformed = err == MPLAT_EMALFORMED;
    inbox->no_memory = err != 0 && !inbox->malformed;
    inbox->has_outcome = err == 0;
}

static void take_part(mproc_inbox_t *inbox, const unsigned char *bytes, size_t size) {
    /* The first piece came with the outcome itself, and the last may be short. */
    if (++inbox->parts > inbox->size / MPROC_PART_SIZE + 2)
        inbox->malformed = true;
    if (inbox->malformed || is_dropped(inbox))
        return;
    if (!inbox->gathering || size == 0 || size > inbox->size - inbox->data.size) {
        inbox->malformed = true;
        return;
    }
    take_all(inbox, bytes, size);
}

static void take_crash(mproc_inbox_t *inbox, const unsigned char *bytes, size_t size) {
    if (inbox->crash != NULL || size != sizeof *inbox->crash) {
        inbox->malformed = true;
        return;
    }
    inbox->crash = mproc_alloc(sizeof *inbox->crash);
    if (inbox->crash != NULL)
        memcpy(inbox->crash, bytes, size);
}

void mproc_inbox_take(mproc_inbox_t *inbox, const void *data, size_t size, mplat_handle_t *handles,
                      size_t handle_count) {
    mproc_message_header_t header = {0};
    const unsigned char *bytes = data;
    bool first = !inbox->begun;
    inbox->begun = true;
    if (inbox->malformed || size < sizeof header) {
        inbox->malformed = true;
        goto done;
    }
    memcpy(&header, bytes, sizeof header);
    bytes += sizeof header;
    size -= sizeof header;
    bool plain = handle_count == 0 && header.kind == 0 && header.size == size;
    if (header.type == MPROC_MESSAGE_OUTCOME)
        take_outcome(inbox, &header, bytes, size, handles, handle_count);
    else if (header.type == MPROC_MESSAGE_PART && plain)
        take_part(inbox, bytes, size);
    else if (header.type == MPROC_MESSAGE_CRASH && plain)
        take_crash(inbox, bytes, size);
    else if (header.type != MPROC_MESSAGE_BEGUN || !plain || size > 0 || !first)
        inbox->malformed = true; /* also who begins again and again: there must be an end to what a child sends */

done:
    for (size_t i = 0; i < handle_count; i++)
        mplat_handle_close(&handles[i]);
}

bool mproc_inbox_outcome(const mproc_inbox_t *inbox, mproc_outcome_t *out_outcome) {
    *out_outcome = (mproc_outcome_t){.kind = MPROC_OUTCOME_NOTHING};
    if (!inbox->has_outcome)
        return false;
    out_outcome->kind = inbox->kind;
    out_outcome->size = (size_t)inbox->size;
    out_outcome->data = inbox->segment != NULL ? mplat_segment_base(inbox->segment) : inbox->data.data;
    return true;
}

void mproc_inbox_fini(mproc_inbox_t *inbox) {
    mproc_buffer_fini(&inbox->data);
    mplat_segment_destroy(inbox->segment);
    mproc_free(inbox->crash);
    *inbox = (mproc_inbox_t){.kind = MPROC_OUTCOME_NOTHING};
}
