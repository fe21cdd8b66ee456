/* SPDX-License-Identifier: Apache-2.0 */
/* tree_proc.c: a process and its living descendants, as /proc lists them. All are stopped first, so that none can
 * make another one while the list is read. Its counterpart is tree_group.c. */
#include "internal.h"
#include "linux_abi.h"
#include "process.h"
#include "syscalls.h"
#include "usage_linux.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* A process of the tree. A number may be given to another process; number and start time together are not. */
typedef struct member {
    pid_t pid;
    uint64_t start;
} member_t;

typedef struct tree {
    member_t *members;
    size_t count, capacity;
} tree_t;

static bool add_member(tree_t *tree, pid_t pid, uint64_t start) {
    if (tree->count == tree->capacity) {
        size_t capacity = tree->capacity == 0 ? 16 : tree->capacity * 2;
        member_t *members = mplat_sys.allocate(capacity * sizeof *members);
        if (members == NULL)
            return false;
        if (tree->count > 0)
            memcpy(members, tree->members, tree->count * sizeof *members);
        free(tree->members);
        tree->members = members;
        tree->capacity = capacity;
    }
    tree->members[tree->count++] = (member_t){pid, start};
    return true;
}

static bool has_member(const tree_t *tree, pid_t pid) {
    for (size_t i = 0; i < tree->count; i++)
        if (tree->members[i].pid == pid)
            return true;
    return false;
}

/* Signals exactly the process that was listed: the pidfd cannot change any more once the start time has been
 * compared. */
static void send_to(const member_t *member, int number) {
    mplat_stat_t stat;
    int pidfd = (int)syscall(SYS_pidfd_open, member->pid, 0);
    bool same = mplat_stat_read(member->pid, &stat) && stat.start_ticks == member->start;
    if (same && pidfd >= 0)
        syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0);
    else if (same) /* no descriptor free, or a kernel before 5.3: a stopped process is not gone within two calls */
        kill(member->pid, number);
    mplat_close(pidfd);
}

/* Stops every process whose parent is in the tree and takes it in. out_grown tells whether there was one. */
static int take_children(tree_t *tree, bool *out_grown) {
    DIR *proc = opendir("/proc");
    *out_grown = false;
    if (proc == NULL)
        return mplat_fail(errno, "open /proc");
    int err = 0;
    for (struct dirent *entry; err == 0 && (entry = readdir(proc)) != NULL;) {
        mplat_stat_t stat;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || has_member(tree, pid) || !mplat_stat_read(pid, &stat) || !has_member(tree, stat.parent))
            continue;
        member_t child = {pid, stat.start_ticks};
        if (add_member(tree, pid, stat.start_ticks)) {
            send_to(&child, SIGSTOP);
            *out_grown = true;
        } else {
            err = mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "list process tree");
        }
    }
    closedir(proc);
    return err;
}

/* Descendants, until a whole reading of /proc finds no new one. */
static int stop_descendants(tree_t *tree, pid_t root) {
    bool grown = true;
    int err = add_member(tree, root, 0) ? 0 : mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "list process tree");
    while (err == 0 && grown)
        err = take_children(tree, &grown);
    return err;
}

int mplat_process_signal_tree(mplat_process_t *process, mplat_signal_t signal) {
    tree_t tree = {NULL, 0, 0};
    mplat_exit_t how;
    int number = mplat_signal_number(signal);
    if (number == 0)
        return mplat_fail(EINVAL, "signal tree");
    int err = mplat_process_exit(process, &how);
    if (err != 0 || how.kind != MPLAT_EXIT_RUNNING)
        return err;
    err = mplat_process_send(process, SIGSTOP);
    if (err == 0)
        err = stop_descendants(&tree, (pid_t)mplat_process_pid(process));
    /* Also after a failure: what has been stopped is signalled and goes on. */
    for (size_t i = 1; i < tree.count; i++) {
        send_to(&tree.members[i], number);
        send_to(&tree.members[i], SIGCONT);
    }
    mplat_failure_t first = mplat_failure();
    int last = mplat_process_send(process, number);
    mplat_process_send(process, SIGCONT);
    free(tree.members);
    return err != 0 ? mplat_fail_as(err, first.os_code, first.step) : last;
}
