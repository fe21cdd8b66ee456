/* SPDX-License-Identifier: Apache-2.0 */
/* core_store.h: what the items of a map gave, kept by index: results as records where they arrived, failures as ranges with one
 * report. It knows neither queue nor backend. */
#ifndef MPROC_SRC_CORE_STORE_H
#define MPROC_SRC_CORE_STORE_H

#include <mproc/pool.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"

/* Records of one reply, in memory of their own or of the backend. */
typedef struct mproc_block {
    struct mproc_block *next; /* in a store */
    uint32_t references;
    mproc_hold_t *hold;        /* NULL: the records follow this struct */
    const unsigned char *data; /* the first record */
} mproc_block_t;

/* mproc_block_create takes a reply's records, or makes the one record of a CALL; it owns the reply's hold from then on, also
 * without memory, when it returns NULL. One reference. */
mproc_block_t *mproc_block_create(const mproc_work_t *work, const mproc_reply_t *reply);
void mproc_block_release(mproc_block_t *block); /* NULL does nothing */

static inline const mproc_record_t *mproc_record_next(const mproc_record_t *record) {
    size_t size = (sizeof *record + (size_t)record->size + 15) & ~(size_t)15;
    return (const mproc_record_t *)(const void *)((const unsigned char *)record + size);
}

/* Items that failed for one reason. */
typedef struct mproc_failure {
    int64_t first, count;
    int code;
    mproc_report_t *report; /* NULL: there was no memory for it */
} mproc_failure_t;

typedef enum mproc_store_kind {
    MPROC_STORE_NONE,  /* only failures are kept */
    MPROC_STORE_ARRAY, /* results are in the user's array; here, which are there */
    MPROC_STORE_RECORDS
} mproc_store_kind_t;

typedef struct mproc_store {
    mproc_store_kind_t kind;
    const mproc_record_t **records; /* by item; NULL: not done, or failed */
    size_t capacity;                /* of records */
    mproc_tree_t **trees;           /* decoded values, made when the first is asked for */
    size_t tree_count;
    uint64_t *done; /* ARRAY: a bit for each item */
    mproc_output_t output;
    mproc_block_t *blocks;
    mproc_failure_t *failures; /* in order of items */
    size_t failure_count, failure_capacity;
} mproc_store_t;

/* mproc_store_init prepares for count items (INT64_MAX: more as they come). MPROC_ENOMEM. */
int mproc_store_init(mproc_store_t *store, mproc_store_kind_t kind, int64_t count, const mproc_output_t *output);

/* mproc_store_take keeps the first `reply->succeeded` items of a work that the backend gave back. MPROC_ENOMEM: nothing of it is
 * kept. The reply's hold is the store's in any case. */
int mproc_store_take(mproc_store_t *store, const mproc_work_t *work, const mproc_reply_t *reply);

/* mproc_store_fail notes failed items. Without memory they are failed items of which nothing is known. */
void mproc_store_fail(mproc_store_t *store, int64_t first, int64_t count, int code, const mproc_error_t *error);

/* mproc_store_find is the failure of an item, NULL for none. */
const mproc_failure_t *mproc_store_find(const mproc_store_t *store, int64_t index);

/* mproc_store_item fills in *out_item for an item that is done; false when it is not. final: all are done. *out_record is not NULL
 * when its value is still to be decoded (mproc_record_item), which needs no lock: the record stays as long as the store. */
bool mproc_store_item(const mproc_store_t *store, int64_t index, bool final, mproc_item_t *out_item,
                      const mproc_record_t **out_record);

/* mproc_store_keep keeps what an item was decoded to, and sets *tree to NULL; or puts what another thread has decoded it to into
 * *out_item, and leaves *tree to the caller. */
void mproc_store_keep(mproc_store_t *store, int64_t index, mproc_tree_t **tree, mproc_item_t *out_item);

/* mproc_record_item fills in *out_item from a record, decoding into *tree. */
void mproc_record_item(const mproc_record_t *record, const mproc_value_limits_t *values, mproc_tree_t **tree,
                       mproc_item_t *out_item);

/* mproc_failure_item fills in *out_item from a code and a report (may be NULL). */
void mproc_failure_item(int code, const mproc_report_t *report, mproc_item_t *out_item);

/* mproc_report_copy makes a report on the heap; NULL without memory. mproc_report_free accepts NULL. */
mproc_report_t *mproc_report_copy(const mproc_error_t *error);
void mproc_report_free(mproc_report_t *report);

void mproc_store_fini(mproc_store_t *store);

#endif
