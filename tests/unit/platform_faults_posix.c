/* SPDX-License-Identifier: Apache-2.0 */
/* Failing system calls for the POSIX backend. */
#include "platform_faults.h"

#include <errno.h>
#include <string.h>

#include "platform/platform.h"
#include "platform/posix/syscalls.h"

static mplat_syscalls_t real;

static _Thread_local unsigned calls_left;
static _Thread_local fault_kind_t armed_kind;
static _Thread_local const char *failed_name;

static bool is_one_of(const char *name, const char *const *names) {
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static bool makes_descriptor(const char *name) {
    static const char *const names[] = {"open",          "duplicate",    "pipe",         "socket_pair",
                                        "memory_create", "event_create", "epoll_create", NULL};
    return is_one_of(name, names);
}

static bool can_be_interrupted(const char *name) {
    static const char *const names[] = {"poll", "read", "write", "send_message", "receive_message", NULL};
    return is_one_of(name, names);
}

static int shortage_of(const char *name) {
    if (makes_descriptor(name))
        return EMFILE;
    if (strcmp(name, "process_start") == 0 || strcmp(name, "thread_start") == 0)
        return EAGAIN;
    return ENOMEM;
}

static bool hits(const char *name) {
    if (calls_left == 0 || (armed_kind == FAULT_INTERRUPT && !can_be_interrupted(name)) || --calls_left > 0)
        return false;
    failed_name = name;
    errno = armed_kind == FAULT_INTERRUPT ? EINTR : shortage_of(name);
    return true;
}

#define X(type, name, parameters, arguments, failure)                                                                  \
    static type faulty_##name parameters {                                                                             \
        return hits(#name) ? (failure) : real.name arguments;                                                          \
    }
MPLAT_SYSCALLS(X)
#undef X

void faults_install(void) {
    real = mplat_sys;
#define X(type, name, parameters, arguments, failure) mplat_sys.name = faulty_##name;
    MPLAT_SYSCALLS(X)
#undef X
}

void faults_remove(void) {
    mplat_sys = real;
}

void faults_arm(unsigned nth, fault_kind_t kind) {
    failed_name = NULL;
    armed_kind = kind;
    calls_left = nth;
}

bool faults_disarm(const char **out_name, int *out_code) {
    calls_left = 0;
    *out_name = failed_name != NULL ? failed_name : "";
    *out_code = 0;
    if (failed_name != NULL && makes_descriptor(failed_name))
        *out_code = MPLAT_ENOHANDLES;
    else if (failed_name != NULL && strcmp(failed_name, "allocate") == 0)
        *out_code = MPLAT_ENOMEM;
    else if (failed_name != NULL && strcmp(failed_name, "process_start") == 0)
        *out_code = MPLAT_ENOPROCS;
    return failed_name != NULL;
}
