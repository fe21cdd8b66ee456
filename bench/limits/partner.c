/* SPDX-License-Identifier: Apache-2.0 */
/* partner.c: shared regions, and the list of what a partner can do. */
#include "limits/partner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench.h"
#include "posix/child.h"

static const struct {
    const char *name;
    partner_work_t *work;
} works[] = {
    {"ping-pong", ping_pong_partner}, {"ring", ring_partner}, {"exchange", exchange_partner},
    {"compute", compute_partner},     {"idle", idle_partner},
};

static void *map(int fd, size_t size) {
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return base != MAP_FAILED ? base : NULL;
}

int region_create(size_t size, region_t *out_region) {
    *out_region = (region_t)REGION_NONE;
    out_region->fd = memfd_create("bench", MFD_CLOEXEC);
    out_region->size = size;
    if (out_region->fd >= 0 && ftruncate(out_region->fd, (off_t)size) == 0)
        out_region->base = map(out_region->fd, size);
    return out_region->base != NULL ? BENCH_OK : bench_fail("shared region of %zu bytes: %s", size, strerror(errno));
}

void region_destroy(region_t *region) {
    if (region->base != NULL)
        (void)munmap(region->base, region->size);
    if (region->fd >= 0)
        (void)close(region->fd);
    *region = (region_t)REGION_NONE;
}

int partner_start(const char *work, const region_t *region, int number, partner_t *out_partner) {
    char fd[16], size[24], which[16];
    const char *argv[] = {child_self_path(), PARTNER_ARGUMENT, work, fd, size, which, NULL};
    (void)snprintf(fd, sizeof fd, "%d", region->fd);
    (void)snprintf(size, sizeof size, "%zu", region->size);
    (void)snprintf(which, sizeof which, "%d", number);
    return child_spawn(argv, region->fd, &out_partner->pid);
}

void partner_stop(partner_t *partner) {
    child_kill(partner->pid);
    partner->pid = 0;
}

void idle_partner(void *region, int number) {
    (void)region;
    (void)number;
    for (;;)
        (void)pause();
}

int partner_main(int argc, char **argv) {
    if (argc != 6)
        return 2;
    size_t size = (size_t)strtoull(argv[4], NULL, 10);
    void *region = map((int)strtol(argv[3], NULL, 10), size);
    /* Partners end with the benchmark; it starts them from its only long-lived thread. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++)
        if (region != NULL && strcmp(works[i].name, argv[2]) == 0)
            works[i].work(region, (int)strtol(argv[5], NULL, 10));
    return 1;
}
