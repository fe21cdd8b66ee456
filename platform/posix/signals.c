/* SPDX-License-Identifier: Apache-2.0 */
/* signals.c: keeping signals from the threads of the library. Dispositions are the host's and are never touched. */
#include "internal.h"

#include <signal.h>
#include <string.h>

_Static_assert(sizeof(sigset_t) <= sizeof(mplat_signals_t), "mplat_signals_t has room for a signal mask");

void mplat_signals_hold(mplat_signals_t *out_before) {
    sigset_t all, before;
    sigemptyset(&before);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    memcpy(out_before->saved, &before, sizeof before);
}

void mplat_signals_release(const mplat_signals_t *before) {
    sigset_t mask;
    memcpy(&mask, before->saved, sizeof mask);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}
