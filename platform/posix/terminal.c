/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c: is a standard stream of this process a terminal, and how wide? */
#include "../platform.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define USUAL_WIDTH 80

bool mplat_is_terminal(int stream) {
    return isatty(stream) == 1;
}

int mplat_terminal_width(int stream) {
    struct winsize size = {0};
    return ioctl(stream, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : USUAL_WIDTH;
}
