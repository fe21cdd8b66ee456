/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c: the life of a pool. What it does in between is the core's. */
#include <mproc/pool.h>

#include "core.h"
#include "init.h"
#include "memory.h"
#include "platform/platform.h"
#include "pool_list.h"
#include "pool_options.h"
#include "progress.h"
#include "schedule.h"
#include "trace.h"

#define THREAD_STACK ((size_t)1 << 20) /* users' callbacks run on it */

static void init_lists(mproc_pool_t *pool) {
    mproc_queue_init(&pool->queue);
    mproc_list_init(&pool->idle);
    mproc_list_init(&pool->open);
    mproc_list_init(&pool->dirty);
    mproc_list_init(&pool->maps);
    mproc_list_init(&pool->delayed);
    mproc_list_init(&pool->returned);
    mproc_list_init(&pool->notices);
    mproc_list_init(&pool->all);
    mproc_report_init(&pool->broken);
}

static int fill_in(mproc_pool_t *pool, const mproc_pool_options_t *options) {
    pool->inlined = options->processes == MPROC_INLINE;
    pool->wanted = pool->inlined ? 1 : options->processes;
    pool->hook = options->hook;
    pool->hook_context = options->hook_context;
    pool->queue_limit = options->queue_limit;
    pool->queue_refuses = options->queue_refuses;
    pool->values = options->values;
    int err = mproc_mutex_create(&pool->mutex);
    if (err == MPROC_OK)
        err = mproc_condition_create(&pool->condition);
    if (err == MPROC_OK)
        err = mproc_lanes_prepare(pool, pool->wanted);
    if (err == MPROC_OK && options->progress)
        err = mproc_progress_create(pool);
    if (err == MPROC_OK && options->trace != NULL)
        err = mproc_trace_open(pool, options->trace);
    return err;
}

/* Gives back what outlives no pool: all but what results need. */
static void close_parts(mproc_pool_t *pool, mproc_backend_t *backend) {
    if (backend != NULL)
        backend->ops->destroy(backend);
    mproc_trace_close(pool);
    mproc_progress_destroy(pool->progress);
    pool->progress = NULL;
}

static int start(mproc_pool_t *pool, const mproc_pool_options_t *options, mproc_backend_create_t *create) {
    int err = create(options, &mproc_core_events, pool, &pool->backend);
    if (err != MPROC_OK)
        return err;
    pool->ops = pool->backend->ops;
    if (!pool->inlined)
        err = mproc_thread_create(mproc_core_serve, pool, THREAD_STACK, &pool->thread);
    return err;
}

int mproc_pool_create_with(const mproc_pool_options_t *options, mproc_backend_create_t *create,
                           mproc_pool_t **out_pool) {
    mproc_pool_t *pool = mproc_alloc_zero(1, sizeof *pool);
    *out_pool = NULL;
    if (pool == NULL)
        return mproc_fail_memory("a pool");
    init_lists(pool);
    int err = fill_in(pool, options);
    if (err == MPROC_OK)
        err = mproc_pool_list_prepare(pool);
    if (err == MPROC_OK)
        err = start(pool, options, create);
    if (err != MPROC_OK) {
        mproc_pool_list_remove(pool);
        close_parts(pool, pool->backend);
        mproc_core_free(pool);
        return err;
    }
    mproc_pool_list_add(pool);
    mproc_core_lock(pool);
    (void)mproc_core_drive(pool);
    mproc_core_unlock(pool);
    *out_pool = pool;
    return MPROC_OK;
}

int mproc_pool_create(const mproc_pool_options_t *options, mproc_pool_t **out_pool) {
    mproc_pool_options_t complete;
    if (out_pool == NULL)
        return mproc_fail(MPROC_EINVAL, "mproc_pool_create has no place for the pool");
    *out_pool = NULL;
    int err = mproc_program_check();
    if (err == MPROC_OK)
        err = mproc_pool_options_complete(options, &complete);
    if (err != MPROC_OK)
        return err;
    return mproc_pool_create_with(
        &complete, complete.processes == MPROC_INLINE ? mproc_inline_create : mproc_local_create, out_pool);
}

int mproc_pool_close(mproc_pool_t *pool) {
    int err = mproc_core_check(pool);
    if (err != MPROC_OK)
        return err;
    mproc_core_lock(pool);
    if (pool->state == MPROC_POOL_OPEN) {
        pool->state = MPROC_POOL_CLOSED;
        mproc_core_stop_if_done(pool);
        mproc_core_changed(pool); /* submits that wait for room in the queue */
        mproc_core_wake(pool);    /* from now on it is to hear of the last reply, though nobody else waits for it */
        (void)mproc_core_drive(pool);
    }
    mproc_core_unlock(pool);
    return MPROC_OK;
}

static void terminate(mproc_pool_t *pool) {
    if (pool->state == MPROC_POOL_TERMINATED)
        return;
    pool->state = MPROC_POOL_TERMINATED;
    mproc_error_t error = *mproc_code_error(MPROC_ECANCELLED);
    error.message = "The pool was terminated before this task was done";
    mproc_core_abandon(pool, MPROC_ECANCELLED, &error);
    pool->stopped = true;
    pool->ops->stop(pool->backend, false);
    mproc_core_wake(pool);
    mproc_core_changed(pool);
    (void)mproc_core_drive(pool);
}

int mproc_pool_terminate(mproc_pool_t *pool) {
    int err = mproc_core_check(pool);
    if (err != MPROC_OK)
        return err;
    mproc_core_lock(pool);
    terminate(pool);
    mproc_core_unlock(pool);
    return MPROC_OK;
}

static int join(mproc_pool_t *pool, int64_t deadline_ns) {
    if (pool->state == MPROC_POOL_OPEN)
        return mproc_fail(MPROC_ESTATE, "The pool takes tasks still: close or terminate it before joining it");
    int err = mproc_core_may_wait(pool);
    if (err != MPROC_OK)
        return err;
    while (!pool->ended) {
        if (deadline_ns == 0 || (deadline_ns != INT64_MAX && mplat_clock_ns() >= deadline_ns))
            return mproc_fail(MPROC_ETIMEDOUT, "The workers of the pool have not all ended by then");
        mproc_core_sleep(pool, deadline_ns);
    }
    return MPROC_OK;
}

int mproc_pool_join(mproc_pool_t *pool, int64_t timeout_ms) {
    int64_t deadline = mproc_core_after(timeout_ms);
    int err = mproc_core_check(pool);
    if (err != MPROC_OK)
        return err;
    mproc_core_lock(pool);
    err = join(pool, deadline);
    mproc_core_unlock(pool);
    return err;
}

void mproc_pool_finish(mproc_pool_t *pool) {
    mproc_core_lock(pool);
    /* Other threads may just have learned at a slot that their result was cancelled. */
    while (pool->guests > 0) {
        pool->sleepers++;
        mproc_condition_wait(pool->condition, pool->mutex, -1);
        pool->sleepers--;
    }
    mproc_backend_t *backend = pool->backend;
    pool->backend = NULL;
    mproc_core_unlock(pool);
    close_parts(pool, backend);
    mproc_core_lock(pool);
    pool->destroyed = true;
    bool last = pool->jobs == 0;
    mproc_core_unlock(pool);
    if (last)
        mproc_core_free(pool);
}

void mproc_pool_destroy(mproc_pool_t *pool) {
    if (pool == NULL || mplat_self_is_copy())
        return;
    mproc_core_lock(pool);
    terminate(pool);
    if (mproc_notice_inside(pool)) {
        pool->orphan = true;
        mproc_core_unlock(pool);
        return;
    }
    (void)join(pool, INT64_MAX);
    mproc_core_unlock(pool);
    mproc_pool_list_remove(pool); /* the program's end may have joined its thread */
    mproc_thread_join(&pool->thread);
    mproc_pool_finish(pool);
}

int mproc_pool_resize(mproc_pool_t *pool, int processes) {
    int err = mproc_core_check(pool);
    if (err == MPROC_OK && (processes < 1 || processes > MPROC_WORKERS_MAX))
        err = mproc_fail(MPROC_EINVAL, "A pool cannot have %d workers: give 1 to %d", processes, MPROC_WORKERS_MAX);
    if (err != MPROC_OK)
        return err;
    mproc_core_lock(pool);
    err = pool->state == MPROC_POOL_OPEN ? MPROC_OK : mproc_fail(MPROC_ECLOSED, "The pool is closed");
    bool changes = err == MPROC_OK && !pool->inlined; /* an inline pool has one worker, whatever is asked for */
    if (changes)
        err = mproc_lanes_prepare(pool, processes);
    if (changes && err == MPROC_OK)
        err = pool->ops->resize(pool->backend, processes);
    if (changes && err == MPROC_OK) {
        pool->wanted = processes;
        mproc_core_wake(pool);
    }
    mproc_core_unlock(pool);
    return err;
}

int mproc_pool_stats(mproc_pool_t *pool, mproc_pool_stats_t *out_stats) {
    if (pool == NULL || out_stats == NULL)
        return mproc_fail(MPROC_EINVAL, "mproc_pool_stats needs a pool and a place for its answer");
    int err = mproc_core_check(pool);
    if (err != MPROC_OK)
        return err;
    mproc_core_lock(pool);
    mproc_core_pump(pool, NULL);
    *out_stats = pool->stats;
    pool->ops->stats(pool->backend, out_stats);
    out_stats->workers_idle = 0;
    uint64_t begun = 0;
    for (int i = 0; i < pool->lane_count; i++) {
        mproc_work_t *work = NULL;
        uint32_t item = 0;
        int64_t since = 0;
        if (pool->ops->running(pool->backend, i, &work, &item, &since))
            begun++;
        else if (pool->lanes[i]->up && pool->lanes[i]->count == 0)
            out_stats->workers_idle++;
    }
    uint64_t ended = out_stats->succeeded + out_stats->failed + out_stats->died + out_stats->timed_out +
                     out_stats->cancelled + out_stats->refused;
    uint64_t open = out_stats->submitted - ended;
    out_stats->running = begun < open ? begun : open;
    out_stats->waiting = open - out_stats->running;
    mproc_core_unlock(pool);
    return MPROC_OK;
}
