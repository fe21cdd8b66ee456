/* SPDX-License-Identifier: Apache-2.0 */
/* process_exit.c: classification of ends. Signals are told by name: their numbers differ from system to system. */
#include "process_exit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* As on every POSIX system; Windows has no signals, but Python's exitcode and mproc_exit_t use these for our own stops. */
enum { NUMBER_KILL = 9, NUMBER_TERMINATE = 15 };

static const char *name_of(uint32_t code) {
    const char *name = mplat_signal_name(code);
    return name != NULL ? name : "";
}

static bool is_crash_signal(const char *name) {
    static const char *const crashes[] = {"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS"};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        if (strcmp(name, crashes[i]) == 0)
            return true;
    return false;
}

static mproc_exit_how_t how_of_signal(const char *name, const mproc_stops_t *stops, bool crash_reported) {
    bool kill = strcmp(name, "SIGKILL") == 0;
    if (kill && stops->deadline)
        return MPROC_EXIT_DEADLINE;
    if ((kill && stops->killed) || (stops->terminated && strcmp(name, "SIGTERM") == 0) ||
        (stops->interrupted && strcmp(name, "SIGINT") == 0))
        return MPROC_EXIT_TERMINATED;
    return crash_reported || is_crash_signal(name) ? MPROC_EXIT_CRASHED : MPROC_EXIT_SIGNALLED;
}

static mproc_exit_t stopped_by_us(int number, const char *name, mproc_exit_how_t how) {
    return (mproc_exit_t){.how = how, .signal = number, .name = name};
}

/* Windows: every end has a code; ours, an exception's status, or the program's own. */
static mproc_exit_t from_code(uint32_t code, bool exception, const mproc_stops_t *stops, const mplat_crash_t *crash) {
    bool ours = stops->terminated || stops->killed || stops->deadline;
    if (code == MPLAT_CODE_TERMINATED)
        return stopped_by_us(NUMBER_TERMINATE, "SIGTERM", ours ? MPROC_EXIT_TERMINATED : MPROC_EXIT_SIGNALLED);
    if (code == MPLAT_CODE_KILLED)
        return stopped_by_us(NUMBER_KILL, "SIGKILL",
                             stops->deadline ? MPROC_EXIT_DEADLINE
                             : ours          ? MPROC_EXIT_TERMINATED
                                             : MPROC_EXIT_SIGNALLED);
    if (exception || (crash != NULL && code != 0)) {
        uint32_t status = crash != NULL ? crash->code : code;
        return (mproc_exit_t){.how = MPROC_EXIT_CRASHED, .exception = status, .name = name_of(status)};
    }
    return (mproc_exit_t){.how = MPROC_EXIT_EXITED, .code = (int)code, .name = ""};
}

mproc_exit_t mproc_exit_classify(const mplat_exit_t *system, const mproc_stops_t *stops, const mplat_crash_t *crash) {
    mproc_exit_t exit = {.name = ""};
    switch (system->kind) {
    case MPLAT_EXIT_RUNNING:
        break;
    case MPLAT_EXIT_LOST:
        exit.how = MPROC_EXIT_LOST;
        break;
    case MPLAT_EXIT_EXITED:
        exit = from_code(system->code, false, stops, crash);
        break;
    case MPLAT_EXIT_SIGNALLED:
        if (system->signal == 0) {
            exit = from_code(system->code, true, stops, crash);
            break;
        }
        exit.signal = system->signal;
        exit.name = name_of((uint32_t)system->signal);
        exit.how = how_of_signal(exit.name, stops, crash != NULL);
        break;
    }
    exit.core_dumped = system->core_dumped;
    return exit;
}

bool mproc_exit_python(const mproc_exit_t *exit, int64_t *out_exitcode) {
    *out_exitcode = 0;
    switch (exit->how) {
    case MPROC_EXIT_NONE:
    case MPROC_EXIT_LOST:
        return false;
    case MPROC_EXIT_EXITED:
        *out_exitcode = exit->code;
        return true;
    default:
        *out_exitcode = exit->exception != 0 ? (int64_t)exit->exception : -(int64_t)exit->signal;
        return true;
    }
}

const char *mproc_exit_describe(const mproc_exit_t *exit, char *buf, size_t size) {
    char cause[64];
    if (exit->name[0] != '\0')
        (void)snprintf(cause, sizeof cause, "%s", exit->name);
    else if (exit->exception != 0)
        (void)snprintf(cause, sizeof cause, "exception 0x%08" PRIX32, exit->exception);
    else
        (void)snprintf(cause, sizeof cause, "signal %d", exit->signal);
    switch (exit->how) {
    case MPROC_EXIT_NONE:
        (void)snprintf(buf, size, "has not ended");
        break;
    case MPROC_EXIT_EXITED:
        (void)snprintf(buf, size, "exited with code %d", exit->code);
        break;
    case MPROC_EXIT_CRASHED:
        (void)snprintf(buf, size, "crashed: %s%s", cause, exit->core_dumped ? ", core dumped" : "");
        break;
    case MPROC_EXIT_SIGNALLED:
        (void)snprintf(buf, size, "was ended from outside by %s", cause);
        break;
    case MPROC_EXIT_TERMINATED:
        (void)snprintf(buf, size, "was ended by this program (%s)", cause);
        break;
    case MPROC_EXIT_DEADLINE:
        (void)snprintf(buf, size, "was killed at its deadline");
        break;
    case MPROC_EXIT_LOST:
        (void)snprintf(buf, size,
                       "has ended, but this program reaped it elsewhere (SIGCHLD ignored, or waitpid(-1)), so nothing "
                       "is known of how");
        break;
    }
    return buf;
}
