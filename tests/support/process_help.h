/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of processes share, made of the public interface alone. Each REQUIREs success: after a failure the test is over. */
#ifndef TESTS_SUPPORT_PROCESS_HELP_H
#define TESTS_SUPPORT_PROCESS_HELP_H

#include <mproc/mproc.h>

/* Long enough for any wait that is to succeed; a test that needs it has failed. */
#define LONG_MS (30000 * test_time_scale())

/* warm_up_with runs one process, for TEST_WARM_UP: it asserts nothing. */
void warm_up_with(const mproc_task_t *task);

/* started makes and starts a process; ended also joins it. The caller destroys it. */
mproc_process_t *started(const mproc_process_options_t *options);
mproc_process_t *ended(const mproc_process_options_t *options);

/* run_code runs a process to its end, destroys it, and gives Python's exitcode. */
int64_t run_code(const mproc_process_options_t *options);

/* exit_of joins, and tells how it ended. */
mproc_exit_t exit_of(mproc_process_t *process);

/* result_repr joins, and gives the repr of the value that the target returned, in a static buffer. */
const char *result_repr(mproc_process_t *process);

/* error_of gives the report of a process that must have one. */
#if defined(__GNUC__)
__attribute__((returns_nonnull))
#endif
const mproc_error_t *
error_of(mproc_process_t *process);

/* error_text gives the whole report of a process as people read it, "(none)" when it has none, in a static buffer. */
const char *error_text(mproc_process_t *process);

/* repr_of gives mproc_process_repr in a static buffer. */
const char *repr_of(mproc_process_t *process);

/* read_file gives a file of the test's folder as text, "(none)" when there is none; in a static buffer. */
const char *read_file(const char *path);

/* await_file waits until the file has a whole line, and gives it; "(none)" after LONG_MS. */
const char *await_file(const char *path);

/* write_file, for tasks: writes text to a new file at once, so that nobody sees half of it. Returns 0. */
int write_file(const char *path, const char *text);

#endif
