/* SPDX-License-Identifier: Apache-2.0 */
/* executable.h: what to pass to exec for a copy of the running program. */
#ifndef MPLAT_POSIX_EXECUTABLE_H
#define MPLAT_POSIX_EXECUTABLE_H

/* mplat_executable_for_exec gives the path in *out_program. Where the child cannot find it out by itself,
 * *out_owned is a copy, which the caller frees and the marker carries; NULL otherwise. */
int mplat_executable_for_exec(char **out_owned, const char **out_program);

/* mplat_executable_descriptor gives a descriptor of the running program, opened once and kept; -1 where there is none. */
int mplat_executable_descriptor(void);

/* mplat_executable_name_process gives this process the name of its program, which exec by a descriptor loses on older kernels. */
void mplat_executable_name_process(void);

#endif
