/* SPDX-License-Identifier: Apache-2.0 */
/* How a test of the platform layer starts the test child and talks with it. What a call here makes, child_end takes away;
 * a REQUIRE that fails in between leaves it, and the test has failed then anyway. */
#ifndef TESTS_SUPPORT_CHILD_CLIENT_H
#define TESTS_SUPPORT_CHILD_CLIENT_H

#include "platform/platform.h"

typedef struct child {
    mplat_process_t *process;
    mplat_link_t *link;
    mplat_handle_t output; /* read end of its standard output and error, where child_start_captured made one */
} child_t;

#define CHILD_ARGS(...) ((const char *const[]){"child", __VA_ARGS__, NULL})

/* child_program is the full path of the test child. */
const char *child_program(void);

/* child_options gives options for the test child with argv (see CHILD_ARGS). */
mplat_spawn_options_t child_options(const char *const *argv);

/* child_start spawns with options; child_start_serving starts one that does what messages on its link say;
 * child_start_captured one whose standard output and error come through a pipe. Each REQUIREs success. */
child_t child_start(const mplat_spawn_options_t *options);
child_t child_start_serving(void);
child_t child_start_captured(mplat_spawn_options_t options);

/* child_tell sends "command arguments"; child_tell_with also sends a payload and handles. */
void child_tell(child_t *child, const char *command);
void child_tell_with(child_t *child, const char *command, const void *payload, size_t size,
                     const mplat_handle_t *handles, size_t handle_count);

/* child_answer waits for one message and gives it as text in a static buffer; "(none)" when there is none. */
const char *child_answer(child_t *child);

/* child_output reads what child_start_captured's child wrote until everybody has closed it, or timeout_ms have passed, into
 * a static buffer, and gives its length. */
const char *child_output(child_t *child, int64_t timeout_ms, size_t *out_size);

/* child_says waits until text has come out of a captured child; child_falls_silent until everybody has closed its output,
 * which they have only when they ended. False after timeout_ms. */
bool child_says(child_t *child, const char *text);
bool child_falls_silent(child_t *child, int64_t timeout_ms);

/* child_exit waits for the end and tells it. */
mplat_exit_t child_exit(child_t *child);

/* child_exit_code gives the code of one that has exited, -1 for any other end. */
int child_exit_code(child_t *child);

/* child_run starts the test child with argv, and gives its exit code. */
int child_run(const char *const *argv);

/* child_output_of runs the test child with options to its end, which has to be exit code 0, and gives what it wrote. */
const char *child_output_of(mplat_spawn_options_t options);

/* child_end kills what still runs, and frees everything. */
void child_end(child_t *child);

#endif
