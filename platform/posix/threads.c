/* SPDX-License-Identifier: Apache-2.0 */
/* threads.c: the small helper threads of the backend. Threads that run user code are none of its business. */
#include "syscalls.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

int mplat_os_thread_start(void *(*run)(void *), void *argument, size_t stack) {
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    int os_code = pthread_attr_init(&attributes);
    if (os_code != 0) {
        errno = os_code;
        return -1;
    }
    /* The least may be only known at run time: it depends on the size of the registers a signal frame saves. */
    long least = sysconf(_SC_THREAD_STACK_MIN);
    if (least > 0 && stack < (size_t)least)
        stack = (size_t)least;
    pthread_attr_setstacksize(&attributes, stack);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    os_code = pthread_create(&thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    errno = os_code;
    return os_code == 0 ? 0 : -1;
}
