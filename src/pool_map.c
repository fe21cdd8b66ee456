/* SPDX-License-Identifier: Apache-2.0 */
/* pool_map.c: submits of many items: maps, iterators, a run on every worker. */
#include <mproc/pool.h>

#include <string.h>

#include "core_map.h"
#include "iter.h"
#include "memory.h"
#include "platform/platform.h"
#include "pool_options.h"
#include "pool_submit.h"
#include "schedule.h"

#define PULL_WINDOW 64u /* items a worker, before anything is known of them */

/* ---- making -------------------------------------------------------------------------------------------------------------- */

static int check_output(const mproc_source_t *source, const mproc_output_t *output) {
    if (output->data == NULL)
        return MPROC_OK;
    if (output->item_size == 0 || output->item_size > UINT32_MAX)
        return mproc_fail(MPROC_EINVAL, "The output's elements cannot have a size of %zu bytes", output->item_size);
    if (source->count != INT64_MAX && (uint64_t)source->count > output->count)
        return mproc_fail(MPROC_EINVAL, "The output has room for %zu elements, and the input has %lld items",
                          output->count, (long long)source->count);
    return MPROC_OK;
}

static mproc_map_t *make_map(const mproc_task_t *task, const mproc_input_t *input, bool star) {
    mproc_map_t *map = mproc_alloc_zero(1, sizeof *map);
    if (map == NULL) {
        (void)mproc_fail_memory("a map");
        return NULL;
    }
    mproc_list_init(&map->cursor.node);
    mproc_list_init(&map->node);
    mproc_list_init(&map->parts);
    map->task = task;
    if (mproc_source_open(&map->source, input, star) != MPROC_OK) {
        mproc_free(map);
        return NULL;
    }
    map->total = map->source.count;
    map->limit = INT64_MAX;
    return map;
}

/* With the lock: the job that a map is part of. The map is the job's from then on, also when this fails. */
static mproc_result_t *make_job(mproc_pool_t *pool, mproc_map_t *map, const mproc_task_options_t *options) {
    mproc_result_t *job = mproc_core_job(pool, 0);
    if (job == NULL || mproc_job_rare(job) == NULL) {
        (void)mproc_fail_memory("a map");
        if (job != NULL)
            mproc_pool_discard(pool, job);
        mproc_map_free(map);
        return NULL;
    }
    memset(&job->unit.work, 0, sizeof job->unit.work);
    job->rare->map = map;
    job->rare->policy = options->policy;
    map->job = job;
    if (mproc_task_options_apply(pool, job, options) != MPROC_OK) {
        mproc_pool_discard(pool, job);
        return NULL;
    }
    map->cursor.job = job;
    map->cursor.lane = -1;
    map->cursor.flags = MPROC_UNIT_CURSOR | (options->soft_timeout_ms > 0 ? MPROC_UNIT_SOFT : 0);
    map->cursor.work.watch = job->unit.work.watch;
    job->unit.flags = 0;
    map->chunk = options->chunk;
    size_t chunk = options->chunk > 0 ? options->chunk : PULL_WINDOW;
    size_t workers = (size_t)(pool->wanted > 0 ? pool->wanted : 1);
    map->window = chunk > SIZE_MAX / 8 / workers ? SIZE_MAX / 2 : 4 * chunk * workers;
    return job;
}

static int prepare(mproc_pool_t *pool, const mproc_task_t *task, const mproc_input_t *input, bool star,
                   const mproc_task_options_t *options, mproc_task_options_t *out_options, mproc_map_t **out_map) {
    int err = mproc_pool_check(pool, task);
    *out_map = NULL;
    if (err == MPROC_OK)
        err = mproc_task_options_complete(options, out_options);
    if (err == MPROC_OK && out_options->input_size > 0)
        err = mproc_fail(MPROC_EINVAL, "The option input is for single tasks; a map's items are its input");
    if (err != MPROC_OK)
        return err;
    *out_map = make_map(task, input, star);
    return *out_map == NULL ? mproc_last_error()->code : MPROC_OK;
}

/* ---- maps ---------------------------------------------------------------------------------------------------------------- */

typedef struct map_request {
    mproc_pool_t *pool;
    const mproc_task_t *task;
    const mproc_input_t *input;
    const mproc_output_t *output;
    bool star;
    bool wait;
    bool results; /* somebody may ask for them */
} map_request_t;

static int set_output(const map_request_t *request, mproc_map_t *map) {
    mproc_store_kind_t kind = MPROC_STORE_NONE;
    int err = check_output(&map->source, request->output);
    if (err != MPROC_OK)
        return err;
    if (request->results)
        kind = request->output->data != NULL ? MPROC_STORE_ARRAY : MPROC_STORE_RECORDS;
    if (request->output->data != NULL && map->source.kind == MPROC_INPUT_ARRAY)
        map->output_size = (uint32_t)request->output->item_size;
    return mproc_store_init(&map->store, kind, map->source.count, request->output);
}

/* Returns with the lock held when it succeeds. */
static int submit_map(const map_request_t *request, const mproc_task_options_t *options, mproc_result_t **out_job) {
    mproc_pool_t *pool = request->pool;
    mproc_task_options_t complete;
    mproc_map_t *map = NULL;
    int err = prepare(pool, request->task, request->input, request->star, options, &complete, &map);
    if (err != MPROC_OK)
        return err;
    err = set_output(request, map);
    if (err != MPROC_OK) {
        mproc_map_free(map);
        return err;
    }
    mproc_core_lock(pool);
    err = request->wait ? mproc_core_may_wait(pool) : MPROC_OK;
    if (err == MPROC_OK)
        err = mproc_pool_admit(pool, &complete);
    if (err != MPROC_OK) {
        mproc_core_unlock(pool);
        mproc_map_free(map);
        return err;
    }
    *out_job = make_job(pool, map, &complete);
    if (*out_job == NULL) {
        mproc_core_unlock(pool);
        return mproc_last_error()->code;
    }
    mproc_map_begin(pool, map);
    mproc_core_pump(pool, NULL);
    return MPROC_OK;
}

static int run_map(mproc_pool_t *pool, const mproc_task_t *task, const mproc_input_t *input,
                   const mproc_output_t *output, const mproc_task_options_t *options, bool star) {
    map_request_t request = {pool, task, input, output, star, true, false};
    mproc_result_t *job = NULL;
    int err = submit_map(&request, options, &job);
    if (err != MPROC_OK)
        return err;
    (void)mproc_core_await(pool, job, INT64_MAX);
    err = job->code;
    if (err != MPROC_OK)
        (void)mproc_fail_error(mproc_job_error(job));
    mproc_core_release(pool, job);
    return err;
}

static int start_map(mproc_pool_t *pool, const mproc_task_t *task, const mproc_input_t *input,
                     const mproc_output_t *output, const mproc_task_options_t *options, bool star,
                     mproc_result_t **out_result) {
    map_request_t request = {pool, task, input, output, star, false, out_result != NULL};
    mproc_result_t *job = NULL;
    if (out_result != NULL)
        *out_result = NULL;
    if (options != NULL && (options->callback != NULL || options->error_callback != NULL))
        request.results = true;
    int err = submit_map(&request, options, &job);
    if (err != MPROC_OK)
        return err;
    (void)mproc_core_drive(pool);
    if (out_result == NULL) {
        mproc_core_release(pool, job);
        return MPROC_OK;
    }
    mproc_core_unlock(pool);
    *out_result = job;
    return MPROC_OK;
}

int mproc_pool_map(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input, mproc_output_t output,
                   const mproc_task_options_t *options) {
    return run_map(pool, task, &input, &output, options, false);
}

int mproc_pool_starmap(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input, mproc_output_t output,
                       const mproc_task_options_t *options) {
    return run_map(pool, task, &input, &output, options, true);
}

int mproc_pool_map_async(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input, mproc_output_t output,
                         const mproc_task_options_t *options, mproc_result_t **out_result) {
    return start_map(pool, task, &input, &output, options, false, out_result);
}

int mproc_pool_starmap_async(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input, mproc_output_t output,
                             const mproc_task_options_t *options, mproc_result_t **out_result) {
    return start_map(pool, task, &input, &output, options, true, out_result);
}

/* ---- iterators ------------------------------------------------------------------------------------------------------------ */

static int start_iter(mproc_pool_t *pool, const mproc_task_t *task, const mproc_input_t *input,
                      const mproc_task_options_t *options, bool star, bool ordered, mproc_iter_t **out_iter) {
    mproc_task_options_t complete;
    mproc_map_t *map = NULL;
    if (out_iter == NULL)
        return mproc_fail(MPROC_EINVAL, "imap has no place for the iterator");
    *out_iter = NULL;
    int err = prepare(pool, task, input, star, options, &complete, &map);
    if (err != MPROC_OK)
        return err;
    size_t workers = (size_t)(pool->inlined ? 1 : pool->wanted);
    size_t window = complete.window;
    if (window == 0)
        window = (complete.chunk > 0 && complete.chunk < SIZE_MAX / 8 / workers ? complete.chunk : 1) * 4 * workers;
    mproc_iter_t *iter = mproc_iter_create(pool, window, ordered);
    if (iter == NULL) {
        mproc_map_free(map);
        return mproc_last_error()->code;
    }
    map->iter = iter;
    mproc_core_lock(pool);
    err = mproc_pool_admit(pool, &complete);
    mproc_result_t *job = err == MPROC_OK ? make_job(pool, map, &complete) : NULL;
    if (job == NULL) {
        if (err != MPROC_OK)
            mproc_map_free(map);
        else
            err = mproc_last_error()->code;
        mproc_core_unlock(pool);
        mproc_iter_free(iter);
        return err;
    }
    mproc_iter_begin(iter, map);
    mproc_core_unlock(pool);
    *out_iter = iter;
    return MPROC_OK;
}

int mproc_pool_imap(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input,
                    const mproc_task_options_t *options, mproc_iter_t **out_iter) {
    return start_iter(pool, task, &input, options, false, true, out_iter);
}

int mproc_pool_imap_unordered(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input,
                              const mproc_task_options_t *options, mproc_iter_t **out_iter) {
    return start_iter(pool, task, &input, options, false, false, out_iter);
}

int mproc_pool_istarmap(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input,
                        const mproc_task_options_t *options, mproc_iter_t **out_iter) {
    return start_iter(pool, task, &input, options, true, true, out_iter);
}

int mproc_pool_istarmap_unordered(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input,
                                  const mproc_task_options_t *options, mproc_iter_t **out_iter) {
    return start_iter(pool, task, &input, options, true, false, out_iter);
}

/* ---- every worker ----------------------------------------------------------------------------------------------------------- */

/* A pool that has just been made has no worker yet: those on their way count. */
static int await_workers(mproc_pool_t *pool, mproc_task_options_t *options) {
    int64_t until = mproc_pool_until(options);
    int err = mproc_pool_admit(pool, options);
    while (err == MPROC_OK && pool->up < pool->wanted && !mproc_notice_inside(pool)) {
        if (until != INT64_MAX && mplat_clock_ns() >= until)
            return mproc_fail(MPROC_ETASKTIMEOUT, "%d of %d workers have not started before deadline_ms was over",
                              pool->wanted - pool->up, pool->wanted);
        mproc_core_sleep(pool, until);
        mproc_pool_spend(options, until);
        err = mproc_pool_admit(pool, options);
    }
    return err;
}

static int reserve_runs(mproc_pool_t *pool, mproc_map_t *map) {
    int64_t index = 0;
    for (int i = 0; i < pool->lane_count; i++) {
        if (!pool->lanes[i]->up)
            continue;
        mproc_part_t *part = mproc_part_take(pool, map, 0);
        if (part == NULL)
            return mproc_fail_memory("a run on every worker");
        part->unit.flags |= MPROC_UNIT_PINNED;
        part->unit.work.kind = MPROC_WORK_CALL;
        part->unit.work.first = index++;
        part->unit.work.count = 1;
        part->unit.work.args = map->source.lists;
        part->unit.work.args_size = map->source.lists_size;
        mproc_schedule_reserve(pool, pool->lanes[i], &part->unit);
    }
    map->total = index;
    map->next = index;
    return MPROC_OK;
}

static void take_runs_back(mproc_pool_t *pool, mproc_map_t *map) {
    mproc_node_t *node = NULL;
    while ((node = mproc_list_first(&map->parts)) != NULL) {
        mproc_part_t *part = MPROC_OWNER(node, mproc_part_t, sibling);
        mproc_schedule_remove(pool, &part->unit);
        mproc_part_put(pool, part);
    }
}

/* With the lock, which it keeps. The map is the job's, or freed. */
static int submit_runs(mproc_pool_t *pool, mproc_map_t *map, mproc_task_options_t *options, mproc_result_t **out_job) {
    int err = await_workers(pool, options);
    if (err != MPROC_OK) {
        mproc_map_free(map);
        return err;
    }
    mproc_result_t *job = make_job(pool, map, options);
    if (job == NULL)
        return mproc_last_error()->code;
    err = reserve_runs(pool, map);
    if (err != MPROC_OK) {
        take_runs_back(pool, map);
        mproc_pool_discard(pool, job);
        return err;
    }
    mproc_map_begin(pool, map);
    mproc_core_pump(pool, NULL);
    (void)mproc_core_drive(pool);
    *out_job = job;
    return MPROC_OK;
}

int mproc_pool_run_on_all(mproc_pool_t *pool, const mproc_task_t *task, const mproc_args_t *args,
                          const mproc_task_options_t *options, mproc_result_t **out_result) {
    mproc_input_t none = {.kind = MPROC_INPUT_ARGS};
    mproc_output_t keep = {0};
    mproc_task_options_t complete;
    mproc_result_t *job = NULL;
    mproc_map_t *map = NULL;
    mproc_buffer_t buffer;
    if (out_result != NULL)
        *out_result = NULL;
    int err = prepare(pool, task, &none, true, options, &complete, &map);
    if (err != MPROC_OK)
        return err;
    mproc_buffer_init(&buffer, NULL);
    if (args != NULL && args->count > 0)
        err = mproc_encode_args(args, &buffer);
    if (err == MPROC_OK)
        err = mproc_store_init(&map->store, MPROC_STORE_RECORDS, INT64_MAX, &keep);
    if (err != MPROC_OK) {
        mproc_buffer_fini(&buffer);
        mproc_map_free(map);
        return err;
    }
    map->source.lists = mproc_buffer_take(&buffer, &map->source.lists_size);
    mproc_buffer_fini(&buffer);
    complete.affinity_key = 0;
    mproc_core_lock(pool);
    err = submit_runs(pool, map, &complete, &job);
    if (err == MPROC_OK && out_result == NULL) {
        mproc_core_release(pool, job);
        return MPROC_OK;
    }
    mproc_core_unlock(pool);
    if (err == MPROC_OK)
        *out_result = job;
    return err;
}
