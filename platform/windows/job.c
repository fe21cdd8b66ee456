/* SPDX-License-Identifier: Apache-2.0 */
/* job.c: the jobs a child is put into, and its limits, all of which the system keeps for us. */
#include "job.h"

#include "syscalls.h"

static int set_limits(HANDLE job, const mplat_limits_t *limits, bool detached) {
    const uint64_t ticks_per_second = 10000000;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION info = {0};
    DWORD *flags = &info.BasicLimitInformation.LimitFlags;
    /* A child that crashes must end, not wait behind a dialog for somebody to press a button. */
    *flags = detached ? 0 : JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
    if (limits->memory_bytes > 0) {
        *flags |= JOB_OBJECT_LIMIT_JOB_MEMORY;
        info.JobMemoryLimit = (SIZE_T)(limits->memory_bytes < SIZE_MAX ? limits->memory_bytes : SIZE_MAX);
    }
    if (limits->cpu_seconds > 0) {
        const uint64_t most = INT64_MAX / ticks_per_second;
        *flags |= JOB_OBJECT_LIMIT_PROCESS_TIME;
        info.BasicLimitInformation.PerProcessUserTimeLimit.QuadPart =
            (LONGLONG)((limits->cpu_seconds < most ? limits->cpu_seconds : most) * ticks_per_second);
    }
    /* A detached grandchild leaves its grandparent's jobs; limits are not to be left. */
    if (limits->memory_bytes == 0 && limits->cpu_seconds == 0)
        *flags |= JOB_OBJECT_LIMIT_BREAKAWAY_OK;
    if (mplat_sys.SetInformationJobObject(job, JobObjectExtendedLimitInformation, &info, sizeof info))
        return 0;
    return mplat_fail_last("set limits of job");
}

/* ---- affinity ---------------------------------------------------------------------------------------------------- */

/* Processors come in groups of 64, so word g of an affinity is group g. Where there is one group, a process's own mask
 * does it; only a job can hold a process to processors of several. */
bool mplat_affinity_of_process(void) {
    return GetActiveProcessorGroupCount() == 1;
}

/* As on POSIX, processors that the machine has not got are no mistake. */
static uint64_t present_in_group(WORD group) {
    DWORD count = GetActiveProcessorCount(group);
    return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

int mplat_affinity_set(HANDLE process, const uint64_t *affinity) {
    uint64_t mask = affinity[0] & present_in_group(0);
    if (mask == 0)
        return mplat_fail(MPLAT_EINVAL, "set affinity");
    if (mplat_sys.SetProcessAffinityMask(process, (DWORD_PTR)mask))
        return 0;
    return mplat_fail_last("SetProcessAffinityMask");
}

static int set_group_affinity(HANDLE job, const uint64_t *affinity) {
    GROUP_AFFINITY groups[MPLAT_AFFINITY_WORDS] = {0};
    DWORD used = 0;
    WORD count = GetActiveProcessorGroupCount();
    for (WORD i = 0; i < count && i < MPLAT_AFFINITY_WORDS; i++) {
        uint64_t mask = affinity[i] & present_in_group(i);
        if (mask != 0)
            groups[used++] = (GROUP_AFFINITY){.Mask = (KAFFINITY)mask, .Group = i};
    }
    if (used == 0)
        return mplat_fail(MPLAT_EINVAL, "set affinity");
    if (mplat_sys.SetInformationJobObject(job, JobObjectGroupInformationEx, groups, used * (DWORD)sizeof groups[0]))
        return 0;
    return mplat_fail_last("set affinity of job");
}

/* ---- jobs -------------------------------------------------------------------------------------------------------- */

int mplat_job_create(const mplat_spawn_options_t *options, HANDLE *out_job) {
    /* No attributes: never inheritable. A child that held its own job open could outlive us. */
    *out_job = mplat_sys.CreateJobObjectW(NULL, NULL);
    if (*out_job == NULL)
        return mplat_fail_last("CreateJobObject");
    int err = set_limits(*out_job, &options->limits, options->detached);
    if (err == 0 && options->affinity != NULL && !mplat_affinity_of_process())
        err = set_group_affinity(*out_job, options->affinity);
    if (err != 0)
        mplat_close(out_job);
    return err;
}

static int create_lifeline(HANDLE *out_job) {
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION info = {0};
    info.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK;
    *out_job = mplat_sys.CreateJobObjectW(NULL, NULL);
    if (*out_job == NULL)
        return mplat_fail_last("CreateJobObject");
    if (mplat_sys.SetInformationJobObject(*out_job, JobObjectExtendedLimitInformation, &info, sizeof info))
        return 0;
    int err = mplat_fail_last("make job kill on close");
    mplat_close(out_job);
    return err;
}

int mplat_job_lifeline(HANDLE *out_job) {
    static SRWLOCK lock = SRWLOCK_INIT;
    static HANDLE lifeline = NULL;
    int err = 0;
    AcquireSRWLockExclusive(&lock);
    if (lifeline == NULL)
        err = create_lifeline(&lifeline);
    *out_job = lifeline;
    ReleaseSRWLockExclusive(&lock);
    return err;
}
