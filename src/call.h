/* SPDX-License-Identifier: Apache-2.0 */
/* call.h: one run of a task, seen from its runner: the child of a process, or a pool's worker. What the task sees of
 * it is in mproc/task.h. */
#ifndef MPROC_SRC_CALL_H
#define MPROC_SRC_CALL_H

#include <stdbool.h>
#include <stddef.h>

#include <mproc/task.h>

#include "buffer.h"
#include "report.h"
#include "value.h"

typedef enum mproc_outcome_kind {
    MPROC_OUTCOME_NOTHING = 0, /* the task returned no value */
    MPROC_OUTCOME_VALUE,       /* data is MessagePack */
    MPROC_OUTCOME_BYTES,       /* data is what it wrote into its reservation */
    MPROC_OUTCOME_FAILED,      /* data is mproc_report_encode's; size 0 when there was no room even for that */
    MPROC_OUTCOME_PLACED /* of a call in its run, never how one ended: BYTES that are the runner's place as it is */
} mproc_outcome_kind_t;

/* How a run ended, in the room that the call's source gave. */
typedef struct mproc_outcome {
    mproc_outcome_kind_t kind;
    const void *data;
    size_t size;
} mproc_outcome_t;

/* What to run, and on what. All of it stays the runner's, and as it is until the run has ended. */
typedef struct mproc_request {
    const mproc_task_t *task;
    const void *args;  /* of mproc_encode_args */
    size_t args_size;  /* 0: no arguments */
    const void *input; /* raw, aligned to 16 bytes; NULL when there is none */
    size_t input_size;
} mproc_request_t;

/* One call object serves any number of runs, one at a time, and takes memory only for arguments, for a failure, and
 * from its source for a result. The members are call.c's and call_args.c's, except worker. */
struct mproc_call {
    mproc_request_t request;
    mproc_outcome_kind_t kind; /* of what is in output */
    bool decoded;              /* args and kwargs are set */
    bool noted;                /* failure holds the latest error of a function of this call */
    mproc_buffer_t output;
    void *place; /* the runner's: where a reservation of exactly place_size bytes goes; NULL for none, and
                          without a source */
    size_t place_size;
    mproc_tree_t *tree;          /* NULL until the task first asks for an argument */
    const mproc_value_t *args;   /* array; NULL when there is none */
    const mproc_value_t *kwargs; /* map; NULL when there is none */
    mproc_report_t failure;
    mproc_value_limits_t limits;
    void *worker; /* the runner's own; NULL from init on */
};

/* mproc_call_init prepares a call object in the caller's storage and takes no memory. limits (NULL: defaults) is
 * copied; source stays the caller's, NULL for the heap. Each run asks the source anew: the room of an earlier result
 * is then no longer the call's. */
void mproc_call_init(mproc_call_t *call, const mproc_value_limits_t *limits, const mproc_buffer_source_t *source);

/* mproc_call_run runs a task to its end in this thread. out_outcome->data is valid until the next run or fini. It
 * does not fail: whatever goes wrong is an outcome. */
void mproc_call_run(mproc_call_t *call, const mproc_request_t *request, mproc_outcome_t *out_outcome);

/* The parts of a run, for a runner of many that changes call->request in place from one to the next: begin, the task itself,
 * end. After a task that returned MPROC_OK, left the kind PLACED and noted nothing, end may be left out, and with requests that
 * have no arguments the next one needs of begin only kind NOTHING and mproc_error_clear. */
static inline void mproc_call_begin(mproc_call_t *call) {
    call->kind = MPROC_OUTCOME_NOTHING;
    call->decoded = false;
    call->noted = false;
    call->args = NULL;
    call->kwargs = NULL;
    call->output.size = 0;
    call->output.failed = false;
    if (call->output.source != NULL) { /* the room of the last run is no longer ours */
        call->output.data = NULL;
        call->output.capacity = 0;
    }
    mproc_error_clear();
}
void mproc_call_end(mproc_call_t *call, int returned, mproc_outcome_t *out_outcome);

/* mproc_call_failure is the report behind the latest outcome MPROC_OUTCOME_FAILED; code MPROC_OK after any other. */
const mproc_error_t *mproc_call_failure(const mproc_call_t *call);

void mproc_call_fini(mproc_call_t *call);

/* mproc_call_check is MPROC_EINVAL for the call that a task has lost: NULL. */
int mproc_call_check(const mproc_call_t *call);

/* mproc_call_note keeps the thread's last error in the call, for a task that returns its code; returns the code. */
int mproc_call_note(mproc_call_t *call, int code);

#endif
