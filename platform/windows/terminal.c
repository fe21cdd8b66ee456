/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c: is a standard stream of this process a terminal? */
#include "system.h"

bool mplat_is_terminal(int stream) {
    static const DWORD streams[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    DWORD mode = 0;
    return stream >= 0 && stream <= 2 && GetConsoleMode(GetStdHandle(streams[stream]), &mode) != 0;
}
