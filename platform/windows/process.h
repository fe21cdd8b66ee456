/* SPDX-License-Identifier: Apache-2.0 */
/* process.h: the inside of a child process object, for spawning, signalling and waiting. */
#ifndef MPLAT_WINDOWS_PROCESS_H
#define MPLAT_WINDOWS_PROCESS_H

#include "system.h"

struct mplat_process {
    HANDLE process;
    HANDLE job; /* holds the process and its descendants: what a tree is */
    int64_t pid;
    int64_t started_ns;
    _Atomic int64_t ended_ns; /* when somebody first saw the end; 0: nobody yet */
    SRWLOCK lock;             /* of the next two */
    mplat_usage_t usage;      /* what it had used when somebody last asked ... */
    bool usage_is_final;      /* ... which was after its end */
    bool has_console_group;   /* shares our console, in a group of its own: CTRL_BREAK can reach it */
    atomic_bool was_terminated, was_killed;
};

/* mplat_process_decode_exit tells what an exit code means, given how we signalled the process. Pure. */
void mplat_process_decode_exit(uint32_t code, bool was_terminated, bool was_killed, mplat_exit_t *out_exit);

/* mplat_process_stop_code is the exit code of a stop by us, and notes on the object that it was asked for. */
UINT mplat_process_stop_code(mplat_process_t *process, mplat_signal_t signal);

/* mplat_process_interrupt sends CTRL_BREAK to the process's console group. */
int mplat_process_interrupt(mplat_process_t *process);

#endif
