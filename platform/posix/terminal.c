/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c: is a standard stream of this process a terminal? */
#include "../platform.h"

#include <unistd.h>

bool mplat_is_terminal(int stream) {
    return isatty(stream) == 1;
}
