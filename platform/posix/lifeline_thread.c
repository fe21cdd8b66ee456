/* SPDX-License-Identifier: Apache-2.0 */
/* lifeline_thread.c: a thread that sleeps in read until the parent has ended. It kills its process as nothing else
 * could: the other threads may compute for ever with all signals blocked. */
#include "lifeline.h"
#include "spawn.h"
#include "syscalls.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)64 * 1024)

static void *wait_for_end(void *argument) {
    char byte;
    ssize_t got;
    (void)argument;
    do
        got = read(MPLAT_LIFELINE_FD, &byte, 1);
    while (got > 0 || (got < 0 && errno == EINTR));
    kill(getpid(), SIGKILL);
    return NULL;
}

int mplat_lifeline_arm_thread(void) {
    return mplat_sys.thread_start(wait_for_end, NULL, STACK_SIZE);
}
