/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h: what a benchmark case is and what the harness gives it. A case measures the library beside the
 * best that the machine allows by hand; the harness takes samples of both in turn, so that drift hits both
 * alike. */
#ifndef MPROC_BENCH_H
#define MPROC_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a function of a case returns. */
#define BENCH_OK 0
#define BENCH_FAILED (-1) /* after bench_fail: the run ends non-zero */
#define BENCH_SKIPPED 1   /* after bench_skip: this machine cannot do it, and the table says why */

/* Which figure the bound is for, and on which side of it the figure has to be. */
typedef enum bench_rule {
    BENCH_RATIO_AT_MOST,
    BENCH_RATIO_AT_LEAST,
    BENCH_OURS_AT_MOST,
    BENCH_OURS_AT_LEAST
} bench_rule_t;

/* How a peer is run: by Debian's Python, by node, by a shell, or as a program built from bench/peers. */
typedef enum bench_runner { BENCH_PYTHON, BENCH_NODE, BENCH_SHELL, BENCH_PROGRAM } bench_runner_t;

#define BENCH_PEER_ARGS_MAX 6

/* Another library doing the same work. It prints its figure, in the unit of the case, as the last line of
 * its output, or "missing: why". */
typedef struct bench_peer {
    const char *name;
    bench_runner_t runner;
    const char *file;
    const char *args[BENCH_PEER_ARGS_MAX];
} bench_peer_t;

#define BENCH_PEERS_MAX 10

/* One line of the table. ours and limit take one sample each, in unit; state is what open gave. */
typedef struct bench_case {
    const char *name;
    const char *what; /* a line for people: the work, and what the limit does */
    const char *unit;
    bench_rule_t rule;
    double bound;
    double aim; /* better than the bound; 0: none */
    int rounds; /* samples of each side */
    int (*open)(void **out_state);
    int (*ours)(void *state, double *out_value);
    int (*limit)(void *state, double *out_value);
    void (*close)(void *state); /* accepts what a failed open left */
    bench_peer_t peers[BENCH_PEERS_MAX];
} bench_case_t;

/* The list of all cases, in the order of the table, ended by NULL. */
extern const bench_case_t *const bench_cases[];

/* ---- for cases ----------------------------------------------------------------------------------------- */

/* bench_fail and bench_skip note a sentence for the table; they return BENCH_FAILED and BENCH_SKIPPED. */
int bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int bench_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* bench_fail_mproc notes which call failed, and the library's last error. */
int bench_fail_mproc(const char *call, int err);

/* bench_clock_ns is the monotonic clock. */
int64_t bench_clock_ns(void);

/* bench_median sorts values and gives the middle one. */
double bench_median(double *values, size_t count);

/* bench_percentile_ns sorts nanoseconds and gives the one below which `part` (0..1) of them are. */
int64_t bench_percentile_ns(int64_t *values, size_t count, double part);

#endif
