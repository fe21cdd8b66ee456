/* SPDX-License-Identifier: Apache-2.0 */
/* process.c: what both kinds of process object do alike. */
#include "process.h"

#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

int mplat_signal_number(mplat_signal_t signal) {
    switch (signal) {
    case MPLAT_SIGNAL_INTERRUPT:
        return SIGINT;
    case MPLAT_SIGNAL_TERMINATE:
        return SIGTERM;
    case MPLAT_SIGNAL_KILL:
        return SIGKILL;
    }
    return 0;
}

int mplat_process_signal(mplat_process_t *process, mplat_signal_t signal) {
    int number = mplat_signal_number(signal);
    return number != 0 ? mplat_process_send(process, number) : mplat_fail(EINVAL, "signal process");
}

void mplat_process_reap_now(pid_t pid) {
    /* ECHILD where the host ignores SIGCHLD or was faster: there is no zombie then, which is all that counts. */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

int mplat_process_wait(mplat_process_t *process, int64_t timeout_ms) {
    /* The sentinel stays ready for ever once it is. */
    int64_t deadline = mplat_deadline_ms(timeout_ms);
    return mplat_poll_one(mplat_fd(mplat_process_sentinel(process)), POLLIN, deadline, "wait for process");
}
