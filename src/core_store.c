/* SPDX-License-Identifier: Apache-2.0 */
/* core_store.c: results and failures of a map, by item. */
#include "core_store.h"

#include "job.h"
#include "memory.h"

#include <string.h>

/* ---- blocks ------------------------------------------------------------------------------------------------------------ */

static size_t block_header(void) {
    return (sizeof(mproc_block_t) + 15) & ~(size_t)15;
}

mproc_block_t *mproc_block_create(const mproc_work_t *work, const mproc_reply_t *reply) {
    bool call = work->kind == MPROC_WORK_CALL;
    bool copy = call || reply->hold == NULL;
    size_t extra = call ? sizeof(mproc_record_t) : 0;
    mproc_block_t *block = mproc_alloc(block_header() + (copy ? extra + reply->size : 0));
    if (block == NULL) {
        if (reply->hold != NULL)
            reply->hold->release(reply->hold);
        return NULL;
    }
    unsigned char *data = (unsigned char *)block + block_header();
    *block = (mproc_block_t){.references = 1, .hold = reply->hold, .data = data};
    if (!copy) {
        block->data = reply->data;
        return block;
    }
    if (call)
        memcpy(data, &(mproc_record_t){.outcome = (uint32_t)reply->outcome, .size = reply->size}, extra);
    if (reply->size > 0)
        memcpy(data + extra, reply->data, reply->size);
    return block;
}

void mproc_block_release(mproc_block_t *block) {
    if (block == NULL || --block->references > 0)
        return;
    if (block->hold != NULL)
        block->hold->release(block->hold);
    mproc_free(block);
}

/* ---- reports ----------------------------------------------------------------------------------------------------------- */

mproc_report_t *mproc_report_copy(const mproc_error_t *error) {
    mproc_report_t *report = mproc_alloc(sizeof *report);
    if (report == NULL)
        return NULL;
    mproc_report_init(report);
    (void)mproc_report_set(report, error);
    return report;
}

void mproc_report_free(mproc_report_t *report) {
    if (report == NULL)
        return;
    mproc_report_fini(report);
    mproc_free(report);
}

/* ---- keeping ------------------------------------------------------------------------------------------------------------- */

int mproc_store_init(mproc_store_t *store, mproc_store_kind_t kind, int64_t count, const mproc_output_t *output) {
    *store = (mproc_store_t){.kind = kind, .output = *output};
    if (kind == MPROC_STORE_ARRAY) {
        store->done = mproc_alloc_zero(output->count / 64 + 1, sizeof *store->done);
        if (store->done == NULL)
            return mproc_fail_memory("the state of a map's items");
    }
    if (kind == MPROC_STORE_RECORDS && count != INT64_MAX && count > 0) {
        store->records = mproc_alloc_zero((size_t)count, sizeof(mproc_record_t *));
        if (store->records == NULL)
            return mproc_fail_memory("the results of a map");
        store->capacity = (size_t)count;
    }
    return MPROC_OK;
}

static int grow_records(mproc_store_t *store, size_t needed) {
    size_t capacity = store->capacity < 64 ? 64 : store->capacity * 2;
    if (needed <= store->capacity)
        return MPROC_OK;
    if (capacity < needed)
        capacity = needed;
    const mproc_record_t **records = mproc_realloc((void *)store->records, capacity * sizeof(mproc_record_t *));
    if (records == NULL)
        return MPROC_ENOMEM;
    memset((void *)(records + store->capacity), 0, (capacity - store->capacity) * sizeof(mproc_record_t *));
    store->records = records;
    store->capacity = capacity;
    return MPROC_OK;
}

static int take_records(mproc_store_t *store, const mproc_work_t *work, const mproc_reply_t *reply) {
    mproc_block_t *block = mproc_block_create(work, reply);
    if (block == NULL || grow_records(store, (size_t)work->first + reply->succeeded) != MPROC_OK) {
        mproc_block_release(block);
        return MPROC_ENOMEM;
    }
    block->next = store->blocks;
    store->blocks = block;
    const mproc_record_t *record = (const mproc_record_t *)(const void *)block->data;
    for (uint32_t i = 0; i < reply->succeeded; i++) {
        store->records[(size_t)work->first + i] = record;
        record = mproc_record_next(record);
    }
    return MPROC_OK;
}

static void mark_done(uint64_t *done, size_t first, size_t count) {
    for (size_t i = first; i < first + count;) {
        if (i % 64 == 0 && first + count - i >= 64) {
            done[i / 64] = UINT64_MAX;
            i += 64;
        } else {
            done[i / 64] |= UINT64_C(1) << (i % 64);
            i++;
        }
    }
}

int mproc_store_take(mproc_store_t *store, const mproc_work_t *work, const mproc_reply_t *reply) {
    if (store->kind == MPROC_STORE_RECORDS)
        return take_records(store, work, reply);
    if (store->kind == MPROC_STORE_ARRAY)
        mark_done(store->done, (size_t)work->first, reply->succeeded);
    if (reply->hold != NULL)
        reply->hold->release(reply->hold);
    return MPROC_OK;
}

/* Where a failure of item index is or would be. */
static size_t failure_place(const mproc_store_t *store, int64_t index) {
    size_t low = 0;
    size_t high = store->failure_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (store->failures[middle].first + store->failures[middle].count <= index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void mproc_store_fail(mproc_store_t *store, int64_t first, int64_t count, int code, const mproc_error_t *error) {
    if (store->failure_count == store->failure_capacity) {
        size_t capacity = store->failure_capacity == 0 ? 4 : store->failure_capacity * 2;
        mproc_failure_t *failures = mproc_realloc(store->failures, capacity * sizeof *failures);
        if (failures == NULL)
            return;
        store->failures = failures;
        store->failure_capacity = capacity;
    }
    size_t place = failure_place(store, first);
    memmove(store->failures + place + 1, store->failures + place,
            (store->failure_count - place) * sizeof *store->failures);
    store->failures[place] = (mproc_failure_t){first, count, code, error == NULL ? NULL : mproc_report_copy(error)};
    store->failure_count++;
}

const mproc_failure_t *mproc_store_find(const mproc_store_t *store, int64_t index) {
    size_t place = failure_place(store, index);
    if (place == store->failure_count || store->failures[place].first > index)
        return NULL;
    return &store->failures[place];
}

/* ---- giving out ---------------------------------------------------------------------------------------------------------- */

void mproc_failure_item(int code, const mproc_report_t *report, mproc_item_t *out_item) {
    out_item->code = code;
    out_item->error = report != NULL ? &report->error : mproc_code_error(code);
}

void mproc_record_item(const mproc_record_t *record, const mproc_value_limits_t *values, mproc_tree_t **tree,
                       mproc_item_t *out_item) {
    if (record->outcome == MPROC_OUTCOME_BYTES) {
        out_item->data = record + 1;
        out_item->size = (size_t)record->size;
        return;
    }
    if (record->outcome != MPROC_OUTCOME_VALUE)
        return;
    int err = mproc_tree_decode(record + 1, (size_t)record->size, values, tree);
    out_item->value = err == MPROC_OK ? mproc_tree_root(*tree) : NULL;
    if (err != MPROC_OK)
        mproc_failure_item(err, NULL, out_item);
}

bool mproc_store_item(const mproc_store_t *store, int64_t index, bool final, mproc_item_t *out_item,
                      const mproc_record_t **out_record) {
    size_t at = (size_t)index;
    const mproc_failure_t *failure = mproc_store_find(store, index);
    *out_item = (mproc_item_t){.index = index};
    *out_record = NULL;
    if (failure != NULL) {
        mproc_failure_item(failure->code, failure->report, out_item);
    } else if (store->kind == MPROC_STORE_ARRAY && (store->done[at / 64] >> (at % 64) & 1) != 0) {
        out_item->data = (const unsigned char *)store->output.data + at * store->output.item_size;
        out_item->size = store->output.item_size;
    } else if (store->kind == MPROC_STORE_RECORDS && at < store->capacity && store->records[at] != NULL) {
        out_item->value = at < store->tree_count ? mproc_tree_root(store->trees[at]) : NULL;
        *out_record = out_item->value == NULL ? store->records[at] : NULL;
    } else {
        mproc_failure_item(MPROC_ENOMEM, NULL, out_item);
        return final;
    }
    return true;
}

void mproc_store_keep(mproc_store_t *store, int64_t index, mproc_tree_t **tree, mproc_item_t *out_item) {
    size_t at = (size_t)index;
    if (at >= store->tree_count) {
        mproc_tree_t **trees = mproc_realloc(store->trees, store->capacity * sizeof(mproc_tree_t *));
        if (trees == NULL) {
            out_item->value = NULL;
            mproc_failure_item(MPROC_ENOMEM, NULL, out_item);
            return;
        }
        memset((void *)(trees + store->tree_count), 0, (store->capacity - store->tree_count) * sizeof(mproc_tree_t *));
        store->trees = trees;
        store->tree_count = store->capacity;
    }
    if (store->trees[at] == NULL) {
        store->trees[at] = *tree;
        *tree = NULL;
    }
    out_item->value = mproc_tree_root(store->trees[at]);
}

void mproc_store_fini(mproc_store_t *store) {
    while (store->blocks != NULL) {
        mproc_block_t *block = store->blocks;
        store->blocks = block->next;
        mproc_block_release(block);
    }
    for (size_t i = 0; i < store->tree_count; i++)
        mproc_tree_destroy(store->trees[i]);
    for (size_t i = 0; i < store->failure_count; i++)
        mproc_report_free(store->failures[i].report);
    mproc_free((void *)store->records);
    mproc_free((void *)store->trees);
    mproc_free(store->done);
    mproc_free(store->failures);
    *store = (mproc_store_t){0};
}
