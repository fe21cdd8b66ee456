/* SPDX-License-Identifier: Apache-2.0 */
/* signals.c: Windows has no signals that a thread could get: console events come in threads of their own. */
#include "platform/platform.h"

void mplat_signals_hold(mplat_signals_t *out_before) {
    *out_before = (mplat_signals_t){{0}};
}

void mplat_signals_release(const mplat_signals_t *before) {
    (void)before;
}
