/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c: is a standard stream of this process a terminal, and how wide? */
#include "system.h"

#define USUAL_WIDTH 80

static HANDLE handle_of(int stream) {
    static const DWORD streams[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    return stream >= 0 && stream <= 2 ? GetStdHandle(streams[stream]) : INVALID_HANDLE_VALUE;
}

bool mplat_is_terminal(int stream) {
    DWORD mode = 0;
    return GetConsoleMode(handle_of(stream), &mode) != 0;
}

int mplat_terminal_width(int stream) {
    CONSOLE_SCREEN_BUFFER_INFO info = {0};
    if (!GetConsoleScreenBufferInfo(handle_of(stream), &info))
        return USUAL_WIDTH;
    int width = info.srWindow.Right - info.srWindow.Left + 1;
    return width > 0 ? width : USUAL_WIDTH;
}
