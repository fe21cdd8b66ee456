/* SPDX-License-Identifier: Apache-2.0 */
/* job.c: the memory of jobs, and what they keep of a result. */
#include "job.h"

#include "memory.h"

#include <string.h>

/* The next unused block, where a block in use has its work. */
typedef struct free_block {
    struct free_block *next;
} free_block_t;

static size_t room_of(size_t steps) {
    return MPROC_JOB_FIRST + steps * MPROC_JOB_STEP;
}

static size_t block_size(size_t steps) {
    return sizeof(mproc_result_t) + room_of(steps);
}

mproc_result_t *mproc_job_take(mproc_job_store_t *store, size_t payload) {
    if (payload > SIZE_MAX / 2)
        return NULL;
    size_t steps = payload <= MPROC_JOB_FIRST ? 0 : (payload - MPROC_JOB_FIRST + MPROC_JOB_STEP - 1) / MPROC_JOB_STEP;
    mproc_result_t *job = NULL;
    if (steps < MPROC_JOB_CLASSES && store->free[steps] != NULL) {
        free_block_t *block = store->free[steps];
        store->free[steps] = block->next;
        store->kept -= block_size(steps);
        job = (mproc_result_t *)(void *)block;
    } else {
        job = mproc_alloc(block_size(steps));
        if (job == NULL)
            return NULL;
    }
    memset((char *)job + sizeof job->unit.work, 0, sizeof *job - sizeof job->unit.work);
    job->room = steps < MPROC_JOB_CLASSES ? (uint16_t)steps : UINT16_MAX;
    job->unit.lane = -1;
    return job;
}

void mproc_job_put(mproc_job_store_t *store, mproc_result_t *job) {
    size_t steps = job->room;
    if (steps >= MPROC_JOB_CLASSES || store->kept + block_size(steps) > MPROC_JOB_KEPT) {
        mproc_free(job);
        return;
    }
    free_block_t *block = (free_block_t *)(void *)job;
    block->next = store->free[steps];
    store->free[steps] = block;
    store->kept += block_size(steps);
}

void mproc_job_store_fini(mproc_job_store_t *store) {
    for (size_t i = 0; i < MPROC_JOB_CLASSES; i++) {
        while (store->free[i] != NULL) {
            free_block_t *block = store->free[i];
            store->free[i] = block->next;
            mproc_free(block);
        }
    }
}

void mproc_job_empty(mproc_result_t *job) {
    if (job->hold != NULL)
        job->hold->release(job->hold);
    if (job->flags & MPROC_JOB_HEAP)
        mproc_free((void *)(uintptr_t)job->unit.kept.data);
    mproc_tree_destroy(job->tree);
    if (job->rare != NULL) {
        mproc_report_fini(&job->rare->report);
        mproc_free(job->rare);
    }
    job->hold = NULL;
    job->flags &= (uint8_t)~MPROC_JOB_HEAP;
    job->tree = NULL;
    job->rare = NULL;
}

/* The work is over, so all of it behind the task's name is room for a small result: most are. */
static unsigned char *spare_room(mproc_result_t *job, size_t *out_size) {
    size_t from = (offsetof(mproc_work_t, first) + 15) & ~(size_t)15;
    *out_size = sizeof job->unit.work - from;
    return (unsigned char *)&job->unit.work + from;
}

int mproc_job_keep(mproc_result_t *job, const mproc_reply_t *reply) {
    size_t spare = 0;
    unsigned char *to = spare_room(job, &spare);
    job->outcome = (uint8_t)reply->outcome;
    job->unit.kept = (mproc_kept_t){NULL, reply->size};
    if (reply->hold != NULL) {
        job->hold = reply->hold;
        job->unit.kept.data = reply->data;
        return MPROC_OK;
    }
    if (reply->size == 0)
        return MPROC_OK;
    if (reply->size > spare) {
        to = mproc_job_payload(job);
        if (job->room == UINT16_MAX || reply->size > room_of(job->room)) {
            to = mproc_alloc(reply->size);
            if (to == NULL)
                return MPROC_ENOMEM;
            job->flags |= MPROC_JOB_HEAP;
        }
    }
    memcpy(to, reply->data, reply->size);
    job->unit.kept.data = to;
    return MPROC_OK;
}

mproc_rare_t *mproc_job_rare(mproc_result_t *job) {
    if (job->rare == NULL) {
        mproc_rare_t *rare = mproc_alloc_zero(1, sizeof *rare);
        if (rare != NULL) {
            mproc_report_init(&rare->report);
            mproc_list_init(&rare->notice.node);
            rare->deadline.kind = MPROC_TIMER_DEADLINE;
            rare->retry.kind = MPROC_TIMER_RETRY;
            rare->job = job;
        }
        job->rare = rare;
    }
    return job->rare;
}

void mproc_job_fail(mproc_result_t *job, int code, const mproc_error_t *error) {
    job->code = code;
    mproc_rare_t *rare = mproc_job_rare(job);
    if (rare != NULL)
        (void)mproc_report_set(&rare->report, error != NULL ? error : mproc_code_error(code));
}

const mproc_error_t *mproc_job_error(const mproc_result_t *job) {
    if (job->rare != NULL && job->rare->report.error.code == job->code)
        return &job->rare->report.error;
    return mproc_code_error(job->code);
}

const mproc_error_t *mproc_code_error(int code) {
#define X(code_, value_, text_)                                                                                        \
    {.code = (code_),                                                                                                  \
     .message = (text_),                                                                                               \
     .task = "",                                                                                                       \
     .item = -1,                                                                                                       \
     .exit = {.name = ""},                                                                                             \
     .file = "",                                                                                                       \
     .backtrace = "",                                                                                                  \
     .stderr_tail = ""},
    static const mproc_error_t errors[] = {MPROC_ERRORS(X)};
#undef X
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].code == code)
            return &errors[i];
    }
    return &mproc_no_error;
}
