/* SPDX-License-Identifier: Apache-2.0 */
/* unwind.c: walking a stopped thread's stack, by the unwind tables of its modules where the processor has them. */
#include "unwind.h"

/* A bound for the walk over a damaged stack. */
enum { FRAMES_MAX = 1000 };

#if defined(_M_X64) || defined(__x86_64__) || defined(_M_ARM64) || defined(__aarch64__)

#if defined(_M_ARM64) || defined(__aarch64__)
#define PROGRAM_COUNTER(registers) ((registers)->Pc)
#define STACK_POINTER(registers) ((registers)->Sp)
#else
#define PROGRAM_COUNTER(registers) ((registers)->Rip)
#define STACK_POINTER(registers) ((registers)->Rsp)
#endif

static bool is_on_stack(const mplat_unwind_t *from, uint64_t address) {
    return address % sizeof(void *) == 0 && address >= from->stack_low && address < from->stack_high;
}

static PRUNTIME_FUNCTION table_entry(DWORD64 address, DWORD64 *out_base) {
    return RtlLookupFunctionEntry(address, out_base, NULL);
}

#if defined(_M_ARM64) || defined(__aarch64__)
/* A function without a table entry is a leaf: it has left the return address where the call put it. */
static bool leave_leaf(mplat_unwind_t *from) {
    bool moves = from->registers.Pc != from->registers.Lr;
    from->registers.Pc = from->registers.Lr;
    return moves;
}
#else
/* A function without a table entry is a leaf, with its return address on top of the stack; so is, in effect, a call
 * of an address where there is no function. But mingw's stack probe, in which most stack overflows happen, has
 * pushed two registers and has no entry: the first word that leads into known code is taken. */
static bool leave_leaf(mplat_unwind_t *from) {
    enum { WORDS_MAX = 3 };
    for (DWORD64 i = 0; i < WORDS_MAX; i++) {
        DWORD64 base, at = from->registers.Rsp + i * sizeof at;
        if (!is_on_stack(from, at))
            return false;
        DWORD64 word = *(const DWORD64 *)(uintptr_t)at;
        if (table_entry(word, &base) != NULL) {
            from->registers.Rip = word;
            from->registers.Rsp = at + sizeof word;
            return true;
        }
    }
    return false;
}
#endif

static bool leave_frame(mplat_unwind_t *from) {
    CONTEXT *registers = &from->registers;
    DWORD64 base = 0, frame = 0, before = STACK_POINTER(registers);
    void *handler_data = NULL;
    PRUNTIME_FUNCTION entry = table_entry(PROGRAM_COUNTER(registers), &base);
    if (entry == NULL)
        return leave_leaf(from);
    if (!is_on_stack(from, before))
        return false;
    RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, PROGRAM_COUNTER(registers), entry, registers, &handler_data, &frame,
                     NULL);
    /* Callers lie above; a damaged stack that says otherwise would lead in circles. */
    return STACK_POINTER(registers) >= before && PROGRAM_COUNTER(registers) != 0;
}

void mplat_unwind(mplat_unwind_t *from, bool (*note)(uint64_t address)) {
    /* Behind a call that never returns there may be the next function: the byte before is still the call. */
    for (int i = 0; i < FRAMES_MAX; i++)
        if (!note(PROGRAM_COUNTER(&from->registers) - (i > 0)) || !leave_frame(from))
            return;
}

#else

/* 32-bit x86 has no tables: where it crashed is exact, the frames behind that are what the chain of frame pointers
 * gives. */
void mplat_unwind(mplat_unwind_t *from, bool (*note)(uint64_t address)) {
    ULONG_PTR low = from->stack_low, at = from->registers.Ebp;
    bool more = note(from->registers.Eip);
    for (int i = 0; more && i < FRAMES_MAX; i++) {
        const ULONG_PTR *frame = (const ULONG_PTR *)at;
        if (at % sizeof *frame != 0 || at < low || at > from->stack_high - 2 * sizeof *frame || frame[1] == 0)
            return;
        more = note(frame[1] - 1);
        low = at + 1;
        at = frame[0];
    }
}

#endif
