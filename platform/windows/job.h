/* SPDX-License-Identifier: Apache-2.0 */
/* job.h: the jobs a child is put into: one of its own, inside one for all children of this program. */
#ifndef MPLAT_WINDOWS_JOB_H
#define MPLAT_WINDOWS_JOB_H

#include "system.h"

/* mplat_job_create makes a child's own job with its limits; the caller closes it. */
int mplat_job_create(const mplat_spawn_options_t *options, HANDLE *out_job);

/* mplat_job_lifeline gives the job whose end is the end of every child that is not detached. It stays open, and ours
 * alone, until this process ends in whatever way. */
int mplat_job_lifeline(HANDLE *out_job);

/* mplat_affinity_of_process tells whether affinity is set by mplat_affinity_set, on the suspended child; otherwise
 * mplat_job_create has set it on the job. */
bool mplat_affinity_of_process(void);
int mplat_affinity_set(HANDLE process, const uint64_t *affinity);

#endif
