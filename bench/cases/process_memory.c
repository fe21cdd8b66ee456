/* SPDX-License-Identifier: Apache-2.0 */
/* process_memory.c: what an idle child of the library holds, beside the same program asleep without it. */
#include <stdlib.h>

#include "cases/cases.h"
#include "limits/partner.h"
#include "posix/memory.h"

typedef struct state {
    mproc_process_t *process;
    region_t region;
    partner_t bare;
} state_t;

static int open_both(void **out_state) {
    mproc_process_options_t options = {.target = &bench_sleep};
    state_t *state = calloc(1, sizeof *state);
    *out_state = state;
    if (state == NULL)
        return bench_fail("no memory");
    int err = mproc_process_create(&options, &state->process);
    if (err == MPROC_OK)
        err = mproc_process_start(state->process);
    if (err != MPROC_OK)
        return bench_fail_mproc("mproc_process_start", err);
    if (region_create(1, &state->region) != BENCH_OK)
        return BENCH_FAILED;
    return partner_start("idle", &state->region, 0, &state->bare);
}

static int ours(void *state, double *out_mib) {
    int err = memory_settled_pss(mproc_process_pid(((state_t *)state)->process), out_mib);
    *out_mib /= MIB;
    return err;
}

static int limit(void *state, double *out_mib) {
    int err = memory_settled_pss(((state_t *)state)->bare.pid, out_mib);
    *out_mib /= MIB;
    return err;
}

static void close_both(void *state) {
    state_t *both = state;
    if (both == NULL)
        return;
    mproc_process_destroy(both->process);
    partner_stop(&both->bare);
    region_destroy(&both->region);
    free(both);
}

const bench_case_t case_process_memory = {
    .name = "process-memory",
    .what = "proportional set size of an idle child; limit: the same program asleep without the library",
    .unit = "MiB",
    .rule = BENCH_OURS_AT_MOST,
    .bound = 1,
    .rounds = 5,
    .open = open_both,
    .ours = ours,
    .limit = limit,
    .close = close_both,
    .peers =
        {
            {"Python Process, spawn", BENCH_PYTHON, "process.py", {"spawn", "memory", "0"}},
            {"Python Process, fork", BENCH_PYTHON, "process.py", {"fork", "memory", "0"}},
        },
};
