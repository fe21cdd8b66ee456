/* SPDX-License-Identifier: Apache-2.0 */
/* process_exit.h: from what the system says of an end to what mproc says of it. Pure: the same on every system. */
#ifndef MPROC_SRC_PROCESS_EXIT_H
#define MPROC_SRC_PROCESS_EXIT_H

#include "platform/platform.h"

#include <mproc/error.h>
#include <stdbool.h>
#include <stdint.h>

/* What we did to end it. */
typedef struct mproc_stops {
    bool interrupted, terminated, killed;
    bool deadline; /* killed because its time was over */
} mproc_stops_t;

/* mproc_exit_classify tells an end of its own, a crash, our stop, the deadline and somebody else's signal apart. crash is what
 * the process itself reported, NULL if it did not: on Windows the only way to know abort() from exit(3). */
mproc_exit_t mproc_exit_classify(const mplat_exit_t *system, const mproc_stops_t *stops, const mplat_crash_t *crash);

/* mproc_exit_python gives Python's exitcode; false where Python has None. */
bool mproc_exit_python(const mproc_exit_t *exit, int64_t *out_exitcode);

/* mproc_exit_describe writes how it ended as the middle of a sentence: "was ended by SIGKILL". Returns buf. */
const char *mproc_exit_describe(const mproc_exit_t *exit, char *buf, size_t size);

#endif
