/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_parse.h: what Linux says about control groups, read out of text. Pure: the caller reads the files. */
#ifndef MPLAT_COMMON_CGROUP_PARSE_H
#define MPLAT_COMMON_CGROUP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text is any size bytes, not ended by a zero; whatever is in it, the answer is a value or "none". A controller is a v1 name
 * such as "cpu" or "memory", or NULL for the one v2 hierarchy. */

/* mplat_cgroup_cpu_max gives how many processors v2's cpu.max ("200000 100000", "max 100000") grants, rounded up; 0 when it
 * sets no limit or is not understood. */
int mplat_cgroup_cpu_max(const char *text, size_t size);

/* mplat_cgroup_cpu_cfs does so for v1's cpu.cfs_quota_us (-1 is no limit) and cpu.cfs_period_us. */
int mplat_cgroup_cpu_cfs(const char *quota, size_t quota_size, const char *period, size_t period_size);

/* mplat_cgroup_keyed finds "key number" among lines, as in memory.events, memory.oom_control and /proc/vmstat. */
bool mplat_cgroup_keyed(const char *text, size_t size, const char *key, uint64_t *out_value);

/* mplat_cgroup_path writes the group's path out of /proc/self/cgroup, such as "/system.slice/x.service". False when the
 * controller is not there or buf is too small. */
bool mplat_cgroup_path(const char *text, size_t size, const char *controller, char *buf, size_t buf_size);

/* mplat_cgroup_directory writes the directory that holds the group's files, out of /proc/self/mountinfo and the path above,
 * and how many bytes of it are the mount point: the groups above ours lie between that and the end. A container may see
 * only a part of the hierarchy: when its root is not above path, the mount point itself is taken. */
bool mplat_cgroup_directory(const char *mountinfo, size_t size, const char *controller, const char *path, char *buf,
                            size_t buf_size, size_t *out_mount_length);

/* mplat_cgroup_ascend cuts the last name off directory; false when it is already at its mount point. A limit of any group
 * above binds too, so that the caller looks at each. */
bool mplat_cgroup_ascend(char *directory, size_t mount_length);

#endif
