/* SPDX-License-Identifier: Apache-2.0 */
/* runner.h: who runs a pool's tasks, as far as a task may ask (runner.c): a worker process, or the pool itself when it is inline.
 * mproc_call.worker points to one; NULL in a Process. */
#ifndef MPROC_SRC_RUNNER_H
#define MPROC_SRC_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mproc_runner {
    int worker; /* number in the pool */
    uint64_t seed;
    void *state;   /* mproc_call_set_state */
    int64_t first; /* index of the work's first item ... */
    uint32_t item; /* ... and of the running one in the work */
    bool (*cancelled)(const struct mproc_runner *runner);
    /* Gives the task all items from this one on; returns how many, and where their plain results go: 1 and NULL where a chunk
     * is not plain elements in and out. */
    size_t (*take_chunk)(struct mproc_runner *runner, void **out_output);
} mproc_runner_t;

#endif
