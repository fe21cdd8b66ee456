/* SPDX-License-Identifier: Apache-2.0 */
/* process_start.c: start and join of processes that do nothing, beside vfork, exec and wait of the same
 * program. */
#include <stdlib.h>

#include "cases/cases.h"
#include "posix/child.h"
#include "posix/memory.h"

#define LARGE ((size_t)4 << 30)
#define LARGE_TEXT "4294967296"
#define PROCESS_PEERS(at_once, touched)                                                                                \
    {                                                                                                                  \
        {"Python Process, spawn", BENCH_PYTHON, "process.py", {"spawn", at_once, touched}},                            \
            {"Python Process, fork", BENCH_PYTHON, "process.py", {"fork", at_once, touched}},                          \
            {"posix_spawn", BENCH_PROGRAM, "peer_posix_spawn", {at_once, touched}},                                    \
            {"fork + exec, error pipe", BENCH_PROGRAM, "peer_fork_exec", {at_once, touched}},                          \
            {"libuv uv_spawn", BENCH_PROGRAM, "peer_uv", {at_once, touched}},                                          \
            {"APR apr_proc_create", BENCH_PROGRAM, "peer_apr", {at_once, touched}},                                    \
    }

enum { AT_ONCE_MAX = 16 };

static double us_since(int64_t start_ns) {
    return (double)(bench_clock_ns() - start_ns) / 1e3;
}

static int start_and_join(size_t count) {
    mproc_process_options_t options = {.target = &bench_nothing};
    mproc_process_t *processes[AT_ONCE_MAX] = {NULL};
    int64_t code = 0;
    int err = MPROC_OK;
    for (size_t i = 0; i < count && err == MPROC_OK; i++) {
        err = mproc_process_create(&options, &processes[i]);
        if (err == MPROC_OK)
            err = mproc_process_start(processes[i]);
    }
    for (size_t i = 0; i < count && err == MPROC_OK; i++) {
        err = mproc_process_join(processes[i], MPROC_FOREVER);
        if (err == MPROC_OK && (mproc_process_exitcode(processes[i], &code) != MPROC_OK || code != 0))
            err = MPROC_EDIED;
    }
    for (size_t i = 0; i < count; i++)
        mproc_process_destroy(processes[i]);
    return err == MPROC_OK ? BENCH_OK : bench_fail_mproc("start and join", err);
}

/* ---- one ----------------------------------------------------------------------------------------------- */

static int open_small(void **out_state) {
    *out_state = NULL;
    return BENCH_OK;
}

static int open_large(void **out_state) {
    return memory_touch(LARGE, out_state);
}

static void close_large(void *state) {
    memory_release(state, LARGE);
}

static int one_ours(void *state, double *out_us) {
    int64_t start = bench_clock_ns();
    int err = start_and_join(1);
    (void)state;
    *out_us = us_since(start);
    return err;
}

static int one_limit(void *state, double *out_us) {
    int64_t start = bench_clock_ns();
    int err = child_spawn_nothing_at_once(1);
    (void)state;
    *out_us = us_since(start);
    return err;
}

const bench_case_t case_process_start = {
    .name = "process-start",
    .what = "start and join of a process that does nothing; limit: vfork, exec, wait of the same program",
    .unit = "us",
    .rule = BENCH_RATIO_AT_MOST,
    .bound = 1.25,
    .rounds = 301,
    .open = open_small,
    .ours = one_ours,
    .limit = one_limit,
    .close = close_large,
    .peers = PROCESS_PEERS("1", "0"),
};

const bench_case_t case_process_start_large = {
    .name = "process-start-4gib",
    .what = "the same from a parent with 4 GiB of touched memory",
    .unit = "us",
    .rule = BENCH_RATIO_AT_MOST,
    .bound = 1.25,
    .rounds = 301,
    .open = open_large,
    .ours = one_ours,
    .limit = one_limit,
    .close = close_large,
    .peers = PROCESS_PEERS("1", LARGE_TEXT),
};

/* ---- sixteen ------------------------------------------------------------------------------------------- */

static int sixteen_ours(void *state, double *out_us) {
    int64_t start = bench_clock_ns();
    int err = start_and_join(AT_ONCE_MAX);
    (void)state;
    *out_us = us_since(start);
    return err;
}

static int sixteen_limit(void *state, double *out_us) {
    int64_t start = bench_clock_ns();
    int err = child_spawn_nothing_at_once(AT_ONCE_MAX);
    (void)state;
    *out_us = us_since(start);
    return err;
}

const bench_case_t case_process_16 = {
    .name = "process-16",
    .what = "16 processes started, then joined; limit: 16 bare spawns, then 16 waits",
    .unit = "us",
    .rule = BENCH_RATIO_AT_MOST,
    .bound = 1.25,
    .rounds = 61,
    .open = open_small,
    .ours = sixteen_ours,
    .limit = sixteen_limit,
    .close = close_large,
    .peers = PROCESS_PEERS("16", "0"),
};
