/* SPDX-License-Identifier: Apache-2.0 */
/* What the harness needs from the code under test: library_mproc.c for programs that hold the whole library,
 * library_platform.c for tests of the platform layer alone. */
#ifndef TESTS_SUPPORT_LIBRARY_H
#define TESTS_SUPPORT_LIBRARY_H

#include <stddef.h>

/* library_start is main's first statement; in a child that a test started it may not return. Returns 0 on success. */
int library_start(int *argc, char ***argv);

/* library_describe_error writes the name of an error code and all that is known of its cause to out_text; returns it. */
const char *library_describe_error(int code, char *out_text, size_t size);

#endif
