/* SPDX-License-Identifier: Apache-2.0 */
/* usage_linux.h: what /proc tells of other processes. Linux only. */
#ifndef MPLAT_POSIX_USAGE_LINUX_H
#define MPLAT_POSIX_USAGE_LINUX_H

#include "platform/platform.h"

#include <sys/types.h>

/* mplat_usage_read fills in processor time and peak memory of a running process. False when it cannot be read. */
bool mplat_usage_read(pid_t pid, mplat_usage_t *usage);

/* Some fields of /proc/<pid>/stat. */
typedef struct mplat_stat {
    pid_t parent;
    uint64_t user_ticks, system_ticks, start_ticks;
} mplat_stat_t;

/* mplat_stat_read reads them; false when the process is gone. */
bool mplat_stat_read(pid_t pid, mplat_stat_t *out_stat);

/* mplat_stat_parse does so from the file's text. Pure. */
bool mplat_stat_parse(const char *text, mplat_stat_t *out_stat);

#endif
