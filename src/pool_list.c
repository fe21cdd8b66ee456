/* SPDX-License-Identifier: Apache-2.0 */
/* pool_list.c: all pools of the program. */
#include "pool_list.h"

#include "core.h"
#include "memory.h"
#include "platform/platform.h"

#define FINI_PATIENCE_MS 5000

/* A thread that ends by itself. */
typedef struct tomb {
    mproc_node_t node;
    mproc_thread_t *thread;
} tomb_t;

static mproc_once_t once;
static mproc_mutex_t *mutex;
static mproc_node_t pools = {&pools, &pools};
static mproc_node_t ended = {&ended, &ended}; /* by the program's end, not by their owners, who may come yet */
static mproc_node_t tombs = {&tombs, &tombs};
static mproc_node_t orphans = {&orphans, &orphans}; /* pools without a thread that nobody owns any more */

static const mproc_pool_t *visited; /* by the program's end: nobody frees it meanwhile */

static int make_mutex(void) {
    return mproc_mutex_create(&mutex);
}

static void take_out(mproc_pool_t *pool) {
    mproc_mutex_lock(mutex);
    while (visited == pool) {
        mproc_mutex_unlock(mutex);
        mplat_sleep_ms(1);
        mproc_mutex_lock(mutex);
    }
    mproc_list_remove(&pool->all);
    mproc_mutex_unlock(mutex);
}

static void free_tomb(mproc_node_t *node) {
    tomb_t *tomb = MPROC_OWNER(node, tomb_t, node);
    mproc_thread_join(&tomb->thread);
    mproc_free(tomb);
}

static void free_orphan(mproc_node_t *node) {
    mproc_pool_t *pool = MPROC_OWNER(node, mproc_pool_t, all);
    take_out(pool);
    mproc_free(pool->tomb);
    pool->tomb = NULL;
    mproc_pool_finish(pool);
}

static void free_all(mproc_node_t *head, void (*free_one)(mproc_node_t *node)) {
    mproc_node_t *node = NULL;
    mproc_mutex_lock(mutex);
    while ((node = mproc_list_first(head)) != NULL) {
        mproc_list_remove(node);
        mproc_mutex_unlock(mutex);
        free_one(node);
        mproc_mutex_lock(mutex);
    }
    mproc_mutex_unlock(mutex);
}

static void free_dead(void) {
    free_all(&tombs, free_tomb);
    free_all(&orphans, free_orphan);
}

int mproc_pool_list_prepare(mproc_pool_t *pool) {
    int err = mproc_once(&once, make_mutex);
    if (err != MPROC_OK)
        return err;
    /* Taken now: the end of an orphan must not fail. */
    pool->tomb = mproc_alloc(sizeof(tomb_t));
    if (pool->tomb == NULL)
        return mproc_fail_memory("a pool");
    free_dead();
    return MPROC_OK;
}

void mproc_pool_list_add(mproc_pool_t *pool) {
    mproc_mutex_lock(mutex);
    mproc_list_append(&pools, &pool->all);
    mproc_mutex_unlock(mutex);
}

void mproc_pool_list_remove(mproc_pool_t *pool) {
    mproc_free(pool->tomb);
    pool->tomb = NULL;
    if (mutex == NULL)
        return;
    take_out(pool);
    free_dead();
}

void mproc_pool_leave(mproc_pool_t *pool) {
    mproc_mutex_lock(mutex);
    mproc_list_remove(&pool->all);
    mproc_list_append(&orphans, &pool->all);
    mproc_mutex_unlock(mutex);
}

void mproc_pool_bury(mproc_pool_t *pool) {
    tomb_t *tomb = pool->tomb;
    tomb->thread = pool->thread;
    take_out(pool);
    mproc_pool_finish(pool);
    mproc_mutex_lock(mutex);
    mproc_list_append(&tombs, &tomb->node);
    mproc_mutex_unlock(mutex);
}

/* Other threads of the program may still use the pool: it is ended, but not freed. */
static void end_pool(mproc_pool_t *pool) {
    int64_t patience = mproc_core_after(FINI_PATIENCE_MS);
    (void)mproc_pool_terminate(pool);
    mproc_core_lock(pool);
    while (!pool->ended && !mproc_notice_inside(pool) && mplat_clock_ns() < patience)
        mproc_core_sleep(pool, patience);
    bool join = pool->ended && !pool->orphan && !mproc_notice_inside(pool);
    mproc_core_unlock(pool);
    if (join)
        mproc_thread_join(&pool->thread);
}

void mproc_pools_fini(void) {
    mproc_node_t *node = NULL;
    if (mutex == NULL)
        return;
    mproc_mutex_lock(mutex);
    while ((node = mproc_list_first(&pools)) != NULL) {
        mproc_pool_t *pool = MPROC_OWNER(node, mproc_pool_t, all);
        mproc_list_remove(node);
        mproc_list_append(&ended, node);
        visited = pool;
        mproc_mutex_unlock(mutex);
        end_pool(pool);
        mproc_mutex_lock(mutex);
        visited = NULL;
    }
    mproc_mutex_unlock(mutex);
    free_dead();
}
