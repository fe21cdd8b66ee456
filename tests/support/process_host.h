/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of processes do to a system beside the library: process_host_posix.c and process_host_windows.c answer it. */
#ifndef TESTS_SUPPORT_PROCESS_HOST_H
#define TESTS_SUPPORT_PROCESS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* host_pid is this process's number, as the system says it. */
int64_t host_pid(void);

/* host_kill ends any process at once, as an operator would: SIGKILL, TerminateProcess with code 1. */
bool host_kill(int64_t pid);

/* host_runs tells whether a process of this number runs; one that only waits to be collected does not. */
bool host_runs(int64_t pid);

/* host_has_terminate tells whether a process can be asked to end, by SIGTERM, and refuse. */
bool host_has_terminate(void);

/* host_ignore_terminate makes this process deaf to SIGTERM; false where there is no such thing. */
bool host_ignore_terminate(void);

/* host_exit_at_terminate makes this process exit with code at SIGTERM; false where there is no such thing. */
bool host_exit_at_terminate(int code);

/* host_block_terminate blocks and ignores SIGTERM; host_unblock_terminate undoes both. Nothing on Windows. */
void host_block_terminate(void);
void host_unblock_terminate(void);

/* host_interrupt_group sends what Ctrl-C sends, to every process of this one's group; false where that cannot be done.
 * host_catch_interrupt makes this process count it instead of ending; host_interrupts gives how often it came. */
bool host_interrupt_group(void);
void host_catch_interrupt(void);
int host_interrupts(void);

/* host_ignore_children sets SIGCHLD to "ignore": the system then reaps children; false on Windows. host_heed_children undoes
 * it. */
bool host_ignore_children(void);
void host_heed_children(void);

/* host_copy calls function in a copy of this process that fork() makes, and gives what it returns (0..255); -1 where there
 * is no fork(). */
int host_copy(int (*function)(void *arg), void *arg);

/* host_open_high gives a handle with a high number, 100 or more on POSIX; -1 when there is none. host_close closes it. */
intptr_t host_open_high(void);
void host_close(intptr_t handle);

/* host_open_broken gives the writing end of a pipe that nobody reads, for host_close to close; -1 when there is none. */
intptr_t host_open_broken(void);

/* host_copy_program copies a program's file; the copy can be run. host_run_program runs one, whose path is argv[0], to its end and
 * gives its exit code; -1 when there is none. */
bool host_copy_program(const char *from, const char *to);
int host_run_program(const char *const *argv);

/* host_open_high_socket gives a socket with a high number, that children would inherit if they were let; -1 when there is none.
 * host_close_socket closes it; host_is_socket tells whether this process has one of that number. */
intptr_t host_open_high_socket(void);
void host_close_socket(intptr_t socket);
bool host_is_socket(intptr_t socket);

/* host_exec_signalled becomes a program that sends itself SIGPIPE and, if it survives that, exits with 3. It returns where there
 * is no such signal. */
void host_exec_signalled(void);

/* host_open_pipe makes a pipe whose two ends host_close closes. */
bool host_open_pipe(intptr_t *out_read, intptr_t *out_write);

/* host_write_link writes bytes into every channel this process has beside its standard streams, as a child that is out of its
 * mind might; returns into how many. */
int host_write_everywhere(const void *data, size_t size);

/* host_close_output closes standard output under the C library's feet. */
void host_close_output(void);

/* host_close_streams closes all three standard streams; what is opened next gets their numbers. Nothing on Windows, where
 * they have none. */
void host_close_streams(void);

/* host_open_terminal makes a terminal so many columns wide: a process that gets *out_inside as a stream writes to it, and what it
 * wrote is read by host_read_terminal until that process and *out_inside are gone. False where tests cannot make any. */
bool host_open_terminal(int columns, intptr_t *out_outside, intptr_t *out_inside);
size_t host_read_terminal(intptr_t outside, char *buf, size_t size);

/* host_count_handles counts the open handles of this process; host_handle_is_open tells of one. */
size_t host_count_handles(void);
bool host_handle_is_open(intptr_t handle);

/* host_heap_bytes counts what this process has taken from the heap and not given back; host_mapped_bytes counts its memory
 * that can be written: heaps, stacks, segments. 0 where nobody tells. */
size_t host_heap_bytes(void);
size_t host_mapped_bytes(void);

/* host_run_threads calls function(arg) in count threads at the same time, and waits for them. */
void host_run_threads(size_t count, void (*function)(void *arg), void *arg);

/* host_run_beside calls function(arg) in another thread, which is never waited for. */
void host_run_beside(void (*function)(void *arg), void *arg);

/* host_describe writes all of this process's state that a library has no business with: signal mask and dispositions,
 * directory, environment, file mask, limits. */
void host_describe(char *buf, size_t size);

/* host_alarm_start interrupts the calling thread with a caught signal every millisecond, without restarting system calls;
 * false where nothing interrupts. host_alarm_stop ends it and gives how many came. */
bool host_alarm_start(void);
int host_alarm_stop(void);

/* host_limit_handles lets this process open at most so many handles more; false where there is no such limit.
 * host_unlimit_handles undoes it. */
bool host_limit_handles(size_t more);
void host_unlimit_handles(void);

/* host_set_environment sets a variable of this process; value NULL removes it. */
void host_set_environment(const char *name, const char *value);

/* host_make_fifo makes a pipe that has a name in a folder; false where there is no such thing. host_null_device is the path of the
 * device that takes and gives nothing. */
bool host_make_fifo(const char *path);
const char *host_null_device(void);

/* host_limit_files keeps every file this process makes, and what the system counts as such, below so many bytes; false where
 * there is no such limit. A write beyond it fails. host_unlimit_files undoes it. */
bool host_limit_files(uint64_t bytes);
void host_unlimit_files(void);

/* host_shrink_shared_memory leaves this process, and what it starts, a file system of so many bytes where the system has its shared
 * memory; false where it cannot. There is no way back. */
bool host_shrink_shared_memory(uint64_t bytes);

void host_sleep_ms(int ms);
_Noreturn void host_sleep_forever(void);

#endif
