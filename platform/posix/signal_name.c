/* SPDX-License-Identifier: Apache-2.0 */
/* signal_name.c: the names of signals, which each system numbers in its own way. */
#include "platform/platform.h"

#include <signal.h>
#include <stddef.h>

static const struct {
    int number;
    const char *name;
} names[] = {
#define NAME(signal)                                                                                                   \
    { signal, #signal }
    NAME(SIGABRT),   NAME(SIGALRM), NAME(SIGBUS),  NAME(SIGCHLD), NAME(SIGCONT),   NAME(SIGFPE),  NAME(SIGHUP),
    NAME(SIGILL),    NAME(SIGINT),  NAME(SIGKILL), NAME(SIGPIPE), NAME(SIGQUIT),   NAME(SIGSEGV), NAME(SIGSTOP),
    NAME(SIGSYS),    NAME(SIGTERM), NAME(SIGTRAP), NAME(SIGTSTP), NAME(SIGTTIN),   NAME(SIGTTOU), NAME(SIGURG),
    NAME(SIGUSR1),   NAME(SIGUSR2), NAME(SIGXCPU), NAME(SIGXFSZ), NAME(SIGVTALRM),
#ifdef SIGPROF
    NAME(SIGPROF),
#endif
#ifdef SIGPOLL
    NAME(SIGPOLL),
#endif
#ifdef SIGWINCH
    NAME(SIGWINCH),
#endif
#ifdef SIGPWR
    NAME(SIGPWR),
#endif
#ifdef SIGSTKFLT
    NAME(SIGSTKFLT),
#endif
#ifdef SIGEMT
    NAME(SIGEMT),
#endif
#ifdef SIGINFO
    NAME(SIGINFO),
#endif
#undef NAME
};

const char *mplat_signal_name(uint32_t code) {
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((uint32_t)names[i].number == code)
            return names[i].name;
    return NULL;
}
