/* SPDX-License-Identifier: Apache-2.0 */
/* child.h: the cheapest way this system has to start a program and wait for it, by hand. It is the limit
 * that process cases are held against, and how limits get their second process. */
#ifndef MPROC_BENCH_CHILD_H
#define MPROC_BENCH_CHILD_H

#include <stddef.h>
#include <stdint.h>

#define CHILD_NO_FD (-1)

/* child_self_path is the full path of this program. */
const char *child_self_path(void);

/* child_spawn starts argv[0] by vfork and execv; keep_fd, unless CHILD_NO_FD, stays open in it. Returns 0,
 * or -1 after bench_fail. */
int child_spawn(const char *const *argv, int keep_fd, int64_t *out_pid);

/* child_wait waits for its end; -1 after bench_fail unless it exited with 0. */
int child_wait(int64_t pid);

/* child_kill ends and reaps it. */
void child_kill(int64_t pid);

/* child_spawn_nothing_at_once starts this program `count` times, doing nothing, and then waits for all. */
int child_spawn_nothing_at_once(size_t count);

/* child_output runs argv (searched in PATH) with its output into buf, a string, for at most timeout_ms;
 * then it and its process group are killed. Returns its exit status, or -1 after bench_fail. */
int child_output(const char *const *argv, int64_t timeout_ms, char *buf, size_t size);

#endif
