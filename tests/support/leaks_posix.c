/* SPDX-License-Identifier: Apache-2.0 */
/* What a process on Linux has open, read from /proc; on another POSIX system without it only children are seen. */
#include "host.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_first_line(const char *path, char *out_line, size_t size) {
    out_line[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    if (fgets(out_line, (int)size, file) == NULL) {
        out_line[0] = '\0';
    }
    fclose(file);
    out_line[strcspn(out_line, "\n")] = '\0';
}

static void list_descriptors(item_list_t *items) {
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.' || (int)strtol(entry->d_name, NULL, 10) == dirfd(dir)) {
            continue;
        }
        char target[256];
        ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        items_add(items, "descriptor %s -> %s", entry->d_name, target);
    }
    closedir(dir);
}

static void list_children_of_thread(const char *thread, item_list_t *items) {
    char path[PATH_MAX];
    char pids[4096];
    snprintf(path, sizeof path, "/proc/self/task/%s/children", thread);
    read_first_line(path, pids, sizeof pids);
    char *rest = NULL;
    for (char *pid = strtok_r(pids, " ", &rest); pid != NULL; pid = strtok_r(NULL, " ", &rest)) {
        char name[64];
        snprintf(path, sizeof path, "/proc/%s/comm", pid);
        read_first_line(path, name, sizeof name);
        items_add(items, "child process %s (%s)", pid, name);
    }
}

static void list_threads_and_children(item_list_t *items) {
    DIR *dir = opendir("/proc/self/task");
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char path[PATH_MAX];
        char name[64];
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        read_first_line(path, name, sizeof name);
        items_add(items, "thread %s (%s)", entry->d_name, name);
        list_children_of_thread(entry->d_name, items);
    }
    closedir(dir);
}

/* A kernel without the children files still tells whether a child waits to be collected. */
static void list_uncollected_child(item_list_t *items) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
        items_add(items, "uncollected child process %d", (int)info.si_pid);
    }
}

static void list_segments(item_list_t *items) {
    DIR *dir = opendir("/dev/shm");
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        /* Folders there belong to somebody else: wine's temporary files, for one. */
        if (strncmp(entry->d_name, "mproc", 5) == 0 && entry->d_type == DT_REG) {
            items_add(items, "shared memory /dev/shm/%s", entry->d_name);
        }
    }
    closedir(dir);
}

void host_list_open(item_list_t *items) {
    list_descriptors(items);
    list_threads_and_children(items);
    list_uncollected_child(items);
    list_segments(items);
}
