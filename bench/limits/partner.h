/* SPDX-License-Identifier: Apache-2.0 */
/* partner.h: the other process of a limit. It is this same program, started by hand with a piece of shared
 * memory; it knows nothing of the library. */
#ifndef MPROC_BENCH_PARTNER_H
#define MPROC_BENCH_PARTNER_H

#include <stddef.h>
#include <stdint.h>

#define PARTNER_NOTHING "--nothing"  /* argv[1] of the program that ends at once */
#define PARTNER_ARGUMENT "--partner" /* argv[1] of a partner; then work, region's descriptor, its size, number */

/* A partner's work: region is shared with the parent, number tells the partners of one region apart. */
typedef void partner_work_t(void *region, int number);

partner_work_t ping_pong_partner, ring_partner, exchange_partner, compute_partner, idle_partner;

int partner_main(int argc, char **argv);

typedef struct partner {
    int64_t pid; /* 0: none */
} partner_t;

/* Anonymous memory that partners map; all zero. */
typedef struct region {
    int fd;
    void *base; /* NULL: none */
    size_t size;
} region_t;

#define REGION_NONE                                                                                                    \
    { -1, NULL, 0 }

/* region_create and partner_start return 0, or -1 after bench_fail; destroy and stop accept what they
 * left. */
int region_create(size_t size, region_t *out_region);
void region_destroy(region_t *region);

/* partner_start starts the program with `work`, a name of partner.c's list. partner_stop kills it. */
int partner_start(const char *work, const region_t *region, int number, partner_t *out_partner);
void partner_stop(partner_t *partner);

#endif
