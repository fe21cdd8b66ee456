/* SPDX-License-Identifier: Apache-2.0 */
/* result.c: what a caller asks of a result. A result that is ready is read without the pool's lock. */
#include <mproc/pool.h>

#include "core_map.h"
#include "hub.h"
#include "platform/platform.h"
#include "schedule.h"

static bool is_done(const mproc_result_t *result) {
    return atomic_load_explicit(&((mproc_result_t *)(uintptr_t)result)->done, memory_order_acquire) != 0;
}

static mproc_map_t *map_of(const mproc_result_t *result) {
    /* A single task's rare part may come at any time, when it fails; a map's is there from the beginning. */
    return result->unit.work.count > 0 ? NULL : result->rare->map;
}

static int no_result(void) {
    return mproc_fail(MPROC_EINVAL, "No result was given");
}

/* ---- waiting ------------------------------------------------------------------------------------------------------------- */

/* MPROC_ETIMEDOUT without a report: somebody may poll. */
static int look(mproc_result_t *result, int64_t timeout_ms) {
    mproc_pool_t *pool = result->pool;
    if (is_done(result))
        return MPROC_OK;
    int64_t deadline = mproc_core_after(timeout_ms);
    int err = mproc_core_check(pool);
    if (err != MPROC_OK)
        return err;
    mproc_core_lock(pool);
    err = is_done(result) || deadline == 0 ? MPROC_OK : mproc_core_may_wait(pool);
    if (err == MPROC_OK)
        err = mproc_core_await(pool, result, deadline);
    mproc_core_unlock(pool);
    return err;
}

static int await(mproc_result_t *result, int64_t timeout_ms) {
    int err = look(result, timeout_ms);
    return err == MPROC_ETIMEDOUT ? mproc_fail(err, "The result is not ready yet; the task goes on") : err;
}

int mproc_result_wait(mproc_result_t *result, int64_t timeout_ms) {
    return result == NULL ? no_result() : await(result, timeout_ms);
}

bool mproc_result_ready(mproc_result_t *result) {
    return result != NULL && look(result, 0) == MPROC_OK;
}

int mproc_result_successful(mproc_result_t *result, bool *out_successful) {
    if (result == NULL || out_successful == NULL)
        return mproc_fail(MPROC_EINVAL, "mproc_result_successful needs a result and a place for its answer");
    *out_successful = false;
    if (look(result, 0) != MPROC_OK)
        return mproc_fail(MPROC_ESTATE, "The result is not ready yet: wait for it first");
    *out_successful = result->code == MPROC_OK;
    return MPROC_OK;
}

/* ---- several ------------------------------------------------------------------------------------------------------------- */

static bool are_ready(mproc_result_t *const *results, size_t count, mproc_wait_mode_t mode) {
    for (size_t i = 0; results != NULL && i < count; i++) {
        if (is_done(results[i]) != (mode == MPROC_ALL))
            return mode == MPROC_ANY;
    }
    return mode == MPROC_ALL;
}

/* Each pool once for a run of its results: a pool that is counted twice is only told twice. */
static void attend_hub(mproc_result_t *const *results, size_t count, bool enter, bool leave) {
    const mproc_pool_t *before = NULL;
    for (size_t i = 0; results != NULL && i < count; i++) {
        mproc_pool_t *pool = results[i]->pool;
        if (pool == before)
            continue;
        before = pool;
        mproc_core_lock(pool);
        if (enter)
            pool->hub_waiters++;
        if (leave)
            pool->hub_waiters--;
        else if (!mproc_core_drive(pool))
            mproc_core_pump(pool, NULL);
        mproc_core_unlock(pool);
    }
}

static int check_wait(mproc_result_t *const *results, size_t count, mproc_wait_mode_t mode, bool may_block) {
    if ((results == NULL && count > 0) || (mode != MPROC_ANY && mode != MPROC_ALL))
        return mproc_fail(MPROC_EINVAL, "mproc_wait needs results and MPROC_ANY or MPROC_ALL");
    if (count == 0 && mode == MPROC_ANY)
        return mproc_fail(MPROC_EINVAL, "mproc_wait has no result to wait for");
    for (size_t i = 0; i < count; i++) {
        if (results[i] == NULL)
            return mproc_fail(MPROC_EINVAL, "Result %zu of mproc_wait is NULL", i);
        int err = mproc_core_check(results[i]->pool);
        if (err == MPROC_OK && may_block && !is_done(results[i]))
            err = mproc_core_may_wait(results[i]->pool);
        if (err != MPROC_OK)
            return err;
    }
    return mproc_hub_open();
}

int mproc_wait(mproc_result_t *const *results, size_t count, mproc_wait_mode_t mode, int64_t timeout_ms) {
    int64_t deadline = mproc_core_after(timeout_ms);
    if (results != NULL && count > 0 && are_ready(results, count, mode))
        return MPROC_OK;
    int err = check_wait(results, count, mode, timeout_ms != 0);
    if (err != MPROC_OK)
        return err;
    attend_hub(results, count, true, false);
    for (;;) {
        uint64_t changes = mproc_hub_count();
        if (are_ready(results, count, mode))
            break;
        int64_t left = deadline == INT64_MAX ? -1 : deadline - mplat_clock_ns();
        if (deadline != INT64_MAX && left <= 0) {
            err = mproc_fail(MPROC_ETIMEDOUT, "%s result was ready by then", mode == MPROC_ANY ? "No" : "Not every");
            break;
        }
        mproc_hub_sleep(changes, left);
        attend_hub(results, count, false, false);
    }
    attend_hub(results, count, false, true);
    return err;
}

/* ---- what it gave -------------------------------------------------------------------------------------------------------- */

static int outcome(mproc_result_t *result, int64_t timeout_ms) {
    int err = await(result, timeout_ms);
    if (err == MPROC_OK && result->code != MPROC_OK)
        err = mproc_fail_error(mproc_job_error(result));
    return err;
}

/* The value is decoded by the first who asks, without the lock; two may do it, one tree stays. */
static int decode(mproc_result_t *result, const mproc_value_t **out_value) {
    mproc_pool_t *pool = result->pool;
    mproc_tree_t *tree = NULL;
    int err = mproc_core_check(pool);
    if (err != MPROC_OK)
        return err;
    mproc_core_lock(pool);
    *out_value = mproc_tree_root(result->tree);
    mproc_core_unlock(pool);
    if (*out_value != NULL)
        return MPROC_OK;
    err = mproc_tree_decode(result->unit.kept.data, result->unit.kept.size, &pool->values, &tree);
    if (err != MPROC_OK) {
        mproc_tree_destroy(tree);
        return err;
    }
    mproc_core_lock(pool);
    if (result->tree == NULL) {
        result->tree = tree;
        tree = NULL;
    }
    *out_value = mproc_tree_root(result->tree);
    mproc_core_unlock(pool);
    mproc_tree_destroy(tree);
    return MPROC_OK;
}

int mproc_result_get(mproc_result_t *result, int64_t timeout_ms, const mproc_value_t **out_value) {
    static const mproc_value_t nil; /* all zero is MessagePack's nil */
    if (out_value != NULL)
        *out_value = NULL;
    if (result == NULL)
        return no_result();
    int err = outcome(result, timeout_ms);
    if (err != MPROC_OK || out_value == NULL || map_of(result) != NULL)
        return err;
    if (result->outcome == MPROC_OUTCOME_BYTES)
        return mproc_fail(MPROC_ETYPE, "The task returned raw bytes, no value: take them with mproc_result_get_bytes");
    if (result->outcome == MPROC_OUTCOME_VALUE)
        return decode(result, out_value);
    *out_value = &nil;
    return MPROC_OK;
}

int mproc_result_get_bytes(mproc_result_t *result, int64_t timeout_ms, const void **out_data, size_t *out_size) {
    if (out_data != NULL)
        *out_data = NULL;
    if (out_size != NULL)
        *out_size = 0;
    if (result == NULL)
        return no_result();
    int err = outcome(result, timeout_ms);
    if (err != MPROC_OK || map_of(result) != NULL)
        return err;
    if (result->outcome != MPROC_OUTCOME_BYTES)
        return mproc_fail(MPROC_ETYPE, "The task returned no raw bytes but %s: take it with mproc_result_get",
                          result->outcome == MPROC_OUTCOME_VALUE ? "a value" : "nothing");
    if (out_data != NULL)
        *out_data = result->unit.kept.data;
    if (out_size != NULL)
        *out_size = result->unit.kept.size;
    return MPROC_OK;
}

const mproc_error_t *mproc_result_error(mproc_result_t *result) {
    const mproc_error_t *error = NULL;
    if (result == NULL)
        return NULL;
    if (is_done(result))
        return result->code == MPROC_OK ? NULL : mproc_job_error(result);
    if (mproc_core_check(result->pool) != MPROC_OK)
        return NULL;
    mproc_core_lock(result->pool);
    const mproc_map_t *map = map_of(result);
    if (map != NULL && map->store.failure_count > 0) {
        const mproc_failure_t *first = &map->store.failures[0];
        error = first->report != NULL ? &first->report->error : mproc_code_error(first->code);
    }
    mproc_core_unlock(result->pool);
    return error;
}

size_t mproc_result_count(mproc_result_t *result) {
    if (result == NULL)
        return 0;
    if (map_of(result) == NULL)
        return 1;
    if (mproc_core_check(result->pool) != MPROC_OK)
        return 0;
    mproc_core_lock(result->pool);
    const mproc_map_t *map = map_of(result);
    size_t count = (size_t)(map->total != INT64_MAX ? map->total : map->next);
    mproc_core_unlock(result->pool);
    return count;
}

static int not_done(size_t index) {
    return mproc_fail(MPROC_ESTATE, "Item %zu is not done yet", index);
}

static int single_item(mproc_result_t *result, mproc_item_t *out_item) {
    if (!is_done(result))
        return not_done(0);
    out_item->code = result->code;
    if (result->code != MPROC_OK) {
        out_item->error = mproc_job_error(result);
    } else if (result->outcome == MPROC_OUTCOME_BYTES) {
        out_item->data = result->unit.kept.data;
        out_item->size = result->unit.kept.size;
    } else if (result->outcome == MPROC_OUTCOME_VALUE) {
        return decode(result, &out_item->value);
    }
    return MPROC_OK;
}

/* Decoded as a single value is. */
static int map_item(mproc_result_t *result, mproc_map_t *map, size_t index, mproc_item_t *out_item) {
    mproc_pool_t *pool = result->pool;
    const mproc_record_t *record = NULL;
    mproc_tree_t *tree = NULL;
    mproc_core_lock(pool);
    bool done = mproc_store_item(&map->store, (int64_t)index, is_done(result), out_item, &record);
    mproc_core_unlock(pool);
    if (record != NULL)
        mproc_record_item(record, &pool->values, &tree, out_item);
    if (out_item->code == MPROC_OK && tree != NULL) {
        mproc_core_lock(pool);
        mproc_store_keep(&map->store, (int64_t)index, &tree, out_item);
        mproc_core_unlock(pool);
    }
    mproc_tree_destroy(tree);
    return done ? MPROC_OK : not_done(index);
}

int mproc_result_item(mproc_result_t *result, size_t index, mproc_item_t *out_item) {
    if (result == NULL || out_item == NULL)
        return mproc_fail(MPROC_EINVAL, "mproc_result_item needs a result and a place for its answer");
    *out_item = (mproc_item_t){.index = (int64_t)index};
    int err = mproc_core_check(result->pool);
    if (err != MPROC_OK)
        return err;
    size_t count = mproc_result_count(result);
    mproc_map_t *map = map_of(result);
    bool known = map == NULL || is_done(result) || map->source.kind != MPROC_INPUT_PULL;
    if (index >= count)
        return known ? mproc_fail(MPROC_EINVAL, "There is no item %zu: the result has %zu", index, count)
                     : not_done(index);
    return map == NULL ? single_item(result, out_item) : map_item(result, map, index, out_item);
}

/* ---- ending ---------------------------------------------------------------------------------------------------------------- */

int mproc_result_cancel(mproc_result_t *result, int64_t grace_ms) {
    if (result == NULL)
        return no_result();
    if (is_done(result))
        return MPROC_OK;
    mproc_pool_t *pool = result->pool;
    int err = mproc_core_check(pool);
    if (err != MPROC_OK)
        return err;
    int64_t kill_at = grace_ms < 0 ? 0 : grace_ms == 0 ? 1 : mproc_core_after(grace_ms);
    mproc_core_lock(pool);
    result->references++;
    if (!is_done(result)) {
        mproc_core_pump(pool, NULL);
        mproc_core_cancel(pool, result, MPROC_ECANCELLED, kill_at);
        mproc_core_pump(pool, NULL);
        (void)mproc_core_drive(pool);
    }
    mproc_core_release(pool, result);
    return MPROC_OK;
}

void mproc_result_release(mproc_result_t *result) {
    if (result == NULL || mplat_self_is_copy())
        return;
    mproc_core_lock(result->pool);
    mproc_core_release(result->pool, result);
}
