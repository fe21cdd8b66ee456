/* SPDX-License-Identifier: Apache-2.0 */
/* crash_unwind.c: a back-trace by the compiler's unwinder, which reads the tables every module has, and one by frame
 * pointers for when it cannot. */
#include "crash.h"

#include <unwind.h>

typedef struct trace {
    mplat_crash_take_t *take;
    void *context;
    bool begun; /* the frame that the signal interrupted has been reached */
} trace_t;

static _Unwind_Reason_Code visit(struct _Unwind_Context *unwind, void *argument) {
    trace_t *trace = argument;
    int interrupted = 0;
    uintptr_t address = (uintptr_t)_Unwind_GetIPInfo(unwind, &interrupted);
    /* Before it lie the handler and the system's own frame for it. */
    trace->begun = trace->begun || interrupted != 0;
    if (!trace->begun)
        return _URC_NO_REASON;
    if (address == 0 && interrupted == 0)
        return _URC_END_OF_STACK;
    /* A return address may belong to the next line, or, behind a call that never returns, to the next function. */
    return trace->take(interrupted != 0 ? address : address - 1, trace->context) ? _URC_NO_REASON : _URC_END_OF_STACK;
}

void mplat_crash_unwind(mplat_crash_take_t *take, void *context) {
    trace_t trace = {take, context, false};
    _Unwind_Backtrace(visit, &trace);
}

/* A frame is two words: the caller's frame pointer and the return address. Stacks grow down, so callers lie above. */
static void walk_frames(uintptr_t frame, mplat_crash_take_t *take, void *context) {
    uintptr_t caller = 0, back = 0;
    while (frame % sizeof(uintptr_t) == 0 && mplat_crash_peek(frame, &caller) &&
           mplat_crash_peek(frame + sizeof(uintptr_t), &back) && back != 0) {
        if (!take(back - 1, context) || caller <= frame || caller - frame > 64 * 1024 * 1024)
            return;
        frame = caller;
    }
}

void mplat_crash_walk(const mplat_crash_place_t *place, mplat_crash_take_t *take, void *context) {
    char path[MPLAT_CRASH_PATH_MAX];
    uintptr_t base = 0, back = place->link;
    if (!take(place->counter, context))
        return;
    /* A call of a wild pointer has made no frame: the way back is where the call put it. */
    if (!mplat_crash_module(place->counter, &base, path, sizeof path)) {
        if (back == 0 && !mplat_crash_peek(place->stack, &back))
            back = 0;
        if (back != 0 && mplat_crash_module(back, &base, path, sizeof path) && !take(back - 1, context))
            return;
    }
    if (place->frame != 0)
        walk_frames(place->frame, take, context);
}
