/* SPDX-License-Identifier: Apache-2.0 */
/* value.h: received values: a tree of msgpack-c's objects in one block of memory. The reading functions are in
 * mproc/args.h. */
#ifndef MPROC_SRC_VALUE_H
#define MPROC_SRC_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include <mproc/args.h>
#include <msgpack/object.h>

#include "encode.h"

/* An array's items, and a map's keys and values by turns, lie side by side, so both are a span of values. Strings and
 * bytes end with a zero byte that does not count. */
struct mproc_value {
    msgpack_object object;
};

typedef struct mproc_tree mproc_tree_t;

/* mproc_tree_decode scans and builds a value; data may go afterwards. *tree is NULL or an earlier tree, whose memory
 * is used again where it suffices; after a failure it is NULL or an earlier tree without a value, to be destroyed as
 * ever. Errors of mproc_scan, and MPROC_ENOMEM. Should data change meanwhile (shared memory) the result is some value
 * or MPROC_EMALFORMED. */
int mproc_tree_decode(const void *data, size_t size, const mproc_value_limits_t *limits, mproc_tree_t **tree);

/* mproc_tree_root is the value; NULL for NULL and after a failed decode. */
const mproc_value_t *mproc_tree_root(const mproc_tree_t *tree);

/* mproc_tree_trim destroys a tree of more than 64 KiB, whose memory is not worth keeping for the next. */
void mproc_tree_trim(mproc_tree_t **tree);

void mproc_tree_destroy(mproc_tree_t *tree);

/* mproc_kind_name is what messages call a kind: None, bool, int, float, str, bytes, list, dict, as Python does. */
const char *mproc_kind_name(mproc_kind_t kind);

/* ---- walking a value, nested ones included, without recursion -------------------------------------------------- */

typedef struct mproc_walk_level {
    const msgpack_object *next;
    const msgpack_object *end;
} mproc_walk_level_t;

/* One level for each open array or map. 16 KiB of stack that is touched only as deep as the value is. */
typedef struct mproc_walk {
    size_t depth;
    mproc_walk_level_t levels[MPROC_DEPTH_MAX];
} mproc_walk_t;

/* mproc_walk_enter opens an array or map, whose items mproc_walk_next then gives; false beyond MPROC_DEPTH_MAX. */
bool mproc_walk_enter(mproc_walk_t *walk, const msgpack_object *container);

/* mproc_walk_next gives the next item of the innermost open container, NULL when it has no more: then leave it by
 * reducing depth. depth must not be 0. */
const msgpack_object *mproc_walk_next(mproc_walk_t *walk);

#endif
