/* SPDX-License-Identifier: Apache-2.0 */
/* channel.h: the memory between a pool and one worker: a ring of requests, a ring of responses, and where each side sleeps.
 * Only the two of them have it, so a worker that dies can break nothing else. Layout and the few steps both sides take; the
 * parent's side is local_*.c, the worker's is worker*.c. */
#ifndef MPROC_SRC_CHANNEL_H
#define MPROC_SRC_CHANNEL_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../platform/platform.h"

/* Both sides run the same build (the bootstrap compares), so the layout is this struct and nothing is negotiated. The worker
 * trusts the parent. The parent copies what it reads and checks it: a worker may write anything, at any time.
 *
 * Requests and responses have the same number: request n stands in requests[n % SLOTS], its response in responses[n % SLOTS].
 * A slot's state carries the number, so an old content is never taken for a new one, and each side polls a single word. */

#define MPROC_CHANNEL_SLOTS 1024u /* more did not pay: 17 M/s with 256, 29 with 1,024, 42 with 8,192 */
#define MPROC_CHANNEL_ARENA 262144u
#define MPROC_CHANNEL_INLINE 16u   /* bytes of a result that fit into the response itself */
#define MPROC_CHANNEL_ALIGN 16u    /* of every payload */
#define MPROC_CHANNEL_SMALL 16384u /* larger payloads travel in segments */
#define MPROC_CACHE_LINE 64

/* Where a payload lies. Any other number is a segment's. */
#define MPROC_PLACE_NONE 0u
#define MPROC_PLACE_ARENA 1u
#define MPROC_PLACE_INLINE 2u
#define MPROC_PLACE_SEGMENT 16u /* the first segment's number */

/* A slot's state is its request's number * 4 plus one of these. Numbers start at 1, so a zeroed slot has no state. 3 is none:
 * whoever finds it looks at damaged memory. */
enum {
    MPROC_REQUEST_READY = 0, /* published by the parent */
    MPROC_REQUEST_BEGUN,     /* the worker has it: it cannot be taken back any more */
    MPROC_REQUEST_TAKEN      /* taken back: the worker answers it with SKIPPED */
};
enum {
    MPROC_RESPONSE_DONE = 0,
    MPROC_RESPONSE_SKIPPED,
    MPROC_RESPONSE_NEED /* the worker waits for a segment, or has begun to write its response after it got one: what it
                               needs stands elsewhere (needs), since the response changes under this state */
};

#define MPROC_CHANNEL_DAMAGED UINT32_MAX /* a worker's response when it finds its ring overwritten */

static inline uint32_t mproc_channel_state(uint32_t number, unsigned phase) {
    return number * 4u + phase;
}

/* mproc_channel_unused tells whether a slot's state is from before request `number`: that of the request which had the slot last. */
static inline bool mproc_channel_unused(uint32_t state, uint32_t number) {
    uint32_t before = mproc_channel_state(number - MPROC_CHANNEL_SLOTS, 0);
    return state == 0 || (state - before <= 2u);
}

enum { MPROC_CLOCK_NONE = 0, MPROC_CLOCK_TIME, MPROC_CLOCK_BEGIN /* and say when it began: for a trace */ };

typedef struct mproc_request_slot {
    alignas(MPROC_CACHE_LINE) _Atomic uint32_t state;
    uint32_t task; /* the registry's number */
    uint8_t kind;  /* mproc_work_kind_t */
    uint8_t watch; /* stamp every item */
    uint8_t clock; /* MPROC_CLOCK_…: measure the time of the whole */
    uint8_t reserved;
    uint32_t count;
    uint32_t item_size;
    uint32_t output_size; /* not 0: results are plain and go behind the input */
    int64_t first;
    uint64_t offset; /* of the payload in its place: args, padding, input, padding, room for plain output */
    uint64_t args_size;
    uint64_t input_size;
    uint32_t place;
    uint32_t grant; /* a segment the worker may write results to without asking; MPROC_PLACE_NONE */
} mproc_request_slot_t;

typedef struct mproc_response_slot {
    alignas(MPROC_CACHE_LINE) _Atomic uint32_t state;
    uint32_t outcome;   /* mproc_outcome_kind_t, of a single call */
    uint32_t succeeded; /* items */
    uint32_t failed;    /* items */
    uint64_t offset; /* ARENA: of the data, counted from the beginning of time; else where the arena's next room begins.
                           The report follows the data, aligned */
    uint64_t size;   /* of the data */
    uint32_t place;
    uint32_t report_size; /* 0: nothing failed, or there was no room to say why */
    int64_t run_ns;
    unsigned char data[MPROC_CHANNEL_INLINE];
} mproc_response_slot_t;

/* What the worker's side of a running request looks like from outside: where a chunk stands when its worker dies. */
typedef struct mproc_progress {
    alignas(MPROC_CACHE_LINE) _Atomic uint32_t number; /* of the request */
    _Atomic uint32_t item;                             /* items done */
    _Atomic uint32_t rest;                             /* not 0: the task took this many items at once, from item on */
    _Atomic uint32_t place;                            /* of the records written so far */
    _Atomic int64_t since_ns;                          /* begin of the item, with watch */
    _Atomic uint64_t offset;
    _Atomic uint64_t size;
} mproc_progress_t;

/* parent_waits: whom the worker wakes after a response. The bits above these two are the number of the request from which on
 * the bell is to be rung, so that a quick worker does not ring for every response. */
#define MPROC_WAIT_BELL 1u   /* the pool's thread, by its bell */
#define MPROC_WAIT_DIRECT 2u /* a thread that sleeps on parent_waits itself */
#define MPROC_WAIT_SHIFT 2u

/* worker_stage */
enum { MPROC_STAGE_STARTING = 0, MPROC_STAGE_UP, MPROC_STAGE_FAILED, MPROC_STAGE_RETIRED };

typedef struct mproc_channel {
    /* Set by the parent before the worker sees it. */
    uint32_t worker;    /* its number in the pool */
    uint32_t finalizer; /* the registry's number; UINT32_MAX for none */
    uint64_t seed;
    uint32_t no_spin;
    uint32_t relayed; /* standard error goes through a pipe to the pool */

    alignas(MPROC_CACHE_LINE) _Atomic uint32_t parent_waits;
    alignas(MPROC_CACHE_LINE) _Atomic uint32_t worker_sleeps; /* 1: wake it after a request */
    alignas(MPROC_CACHE_LINE) _Atomic uint32_t retire;        /* 1: end when there is no request any more */
    _Atomic uint32_t cancelled;                               /* number of the request that should end soon */
    _Atomic uint32_t
        halted; /* state (begun) of the request after which, and after whose item in hand, nothing may begin
                                now; 0: none */
    _Atomic uint32_t link_messages; /* sent so far: the worker reads when it has seen fewer */
    _Atomic uint32_t need_answered; /* the worker's need this answers ... */
    uint32_t need_segment;          /* ... with this segment; MPROC_PLACE_NONE: no memory */
    alignas(MPROC_CACHE_LINE) _Atomic uint64_t arena_released; /* response arena: bytes the parent is done with */
    alignas(MPROC_CACHE_LINE) _Atomic uint32_t worker_stage;
    _Atomic uint32_t link_read; /* link messages the worker has read */
    _Atomic uint32_t needs;     /* the worker's needs, ever: an old answer is none for a new need ... */
    _Atomic uint64_t need_size; /* ... and the bytes that the last one is of, at least */
    mproc_progress_t progress;

    alignas(MPROC_CACHE_LINE) mproc_request_slot_t requests[MPROC_CHANNEL_SLOTS];
    mproc_response_slot_t responses[MPROC_CHANNEL_SLOTS];
    _Atomic int64_t
        begun_ns[MPROC_CHANNEL_SLOTS]; /* of requests with MPROC_CLOCK_BEGIN; of others no page is touched */
    alignas(MPROC_CACHE_LINE) _Atomic uint32_t crashed; /* crash is complete */
    mplat_crash_t crash;
    alignas(MPROC_CACHE_LINE) unsigned char request_arena[MPROC_CHANNEL_ARENA];
    unsigned char response_arena[MPROC_CHANNEL_ARENA];
} mproc_channel_t;

_Static_assert(sizeof(mproc_request_slot_t) == MPROC_CACHE_LINE, "a request fills one cache line");
_Static_assert(sizeof(mproc_response_slot_t) == MPROC_CACHE_LINE, "a response fills one cache line");

/* The message that follows a worker's bootstrap on the link, with the handles of the channel's segment, the bell, and the two
 * wakes; and the one that brings a further segment. */
typedef struct mproc_channel_message {
    uint32_t magic;
    uint32_t segment;      /* its number; 0 for the channel itself */
    uint64_t size;         /* of the segment */
    uint32_t wake_handles; /* with the channel: of each of the two wakes */
    uint32_t reserved;
} mproc_channel_message_t;

#define MPROC_CHANNEL_MAGIC 0x6d70636eu

static inline uint64_t mproc_align(uint64_t size) {
    return (size + MPROC_CHANNEL_ALIGN - 1) & ~(uint64_t)(MPROC_CHANNEL_ALIGN - 1);
}

#endif
