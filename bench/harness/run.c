/* SPDX-License-Identifier: Apache-2.0 */
/* run.c: takes samples of the library and of its limit in turn, and judges the medians by the bound. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "posix/load.h"

/* Caches, page tables and the processor's clock are cold in the first samples. */
enum { WARM_UP = 1, QUICK_DIVISOR = 5, ROUNDS_MIN = 3 };

/* Takes one sample of each side. The side that goes first changes every round: what one leaves behind
 * (warm caches, a processor with a high clock) then helps both equally. */
static int sample_pair(const bench_case_t *which, void *state, int round, double *ours, double *limit) {
    int err = BENCH_OK;
    if (round % 2 == 0) {
        err = which->ours(state, ours);
        return err != BENCH_OK ? err : which->limit(state, limit);
    }
    err = which->limit(state, limit);
    return err != BENCH_OK ? err : which->ours(state, ours);
}

static int sample_all(const bench_case_t *which, void *state, int rounds, bench_result_t *result) {
    int err = BENCH_FAILED;
    double *ours = calloc((size_t)rounds, sizeof *ours);
    double *limit = calloc((size_t)rounds, sizeof *limit);
    if (ours == NULL || limit == NULL) {
        err = bench_fail("no memory for %d samples", rounds);
        goto done;
    }
    for (int round = -WARM_UP; round < rounds; round++) {
        size_t slot = round < 0 ? 0 : (size_t)round;
        err = sample_pair(which, state, round, &ours[slot], &limit[slot]);
        if (err != BENCH_OK)
            goto done;
    }
    result->ours = bench_median(ours, (size_t)rounds);
    result->limit = bench_median(limit, (size_t)rounds);
done:
    free(limit);
    free(ours);
    return err;
}

static bool bound_holds(const bench_case_t *which, const bench_result_t *result) {
    switch (which->rule) {
    case BENCH_RATIO_AT_MOST:
        return result->ratio <= which->bound;
    case BENCH_RATIO_AT_LEAST:
        return result->ratio >= which->bound;
    case BENCH_OURS_AT_MOST:
        return result->ours <= which->bound;
    case BENCH_OURS_AT_LEAST:
        return result->ours >= which->bound;
    }
    return false;
}

void bench_run_case(const bench_case_t *which, bool quick, bench_result_t *result) {
    void *state = NULL;
    load_t before = load_now();
    int rounds = quick ? which->rounds / QUICK_DIVISOR : which->rounds;
    memset(result, 0, sizeof *result);
    result->which = which;
    result->status = which->open(&state);
    if (result->status == BENCH_OK)
        result->status = sample_all(which, state, rounds > ROUNDS_MIN ? rounds : ROUNDS_MIN, result);
    if (result->status != BENCH_OK)
        (void)snprintf(result->note, sizeof result->note, "%s", bench_reason());
    which->close(state);
    result->others = load_of_others(before);
    if (result->status == BENCH_OK) {
        result->ratio = result->limit > 0 ? result->ours / result->limit : 0;
        result->holds = bound_holds(which, result);
    }
}
