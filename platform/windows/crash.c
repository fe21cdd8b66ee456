/* SPDX-License-Identifier: Apache-2.0 */
/* crash.c: catches what would end this process, tells the sink where it happened, and then ends it just so. */
#include "system.h"
#include "unwind.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Everything a report needs is set aside beforehand: a crashed thread may have neither stack nor heap. */
static struct {
    mplat_crash_sink_t *sink;
    void *context;
    HMODULE program;
    char program_path[MPLAT_CRASH_PATH_MAX];
    mplat_crash_t crash;
    CONTEXT registers;
    HMODULE modules[MPLAT_CRASH_MODULES_MAX];
    UINT exit_code;
} report;

/* What has begun, and the thread that is at it. */
static _Atomic DWORD reporting_thread;
static atomic_bool sink_called;

enum { STACK_FOR_REPORT = 65536, OTHER_REPORT_MS = 3000, CODE_OF_ABORT = 3 };

/* ---- frames -------------------------------------------------------------------------------------------------------- */

/* Asking the loader for the module of an address takes a lock that the crashed thread, or one that it waits for, may hold.
 * The memory manager knows the module as the allocation the address lies in. */
static HMODULE module_of(uint64_t address) {
    MEMORY_BASIC_INFORMATION memory;
    if (VirtualQuery((const void *)(uintptr_t)address, &memory, sizeof memory) == 0 || memory.Type != MEM_IMAGE)
        return NULL;
    return (HMODULE)memory.AllocationBase;
}

/* Only a module other than the program costs a question to the loader; without an answer its path stays empty. */
static void note_path(HMODULE module, char path[MPLAT_CRASH_PATH_MAX]) {
    wchar_t wide[MPLAT_CRASH_PATH_MAX];
    if (module == report.program) {
        memcpy(path, report.program_path, MPLAT_CRASH_PATH_MAX);
        return;
    }
    DWORD count = GetModuleFileNameW(module, wide, MPLAT_CRASH_PATH_MAX);
    if (count == 0 || count >= MPLAT_CRASH_PATH_MAX ||
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, path, MPLAT_CRASH_PATH_MAX, NULL, NULL) == 0)
        path[0] = '\0';
}

static uint32_t module_index(HMODULE module) {
    mplat_crash_t *crash = &report.crash;
    for (uint32_t i = 0; i < crash->module_count; i++)
        if (report.modules[i] == module)
            return i;
    if (module == NULL || crash->module_count == MPLAT_CRASH_MODULES_MAX)
        return MPLAT_CRASH_MODULES_MAX;
    report.modules[crash->module_count] = module;
    note_path(module, crash->modules[crash->module_count]);
    return crash->module_count++;
}

/* A frame is complete before it is counted, so that a crash in here loses only what follows. */
static bool note_frame(uint64_t address) {
    mplat_crash_t *crash = &report.crash;
    HMODULE module = module_of(address);
    uint32_t index = module_index(module);
    uint64_t base = index < MPLAT_CRASH_MODULES_MAX ? (uint64_t)(uintptr_t)module : 0;
    crash->frames[crash->frame_count].module = index;
    crash->frames[crash->frame_count].offset = address - base;
    crash->frame_count++;
    return crash->frame_count < MPLAT_CRASH_FRAMES_MAX;
}

/* ---- the end ------------------------------------------------------------------------------------------------------- */

_Noreturn static void end(UINT exit_code) {
    TerminateProcess(GetCurrentProcess(), exit_code);
    for (;;)
        Sleep(INFINITE);
}

/* begin lets one thread report. Another one that crashes meanwhile waits for that report to be out. The same one again has
 * crashed while walking its damaged stack, and tells what it knows, or in the sink, and ends at once. */
static bool begin(UINT exit_code) {
    DWORD nobody = 0, self = GetCurrentThreadId();
    if (atomic_compare_exchange_strong(&reporting_thread, &nobody, self)) {
        report.exit_code = exit_code;
        return true;
    }
    if (nobody != self) {
        Sleep(OTHER_REPORT_MS);
        end(exit_code);
    }
    return false;
}

_Noreturn static void tell_and_end(void) {
    if (!atomic_exchange(&sink_called, true))
        report.sink(&report.crash, report.context);
    end(report.exit_code);
}

static LONG WINAPI on_exception(EXCEPTION_POINTERS *exception) {
    const EXCEPTION_RECORD *record = exception->ExceptionRecord;
    mplat_crash_t *crash = &report.crash;
    if (begin(record->ExceptionCode)) {
        crash->code = record->ExceptionCode;
        crash->has_address = record->NumberParameters >= 2 && (record->ExceptionCode == EXCEPTION_ACCESS_VIOLATION ||
                                                               record->ExceptionCode == EXCEPTION_IN_PAGE_ERROR);
        crash->address = crash->has_address ? record->ExceptionInformation[1] : 0;
        report.registers = *exception->ContextRecord;
        mplat_unwind(&report.registers, note_frame);
    }
    /* Going back to the system would make a stack overflow end with exit code 0, or open a dialog. */
    tell_and_end();
}

/* abort() is no exception: it raises this signal of the C run-time and ends with 3. */
static void on_abort(int signal_number) {
    if (begin(CODE_OF_ABORT)) {
        report.crash.code = (uint32_t)signal_number;
        RtlCaptureContext(&report.registers);
        mplat_unwind(&report.registers, note_frame);
    }
    tell_and_end();
}

/* -------------------------------------------------------------------------------------------------------------------- */

int mplat_crash_install(mplat_crash_sink_t *sink, void *context) {
    ULONG stack = STACK_FOR_REPORT;
    report.sink = sink;
    report.context = context;
    report.program = GetModuleHandleW(NULL);
    /* A path too long for the report leaves the program without a name in it; its offsets are still right. */
    if (mplat_executable_path(report.program_path, sizeof report.program_path) != 0)
        report.program_path[0] = '\0';

    /* No dialog, neither the system's nor the C run-time's. */
    SetErrorMode(GetErrorMode() | SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
    _set_error_mode(_OUT_TO_STDERR);
    if (!SetThreadStackGuarantee(&stack))
        return mplat_fail_last("SetThreadStackGuarantee");
    SetUnhandledExceptionFilter(on_exception);
    if (signal(SIGABRT, on_abort) == SIG_ERR)
        return mplat_fail(MPLAT_ESYSTEM, "signal(SIGABRT)");
    return 0;
}
