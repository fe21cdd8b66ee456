/* SPDX-License-Identifier: Apache-2.0 */
/* pool_submit.c: single tasks: apply and apply_async. */
#include <mproc/pool.h>

#include <string.h>

#include "input.h"
#include "platform/platform.h"
#include "pool_options.h"
#include "pool_submit.h"
#include "registry.h"
#include "schedule.h"

#define PUMP_EVERY 16u /* submits that find no room: a fast producer keeps the slots fed by itself */

static int state_error(const mproc_pool_t *pool) {
    if (pool->is_broken)
        return mproc_fail_report(&pool->broken);
    if (pool->state == MPROC_POOL_OPEN)
        return MPROC_OK;
    return mproc_fail(MPROC_ECLOSED, pool->state == MPROC_POOL_CLOSED
                                         ? "The pool is closed: it takes no more tasks"
                                         : "The pool was terminated: it takes no more tasks");
}

static bool is_full(const mproc_pool_t *pool) {
    /* What lies behind the first in a slot waits, too. */
    return pool->queue_limit > 0 && pool->queue.count + pool->reserved + pool->out - pool->busy >= pool->queue_limit;
}

static int refuse(mproc_pool_t *pool, const char *reason) {
    pool->stats.submitted++;
    pool->stats.refused++;
    return mproc_fail(MPROC_EQUEUEFULL, "%zu tasks wait in the pool, which is its queue_limit%s", pool->queue_limit,
                      reason);
}

int64_t mproc_pool_until(const mproc_task_options_t *options) {
    return options->deadline_ms > 0 ? mproc_core_after(options->deadline_ms) : INT64_MAX;
}

void mproc_pool_spend(mproc_task_options_t *options, int64_t until_ns) {
    if (until_ns == INT64_MAX)
        return;
    int64_t left = (until_ns - mplat_clock_ns()) / MPROC_NS_PER_MS;
    options->deadline_ms = left > 0 ? left : 1;
}

static int wait_for_room(mproc_pool_t *pool, mproc_task_options_t *options) {
    int64_t until = mproc_pool_until(options);
    mproc_core_pump(pool, NULL);
    while (is_full(pool)) {
        if (pool->queue_refuses)
            return refuse(pool, "");
        int err = mproc_core_may_wait(pool);
        if (err != MPROC_OK)
            return err;
        if (until != INT64_MAX && mplat_clock_ns() >= until)
            return refuse(pool, ", and there was no room before deadline_ms was over");
        pool->queue_waiters++;
        if (pool->asleep)
            mproc_schedule_heed(pool);
        mproc_core_sleep(pool, until);
        pool->queue_waiters--;
        err = state_error(pool);
        if (err != MPROC_OK)
            return err;
    }
    mproc_pool_spend(options, until);
    return MPROC_OK;
}

int mproc_pool_admit(mproc_pool_t *pool, mproc_task_options_t *options) {
    int err = pool->is_broken || pool->state != MPROC_POOL_OPEN ? state_error(pool) : MPROC_OK;
    return err == MPROC_OK && is_full(pool) ? wait_for_room(pool, options) : err;
}

int mproc_pool_check(const mproc_pool_t *pool, const mproc_task_t *task) {
    int err = mproc_core_check(pool);
    return err != MPROC_OK ? err : mproc_registry_check_task(task);
}

/* Arguments first, then the raw input, aligned for any type. */
static size_t input_offset(size_t args_size) {
    return (args_size + 15) & ~(size_t)15;
}

/* Raw input is copied, unless the caller waits for the end and its own memory stays until then: touching fresh memory for a
 * large copy would cost more than all the rest. */
static mproc_result_t *make_job(mproc_pool_t *pool, const mproc_task_t *task, const mproc_buffer_t *args,
                                const mproc_task_options_t *options, bool await) {
    size_t offset = input_offset(args->size);
    size_t payload = options->input_size > 0 && !await ? offset + options->input_size : args->size;
    mproc_result_t *job = mproc_core_job(pool, payload);
    if (job == NULL) {
        (void)mproc_fail_memory("a task");
        return NULL;
    }
    unsigned char *room = mproc_job_payload(job);
    job->unit.work = (mproc_work_t){.task = task, .kind = MPROC_WORK_CALL, .count = 1};
    if (args->size > 0) {
        memcpy(room, args->data, args->size);
        job->unit.work.args = room;
        job->unit.work.args_size = args->size;
    }
    if (options->input_size > 0) {
        if (!await)
            memcpy(room + offset, options->input, options->input_size);
        job->unit.work.input = await ? options->input : room + offset;
        job->unit.work.input_size = options->input_size;
    }
    return job;
}

void mproc_pool_discard(mproc_pool_t *pool, mproc_result_t *job) {
    if (job->rare != NULL) {
        mproc_timers_cancel(&pool->timers, &job->rare->deadline);
        mproc_timers_release(&pool->timers, job->rare->timers);
        if (job->rare->bucket != NULL)
            mproc_queue_drop(&pool->queue, job->rare->bucket);
    }
    pool->pending--;
    job->references = 1;
    mproc_core_unref(pool, job);
    mproc_core_stop_if_done(pool);
}

/* Sends what there is room for; a producer that outruns the slots looks for replies now and then. */
static void send_or_queue(mproc_pool_t *pool, const mproc_result_t *awaited) {
    if (pool->queue.count <= 1 || ++pool->skipped % PUMP_EVERY != 0)
        mproc_schedule_run(pool, awaited);
    else
        mproc_core_pump(pool, awaited);
}

static int submit(mproc_pool_t *pool, const mproc_task_t *task, const mproc_buffer_t *args,
                  mproc_task_options_t *options, bool await, mproc_result_t **out_job) {
    int err = mproc_pool_admit(pool, options);
    if (err != MPROC_OK)
        return err;
    mproc_result_t *job = make_job(pool, task, args, options, await);
    if (job == NULL)
        return MPROC_ENOMEM;
    err = mproc_task_options_apply(pool, job, options);
    if (err != MPROC_OK) {
        mproc_pool_discard(pool, job);
        return err;
    }
    pool->stats.submitted++;
    mproc_schedule_add(pool, &job->unit);
    send_or_queue(pool, await ? job : NULL);
    *out_job = job;
    return MPROC_OK;
}

static int encode_and_submit(mproc_pool_t *pool, const mproc_task_t *task, const mproc_args_t *args,
                             const mproc_task_options_t *options, bool await, mproc_result_t **out_job) {
    mproc_task_options_t complete;
    mproc_scratch_t scratch;
    int err = mproc_pool_check(pool, task);
    *out_job = NULL;
    if (err == MPROC_OK)
        err = mproc_task_options_complete(options, &complete);
    if (err != MPROC_OK)
        return err;
    err = mproc_scratch_encode(&scratch, args);
    if (err == MPROC_OK) {
        mproc_core_lock(pool);
        err = await ? mproc_core_may_wait(pool) : MPROC_OK;
        if (err == MPROC_OK)
            err = submit(pool, task, &scratch.buffer, &complete, await, out_job);
        if (err != MPROC_OK)
            mproc_core_unlock(pool);
    }
    mproc_scratch_fini(&scratch);
    return err;
}

int mproc_pool_apply_async(mproc_pool_t *pool, const mproc_task_t *task, const mproc_args_t *args,
                           const mproc_task_options_t *options, mproc_result_t **out_result) {
    mproc_result_t *job = NULL;
    if (out_result != NULL)
        *out_result = NULL;
    int err = encode_and_submit(pool, task, args, options, false, &job);
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

int mproc_pool_apply(mproc_pool_t *pool, const mproc_task_t *task, const mproc_args_t *args,
                     const mproc_task_options_t *options, mproc_result_t **out_result) {
    mproc_result_t *job = NULL;
    if (out_result != NULL)
        *out_result = NULL;
    int err = encode_and_submit(pool, task, args, options, true, &job);
    if (err != MPROC_OK)
        return err;
    (void)mproc_core_await(pool, job, INT64_MAX);
    int code = job->code;
    if (code != MPROC_OK)
        (void)mproc_fail_error(mproc_job_error(job));
    if (out_result == NULL) {
        mproc_core_release(pool, job);
        return code;
    }
    mproc_core_unlock(pool);
    *out_result = job;
    return code;
}
