/* SPDX-License-Identifier: Apache-2.0 */
/* crash.c: catches the signals by which a process crashes, tells the sink once, and lets the process die as it
 * would have. How a back-trace is made is in crash_unwind.c. */
#include "crash.h"

#include "internal.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* A handler that hangs (in a sink, or in the loader's lock that the crashed thread held) is ended after this. */
#define GUARD_SECONDS 3

/* In .bss: it costs nothing until a crash touches it. Unwinding takes some 10 KiB, the signal's own frame up to 11
 * KiB on machines with the widest registers, and a sanitizer multiplies that. */
static _Alignas(64) unsigned char handler_stack[64 * 1024];

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

static mplat_crash_sink_t *crash_sink;
static void *crash_context;

/* The thread whose crash is told; 0: none. There is only ever one. */
static _Atomic uintptr_t crash_thread;
static volatile sig_atomic_t crash_signal;

static volatile sig_atomic_t unwinding;
static sigjmp_buf unwinding_failed;

static mplat_crash_t crash;
static uintptr_t module_bases[MPLAT_CRASH_MODULES_MAX];

/* As the signal would have ended the process if nobody had caught it. */
_Noreturn static void end_by(int number) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t only;
    sigemptyset(&standard.sa_mask);
    sigaction(number, &standard, NULL);
    sigemptyset(&only);
    sigaddset(&only, number);
    raise(number);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    _exit(128 + number); /* not reached: each of them is deadly by default */
}

static void end_guarded(int number) {
    (void)number;
    end_by(crash_signal);
}

static void arm_guard(void) {
    struct sigaction guard = {.sa_handler = end_guarded};
    sigset_t only;
    sigfillset(&guard.sa_mask);
    sigaction(SIGALRM, &guard, NULL);
    sigemptyset(&only);
    sigaddset(&only, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    alarm(GUARD_SECONDS);
}

/* The place of a module in the report, which it enters if need be; MPLAT_CRASH_MODULES_MAX when that is full. */
static uint32_t module_index(uintptr_t address, uintptr_t *out_base) {
    char path[MPLAT_CRASH_PATH_MAX];
    *out_base = 0;
    if (!mplat_crash_module(address, out_base, path, sizeof path))
        return MPLAT_CRASH_MODULES_MAX;
    for (uint32_t i = 0; i < crash.module_count; i++)
        if (module_bases[i] == *out_base && strcmp(crash.modules[i], path) == 0)
            return i;
    if (crash.module_count == MPLAT_CRASH_MODULES_MAX) {
        *out_base = 0;
        return MPLAT_CRASH_MODULES_MAX;
    }
    module_bases[crash.module_count] = *out_base;
    memcpy(crash.modules[crash.module_count], path, sizeof path);
    return crash.module_count++;
}

static bool take_frame(uintptr_t address, void *context) {
    uintptr_t base = 0;
    (void)context;
    if (crash.frame_count == MPLAT_CRASH_FRAMES_MAX)
        return false;
    uint32_t i = crash.frame_count;
    crash.frames[i].module = module_index(address, &base);
    crash.frames[i].offset = address - base;
    crash.frame_count++;
    return true;
}

/* On a damaged stack the unwinder itself crashes, and without tables it aborts. What it has found until then is
 * kept. */
static void unwind_guarded(void) {
    sigset_t deadly;
    sigemptyset(&deadly);
    sigaddset(&deadly, SIGSEGV);
    sigaddset(&deadly, SIGBUS);
    sigaddset(&deadly, SIGABRT);
    if (sigsetjmp(unwinding_failed, 1) == 0) {
        unwinding = 1;
        pthread_sigmask(SIG_UNBLOCK, &deadly, NULL);
        mplat_crash_unwind(take_frame, NULL);
    }
    unwinding = 0;
    pthread_sigmask(SIG_BLOCK, &deadly, NULL);
}

static void describe(int number, const siginfo_t *info, const void *signal_context) {
    mplat_crash_place_t place = mplat_crash_place(signal_context);
    crash.code = (uint32_t)number;
    /* Only for these two is it the memory that was touched, and only where the system says why: a signal that
     * somebody sent has no address, nor has a general protection fault, which Linux marks as 0x80. */
    if ((number == SIGSEGV || number == SIGBUS) && info->si_code > 0 && info->si_code != 0x80) {
        crash.has_address = 1;
        crash.address = (uintptr_t)info->si_addr;
    }
    unwind_guarded();
    /* Nothing but the place itself: there is no unwind table for it, as after a call of a wild pointer. */
    if (crash.frame_count <= 1 && place.counter != 0) {
        crash.frame_count = 0;
        crash.module_count = 0;
        mplat_crash_walk(&place, take_frame, NULL);
    }
}

static void handle(int number, siginfo_t *info, void *signal_context) {
    uintptr_t self = (uintptr_t)pthread_self(), first = 0;
    if (!atomic_compare_exchange_strong(&crash_thread, &first, self)) {
        if (first == self && unwinding)
            siglongjmp(unwinding_failed, 1);
        if (first == self)
            end_by(number);
        for (;;) /* another thread's crash is being told, and ends this one too */
            pause();
    }
    crash_signal = number;
    arm_guard();
    describe(number, info, signal_context);
    crash_sink(&crash, crash_context);
    end_by(number);
}

int mplat_crash_install(mplat_crash_sink_t *sink, void *context) {
    stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    crash_sink = sink;
    crash_context = context;
    if (sigaltstack(&stack, NULL) != 0)
        return mplat_fail(errno, "sigaltstack");
    action.sa_sigaction = handle;
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof crash_signals / sizeof crash_signals[0]; i++)
        if (sigaction(crash_signals[i], &action, NULL) != 0)
            return mplat_fail(errno, "sigaction");
    return 0;
}
