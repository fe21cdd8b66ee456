/* SPDX-License-Identifier: Apache-2.0 */
/* backend.h: the seam between the pool's core, which knows what is to be done, and a backend, which knows where it is done.
 * Nothing here speaks of processes, channels or shared memory: a slot may as well be on another machine. */
#ifndef MPROC_BACKEND_H
#define MPROC_BACKEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/pool.h>

#include "call.h"
#include "report.h"

/* What holds for the seam:
 *
 * - The core keeps every work until the backend has given it back, exactly once: by finished or by returned. A work that is out
 *   is constant; the backend reads it and keeps pointers into it.
 * - A slot runs its works one after the other, in the order of submit. Works behind the first may wait there to hide latency;
 *   the core can take them back while they have not begun.
 * - Every operation is called with the core's lock held, except wait, wait_slot and slot_ready; wake and wake_slot are called
 *   with it or without. Only wait and wait_slot block.
 * - Events come only from inside poll, with the lock held. An event handler may call submit, revoke, cancel and kill.
 * - All that leaves a slot is checked by the backend before the core sees it.
 */

typedef enum mproc_work_kind {
    MPROC_WORK_CALL,  /* one call with args and input */
    MPROC_WORK_ARRAY, /* count calls, each with an element of input as its raw input */
    MPROC_WORK_LISTS  /* count calls, each with an argument list of args */
} mproc_work_kind_t;

#define MPROC_ANY_ITEM UINT32_MAX

/* One piece that a slot does as a whole: a single task, or a chunk of a map. */
typedef struct mproc_work {
    const mproc_task_t *task;
    uint8_t kind;   /* mproc_work_kind_t; small, since there may be a million of these */
    bool watch;     /* running tells item and time exactly, started is reported: for timeouts and started callbacks */
    uint32_t count; /* items, at least 1 */
    uint32_t item_size;   /* ARRAY: bytes of an element */
    uint32_t output_size; /* ARRAY with output: bytes of a result */
    int64_t first;        /* index of the first item */
    const void *args; /* CALL: encoded arguments, empty for none. LISTS: count lists, each after its uint32_t size */
    size_t args_size;
    const void *input; /* CALL: raw input, perhaps none. ARRAY: count elements */
    size_t input_size;
    void *output;  /* ARRAY: where the backend puts plain results; NULL: results come as records */
    void *backend; /* the backend's, while the work is out */
} mproc_work_t;

/* A record of a chunk's reply: this, then size bytes, then padding up to a multiple of 16. Already checked by the backend. */
typedef struct mproc_record {
    uint32_t outcome; /* mproc_outcome_kind_t */
    uint32_t reserved;
    uint64_t size;
} mproc_record_t;

/* Memory that a reply points into, kept until released: results written in place. */
typedef struct mproc_hold {
    void (*release)(struct mproc_hold *hold); /* any thread, with the lock or without, also after destroy */
} mproc_hold_t;

/* How a work ended: so many items well, then perhaps some that failed; the rest, if any, was not begun. */
typedef struct mproc_reply {
    uint32_t succeeded;
    uint32_t failed; /* 0 or 1; more when one failure takes several (mproc_call_chunk) */
    const mproc_report_t
        *failure; /* why, when failed is not 0; valid during the event. report->error.code says which kind */
    mproc_outcome_kind_t outcome; /* CALL that succeeded */
    const void *data; /* CALL: the outcome's bytes. Chunks without output: a record for each succeeded item */
    size_t size;
    mproc_hold_t *hold; /* NULL: data is valid during the event only; else the core releases it */
    int64_t begun_ns;   /* when the slot began it (mplat_clock_ns); 0: not known (it is where a trace is written) */
    int64_t run_ns;     /* time the slot spent in the tasks; 0: not measured (single tasks are, now and then) */
} mproc_reply_t;

/* What the core hears. context is the core's. */
#define MPROC_WORKERS_MAX 4096 /* slots of any backend */

typedef struct mproc_backend_events {
    void (*slot_up)(void *context, int slot, int64_t pid);
    /* No work is in the slot any more. error NULL: as planned. */
    void (*slot_down)(void *context, int slot, int64_t pid, const mproc_report_t *error);
    void (*started)(void *context, int slot, mproc_work_t *work); /* for works with watch */
    void (*finished)(void *context, int slot, mproc_work_t *work, const mproc_reply_t *reply);
    void (*returned)(void *context, int slot, mproc_work_t *work); /* not begun: the slot went down, or retires */
    void (*broken)(void *context, const mproc_report_t *error); /* slots die faster than allowed; no more will come */
} mproc_backend_events_t;

typedef struct mproc_backend mproc_backend_t;

typedef struct mproc_backend_ops {
    /* Sets the number of slots wanted. Those too many retire: none new is submitted to them, they go down when done. */
    int (*resize)(mproc_backend_t *backend, int slots);

    /* How many more works the slot takes now; 0 when it is full, retiring or not up. */
    size_t (*room)(mproc_backend_t *backend, int slot);

    /* Hands a work to a slot with room. Errors mean this work cannot be sent (MPROC_ENOMEM, MPROC_ETOOBIG): it was not taken. */
    int (*submit)(mproc_backend_t *backend, int slot, mproc_work_t *work);

    /* Wakes the slot if it sleeps: once after a batch of submits. */
    void (*flush)(mproc_backend_t *backend, int slot);

    /* wait, also one that is under way, ends when this work of the slot has been answered, and not for the replies before it:
     * they are taken when somebody polls. NULL: for no reply. The last call counts; a new slot heeds nothing. */
    void (*heed)(mproc_backend_t *backend, int slot, const mproc_work_t *work);

    /* True: the work had not begun and is the core's again, without an event. False: it has, or is done. */
    bool (*revoke)(mproc_backend_t *backend, int slot, mproc_work_t *work);

    /* The item (counted in the work) the slot is in, and since when (mplat_clock_ns); false when the slot runs nothing. Exact for
     * works with watch; for others item is 0 and since when the backend first saw the work begun. */
    bool (*running)(mproc_backend_t *backend, int slot, mproc_work_t **out_work, uint32_t *out_item,
                    int64_t *out_since_ns);

    /* Tells the running work to end soon (mproc_call_cancelled). */
    void (*cancel)(mproc_backend_t *backend, int slot, mproc_work_t *work);

    /* Ends the slot at once if it is still in this work, and in this item of it (counted in the work; MPROC_ANY_ITEM: in any):
     * true. Then finished for the work (with code as the failure's code: MPROC_ETASKTIMEOUT, MPROC_ECANCELLED), returned for
     * what had not begun, and slot_down follow in later polls, and a new slot takes its place. A work or an item that ends well
     * in this very moment keeps its result, and what comes after it has not begun: nothing fails for another's sake. False:
     * the slot is past it, and goes on. */
    bool (*kill)(mproc_backend_t *backend, int slot, const mproc_work_t *work, uint32_t item, int code);

    /* Delivers all events there are. */
    void (*poll)(mproc_backend_t *backend);

    /* Sleeps until there may be events, at most timeout_ns (here and below: no limit when negative); one thread at a time (the
     * pool's). */
    void (*wait)(mproc_backend_t *backend, int64_t timeout_ns);

    /* Ends the running or next wait. */
    void (*wake)(mproc_backend_t *backend);

    /* True when the slot may have events: a look at memory, no system call. */
    bool (*slot_ready)(mproc_backend_t *backend, int slot);

    /* Waits for slot_ready, polling a while if that is worth it, then asleep; at most timeout_ns. Any thread, but one at a time
     * for each slot. Also returns when *done is not 0 (another thread has seen to the event it came for) and when the slot goes
     * down, or for no reason. While a thread is here, wait does not end for this slot's replies; afterwards say heed again. */
    void (*wait_slot)(mproc_backend_t *backend, int slot, const _Atomic uint32_t *done, int64_t timeout_ns);

    /* Makes the thread in wait_slot, or about to enter it, look at its *done, which is set already. */
    void (*wake_slot)(mproc_backend_t *backend, int slot);

    /* All slots retire (gently), or are killed. slot_down follows for each. */
    void (*stop)(mproc_backend_t *backend, bool gently);

    /* Counters of the statistics that only the backend knows. */
    void (*stats)(mproc_backend_t *backend, mproc_pool_stats_t *stats);

    /* Whoever waits is about to run code of the user's, for as long as that likes: what comes meanwhile and must not wait is seen to
     * elsewhere. Never waits. */
    void (*leave)(mproc_backend_t *backend);

    /* Waits, a second at most, until what the slots that are down have written to standard error is shown there. Called without
     * the lock. */
    void (*settle)(mproc_backend_t *backend);

    /* After every slot is down, or without waiting for them: kills what is left. */
    void (*destroy)(mproc_backend_t *backend);
} mproc_backend_ops_t;

/* The first member of every backend. */
struct mproc_backend {
    const mproc_backend_ops_t *ops;
};

/* The backend of worker processes on this machine. options are checked and complete. */
int mproc_local_create(const mproc_pool_options_t *options, const mproc_backend_events_t *events, void *context,
                       mproc_backend_t **out_backend);

/* The backend that runs every work inside submit, in this process (MPROC_INLINE). */
int mproc_inline_create(const mproc_pool_options_t *options, const mproc_backend_events_t *events, void *context,
                        mproc_backend_t **out_backend);

#endif
