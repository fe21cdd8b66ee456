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

static bool is_code(uintptr_t address) {
    char path[MPLAT_CRASH_PATH_MAX];
    uintptr_t base = 0;
    return address > sizeof(uintptr_t) && mplat_crash_module(address, &base, path, sizeof path);
}

/* A frame is two words: the caller's frame pointer and the return address. Stacks grow down, so callers lie above. */
static bool read_frame(uintptr_t frame, uintptr_t *out_caller, uintptr_t *out_back) {
    return frame != 0 && frame % sizeof(uintptr_t) == 0 && mplat_crash_peek(frame, out_caller) &&
           mplat_crash_peek(frame + sizeof(uintptr_t), out_back) && is_code(*out_back);
}

static void walk_frames(uintptr_t frame, mplat_crash_take_t *take, void *context) {
    uintptr_t caller = 0, back = 0;
    while (read_frame(frame, &caller, &back) && take(back - 1, context) && caller > frame)
        frame = caller;
}

#define SCAN_SIZE ((uintptr_t)4096)

/* Whether a frame that was only guessed is one: so must its caller's be. */
static bool is_chain(uintptr_t frame, uintptr_t *out_caller) {
    uintptr_t back = 0, above = 0;
    return read_frame(frame, out_caller, &back) && *out_caller > frame && *out_caller - frame < SCAN_SIZE &&
           read_frame(*out_caller, &above, &back) && (above == 0 || above > *out_caller);
}

/* Code without tables and without frame pointers, as musl's own, uses the frame register for anything. Above it on
 * the stack are the addresses it returns to, with some that are left over from earlier calls, and the saved
 * register: that is where frames of somebody who keeps them begin. */
static void scan_stack(uintptr_t stack, uintptr_t frame, mplat_crash_take_t *take, void *context) {
    uintptr_t end = stack + SCAN_SIZE, caller = 0, word = 0;
    bool found = frame >= stack && frame < end && is_chain(frame, &caller);
    if (found)
        end = frame;
    for (uintptr_t at = stack; at < end && mplat_crash_peek(at, &word); at += sizeof word) {
        if (!found && is_chain(at, &caller)) {
            found = true;
            end = caller;
        }
        if (is_code(word) && mplat_crash_follows_call(word) && !take(word - 1, context))
            return;
    }
    if (found)
        walk_frames(end, take, context);
}

void mplat_crash_walk(const mplat_crash_place_t *place, mplat_crash_take_t *take, void *context) {
    uintptr_t back = place->link;
    if (!take(place->counter, context))
        return;
    if (is_code(place->counter)) {
        scan_stack(place->stack, place->frame, take, context);
        return;
    }
    /* A call of a wild pointer has made no frame: the way back is where the call put it. */
    if ((back != 0 || mplat_crash_peek(place->stack, &back)) && is_code(back) && !take(back - 1, context))
        return;
    walk_frames(place->frame, take, context);
}
