/* SPDX-License-Identifier: Apache-2.0 */
/* Files through which a test and the tasks it runs tell each other how far they are, so that no test depends on how fast a
 * worker is. Paths are of the test's own folder. */
#ifndef TESTS_SUPPORT_TASK_FILES_H
#define TESTS_SUPPORT_TASK_FILES_H

#include <stdbool.h>

enum { TASK_PATH_SIZE = 1024 };

typedef struct task_file {
    char path[TASK_PATH_SIZE];
} task_file_t;

/* file_named gives the path of a file that need not exist. */
task_file_t file_named(const char *name);

/* file_exists never blocks; file_await waits in a test until the file is there, and tells whether it is. */
bool file_exists(const char *path);
bool file_await(const char *path);

/* file_add makes the file, or adds a byte to it; 0 when it did. file_count gives its bytes, 0 when there is none. */
int file_add(const char *path);
int file_count(const char *path);

/* file_gate, for tasks: waits until the file is there. */
void file_gate(const char *path);

#endif
