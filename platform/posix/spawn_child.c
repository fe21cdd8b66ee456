/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_child.c: what runs between fork and exec. Async-signal-safe calls only, no memory but the stack, no lock:
 * the child may share all of the parent's memory, and other threads of the parent run on. Not instrumented by
 * sanitizers. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A child on a terminal that is stopped by its own group change or session would never report; all signals are
 * blocked here, and neither call sends one. */
static int set_group(const mplat_spawn_plan_t *plan) {
    if (plan->own_session)
        return setsid() < 0 ? -1 : 0;
    return plan->own_group ? setpgid(0, 0) : 0;
}

static int set_directory(const mplat_spawn_plan_t *plan) {
    return plan->directory != NULL ? chdir(plan->directory) : 0;
}

/* The descriptor itself when it is out of the way of all targets, else a copy that is. */
static int out_of_the_way(int fd) {
    return fd >= MPLAT_FIRST_FREE_FD || fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, MPLAT_FIRST_FREE_FD);
}

/* Moves every source above every target first. That settles all permutations (stdout to stderr and back, a target
 * that is somebody's source, streams the parent has closed) and makes dup2 clear close-on-exec, which it leaves
 * where source and target are the same. */
static int set_streams(const mplat_spawn_plan_t *plan, int *keep) {
    int sources[MPLAT_FIRST_FREE_FD] = {plan->streams[0], plan->streams[1], plan->streams[2], plan->link,
                                        plan->lifeline};
    int null = -1, kept = out_of_the_way(*keep);
    if (kept < 0 && *keep >= 0)
        return -1;
    *keep = kept;
    for (int i = 0; i < 3; i++)
        if (sources[i] < 0 && null < 0) {
            int opened = open("/dev/null", O_RDWR | O_CLOEXEC);
            null = opened < 0 ? -1 : out_of_the_way(opened);
            if (null < 0)
                return -1;
        }
    for (int i = 0; i < MPLAT_FIRST_FREE_FD; i++) {
        bool wanted = sources[i] >= 0;
        sources[i] = i < 3 && !wanted ? null : out_of_the_way(sources[i]);
        if (sources[i] < 0 && (wanted || i < 3))
            return -1;
    }
    for (int i = 0; i < MPLAT_FIRST_FREE_FD; i++)
        if (sources[i] >= 0 && dup2(sources[i], i) < 0)
            return -1;
    return 0;
}

static int close_others(const mplat_spawn_plan_t *plan, int keep) {
    int first = plan->lifeline >= 0 ? MPLAT_LIFELINE_FD + 1 : plan->link >= 0 ? MPLAT_LINK_FD + 1 : 3;
    return mplat_child_close(first, keep);
}

/* Above the hard limit the system itself says no, with its own reason. */
static struct rlimit narrowed(struct rlimit limit, uint64_t value, rlim_t grace) {
    rlim_t wanted = value >= (uint64_t)RLIM_INFINITY ? RLIM_INFINITY : (rlim_t)value;
    limit.rlim_cur = wanted;
    if (grace == 0 || wanted > limit.rlim_max)
        limit.rlim_max = wanted;
    else if (limit.rlim_max - wanted > grace)
        limit.rlim_max = wanted + grace;
    return limit;
}

static int set_limits(const mplat_limits_t *limits) {
    struct rlimit limit;
    if (limits->cpu_seconds > 0) {
        /* At the hard limit of processor time comes SIGKILL, and where both are the same it comes first; a second
         * apart the child gets its SIGXCPU. */
        if (getrlimit(RLIMIT_CPU, &limit) != 0)
            return -1;
        limit = narrowed(limit, limits->cpu_seconds, 1);
        if (setrlimit(RLIMIT_CPU, &limit) != 0)
            return -1;
    }
    if (limits->open_files > 0) {
        limit = narrowed((struct rlimit){0, 0}, limits->open_files, 0);
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            return -1;
    }
    if (limits->memory_bytes > 0) {
        limit = narrowed((struct rlimit){0, 0}, limits->memory_bytes, 0);
        if (setrlimit(RLIMIT_AS, &limit) != 0)
            return -1;
    }
    return 0;
}

static int set_priority(const mplat_spawn_plan_t *plan) {
    return plan->set_nice ? setpriority(PRIO_PROCESS, 0, plan->nice) : 0;
}

static int become_program(const mplat_spawn_plan_t *plan, int keep) {
    /* Signals that came while all were blocked reach the child now, with default dispositions: the parent's handlers,
     * which live in memory the child shares, can no longer run. */
    sigset_t none;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) != 0)
        return -1;
    return mplat_child_exec(plan, plan->executable >= 0 ? keep : -1);
}

static mplat_child_step_t run_steps(const mplat_spawn_plan_t *plan, int *keep) {
    if (set_group(plan) != 0)
        return MPLAT_STEP_GROUP;
    if (mplat_child_reset_signals() != 0)
        return MPLAT_STEP_SIGNALS;
    if (set_directory(plan) != 0)
        return MPLAT_STEP_DIRECTORY;
    if (set_streams(plan, keep) != 0)
        return MPLAT_STEP_STREAMS;
    if (close_others(plan, *keep) != 0)
        return MPLAT_STEP_HANDLES;
    if (set_priority(plan) != 0)
        return MPLAT_STEP_PRIORITY;
    if (plan->affinity != NULL && mplat_child_set_affinity(plan->affinity) != 0)
        return MPLAT_STEP_AFFINITY;
    if (set_limits(&plan->limits) != 0) /* last: what follows needs no descriptor and no memory */
        return MPLAT_STEP_LIMITS;
    become_program(plan, *keep);
    return MPLAT_STEP_EXEC;
}

mplat_child_failure_t mplat_child_become(const mplat_spawn_plan_t *plan, int *keep) {
    mplat_child_failure_t failure = {.step = (int32_t)run_steps(plan, keep), .os_code = 0};
    failure.os_code = errno;
    return failure;
}
