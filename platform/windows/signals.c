/* SPDX-License-Identifier: Apache-2.0 */
/* signals.c: keeping the host's signals from the threads of the library. The system runs no handler in a thread that
 * has other work: console events get one of their own, and exceptions concern who raised them. */
#include "system.h"

#include <string.h>

void mplat_signals_hold(mplat_signals_t *out_before) {
    memset(out_before, 0, sizeof *out_before);
}

void mplat_signals_release(const mplat_signals_t *before) {
    (void)before;
}
