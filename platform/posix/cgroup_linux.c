/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_linux.c: what this process's control groups grant it (processors) and what happened in them (kills for
 * want of memory). The counterpart of both is in machine_portable.c. */
#include "internal.h"
#include "linux_abi.h"
#include "platform/common/cgroup_parse.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads a file under /proc that may be long; the caller frees it. NULL when it cannot be read. */
static char *read_whole(const char *path, size_t *out_size) {
    size_t capacity = 16384;
    for (;;) {
        char *text = malloc(capacity);
        ssize_t got = text != NULL ? mplat_read_file(path, text, capacity) : -1;
        if (got >= 0 && (size_t)got < capacity) {
            *out_size = (size_t)got;
            return text;
        }
        free(text);
        if (got < 0 || capacity > (size_t)4 * 1024 * 1024)
            return NULL;
        capacity *= 4;
    }
}

/* Writes the directory of our group in a controller's hierarchy (NULL: the v2 one). */
static bool find_directory(const char *controller, char *directory, size_t room, size_t *out_mount_length) {
    char path[PATH_MAX];
    size_t groups_length = 0, mounts_length = 0;
    char *groups = read_whole("/proc/self/cgroup", &groups_length);
    char *mounts = groups != NULL ? read_whole("/proc/self/mountinfo", &mounts_length) : NULL;
    bool found = mounts != NULL && mplat_cgroup_path(groups, groups_length, controller, path, sizeof path) &&
                 mplat_cgroup_directory(mounts, mounts_length, controller, path, directory, room, out_mount_length);
    free(groups);
    free(mounts);
    return found;
}

/* Reads the file `name` of a group; its size, or 0. */
static size_t read_group_file(const char *directory, const char *name, char *text, size_t size) {
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return 0;
    ssize_t got = mplat_read_file(path, text, size);
    return got > 0 ? (size_t)got : 0;
}

static int quota_of(const char *directory, const char *controller) {
    char quota[64], period[64];
    if (controller == NULL)
        return mplat_cgroup_cpu_max(quota, read_group_file(directory, "cpu.max", quota, sizeof quota));
    size_t quota_size = read_group_file(directory, "cpu.cfs_quota_us", quota, sizeof quota);
    size_t period_size = read_group_file(directory, "cpu.cfs_period_us", period, sizeof period);
    return mplat_cgroup_cpu_cfs(quota, quota_size, period, period_size);
}

/* The least that our group and every group above it grant; count when none sets a limit. */
static int cut_to_quota(int count, const char *controller) {
    char directory[PATH_MAX];
    size_t mount_length = 0;
    if (!find_directory(controller, directory, sizeof directory, &mount_length))
        return count;
    do {
        int granted = quota_of(directory, controller);
        if (granted > 0 && granted < count)
            count = granted;
    } while (mplat_cgroup_ascend(directory, mount_length));
    return count;
}

static int affinity_count(void) {
    /* The kernel refuses a mask that is too small for it, and tells how much it wrote; 8,192 is the most it can be
     * built for on any architecture. The libraries' functions add nothing. */
    unsigned long mask[8192 / (CHAR_BIT * sizeof(unsigned long))];
    long size = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int count = 0;
    for (size_t i = 0; size > 0 && i < (size_t)size / sizeof mask[0]; i++)
        count += __builtin_popcountl(mask[i]);
    long online = count > 0 ? count : sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : (int)online;
}

int mplat_cpu_count(void) {
    int count = affinity_count();
    if (count > 1)
        count = cut_to_quota(count, NULL);
    if (count > 1)
        count = cut_to_quota(count, "cpu");
    return count;
}

static bool read_count(const char *controller, const char *file, uint64_t *out_count) {
    char directory[PATH_MAX], text[4096];
    size_t mount_length = 0;
    if (!find_directory(controller, directory, sizeof directory, &mount_length))
        return false;
    size_t size = read_group_file(directory, file, text, sizeof text);
    return mplat_cgroup_keyed(text, size, "oom_kill", out_count);
}

int mplat_oom_kills(uint64_t *out_count) {
    *out_count = 0;
    if (read_count(NULL, "memory.events", out_count) || read_count("memory", "memory.oom_control", out_count))
        return 0;
    size_t size = 0;
    char *text = read_whole("/proc/vmstat", &size);
    bool found = text != NULL && mplat_cgroup_keyed(text, size, "oom_kill", out_count);
    free(text);
    return found ? 0 : mplat_fail_as(MPLAT_ENOTSUP, 0, "count kills for want of memory");
}
