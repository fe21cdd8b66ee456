/* SPDX-License-Identifier: Apache-2.0 */
/* Ways for the test child to crash. Each happens in a static function of its own, so that a test can look for its name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "child_host.h"

static void report(const mplat_crash_t *crash, void *context) {
    mplat_link_crash_send(context, crash, sizeof *crash);
}

int child_crash_report(mplat_link_t *link) {
    return mplat_crash_install(report, link);
}

/* Sanitizers would catch a crash first and end the process in their own way. They ask these functions, by these names. */
#define LEAVE_CRASHES "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0:handle_sigtrap=0"

#define ASKED __attribute__((visibility("default")))

ASKED const char *__asan_default_options(void);
ASKED const char *__tsan_default_options(void);
ASKED const char *__ubsan_default_options(void);

const char *__asan_default_options(void) {
    return LEAVE_CRASHES;
}

const char *__tsan_default_options(void) {
    return LEAVE_CRASHES;
}

const char *__ubsan_default_options(void) {
    return LEAVE_CRASHES;
}

#define CRASHES __attribute__((noinline, no_sanitize("undefined")))

/* The addresses come from volatile variables, or the compiler would see the crash and put a trap in its place. */
static volatile uintptr_t bad_address = 16;
static volatile int zero, dividend = 1000;

CRASHES static void crash_by_write(void) {
    *(volatile int *)bad_address = 1;
}

CRASHES static void crash_by_division(void) {
    dividend = dividend / zero;
}

CRASHES static void crash_by_illegal_instruction(void) {
    __builtin_trap();
}

CRASHES static void crash_by_abort(void) {
    abort();
}

CRASHES static int crash_by_recursion(volatile char *above) {
    volatile char block[4096];
    block[0] = (char)(*above + 1);
    int below = zero == 0 ? crash_by_recursion(block) : 0;
    return below + block[0];
}

static void crash_by_stack_overflow(void) {
    volatile char first = 0;
    zero = crash_by_recursion(&first);
}

static void crash_in_thread(void *arg) {
    (void)arg;
    crash_by_write();
    zero = 0; /* a last call would leave no frame behind */
}

static void crash_by_thread(void) {
    host_thread_join(host_thread_start(crash_in_thread, NULL));
}

static void crash_again(const mplat_crash_t *crash, void *context) {
    (void)crash;
    (void)context;
    crash_by_write();
}

static void crash_by_nesting(void) {
    mplat_crash_install(crash_again, NULL);
    crash_by_write();
}

bool child_crash(const char *kind) {
    static const struct {
        const char *kind;
        void (*crash)(void);
    } kinds[] = {
        {"segv", crash_by_write},     {"fpe", crash_by_division},         {"ill", crash_by_illegal_instruction},
        {"abort", crash_by_abort},    {"stack", crash_by_stack_overflow}, {"thread", crash_by_thread},
        {"nested", crash_by_nesting},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            kinds[i].crash();
    return false;
}
