/* SPDX-License-Identifier: Apache-2.0 */
/* core_notice.c: what the pool's thread tells the user, in the order in which it happened, without the lock. */
#include "core.h"
#include "memory.h"

typedef struct hook_notice {
    mproc_notice_t notice;
    mproc_pool_event_t event;
    mproc_report_t report;
} hook_notice_t;

typedef struct started_notice {
    mproc_notice_t notice;
    mproc_result_t *job;
    int64_t item, pid;
} started_notice_t;

static _Thread_local const mproc_visit_t *visits;

bool mproc_notice_inside(const mproc_pool_t *pool) {
    const mproc_visit_t *visit = visits;
    while (visit != NULL && visit->pool != pool)
        visit = visit->before;
    return visit != NULL;
}

void mproc_notice_enter(mproc_visit_t *visit, const mproc_pool_t *pool) {
    *visit = (mproc_visit_t){pool, visits};
    visits = visit;
}

void mproc_notice_leave(const mproc_visit_t *visit) {
    visits = visit->before;
}

static void add_notice(mproc_pool_t *pool, mproc_notice_t *notice, int kind) {
    notice->kind = kind;
    mproc_list_append(&pool->notices, &notice->node);
    mproc_core_wake(pool);
}

void mproc_notice_done(mproc_pool_t *pool, mproc_result_t *job) {
    job->references++;
    add_notice(pool, &job->rare->notice, MPROC_NOTICE_DONE);
}

/* Without memory a hook or started callback is not called: it only informs, and no result depends on it. */
void mproc_notice_hook(mproc_pool_t *pool, mproc_pool_event_kind_t kind, int worker, int64_t pid,
                       const mproc_error_t *error) {
    hook_notice_t *made = pool->hook == NULL ? NULL : mproc_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return;
    made->event = (mproc_pool_event_t){.kind = kind, .worker = worker, .pid = pid};
    mproc_report_init(&made->report);
    if (error != NULL) {
        (void)mproc_report_set(&made->report, error);
        made->event.error = &made->report.error;
    }
    add_notice(pool, &made->notice, MPROC_NOTICE_HOOK);
}

void mproc_notice_started(mproc_pool_t *pool, mproc_result_t *job, int64_t item, int64_t pid) {
    started_notice_t *made = mproc_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return;
    made->job = job;
    made->item = item;
    made->pid = pid;
    job->references++;
    add_notice(pool, &made->notice, MPROC_NOTICE_STARTED);
}

static void tell_done(mproc_pool_t *pool, mproc_rare_t *rare) {
    mproc_result_t *job = rare->job;
    mproc_result_callback_t *callback = job->code == MPROC_OK ? rare->callback : rare->error_callback;
    mproc_core_unlock(pool);
    callback(job, rare->context);
    mproc_core_lock(pool);
    mproc_core_unref(pool, job);
}

static void tell_hook(mproc_pool_t *pool, hook_notice_t *made) {
    mproc_core_unlock(pool);
    pool->hook(pool, &made->event, pool->hook_context);
    mproc_report_fini(&made->report);
    mproc_free(made);
    mproc_core_lock(pool);
}

static void tell_started(mproc_pool_t *pool, started_notice_t *made) {
    mproc_rare_t *rare = made->job->rare;
    mproc_core_unlock(pool);
    rare->started(made->item, made->pid, rare->context);
    mproc_core_lock(pool);
    mproc_core_unref(pool, made->job);
    mproc_free(made);
}

bool mproc_notices_tell(mproc_pool_t *pool) {
    mproc_node_t *node = mproc_list_first(&pool->notices);
    mproc_visit_t visit;
    if (node == NULL)
        return false;
    pool->ops->leave(pool->backend);
    mproc_notice_enter(&visit, pool);
    while ((node = mproc_list_first(&pool->notices)) != NULL) {
        mproc_notice_t *notice = MPROC_OWNER(node, mproc_notice_t, node);
        mproc_list_remove(node);
        if (notice->kind == MPROC_NOTICE_DONE)
            tell_done(pool, MPROC_OWNER(notice, mproc_rare_t, notice));
        else if (notice->kind == MPROC_NOTICE_HOOK)
            tell_hook(pool, MPROC_OWNER(notice, hook_notice_t, notice));
        else
            tell_started(pool, MPROC_OWNER(notice, started_notice_t, notice));
    }
    mproc_notice_leave(&visit);
    return true;
}
