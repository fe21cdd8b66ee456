/* SPDX-License-Identifier: Apache-2.0 */
/* encode.h: values to send become MessagePack. Reading it back is scan.h and value.h. */
#ifndef MPROC_SRC_ENCODE_H
#define MPROC_SRC_ENCODE_H

#include <mproc/args.h>

#include "buffer.h"

/* Deeper nesting is refused on both sides, whatever the limits say. */
#define MPROC_DEPTH_MAX 1024

/* mproc_encode_args appends [[positional…], {keyword: value…}]. Nothing is appended when there are no arguments (args
 * NULL or of count 0): the empty input means that. MPROC_EINVAL for a NULL or invalid string, a keyword given twice,
 * a positional value after a keyword, a keyword in a list, a value without one in a dict: the message names the
 * argument. MPROC_ETOOBIG beyond MessagePack's 2^32 - 1 bytes or items and beyond MPROC_DEPTH_MAX; MPROC_ENOMEM. The
 * buffer's content is of no use after a failure. */
int mproc_encode_args(const mproc_args_t *args, mproc_buffer_t *buffer);

/* mproc_encode_value appends one value without a keyword, such as a task's result. Errors as above. */
int mproc_encode_value(const mproc_arg_t *arg, mproc_buffer_t *buffer);

#endif
