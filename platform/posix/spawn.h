/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.h: the plan of a child, made whole in memory before it exists, and the child's side of it. */
#ifndef MPLAT_POSIX_SPAWN_H
#define MPLAT_POSIX_SPAWN_H

#include "platform/platform.h"

#include <stdint.h>

/* Where a child of the running executable finds its link and its lifeline. */
#define MPLAT_LINK_FD 3
#define MPLAT_LIFELINE_FD 4
#define MPLAT_FIRST_FREE_FD 5

typedef struct mplat_spawn_plan {
    const char *program;
    char *const *argv;
    char *const *environment;
    const char *directory; /* NULL: stay */
    int streams[3];        /* descriptors of the parent; -1: the null device */
    int link;              /* the child's end, or -1 */
    int lifeline;          /* the end that tells of the parent's death, or -1 */
    int report;            /* takes an mplat_child_report_t when a step fails; exec closes it otherwise */
    bool own_session;
    bool own_group;
    mplat_limits_t limits;
    bool set_nice;
    int nice;
    const uint64_t *affinity; /* NULL: as the parent */
} mplat_spawn_plan_t;

/* What a child writes when it cannot become the program. */
typedef struct mplat_child_report {
    int32_t step; /* an mplat_child_step_t */
    int32_t os_code;
} mplat_child_report_t;

typedef enum mplat_child_step {
    MPLAT_STEP_GROUP,
    MPLAT_STEP_SIGNALS,
    MPLAT_STEP_DIRECTORY,
    MPLAT_STEP_STREAMS,
    MPLAT_STEP_HANDLES,
    MPLAT_STEP_LIMITS,
    MPLAT_STEP_PRIORITY,
    MPLAT_STEP_AFFINITY,
    MPLAT_STEP_EXEC,
    MPLAT_STEP_COUNT
} mplat_child_step_t;

/* mplat_child_run turns this process into the program of the plan; on failure it reports and exits. Every signal is
 * blocked when it is called. The child may share the parent's memory, so it changes nothing but its own stack. */
_Noreturn void mplat_child_run(const mplat_spawn_plan_t *plan);

/* The steps that differ, in spawn_child_linux.c and spawn_child_portable.c; each returns 0 or -1 with errno. */

/* mplat_child_reset_signals gives every signal its default disposition. */
int mplat_child_reset_signals(void);

/* mplat_child_close closes every descriptor from first on, but keep. */
int mplat_child_close(int first, int keep);

int mplat_child_set_affinity(const uint64_t *words);

#endif
