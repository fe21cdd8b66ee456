/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.c: the parent's side of starting a child, a step at a time. What the child itself does is in
 * spawn_child.c, how it comes to be in spawn_clone.c or spawn_fork.c. */
#include "spawn.h"

#include "executable.h"
#include "internal.h"
#include "lifeline.h"
#include "link.h"
#include "marker.h"
#include "process.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ; /* NOLINT(readability-redundant-declaration): only some headers have it */

/* One spawn on its way; each member is "none" until its step has made it. */
typedef struct spawn {
    const mplat_spawn_options_t *options;
    mplat_spawn_plan_t plan;
    mplat_link_t *link;
    int link_child_end;
    const char **environment;
    char *program; /* owned, when it is not the caller's */
    char marker[PATH_MAX + 64];
    mplat_process_t *process;
    pid_t pid;
    int pidfd;
} spawn_t;

static int plan_link(spawn_t *spawn) {
    if (!spawn->options->link)
        return 0;
    int err = mplat_link_create(&spawn->link, &spawn->link_child_end);
    spawn->plan.link = spawn->link_child_end;
    return err;
}

static int plan_lifeline(spawn_t *spawn) {
    /* Only a program that looks for it makes use of a lifeline; any other would carry a strange descriptor. */
    if (!spawn->options->link || spawn->options->detached)
        return 0;
    return mplat_lifeline_for_child(&spawn->plan.lifeline);
}

static int plan_program(spawn_t *spawn) {
    spawn->plan.program = spawn->options->program;
    if (spawn->plan.program != NULL)
        return 0;
    spawn->plan.executable = mplat_executable_descriptor();
    return mplat_executable_for_exec(&spawn->program, &spawn->plan.program);
}

static bool inode_of(int fd, uint64_t *out_inode) {
    struct stat status;
    *out_inode = 0;
    if (fd < 0)
        return true;
    if (fstat(fd, &status) != 0)
        return false;
    *out_inode = (uint64_t)status.st_ino;
    return true;
}

static int write_marker(spawn_t *spawn) {
    mplat_marker_t marker = {.lifeline = spawn->plan.lifeline >= 0};
    marker.executable = spawn->program != NULL ? spawn->program : "";
    if (!inode_of(spawn->plan.link, &marker.link_inode) || !inode_of(spawn->plan.lifeline, &marker.lifeline_inode))
        return mplat_fail(errno, "write " MPLAT_MARKER_NAME);
    return mplat_marker_format(&marker, spawn->marker, sizeof spawn->marker)
               ? 0
               : mplat_fail(ENAMETOOLONG, "write " MPLAT_MARKER_NAME);
}

static size_t count_entries(const char *const *entries) {
    size_t count = 0;
    while (entries != NULL && entries[count] != NULL)
        count++;
    return count;
}

/* True when one of changes, "NAME=value" or "NAME", is about the name of entry. */
static bool is_changed(const char *entry, const char *const *changes) {
    for (; changes != NULL && *changes != NULL; changes++) {
        size_t length = strcspn(*changes, "=");
        if (strncmp(entry, *changes, length) == 0 && (entry[length] == '=' || entry[length] == '\0'))
            return true;
    }
    return false;
}

/* The child's environment is the given one without a marker that this process itself may have been started with,
 * and with the child's own. */
static int plan_environment(spawn_t *spawn) {
    static const char *const marker[] = {MPLAT_MARKER_NAME, NULL};
    bool own = spawn->options->environment == NULL || spawn->options->environment_changes;
    const char *const *from = own ? (const char *const *)environ : NULL;
    const char *const *added = spawn->options->environment;
    const char *const *changes = own ? added : NULL;
    size_t from_count = count_entries(from), added_count = count_entries(added), used = 0;
    spawn->environment = mplat_sys.allocate((from_count + added_count + 2) * sizeof *spawn->environment);
    if (spawn->environment == NULL)
        return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "copy environment");
    for (size_t i = 0; from != NULL && i < from_count; i++)
        if (!is_changed(from[i], marker) && !is_changed(from[i], changes))
            spawn->environment[used++] = from[i];
    for (size_t i = 0; added != NULL && i < added_count; i++)
        if (!is_changed(added[i], marker) &&
            !(own && (strchr(added[i], '=') == NULL || is_changed(added[i], added + i + 1))))
            spawn->environment[used++] = added[i];
    spawn->plan.environment = (char *const *)(uintptr_t)spawn->environment;
    if (spawn->link == NULL)
        return 0;
    spawn->environment[used] = spawn->marker;
    return write_marker(spawn);
}

/* Under the number of a stream that the host has closed there may be anything since, our own descriptors for one:
 * what exec would close is no stream. */
static bool has_stream(int fd) {
    int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

static int plan_streams(spawn_t *spawn) {
    for (int i = 0; i < 3; i++) {
        const mplat_stdio_t *stream = &spawn->options->stdio[i];
        int fd = stream->kind == MPLAT_STDIO_HANDLE ? mplat_fd(stream->handle) : i;
        bool open = stream->kind == MPLAT_STDIO_INHERIT ? has_stream(i)
                                                        : stream->kind == MPLAT_STDIO_HANDLE && fcntl(fd, F_GETFD) >= 0;
        if (stream->kind == MPLAT_STDIO_HANDLE && !open)
            return mplat_fail(EBADF, "set standard stream");
        spawn->plan.streams[i] = open ? fd : -1;
    }
    return 0;
}

static int plan_rest(spawn_t *spawn) {
    static const int nice_of[] = {[MPLAT_PRIORITY_IDLE] = 19,
                                  [MPLAT_PRIORITY_LOW] = 10,
                                  [MPLAT_PRIORITY_NORMAL] = 0,
                                  [MPLAT_PRIORITY_HIGH] = -10};
    const mplat_spawn_options_t *options = spawn->options;
    if (options->argv == NULL || (unsigned)options->priority > MPLAT_PRIORITY_HIGH)
        return mplat_fail(EINVAL, "spawn");
    spawn->plan.argv = (char *const *)(uintptr_t)options->argv;
    spawn->plan.directory = options->directory;
    spawn->plan.own_session = options->detached;
    spawn->plan.own_group = options->own_group;
    spawn->plan.limits = options->limits;
    spawn->plan.set_nice = options->priority != MPLAT_PRIORITY_INHERIT;
    spawn->plan.nice = nice_of[options->priority];
    spawn->plan.affinity = options->affinity;
    return 0;
}

static const char *step_name(int32_t step) {
    static const char *const names[MPLAT_STEP_COUNT] = {
        [MPLAT_STEP_START] = "start process",         [MPLAT_STEP_GROUP] = "set process group",
        [MPLAT_STEP_SIGNALS] = "reset signals",       [MPLAT_STEP_DIRECTORY] = "set directory",
        [MPLAT_STEP_STREAMS] = "set standard stream", [MPLAT_STEP_HANDLES] = "close handles",
        [MPLAT_STEP_LIMITS] = "set limits",           [MPLAT_STEP_PRIORITY] = "set priority",
        [MPLAT_STEP_AFFINITY] = "set affinity",       [MPLAT_STEP_EXEC] = "execve"};
    return step >= 0 && step < MPLAT_STEP_COUNT ? names[step] : "start process";
}

static int start(spawn_t *spawn) {
    int32_t failed_step = MPLAT_STEP_START;
    int err = mplat_process_prepare(spawn->options->own_group || spawn->options->detached, &spawn->process);
    if (err != 0)
        return err;
    spawn->pid = mplat_sys.process_start(&spawn->plan, &spawn->pidfd, &failed_step);
    return spawn->pid > 0 ? 0 : mplat_fail(errno, step_name(failed_step));
}

static int adopt(spawn_t *spawn) {
    int pidfd = spawn->pidfd;
    spawn->pidfd = -1;
    return mplat_process_adopt(spawn->process, spawn->pid, pidfd);
}

int mplat_spawn(const mplat_spawn_options_t *options, mplat_process_t **out_process, mplat_link_t **out_link) {
    static int (*const steps[])(spawn_t *) = {plan_link,    plan_lifeline, plan_program, plan_environment,
                                              plan_streams, plan_rest,     start,        adopt};
    spawn_t spawn = {.options = options,
                     .plan = {.streams = {-1, -1, -1}, .link = -1, .lifeline = -1, .executable = -1},
                     .link_child_end = -1,
                     .pidfd = -1};
    int err = 0;
    *out_process = NULL;
    if (out_link != NULL)
        *out_link = NULL;
    for (size_t i = 0; err == 0 && i < sizeof steps / sizeof steps[0]; i++)
        err = steps[i](&spawn);
    mplat_close(spawn.link_child_end);
    mplat_close(spawn.plan.lifeline);
    mplat_close(spawn.pidfd);
    free(spawn.environment);
    free(spawn.program);
    if (err != 0) {
        mplat_process_destroy(spawn.process);
        mplat_link_destroy(spawn.link);
        return err;
    }
    *out_process = spawn.process;
    if (out_link != NULL)
        *out_link = spawn.link;
    return 0;
}
