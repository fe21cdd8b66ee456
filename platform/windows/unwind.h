/* SPDX-License-Identifier: Apache-2.0 */
/* unwind.h: walking the stack of the calling thread from given registers. */
#ifndef MPLAT_WINDOWS_UNWIND_H
#define MPLAT_WINDOWS_UNWIND_H

#include "system.h"

/* mplat_unwind calls note with the address of each frame, innermost first, until it returns false or the stack ends. It changes
 * *registers, takes no lock of the loader and no memory. */
void mplat_unwind(CONTEXT *registers, bool (*note)(uint64_t address));

#endif
