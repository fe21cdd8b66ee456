/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests of values, calls and reports share: encoding, decoding, and memory that runs out. */
#ifndef TESTS_UNIT_CORE_SUPPORT_H
#define TESTS_UNIT_CORE_SUPPORT_H

#include <mproc/args.h>

#include "value.h"

/* encode_value and encode_args append to a fresh heap buffer; a failing encoding fails the test. */
void encode_value(mproc_arg_t arg, mproc_buffer_t *out_buffer);
void encode_args(const mproc_args_t *args, mproc_buffer_t *out_buffer);

/* send_value encodes a value and decodes it again; the caller destroys the tree. */
mproc_tree_t *send_value(mproc_arg_t arg);

/* check_repr sends a value and compares what arrives with what Python prints. */
void check_repr(mproc_arg_t arg, const char *expected);

/* check_last_error compares code and message of the thread's last error. */
void check_last_error(int code, const char *message);

/* fail_each_allocation calls attempt with its first, second, … allocation failing, until it needs no more. Each
 * time it must return MPROC_ENOMEM, MPROC_OK at the end, and leave no block behind. Returns how many allocations
 * it needs. */
unsigned fail_each_allocation(int (*attempt)(void *context), void *context);

/* copy_block copies bytes to a block of just that size, so that a sanitizer sees any access beyond it; free() it. */
void *copy_block(const void *bytes, size_t size);

#endif
