/* SPDX-License-Identifier: Apache-2.0 */
/* child.c: what a process that mplat_spawn started does first: it finds its link, hides it and ties its life to its
 * parent's. */
#include "executable.h"
#include "internal.h"
#include "lifeline.h"
#include "link.h"
#include "marker.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The descriptor is there, is of this type, and is the very object that the parent meant. */
static bool is_ours(int fd, mode_t type, uint64_t inode) {
    struct stat status;
    return fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == type && (uint64_t)status.st_ino == inode;
}

static int malformed(void) {
    return mplat_fail_as(MPLAT_EMALFORMED, 0, "read " MPLAT_MARKER_NAME);
}

/* Nothing is closed unless it is ours: a forged marker must not make us close what the program was given. */
static int take_marker(mplat_marker_t *out_marker) {
    const char *value = getenv(MPLAT_MARKER_NAME);
    bool valid = mplat_marker_parse(value, out_marker);
    out_marker->executable = "";
    unsetenv(MPLAT_MARKER_NAME);
    if (!valid || !is_ours(MPLAT_LINK_FD, S_IFSOCK, out_marker->link_inode))
        return malformed();
    return !out_marker->lifeline || is_ours(MPLAT_LIFELINE_FD, S_IFIFO, out_marker->lifeline_inode) ? 0 : malformed();
}

int mplat_child_begin(mplat_link_t **out_link) {
    mplat_marker_t marker;
    *out_link = NULL;
    if (getenv(MPLAT_MARKER_NAME) == NULL)
        return 0;
    int err = take_marker(&marker);
    if (err != 0)
        return err;
    fcntl(MPLAT_LINK_FD, F_SETFD, FD_CLOEXEC);
    mplat_executable_name_process();
    if (marker.lifeline) {
        fcntl(MPLAT_LIFELINE_FD, F_SETFD, FD_CLOEXEC);
        mplat_parent_pid(); /* known from here on: armed means that it has not ended yet */
        err = mplat_lifeline_arm();
    }
    if (err != 0) {
        mplat_close(MPLAT_LINK_FD);
        mplat_close(MPLAT_LIFELINE_FD);
        return err;
    }
    return mplat_link_adopt(MPLAT_LINK_FD, out_link);
}

void mplat_child_ignore_interrupt(void) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGINT, &ignore, NULL);
}

static void do_nothing(int signal) {
    (void)signal;
}

void mplat_child_ignore_broken_pipe(void) {
    /* A handler, and not SIG_IGN: that would survive an exec, and so change programs that this one starts by itself. */
    struct sigaction now, ignore = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};
    sigemptyset(&ignore.sa_mask);
    if (sigaction(SIGPIPE, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_DFL)
        sigaction(SIGPIPE, &ignore, NULL);
}

_Noreturn void mplat_self_exit(int code) {
    _exit(code);
}
