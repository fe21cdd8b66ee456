/* SPDX-License-Identifier: Apache-2.0 */
/* How a test of the platform layer starts the test child and talks with it. */
#include "child_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

enum { ANSWER_MS = 30000, OUTPUT_MAX = 1 << 20 };

const char *child_program(void) {
    return TEST_CHILD_PROGRAM;
}

mplat_spawn_options_t child_options(const char *const *argv) {
    return (mplat_spawn_options_t){.program = child_program(), .argv = argv};
}

child_t child_start(const mplat_spawn_options_t *options) {
    child_t child = {.output = MPLAT_NO_HANDLE};
    REQUIRE_OK(mplat_spawn(options, &child.process, &child.link));
    CHECK((child.link != NULL) == options->link);
    return child;
}

child_t child_start_serving(void) {
    const char *const *argv = CHILD_ARGS("serve");
    mplat_spawn_options_t options = child_options(argv);
    options.link = true;
    return child_start(&options);
}

child_t child_start_captured(mplat_spawn_options_t options) {
    mplat_handle_t output = MPLAT_NO_HANDLE, theirs = MPLAT_NO_HANDLE;
    REQUIRE_OK(mplat_pipe_create(&output, &theirs));
    options.stdio[1] = options.stdio[2] = (mplat_stdio_t){.kind = MPLAT_STDIO_HANDLE, .handle = theirs};
    child_t child = child_start(&options);
    child.output = output;
    mplat_handle_close(&theirs);
    return child;
}

void child_tell(child_t *child, const char *command) {
    REQUIRE_OK(mplat_link_send(child->link, command, strlen(command), NULL, 0, ANSWER_MS));
}

void child_tell_with(child_t *child, const char *command, const void *payload, size_t size,
                     const mplat_handle_t *handles, size_t handle_count) {
    static char message[MPLAT_LINK_MESSAGE_MAX];
    size_t length = strlen(command) + 1;
    REQUIRE(length + size <= sizeof message);
    memcpy(message, command, length);
    if (size > 0)
        memcpy(message + length, payload, size);
    REQUIRE_OK(mplat_link_send(child->link, message, length + size, handles, handle_count, ANSWER_MS));
}

const char *child_answer(child_t *child) {
    static char message[MPLAT_LINK_MESSAGE_MAX + 1];
    size_t size;
    int err = mplat_link_receive(child->link, message, sizeof message - 1, &size, NULL, NULL, ANSWER_MS);
    if (err != 0)
        return "(none)";
    message[size] = '\0';
    return message;
}

const char *child_output(child_t *child, int64_t timeout_ms, size_t *out_size) {
    static char output[OUTPUT_MAX];
    int64_t end = test_now_ms() + timeout_ms;
    size_t total = 0, size;
    while (total < sizeof output - 1) {
        int64_t left = timeout_ms < 0 ? ANSWER_MS : end - test_now_ms();
        if (mplat_pipe_read(child->output, output + total, sizeof output - 1 - total, left > 0 ? left : 0, &size) != 0)
            break;
        total += size;
    }
    output[total] = '\0';
    if (out_size != NULL)
        *out_size = total;
    return output;
}

bool child_says(child_t *child, const char *text) {
    for (; *text != '\0'; text++) {
        char c;
        size_t size;
        if (mplat_pipe_read(child->output, &c, 1, ANSWER_MS, &size) != 0 || c != *text)
            return false;
    }
    return true;
}

bool child_falls_silent(child_t *child, int64_t timeout_ms) {
    int64_t end = test_now_ms() + timeout_ms;
    for (;;) {
        char bytes[64];
        size_t size;
        int64_t left = end - test_now_ms();
        int err = mplat_pipe_read(child->output, bytes, sizeof bytes, left > 0 ? left : 0, &size);
        if (err != 0)
            return err == MPLAT_ECLOSED;
    }
}

mplat_exit_t child_exit(child_t *child) {
    mplat_exit_t how = {0};
    REQUIRE_OK(mplat_process_wait(child->process, ANSWER_MS));
    CHECK_OK(mplat_process_exit(child->process, &how));
    return how;
}

int child_exit_code(child_t *child) {
    mplat_exit_t how = child_exit(child);
    return how.kind == MPLAT_EXIT_EXITED ? (int)how.code : -1;
}

int child_run(const char *const *argv) {
    mplat_spawn_options_t options = child_options(argv);
    child_t child = child_start(&options);
    int code = child_exit_code(&child);
    child_end(&child);
    return code;
}

const char *child_output_of(mplat_spawn_options_t options) {
    child_t child = child_start_captured(options);
    const char *output = child_output(&child, -1, NULL);
    CHECK_EQ_INT(child_exit_code(&child), 0);
    child_end(&child);
    return output;
}

void child_end(child_t *child) {
    if (child->process != NULL) {
        mplat_process_signal(child->process, MPLAT_SIGNAL_KILL);
        mplat_process_wait(child->process, ANSWER_MS);
    }
    mplat_process_destroy(child->process);
    mplat_link_destroy(child->link);
    mplat_handle_close(&child->output);
    *child = (child_t){.output = MPLAT_NO_HANDLE};
}
