/* SPDX-License-Identifier: Apache-2.0 */
/* syscalls.c: the table of system calls, filled with the system's own. */
#include "syscalls.h"

#include <bcrypt.h>
#include <stdlib.h>

mplat_syscalls_t mplat_sys = {
#define X(result, convention, name, parameters) .name = name,
    MPLAT_SYSCALLS(X)
#undef X
};
