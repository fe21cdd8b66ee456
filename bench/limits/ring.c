/* SPDX-License-Identifier: Apache-2.0 */
/* ring.c: two workers that square numbers, each with a ring of requests and one of responses, 64 bytes a
 * slot. */
#include <stdlib.h>

#include "limits/gate.h"
#include "limits/limits.h"
#include "limits/partner.h"

/* Every slot is published as soon as it is filled: the tasks of the cases come one by one too. A ring that
 * publishes 32 at once moves several times as many, and no task may wait for 31 others. TURN is how many
 * go to one worker at a time. */
enum { WORKERS = 2, SLOTS = 1024, TURN = 32 };

typedef struct slot {
    alignas(64) int64_t x;
} slot_t;

typedef struct lane {
    gate_t requested, answered; /* how many slots were ever filled */
    slot_t requests[SLOTS], responses[SLOTS];
} lane_t;

struct ring_pair {
    region_t region;
    partner_t partners[WORKERS];
    lane_t *lanes;
    uint32_t sent[WORKERS], received[WORKERS];
    int64_t sum;
};

void ring_partner(void *region, int number) {
    lane_t *lane = (lane_t *)region + number;
    uint32_t done = 0;
    for (;;) {
        uint32_t end = gate_await(&lane->requested, done);
        for (; done != end; done++) {
            int64_t x = lane->requests[done % SLOTS].x;
            lane->responses[done % SLOTS].x = x * x;
            gate_set(&lane->answered, done + 1);
        }
    }
}

int ring_open(ring_pair_t **out_rings) {
    ring_pair_t *rings = calloc(1, sizeof *rings);
    *out_rings = rings;
    if (rings == NULL)
        return bench_fail("no memory");
    int err = region_create(WORKERS * sizeof(lane_t), &rings->region);
    rings->lanes = rings->region.base;
    for (int i = 0; i < WORKERS && err == BENCH_OK; i++)
        err = partner_start("ring", &rings->region, i, &rings->partners[i]);
    return err;
}

/* Puts up to TURN of the numbers from `next` on into worker's ring; returns the first that did not fit. */
static uint32_t send_some(ring_pair_t *rings, int worker, uint32_t next, uint32_t count) {
    lane_t *lane = &rings->lanes[worker];
    uint32_t sent = rings->sent[worker], room = SLOTS - (sent - rings->received[worker]);
    uint32_t some = count - next < TURN ? count - next : TURN;
    if (some > room)
        some = room;
    for (uint32_t i = 0; i < some; i++) {
        lane->requests[sent % SLOTS].x = (int64_t)next + i;
        gate_set(&lane->requested, ++sent);
    }
    rings->sent[worker] = sent;
    return next + some;
}

/* Takes what worker has answered; returns how many. */
static uint32_t receive_some(ring_pair_t *rings, int worker) {
    lane_t *lane = &rings->lanes[worker];
    uint32_t from = rings->received[worker], end = gate_value(&lane->answered);
    for (uint32_t i = from; i != end; i++)
        rings->sum += lane->responses[i % SLOTS].x;
    rings->received[worker] = end;
    return end - from;
}

int ring_exchange(ring_pair_t *rings, uint32_t count) {
    uint32_t next = 0, received = 0;
    int64_t n = (int64_t)count, expected = (n - 1) * n * (2 * n - 1) / 6;
    rings->sum = 0;
    while (received < count) {
        uint32_t before = next + received;
        int longest = 0;
        for (int worker = 0; worker < WORKERS; worker++) {
            next = send_some(rings, worker, next, count);
            received += receive_some(rings, worker);
            if (rings->sent[worker] - rings->received[worker] > rings->sent[longest] - rings->received[longest])
                longest = worker;
        }
        /* Nothing moved: both rings are full or all is sent. The fuller one has an answer first. */
        if (next + received == before && received < count)
            (void)gate_await(&rings->lanes[longest].answered, rings->received[longest]);
    }
    return rings->sum == expected ? BENCH_OK : bench_fail("the rings lost a number");
}

void ring_close(ring_pair_t *rings) {
    if (rings == NULL)
        return;
    for (int i = 0; i < WORKERS; i++)
        partner_stop(&rings->partners[i]);
    region_destroy(&rings->region);
    free(rings);
}
