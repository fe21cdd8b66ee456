/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_text.h: what CreateProcess takes as text: program, command line, environment, directory. */
#ifndef MPLAT_WINDOWS_SPAWN_TEXT_H
#define MPLAT_WINDOWS_SPAWN_TEXT_H

#include "system.h"

typedef struct spawn_text {
    wchar_t *program;      /* a path the system does not search for */
    wchar_t *command_line; /* CreateProcess writes into it */
    wchar_t *environment;  /* a sorted block */
    wchar_t *directory;    /* NULL: the parent's */
} spawn_text_t;

/* mplat_spawn_text_init makes all four; marker is the link's, NULL without one. mplat_spawn_text_fini frees them,
 * also after a failure. */
int mplat_spawn_text_init(spawn_text_t *text, const mplat_spawn_options_t *options, const char *marker);
void mplat_spawn_text_fini(spawn_text_t *text);

#endif
