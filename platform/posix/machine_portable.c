/* SPDX-License-Identifier: Apache-2.0 */
/* machine_portable.c: the executable, its build and the processors, where no system call tells of them. Its
 * counterparts are machine_linux.c and cgroup_linux.c. */
#include "executable.h"
#include "internal.h"
#include "marker.h"
#include "syscalls.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* No standard says how a program finds its own file. Some C libraries tell the path that exec was given (item 31
 * of the auxiliary vector), or keep argv[0]; where they do not, these are NULL. */
#define EXECUTED_PATH 31
extern unsigned long getauxval(unsigned long type) __attribute__((weak));
extern char *program_invocation_name __attribute__((weak));

/* What is known of the executable, found before main: later the host may have changed the directory or the file. */
static struct {
    char path[PATH_MAX];
    uint64_t build[5];
    bool known;
} executable;

/* Looks for a name without a slash as the shell did. */
static bool search_path(const char *name) {
    const char *at = getenv("PATH");
    char candidate[PATH_MAX];
    while (at != NULL && *at != '\0') {
        size_t length = strcspn(at, ":");
        int used = snprintf(candidate, sizeof candidate, "%.*s%s%s", (int)length, at, length > 0 ? "/" : "", name);
        if (used > 0 && (size_t)used < sizeof candidate && access(candidate, X_OK) == 0)
            return realpath(candidate, executable.path) != NULL;
        at += length + (at[length] == ':' ? 1 : 0);
    }
    return false;
}

static bool resolve(const char *name) {
    if (name == NULL || name[0] == '\0')
        return false;
    return strchr(name, '/') != NULL ? realpath(name, executable.path) != NULL : search_path(name);
}

static bool find_path(void) {
    mplat_marker_t marker;
    const char *value = getenv(MPLAT_MARKER_NAME);
    /* A child of ours is told, because its argv[0] may be anything. */
    if (value != NULL && mplat_marker_parse(value, &marker) && resolve(marker.executable))
        return true;
    if (&getauxval != NULL && resolve((const char *)(uintptr_t)getauxval(EXECUTED_PATH)))
        return true;
    return resolve(&program_invocation_name != NULL ? program_invocation_name : getenv("_"));
}

__attribute__((constructor)) static void find_executable(void) {
    struct stat status;
    int saved = errno;
    executable.known = find_path() && stat(executable.path, &status) == 0;
    if (executable.known) {
        executable.build[0] = (uint64_t)status.st_dev;
        executable.build[1] = (uint64_t)status.st_ino;
        executable.build[2] = (uint64_t)status.st_size;
        executable.build[3] = (uint64_t)status.st_mtim.tv_sec;
        executable.build[4] = (uint64_t)status.st_mtim.tv_nsec;
    }
    errno = saved;
}

int mplat_executable_path(char *buf, size_t size) {
    if (size > 0)
        buf[0] = '\0';
    if (!executable.known)
        return mplat_fail_as(MPLAT_ENOTFOUND, 0, "executable path");
    size_t length = strlen(executable.path);
    if (length >= size)
        return mplat_fail_as(MPLAT_ETOOBIG, 0, "executable path");
    memcpy(buf, executable.path, length + 1);
    return 0;
}

int mplat_executable_for_exec(char **out_owned, const char **out_program) {
    *out_owned = NULL;
    *out_program = NULL;
    if (!executable.known)
        return mplat_fail_as(MPLAT_ENOTFOUND, 0, "executable path");
    size_t size = strlen(executable.path) + 1;
    *out_owned = mplat_sys.allocate(size);
    if (*out_owned == NULL)
        return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "executable path");
    memcpy(*out_owned, executable.path, size);
    *out_program = *out_owned;
    return 0;
}

int mplat_executable_descriptor(void) {
    return -1;
}

void mplat_executable_name_process(void) {}

int mplat_build_id(unsigned char *buf, size_t size, size_t *out_size) {
    *out_size = !executable.known ? 0 : size < sizeof executable.build ? size : sizeof executable.build;
    if (*out_size > 0)
        memcpy(buf, executable.build, *out_size);
    return 0;
}

int mplat_cpu_count(void) {
    /* In no POSIX standard before 2024, and on every system. */
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : online > INT_MAX ? INT_MAX : (int)online;
}

int mplat_oom_kills(uint64_t *out_count) {
    *out_count = 0;
    return mplat_fail_as(MPLAT_ENOTSUP, 0, "count kills for want of memory");
}
