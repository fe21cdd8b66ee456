/* SPDX-License-Identifier: Apache-2.0 */
/* platform.h: the one interface between mproc's portable code and an operating system.
 * It knows processes, handles, memory and time; it knows nothing of tasks, pools or MessagePack. */
#ifndef MPLAT_PLATFORM_H
#define MPLAT_PLATFORM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What holds for every function here, unless its own comment says otherwise:
 *
 * - A function that can fail returns int: 0, or a negative MPLAT_E… code. The system's own code and the step that failed
 *   are then in mplat_failure(), for the calling thread, until its next failing call.
 * - On failure every out-parameter holds its "none" value (NULL, MPLAT_NO_HANDLE, 0) and the caller owns nothing new.
 * - Any thread may call any function. One object may be used by several threads only where its comment says so.
 * - Text is UTF-8 and ends with a zero byte; sizes are bytes; _ns are nanoseconds, _ms milliseconds.
 * - A timeout below zero waits for ever, 0 polls. No wait ends early because of a signal (EINTR never shows).
 * - Every handle made here is closed by exec and not inherited, except those a spawn hands to its child.
 * - No function installs a signal handler, reaps a child it did not start, changes the directory, the environment, the
 *   signal mask or the resource limits of the calling process. Those marked "child only" may: they run in a process that
 *   mplat_spawn started, before user code.
 * - destroy and close accept "none" (NULL; a handle that is MPLAT_NO_HANDLE) and keep errno / the last error.
 */

/* ---- errors ------------------------------------------------------------------------------------------------------- */

#define MPLAT_ERRORS(X)                                                                                                \
    X(MPLAT_EINVAL, -1, "invalid argument")                                                                            \
    X(MPLAT_ENOMEM, -2, "no memory")                                                                                   \
    X(MPLAT_ETIMEDOUT, -3, "timed out")                                                                                \
    X(MPLAT_ENOTFOUND, -4, "not found")                                                                                \
    X(MPLAT_EACCESS, -5, "access denied")                                                                              \
    X(MPLAT_ENOPROCS, -6, "process table full")                                                                        \
    X(MPLAT_ENOHANDLES, -7, "handle table full")                                                                       \
    X(MPLAT_ENOTSUP, -8, "not supported here")                                                                         \
    X(MPLAT_ECLOSED, -9, "the other side is closed")                                                                   \
    X(MPLAT_ETOOBIG, -10, "too big for the system")                                                                    \
    X(MPLAT_EMALFORMED, -11, "malformed message")                                                                      \
    X(MPLAT_ESTATE, -12, "wrong state")                                                                                \
    X(MPLAT_ENOEXEC, -13, "not an executable program")                                                                 \
    X(MPLAT_ESYSTEM, -14, "system error")

typedef enum mplat_error {
#define X(name, value, text) name = (value),
    MPLAT_ERRORS(X)
#undef X
        MPLAT_OK = 0
} mplat_error_t;

/* The last failure of the calling thread. os_code is errno or GetLastError(), 0 where the system gave none; step is a
 * static string that names the call or step, such as "execve" or "set directory"; "" before any failure. */
typedef struct mplat_failure {
    int os_code;
    const char *step;
} mplat_failure_t;

mplat_failure_t mplat_failure(void);

/* mplat_os_error_text writes the system's sentence for os_code, without a line end; "" for 0. Returns buf. */
const char *mplat_os_error_text(int os_code, char *buf, size_t size);

/* mplat_error_text is the text of MPLAT_ERRORS for a code; "unknown error" for any other number. (common/) */
const char *mplat_error_text(int err);

/* ---- handles ------------------------------------------------------------------------------------------------------ */

/* A file descriptor on POSIX, a HANDLE on Windows. */
typedef intptr_t mplat_handle_t;
#define MPLAT_NO_HANDLE ((mplat_handle_t)-1)

/* mplat_handle_close closes *handle and sets it to MPLAT_NO_HANDLE. */
void mplat_handle_close(mplat_handle_t *handle);

/* mplat_handle_duplicate makes a second, not inherited handle of the same object; the caller closes it. */
int mplat_handle_duplicate(mplat_handle_t handle, mplat_handle_t *out_handle);

/* mplat_handles_wait waits until at least one of count sentinels (any number, also above 64) is ready, and sets
 * out_ready[i] for each that is. MPLAT_ETIMEDOUT when none is by then; MPLAT_EINVAL when one is no open handle. */
int mplat_handles_wait(const mplat_handle_t *handles, size_t count, int64_t timeout_ms, bool *out_ready);

/* mplat_null_open opens the null device for reading and writing. */
int mplat_null_open(mplat_handle_t *out_handle);

/* mplat_pipe_create makes a one-way byte pipe. Both ends work with mplat_pipe_read / _write here, and either can be a
 * standard stream of a child. The caller closes both. */
int mplat_pipe_create(mplat_handle_t *out_read, mplat_handle_t *out_write);

/* mplat_pipe_read reads at least one byte. MPLAT_ECLOSED at end of file, MPLAT_ETIMEDOUT when nothing came. */
int mplat_pipe_read(mplat_handle_t pipe, void *buf, size_t size, int64_t timeout_ms, size_t *out_size);

/* mplat_pipe_write writes at least one byte, perhaps not all. MPLAT_ECLOSED when nobody can read it any more (never a
 * SIGPIPE), MPLAT_ETIMEDOUT when the pipe stayed full. */
int mplat_pipe_write(mplat_handle_t pipe, const void *buf, size_t size, int64_t timeout_ms, size_t *out_size);

/* mplat_stderr_open makes a handle, for mplat_stderr_write alone, of where this process's standard error goes now. The caller
 * closes it. MPLAT_ENOTFOUND when the process has none. */
int mplat_stderr_open(mplat_handle_t *out_handle);

/* mplat_stderr_write writes at least one byte, perhaps not all: to a terminal, a file, a pipe, whatever it is, and without
 * changing the mode of what other processes use too. MPLAT_ETIMEDOUT when it takes nothing, MPLAT_ECLOSED when nobody can
 * read it any more (never a SIGPIPE). Where the system cannot be asked not to wait (a socket; a console that its user holds
 * on Windows) it may take longer than the timeout. */
int mplat_stderr_write(mplat_handle_t handle, const void *buf, size_t size, int64_t timeout_ms, size_t *out_size);

/* ---- the machine and this process --------------------------------------------------------------------------------- */

/* mplat_clock_ns is the monotonic clock; its zero is arbitrary, the same for every process of the machine. */
int64_t mplat_clock_ns(void);

/* mplat_wall_ns is the time since 1970-01-01 UTC. */
int64_t mplat_wall_ns(void);

void mplat_sleep_ms(int64_t ms);

/* mplat_cpu_count is how many processors this process may use at once: the affinity mask, cut down to the cgroup's
 * (v1 and v2) or job's quota, rounded up; at least 1. */
int mplat_cpu_count(void);

size_t mplat_page_size(void);

/* mplat_is_terminal tells whether standard stream 0, 1 or 2 is a terminal (a console on Windows). */
bool mplat_is_terminal(int stream);

/* mplat_terminal_width is how many columns the terminal of standard stream 0, 1 or 2 has now; 80 where nobody tells. */
int mplat_terminal_width(int stream);

int64_t mplat_self_pid(void);

/* mplat_parent_pid is the process that started this one, 0 when it has ended. */
int64_t mplat_parent_pid(void);

/* mplat_self_is_copy tells whether this process is a copy that fork() made of one which had spawned a child by then. It costs a load:
 * what belongs to the original is to be let alone. */
bool mplat_self_is_copy(void);

/* mplat_executable_path writes the full path of the running program. MPLAT_ETOOBIG when size is too small. */
int mplat_executable_path(char *buf, size_t size);

/* mplat_build_id writes what identifies the running executable's build (its build-id note; the PE header's stamp and
 * sizes), at most size bytes; *out_size is 0 where the system or linker gives none. */
int mplat_build_id(unsigned char *buf, size_t size, size_t *out_size);

/* mplat_random fills buf with secure random bytes. */
int mplat_random(void *buf, size_t size);

/* mplat_oom_kills counts the processes which the system has killed so far for want of memory, in our memory cgroup where
 * there is one, else on the machine. MPLAT_ENOTSUP where nobody counts. */
int mplat_oom_kills(uint64_t *out_count);

/* What is to be done when a thread ends, whoever started it. It lies in the caller's memory. */
typedef struct mplat_thread_end {
    void (*run)(struct mplat_thread_end *end);
} mplat_thread_end_t;

/* mplat_thread_at_end has end->run called when the calling thread ends, in that thread; NULL calls that off. There is one
 * end per thread, the latest. It does not run when the whole process exits. */
int mplat_thread_at_end(mplat_thread_end_t *end);

/* mplat_signals_hold keeps the host's signals from the calling thread, and so from a thread that it makes now, until
 * mplat_signals_release: a helper thread of a library must not be where the host's handlers run. */
typedef struct mplat_signals {
    uint64_t saved[16];
} mplat_signals_t;

void mplat_signals_hold(mplat_signals_t *out_before);
void mplat_signals_release(const mplat_signals_t *before);

/* ---- links: the private line between a parent and one child it starts ---------------------------------------------- */

/* A link carries whole messages both ways, in order, and handles with them. Only its two processes have its ends; it
 * reports MPLAT_ECLOSED once the other end is gone and everything that was sent before is read. One thread may send while
 * another receives; two senders (or two receivers) must exclude each other. */
typedef struct mplat_link mplat_link_t;

#define MPLAT_LINK_MESSAGE_MAX 65536 /* bytes in one message; more travels in a segment */
#define MPLAT_LINK_HANDLES_MAX 8     /* handles with one message */

/* mplat_link_send sends one message with copies of handles (the caller keeps its own). A message up to 4 KiB to a peer
 * that has read all others never blocks. MPLAT_ECLOSED when the peer is gone, MPLAT_ETIMEDOUT when it does not read.
 * Where a part of it may have gone out nothing can follow: from then on every send is MPLAT_ESTATE, or MPLAT_ECLOSED if
 * that was why. On Windows handles go from parent to child only (MPLAT_ENOTSUP otherwise). */
int mplat_link_send(mplat_link_t *link, const void *data, size_t size, const mplat_handle_t *handles,
                    size_t handle_count, int64_t timeout_ms);

/* mplat_link_receive takes the next message. *out_size is its length; MPLAT_ETOOBIG, and the message is dropped, when
 * it is above size; MPLAT_ENOHANDLES, and it is dropped, when this process has no room for its handles. handles has
 * room for MPLAT_LINK_HANDLES_MAX; those received belong to the caller. Pass NULL where none is wanted: any that come
 * are closed. MPLAT_EMALFORMED for a damaged frame: the link is of no more use. */
int mplat_link_receive(mplat_link_t *link, void *buf, size_t size, size_t *out_size, mplat_handle_t *handles,
                       size_t *out_handle_count, int64_t timeout_ms);

/* mplat_link_crash_send sends a small message (up to 16 KiB) from a crash handler: async-signal-safe, never waits longer
 * than a second, ignores what another thread of this process may be sending only if that one does not finish. */
int mplat_link_crash_send(mplat_link_t *link, const void *data, size_t size);

/* mplat_link_handle becomes ready (for mplat_handles_wait) when a message or the end can be received. */
mplat_handle_t mplat_link_handle(const mplat_link_t *link);

void mplat_link_destroy(mplat_link_t *link);

/* ---- spawning ----------------------------------------------------------------------------------------------------- */

typedef enum mplat_stdio_kind {
    MPLAT_STDIO_INHERIT = 0, /* the parent's own stream; the null device where the parent has none */
    MPLAT_STDIO_NULL,        /* the null device */
    MPLAT_STDIO_HANDLE       /* handle below; the caller keeps it */
} mplat_stdio_kind_t;

typedef struct mplat_stdio {
    mplat_stdio_kind_t kind;
    mplat_handle_t handle;
} mplat_stdio_t;

typedef enum mplat_priority {
    MPLAT_PRIORITY_INHERIT = 0,
    MPLAT_PRIORITY_IDLE,   /* nice 19; IDLE class */
    MPLAT_PRIORITY_LOW,    /* nice 10; BELOW_NORMAL */
    MPLAT_PRIORITY_NORMAL, /* nice 0; NORMAL */
    MPLAT_PRIORITY_HIGH    /* nice -10; ABOVE_NORMAL. Needs a right on POSIX: MPLAT_EACCESS without it */
} mplat_priority_t;

/* Zero in any member means "as the parent". */
typedef struct mplat_limits {
    uint64_t memory_bytes; /* address space (RLIMIT_AS); committed memory of the job on Windows */
    uint64_t cpu_seconds;  /* processor time, rounded up to whole seconds; then SIGXCPU / the job ends it */
    uint64_t open_files;   /* descriptors; ignored on Windows, which has no such limit */
} mplat_limits_t;

#define MPLAT_AFFINITY_WORDS 16 /* 1,024 processors */

typedef struct mplat_spawn_options {
    const char *program;            /* full path, or relative to directory; NULL: the running executable, even if its
                                       file has been moved or replaced since where the system can do that */
    const char *const *argv;        /* NULL-terminated, argv[0] included; never NULL */
    const char *const *environment; /* NULL-terminated "NAME=value"; NULL: a copy of the parent's */
    bool environment_changes; /* environment is changes to a copy of the parent's; "NAME" alone removes that name */
    const char *directory;    /* NULL: the parent's */
    mplat_stdio_t stdio[3];
    bool link;      /* make a link; the child takes its end with mplat_child_begin */
    bool own_group; /* a process group / console group of its own: Ctrl-C does not reach it */
    bool detached;  /* own session, lives on when the parent ends. Otherwise the child dies with the parent, killed or
                       not: a child of the running executable by its lifeline (armed by mplat_child_begin, so link must be
                       true), any child on Windows by a job */
    mplat_limits_t limits;
    mplat_priority_t priority;
    const uint64_t
        *affinity; /* MPLAT_AFFINITY_WORDS words, bit n of word m allows processor 64 m + n; NULL: as the parent */
} mplat_spawn_options_t;

typedef struct mplat_process mplat_process_t;

/* mplat_spawn starts a program. The child has default signal dispositions and an empty signal mask, its three standard
 * streams, its link end, and no other handle of the parent. Failures of the child before its program runs (missing
 * program, directory, refused limit) are reported here, with the system's reason, and leave no zombie. *out_link is set
 * exactly when options->link. Cost does not grow with the parent's memory on Linux. */
int mplat_spawn(const mplat_spawn_options_t *options, mplat_process_t **out_process, mplat_link_t **out_link);

/* mplat_child_begin is child only, called once, first thing in main. In a process started with a link it takes the link
 * end, removes every trace of it from the environment, makes inherited handles non-inheritable, arms the lifeline (from
 * now on this process ends when its parent does, even while it computes) and ignores nothing else. In any other process
 * it returns 0 and *out_link NULL. MPLAT_EMALFORMED when the marker is there but is not what mplat_spawn wrote. */
int mplat_child_begin(mplat_link_t **out_link);

/* mplat_child_ignore_interrupt is child only: from now on Ctrl-C does not reach this process. */
void mplat_child_ignore_interrupt(void);

/* mplat_child_ignore_broken_pipe is child only: from now on a write that nobody reads fails and does no more, unless the
 * program has its own way with SIGPIPE. Programs that this one starts are as ever. Nothing where that is always so. */
void mplat_child_ignore_broken_pipe(void);

/* mplat_self_exit ends this process at once: no exit handlers, no flush. */
_Noreturn void mplat_self_exit(int code);

/* ---- a child process ---------------------------------------------------------------------------------------------- */

/* All functions on a process may be called from any thread at the same time, except destroy. */

int64_t mplat_process_pid(const mplat_process_t *process);

/* mplat_process_sentinel is ready (for mplat_handles_wait, or the host's own poll / WaitForSingleObject) once the process
 * has ended. It belongs to the process object. */
mplat_handle_t mplat_process_sentinel(const mplat_process_t *process);

/* mplat_process_wait returns 0 once the process has ended, again and again. */
int mplat_process_wait(mplat_process_t *process, int64_t timeout_ms);

typedef enum mplat_exit_kind {
    MPLAT_EXIT_RUNNING = 0, /* not ended yet, nothing else is set */
    MPLAT_EXIT_EXITED,      /* code */
    MPLAT_EXIT_SIGNALLED,   /* signal (POSIX), or code = exception status (Windows, 0xC0000005 and its like) */
    MPLAT_EXIT_LOST /* somebody else reaped it (SIGCHLD ignored, a foreign waitpid): how it ended is not known */
} mplat_exit_kind_t;

typedef struct mplat_usage {
    int64_t user_ns, system_ns;
    uint64_t memory_bytes;      /* resident set now; working set on Windows. 0 after the end, and where nobody tells */
    uint64_t peak_memory_bytes; /* its largest size */
    int64_t started_ns;         /* mplat_clock_ns of the spawn */
    int64_t ended_ns;           /* when the end was seen; 0 while running */
} mplat_usage_t;

typedef struct mplat_exit {
    mplat_exit_kind_t kind;
    uint32_t code;
    int signal;
    bool core_dumped;
    mplat_usage_t usage;
} mplat_exit_t;

/* mplat_process_exit tells how the process ended; kind is MPLAT_EXIT_RUNNING while it has not. */
int mplat_process_exit(mplat_process_t *process, mplat_exit_t *out_exit);

/* mplat_process_usage tells what a running process has used so far; after the end the same as in mplat_exit_t. */
int mplat_process_usage(mplat_process_t *process, mplat_usage_t *out_usage);

typedef enum mplat_signal {
    MPLAT_SIGNAL_INTERRUPT, /* SIGINT; CTRL_BREAK to the child's own console group, MPLAT_ENOTSUP without one */
    MPLAT_SIGNAL_TERMINATE, /* SIGTERM; TerminateProcess with MPLAT_CODE_TERMINATED */
    MPLAT_SIGNAL_KILL       /* SIGKILL; TerminateProcess with MPLAT_CODE_KILLED */
} mplat_signal_t;

#define MPLAT_CODE_TERMINATED 0xE0000001u /* exit codes by which Windows tells our stop from any other end */
#define MPLAT_CODE_KILLED 0xE0000002u

/* mplat_process_signal sends one. It never hits another process: 0 and no effect once this one has ended. */
int mplat_process_signal(mplat_process_t *process, mplat_signal_t signal);

/* mplat_process_signal_tree does so for the process and all its living descendants, grandchildren first stopped from
 * making more. Where the system cannot list descendants (portable POSIX) it reaches the process group of an own_group
 * child, else the child alone. */
int mplat_process_signal_tree(mplat_process_t *process, mplat_signal_t signal);

/* mplat_process_destroy forgets the process. A running one goes on; it is then reaped by us when it ends. */
void mplat_process_destroy(mplat_process_t *process);

/* ---- bells: wake a watch in another process ------------------------------------------------------------------------ */

/* A bell is rung by one process and heard by a watch in another. Rings that come before the watch looks count once. */
typedef struct mplat_bell mplat_bell_t;

int mplat_bell_create(mplat_bell_t **out_bell);

/* mplat_bell_handle is what to send to the ringing process over a link. */
mplat_handle_t mplat_bell_handle(const mplat_bell_t *bell);

/* mplat_bell_open makes the ringing side from a received handle and owns it from then on, also on failure. */
int mplat_bell_open(mplat_handle_t handle, mplat_bell_t **out_bell);

/* mplat_bell_ring never blocks; async-signal-safe. It fails only when somebody has closed the handle behind our back. */
int mplat_bell_ring(mplat_bell_t *bell);

void mplat_bell_destroy(mplat_bell_t *bell);

/* ---- captures: what a child writes to a standard stream ------------------------------------------------------------ */

/* A capture is the reading end of a pipe that a watch can wait for. */
typedef struct mplat_capture mplat_capture_t;

/* mplat_capture_create makes one, and the end that becomes a child's standard stream (MPLAT_STDIO_HANDLE): a plain,
 * blocking pipe to it. The caller closes *out_write once the child has it. */
int mplat_capture_create(mplat_capture_t **out_capture, mplat_handle_t *out_write);

/* mplat_capture_read takes at least one byte of what is there and never waits: MPLAT_ETIMEDOUT when there is nothing now,
 * MPLAT_ECLOSED when all is read and nobody has the other end any more. What a process wrote is there when its end can be
 * seen. One thread at a time. */
int mplat_capture_read(mplat_capture_t *capture, void *buf, size_t size, size_t *out_size);

void mplat_capture_destroy(mplat_capture_t *capture);

/* ---- watches: one thread waits for any number of exits and bells ---------------------------------------------------- */

typedef struct mplat_watch mplat_watch_t;

typedef enum mplat_watch_kind {
    MPLAT_WATCH_EXIT,    /* the process has ended: reported once, then no longer watched */
    MPLAT_WATCH_BELL,    /* the bell has rung */
    MPLAT_WATCH_LINK,    /* a message, or the end, can be received; reported until it is */
    MPLAT_WATCH_CAPTURE, /* bytes, or the end, can be read; reported until all are, the end always */
    MPLAT_WATCH_WAKE     /* mplat_watch_wake was called */
} mplat_watch_kind_t;

typedef struct mplat_watch_event {
    mplat_watch_kind_t kind;
    void *key; /* as given at add */
} mplat_watch_event_t;

int mplat_watch_create(mplat_watch_t **out_watch);

/* add and remove may be called by any thread, also while another waits. After remove returns no further event with that
 * key comes out of a later wait. Objects are removed before they are destroyed. */
int mplat_watch_add_process(mplat_watch_t *watch, mplat_process_t *process, void *key);
int mplat_watch_add_bell(mplat_watch_t *watch, mplat_bell_t *bell, void *key);
int mplat_watch_add_link(mplat_watch_t *watch, mplat_link_t *link, void *key);
int mplat_watch_add_capture(mplat_watch_t *watch, mplat_capture_t *capture, void *key);
void mplat_watch_remove_process(mplat_watch_t *watch, mplat_process_t *process);
void mplat_watch_remove_bell(mplat_watch_t *watch, mplat_bell_t *bell);
void mplat_watch_remove_link(mplat_watch_t *watch, mplat_link_t *link);
void mplat_watch_remove_capture(mplat_watch_t *watch, mplat_capture_t *capture);

/* mplat_watch_wait gives at least one event, at most capacity; one thread at a time. MPLAT_ETIMEDOUT when none came. */
int mplat_watch_wait(mplat_watch_t *watch, int64_t timeout_ns, mplat_watch_event_t *events, size_t capacity,
                     size_t *out_count);

/* mplat_watch_wake ends the running wait, or the next one, with one MPLAT_WATCH_WAKE. Any thread. */
void mplat_watch_wake(mplat_watch_t *watch);

void mplat_watch_destroy(mplat_watch_t *watch);

/* ---- wakes: sleep on a word of shared memory ------------------------------------------------------------------------ */

/* A wake lets one thread of one process sleep until another process changes a 32-bit word in a segment both have. It
 * costs no handle where the system has futexes. */
typedef struct mplat_wake mplat_wake_t;

#define MPLAT_WAKE_HANDLES_MAX 2

int mplat_wake_create(mplat_wake_t **out_wake);

/* mplat_wake_handles writes what to send to the other process over a link, and returns how many (0 with futexes). They
 * stay the wake's. */
size_t mplat_wake_handles(const mplat_wake_t *wake, mplat_handle_t handles[MPLAT_WAKE_HANDLES_MAX]);

/* mplat_wake_open makes the other side from what was received and owns the handles from then on, also on failure. */
int mplat_wake_open(const mplat_handle_t *handles, size_t count, mplat_wake_t **out_wake);

/* mplat_wake_wait sleeps while *word == expected, at most timeout_ns. 0 when woken, when the word differs, or for no
 * reason: look at the word again. MPLAT_ETIMEDOUT. */
int mplat_wake_wait(mplat_wake_t *wake, _Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns);

/* mplat_wake_signal wakes the sleeper on word; change the word first. Never blocks. It fails only when somebody has closed the
 * handles behind our back. */
int mplat_wake_signal(mplat_wake_t *wake, _Atomic uint32_t *word);

void mplat_wake_destroy(mplat_wake_t *wake);

/* mplat_cpu_relax is the pause instruction for spin loops; mplat_thread_yield gives the processor away once. */
void mplat_cpu_relax(void);
void mplat_thread_yield(void);

/* mplat_cpu_fetch_for_write asks this processor to get hold of size bytes that it is soon going to write and another one may
 * have had last. It returns at once and changes nothing; any address will do. */
void mplat_cpu_fetch_for_write(const void *place, size_t size);

/* ---- segments: anonymous shared memory ------------------------------------------------------------------------------ */

/* A segment is mapped for reading and writing, filled with zero, has no name, and goes when its last handle and mapping
 * do. Where the system can, its size is sealed so that no process can cut it and make another one crash. */
typedef struct mplat_segment mplat_segment_t;

/* mplat_segment_create makes one; size is rounded up to pages. Pages are touched only when used, unless the system could
 * then find that it has none. MPLAT_ENOMEM when it refuses the memory, or a limit of the host's does. */
int mplat_segment_create(size_t size, mplat_segment_t **out_segment);

/* mplat_segment_open maps a received handle and owns it from then on, also on failure. MPLAT_EMALFORMED when the object
 * behind it is smaller than size. */
int mplat_segment_open(mplat_handle_t handle, size_t size, mplat_segment_t **out_segment);

void *mplat_segment_base(const mplat_segment_t *segment);
size_t mplat_segment_size(const mplat_segment_t *segment);
mplat_handle_t mplat_segment_handle(const mplat_segment_t *segment);

/* mplat_segment_close_handle closes the handle when nobody is to get the segment any more, so that a table full of handles is
 * farther away; the memory stays. mplat_segment_handle is then MPLAT_NO_HANDLE, and a discard does nothing. */
void mplat_segment_close_handle(mplat_segment_t *segment);

/* mplat_segment_discard gives the memory of a page range back to the system where it can; it reads as zero or as before. */
void mplat_segment_discard(mplat_segment_t *segment, size_t offset, size_t size);

void mplat_segment_destroy(mplat_segment_t *segment);

/* ---- crashes -------------------------------------------------------------------------------------------------------- */

#define MPLAT_CRASH_FRAMES_MAX 48
#define MPLAT_CRASH_MODULES_MAX 8
#define MPLAT_CRASH_PATH_MAX 256

/* What a crashing process says of itself: plain data, fit for copying between two processes of one build. */
typedef struct mplat_crash {
    uint32_t code;        /* signal number, or exception status on Windows */
    uint32_t has_address; /* 1 when address is the memory that was touched */
    uint64_t address;
    uint32_t frame_count; /* innermost first: frame 0 is where it crashed */
    uint32_t module_count;
    struct {
        uint32_t module; /* index below, or MPLAT_CRASH_MODULES_MAX when not known: offset is then an address */
        uint32_t reserved;
        uint64_t offset; /* from the module's load address */
    } frames[MPLAT_CRASH_FRAMES_MAX];
    char modules[MPLAT_CRASH_MODULES_MAX][MPLAT_CRASH_PATH_MAX];
} mplat_crash_t;

/* Runs in the crashing thread, on a stack of its own: async-signal-safe calls only. */
typedef void mplat_crash_sink_t(const mplat_crash_t *crash, void *context);

/* mplat_crash_install is child only. From then on SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS (every
 * unhandled exception and abort() on Windows), stack overflow included, call the sink once and then end the process as
 * they would have: same signal, same exception code. A crash while handling one ends at once. The stack for it is the
 * calling thread's; other threads crash on their own stack where they have no room of their own. */
int mplat_crash_install(mplat_crash_sink_t *sink, void *context);

/* mplat_symbol_name writes "function" for offset in module, and how far behind its start the offset lies. It reads the
 * module's own symbol table, static functions included. MPLAT_ENOTFOUND when it has none. (not async-signal-safe) */
int mplat_symbol_name(const char *module, uint64_t offset, char *buf, size_t size, uint64_t *out_distance);

/* mplat_signal_name gives "SIGSEGV" for a signal number of this system, "EXCEPTION_ACCESS_VIOLATION" for an exception
 * status; NULL for any other number. */
const char *mplat_signal_name(uint32_t code);

#endif
