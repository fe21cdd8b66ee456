/* SPDX-License-Identifier: Apache-2.0 */
/* task.h: start of the library, functions that run in other processes, and what such a function can do. */
#ifndef MPROC_TASK_H
#define MPROC_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <mproc/args.h>
#include <mproc/error.h>
#include <mproc/version.h>

/* ---- the start ------------------------------------------------------------------------------------------------- */

MPROC_BEGIN_DECLS

/* The three parts of mproc_init, which see below; not called by hand. */
MPROC_API int mproc_init_begin(int version_number, bool *out_child);
MPROC_API int mproc_child_main(void);
MPROC_API void mproc_fini(void);

/* Starts the library: the first statement of main. In a child that mproc started, which is this very program once more
 * with the one argument --mproc-child, it does the child's work and never returns. Elsewhere it checks the registered
 * tasks and arranges that at exit daemons are terminated and other children joined. A process or pool cannot be made
 * without it. argc and argv are main's own, unchanged so far; they may be NULL. A second call does nothing. Call it
 * from one thread, before others are made. Errors: MPROC_EVERSION when library and headers differ in their minor
 * version, MPROC_EINVAL when two tasks have one name, MPROC_EMALFORMED when the environment carries a forged start
 * marker. In a child a write to a pipe or socket that nobody reads fails from here on, where a POSIX system would by
 * default end the process by SIGPIPE: an empty handler is set, unless the program has its own; programs that a task
 * starts by exec do not inherit it. It stands here, in the program's own code, so that exit handlers and flushes are
 * those of the program's C library. Not for a program with the set-user-ID bit: whoever starts one can pretend to be its
 * parent, and choose its task. */
static inline int mproc_init(int *argc, char ***argv) {
    bool child = false;
    int err = mproc_init_begin(MPROC_VERSION_NUMBER, &child);
    (void)argc;
    (void)argv;
    if (err == MPROC_OK && child) {
        (void)atexit(mproc_fini);
        exit(mproc_child_main());
    }
    if (err == MPROC_OK && atexit(mproc_fini) != 0)
        return MPROC_ENOMEM;
    return err;
}

/* ---- tasks ----------------------------------------------------------------------------------------------------- */

/* The call a task is running: its arguments, and the way back for its result. */
typedef struct mproc_call mproc_call_t;

/* Returns MPROC_OK, or the error of the failing mproc_call_… function, or any other number, which fails the task with
 * that number as its task_code. */
typedef int mproc_task_fn(mproc_call_t *call);

/* A registered function. Programs make it with MPROC_TASK and use its address. */
typedef struct mproc_task {
    const char *name;
    mproc_task_fn *run;
    const char *file;
    int line;
    struct mproc_task *next; /* this and number are the registry's: NULL and 0 at first */
    size_t number;
} mproc_task_t;

/* Adds a task to the registry of this program; what MPROC_TASK does before main. It takes no memory and cannot fail;
 * two tasks of one name are refused by mproc_init. task stays where it is for ever. */
MPROC_API void mproc_task_register(mproc_task_t *task);

MPROC_END_DECLS

/* Defines and registers a task:
 *
 *     MPROC_TASK(power) {
 *         double base;
 *         int64_t exponent;
 *         int err = mproc_call_args(call, "dx", &base, &exponent);
 *         if (err) return err;
 *         return mproc_call_return(call, pow(base, (double)exponent));
 *     }
 *
 * The body sees `call`. `power` is then an mproc_task_t of the whole program; another file names it with
 * MPROC_TASK_DECLARE(power). */
#define MPROC_TASK_DECLARE(task) extern mproc_task_t task

/* A task that reads nothing does not use its call. */
#if defined(__GNUC__)
#define MPROC_UNUSED __attribute__((unused))
#else
#define MPROC_UNUSED
#endif

#if defined(__cplusplus)
#define MPROC_TASK(task)                                                                                               \
    static int mproc_run_##task(mproc_call_t *call);                                                                   \
    extern mproc_task_t task;                                                                                          \
    mproc_task_t task = {#task, mproc_run_##task, __FILE__, __LINE__, NULL, 0};                                        \
    static const bool mproc_registered_##task = (mproc_task_register(&task), true);                                    \
    static int mproc_run_##task(mproc_call_t *call MPROC_UNUSED)
#elif defined(_MSC_VER) && !defined(__clang__)
#pragma section(".CRT$XCU", read)
#define MPROC_TASK(task)                                                                                               \
    static int mproc_run_##task(mproc_call_t *call);                                                                   \
    extern mproc_task_t task;                                                                                          \
    mproc_task_t task = {#task, mproc_run_##task, __FILE__, __LINE__, NULL, 0};                                        \
    static void mproc_register_##task(void) {                                                                          \
        mproc_task_register(&task);                                                                                    \
    }                                                                                                                  \
    __declspec(allocate(".CRT$XCU")) void (*mproc_registered_##task)(void) = mproc_register_##task;                    \
    static int mproc_run_##task(mproc_call_t *call MPROC_UNUSED)
#else
#define MPROC_TASK(task)                                                                                               \
    static int mproc_run_##task(mproc_call_t *call);                                                                   \
    extern mproc_task_t task;                                                                                          \
    mproc_task_t task = {#task, mproc_run_##task, __FILE__, __LINE__, NULL, 0};                                        \
    __attribute__((constructor)) static void mproc_register_##task(void) {                                             \
        mproc_task_register(&task);                                                                                    \
    }                                                                                                                  \
    static int mproc_run_##task(mproc_call_t *call MPROC_UNUSED)
#endif

MPROC_BEGIN_DECLS

/* ---- in a task: arguments -------------------------------------------------------------------------------------- */

/* Everything in the rest of this header is called by the task, in the thread that runs it. All that it hands out
 * belongs to the call and is valid until the task returns. Nothing blocks unless said. A failing function also notes
 * its error in the call: a task that returns that error fails with it. A call that is NULL is MPROC_EINVAL, and has no
 * arguments, input or task. */

/* Reads all positional arguments at once. A letter and a pointer for each:
 *
 *     b  bool *          i  int *            x  int64_t *        u  uint64_t *      d  double * (integers too)
 *     s  const char **   (UTF-8, zero-terminated)                y  const void **, size_t *
 *     a  const mproc_value_t **  (array)     m  (map)            v  (any value)
 *     |  those that follow may be missing; then their pointers stay untouched
 *
 * MPROC_ETYPE for a wrong type or count: the message names task, position, expected and given type. MPROC_EINVAL for
 * a wrong letter. */
MPROC_API int mproc_call_args(mproc_call_t *call, const char *format, ...);

/* Reads one keyword argument by one letter of the above. A keyword that was not given leaves the pointer
 * untouched. */
MPROC_API int mproc_call_kwarg(mproc_call_t *call, const char *keyword, const char *format, ...);

MPROC_API size_t mproc_call_arg_count(const mproc_call_t *call);

/* The positional argument at index; NULL when there is none. */
MPROC_API const mproc_value_t *mproc_call_arg(const mproc_call_t *call, size_t index);

/* All keyword arguments, a map with string keys, empty when none was given. */
MPROC_API const mproc_value_t *mproc_call_kwargs(const mproc_call_t *call);

/* The raw input, as it was given with the call, aligned to 16 bytes (an element of an array as it lies there); size 0
 * and NULL when none was. */
MPROC_API void mproc_call_input(const mproc_call_t *call, const void **out_data, size_t *out_size);

/* ---- in a task: the result ------------------------------------------------------------------------------------- */

/* Returns a value: anything that MPROC_ARG takes (see args.h); mproc_call_return(call, MPROC_LIST(1, 2)). The last
 * one counts. A macro: value is read once. */
#define mproc_call_return(call, value) mproc_call_return_arg((call), MPROC_ARG(value))
MPROC_API int mproc_call_return_arg(mproc_call_t *call, mproc_arg_t value);

/* Reserves size bytes for a raw result, to be written in place before the task returns; aligned to 16 bytes. As with
 * malloc its contents are not set: write all of it, or truncate. It replaces any earlier result. MPROC_ENOMEM when
 * there is no room. */
MPROC_API int mproc_call_reserve(mproc_call_t *call, size_t size, void **out_data);

/* Makes the reserved result shorter: only the first size bytes are sent. MPROC_EINVAL when it would grow. */
MPROC_API int mproc_call_truncate(mproc_call_t *call, size_t size);

/* Fails the task: return what it returns. code is any number that means something to the program; it arrives as
 * mproc_error_t.task_code, the text as message, with this file and line. Returns MPROC_ETASK. */
#define mproc_call_fail(call, code, ...) mproc_call_fail_at((call), (code), __FILE__, __LINE__, __VA_ARGS__)
MPROC_API int mproc_call_fail_at(mproc_call_t *call, int code, const char *file, int line, const char *format, ...)
    MPROC_PRINTF(5, 6);

/* ---- in a task: where it runs ---------------------------------------------------------------------------------- */

MPROC_API const mproc_task_t *mproc_call_task(const mproc_call_t *call);

MPROC_END_DECLS

#endif
