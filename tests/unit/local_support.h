/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the backend of local workers share: a core that only takes notes. */
#ifndef TESTS_UNIT_LOCAL_SUPPORT_H
#define TESTS_UNIT_LOCAL_SUPPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "test.h"

/* A work and all that was said about it. */
typedef struct job {
    mproc_work_t work; /* first: events find the job by it */
    int finished, returned, started;
    int slot; /* that finished it, or gave it back */
    uint32_t succeeded, failed;
    mproc_outcome_kind_t outcome;
    unsigned char *data; /* a copy; NULL for none */
    size_t size;
    bool held; /* data came with a hold */
    int64_t begun_ns, run_ns;
    mproc_report_t report; /* code MPROC_OK: nothing failed */
    _Atomic uint32_t done; /* 1 once finished or returned: for wait_slot */
} job_t;

typedef struct rig {
    mproc_backend_t *backend;
    const mproc_backend_ops_t *ops;
    int ups, downs, planned, broken;
    int64_t pids[16]; /* of the first slots, while they are up */
    int64_t last_pid; /* of the latest that came up */
    mproc_report_t last_down, why_broken;
    mproc_hold_t **holds; /* where set: holds are kept there and not released */
    size_t hold_count;
    void (*on_finished)(struct rig *rig, job_t *job); /* where set: called inside the event */
    void (*on_returned)(struct rig *rig, job_t *job);
} rig_t;

/* rig_options gives complete options of a pool of that many workers, as the checks of pools leave them. */
mproc_pool_options_t rig_options(int processes);

/* rig_open makes the backend; rig_start also waits until all workers are up. */
void rig_open(rig_t *rig, const mproc_pool_options_t *options);
void rig_start(rig_t *rig, int processes);

/* rig_start_patiently does so for two workers that may die as often as they like. */
void rig_start_patiently(rig_t *rig);

/* rig_close destroys it, as it stands. */
void rig_close(rig_t *rig);

/* rig_turn waits for events, at most that long, and delivers them. */
void rig_turn(rig_t *rig, int timeout_ms);

/* rig_never_look leaves all to wake-ups: what is lost stays lost. */
void rig_never_look(rig_t *rig);

/* rig_patience_ms is how long something may take before it is taken for lost. */
int64_t rig_patience_ms(void);

/* rig_kill kills a worker, whatever it is in. */
void rig_kill(rig_t *rig, int slot, int code);

/* rig_until turns until *counter is at least least, or fails the test. rig_until_done does for a job, rig_until_idle for a number
 * of them. */
void rig_until(rig_t *rig, const int *counter, int least);
void rig_until_done(rig_t *rig, job_t *job);
void rig_until_all(rig_t *rig, job_t *jobs, size_t count);

/* rig_until_room turns until the slot takes a work. */
void rig_until_room(rig_t *rig, int slot);

/* call_number reads a task's input, one number; INT64_MIN for an input of another size. */
int64_t call_number(mproc_call_t *call);

/* job_call makes a single call. args may be NULL. job_array makes a chunk over elements; output may be NULL. job_lists one over
 * count encoded argument lists (lists_of_ints makes some, the caller frees). */
job_t job_call(const mproc_task_t *task, const mproc_args_t *args, const void *input, size_t input_size);
job_t job_array(const mproc_task_t *task, const void *items, uint32_t count, uint32_t item_size, void *output,
                uint32_t output_size);
job_t job_lists(const mproc_task_t *task, const void *lists, size_t size, uint32_t count);
void *lists_of_ints(const int64_t *numbers, uint32_t count, size_t *out_size);

/* rig_flush hands over what was submitted, and has waits end when the last of it is answered. */
void rig_flush(rig_t *rig, int slot, const job_t *last);

/* job_send submits and flushes; job_run also waits until the job is done. */
void job_send(rig_t *rig, int slot, job_t *job);
void job_run(rig_t *rig, int slot, job_t *job);

/* job_free forgets all about it, its arguments too. */
void job_free(job_t *job);
void jobs_free(job_t *jobs, size_t count);

/* job_int reads a value that is an integer; it fails the test for any other outcome. */
int64_t job_int(const job_t *job);

/* job_record gives record index of a chunk's results, and its bytes. */
const mproc_record_t *job_record(const job_t *job, uint32_t index, const void **out_data);

#endif
