/* SPDX-License-Identifier: Apache-2.0 */
/* What the harness needs from the operating system; host_posix.c, host_windows.c, leaks_posix.c and leaks_windows.c answer
 * it. Tests use test.h instead. */
#ifndef TESTS_SUPPORT_HOST_H
#define TESTS_SUPPORT_HOST_H

#include <mproc/export.h>
#include <stdbool.h>
#include <stddef.h>

/* A growing list of texts. Each names one thing that the process has open: the same thing gives the same text again. */
typedef struct {
    char **texts;
    size_t count;
    size_t capacity;
} item_list_t;

/* items_add appends a text formatted like printf; it ends the program when memory is short. */
MPROC_PRINTF(2, 3) void items_add(item_list_t *items, const char *format, ...);

/* items_fini frees the texts and makes the list empty. */
void items_fini(item_list_t *items);

/* host_list_open appends every descriptor or handle, thread, child process and named segment of the process. */
void host_list_open(item_list_t *items);

/* host_make_temp_dir creates a fresh folder and writes its path to out_path. */
bool host_make_temp_dir(char *out_path, size_t size);

/* host_remove_tree removes a folder and everything in it, without following links out of it. */
void host_remove_tree(const char *path);

#endif
