/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.h: the plan of a child, made whole in memory before it exists, and the child's side of it. */
#ifndef MPLAT_POSIX_SPAWN_H
#define MPLAT_POSIX_SPAWN_H

#include "platform/platform.h"

#include <stdint.h>
#include <sys/types.h>

/* Where a child of the running executable finds its link and its lifeline. */
#define MPLAT_LINK_FD 3
#define MPLAT_LIFELINE_FD 4
#define MPLAT_FIRST_FREE_FD 5

typedef struct mplat_spawn_plan {
    const char *program;
    int executable; /* a descriptor of the program, quicker to exec than its path; -1: there is none */
    char *const *argv;
    char *const *environment;
    const char *directory; /* NULL: stay */
    int streams[3];        /* descriptors of the parent; -1: the null device */
    int link;              /* the child's end, or -1 */
    int lifeline;          /* the end that tells of the parent's death, or -1 */
    bool own_session;
    bool own_group;
    mplat_limits_t limits;
    bool set_nice;
    int nice;
    const uint64_t *affinity; /* NULL: as the parent */
} mplat_spawn_plan_t;

typedef enum mplat_child_step {
    MPLAT_STEP_START, /* there is no child yet */
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

/* Why a child could not become the program. */
typedef struct mplat_child_failure {
    int32_t step; /* an mplat_child_step_t */
    int32_t os_code;
} mplat_child_failure_t;

/* mplat_child_become turns this process into the program of the plan; it returns only when that fails. Every
 * signal is blocked when it is called. The child may share the parent's memory, so it changes nothing but its own
 * stack. *keep is a descriptor that stays open, or -1; it may get another number. It is plan->executable if the plan has
 * one. */
mplat_child_failure_t mplat_child_become(const mplat_spawn_plan_t *plan, int *keep);

/* mplat_os_process_start starts a child that becomes the program, and waits until it has: spawn_clone.c or
 * spawn_fork.c. On failure it returns -1 with errno, nothing is left of the child, and *out_failed_step tells how
 * far it came. *out_pidfd is -1 where starting gives none. */
pid_t mplat_os_process_start(const mplat_spawn_plan_t *plan, int *out_pidfd, int32_t *out_failed_step);

/* mplat_process_start_by_fork is the one of spawn_fork.c, which spawn_clone.c falls back on. */
pid_t mplat_process_start_by_fork(const mplat_spawn_plan_t *plan, int *out_pidfd, int32_t *out_failed_step);

/* The steps that differ, in spawn_child_linux.c and spawn_child_portable.c; each returns 0 or -1 with errno. */

/* mplat_child_reset_signals gives every signal its default disposition. */
int mplat_child_reset_signals(void);

/* mplat_child_exec becomes the program, by the descriptor executable where the system can, else by its path; it returns
 * only when it fails. */
int mplat_child_exec(const mplat_spawn_plan_t *plan, int executable);

/* mplat_child_close closes every descriptor from first on, but keep (-1: none). */
int mplat_child_close(int first, int keep);

int mplat_child_set_affinity(const uint64_t *words);

#endif
