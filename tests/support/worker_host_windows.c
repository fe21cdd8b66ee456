/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker does to itself on Windows. */
#include "worker_host.h"

#include <windows.h>

void host_stop_self(void) {
    SuspendThread(GetCurrentThread());
}

/* Handles are multiples of four. The small ones belong to the system's own parts of the process as well; a task that closes
 * them has asked for it. */
void host_close_everything(void) {
    for (ULONG_PTR handle = 4; handle < 4096; handle += 4)
        CloseHandle((HANDLE)handle);
}
