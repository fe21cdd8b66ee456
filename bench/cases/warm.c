/* SPDX-License-Identifier: Apache-2.0 */
/* warm.c: a pool that is past its start. */
#include "cases/cases.h"

enum { WARM_UP_TASKS = 64 };

static int run_on_all(mproc_pool_t *pool, const mproc_task_t *task, const mproc_args_t *args, size_t *out_reached) {
    mproc_result_t *result = NULL;
    int err = mproc_pool_run_on_all(pool, task, args, NULL, &result);
    if (err == MPROC_OK)
        err = mproc_result_get(result, MPROC_FOREVER, NULL);
    *out_reached = err == MPROC_OK ? mproc_result_count(result) : 0;
    mproc_result_release(result);
    return err;
}

int warm_pool_create(int workers, bool no_spin, mproc_pool_t **out_pool) {
    mproc_pool_options_t options = {.processes = workers, .no_spin = no_spin};
    int err = mproc_pool_create(&options, out_pool);
    if (err != MPROC_OK)
        return bench_fail_mproc("mproc_pool_create", err);
    for (int i = 0; i < WARM_UP_TASKS && err == MPROC_OK; i++)
        err = mproc_pool_apply(*out_pool, &bench_nothing, NULL, NULL, NULL);
    /* run_on_all reaches those that are up; all are once it reaches as many as were asked for. */
    for (size_t reached = 0; err == MPROC_OK && reached < (size_t)workers;)
        err = run_on_all(*out_pool, &bench_nothing, NULL, &reached);
    return err == MPROC_OK ? BENCH_OK : bench_fail_mproc("warming the pool up", err);
}

int warm_pool_run_on_all(mproc_pool_t *pool, const mproc_task_t *task, const mproc_args_t *args) {
    size_t reached = 0;
    int err = run_on_all(pool, task, args, &reached);
    return err == MPROC_OK ? BENCH_OK : bench_fail_mproc("a task on all workers", err);
}

void warm_pool_destroy(mproc_pool_t *pool) {
    if (pool == NULL)
        return;
    (void)mproc_pool_close(pool);
    (void)mproc_pool_join(pool, MPROC_FOREVER);
    mproc_pool_destroy(pool);
}
