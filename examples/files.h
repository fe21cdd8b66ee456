/* SPDX-License-Identifier: Apache-2.0 */
/* files.h: finds the files that the examples work on. No part of mproc. */
#ifndef EXAMPLES_FILES_H
#define EXAMPLES_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct file_entry {
    char *path; /* UTF-8 */
    int64_t size;
} file_entry_t;

/* All zero at first. */
typedef struct file_list {
    file_entry_t *entries;
    size_t count, capacity;
    size_t lost; /* files and folders for which there was no memory */
} file_list_t;

/* Adds a file, or all files below a folder whose names end with suffix (NULL: all of them); links below it are not followed,
 * and what cannot be read below it is left out. False when the path itself cannot be read. */
bool files_add(file_list_t *list, const char *path, const char *suffix);

/* Adds the C headers, the documentation and the licence texts of this machine, as far as it has any. */
void files_add_default(file_list_t *list);

/* Sorts by size, largest first; files of one size by path. */
void files_sort(file_list_t *list);

/* An argument like --crash, and what it sets. */
typedef struct files_flag {
    const char *name;
    bool *set;
} files_flag_t;

/* Takes the arguments of a program, flags and paths, as a sorted list of files: the default ones when there is no path. False
 * when there is nothing to work on, or no memory for the whole of it; standard error then says why. flags end with a NULL name. */
bool files_from_arguments(file_list_t *list, const char *program, char **argv, const files_flag_t *flags);

void files_free(file_list_t *list);

#endif
