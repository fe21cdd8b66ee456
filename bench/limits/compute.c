/* SPDX-License-Identifier: Apache-2.0 */
/* compute.c: pure computation by one bare process and by two. */
#include <stdalign.h>
#include <stdlib.h>

#include "limits/limits.h"
#include "limits/partner.h"

enum { PARTNERS = 2, STEPS = 20 * 1000 * 1000 };

typedef struct desk {
    alignas(64) _Atomic uint32_t wanted; /* grows by one for each job */
    uint32_t steps;
    uint64_t result;
    alignas(64) _Atomic uint32_t done;
} desk_t;

struct compute {
    region_t region;
    partner_t partners[PARTNERS];
    desk_t *desks;
    uint32_t jobs[PARTNERS];
};

static void sleep_until(_Atomic uint32_t *word, uint32_t value) {
    for (uint32_t now = atomic_load(word); now != value; now = atomic_load(word))
        cpu_futex_wait(word, now);
}

void compute_partner(void *region, int number) {
    desk_t *desk = (desk_t *)region + number;
    for (uint32_t job = 1;; job++) {
        sleep_until(&desk->wanted, job);
        desk->result = compute_unit(job, desk->steps);
        atomic_store(&desk->done, job);
        cpu_futex_wake(&desk->done);
    }
}

static void give(compute_t *compute, int number, uint32_t steps) {
    desk_t *desk = &compute->desks[number];
    desk->steps = steps;
    atomic_store(&desk->wanted, ++compute->jobs[number]);
    cpu_futex_wake(&desk->wanted);
}

static void take(compute_t *compute, int number) {
    sleep_until(&compute->desks[number].done, compute->jobs[number]);
}

int compute_open(compute_t **out_compute) {
    compute_t *compute = calloc(1, sizeof *compute);
    *out_compute = compute;
    if (compute == NULL)
        return bench_fail("no memory");
    int err = region_create(PARTNERS * sizeof(desk_t), &compute->region);
    compute->desks = compute->region.base;
    for (int i = 0; i < PARTNERS && err == BENCH_OK; i++)
        err = partner_start("compute", &compute->region, i, &compute->partners[i]);
    return err;
}

int compute_speedup(compute_t *compute, double *out_speedup) {
    int64_t start = bench_clock_ns();
    give(compute, 0, PARTNERS * STEPS);
    take(compute, 0);
    int64_t middle = bench_clock_ns();
    for (int i = 0; i < PARTNERS; i++)
        give(compute, i, STEPS);
    for (int i = 0; i < PARTNERS; i++)
        take(compute, i);
    *out_speedup = (double)(middle - start) / (double)(bench_clock_ns() - middle);
    return BENCH_OK;
}

void compute_close(compute_t *compute) {
    if (compute == NULL)
        return;
    for (int i = 0; i < PARTNERS; i++)
        partner_stop(&compute->partners[i]);
    region_destroy(&compute->region);
    free(compute);
}
