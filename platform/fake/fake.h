/* SPDX-License-Identifier: Apache-2.0 */
/* fake.h: how a unit test scripts the platform that the code under test runs on. All of platform.h works as it says, in the
 * memory of one process: a child is a list of steps, or the test itself. Nothing here starts anything real. */
#ifndef MPLAT_FAKE_FAKE_H
#define MPLAT_FAKE_FAKE_H

#include "platform/platform.h"

/* A test begins with fake_reset. All functions may be called from any thread; the order of events is then the test's. */

/* fake_reset forgets scripts, failures and children, closes what is still open, and sets the clock to one second, running
 * by itself. Nothing of before may be used afterwards. */
void fake_reset(void);

/* fake_open_count counts handles, processes, links, bells, watches, wakes and segments that the code under test made or was
 * given and has not destroyed. Zero at the end of a test means that nothing leaked. */
size_t fake_open_count(void);

/* ---- the clock ---------------------------------------------------------------------------------------------------- */

/* It stands still while code runs. As long as it runs by itself, a wait that nothing else can end takes its whole time at
 * once: the clock jumps. While it is held, such a wait blocks until another thread advances the clock or brings the event;
 * a wait without a timeout does so always. */
void fake_clock_hold(void);
void fake_clock_advance(int64_t ns);

/* fake_sleepers counts the threads that now block in a call of the platform, so that a test knows when to go on. */
size_t fake_sleepers(void);

/* ---- failures ----------------------------------------------------------------------------------------------------- */

#define FAKE_CALLS(X)                                                                                                  \
    X(HANDLE_DUPLICATE, "handle_duplicate")                                                                            \
    X(HANDLES_WAIT, "handles_wait")                                                                                    \
    X(NULL_OPEN, "null_open")                                                                                          \
    X(PIPE_CREATE, "pipe_create")                                                                                      \
    X(PIPE_READ, "pipe_read")                                                                                          \
    X(PIPE_WRITE, "pipe_write")                                                                                        \
    X(STDERR_OPEN, "stderr_open")                                                                                      \
    X(STDERR_WRITE, "stderr_write")                                                                                    \
    X(CAPTURE_CREATE, "capture_create")                                                                                \
    X(CAPTURE_READ, "capture_read")                                                                                    \
    X(EXECUTABLE_PATH, "executable_path")                                                                              \
    X(BUILD_ID, "build_id")                                                                                            \
    X(RANDOM, "random")                                                                                                \
    X(OOM_KILLS, "oom_kills")                                                                                          \
    X(THREAD_AT_END, "thread_at_end")                                                                                  \
    X(LINK_SEND, "link_send")                                                                                          \
    X(LINK_RECEIVE, "link_receive")                                                                                    \
    X(SPAWN, "spawn")                                                                                                  \
    X(CHILD_BEGIN, "child_begin")                                                                                      \
    X(PROCESS_WAIT, "process_wait")                                                                                    \
    X(PROCESS_EXIT, "process_exit")                                                                                    \
    X(PROCESS_USAGE, "process_usage")                                                                                  \
    X(PROCESS_SIGNAL, "process_signal")                                                                                \
    X(PROCESS_SIGNAL_TREE, "process_signal_tree")                                                                      \
    X(BELL_CREATE, "bell_create")                                                                                      \
    X(BELL_OPEN, "bell_open")                                                                                          \
    X(WATCH_CREATE, "watch_create")                                                                                    \
    X(WATCH_ADD_PROCESS, "watch_add_process")                                                                          \
    X(WATCH_ADD_BELL, "watch_add_bell")                                                                                \
    X(WATCH_ADD_LINK, "watch_add_link")                                                                                \
    X(WATCH_ADD_CAPTURE, "watch_add_capture")                                                                          \
    X(WATCH_WAIT, "watch_wait")                                                                                        \
    X(WAKE_CREATE, "wake_create")                                                                                      \
    X(WAKE_OPEN, "wake_open")                                                                                          \
    X(WAKE_WAIT, "wake_wait")                                                                                          \
    X(SEGMENT_CREATE, "segment_create")                                                                                \
    X(SEGMENT_OPEN, "segment_open")                                                                                    \
    X(CRASH_INSTALL, "crash_install")                                                                                  \
    X(SYMBOL_NAME, "symbol_name")

typedef enum fake_call {
#define X(name, text) FAKE_##name,
    FAKE_CALLS(X)
#undef X
        FAKE_CALL_COUNT,
    FAKE_ANY = FAKE_CALL_COUNT /* all of them counted together */
} fake_call_t;

/* fake_fail makes the n-th call of a function from now (1 is the next one) fail with code and os_code; its step is then the
 * function's name. One failure at a time per function, and one for FAKE_ANY; n = 0 calls it off. */
void fake_fail(fake_call_t call, unsigned nth, int code, int os_code);

/* fake_call_count tells how often a function was called since the reset, failed calls included. */
unsigned fake_call_count(fake_call_t call);

/* ---- children ----------------------------------------------------------------------------------------------------- */

/* What a test sees of a child that was spawned. It stays until the reset, whatever the code under test does. */
typedef mplat_process_t fake_child_t;

typedef enum fake_step_kind {
    FAKE_STEP_STAY = 0, /* do nothing more, until something ends it */
    FAKE_STEP_SEND,     /* send data over the link */
    FAKE_STEP_RECEIVE,  /* wait for a message from the parent and drop it; an ended link ends the child, code 0 */
    FAKE_STEP_SLEEP,    /* wait until so much time of the clock has passed */
    FAKE_STEP_DEAF,     /* ignore INTERRUPT and TERMINATE from now on */
    FAKE_STEP_CALL,     /* call action(child, context): no lock is held, it may use the platform but must not block */
    FAKE_STEP_EXIT,     /* exit with value */
    FAKE_STEP_DIE,      /* end by signal value */
    FAKE_STEP_LOSE      /* end so that nobody knows how */
} fake_step_kind_t;

typedef void fake_action_t(fake_child_t *child, void *context);

typedef struct fake_step {
    fake_step_kind_t kind;
    const void *data;
    size_t size;
    int64_t value; /* nanoseconds, exit code, signal */
    fake_action_t *action;
    void *context;
} fake_step_t;

#define FAKE_SEND(data_, size_)                                                                                        \
    { .kind = FAKE_STEP_SEND, .data = (data_), .size = (size_) }
#define FAKE_RECEIVE                                                                                                   \
    { .kind = FAKE_STEP_RECEIVE }
#define FAKE_SLEEP(ns_)                                                                                                \
    { .kind = FAKE_STEP_SLEEP, .value = (ns_) }
#define FAKE_DEAF                                                                                                      \
    { .kind = FAKE_STEP_DEAF }
#define FAKE_DO(action_, context_)                                                                                     \
    { .kind = FAKE_STEP_CALL, .action = (action_), .context = (context_) }
#define FAKE_EXIT(code_)                                                                                               \
    { .kind = FAKE_STEP_EXIT, .value = (code_) }
#define FAKE_DIE(signal_)                                                                                              \
    { .kind = FAKE_STEP_DIE, .value = (signal_) }
#define FAKE_LOSE                                                                                                      \
    { .kind = FAKE_STEP_LOSE }
#define FAKE_STAY                                                                                                      \
    { .kind = FAKE_STEP_STAY }

/* Signal numbers here, on every system; mplat_signal_name knows them. */
enum { FAKE_SIGINT = 2, FAKE_SIGABRT = 6, FAKE_SIGKILL = 9, FAKE_SIGSEGV = 11, FAKE_SIGTERM = 15 };

/* fake_next_child gives the steps of the next child that is spawned and has none yet; called again, of the one after it. They
 * end with FAKE_STAY or an end, and must stay in memory. A step runs as soon as it can, before the call returns that made
 * it possible. fake_every_child gives the steps of all others; without it they stay. */
void fake_next_child(const fake_step_t *steps);
void fake_every_child(const fake_step_t *steps);

/* fake_child gives the n-th child spawned since the reset (0 is the first), NULL when there are fewer. */
size_t fake_child_count(void);
fake_child_t *fake_child(size_t n);

/* fake_child_link is the child's end of its link: the test may send and receive there as the child would, or hand it to code
 * of a child that runs in a thread. NULL without one. It belongs to the child and closes when that ends. */
mplat_link_t *fake_child_link(fake_child_t *child);

/* What the code under test asked for. The texts are copies. */
const mplat_spawn_options_t *fake_child_options(const fake_child_t *child);

/* fake_child_signalled tells how often a signal was sent to it while it lived; a tree's signal counts too. */
unsigned fake_child_signalled(const fake_child_t *child, mplat_signal_t signal);

/* fake_child_end ends it now; nothing when it has ended. usage in how may be zero. */
void fake_child_end(fake_child_t *child, const mplat_exit_t *how);

/* fake_child_exit ends it with an exit code. */
void fake_child_exit(fake_child_t *child, uint32_t code);

/* fake_child_set_usage sets what mplat_process_usage tells of it from now on. */
void fake_child_set_usage(fake_child_t *child, const mplat_usage_t *usage);

/* ---- this process ------------------------------------------------------------------------------------------------- */

/* fake_begin_as makes the next mplat_child_begin give this link end (NULL: none), which the caller destroys then. */
void fake_begin_as(mplat_link_t *link);

/* fake_link_pair makes a link whose two ends the test holds and destroys. */
int fake_link_pair(mplat_link_t **out_one, mplat_link_t **out_other);

/* fake_on_self_exit is called by mplat_self_exit and must not return (longjmp). Without it the real process ends. */
void fake_on_self_exit(void (*function)(int code));

/* fake_crash runs the sink that mplat_crash_install got, as a crash would; false when there is none. */
bool fake_crash(const mplat_crash_t *crash);

/* This process's standard error: it takes all that is written, nothing at all, or is not there. fake_stderr_take gives what it
 * took since the last take, ended by a zero, and how much that was. */
typedef enum fake_stderr { FAKE_STDERR_TAKES = 0, FAKE_STDERR_STUCK, FAKE_STDERR_NONE } fake_stderr_t;
void fake_set_stderr(fake_stderr_t change);
size_t fake_stderr_take(char *buf, size_t size);

/* What the machine seems to be: 4 processors, no kill for want of memory, build id "fake". */
void fake_set_cpu_count(int count);
void fake_set_oom_kills(uint64_t count);
void fake_set_build_id(const void *id, size_t size);

#endif
