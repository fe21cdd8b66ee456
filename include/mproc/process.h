/* SPDX-License-Identifier: Apache-2.0 */
/* process.h: run one task in a process of its own, watch it, stop it, learn how it ended. Python's multiprocessing.Process. */
#ifndef MPROC_PROCESS_H
#define MPROC_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/args.h>
#include <mproc/error.h>
#include <mproc/task.h>

MPROC_BEGIN_DECLS

/* A child process, started or not. Any thread may call any function here on it, except destroy, which no other call on the
 * same process may overlap. */
typedef struct mproc_process mproc_process_t;

/* ---- options ------------------------------------------------------------------------------------------------------------ */

typedef enum mproc_stdio_kind {
    MPROC_STDIO_INHERIT = 0, /* the parent's own stream */
    MPROC_STDIO_NULL,        /* nothing to read; what is written is dropped */
    MPROC_STDIO_FILE,        /* path: read, or created and cut to nothing */
    MPROC_STDIO_APPEND,      /* path: created, or written at its end */
    MPROC_STDIO_HANDLE,      /* handle: a file descriptor, or a Windows HANDLE; the caller keeps it */
    MPROC_STDIO_STDOUT       /* for standard error: where standard output goes */
} mproc_stdio_kind_t;

typedef struct mproc_stdio {
    mproc_stdio_kind_t kind;
    const char *path;
    intptr_t handle;
} mproc_stdio_t;

/* Zero means as the parent. A limit the system lacks is ignored: open_files on Windows. */
typedef struct mproc_limits {
    uint64_t memory_bytes; /* POSIX: address space; Windows: committed memory */
    uint64_t cpu_seconds;  /* processor time; the child is then ended by SIGXCPU, by its job on Windows */
    uint64_t open_files;
} mproc_limits_t;

typedef enum mproc_priority {
    MPROC_PRIORITY_INHERIT = 0,
    MPROC_PRIORITY_IDLE,
    MPROC_PRIORITY_LOW,
    MPROC_PRIORITY_NORMAL,
    MPROC_PRIORITY_HIGH /* needs a right on POSIX: start fails with MPROC_ESPAWN without it */
} mproc_priority_t;

/* mproc_process_options_t.daemon: true (1) and the two here. */
#define MPROC_DAEMON_INHERIT 0 /* as the current process */
#define MPROC_DAEMON_NO 2

/* Everything is copied by create. Zero in a member means its default, so designated initialisers name only what matters. */
typedef struct mproc_process_options {
    size_t size;                    /* of this struct, for later versions; 0 means of this one */
    const mproc_task_t *target;     /* what to run; needed */
    const char *name;               /* default "Process-1", "Process-1:2" for the second child of that */
    const mproc_args_t *args;       /* MPROC_ARGS(…); default none */
    const void *input;              /* raw input of the task, beside its arguments */
    size_t input_size;              /* bytes */
    int daemon;                     /* 1: terminated when the parent exits, instead of joined */
    bool detached;                  /* lives on when the parent ends, exits or is killed; not joined at exit */
    bool result;                    /* what the target returns is wanted: mproc_process_result */
    const char *const *environment; /* NULL-terminated "NAME=value", or "NAME" to remove; default the parent's */
    bool environment_only;          /* environment is all there is, instead of changes to the parent's */
    const char *directory;          /* where the child runs; default the parent's */
    mproc_stdio_t standard_input, standard_output, standard_error;
    bool own_group; /* a process group of its own: Ctrl-C in the terminal does not reach it */
    mproc_limits_t limits;
    mproc_priority_t priority;
    const int
        *cpus; /* numbers of the processors it may use; default all the parent may. Start fails with MPROC_ENOTSUP on a
                        system that cannot, such as strict POSIX */
    size_t cpu_count;
    int64_t deadline_ms; /* from start; then it is killed, and its exit says MPROC_EXIT_DEADLINE. 0: none */
    mproc_value_limits_t
        values; /* of the arguments in the child and of the result here; max_size is that of raw results too */
} mproc_process_options_t;

/* All defaults. */
#if defined(__cplusplus)
#define MPROC_PROCESS_OPTIONS_INIT                                                                                     \
    {}
#else
#define MPROC_PROCESS_OPTIONS_INIT                                                                                     \
    { .size = sizeof(mproc_process_options_t) }
#endif

/* ---- life ------------------------------------------------------------------------------------------------------------- */

/* Makes a process that is not started. It encodes the arguments. The caller destroys it.
 * MPROC_EINVAL for wrong options, the message says which; MPROC_ESTATE without mproc_init; MPROC_ENOMEM; MPROC_ETOOBIG for an
 * input_size above SIZE_MAX / 2. */
MPROC_API int mproc_process_create(const mproc_process_options_t *options, mproc_process_t **out_process);

/* Starts it, once only. Returns when the system runs the program; it does not wait for the target.
 * MPROC_ESPAWN when the system refuses a process, a handle, a file of options or memory to share, with its reason in os_code;
 * MPROC_ENOMEM; MPROC_ENOTSUP for an option it lacks; MPROC_ETOOBIG when names do not fit a start message: the process is then as
 * before and may be started again. MPROC_ESTATE on a second start. */
MPROC_API int mproc_process_start(mproc_process_t *process);

/* Waits until it has ended; again and again gives MPROC_OK. MPROC_ETIMEDOUT; MPROC_ESPAWN, as often, when its program ended
 * before it called mproc_init, with whatever code: the target never ran. MPROC_ESTATE before start, after close, and in a process
 * that is not its parent. */
MPROC_API int mproc_process_join(mproc_process_t *process, int64_t timeout_ms);

/* False before start and once it has ended. Never blocks. */
MPROC_API bool mproc_process_is_alive(mproc_process_t *process);

/* Ask it to end (SIGTERM), or end it (SIGKILL); on Windows both end it at once, and the exit tells which. They do not
 * wait. MPROC_OK and no effect once it has ended. MPROC_ESTATE before start and after close. */
MPROC_API int mproc_process_terminate(mproc_process_t *process);
MPROC_API int mproc_process_kill(mproc_process_t *process);

/* SIGINT; CTRL_BREAK on Windows, which needs own_group and a console: MPROC_ENOTSUP without. */
MPROC_API int mproc_process_interrupt(mproc_process_t *process);

/* Kills it and all its descendants. POSIX systems without /proc reach its process group, if it has its own_group. Where descendants
 * cannot be found, MPROC_ENOMEM or MPROC_ESYSTEM, it kills the process itself if it can. */
MPROC_API int mproc_process_terminate_tree(mproc_process_t *process);

/* Terminates it, waits grace_ms for its end, then kills it and waits for that. 0 kills at once. */
MPROC_API int mproc_process_stop(mproc_process_t *process, int64_t grace_ms);

/* Gives up all it holds of the system. MPROC_ESTATE while it runs. After that only repr, name and destroy do anything, and
 * a second close does nothing. */
MPROC_API int mproc_process_close(mproc_process_t *process);

/* Closes and frees it. One that still runs is killed and waited for first, unless it is detached. NULL does nothing. */
MPROC_API void mproc_process_destroy(mproc_process_t *process);

/* ---- how it ended ------------------------------------------------------------------------------------------------------- */

/* How it ended; how is MPROC_EXIT_NONE while it has not. MPROC_ESTATE after close. Never blocks. */
MPROC_API int mproc_process_exit(mproc_process_t *process, mproc_exit_t *out_exit);

/* Python's exitcode: 0..255, minus the signal number, the exception status on Windows. MPROC_ESTATE where Python has None;
 * MPROC_ESPAWN as join. */
MPROC_API int mproc_process_exitcode(mproc_process_t *process, int64_t *out_exitcode);

/* What went wrong: NULL while it runs, and when it exited with 0 and failed nothing. Else the report of the failed target
 * or of the crash, with back-trace. It belongs to the process until destroy. */
MPROC_API const mproc_error_t *mproc_process_error(mproc_process_t *process);

/* Waits for the end and gives the value the target returned; it belongs to the process until destroy. NIL when it returned
 * none. MPROC_ETIMEDOUT; MPROC_ESPAWN as join; MPROC_ETASK when the target failed, MPROC_EDIED when it died (mproc_last_error
 * has the report); MPROC_ESTATE when options.result was not set; MPROC_ETYPE when the target returned raw bytes; MPROC_ETOOBIG
 * when the result is above a limit of options.values. */
MPROC_API int mproc_process_result(mproc_process_t *process, int64_t timeout_ms, const mproc_value_t **out_value);

/* The same for a raw result, made with mproc_call_reserve. MPROC_ETYPE when the target returned a value; MPROC_ETOOBIG above
 * options.values.max_size. */
MPROC_API int mproc_process_result_bytes(mproc_process_t *process, int64_t timeout_ms, const void **out_data,
                                         size_t *out_size);

typedef struct mproc_usage {
    int64_t user_ns, system_ns;   /* processor time */
    uint64_t peak_memory_bytes;   /* most memory it held at once */
    int64_t started_ns, ended_ns; /* since 1970-01-01 UTC; ended is 0 while it runs */
} mproc_usage_t;

/* What it has used so far, in all once it has ended. MPROC_ESTATE before start and after close. */
MPROC_API int mproc_process_usage(mproc_process_t *process, mproc_usage_t *out_usage);

/* ---- what it is ------------------------------------------------------------------------------------------------------- */

MPROC_API const char *mproc_process_name(const mproc_process_t *process); /* until set_name or destroy */
MPROC_API int mproc_process_set_name(mproc_process_t *process, const char *name);
MPROC_API bool mproc_process_daemon(const mproc_process_t *process);
MPROC_API int mproc_process_set_daemon(mproc_process_t *process, bool daemon); /* MPROC_ESTATE after start */
MPROC_API int64_t mproc_process_pid(const mproc_process_t *process);           /* 0 before start, after close */

/* Something to wait on: ready (poll, WaitForSingleObject, mproc_connection_wait) once the process has ended. A file
 * descriptor, or a Windows HANDLE; it belongs to the process until close. MPROC_ESTATE before start and after close. On
 * Windows a child with a result above 4 KiB ends only while somebody joins it or asks for its result or exit. */
MPROC_API int mproc_process_sentinel(const mproc_process_t *process, intptr_t *out_sentinel);

/* Writes what Python prints: <Process name='Process-1' pid=8764 parent=11336 started>, and its forms with initial, stopped
 * exitcode=0, stopped exitcode=-SIGTERM, closed, unknown and daemon. At most size bytes with the ending zero; returns the
 * length it has in full, as snprintf does. */
MPROC_API size_t mproc_process_repr(mproc_process_t *process, char *buf, size_t size);

/* ---- all of them -------------------------------------------------------------------------------------------------------- */

/* The process this code runs in: "MainProcess", or what the parent made. It belongs to the library. */
MPROC_API mproc_process_t *mproc_current_process(void);

/* The process that made this one: name, pid, is_alive, join and repr work on it. NULL in the main process. */
MPROC_API mproc_process_t *mproc_parent_process(void);

/* Writes up to capacity of the children that are started and have not ended; *out_count is how many there are in all. They
 * stay whose they are: do not destroy one in another thread meanwhile. */
MPROC_API int mproc_active_children(mproc_process_t **out_processes, size_t capacity, size_t *out_count);

/* How many processors this program may use at once, by affinity and by the container's quota. At least 1. */
MPROC_API int mproc_cpu_count(void);

/* Waits until at least one of count sentinels is ready, and sets out_ready[i] for each that is. Any number of them.
 * MPROC_ETIMEDOUT when none is by then; MPROC_EINVAL when one is no open handle. */
MPROC_API int mproc_connection_wait(const intptr_t *sentinels, size_t count, int64_t timeout_ms, bool *out_ready);

MPROC_END_DECLS

#endif
