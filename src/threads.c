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

/* A pool of its own for each object: two threads never meet in one. The allocator is kept for leak checkers alone: APR may map
 * its memory past malloc, and then they cannot see that the pool has it. */
typedef struct home {
    apr_pool_t *pool;
    apr_allocator_t *allocator;
} home_t;

struct mproc_mutex {
    home_t home;
    apr_thread_mutex_t *mutex;
};

struct mproc_condition {
    home_t home;
    apr_thread_cond_t *condition;
};

struct mproc_thread {
    home_t home;
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
        return mproc_fail(MPROC_ESYSTEM, "The Apache Portable Runtime does not start (APR status %d)", (int)status);
    return MPROC_OK;
}

int mproc_apr_start(void) {
    return mproc_once(&apr_once, start_apr);
}

static int make_home(home_t *home) {
    int err = mproc_apr_start();
    if (err != MPROC_OK)
        return err;
    if (apr_pool_create_unmanaged_ex(&home->pool, NULL, NULL) != APR_SUCCESS)
        return mproc_fail_memory("a lock or a thread");
    home->allocator = apr_pool_allocator_get(home->pool);
    return MPROC_OK;
}

static void free_home(home_t *home) {
    if (home->pool != NULL)
        apr_pool_destroy(home->pool);
}

static int fail_status(apr_status_t status, const char *what) {
    if (status == APR_SUCCESS)
        return MPROC_OK;
    if (APR_STATUS_IS_ENOMEM(status))
        return mproc_fail_memory(what);
    return mproc_fail(MPROC_ESYSTEM, "The system refuses a %s (APR status %d): the program may have too many", what,
                      (int)status);
}

int mproc_mutex_create(mproc_mutex_t **out_mutex) {
    *out_mutex = NULL;
    mproc_mutex_t *mutex = mproc_alloc_zero(1, sizeof *mutex);
    if (mutex == NULL)
        return mproc_fail_memory("a mutex");
    int err = make_home(&mutex->home);
    if (err == MPROC_OK)
        err = fail_status(apr_thread_mutex_create(&mutex->mutex, APR_THREAD_MUTEX_UNNESTED, mutex->home.pool), "mutex");
    if (err == MPROC_OK)
        *out_mutex = mutex;
    else
        mproc_mutex_destroy(mutex);
    return err;
}

void mproc_mutex_lock(mproc_mutex_t *mutex) {
    (void)apr_thread_mutex_lock(mutex->mutex);
}

void mproc_mutex_unlock(mproc_mutex_t *mutex) {
    (void)apr_thread_mutex_unlock(mutex->mutex);
}

void mproc_mutex_destroy(mproc_mutex_t *mutex) {
    if (mutex == NULL)
        return;
    free_home(&mutex->home);
    mproc_free(mutex);
}

int mproc_condition_create(mproc_condition_t **out_condition) {
    *out_condition = NULL;
    mproc_condition_t *condition = mproc_alloc_zero(1, sizeof *condition);
    if (condition == NULL)
        return mproc_fail_memory("a condition variable");
    int err = make_home(&condition->home);
    if (err == MPROC_OK)
        err = fail_status(apr_thread_cond_create(&condition->condition, condition->home.pool), "condition variable");
    if (err == MPROC_OK)
        *out_condition = condition;
    else
        mproc_condition_destroy(condition);
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
    if (condition == NULL)
        return;
    free_home(&condition->home);
    mproc_free(condition);
}

static void *APR_THREAD_FUNC run_thread(apr_thread_t *self, void *context) {
    mproc_thread_t *thread = context;
    (void)self;
    thread->run(thread->context);
    return NULL;
}

static apr_status_t start_thread(mproc_thread_t *thread, size_t stack_size) {
    apr_threadattr_t *attributes = NULL;
    mplat_signals_t before;
    apr_status_t status = apr_threadattr_create(&attributes, thread->home.pool);
    if (status == APR_SUCCESS && stack_size > 0)
        status = apr_threadattr_stacksize_set(attributes, stack_size);
    if (status != APR_SUCCESS)
        return status;
    mplat_signals_hold(&before);
    status = apr_thread_create(&thread->thread, attributes, run_thread, thread, thread->home.pool);
    mplat_signals_release(&before);
    return status;
}

static void free_thread(mproc_thread_t *thread) {
    free_home(&thread->home);
    mproc_free(thread);
}

int mproc_thread_create(mproc_thread_fn *run, void *context, size_t stack_size, mproc_thread_t **out_thread) {
    *out_thread = NULL;
    mproc_thread_t *thread = mproc_alloc_zero(1, sizeof *thread);
    if (thread == NULL)
        return mproc_fail_memory("a thread");
    thread->run = run;
    thread->context = context;
    int err = make_home(&thread->home);
    if (err == MPROC_OK)
        err = fail_status(start_thread(thread, stack_size), "thread");
    if (err == MPROC_OK)
        *out_thread = thread;
    else
        free_thread(thread);
    return err;
}

void mproc_thread_join(mproc_thread_t **thread) {
    apr_status_t result = APR_SUCCESS;
    if (*thread == NULL)
        return;
    (void)apr_thread_join(&result, (*thread)->thread);
    free_thread(*thread);
    *thread = NULL;
}
