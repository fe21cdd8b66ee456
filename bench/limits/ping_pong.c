/* SPDX-License-Identifier: Apache-2.0 */
/* ping_pong.c: one word there and back between two processes. */
#include <stdalign.h>
#include <stdlib.h>

#include "limits/limits.h"
#include "limits/partner.h"

typedef struct table {
    alignas(64) cpu_waiting_t waiting;
    alignas(64) _Atomic uint32_t ping;
    alignas(64) _Atomic uint32_t pong;
    alignas(64) _Atomic uint32_t rest_after; /* this round, sleep, whatever the waiting; 0: never */
} table_t;

struct ping_pong {
    region_t region;
    partner_t partner;
    table_t *table;
    uint32_t rounds;
};

static void serve(cpu_waiting_t waiting, _Atomic uint32_t *word, uint32_t value) {
    atomic_store_explicit(word, value, memory_order_release);
    if (waiting != CPU_SPIN)
        cpu_futex_wake(word);
}

static void await(cpu_waiting_t waiting, _Atomic uint32_t *word, uint32_t value) {
    for (unsigned turn = 0;; turn++) {
        uint32_t now = atomic_load_explicit(word, memory_order_acquire);
        if (now == value)
            return;
        if (cpu_idle(waiting, turn))
            cpu_futex_wait(word, now);
    }
}

void ping_pong_partner(void *region, int number) {
    table_t *table = region;
    (void)number;
    for (uint32_t round = 1;; round++) {
        await(table->waiting, &table->ping, round);
        serve(table->waiting, &table->pong, round);
        while (atomic_load(&table->rest_after) == round)
            cpu_futex_wait(&table->rest_after, round);
    }
}

int ping_pong_open(cpu_waiting_t waiting, ping_pong_t **out_ping_pong) {
    ping_pong_t *ping_pong = calloc(1, sizeof *ping_pong);
    *out_ping_pong = ping_pong;
    if (ping_pong == NULL)
        return bench_fail("no memory");
    int err = region_create(sizeof(table_t), &ping_pong->region);
    if (err != BENCH_OK)
        return err;
    ping_pong->table = ping_pong->region.base;
    ping_pong->table->waiting = waiting;
    return partner_start("ping-pong", &ping_pong->region, 0, &ping_pong->partner);
}

int64_t ping_pong_pid(const ping_pong_t *ping_pong) {
    return ping_pong->partner.pid;
}

void ping_pong_round(ping_pong_t *ping_pong) {
    uint32_t round = ++ping_pong->rounds;
    serve(ping_pong->table->waiting, &ping_pong->table->ping, round);
    await(ping_pong->table->waiting, &ping_pong->table->pong, round);
}

void ping_pong_rest(ping_pong_t *ping_pong, bool resting) {
    atomic_store(&ping_pong->table->rest_after, resting ? ping_pong->rounds + 1 : 0);
    if (resting)
        ping_pong_round(ping_pong);
    else
        cpu_futex_wake(&ping_pong->table->rest_after);
}

void ping_pong_close(ping_pong_t *ping_pong) {
    if (ping_pong == NULL)
        return;
    partner_stop(&ping_pong->partner);
    region_destroy(&ping_pong->region);
    free(ping_pong);
}
