/* SPDX-License-Identifier: Apache-2.0 */
/* unwind.c: walking the stack of the calling thread, by the unwind tables of its modules where the processor has them. */
#include "unwind.h"

enum { FRAMES_MAX = 1000 };

#if defined(_M_X64) || defined(__x86_64__) || defined(_M_ARM64) || defined(__aarch64__)

#if defined(_M_ARM64) || defined(__aarch64__)
#define PROGRAM_COUNTER(registers) ((registers)->Pc)
#define STACK_POINTER(registers) ((registers)->Sp)
#else
#define PROGRAM_COUNTER(registers) ((registers)->Rip)
#define STACK_POINTER(registers) ((registers)->Rsp)
#endif

static bool is_on_stack(uint64_t address) {
    ULONG_PTR low, high;
    GetCurrentThreadStackLimits(&low, &high);
    return address % sizeof(void *) == 0 && address >= low && address < high;
}

/* A function without an entry in the tables is a leaf: it has not moved the stack pointer. So is, in effect, a call of an
 * address where there is no function at all. */
static bool leave_leaf(CONTEXT *registers) {
#if defined(_M_ARM64) || defined(__aarch64__)
    if (registers->Pc == registers->Lr)
        return false;
    registers->Pc = registers->Lr;
#else
    if (!is_on_stack(registers->Rsp))
        return false;
    registers->Rip = *(const DWORD64 *)(uintptr_t)registers->Rsp;
    registers->Rsp += sizeof(DWORD64);
#endif
    return true;
}

static bool leave_frame(CONTEXT *registers) {
    DWORD64 base = 0, frame = 0, before = STACK_POINTER(registers);
    void *handler_data = NULL;
    PRUNTIME_FUNCTION entry = RtlLookupFunctionEntry(PROGRAM_COUNTER(registers), &base, NULL);
    if (entry == NULL)
        return leave_leaf(registers);
    RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, PROGRAM_COUNTER(registers), entry, registers, &handler_data, &frame,
                     NULL);
    /* Frames lie one above the other; a table that says otherwise would lead in circles. */
    return STACK_POINTER(registers) >= before && is_on_stack(STACK_POINTER(registers) - sizeof(void *));
}

void mplat_unwind(CONTEXT *registers, bool (*note)(uint64_t address)) {
    for (int i = 0; i < FRAMES_MAX; i++) {
        bool more = note(PROGRAM_COUNTER(registers));
        if (!more || !leave_frame(registers) || PROGRAM_COUNTER(registers) == 0)
            return;
    }
}

#else

/* 32-bit x86 has no tables: the crash itself is exact, the frames behind it are what the chain of frame pointers gives. */
void mplat_unwind(CONTEXT *registers, bool (*note)(uint64_t address)) {
    const ULONG_PTR *frame = (const ULONG_PTR *)(ULONG_PTR)registers->Ebp;
    ULONG_PTR low, high;
    GetCurrentThreadStackLimits(&low, &high);
    bool more = note(registers->Eip);
    for (int i = 0; more && i < FRAMES_MAX; i++) {
        ULONG_PTR at = (ULONG_PTR)frame;
        if (at % sizeof *frame != 0 || at < low || at > high - 2 * sizeof *frame || frame[1] == 0)
            return;
        more = note(frame[1]);
        low = at + 1;
        frame = (const ULONG_PTR *)frame[0];
    }
}

#endif
