/* SPDX-License-Identifier: Apache-2.0 */
/* threads.c: mutex, condition, thread and once. The only file that sees apr_thread_*. */
#include "threads.h"

#include "memory.h"
#include "platform/platform.h"
#include "report.h"

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>
#include <mproc/error.h>

enum { ONCE_NEW = 0, ONCE_RUNNING, ONCE_DONE };

#define WAIT_SLICE_NS INT64_C(1000000000)

struct mproc_mutex {
    apr_pool_t *pool;
    apr_thread_mutex_t *mutex;
};

struct mproc_condition {
    apr_pool_t *pool;
    apr_thread_cond_t *condition;
};

struct mproc_thread {
    apr_pool_t *pool;
    apr_thread_t *thread;
    mproc_thread_fn *run;
    void *context;
};

static mproc_once_t apr_once;

int mproc_once(mproc_once_t *once, int (*prepare)(void)) {
    for (;;) {
        int state = atomic_load_explicit(&once->state, memory_order_acquire);
        if (state == ONCE_DONE)
            return MPROC_OK;
        if (state == ONCE_NEW && atomic_compare_exchange_strong(&once->state, &state, ONCE_RUNNING)) {
            int err = prepare();
            atomic_store_explicit(&once->state, err == MPROC_OK ? ONCE_DONE : ONCE_NEW, memory_order_release);
            return err;
        }
        mplat_thread_yield();
    }
}

/* APR is never ended again: at exit another thread of the host may still hold one of our mutexes, and what is reachable then
 * is no leak. */
static int start_apr(void) {
    apr_status_t status = apr_initialize();
    if (status != APR_SUCCESS)
        return mproc_fail(MPROC_ESYSTEM, "the Apache Portable Runtime does not start (APR status %d)", (int)status);
    return MPROC_OK;
}

int mproc_apr_start(void) {
    return mproc_once(&apr_once, start_apr);
}

static int create_pool(apr_pool_t **out_pool) {
    int err = mproc_apr_start();
    *out_pool = NULL;
    if (err != MPROC_OK)
        return err;
    /* A pool without a parent has an allocator of its own: two threads never meet in one. */
    if (apr_pool_create_unmanaged_ex(out_pool, NULL, NULL) != APR_SUCCESS)
        return mproc_fail(MPROC_ENOMEM, "no memory for a lock or a thread");
    return MPROC_OK;
}

static void destroy_pool(apr_pool_t *pool) {
    if (pool != NULL)
        apr_pool_destroy(pool);
}

static int fail_status(apr_status_t status, const char *what) {
    if (APR_STATUS_IS_ENOMEM(status))
        return mproc_fail(MPROC_ENOMEM, "no memory for a %s", what);
    return mproc_fail(MPROC_ESYSTEM, "the system refuses a %s (APR status %d); does the program run too many?", what,
                      (int)status);
}

int mproc_mutex_create(mproc_mutex_t **out_mutex) {
    apr_pool_t *pool = NULL;
    mproc_mutex_t *mutex = NULL;
    apr_status_t status;
    *out_mutex = NULL;
    int err = create_pool(&pool);
    if (err != MPROC_OK)
        goto done;
    mutex = apr_palloc(pool, sizeof *mutex);
    mutex->pool = pool;
    status = apr_thread_mutex_create(&mutex->mutex, APR_THREAD_MUTEX_UNNESTED, pool);
    if (status != APR_SUCCESS) {
        err = fail_status(status, "mutex");
        goto done;
    }
    *out_mutex = mutex;
    pool = NULL;

done:
    destroy_pool(pool);
    return err;
}

void mproc_mutex_lock(mproc_mutex_t *mutex) {
    (void)apr_thread_mutex_lock(mutex->mutex);
}

void mproc_mutex_unlock(mproc_mutex_t *mutex) {
    (void)apr_thread_mutex_unlock(mutex->mutex);
}

void mproc_mutex_destroy(mproc_mutex_t *mutex) {
    if (mutex != NULL)
        destroy_pool(mutex->pool);
}

int mproc_condition_create(mproc_condition_t **out_condition) {
    apr_pool_t *pool = NULL;
    mproc_condition_t *condition = NULL;
    apr_status_t status;
    *out_condition = NULL;
    int err = create_pool(&pool);
    if (err != MPROC_OK)
        goto done;
    condition = apr_palloc(pool, sizeof *condition);
    condition->pool = pool;
    status = apr_thread_cond_create(&condition->condition, pool);
    if (status != APR_SUCCESS) {
        err = fail_status(status, "condition variable");
        goto done;
    }
    *out_condition = condition;
    pool = NULL;

done:
    destroy_pool(pool);
    return err;
}

void mproc_condition_wait(mproc_condition_t *condition, mproc_mutex_t *mutex, int64_t timeout_ns) {
    if (timeout_ns < 0 || timeout_ns > WAIT_SLICE_NS)
        timeout_ns = WAIT_SLICE_NS;
    /* Rounded up, so that a loop does not spin through the last microsecond. */
    (void)apr_thread_cond_timedwait(condition->condition, mutex->mutex, (timeout_ns + 999) / 1000);
}

void mproc_condition_signal(mproc_condition_t *condition) {
    (void)apr_thread_cond_signal(condition->condition);
}

void mproc_condition_broadcast(mproc_condition_t *condition) {
    (void)apr_thread_cond_broadcast(condition->condition);
}

void mproc_condition_destroy(mproc_condition_t *condition) {
    if (condition != NULL)
        destroy_pool(condition->pool);
}

static void *APR_THREAD_FUNC run_thread(apr_thread_t *self, void *context) {
    mproc_thread_t *thread = context;
    (void)self;
    thread->run(thread->context);
    return NULL;
}

int mproc_thread_create(mproc_thread_fn *run, void *context, size_t stack_size, mproc_thread_t **out_thread) {
    apr_pool_t *pool = NULL;
    mproc_thread_t *thread = NULL;
    apr_threadattr_t *attributes = NULL;
    apr_status_t status;
    *out_thread = NULL;
    int err = create_pool(&pool);
    if (err != MPROC_OK)
        goto done;
    thread = apr_palloc(pool, sizeof *thread);
    *thread = (mproc_thread_t){.pool = pool, .run = run, .context = context};
    status = apr_threadattr_create(&attributes, pool);
    if (status == APR_SUCCESS && stack_size > 0)
        status = apr_threadattr_stacksize_set(attributes, stack_size);
    if (status == APR_SUCCESS) {
        mplat_signals_t before;
        mplat_signals_hold(&before);
        status = apr_thread_create(&thread->thread, attributes, run_thread, thread, pool);
        mplat_signals_release(&before);
    }
    if (status != APR_SUCCESS) {
        err = fail_status(status, "thread");
        goto done;
    }
    *out_thread = thread;
    pool = NULL;

done:
    destroy_pool(pool);
    return err;
}

void mproc_thread_join(mproc_thread_t **thread) {
    apr_status_t result = APR_SUCCESS;
    if (*thread == NULL)
        return;
    (void)apr_thread_join(&result, (*thread)->thread);
    destroy_pool((*thread)->pool);
    *thread = NULL;
}
