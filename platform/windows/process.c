/* SPDX-License-Identifier: Apache-2.0 */
/* process.c: a child process that runs or has ended: waiting, how it ended, what it used, stopping it. */
#include "process.h"

#include <psapi.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNAL_INTERRUPT = 2, SIGNAL_KILL = 9, SIGNAL_TERMINATE = 15 };

int64_t mplat_process_pid(const mplat_process_t *process) {
    return process->pid;
}

mplat_handle_t mplat_process_sentinel(const mplat_process_t *process) {
    return (mplat_handle_t)process->process;
}

static void note_end(mplat_process_t *process) {
    int64_t nobody = 0;
    atomic_compare_exchange_strong(&process->ended_ns, &nobody, mplat_clock_ns());
}

int mplat_process_wait(mplat_process_t *process, int64_t timeout_ms) {
    int err = mplat_wait_object(process->process, mplat_deadline_in_ms(timeout_ms));
    if (err == 0)
        note_end(process);
    return err;
}

/* GetExitCodeProcess says 259 while a process runs, and also when one exits with 259: only the handle tells the two
 * apart. */
static bool has_ended(mplat_process_t *process) {
    if (WaitForSingleObject(process->process, 0) != WAIT_OBJECT_0)
        return false;
    note_end(process);
    return true;
}

/* An exit code is one number for two things. NTSTATUS errors are 0xCxxxxxxx; a program that exits with -1 is not
 * one. */
static bool is_exception_status(uint32_t code) {
    return code >> 28 == 0xC || (code >= 0x80000001u && code <= 0x80000004u) || code == 0xE06D7363u ||
           code == 0xE0434352u;
}

void mplat_process_decode_exit(uint32_t code, bool was_terminated, bool was_killed, mplat_exit_t *out_exit) {
    out_exit->kind = MPLAT_EXIT_SIGNALLED;
    out_exit->code = code;
    if (code == MPLAT_CODE_TERMINATED && was_terminated)
        out_exit->signal = SIGNAL_TERMINATE;
    else if (code == MPLAT_CODE_KILLED && was_killed)
        out_exit->signal = SIGNAL_KILL;
    else if (code == (uint32_t)STATUS_CONTROL_C_EXIT)
        out_exit->signal = SIGNAL_INTERRUPT;
    else if (!is_exception_status(code))
        out_exit->kind = MPLAT_EXIT_EXITED;
}

int mplat_process_exit(mplat_process_t *process, mplat_exit_t *out_exit) {
    DWORD code = 0;
    memset(out_exit, 0, sizeof *out_exit);
    if (!has_ended(process))
        return 0;
    if (!GetExitCodeProcess(process->process, &code))
        return mplat_fail_last("GetExitCodeProcess");
    mplat_process_decode_exit(code, process->was_terminated, process->was_killed, out_exit);
    return mplat_process_usage(process, &out_exit->usage);
}

static int64_t nanoseconds(FILETIME time) {
    return (int64_t)((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime) * 100;
}

/* With the lock. The largest size is kept from one look to the next: Wine forgets it with the process. */
static int look_at_usage(mplat_process_t *process) {
    FILETIME created, exited, kernel, user;
    PROCESS_MEMORY_COUNTERS memory = {.cb = sizeof memory};
    mplat_usage_t *usage = &process->usage;
    bool ended = has_ended(process);
    if (!GetProcessTimes(process->process, &created, &exited, &kernel, &user))
        return mplat_fail_last("GetProcessTimes");
    usage->user_ns = nanoseconds(user);
    usage->system_ns = nanoseconds(kernel);
    usage->memory_bytes = 0;
    if (K32GetProcessMemoryInfo(process->process, &memory, sizeof memory)) {
        usage->memory_bytes = ended ? 0 : memory.WorkingSetSize;
        if (memory.PeakWorkingSetSize > usage->peak_memory_bytes)
            usage->peak_memory_bytes = memory.PeakWorkingSetSize;
    }
    usage->started_ns = process->started_ns;
    usage->ended_ns = process->ended_ns;
    process->usage_is_final = ended;
    return 0;
}

int mplat_process_usage(mplat_process_t *process, mplat_usage_t *out_usage) {
    int err = 0;
    AcquireSRWLockExclusive(&process->lock);
    if (!process->usage_is_final)
        err = look_at_usage(process);
    *out_usage = err == 0 ? process->usage : (mplat_usage_t){0};
    ReleaseSRWLockExclusive(&process->lock);
    return err;
}

UINT mplat_process_stop_code(mplat_process_t *process, mplat_signal_t signal) {
    if (signal == MPLAT_SIGNAL_TERMINATE) {
        process->was_terminated = true;
        return MPLAT_CODE_TERMINATED;
    }
    process->was_killed = true;
    return MPLAT_CODE_KILLED;
}

int mplat_process_interrupt(mplat_process_t *process) {
    if (!process->has_console_group)
        return mplat_fail(MPLAT_ENOTSUP, "send CTRL_BREAK");
    /* The group keeps the number of its first process, which our handle keeps from being given out again. */
    if (GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, (DWORD)process->pid))
        return 0;
    return mplat_fail_last("GenerateConsoleCtrlEvent");
}

int mplat_process_signal(mplat_process_t *process, mplat_signal_t signal) {
    if (has_ended(process))
        return 0;
    if (signal == MPLAT_SIGNAL_INTERRUPT)
        return mplat_process_interrupt(process);
    if (TerminateProcess(process->process, mplat_process_stop_code(process, signal)))
        return 0;
    /* We have every right to our child: the system denies access only to one that is ending already. */
    if (GetLastError() == ERROR_ACCESS_DENIED)
        return 0;
    return mplat_fail_last("TerminateProcess");
}

void mplat_process_destroy(mplat_process_t *process) {
    DWORD last_error = GetLastError();
    if (process == NULL)
        return;
    mplat_close(&process->process);
    mplat_close(&process->job);
    free(process);
    SetLastError(last_error);
}
