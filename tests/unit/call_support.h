/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of calls share: a function that is run as a task, and what is checked after it. */
#ifndef TESTS_UNIT_CALL_SUPPORT_H
#define TESTS_UNIT_CALL_SUPPORT_H

#include "call.h"

typedef struct run {
    mproc_call_t call;
    mproc_buffer_t args;
    mproc_task_t task;
    mproc_outcome_t outcome;
} run_t;

/* run_begin prepares a call with these arguments; run_again runs a function as the task "shape" on them, any number of times. */
void run_begin(run_t *run, const mproc_args_t *args);
void run_again(run_t *run, mproc_task_fn *function);
void run_end(run_t *run);

/* check_result compares the value that the latest run returned with what Python prints; check_returns runs and does so. */
void check_result(const run_t *run, const char *expected);
void check_returns(mproc_task_fn *function, const mproc_args_t *args, const char *expected);

/* check_failure compares both what the runner holds and what arrives at the other side; check_fails runs and does so. */
void check_failure(const run_t *run, int code, const char *message);
void check_fails(mproc_task_fn *function, const mproc_args_t *args, int code, const char *message);

/* Tasks that more than one subject needs. */
mproc_task_fn read_everything; /* one argument of each type, returned as a list */
mproc_task_fn read_one;        /* an integer, returned */
mproc_task_fn return_nothing;
mproc_task_fn reserve_and_cut; /* 1,000 bytes, cut to fewer */
mproc_task_fn reserve_nothing; /* 0 bytes */
mproc_task_fn fail_at_length;  /* with 5,000 bytes of text and more */

#endif
