/* SPDX-License-Identifier: Apache-2.0 */
/* unwind.h: walking a stopped thread's stack. */
#ifndef MPLAT_WINDOWS_UNWIND_H
#define MPLAT_WINDOWS_UNWIND_H

#include "system.h"

/* What a walk starts from. The thread that owns the stack waits meanwhile. */
typedef struct mplat_unwind {
    CONTEXT registers;
    ULONG_PTR stack_low, stack_high;
} mplat_unwind_t;

/* mplat_unwind calls note with an address in each frame, innermost first, until it returns false or the stack ends:
 * where the registers are, then where each call was. It changes from->registers, and takes neither memory nor a
 * lock. */
void mplat_unwind(mplat_unwind_t *from, bool (*note)(uint64_t address));

#endif
