/* SPDX-License-Identifier: Apache-2.0 */
/* crash.h: the pieces of crash capture. All of it runs in a crashing thread: async-signal-safe calls only, no
 * memory. */
#ifndef MPLAT_POSIX_CRASH_H
#define MPLAT_POSIX_CRASH_H

#include "platform/platform.h"

/* Where a thread was when the signal came; 0 for what is not known. */
typedef struct mplat_crash_place {
    uintptr_t counter; /* of the program: the next instruction, or the one that failed */
    uintptr_t stack;
    uintptr_t frame;
    uintptr_t link; /* the return address, where the machine has a register for it */
} mplat_crash_place_t;

/* crash_unwind.c: mplat_crash_unwind calls take for each frame, the crashed one first, until it returns false.
 * take gets an address inside the instruction that failed or called. It may crash itself when the stack is
 * damaged. */
typedef bool mplat_crash_take_t(uintptr_t address, void *context);
void mplat_crash_unwind(mplat_crash_take_t *take, void *context);

/* mplat_crash_walk does so by frame pointers from a place. It reads nothing that it cannot read. */
void mplat_crash_walk(const mplat_crash_place_t *place, mplat_crash_take_t *take, void *context);

/* crash_place_linux.c or crash_place_portable.c: */

/* mplat_crash_place reads the third argument of a signal handler. */
mplat_crash_place_t mplat_crash_place(const void *signal_context);

/* mplat_crash_peek reads a word of this process's memory; false where there is none. */
bool mplat_crash_peek(uintptr_t address, uintptr_t *out_word);

/* mplat_crash_follows_call tells whether a call instruction ends at address, where it knows the machine's; else
 * false. */
bool mplat_crash_follows_call(uintptr_t address);

/* mplat_crash_module tells which loaded file an address is in: what to subtract from it, and the path. */
bool mplat_crash_module(uintptr_t address, uintptr_t *out_base, char *path, size_t size);

#endif
