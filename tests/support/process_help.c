/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of processes share. */
#include "process_help.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

void warm_up_with(const mproc_task_t *task) {
    mproc_process_t *process = NULL;
    mproc_process_options_t options = {.target = task, .deadline_ms = 60000};
    if (mproc_process_create(&options, &process) == MPROC_OK && mproc_process_start(process) == MPROC_OK)
        (void)mproc_process_join(process, MPROC_FOREVER);
    mproc_process_destroy(process);
}

mproc_process_t *started(const mproc_process_options_t *options) {
    mproc_process_t *process = NULL;
    REQUIRE_OK(mproc_process_create(options, &process));
    REQUIRE_OK(mproc_process_start(process));
    return process;
}

mproc_process_t *ended(const mproc_process_options_t *options) {
    mproc_process_t *process = started(options);
    REQUIRE_OK(mproc_process_join(process, LONG_MS));
    return process;
}

int64_t run_code(const mproc_process_options_t *options) {
    int64_t code = -1000;
    mproc_process_t *process = ended(options);
    REQUIRE_OK(mproc_process_exitcode(process, &code));
    mproc_process_destroy(process);
    return code;
}

mproc_exit_t exit_of(mproc_process_t *process) {
    mproc_exit_t exit;
    REQUIRE_OK(mproc_process_join(process, LONG_MS));
    REQUIRE_OK(mproc_process_exit(process, &exit));
    return exit;
}

const char *result_repr(mproc_process_t *process) {
    static char text[65536];
    const mproc_value_t *value = NULL;
    REQUIRE_OK(mproc_process_result(process, LONG_MS, &value));
    REQUIRE(mproc_value_repr(value, text, sizeof text) < sizeof text);
    return text;
}

const mproc_error_t *error_of(mproc_process_t *process) {
    static const mproc_error_t none = {.message = "", .task = "", .file = "", .backtrace = "", .stderr_tail = ""};
    const mproc_error_t *error = mproc_process_error(process);
    REQUIRE(error != NULL);
    return error != NULL ? error : &none;
}

const char *error_text(mproc_process_t *process) {
    static char text[16384];
    const mproc_error_t *error = mproc_process_error(process);
    if (error == NULL)
        return "(none)";
    mproc_error_format(error, text, sizeof text);
    return text;
}

const char *repr_of(mproc_process_t *process) {
    static char text[4096];
    REQUIRE(mproc_process_repr(process, text, sizeof text) < sizeof text);
    return text;
}

const char *read_file(const char *path) {
    static char text[65536];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return "(none)";
    size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    /* Windows ends lines with two characters in text streams. */
    char *to = text;
    for (const char *from = text; *from != '\0'; from++)
        if (*from != '\r')
            *to++ = *from;
    *to = '\0';
    return text;
}

static bool has_line(void *path) {
    return strchr(read_file(path), '\n') != NULL;
}

const char *await_file(const char *path) {
    char copy[1024];
    (void)snprintf(copy, sizeof copy, "%s", path);
    return test_wait_until(has_line, copy, 30000) ? read_file(path) : "(none)";
}

int write_file(const char *path, const char *text) {
    char part[1100];
    (void)snprintf(part, sizeof part, "%s.part", path);
    FILE *file = fopen(part, "wb");
    if (file == NULL)
        return 1;
    bool written = fputs(text, file) >= 0;
    written = fclose(file) == 0 && written;
    return written && rename(part, path) == 0 ? 0 : 1;
}
