/* SPDX-License-Identifier: Apache-2.0 */
/* process_result.c: what the target of an ended process gave: its value, its bytes, or the report of its failure. Reports and
 * values are made when they are first asked for, and without the lock, since they may take long. When two threads make one at
 * the same time, the first to be ready wins. */
#include "memory.h"
#include "process_object.h"

static mproc_report_t *new_report(void) {
    mproc_report_t *report = mproc_alloc(sizeof *report);
    if (report != NULL)
        mproc_report_init(report);
    return report;
}

static void free_report(mproc_report_t *report) {
    if (report == NULL)
        return;
    mproc_report_fini(report);
    mproc_free(report);
}

/* With the lock, of an ended process that failed. NULL without memory. */
static const mproc_report_t *need_report(mproc_process_t *process) {
    if (process->report != NULL)
        return process->report;
    mproc_process_pin(process);
    mproc_processes_unlock();
    mproc_report_t *report = new_report();
    if (report != NULL)
        (void)mproc_process_make_report(process, report);
    mproc_processes_lock();
    if (process->report == NULL) {
        process->report = report;
        report = NULL;
    }
    free_report(report);
    const mproc_report_t *result = process->report;
    mproc_process_unpin(process);
    return result;
}

const mproc_error_t *mproc_process_error(mproc_process_t *process) {
    const mproc_report_t *report = NULL;
    if (mproc_process_check(process) != MPROC_OK)
        return NULL;
    mproc_processes_lock();
    mproc_process_refresh(process);
    bool ended = process->state == MPROC_STATE_ENDED || (process->state == MPROC_STATE_CLOSED && process->pid != 0);
    if (ended && mproc_process_failed(process))
        report = need_report(process);
    mproc_processes_unlock();
    return report != NULL ? &report->error : NULL;
}

int mproc_process_fail(mproc_process_t *process) {
    const mproc_report_t *report = need_report(process);
    return report != NULL ? mproc_fail_report(report) : mproc_fail_memory("the report of a failed process");
}

/* Fails with the report of a process that gave nothing, or that its target ended with exit(0). */
static int fail_without_result(mproc_process_t *process) {
    if (!mproc_process_failed(process))
        return mproc_fail(MPROC_EDIED,
                          "Process '%s' (task '%s', pid %lld) ended without returning from its task: it called exit(0)",
                          process->name, process->plan.task->name, (long long)process->pid);
    return mproc_process_fail(process);
}

/* With the lock: waits and gives the outcome of a task that returned. */
static int await_outcome(mproc_process_t *process, int64_t timeout_ms, mproc_outcome_t *out_outcome) {
    int err = mproc_process_check_started(process);
    if (err == MPROC_OK && !process->plan.result)
        err =
            mproc_fail(MPROC_ESTATE, "The result of process '%s' was not asked for: set options.result", process->name);
    if (err == MPROC_OK)
        err = mproc_process_await(process, timeout_ms);
    if (err != MPROC_OK)
        return err;
    if (process->inbox.no_memory)
        return mproc_fail(MPROC_ENOMEM, "No memory for the result of process '%s' (%llu bytes)", process->name,
                          (unsigned long long)process->inbox.size);
    if (process->inbox.too_big && process->inbox.kind != MPROC_OUTCOME_FAILED)
        return mproc_fail(
            MPROC_ETOOBIG,
            "The result of process '%s' takes %llu bytes, more than %zu: raise options.values.max_size to "
            "accept it",
            process->name, (unsigned long long)process->inbox.size, mproc_inbox_max_size(&process->inbox));
    if (process->inbox.no_handles && !process->inbox.has_outcome)
        return mproc_fail(MPROC_ESYSTEM,
                          "The result of process '%s' came in shared memory, and this process had no handle free for "
                          "it: raise its limit of open files, or close some",
                          process->name);
    if (process->inbox.malformed || !mproc_inbox_outcome(&process->inbox, out_outcome) ||
        out_outcome->kind == MPROC_OUTCOME_FAILED)
        return fail_without_result(process);
    return MPROC_OK;
}

/* With the lock. */
static int need_tree(mproc_process_t *process, const mproc_outcome_t *outcome) {
    mproc_tree_t *tree = NULL;
    if (process->tree != NULL)
        return MPROC_OK;
    mproc_process_pin(process);
    mproc_processes_unlock();
    int err = mproc_tree_decode(outcome->data, outcome->size, &process->plan.values, &tree);
    mproc_processes_lock();
    if (err == MPROC_OK && process->tree == NULL) {
        process->tree = tree;
        tree = NULL;
    }
    mproc_tree_destroy(tree);
    mproc_process_unpin(process);
    return err;
}

int mproc_process_result(mproc_process_t *process, int64_t timeout_ms, const mproc_value_t **out_value) {
    static const mproc_value_t nil = {.object = {.type = MSGPACK_OBJECT_NIL}};
    mproc_outcome_t outcome = {.kind = MPROC_OUTCOME_NOTHING};
    if (out_value == NULL)
        return mproc_fail(MPROC_EINVAL, "out_value is NULL");
    *out_value = NULL;
    int err = mproc_process_check(process);
    if (err != MPROC_OK)
        return err;
    mproc_processes_lock();
    err = await_outcome(process, timeout_ms, &outcome);
    if (err == MPROC_OK && outcome.kind == MPROC_OUTCOME_BYTES)
        err = mproc_fail(MPROC_ETYPE, "Process '%s' returned %zu raw bytes: use mproc_process_result_bytes",
                         process->name, outcome.size);
    if (err == MPROC_OK && outcome.kind == MPROC_OUTCOME_VALUE) {
        err = need_tree(process, &outcome);
        *out_value = mproc_tree_root(process->tree);
    } else if (err == MPROC_OK) {
        *out_value = &nil;
    }
    mproc_processes_unlock();
    return err;
}

int mproc_process_result_bytes(mproc_process_t *process, int64_t timeout_ms, const void **out_data, size_t *out_size) {
    mproc_outcome_t outcome = {.kind = MPROC_OUTCOME_NOTHING};
    if (out_data == NULL || out_size == NULL)
        return mproc_fail(MPROC_EINVAL, "%s is NULL", out_data == NULL ? "out_data" : "out_size");
    *out_data = NULL;
    *out_size = 0;
    int err = mproc_process_check(process);
    if (err != MPROC_OK)
        return err;
    mproc_processes_lock();
    err = await_outcome(process, timeout_ms, &outcome);
    if (err == MPROC_OK && outcome.kind != MPROC_OUTCOME_BYTES)
        err = mproc_fail(MPROC_ETYPE, "Process '%s' returned a value, not raw bytes: use mproc_process_result",
                         process->name);
    if (err == MPROC_OK) {
        *out_data = outcome.data;
        *out_size = outcome.size;
    }
    mproc_processes_unlock();
    return err;
}
