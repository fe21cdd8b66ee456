/* SPDX-License-Identifier: Apache-2.0 */
/* task_files.c: files between a test and its tasks. */
#include "task_files.h"

#include "process_host.h"
#include "test.h"

#include <stdint.h>
#include <stdio.h>

task_file_t file_named(const char *name) {
    task_file_t file;
    test_temp_path(name, file.path, sizeof file.path);
    return file;
}

bool file_exists(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file != NULL)
        (void)fclose(file);
    return file != NULL;
}

static bool exists(void *path) {
    return file_exists(path);
}

bool file_await(const char *path) {
    return test_wait_until(exists, (void *)(uintptr_t)path, 30000);
}

int file_add(const char *path) {
    FILE *file = fopen(path, "ab");
    if (file == NULL)
        return 1;
    bool added = fputc('.', file) != EOF;
    return fclose(file) == 0 && added ? 0 : 1;
}

int file_count(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return 0;
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    (void)fclose(file);
    return (int)size;
}

void file_gate(const char *path) {
    while (!file_exists(path))
        host_sleep_ms(1);
}
