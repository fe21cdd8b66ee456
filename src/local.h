/* SPDX-License-Identifier: Apache-2.0 */
/* local.h: the backend of worker processes on this machine: what its files local_*.c share. The rest of src/ sees backend.h. */
#ifndef MPROC_SRC_LOCAL_H
#define MPROC_SRC_LOCAL_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "channel.h"
#include "plan.h"
#include "relay.h"

/* ---- segments (local_segment.c) ----------------------------------------------------------------------------------------- */

typedef enum mproc_segment_status {
    MPROC_SEGMENT_FREE,    /* kept for the next large payload */
    MPROC_SEGMENT_USED,    /* holds a work's payload, or a result that is being written */
    MPROC_SEGMENT_HELD,    /* a result that the core has not released */
    MPROC_SEGMENT_ORPHANED /* held, and its worker is gone: the release frees it */
} mproc_segment_status_t;

/* Memory for large payloads. It belongs to one worker for life, so that no worker ever sees another one's data. */
typedef struct mproc_local_segment {
    mproc_hold_t hold; /* first: the core's handle on a held one */
    _Atomic int status;
    uint32_t number;
    mplat_segment_t *memory;
    struct mproc_local_segment *next;
} mproc_local_segment_t;

/* ---- lines ------------------------------------------------------------------------------------------------------------------ */

/* All that the parent shares with one worker process. Threads wait at it without the core's lock, so it outlives the process
 * until the last of them has gone. */
typedef struct mproc_line {
    mproc_channel_t *channel;
    mplat_segment_t *memory;
    mplat_bell_t *bell;
    mplat_wake_t *worker_wake;
    mplat_wake_t *direct_wake;
    _Atomic uint32_t head;     /* number of the oldest request without a response */
    _Atomic uint32_t answered; /* needs that are answered, ever */
    _Atomic uint32_t heed;     /* the pool's thread is to hear of the response to this request ... */
    _Atomic bool heeds;        /* ... if to any */
    _Atomic uint32_t watched;  /* head, when its begin is still to be reported; else 0 */
    _Atomic bool exited;
    _Atomic bool distrusted; /* it sent what no worker sends: nothing of it is read any more */
    struct mproc_slot *slot;
    struct mproc_line *next; /* in the graveyard */
} mproc_line_t;

/* ---- slots ------------------------------------------------------------------------------------------------------------------ */

typedef enum mproc_slot_stage {
    MPROC_SLOT_EMPTY = 0, /* no process; restarted at restart_ns, if wanted */
    MPROC_SLOT_STARTING,
    MPROC_SLOT_UP,
    MPROC_SLOT_RETIRING
} mproc_slot_stage_t;

/* One request in a ring, as the parent knows it. */
typedef struct mproc_sent {
    mproc_work_t *work;              /* NULL once it is the core's again */
    mproc_local_segment_t *payload;  /* NULL: in the arena, or none */
    mproc_local_segment_t *grant;    /* for its result, with the request ... */
    mproc_local_segment_t *room;     /* ... or when the worker asked ... */
    mproc_local_segment_t *old_room; /* ... and before, from where it may still be copying */
    uint64_t arena_end;              /* of the request arena */
    uint64_t offset;                 /* of the payload */
    int64_t seen_ns;                 /* begin of item; 0: not seen begun yet */
    uint32_t needs;                  /* of this request */
    uint32_t item;                   /* the furthest it was seen in */
    uint8_t late;                    /* kills that found it answered */
    bool begun;                      /* seen so once: what a worker writes later does not make it unbegun */
    bool taken;                      /* the worker cannot begin it any more */
    bool reported;                   /* started was delivered */
} mproc_sent_t;

typedef struct mproc_slot {
    int index;
    mproc_slot_stage_t stage;
    mplat_process_t *process;
    mplat_link_t *link;
    mproc_stream_t *stream; /* its standard error; NULL where the relay has none */
    int64_t pid;
    _Atomic(mproc_line_t *) line;
    _Atomic int pins;    /* threads at the line without the lock */
    _Atomic int polling; /* of them, those that poll or sleep for its responses */
    uint32_t tail;       /* number of the next request */
    uint64_t arena_used; /* request arena: positions counted from the beginning of time */
    uint64_t arena_freed;
    uint64_t released;     /* what the channel's arena_released says */
    uint64_t large_result; /* size of the latest result, if it was large: then a segment is granted with each request */
    uint32_t cancelled;    /* what the channel's cancelled says */
    bool retire;           /* it has been told to */
    bool handing_back;     /* ... and what it has not begun is for others */
    bool misfit;           /* it could not become a worker, and no replacement can: another build, no such task */
    bool silent;           /* it ended without a word, as a program without mproc_init does */
    int failed_starts;     /* of this slot, one after the other */
    int kill_code;         /* 0, or why we killed it ... */
    uint32_t kill_number;  /* ... for which request ... */
    uint32_t kill_item;    /* ... and item of it; MPROC_ANY_ITEM: whatever it was in */
    uint64_t memory_kills;
    int64_t started_ns, restart_ns, retire_at_ns;
    int64_t looked_ns; /* while it starts: when it was last looked whether it is up */
    int64_t tasks_done, tasks_limit;
    int64_t tasks_checked; /* tasks_done when its memory was last looked at ... */
    int64_t checked_ns;    /* ... and when that was */
    uint32_t next_segment;
    uint32_t link_messages;
    uint32_t link_read; /* of them, those the worker has read, as far as it was looked at */
    mproc_local_segment_t *segments;
    mproc_sent_t sent[MPROC_CHANNEL_SLOTS];
} mproc_slot_t;

#define MPROC_COPY_SIZE 32768

typedef struct mproc_local {
    mproc_backend_t backend; /* first */
    const mproc_backend_events_t *events;
    void *context;
    mproc_pool_options_t options;
    mproc_plan_t plan; /* of every worker process */
    mplat_watch_t *watch;
    mproc_relay_t *relay; /* of the workers' standard error; NULL: it is not ours */
    mproc_slot_t **slots; /* MPROC_WORKERS_MAX places, so that threads without the lock never see it move */
    _Atomic int capacity; /* slots that exist; they stay until destroy */
    int wanted;           /* slots below this are kept filled */
    bool stopping;        /* no replacements */
    bool broken;
    bool proven; /* a worker has come up: the program calls mproc_init */
    int deaths;  /* since deaths_ns, without a finished task between */
    int64_t deaths_ns;
    _Atomic int64_t due_ns; /* when the pool's thread is to look after slots without an event */
    uint64_t seed;          /* state of the generator of the workers' seeds */
    _Atomic int waiting;    /* 1: a thread is in wait, between the watch and its last look at an event's line */
    _Atomic bool asleep;    /* that thread sleeps: bells must be armed ... */
    _Atomic bool deaf;      /* ... and it must be woken when there is work out, to look from time to time */
    _Atomic bool attention; /* a worker has ended, or something else makes a look at all slots due */
    int64_t look_every_ns;  /* while there is work out, nobody sleeps longer without a look */
    int64_t look_ns;        /* when the thread in wait looks after slots in any case; 0: not set */
    _Atomic bool nudge;     /* nothing was heard for a while although there is work out */
    int starting;           /* slots that are */
    mproc_line_t *graveyard;
    mproc_pool_stats_t stats;
    _Atomic uint64_t busy[MPROC_WORKERS_MAX / 64];   /* a bit for each slot with requests out; written with the lock */
    alignas(16) unsigned char copy[MPROC_COPY_SIZE]; /* of the response that is being delivered */
} mproc_local_t;

static inline mproc_line_t *mproc_slot_line(mproc_slot_t *slot) {
    return atomic_load_explicit(&slot->line, memory_order_relaxed);
}

/* mproc_slot_sent tells how many requests have no response yet, taken back ones included. With the lock. */
static inline uint32_t mproc_slot_sent(mproc_slot_t *slot) {
    mproc_line_t *line = mproc_slot_line(slot);
    return line == NULL ? 0 : slot->tail - atomic_load_explicit(&line->head, memory_order_relaxed);
}

/* ---- local_slot.c: a worker's life -------------------------------------------------------------------------------------------- */

/* mproc_slot_start spawns the worker; MPROC_ESPAWN and others leave the slot empty. */
int mproc_slot_start(mproc_local_t *local, mproc_slot_t *slot);

/* mproc_slot_attend does what a slot needs beside its responses: it has come up, failed, ended, is too old or too slow to
 * start, or is to be filled again. Delivers events. */
void mproc_slot_attend(mproc_local_t *local, mproc_slot_t *slot, int64_t now_ns);

/* mproc_slot_due is when attend has something to do by time: INT64_MAX for never. */
int64_t mproc_slot_due(const mproc_local_t *local, const mproc_slot_t *slot);

/* mproc_slot_retire has the worker end once it has done what it has. handing_back: only what it has begun; a later attend
 * returns the rest. */
void mproc_slot_retire(mproc_local_t *local, mproc_slot_t *slot, bool handing_back);

/* mproc_slot_kill ends it now, whatever it is in; code is what that fails with. What it has not begun stays so. */
void mproc_slot_kill(mproc_slot_t *slot, int code);

/* mproc_slot_free gives back all a slot has; its worker is killed and waited for, until until_ns at most. */
void mproc_slot_free(mproc_local_t *local, mproc_slot_t *slot, int64_t until_ns);

/* mproc_lines_bury frees the lines of ended workers at which nobody waits any more. */
void mproc_lines_bury(mproc_local_t *local);

/* ---- local_line.c ---------------------------------------------------------------------------------------------------------- */

/* mproc_line_create makes what a worker shares with us; mproc_line_send sends it over the link. */
int mproc_line_create(mproc_line_t **out_line);
int mproc_line_send(mproc_line_t *line, mplat_link_t *link);
void mproc_line_destroy(mproc_line_t *line);

/* ---- local_send.c ---------------------------------------------------------------------------------------------------------- */

size_t mproc_local_room(mproc_backend_t *backend, int index);
int mproc_local_submit(mproc_backend_t *backend, int index, mproc_work_t *work);
void mproc_local_flush(mproc_backend_t *backend, int index);
void mproc_local_heed(mproc_backend_t *backend, int index, const mproc_work_t *work);
bool mproc_local_revoke(mproc_backend_t *backend, int index, mproc_work_t *work);
bool mproc_local_running(mproc_backend_t *backend, int index, mproc_work_t **out_work, uint32_t *out_item,
                         int64_t *out_since_ns);
void mproc_local_cancel(mproc_backend_t *backend, int index, mproc_work_t *work);

/* mproc_slot_number finds the number under which a work is out; false when it is not out here. */
bool mproc_slot_number(mproc_slot_t *slot, const mproc_work_t *work, uint32_t *out_number);

/* mproc_slot_freeze keeps the worker from beginning what it has not begun: that is returned when the worker comes to it, or
 * when it ends. */
void mproc_slot_freeze(mproc_slot_t *slot);

/* mproc_slot_nudge helps a worker along of which nothing was heard: a task may have overwritten what it sleeps on, or what
 * it is to do. */
void mproc_slot_nudge(mproc_slot_t *slot);

/* mproc_line_wake_worker wakes the worker if it sleeps, after something was published for it. */
void mproc_line_wake_worker(mproc_line_t *line);

/* ---- local_kill.c ------------------------------------------------------------------------------------------------------------ */

/* mproc_sent_see notes which item of a begun request the worker is in, and since when. What was seen stays so: items never go
 * back, and the time of each only gets earlier. */
void mproc_sent_see(mproc_slot_t *slot, mproc_sent_t *sent, uint32_t number);

bool mproc_local_kill(mproc_backend_t *backend, int index, const mproc_work_t *work, uint32_t item, int code);

/* mproc_slot_spared tells that the items from done on of a killed request had not begun: it was killed for one before them. */
bool mproc_slot_spared(const mproc_slot_t *slot, uint32_t number, uint32_t done);

/* ---- local_answer.c ---------------------------------------------------------------------------------------------------------- */

/* Bytes of an answer on the heap, until the core releases them. */
typedef struct mproc_copy {
    alignas(16) mproc_hold_t hold; /* first */
    alignas(16) unsigned char data[];
} mproc_copy_t;

/* A response, checked. All of it is private memory, so that it stays what was checked, except raw bytes in a segment: nothing
 * in them is believed. */
typedef struct mproc_answer {
    mproc_response_slot_t slot;
    const unsigned char *data;
    mproc_local_segment_t *segment; /* where data is, if it is there in place */
    mproc_copy_t *copy;             /* where data is, if it was too large for local->copy */
    bool no_memory;                 /* the bytes could not be copied: there is none of it */
} mproc_answer_t;

/* mproc_answer_read takes the response to a request; false when no worker sends that. The answer is to be finished. */
bool mproc_answer_read(mproc_local_t *local, mproc_slot_t *slot, const mproc_sent_t *sent,
                       const mproc_response_slot_t *response, mproc_answer_t *out_answer);

/* mproc_answer_salvage takes the records of the first count items of a chunk whose worker has ended in it; false when they are
 * not whole. */
bool mproc_answer_salvage(mproc_local_t *local, mproc_slot_t *slot, const mproc_sent_t *sent, uint32_t count,
                          mproc_answer_t *out_answer);

/* mproc_answer_hold makes the core's handle on the data; NULL when it is valid during the event only. */
mproc_hold_t *mproc_answer_hold(mproc_answer_t *answer);

/* mproc_answer_fini frees what no hold was made for. */
void mproc_answer_fini(mproc_answer_t *answer);

/* ---- local_receive.c --------------------------------------------------------------------------------------------------------- */

/* mproc_slot_receive takes the responses there are and delivers them. */
void mproc_slot_receive(mproc_local_t *local, mproc_slot_t *slot);

/* mproc_slot_forget gives back what a request held: segments, arena. */
void mproc_slot_forget(mproc_slot_t *slot, mproc_sent_t *sent);

/* mproc_slot_take_plain copies the first elements of a work's plain output to where the core wants them. */
void mproc_slot_take_plain(mproc_slot_t *slot, const mproc_sent_t *sent, uint32_t count);

/* mproc_slot_begun is when the worker says that it began a request, for a trace; 0 when it says nothing that can be. */
int64_t mproc_slot_begun(const mproc_local_t *local, mproc_slot_t *slot, const mproc_sent_t *sent);

/* mproc_slot_return gives a work back as not begun. */
void mproc_slot_return(mproc_local_t *local, mproc_slot_t *slot, mproc_sent_t *sent);

/* mproc_slot_head notes which request is the oldest one now. */
void mproc_slot_head(mproc_local_t *local, mproc_slot_t *slot, uint32_t head);

/* ---- local_abandon.c --------------------------------------------------------------------------------------------------------- */

/* mproc_slot_abandon gives all works of an ended worker back: what it was in as failed, the rest as not begun. report gets why
 * the worker ended. */
void mproc_slot_abandon(mproc_local_t *local, mproc_slot_t *slot, mproc_report_t *report);

/* ---- local_report.c ---------------------------------------------------------------------------------------------------------- */

/* mproc_slot_stage tells how far the ended worker had come, MPROC_STAGE_…: what it says itself as far as that can be. */
uint32_t mproc_slot_stage(const mproc_slot_t *slot);

/* mproc_slot_explain makes the report of an end: exit, crash, back-trace, out-of-memory hint. task may be NULL. */
void mproc_slot_explain(mproc_slot_t *slot, const mproc_task_t *task, int64_t item, mproc_report_t *report);

/* ---- local_segment.c --------------------------------------------------------------------------------------------------------- */

/* mproc_segment_take finds or makes a segment of the slot of at least size bytes, known to its worker; NULL without memory, and
 * without link room unless the worker waits for it (needed). */
mproc_local_segment_t *mproc_segment_take(mproc_local_t *local, mproc_slot_t *slot, uint64_t size, bool needed);
void mproc_segment_put(mproc_local_segment_t **segment); /* sets it to NULL, which it may be */

/* mproc_link_room tells how many more segments can be sent before the worker reads some. */
uint32_t mproc_link_room(mproc_slot_t *slot);
mproc_hold_t *mproc_segment_hold(mproc_local_segment_t *segment);

/* mproc_segments_drop gives all up when the worker has ended; those that results hold go at their release. */
void mproc_segments_drop(mproc_slot_t *slot);
uint64_t mproc_segments_size(const mproc_slot_t *slot);

/* ---- local_wait.c ------------------------------------------------------------------------------------------------------------- */

void mproc_local_wait(mproc_backend_t *backend, int64_t timeout_ns);
void mproc_local_wake(mproc_backend_t *backend);
bool mproc_local_slot_ready(mproc_backend_t *backend, int index);
void mproc_local_wait_slot(mproc_backend_t *backend, int index, const _Atomic uint32_t *done, int64_t timeout_ns);
void mproc_local_wake_slot(mproc_backend_t *backend, int index);

/* mproc_line_arm has the worker ring when the pool's thread sleeps and nobody else waits for the slot. If a response came before
 * the bell was armed, the thread is woken here. */
void mproc_line_arm(mproc_local_t *local, mproc_slot_t *slot, mproc_line_t *line);

/* mproc_line_ready tells whether there is something to take. Any thread that keeps the line from being freed. */
bool mproc_line_ready(const mproc_line_t *line);

#endif
