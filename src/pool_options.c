/* SPDX-License-Identifier: Apache-2.0 */
/* pool_options.c: checks options and fills in defaults. */
#include "pool_options.h"

#include "core_map.h"
#include "platform/platform.h"
#include "registry.h"
#include "trace.h"

#include <math.h>
#include <mproc/process.h>
#include <stdlib.h>
#include <string.h>

#define RESTART_WINDOW_MS 10000
#define START_TIMEOUT_MS 60000
#define MEMORY_LIMIT ((size_t)256 << 20)
#define BACKOFF_MAX_MS 60000

/* Earlier versions of a struct are shorter: what they lack is default. */
static int copy_options(void *to, size_t size, const void *from, const char *what) {
    size_t given = 0;
    memset(to, 0, size);
    if (from == NULL)
        return MPROC_OK;
    memcpy(&given, from, sizeof given);
    if (given == 0)
        given = size;
    if (given > size || given < sizeof given)
        return mproc_fail(
            MPROC_EINVAL,
            "The size in %s is %zu, and this library knows %zu bytes: was the program compiled for a later "
            "version?",
            what, given, size);
    memcpy(to, from, given);
    return MPROC_OK;
}

static int not_negative(int64_t value, const char *name) {
    if (value >= 0)
        return MPROC_OK;
    return mproc_fail(MPROC_EINVAL, "%s cannot be negative (%lld)", name, (long long)value);
}

static int check_task(const mproc_task_t *task) {
    return task == NULL ? MPROC_OK : mproc_registry_check_task(task);
}

static int check_pool(const mproc_pool_options_t *options) {
    int err = MPROC_OK;
    if ((options->processes < 0 && options->processes != MPROC_INLINE) || options->processes > MPROC_WORKERS_MAX)
        return mproc_fail(MPROC_EINVAL,
                          "processes is %d: give 1 to %d, 0 for as many as there are processors, or MPROC_INLINE",
                          options->processes, MPROC_WORKERS_MAX);
    if (!(options->recycle_jitter >= 0.0 && options->recycle_jitter <= 1.0))
        return mproc_fail(MPROC_EINVAL, "recycle_jitter is %g: give 0 to 1", options->recycle_jitter);
    if ((err = check_task(options->initializer)) != MPROC_OK || (err = check_task(options->finalizer)) != MPROC_OK ||
        (err = not_negative(options->maxtasksperchild, "maxtasksperchild")) != MPROC_OK ||
        (err = not_negative(options->max_age_ms, "max_age_ms")) != MPROC_OK ||
        (err = not_negative(options->restart_limit, "restart_limit")) != MPROC_OK ||
        (err = not_negative(options->restart_window_ms, "restart_window_ms")) != MPROC_OK ||
        (err = not_negative(options->start_timeout_ms, "start_timeout_ms")) != MPROC_OK)
        return err;
    if (options->initargs != NULL && options->initializer == NULL)
        return mproc_fail(MPROC_EINVAL, "initargs are given, but no initializer to take them");
    return MPROC_OK;
}

/* So that no time, in nanoseconds and from now on, is beyond what a number can hold. */
static void cap(int64_t *value) {
    const int64_t most = INT64_MAX / 4 / MPROC_NS_PER_MS;
    if (*value > most)
        *value = most;
}

int mproc_pool_options_complete(const mproc_pool_options_t *options, mproc_pool_options_t *out_options) {
    int err = copy_options(out_options, sizeof *out_options, options, "mproc_pool_options_t");
    if (err == MPROC_OK)
        err = check_pool(out_options);
    if (err != MPROC_OK)
        return err;
    out_options->size = sizeof *out_options;
    if (out_options->processes == 0)
        out_options->processes = mproc_cpu_count();
    if (out_options->restart_limit == 0)
        out_options->restart_limit = 5 + 2 * (out_options->processes > 0 ? out_options->processes : 1);
    if (out_options->restart_window_ms == 0)
        out_options->restart_window_ms = RESTART_WINDOW_MS;
    if (out_options->start_timeout_ms == 0)
        out_options->start_timeout_ms = START_TIMEOUT_MS;
    cap(&out_options->restart_window_ms);
    cap(&out_options->start_timeout_ms);
    cap(&out_options->max_age_ms);
    cap(&out_options->maxtasksperchild);
    if (out_options->memory_limit == 0)
        out_options->memory_limit = MEMORY_LIMIT;
    if (out_options->trace == NULL)
        out_options->trace = mproc_trace_default();
    if (out_options->trace != NULL && out_options->trace[0] == '\0')
        out_options->trace = NULL;
    if (out_options->seed == 0 && mplat_random(&out_options->seed, sizeof out_options->seed) != MPLAT_OK)
        out_options->seed = (uint64_t)mplat_clock_ns() ^ (uint64_t)mplat_self_pid() << 32;
    return MPROC_OK;
}

int mproc_task_options_complete(const mproc_task_options_t *options, mproc_task_options_t *out_options) {
    int err = copy_options(out_options, sizeof *out_options, options, "mproc_task_options_t");
    if (err != MPROC_OK || options == NULL)
        return err;
    if ((err = not_negative(out_options->soft_timeout_ms, "soft_timeout_ms")) != MPROC_OK ||
        (err = not_negative(out_options->timeout_ms, "timeout_ms")) != MPROC_OK ||
        (err = not_negative(out_options->deadline_ms, "deadline_ms")) != MPROC_OK ||
        (err = not_negative(out_options->retries, "retries")) != MPROC_OK ||
        (err = not_negative(out_options->backoff_ms, "backoff_ms")) != MPROC_OK ||
        (err = not_negative(out_options->backoff_max_ms, "backoff_max_ms")) != MPROC_OK)
        return err;
    if (out_options->input_size > 0 && out_options->input == NULL)
        return mproc_fail(MPROC_EINVAL, "input_size is %zu, but there is no input", out_options->input_size);
    if (out_options->input_size > SIZE_MAX / 2)
        return mproc_fail(MPROC_ETOOBIG, "input_size is %zu: no memory is larger than %zu bytes",
                          out_options->input_size, SIZE_MAX / 2);
    if (out_options->retries > UINT16_MAX - 1)
        return mproc_fail(MPROC_EINVAL, "retries is %d: give at most %d", out_options->retries, UINT16_MAX - 1);
    if ((out_options->retry_on & ~(MPROC_RETRY_DIED | MPROC_RETRY_TIMEOUT | MPROC_RETRY_ERROR)) != 0)
        return mproc_fail(MPROC_EINVAL, "retry_on has bits that mean nothing (0x%x)", out_options->retry_on);
    if ((unsigned)out_options->policy > MPROC_MAP_CANCEL)
        return mproc_fail(MPROC_EINVAL, "policy is %d: give one of mproc_map_policy_t", (int)out_options->policy);
    if (out_options->retry_on == 0)
        out_options->retry_on = MPROC_RETRY_DIED | MPROC_RETRY_TIMEOUT | MPROC_RETRY_ERROR;
    if (out_options->backoff_max_ms == 0)
        out_options->backoff_max_ms = BACKOFF_MAX_MS;
    return MPROC_OK;
}

static int64_t ns(int64_t ms) {
    return ms > INT64_MAX / 4 / MPROC_NS_PER_MS ? INT64_MAX / 4 : ms * MPROC_NS_PER_MS;
}

static bool are_defaults(const mproc_task_options_t *options) {
    return options->soft_timeout_ms == 0 && options->timeout_ms == 0 && options->deadline_ms == 0 &&
           options->retries == 0 && options->priority == 0 && options->affinity_key == 0 && options->callback == NULL &&
           options->error_callback == NULL && options->started == NULL;
}

static int set_timers(mproc_pool_t *pool, mproc_rare_t *rare, const mproc_task_options_t *options) {
    size_t timers = (options->deadline_ms > 0 ? 1u : 0u) + (options->retries > 0 ? 1u : 0u);
    int err = timers > 0 ? mproc_timers_reserve(&pool->timers, timers) : MPROC_OK;
    if (err != MPROC_OK)
        return err;
    rare->timers = timers;
    if (options->deadline_ms > 0)
        mproc_core_timer(pool, &rare->deadline, mplat_clock_ns() + ns(options->deadline_ms));
    return MPROC_OK;
}

int mproc_task_options_apply(mproc_pool_t *pool, mproc_result_t *job, const mproc_task_options_t *options) {
    if (are_defaults(options))
        return MPROC_OK;
    mproc_rare_t *rare = mproc_job_rare(job);
    if (rare == NULL)
        return mproc_fail_memory("the options of a task");
    rare->soft_ns = ns(options->soft_timeout_ms);
    rare->timeout_ns = ns(options->timeout_ms);
    rare->backoff_ns = ns(options->backoff_ms);
    rare->backoff_max_ns = ns(options->backoff_max_ms);
    rare->retries = options->retries;
    rare->retry_on = options->retry_on;
    rare->affinity_key = options->affinity_key;
    rare->policy = options->policy;
    rare->callback = options->callback;
    rare->error_callback = options->error_callback;
    rare->started = options->started;
    rare->context = options->context;
    job->unit.work.watch = rare->soft_ns > 0 || rare->timeout_ns > 0 || rare->started != NULL;
    if (options->affinity_key != 0)
        job->unit.flags |= MPROC_UNIT_KEYED;
    int err = options->priority == 0 ? MPROC_OK : mproc_queue_hold(&pool->queue, options->priority, &rare->bucket);
    return err == MPROC_OK ? set_timers(pool, rare, options) : err;
}
