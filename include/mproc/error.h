/* SPDX-License-Identifier: Apache-2.0 */
/* error.h: error codes, how a process ended, and the report that goes with an error. */
#ifndef MPROC_ERROR_H
#define MPROC_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/export.h>

/* Every function that can fail returns int: MPROC_OK, or one of these, the same numbers on every system. */
#define MPROC_ERRORS(X)                                                                                                \
    X(MPROC_EINVAL, -1, "invalid argument")                                                                            \
    X(MPROC_ESTATE, -2, "wrong state")                                                                                 \
    X(MPROC_ETYPE, -3, "wrong type")                                                                                   \
    X(MPROC_ENOMEM, -4, "no memory")                                                                                   \
    X(MPROC_ETIMEDOUT, -5, "the wait timed out")                                                                       \
    X(MPROC_ECLOSED, -6, "closed")                                                                                     \
    X(MPROC_EQUEUEFULL, -7, "queue full")                                                                              \
    X(MPROC_ENOTASK, -8, "no such task")                                                                               \
    X(MPROC_ETASK, -9, "task failed")                                                                                  \
    X(MPROC_EDIED, -10, "worker died")                                                                                 \
    X(MPROC_ETASKTIMEOUT, -11, "task timed out")                                                                       \
    X(MPROC_ECANCELLED, -12, "cancelled")                                                                              \
    X(MPROC_EINIT, -13, "initializer failed")                                                                          \
    X(MPROC_ESPAWN, -14, "spawn failed")                                                                               \
    X(MPROC_EVERSION, -15, "version mismatch")                                                                         \
    X(MPROC_EMALFORMED, -16, "malformed message")                                                                      \
    X(MPROC_ENOTSUP, -17, "not supported")                                                                             \
    X(MPROC_ESYSTEM, -18, "system error")                                                                              \
    X(MPROC_ETOOBIG, -19, "too big")                                                                                   \
    X(MPROC_EEND, -20, "no more items")

enum {
#define X(name, value, text) name = (value),
    MPROC_ERRORS(X)
#undef X
        MPROC_OK = 0
};

/* How long a call may block: negative waits for ever, 0 polls. */
#define MPROC_FOREVER ((int64_t)-1)

typedef enum mproc_exit_how {
    MPROC_EXIT_NONE = 0,   /* not started, or still running */
    MPROC_EXIT_EXITED,     /* ended by itself: code */
    MPROC_EXIT_CRASHED,    /* its own fault: signal and name, such as 11 "SIGSEGV"; exception and name on Windows */
    MPROC_EXIT_SIGNALLED,  /* ended from outside by somebody else: signal and name */
    MPROC_EXIT_TERMINATED, /* ended by our terminate, kill, stop or destroy: signal and name */
    MPROC_EXIT_DEADLINE,   /* ended by us because its time was over: signal and name */
    MPROC_EXIT_LOST        /* the program reaped it itself (SIGCHLD ignored, waitpid(-1)): nothing is known */
} mproc_exit_how_t;

typedef struct mproc_exit {
    mproc_exit_how_t how;
    int code;           /* EXITED: what it passed to exit, 0..255 on POSIX; else 0 */
    int signal;         /* the signal that ended it; on Windows SIGTERM or SIGKILL (15, 9) for our own stops; else 0 */
    uint32_t exception; /* Windows: exception status, 0xC0000005 and its like; else 0 */
    bool core_dumped;
    const char *name; /* "SIGKILL", "EXCEPTION_ACCESS_VIOLATION"; a static string; "" when there is none */
} mproc_exit_t;

/* What an error tells. Strings are never NULL; "" means not known. They belong to the error's holder: for
 * mproc_last_error() they stay until the next failing call of the same thread, for a process until it is destroyed,
 * for a result until it is released. */
typedef struct mproc_error {
    int code;            /* one of MPROC_ERRORS, or MPROC_OK */
    int os_code;         /* errno or GetLastError(), 0 when the system gave none */
    const char *message; /* a sentence that says what happened and what to do */
    const char *task;    /* name of the task */
    const char *file;    /* source file of the mproc_call_fail */
    int line;            /* its line, 0 when not known */
    int task_code;       /* what the task gave to mproc_call_fail, or returned */
    int64_t item;        /* index of the item of a map, -1 when there is none */
    int64_t pid;         /* process id of the child or worker, 0 when there is none */
    mproc_exit_t exit;   /* how that process ended */
    uint64_t address;    /* of a crash that touched memory, valid with has_address */
    bool has_address;
    bool
        out_of_memory; /* it was ended by a SIGKILL that is not ours, and the system had counted one more process killed
                                for want of memory than when mproc last looked: at the first start of a child or at the
                                SIGKILL before this one. A hint: that may have been another process, and earlier */
    const char *backtrace;   /* a crash: a line a frame, innermost first: "#0  divide+0x12 (program)\n" */
    const char *stderr_tail; /* a worker that died: the last lines it wrote to standard error, at most 2 KiB, UTF-8 with
                                "?" for what cannot be shown; "" for any other process, and where a pool does not
                                capture it (mproc_pool_options_t.no_stderr_tail) */
} mproc_error_t;

MPROC_BEGIN_DECLS

/* The report of the last call of this thread that failed. Never NULL; its code is MPROC_OK before any failure. A call
 * that succeeds does not change it. Valid until the next failing call of this thread. Any thread, never blocks. */
MPROC_API const mproc_error_t *mproc_last_error(void);

/* The name of a code, "MPROC_ETASK"; "MPROC_?" for a number that is none. A static string. */
MPROC_API const char *mproc_error_name(int code);

/* The few words of MPROC_ERRORS for a code, "task failed"; "unknown error" for a number that is none. A static
 * string. */
MPROC_API const char *mproc_error_text(int code);

/* Writes the whole report as people read it, several lines with back-trace, at most size bytes with the ending zero;
 * returns the length it has in full, as snprintf does. error NULL means mproc_last_error(). buf may be NULL when size
 * is 0. Any thread, never blocks. */
MPROC_API size_t mproc_error_format(const mproc_error_t *error, char *buf, size_t size);

MPROC_END_DECLS

#endif
