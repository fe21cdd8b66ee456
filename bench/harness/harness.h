/* SPDX-License-Identifier: Apache-2.0 */
/* harness.h: between the files of the harness. Cases see bench.h only. */
#ifndef MPROC_BENCH_HARNESS_H
#define MPROC_BENCH_HARNESS_H

#include <stdio.h>

#include "bench.h"

typedef struct bench_options {
    const char *const *names; /* cases, or beginnings of their names; none: all */
    int name_count;
    const char *json; /* file to write, or NULL */
    bool list, quick, peers;
} bench_options_t;

typedef struct bench_peer_result {
    const char *name;
    bool measured;
    double value;   /* when measured, in the case's unit */
    char note[160]; /* why it is missing; else "" */
} bench_peer_result_t;

typedef struct bench_result {
    const bench_case_t *which;
    int status; /* BENCH_OK, _FAILED or _SKIPPED; the figures are set with BENCH_OK only */
    double ours, limit, ratio;
    bool holds;
    double others;  /* part (0..1) of the machine that other work took during this case */
    char note[512]; /* why it could not run; else "" */
    size_t peer_count;
    bench_peer_result_t peers[BENCH_PEERS_MAX];
} bench_result_t;

/* Above this part of the machine, used by others, a figure is marked: it says more about them than about
 * us. */
#define BENCH_OTHERS_MAX 0.10

/* bench_reason is what bench_fail or bench_skip noted last. */
const char *bench_reason(void);

/* bench_run_case fills result with the medians of both sides, without peers. */
void bench_run_case(const bench_case_t *which, bool quick, bench_result_t *result);

/* bench_run_peers adds a figure, or why there is none, for each peer of the case. */
void bench_run_peers(bench_result_t *result);

/* bench_print_table writes the whole table; a case that failed has its reason in its line. */
void bench_print_table(FILE *out, const bench_result_t *results, size_t count);

/* bench_write_json writes the list of results. Returns BENCH_OK or, after bench_fail, BENCH_FAILED. */
int bench_write_json(const char *path, const bench_result_t *results, size_t count);

#endif
