/* SPDX-License-Identifier: Apache-2.0 */
/* crash.c: catches what would end this process, tells the sink where it happened, and then ends it just so. */
#include "syscalls.h"
#include "system.h"
#include "unwind.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* A thread of its own makes the report. After a stack overflow the crashed one has a few kilobytes left, and nobody
 * can set more aside for threads that others start. All memory is set aside beforehand, since the heap may be what
 * is damaged. */
static struct {
    mplat_crash_sink_t *sink;
    void *context;
    HANDLE begun; /* set by the crashed thread */
    DWORD thread; /* of the report */
    void *overflow_handler;
    HMODULE program;
    char program_path[MPLAT_CRASH_PATH_MAX];

    mplat_unwind_t from;
    uint32_t frames_to_skip;
    UINT exit_code;
    mplat_crash_t crash;
    HMODULE modules[MPLAT_CRASH_MODULES_MAX];
} report;

static _Atomic DWORD crashed_thread;
static atomic_bool sink_called;

enum { REPORT_STACK = 65536, STACK_ENOUGH = 32768, REPORT_MS = 3000, CODE_OF_ABORT = 3 };

/* ---- frames ------------------------------------------------------------------------------------------------------ */

/* Asking the loader for the module of an address takes a lock which the crashed thread may hold. The memory manager
 * knows the module as the allocation that the address lies in. */
static HMODULE module_of(uint64_t address) {
    MEMORY_BASIC_INFORMATION memory;
    if (VirtualQuery((const void *)(uintptr_t)address, &memory, sizeof memory) == 0 || memory.Type != MEM_IMAGE)
        return NULL;
    return (HMODULE)memory.AllocationBase;
}

static uint32_t module_index(HMODULE module) {
    mplat_crash_t *crash = &report.crash;
    for (uint32_t i = 0; i < crash->module_count; i++)
        if (report.modules[i] == module)
            return i;
    if (module == NULL || crash->module_count == MPLAT_CRASH_MODULES_MAX)
        return MPLAT_CRASH_MODULES_MAX;
    report.modules[crash->module_count] = module;
    return crash->module_count++;
}

/* A frame is complete before it is counted, so that a crash in here loses only what follows. */
static bool note_frame(uint64_t address) {
    mplat_crash_t *crash = &report.crash;
    if (report.frames_to_skip > 0) {
        report.frames_to_skip--;
        return true;
    }
    HMODULE module = module_of(address);
    uint32_t index = module_index(module);
    uint64_t base = index < MPLAT_CRASH_MODULES_MAX ? (uint64_t)(uintptr_t)module : 0;
    crash->frames[crash->frame_count].module = index;
    crash->frames[crash->frame_count].offset = address - base;
    crash->frame_count++;
    return crash->frame_count < MPLAT_CRASH_FRAMES_MAX;
}

/* Only the loader knows the path of a module other than the program. If the crashed thread holds its lock this never
 * comes back, so it is done last: the report then goes out without paths. */
static void note_paths(void) {
    wchar_t wide[MPLAT_CRASH_PATH_MAX];
    for (uint32_t i = 0; i < report.crash.module_count; i++)
        if (report.modules[i] == report.program)
            memcpy(report.crash.modules[i], report.program_path, MPLAT_CRASH_PATH_MAX);
    for (uint32_t i = 0; i < report.crash.module_count; i++) {
        if (report.modules[i] == report.program)
            continue;
        DWORD count = GetModuleFileNameW(report.modules[i], wide, MPLAT_CRASH_PATH_MAX);
        if (count > 0 && count < MPLAT_CRASH_PATH_MAX)
            mplat_wide_to_utf8(wide, count, report.crash.modules[i], MPLAT_CRASH_PATH_MAX);
    }
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* NOLINTBEGIN(bugprone-signal-handler,cert-sig30-c): abort() calls the handler of its signal as any function, and all of
 * Windows may be called in it; the checks know C and POSIX only. */

_Noreturn static void end(UINT exit_code) {
    TerminateProcess(GetCurrentProcess(), exit_code);
    for (;;)
        Sleep(INFINITE);
}

_Noreturn static void tell_and_end(void) {
    if (!atomic_exchange(&sink_called, true))
        report.sink(&report.crash, report.context);
    end(report.exit_code);
}

static DWORD WINAPI make_report(void *unused) {
    (void)unused;
    WaitForSingleObject(report.begun, INFINITE);
    mplat_unwind(&report.from, note_frame);
    note_paths();
    tell_and_end();
}

/* first lets one crash be reported. Another thread that crashes meanwhile waits for that report to be out. When it
 * is the report that crashes, on a damaged stack, what it has so far is told; when it is the sink, that is the end. */
static bool first(UINT exit_code) {
    DWORD nobody = 0, self = GetCurrentThreadId();
    if (self != report.thread && atomic_compare_exchange_strong(&crashed_thread, &nobody, self)) {
        report.exit_code = exit_code;
        return true;
    }
    if (self == report.thread || self == nobody)
        tell_and_end();
    Sleep(REPORT_MS);
    end(exit_code);
}

_Noreturn static void hand_over(const CONTEXT *registers) {
    report.from.registers = *registers;
    GetCurrentThreadStackLimits(&report.from.stack_low, &report.from.stack_high);
    SetEvent(report.begun);
    Sleep(REPORT_MS);
    tell_and_end();
}

static bool touches_memory(DWORD code) {
    return code == EXCEPTION_ACCESS_VIOLATION || code == EXCEPTION_IN_PAGE_ERROR || code == EXCEPTION_STACK_OVERFLOW;
}

/* Never going back to the system: it would open a dialog, and wine ends a stack overflow with exit code 0. */
static LONG WINAPI on_exception(EXCEPTION_POINTERS *exception) {
    const EXCEPTION_RECORD *record = exception->ExceptionRecord;
    mplat_crash_t *crash = &report.crash;
    if (first(record->ExceptionCode)) {
        crash->code = record->ExceptionCode;
        crash->has_address = record->NumberParameters >= 2 && touches_memory(record->ExceptionCode);
        crash->address = crash->has_address ? record->ExceptionInformation[1] : 0;
        hand_over(exception->ContextRecord);
    }
    return EXCEPTION_CONTINUE_SEARCH;
}

/* Before asking anybody else about an exception. What handles a stack overflow in the usual way needs more stack
 * than there is in a thread for which nobody has set some aside, or under wine, which sets none aside. */
static LONG WINAPI on_overflow(EXCEPTION_POINTERS *exception) {
    ULONG_PTR low, high;
    GetCurrentThreadStackLimits(&low, &high);
    if (exception->ExceptionRecord->ExceptionCode == EXCEPTION_STACK_OVERFLOW && (ULONG_PTR)&low - low < STACK_ENOUGH)
        on_exception(exception);
    return EXCEPTION_CONTINUE_SEARCH;
}

/* abort() is no exception: it raises this signal of the C run-time and ends with 3. */
static void on_abort(int signal_number) {
    CONTEXT registers;
    if (first(CODE_OF_ABORT)) {
        report.crash.code = (uint32_t)signal_number;
        report.frames_to_skip = 1;
        RtlCaptureContext(&registers);
        hand_over(&registers);
    }
}

/* NOLINTEND(bugprone-signal-handler,cert-sig30-c) */

/* ------------------------------------------------------------------------------------------------------------------ */

static int start_report_thread(void) {
    report.begun = mplat_sys.CreateEventW(NULL, TRUE, FALSE, NULL);
    if (report.begun == NULL)
        return mplat_fail_last("CreateEvent");
    HANDLE thread = mplat_sys.CreateThread(NULL, REPORT_STACK, make_report, NULL, STACK_SIZE_PARAM_IS_A_RESERVATION,
                                           &report.thread);
    if (thread == NULL) {
        int err = mplat_fail_last("CreateThread");
        mplat_close(&report.begun);
        return err;
    }
    mplat_close(&thread);
    return 0;
}

int mplat_crash_install(mplat_crash_sink_t *sink, void *context) {
    ULONG stack = 2 * STACK_ENOUGH;
    report.sink = sink;
    report.context = context;
    report.program = GetModuleHandleW(NULL);
    /* A path too long for a report leaves the program without a name in it; the offsets are still right. */
    if (mplat_executable_path(report.program_path, sizeof report.program_path) != 0)
        report.program_path[0] = '\0';
    int err = report.begun == NULL ? start_report_thread() : 0;
    if (err != 0)
        return err;

    /* No dialog, neither the system's nor the C run-time's. */
    SetErrorMode(GetErrorMode() | SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
    _set_error_mode(_OUT_TO_STDERR);
    SetThreadStackGuarantee(&stack);
    if (report.overflow_handler == NULL)
        report.overflow_handler = AddVectoredExceptionHandler(1, on_overflow);
    SetUnhandledExceptionFilter(on_exception);
    return signal(SIGABRT, on_abort) != SIG_ERR ? 0 : mplat_fail(MPLAT_ESYSTEM, "signal(SIGABRT)");
}
