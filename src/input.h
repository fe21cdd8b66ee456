/* SPDX-License-Identifier: Apache-2.0 */
/* input.h: what a user gives to a task, made ready to be sent: encoded arguments of one call, and the items of a map. It knows
 * nothing of pools. */
#ifndef MPROC_SRC_INPUT_H
#define MPROC_SRC_INPUT_H

#include <mproc/pool.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* ---- one call --------------------------------------------------------------------------------------------------------- */

#define MPROC_SCRATCH_SIZE 1024u

/* Encoded arguments on the stack while they are small. */
typedef struct mproc_scratch {
    mproc_buffer_t buffer;
    mproc_buffer_source_t source;
    void *heap; /* NULL while room is enough */
    _Alignas(16) unsigned char room[MPROC_SCRATCH_SIZE];
} mproc_scratch_t;

/* mproc_scratch_encode encodes args (NULL: nothing). Errors of mproc_encode_args. fini in any case. */
int mproc_scratch_encode(mproc_scratch_t *scratch, const mproc_args_t *args);
void mproc_scratch_fini(mproc_scratch_t *scratch);

/* ---- many items ------------------------------------------------------------------------------------------------------- */

/* The items of a map. Argument lists are encoded one after the other, each behind its uint32_t size. */
typedef struct mproc_source {
    mproc_input_kind_t kind;
    bool star;     /* items are whole argument lists */
    int64_t count; /* INT64_MAX: known at the end only */
    const unsigned char *items;
    size_t item_size;
    unsigned char *lists; /* ours */
    size_t lists_size;
    size_t at; /* in lists: the next one */
    mproc_pull_t *pull;
    void *context;
} mproc_source_t;

/* mproc_source_open checks an input and encodes argument lists. MPROC_EINVAL names what is wrong; errors of
 * mproc_encode_args. Nothing is left behind then. */
int mproc_source_open(mproc_source_t *source, const mproc_input_t *input, bool star);

/* mproc_source_pull pulls items from index on and appends their lists to buffer, at most count. *out_count is how many came;
 * MPROC_OK, MPROC_EEND, or the error of the pull function or of its arguments, which comes after those. */
int mproc_source_pull(const mproc_source_t *source, int64_t index, size_t count, mproc_buffer_t *buffer,
                      size_t *out_count);

/* mproc_list_span is the size of the first count lists at data, which are whole. */
size_t mproc_list_span(const unsigned char *data, size_t count);

void mproc_source_fini(mproc_source_t *source);

#endif
