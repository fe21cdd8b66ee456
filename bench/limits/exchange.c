/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c: large payloads there and back. Copied into shared memory by us, copied on by the worker once
 * it is all there, as a task finds its input; the result is read where it lies. */
#include <stdlib.h>
#include <string.h>

#include "limits/gate.h"
#include "limits/limits.h"
#include "limits/partner.h"

enum { WORKERS_MAX = 2, PAGE = 4096 };

typedef struct head {
    size_t payload;
    uint32_t slots;
    gate_t given, taken; /* how many messages ever */
} head_t;

/* A worker's part of the region: the head's page, then the slots in, then the slots out. */
struct exchange {
    region_t region;
    partner_t partners[WORKERS_MAX];
    int workers;
    uint32_t slots;
    size_t payload;
};

static head_t *head_of(void *region, size_t payload, uint32_t slots, int worker) {
    size_t part = PAGE + 2 * payload * slots;
    return (head_t *)(void *)((char *)region + (size_t)worker * part);
}

static char *slot_in(head_t *head, uint32_t message) {
    return (char *)head + PAGE + message % head->slots * head->payload;
}

static char *slot_out(head_t *head, uint32_t message) {
    return slot_in(head, message) + head->slots * head->payload;
}

/* The partner finds its part by the sizes in the first head, which all heads repeat. */
void exchange_partner(void *region, int number) {
    const head_t *first = region;
    head_t *head = head_of(region, first->payload, first->slots, number);
    for (uint32_t done = 0;;) {
        uint32_t given = gate_await(&head->given, done);
        for (; done != given; done++) {
            memcpy(slot_out(head, done), slot_in(head, done), head->payload);
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
    exchange->slots = (uint32_t)slots;
    exchange->payload = payload;
    int err = region_create((size_t)workers * (PAGE + 2 * payload * (size_t)slots), &exchange->region);
    for (int i = 0; i < workers && err == BENCH_OK; i++) {
        head_t *head = head_of(exchange->region.base, payload, exchange->slots, i);
        head->payload = payload;
        head->slots = exchange->slots;
    }
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

static head_t *worker_of(const exchange_t *exchange, int message) {
    return head_of(exchange->region.base, exchange->payload, exchange->slots, message % exchange->workers);
}

/* Waits for the oldest message that the worker has, and looks at it. */
static bool receive(head_t *head, uint32_t message, const void *payload) {
    for (uint32_t taken = gate_value(&head->taken); (int32_t)(taken - message) <= 0;)
        taken = gate_await(&head->taken, taken);
    return exchange_check(slot_out(head, message), payload, head->payload);
}

static void send(head_t *head, const void *payload) {
    uint32_t given = gate_value(&head->given);
    memcpy(slot_in(head, given), payload, head->payload);
    gate_set(&head->given, given + 1);
}

int exchange_run(exchange_t *exchange, const void *payload, int count) {
    int window = exchange->workers * (int)exchange->slots;
    uint32_t received[WORKERS_MAX] = {0};
    bool intact = true;
    for (int i = 0; i < exchange->workers; i++)
        received[i] = gate_value(&worker_of(exchange, i)->given);
    for (int i = 0; i < count + window; i++) {
        head_t *head = worker_of(exchange, i);
        if (i >= window && i - window < count)
            intact = receive(head, received[i % exchange->workers]++, payload) && intact;
        if (i < count)
            send(head, payload);
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
