/* SPDX-License-Identifier: Apache-2.0 */
/* load.h: how much of the machine other programs used meanwhile, so that a figure can be judged. */
#ifndef MPROC_BENCH_LOAD_H
#define MPROC_BENCH_LOAD_H

/* Processor time so far, in seconds, of all programs and of this one with the children it has waited for;
 * and the clock. */
typedef struct load {
    double all, own, clock;
} load_t;

load_t load_now(void);

/* load_of_others is the part (0..1) of all processors that others used since `before`; time that a
 * hypervisor stole counts as theirs. 0 where the system does not tell. Children that still run count as
 * others: wait for them first. */
double load_of_others(load_t before);

/* load_average is the system's average over the last minute; negative where it gives none. */
double load_average(void);

#endif
