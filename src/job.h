/* SPDX-License-Identifier: Apache-2.0 */
/* job.h: what a pool has been asked to do, and how it went. A job is what the public header calls a result. A single task is one
 * block of memory: job, unit of work and payload; all that only some tasks need stands in a separate one. */
#ifndef MPROC_SRC_JOB_H
#define MPROC_SRC_JOB_H

#include <mproc/pool.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "list.h"
#include "queue.h"
#include "report.h"
#include "timers.h"
#include "value.h"

/* ---- units ---------------------------------------------------------------------------------------------------------- */

typedef enum mproc_unit_state {
    MPROC_UNIT_IDLE = 0, /* in no list */
    MPROC_UNIT_QUEUED,
    MPROC_UNIT_RESERVED, /* waits for one certain slot */
    MPROC_UNIT_OUT,      /* the backend has it */
    MPROC_UNIT_DELAYED   /* waits for its back-off */
} mproc_unit_state_t;

enum {
    MPROC_UNIT_PART = 1,      /* of a map: the unit is an mproc_part_t's */
    MPROC_UNIT_CURSOR = 2,    /* stands in the queue for all items of a map that have not been sent yet */
    MPROC_UNIT_PINNED = 4,    /* for its slot only (run_on_all) */
    MPROC_UNIT_KEYED = 8,     /* has an affinity key */
    MPROC_UNIT_SOFT = 16,     /* one item a part: it has a soft timeout */
    MPROC_UNIT_SOFTENED = 32, /* has been told that its soft timeout is over */
    MPROC_UNIT_KILLED = 64    /* its slot has been killed for it */
};

/* What a single task gave. */
typedef struct mproc_kept {
    const void *data;
    size_t size;
} mproc_kept_t;

/* A work and where it is. */
typedef struct mproc_unit {
    mproc_work_t work; /* first: events give it back */
    union {
        mproc_node_t node; /* in the queue, or in its lane */
        mproc_kept_t kept; /* of a single task that has succeeded: it is in no list any more */
    };
    mproc_result_t *job;
    int32_t lane;     /* where it is out, or reserved for; -1 */
    uint16_t attempt; /* runs that failed before this one */
    uint8_t state;    /* mproc_unit_state_t */
    uint8_t flags;
} mproc_unit_t;

/* A unit of a map: a chunk, an item that is tried again, or one run of run_on_all. */
typedef struct mproc_part {
    mproc_unit_t unit;
    mproc_node_t sibling; /* in map->parts */
    mproc_timer_t timer;  /* its back-off */
    size_t payload;       /* bytes behind the struct: argument lists that were pulled */
} mproc_part_t;

/* ---- jobs ----------------------------------------------------------------------------------------------------------- */

enum {
    MPROC_JOB_AWAITED = 1, /* some thread sleeps until it is done */
    MPROC_JOB_DIRECT = 2,  /* a thread is in wait_slot for it */
    MPROC_JOB_CANCEL = 4,  /* was told to end: no retries any more */
    MPROC_JOB_HEAP = 8     /* data is a block of its own */
};

typedef struct mproc_map mproc_map_t;

/* What is to happen to a job when its time comes. */
enum {
    MPROC_TIMER_DEADLINE,
    MPROC_TIMER_RETRY,
    MPROC_TIMER_PART,
    MPROC_TIMER_LANE,
    MPROC_TIMER_PROGRESS,
    MPROC_TIMER_TRACE
};

/* Something the pool's thread is to tell the user, in order. */
typedef struct mproc_notice {
    mproc_node_t node;
    int kind;
} mproc_notice_t;

/* The options of a job that has any, and the report of one that failed. Times in nanoseconds, 0 for none. */
typedef struct mproc_rare {
    int64_t soft_ns, timeout_ns, backoff_ns, backoff_max_ns;
    int64_t kill_at_ns; /* of a cancelled job; 0: not at all */
    int kill_code;      /* what it then fails with */
    int retries;
    unsigned retry_on;
    uint64_t affinity_key;
    mproc_bucket_t *bucket;
    mproc_map_policy_t policy;
    mproc_result_callback_t *callback, *error_callback;
    mproc_started_callback_t *started;
    void *context;
    mproc_timer_t deadline, retry;
    size_t timers; /* reserved in the pool's heap */
    mproc_notice_t notice;
    mproc_report_t report;
    mproc_map_t *map; /* NULL for a single task */
    mproc_result_t *job;
} mproc_rare_t;

/* Once done is set everything but tree, flags and references stays as it is. There may be a million of these. */
struct mproc_result {
    mproc_unit_t unit; /* of a single task; its kind, task and bucket's place for all */
    mproc_pool_t *pool;
    _Atomic uint32_t done;
    uint32_t references; /* the user's handle, the pool while it is not done, a callback to come */
    int code;
    uint16_t room; /* behind the struct, in steps; UINT16_MAX: not to be used again */
    uint8_t flags;
    uint8_t outcome; /* mproc_outcome_kind_t of a single task */
    mproc_hold_t *hold;
    mproc_tree_t *tree;
    mproc_rare_t *rare;
};

_Static_assert(sizeof(mproc_result_t) <= 20 * sizeof(int64_t), "a waiting task is small");

/* The room behind a job: allocators give sizes in steps of 16 bytes, and most take 8 of them for themselves. */
#define MPROC_JOB_STEP 16u
#define MPROC_JOB_FIRST 8u
#define MPROC_JOB_CLASSES 17u /* blocks with room for up to 264 bytes are used again */

/* Bytes of unused blocks that are kept: what a burst of some hundred thousand tasks leaves. Fresh memory for the next one would
 * cost as much as its tasks. */
#define MPROC_JOB_KEPT ((size_t)32 << 20)

/* Unused blocks, linked by their first word. */
typedef struct mproc_job_store {
    void *free[MPROC_JOB_CLASSES];
    size_t kept; /* bytes */
} mproc_job_store_t;

/* mproc_job_take gives a job with room for payload bytes behind it, all members zero but unit.work, room and references (0);
 * NULL without memory. */
mproc_result_t *mproc_job_take(mproc_job_store_t *store, size_t payload);

/* mproc_job_payload is the room behind a job. */
static inline unsigned char *mproc_job_payload(mproc_result_t *job) {
    return (unsigned char *)(job + 1);
}

/* mproc_job_put gives the block back; what it points to has been freed. */
void mproc_job_put(mproc_job_store_t *store, mproc_result_t *job);

/* mproc_job_empty frees what a job points to, except its map: data, hold, tree, report. Without the pool's lock. */
void mproc_job_empty(mproc_result_t *job);

/* mproc_job_keep keeps a single task's result: in the block itself where it fits. MPROC_ENOMEM. */
int mproc_job_keep(mproc_result_t *job, const mproc_reply_t *reply);

/* mproc_job_rare is the job's, made when it has none; NULL without memory. */
mproc_rare_t *mproc_job_rare(mproc_result_t *job);

/* mproc_job_fail keeps code and report (may be NULL) as the job's failure. Without memory the code stays. */
void mproc_job_fail(mproc_result_t *job, int code, const mproc_error_t *error);

/* mproc_job_error is the report of a failed job, never NULL: without memory for it, one that only knows the code. */
const mproc_error_t *mproc_job_error(const mproc_result_t *job);

/* mproc_code_error is a static report of a code. */
const mproc_error_t *mproc_code_error(int code);

void mproc_job_store_fini(mproc_job_store_t *store);

#endif
