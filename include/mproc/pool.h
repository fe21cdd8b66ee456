/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h: a fixed number of worker processes that run tasks, and the results they give. Python's multiprocessing.Pool. A
 * worker that dies fails the task it was running and no other. */
#ifndef MPROC_POOL_H
#define MPROC_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/args.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/task.h>

MPROC_BEGIN_DECLS

/* Any thread may call any function here on any of these, at the same time; only destroy and release end an object and must
 * not overlap another call on it. In callbacks every function is allowed; one that would wait for the pool's own work
 * (apply, map, get of a result that is not ready, join) returns MPROC_ESTATE there instead of hanging. In a copy of the
 * program that the host makes with fork() they are of no use: functions return MPROC_ESTATE, destroy and release do
 * nothing, and the original does not notice. */
typedef struct mproc_pool mproc_pool_t;
typedef struct mproc_result mproc_result_t;
typedef struct mproc_iter mproc_iter_t;

/* ---- the pool ----------------------------------------------------------------------------------------------------------- */

#define MPROC_INLINE (-1) /* for mproc_pool_options_t.processes */

typedef enum mproc_pool_event_kind {
    MPROC_POOL_WORKER_UP,   /* a worker has started and passed its initializer */
    MPROC_POOL_WORKER_DOWN, /* a worker has ended; error is NULL when it retired as planned */
    MPROC_POOL_BROKEN /* workers die faster than the restart limit, or no child can be one: its program ended before
                               mproc_init (MPROC_ESPAWN) or is another build (MPROC_EVERSION). Everything pending fails with error */
} mproc_pool_event_kind_t;

typedef struct mproc_pool_event {
    mproc_pool_event_kind_t kind;
    int worker; /* 0 up to the number of workers, less one; a replacement has that of the one before it */
    int64_t pid;
    const mproc_error_t *error; /* valid during the call */
} mproc_pool_event_t;

typedef void mproc_pool_hook_t(mproc_pool_t *pool, const mproc_pool_event_t *event, void *context);

/* What workers write to standard error appears on this process's, unchanged and at once, and the last lines of it are in the
 * error of a task whose worker died. So their standard error is a pipe to this process: there it is no terminal, and a program
 * that a task leaves behind finds a broken pipe there after the pool's end, or once 64 workers more have ended that left such
 * programs: each costs this process a handle until then. A standard error that takes nothing for a second
 * loses what workers write until it takes something again, and is told so there in a line: workers do not wait for it
 * longer. With no_stderr_tail, or another standard_error in worker, none of this is so, and stderr_tail is empty. */

/* Zero in a member means its default. Everything is copied by create. */
typedef struct mproc_pool_options {
    size_t size; /* of this struct, for later versions; 0 means of this one */
    /* workers, at most 4,096; default mproc_cpu_count(). MPROC_INLINE runs every task in the calling thread, in this process, for
     * debugging. Any other negative is MPROC_EINVAL */
    int processes;
    const mproc_task_t *initializer; /* runs first in every worker; its call may set the worker's state */
    const mproc_args_t *initargs;
    const mproc_task_t *finalizer; /* runs last in a worker that retires or is closed, not in one that is killed */
    int64_t maxtasksperchild;      /* a worker retires after so many tasks; default never */
    int64_t max_age_ms;            /* ... after so long */
    uint64_t max_memory_bytes;     /* ... when its resident memory is above this after a task */
    double recycle_jitter;         /* 0..1: each of the three is drawn between (1 - jitter) and 1 times its value */
    int restart_limit; /* deaths without a finished task between, in restart_window_ms, before the pool is broken;
                                      default 5 plus 2 a worker */
    int64_t restart_window_ms; /* default 10,000 */
    int64_t start_timeout_ms;  /* a worker must be up (initializer included) by then; default 60,000 */
    size_t queue_limit;        /* tasks waiting; default unlimited. At the limit a submit blocks ... */
    bool queue_refuses;        /* ... or, with this, returns MPROC_EQUEUEFULL */
    size_t memory_limit;       /* bytes of idle shared memory kept for large payloads; default 256 MiB */
    uint64_t seed;             /* seeds of the workers are drawn from it; default random */
    bool no_spin;              /* never wait by polling: slower answers, no processor time while waiting */
    /* Tell on standard error how far each map is, with rate, time left and failures: on a terminal a bar as wide as there is
     * room for, ten times a second; elsewhere a line a second. The last line of a map is written before its callback is called
     * and its waiters go on. The pool does not wait for a terminal that somebody has stopped: what it does not take is dropped. */
    bool progress;
    /* Workers write to this process's standard error themselves, see above. */
    bool no_stderr_tail;
    /* Write a time line of workers and tasks to this file, for ui.perfetto.dev or chrome://tracing: a JSON array that is complete
     * after every write, at most half a second after each event. Pools of one program that name one path share the file. Default:
     * environment variable MPROC_TRACE; children, which inherit it, write trace.PID.json instead of trace.json. "" is none. MPROC_ESYSTEM
     * for what cannot be written or is no regular file, such as a pipe: create never waits for its reader. */
    const char *trace;
    mproc_pool_hook_t *hook; /* told of workers coming and going, by the pool's thread */
    void *hook_context;
    /* Environment, directory, streams, limits, priority, cpus and group of the workers; its target, name, args, input, result,
     * daemon, detached, deadline_ms and values are not used. Where it says nothing of standard input, workers have nothing to
     * read; a handle in it must stay open as long as the pool, and a FILE is cut to nothing by each worker: see APPEND. */
    const mproc_process_options_t *worker;
    mproc_value_limits_t values; /* of arguments in workers and of results here */
} mproc_pool_options_t;

/* All defaults. */
#if defined(__cplusplus)
#define MPROC_POOL_OPTIONS_INIT                                                                                        \
    {}
#else
#define MPROC_POOL_OPTIONS_INIT                                                                                        \
    { .size = sizeof(mproc_pool_options_t) }
#endif

/* Makes a pool and starts its workers; it does not wait until they are up. options NULL means all defaults.
 * MPROC_EINVAL for wrong options, the message says which; MPROC_ESTATE without mproc_init; MPROC_ESPAWN when the first workers
 * cannot be started, MPROC_ESYSTEM when the trace cannot be written: nothing is left behind then. */
MPROC_API int mproc_pool_create(const mproc_pool_options_t *options, mproc_pool_t **out_pool);

/* No more submits; what is queued still runs, then the workers retire. A second call does nothing. */
MPROC_API int mproc_pool_close(mproc_pool_t *pool);

/* Stops at once: running tasks are killed, they and all that waits fail with MPROC_ECANCELLED. Needs no worker's help. */
MPROC_API int mproc_pool_terminate(mproc_pool_t *pool);

/* Waits until all workers of a closed or terminated pool have ended and every callback was called. An iterator holds a closed
 * pool until it is read to its end or destroyed. MPROC_ETIMEDOUT; MPROC_ESTATE on a pool that is neither, and in a callback. */
MPROC_API int mproc_pool_join(mproc_pool_t *pool, int64_t timeout_ms);

/* Terminates, joins and frees. In a callback it terminates, and the pool frees itself after the callback. Results that are
 * not released stay valid. NULL does nothing. */
MPROC_API void mproc_pool_destroy(mproc_pool_t *pool);

/* Changes the number of workers: new ones start, those too many retire after their task. MPROC_EINVAL below 1 and above 4,096.
 * An inline pool keeps its one. */
MPROC_API int mproc_pool_resize(mproc_pool_t *pool, int processes);

/* ---- one task ----------------------------------------------------------------------------------------------------------- */

/* Called once, by the pool's thread, in order of completion: callback when it succeeded, error_callback when not. The result
 * is valid during the call and, for who holds it, after. */
typedef void mproc_result_callback_t(mproc_result_t *result, void *context);

/* The task of an item has begun in process pid. Called by the pool's thread, perhaps after the item is done. */
typedef void mproc_started_callback_t(int64_t item, int64_t pid, void *context);

/* Kinds of failure, for retry_on. */
#define MPROC_RETRY_DIED 1u    /* the worker died: crash, kill, exit */
#define MPROC_RETRY_TIMEOUT 2u /* the task took longer than timeout_ms */
#define MPROC_RETRY_ERROR 4u   /* the task failed by mproc_call_fail or a returned number */

typedef enum mproc_map_policy {
    MPROC_MAP_COLLECT = 0, /* run every item, whatever fails */
    MPROC_MAP_STOP,        /* after a failure start no new item; the rest is MPROC_ECANCELLED */
    MPROC_MAP_CANCEL       /* after a failure also kill what runs */
} mproc_map_policy_t;

/* How to run a task, or every item of a map. Zero in a member means its default; NULL for all defaults. */
typedef struct mproc_task_options {
    size_t size;             /* of this struct, for later versions; 0 means of this one */
    const void *input;       /* apply only: raw input beside the arguments, copied */
    size_t input_size;       /* bytes */
    int64_t soft_timeout_ms; /* from the start of the task: mproc_call_cancelled() becomes true */
    int64_t timeout_ms; /* from the start of the task (of each item of a map): the worker is killed, MPROC_ETASKTIMEOUT.
                       One that ends in that very moment keeps its result; no other task or item is harmed */
    int64_t deadline_ms;    /* from the submit: what is not done by then fails with MPROC_ETASKTIMEOUT */
    int retries;            /* run it again so often after a failure of retry_on */
    unsigned retry_on;      /* MPROC_RETRY_…; default all three when retries is not 0 */
    int64_t backoff_ms;     /* before the first retry; then twice as long each time; default 0 */
    int64_t backoff_max_ms; /* default 60,000 */
    int priority;           /* higher goes first; default 0 */
    uint64_t affinity_key;  /* tasks of one key (not 0) go to one worker while it lives and is not overloaded */
    size_t chunk;           /* maps: items sent to a worker at once; default chosen and adapted by measured time */
    size_t window;          /* imap: items pulled ahead of the reader; default 4 chunks a worker */
    mproc_map_policy_t policy;
    mproc_result_callback_t *callback;
    mproc_result_callback_t *error_callback;
    mproc_started_callback_t *started;
    void *context; /* for all three */
} mproc_task_options_t;

/* All defaults. */
#if defined(__cplusplus)
#define MPROC_TASK_OPTIONS_INIT                                                                                        \
    {}
#else
#define MPROC_TASK_OPTIONS_INIT                                                                                        \
    { .size = sizeof(mproc_task_options_t) }
#endif

/* Runs one task and waits for it: MPROC_OK, or the error it failed with (mproc_last_error has the report). *out_result holds
 * its value, also after a failure; the caller releases it. out_result NULL drops it. To wait a limited time use deadline_ms, or
 * the async form and get.
 * Further errors: MPROC_EINVAL, MPROC_ENOTASK, MPROC_ECLOSED, MPROC_EQUEUEFULL, MPROC_ENOMEM; MPROC_ETOOBIG for an input_size
 * above SIZE_MAX / 2. */
MPROC_API int mproc_pool_apply(mproc_pool_t *pool, const mproc_task_t *task, const mproc_args_t *args,
                               const mproc_task_options_t *options, mproc_result_t **out_result);

/* The same without waiting. out_result NULL: only the callbacks will tell. Blocks only on a full queue, no longer than its
 * deadline_ms, and then returns MPROC_EQUEUEFULL: so do all functions below that submit. */
MPROC_API int mproc_pool_apply_async(mproc_pool_t *pool, const mproc_task_t *task, const mproc_args_t *args,
                                     const mproc_task_options_t *options, mproc_result_t **out_result);

/* Runs a task once on every worker, and gives one result with an item for each. It waits for workers that are starting: at most
 * deadline_ms, then it returns MPROC_ETASKTIMEOUT; in a callback it takes those that are up. A worker that dies first fails its
 * item. */
MPROC_API int mproc_pool_run_on_all(mproc_pool_t *pool, const mproc_task_t *task, const mproc_args_t *args,
                                    const mproc_task_options_t *options, mproc_result_t **out_result);

/* ---- many items ----------------------------------------------------------------------------------------------------------- */

/* The next item of an input that has no array: sets *out_args, the arguments of its call, which stay until the
 * next pull: MPROC_ARGS does not, so keep a mproc_arg_t of MPROC_ARG(value) in context and give {1, &it}.
 * Returns MPROC_OK, MPROC_EEND at the end, or any error, which ends the input with that error. Called by one thread at a time:
 * the reader's for imap, the pool's for map. */
typedef int mproc_pull_t(void *context, int64_t index, mproc_args_t *out_args);

typedef enum mproc_input_kind { MPROC_INPUT_ARRAY, MPROC_INPUT_ARGS, MPROC_INPUT_PULL } mproc_input_kind_t;

typedef struct mproc_input {
    mproc_input_kind_t kind;
    const void *data;   /* ARRAY: elements; ARGS: const mproc_args_t *const[count] */
    size_t count;       /* items */
    size_t item_size;   /* ARRAY: bytes of an element */
    mproc_pull_t *pull; /* PULL */
    void *context;
} mproc_input_t;

/* Where plain results go. Each item's raw result must have item_size bytes, or the item fails with MPROC_ETYPE. */
typedef struct mproc_output {
    void *data; /* NULL: results stay in the result object */
    size_t count;
    size_t item_size;
} mproc_output_t;

#if defined(__cplusplus)
MPROC_END_DECLS
namespace mproc {
namespace detail {
inline mproc_input_t input(mproc_input_kind_t kind, const void *data, size_t count, size_t item_size,
                           mproc_pull_t *pull, void *context) {
    mproc_input_t made = {kind, data, count, item_size, pull, context};
    return made;
}
inline mproc_output_t output(void *data, size_t count, size_t item_size) {
    mproc_output_t made = {data, count, item_size};
    return made;
}
} /* namespace detail */
} /* namespace mproc */
MPROC_BEGIN_DECLS
#define MPROC_ARRAY(items, n) ::mproc::detail::input(MPROC_INPUT_ARRAY, (items), (n), sizeof *(items), NULL, NULL)
#define MPROC_ARGLISTS(lists, n) ::mproc::detail::input(MPROC_INPUT_ARGS, (lists), (n), 0, NULL, NULL)
#define MPROC_PULL(function, context) ::mproc::detail::input(MPROC_INPUT_PULL, NULL, 0, 0, (function), (context))
#define MPROC_INTO(items, n) ::mproc::detail::output((items), (n), sizeof *(items))
#define MPROC_KEEP ::mproc::detail::output(NULL, 0, 0)
#else
/* An array of plain elements: each is the raw input of its call. It is read until the map is done, not copied. */
#define MPROC_ARRAY(items, n) ((mproc_input_t){MPROC_INPUT_ARRAY, (items), (n), sizeof *(items), NULL, NULL})
/* An array of n argument lists (const mproc_args_t *). Encoded by the call, not needed afterwards. MPROC_ARGS in a loop ends with
 * the loop's body: there fill arrays of mproc_arg_t with MPROC_ARG(value) or MPROC_KW(name, value), and make each list of them,
 * (mproc_args_t){count, items}. */
#define MPROC_ARGLISTS(lists, n) ((mproc_input_t){MPROC_INPUT_ARGS, (lists), (n), 0, NULL, NULL})
/* A pull function. */
#define MPROC_PULL(function, context) ((mproc_input_t){MPROC_INPUT_PULL, NULL, 0, 0, (function), (context)})
/* The caller's array for plain results: room for n, as many as the input has. Written until the map is done. */
#define MPROC_INTO(items, n) ((mproc_output_t){(items), (n), sizeof *(items)})
/* Results stay in the result object. */
#define MPROC_KEEP ((mproc_output_t){NULL, 0, 0})
#endif

/* Runs a task on every item and waits for all: MPROC_OK when none failed, else the error of the first item that did for a
 * reason other than being cancelled (mproc_last_error has its report). map gives each item as the only argument: a list of
 * another length than one is MPROC_EINVAL, and an item of an array is the raw input. starmap is for argument lists. Failed items
 * leave their place in the output untouched. Errors of the call itself as apply. */
MPROC_API int mproc_pool_map(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input, mproc_output_t output,
                             const mproc_task_options_t *options);
MPROC_API int mproc_pool_starmap(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input,
                                 mproc_output_t output, const mproc_task_options_t *options);

/* The same without waiting. An array and an output must stay until the result is ready, or released. */
MPROC_API int mproc_pool_map_async(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input,
                                   mproc_output_t output, const mproc_task_options_t *options,
                                   mproc_result_t **out_result);
MPROC_API int mproc_pool_starmap_async(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input,
                                       mproc_output_t output, const mproc_task_options_t *options,
                                       mproc_result_t **out_result);

/* Results one by one, in order or as they come. Pulls no more than its window ahead of the reader. */
MPROC_API int mproc_pool_imap(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input,
                              const mproc_task_options_t *options, mproc_iter_t **out_iter);
MPROC_API int mproc_pool_imap_unordered(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input,
                                        const mproc_task_options_t *options, mproc_iter_t **out_iter);
MPROC_API int mproc_pool_istarmap(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input,
                                  const mproc_task_options_t *options, mproc_iter_t **out_iter);
MPROC_API int mproc_pool_istarmap_unordered(mproc_pool_t *pool, const mproc_task_t *task, mproc_input_t input,
                                            const mproc_task_options_t *options, mproc_iter_t **out_iter);

/* One item's outcome. value, data and error belong to what gave it: an iterator's until its next call, a result's until
 * release. */
typedef struct mproc_item {
    int64_t index;
    int code;                   /* MPROC_OK, or why it failed */
    const mproc_value_t *value; /* when it returned a value, else NULL */
    const void *data;           /* when it returned raw bytes, else NULL */
    size_t size;                /* bytes of data */
    const mproc_error_t *error; /* when it failed, else NULL */
} mproc_item_t;

/* The next item: MPROC_OK, or the error that item failed with: *out_item is filled in both cases and the iterator goes on.
 * MPROC_EEND after the last; MPROC_ETIMEDOUT when none came in time. An error of the pull function comes after the items
 * before it, once, with index its item. One thread at a time. */
MPROC_API int mproc_iter_next(mproc_iter_t *iter, int64_t timeout_ms, mproc_item_t *out_item);

/* Gives the iterator up: what is not begun is dropped. NULL does nothing. */
MPROC_API void mproc_iter_destroy(mproc_iter_t *iter);

/* ---- results ---------------------------------------------------------------------------------------------------------------- */

/* Waits, then MPROC_OK and the value of a single task (NIL when it returned none), or the error it failed with
 * (mproc_last_error has the report). out_value may be NULL. For a map: MPROC_OK when no item failed; then out_value is NULL.
 * MPROC_ETIMEDOUT leaves the task running; get again. MPROC_ETYPE when it returned raw bytes and a value was asked for. */
MPROC_API int mproc_result_get(mproc_result_t *result, int64_t timeout_ms, const mproc_value_t **out_value);

/* The same for raw bytes, where they were written: in memory shared with the worker that is given back at release. */
MPROC_API int mproc_result_get_bytes(mproc_result_t *result, int64_t timeout_ms, const void **out_data,
                                     size_t *out_size);

/* Waits until it is ready, failed or not. */
MPROC_API int mproc_result_wait(mproc_result_t *result, int64_t timeout_ms);

/* Never block. successful is MPROC_ESTATE before it is ready. */
MPROC_API bool mproc_result_ready(mproc_result_t *result);
MPROC_API int mproc_result_successful(mproc_result_t *result, bool *out_successful);

/* The report of the first failure; NULL while there is none. Valid until release. */
MPROC_API const mproc_error_t *mproc_result_error(mproc_result_t *result);

/* Items of a map (1 for a single task), and one of them once it is done: MPROC_ESTATE before. */
MPROC_API size_t mproc_result_count(mproc_result_t *result);
MPROC_API int mproc_result_item(mproc_result_t *result, size_t index, mproc_item_t *out_item);

/* What waits is dropped with MPROC_ECANCELLED; of what runs, mproc_call_cancelled() becomes true and after grace_ms its
 * worker is killed. grace_ms negative: never killed. MPROC_OK also when it is ready already: nothing changes then. */
MPROC_API int mproc_result_cancel(mproc_result_t *result, int64_t grace_ms);

/* Gives the result up and its memory back. A task that still runs goes on. NULL does nothing. */
MPROC_API void mproc_result_release(mproc_result_t *result);

typedef enum mproc_wait_mode { MPROC_ANY, MPROC_ALL } mproc_wait_mode_t;

/* Waits until any or all of count results (of any pools) are ready. */
MPROC_API int mproc_wait(mproc_result_t *const *results, size_t count, mproc_wait_mode_t mode, int64_t timeout_ms);

/* ---- statistics ------------------------------------------------------------------------------------------------------------- */

/* Counts since create. submitted = succeeded + failed + died + timed_out + cancelled + refused + waiting + running. */
typedef struct mproc_pool_counts { /* not the name of a function: C++ has one name space for both */
    uint64_t submitted, succeeded, failed, died, timed_out, cancelled, refused; /* items */
    uint64_t waiting, running;                                                  /* items now */
    uint64_t retried, taken_back;                                               /* items run or sent again */
    uint64_t workers_started, workers_retired, workers_crashed, workers_killed, workers_failed_start;
    int workers, workers_idle;                  /* now */
    uint64_t bytes_in, bytes_out, shared_bytes; /* payload sent and received; shared memory held now */
} mproc_pool_stats_t;

MPROC_API int mproc_pool_stats(mproc_pool_t *pool, mproc_pool_stats_t *out_stats);

/* ---- in a task of a pool ------------------------------------------------------------------------------------------------------ */

/* Index of the item, 0 for a single task. */
MPROC_API int64_t mproc_call_item(const mproc_call_t *call);

/* Asks for the rest of the chunk as arrays: *out_count elements of input from this item on, and, for a map into an array, room
 * for as many elements of output (else NULL). The task then does them all, and is not called for them again. A crash or timeout
 * in it fails all of them. count is 1 where items are not plain elements. */
MPROC_API int mproc_call_chunk(mproc_call_t *call, const void **out_input, void **out_output, size_t *out_count);

/* True once the task should end soon: its soft timeout is over or it was cancelled. Cheap: ask in every loop. */
MPROC_API bool mproc_call_cancelled(const mproc_call_t *call);

/* The worker's number in its pool, -1 in a Process; and its own random seed, never the same in two workers. */
MPROC_API int mproc_call_worker(const mproc_call_t *call);
MPROC_API uint64_t mproc_call_seed(const mproc_call_t *call);

/* The worker's state: what a task, usually the initializer, set; NULL before. It lives as long as the worker. */
MPROC_API void *mproc_call_state(const mproc_call_t *call);
MPROC_API void mproc_call_set_state(mproc_call_t *call, void *state);

MPROC_END_DECLS

#endif
