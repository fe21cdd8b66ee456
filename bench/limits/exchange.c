/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c: large payloads there and back. The worker copies a message piece by piece while it is still being written;
 * its result is read where it lies. */
#include <stdlib.h>
#include <string.h>

#include "limits/gate.h"
#include "limits/limits.h"
#include "limits/partner.h"

enum { WORKERS_MAX = 2, PIECE = 256 * 1024, PAGE = 4096 };

typedef struct head {
    uint32_t pieces; /* of all slots: where piece i lies is i modulo this */
    gate_t given, taken;
} head_t;

/* A worker's part of the region: the head's page, then the slots in, then the slots out. */
struct exchange {
    region_t region;
    partner_t partners[WORKERS_MAX];
    int workers, slots;
    size_t payload, part;
    uint32_t message_pieces;
};

static head_t *head_of(const exchange_t *exchange, int worker) {
    return (head_t *)(void *)((char *)exchange->region.base + (size_t)worker * exchange->part);
}

static char *piece_in(head_t *head, uint32_t piece) {
    return (char *)head + PAGE + (size_t)(piece % head->pieces) * PIECE;
}

static char *piece_out(head_t *head, uint32_t piece) {
    return piece_in(head, piece) + (size_t)head->pieces * PIECE;
}

/* The partner finds its part by the sizes in the first head, which all heads repeat. */
void exchange_partner(void *region, int number) {
    size_t part = PAGE + 2 * (size_t)((head_t *)region)->pieces * PIECE;
    head_t *head = (head_t *)(void *)((char *)region + (size_t)number * part);
    for (uint32_t done = 0;;) {
        uint32_t given = gate_await(&head->given, done);
        for (; done != given; done++) {
            memcpy(piece_out(head, done), piece_in(head, done), PIECE);
            gate_set(&head->taken, done + 1);
        }
    }
}

int exchange_open(int workers, int slots, size_t payload, exchange_t **out_exchange) {
    exchange_t *exchange = calloc(1, sizeof *exchange);
    *out_exchange = exchange;
    if (exchange == NULL)
        return bench_fail("no memory");
    exchange->workers = workers;
    exchange->slots = slots;
    exchange->payload = payload;
    exchange->message_pieces = (uint32_t)(payload / PIECE);
    exchange->part = PAGE + 2 * payload * (size_t)slots;
    int err = region_create((size_t)workers * exchange->part, &exchange->region);
    for (int i = 0; i < workers && err == BENCH_OK; i++)
        head_of(exchange, i)->pieces = exchange->message_pieces * (uint32_t)slots;
    for (int i = 0; i < workers && err == BENCH_OK; i++)
        err = partner_start("exchange", &exchange->region, i, &exchange->partners[i]);
    return err;
}

bool exchange_check(const void *result, const void *payload, size_t size) {
    const char *left = result, *right = payload;
    for (size_t at = 0; at < size; at += PAGE)
        if (memcmp(left + at, right + at, sizeof(uint64_t)) != 0)
            return false;
    return true;
}

/* Waits until the worker has copied all pieces before `end`, and looks at the message that they end. */
static bool receive(exchange_t *exchange, int worker, uint32_t end, const void *payload) {
    head_t *head = head_of(exchange, worker);
    for (uint32_t taken = gate_value(&head->taken); (int32_t)(taken - end) < 0;)
        taken = gate_await(&head->taken, taken);
    return exchange_check(piece_out(head, end - exchange->message_pieces), payload, exchange->payload);
}

static void send(exchange_t *exchange, int worker, const char *payload) {
    head_t *head = head_of(exchange, worker);
    uint32_t given = gate_value(&head->given);
    for (uint32_t i = 0; i < exchange->message_pieces; i++) {
        memcpy(piece_in(head, given), payload + (size_t)i * PIECE, PIECE);
        gate_set(&head->given, ++given);
    }
}

int exchange_run(exchange_t *exchange, const void *payload, int count) {
    int window = exchange->workers * exchange->slots;
    uint32_t received[WORKERS_MAX] = {0};
    bool intact = true;
    for (int i = 0; i < exchange->workers; i++)
        received[i] = gate_value(&head_of(exchange, i)->given);
    for (int i = 0; i < count + window; i++) {
        int worker = i % exchange->workers;
        if (i >= window && i - window < count)
            intact = receive(exchange, worker, received[worker] += exchange->message_pieces, payload) && intact;
        if (i < count)
            send(exchange, worker, payload);
    }
    return intact ? BENCH_OK : bench_fail("a payload changed on its way");
}

void exchange_close(exchange_t *exchange) {
    if (exchange == NULL)
        return;
    for (int i = 0; i < WORKERS_MAX; i++)
        partner_stop(&exchange->partners[i]);
    region_destroy(&exchange->region);
    free(exchange);
}
