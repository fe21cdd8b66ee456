/* SPDX-License-Identifier: Apache-2.0 */
/* What the test child and the tests of the platform layer need from the operating system beside the layer itself:
 * child_host_posix.c and child_host_windows.c answer it. */
#ifndef TESTS_SUPPORT_CHILD_HOST_H
#define TESTS_SUPPORT_CHILD_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* host_utf8_args makes argv UTF-8 where main's is not. What it allocates lives as long as the process. */
void host_utf8_args(int *argc, char ***argv);

/* host_binary_streams keeps the C library from changing line ends on the standard streams. */
void host_binary_streams(void);

/* host_environment gives this process's environment as "NAME=value", NULL-terminated; it lives as long as the process. */
char **host_environment(void);

/* host_directory writes the current directory. */
bool host_directory(char *buf, size_t size);

/* host_handle_is_open tells whether the process has a handle of this value. */
bool host_handle_is_open(intptr_t handle);

/* host_handle_make_inheritable undoes close-on-exec: what a careless host program does. */
bool host_handle_make_inheritable(intptr_t handle);

/* host_link_write_raw puts bytes on the line behind a link's back, as a hostile peer does. */
struct mplat_link;
bool host_link_write_raw(struct mplat_link *link, const void *data, size_t size);

/* host_close_streams closes the three standard streams of this process. */
void host_close_streams(void);

/* host_deafen blocks every signal of the calling thread and ignores what it can; nothing where there are no signals. */
void host_deafen(void);

/* host_count_handles counts the open handles of this process. */
size_t host_count_handles(void);

/* host_count_children counts children that run or wait to be collected. */
size_t host_count_children(void);

/* host_priority gives mplat_priority_t of this process as its system shows it, -1 for anything between. */
int host_priority(void);

/* host_affinity_count counts the processors that this process may use. */
int host_affinity_count(void);

/* host_can_be_killed_by_signal: a process ends by signals here, not by exception codes. */
bool host_has_signals(void);

typedef struct host_thread host_thread_t;
typedef void host_thread_function_t(void *arg);

/* host_thread_start runs function(arg) in a thread; NULL when there is none. host_thread_join waits for it and frees it. */
host_thread_t *host_thread_start(host_thread_function_t *function, void *arg);
void host_thread_join(host_thread_t *thread);

#endif
