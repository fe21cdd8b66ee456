/* SPDX-License-Identifier: Apache-2.0 */
/* process.c: children of the fake platform, which are lists of steps. */
#include <stdlib.h>
#include <string.h>

#include "platform/fake/state.h"

enum { FIRST_PID = 5000 };

struct mplat_process {
    object_t object; /* first: it is cast back. Ready once it has ended; one use is the list's, until the reset. */
    struct mplat_process *next;
    int64_t pid;
    mplat_handle_t sentinel;
    mplat_link_t *link; /* the child's end */
    const fake_step_t *step;
    bool sleeping; /* in a SLEEP step, until wake_ns */
    int64_t wake_ns;
    bool in_action;
    bool deaf;
    mplat_exit_t how;
    mplat_usage_t usage;
    unsigned signals[3];
    mplat_spawn_options_t options;
    uint64_t affinity[MPLAT_AFFINITY_WORDS];
};

typedef struct script {
    struct script *next;
    const fake_step_t *steps;
} script_t;

static const fake_step_t stay[] = {FAKE_STAY};
static const fake_step_t *every = stay;
static script_t *scripts; /* for the children to come, first one first */
static mplat_process_t *children;
static size_t child_count;

/* ---- what was asked for ------------------------------------------------------------------------------------------------ */

static char *copy_text(const char *text) {
    if (text == NULL)
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

static void free_list(const char *const *list) {
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        free((char *)(uintptr_t)list[i]);
    free((void *)(uintptr_t)list);
}

static const char *const *copy_list(const char *const *list) {
    size_t count = 0;
    if (list == NULL)
        return NULL;
    while (list[count] != NULL)
        count++;
    const char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++)
        copy[i] = copy_text(list[i]);
    return (const char *const *)copy;
}

static void copy_options(mplat_process_t *process, const mplat_spawn_options_t *options) {
    process->options = *options;
    process->options.program = copy_text(options->program);
    process->options.directory = copy_text(options->directory);
    process->options.argv = copy_list(options->argv);
    process->options.environment = copy_list(options->environment);
    if (options->affinity != NULL) {
        memcpy(process->affinity, options->affinity, sizeof process->affinity);
        process->options.affinity = process->affinity;
    }
}

static void drop_process(object_t *object) {
    mplat_process_t *process = (mplat_process_t *)object;
    free((char *)(uintptr_t)process->options.program);
    free((char *)(uintptr_t)process->options.directory);
    free_list(process->options.argv);
    free_list(process->options.environment);
    free(process);
}

/* ---- steps --------------------------------------------------------------------------------------------------------------- */

static void end_locked(mplat_process_t *process, const mplat_exit_t *how) {
    if (process->object.ready)
        return;
    process->how = *how;
    if (process->how.usage.started_ns == 0) {
        process->usage.ended_ns = clock_now_locked();
        process->how.usage = process->usage;
    }
    process->usage = process->how.usage;
    process->object.ready = true;
    if (process->link != NULL)
        link_close_locked(process->link);
    monitor_changed();
}

/* Starts or ends a sleep; true when the step is over. */
static bool sleep_step_locked(mplat_process_t *process) {
    if (!process->sleeping) {
        process->sleeping = true;
        process->wake_ns = clock_deadline_ns_locked(process->step->value);
    }
    process->sleeping = clock_now_locked() < process->wake_ns;
    return !process->sleeping;
}

/* True when the child has taken a message, or has seen the end of its link and ended itself. */
static bool receive_step_locked(mplat_process_t *process) {
    if (process->link == NULL || link_drop_first_locked(process->link))
        return true;
    if (!link_has_ended_locked(process->link))
        return false;
    end_locked(process, &(mplat_exit_t){.kind = MPLAT_EXIT_EXITED});
    return true;
}

static void action_step_locked(mplat_process_t *process) {
    process->in_action = true;
    monitor_leave();
    process->step->action(process, process->step->context);
    monitor_enter();
    process->in_action = false;
}

/* Runs the current step; true when it is done. */
static bool step_locked(mplat_process_t *process) {
    const fake_step_t *step = process->step;
    switch (step->kind) {
    case FAKE_STEP_SEND:
        if (process->link != NULL)
            link_push_locked(process->link, step->data, step->size, NULL, 0);
        return true;
    case FAKE_STEP_RECEIVE:
        return receive_step_locked(process);
    case FAKE_STEP_SLEEP:
        return sleep_step_locked(process);
    case FAKE_STEP_DEAF:
        return process->deaf = true;
    case FAKE_STEP_CALL:
        action_step_locked(process);
        return true;
    case FAKE_STEP_EXIT:
        end_locked(process, &(mplat_exit_t){.kind = MPLAT_EXIT_EXITED, .code = (uint32_t)step->value});
        return true;
    case FAKE_STEP_DIE:
        end_locked(process, &(mplat_exit_t){.kind = MPLAT_EXIT_SIGNALLED, .signal = (int)step->value});
        return true;
    case FAKE_STEP_LOSE:
        end_locked(process, &(mplat_exit_t){.kind = MPLAT_EXIT_LOST});
        return true;
    case FAKE_STEP_STAY:
        break;
    }
    return false;
}

void children_step_locked(void) {
    bool moved = true;
    while (moved) {
        moved = false;
        for (mplat_process_t *process = children; process != NULL; process = process->next)
            while (!process->object.ready && !process->in_action && step_locked(process)) {
                process->step++;
                moved = true;
            }
    }
}

int64_t children_next_time_locked(void) {
    int64_t next = INT64_MAX;
    for (const mplat_process_t *process = children; process != NULL; process = process->next)
        if (!process->object.ready && process->sleeping && process->wake_ns < next)
            next = process->wake_ns;
    return next;
}

bool child_ended_locked(const mplat_process_t *process) {
    return process->object.ready;
}

object_t *child_object_locked(mplat_process_t *process) {
    return &process->object;
}

static void reset_scripts_locked(void) {
    while (scripts != NULL) {
        script_t *next = scripts->next;
        free(scripts);
        scripts = next;
    }
    every = stay;
}

void children_reset_locked(void) {
    reset_scripts_locked();
    while (children != NULL) {
        mplat_process_t *process = children;
        children = process->next;
        link_free_locked(process->link);
        process->link = NULL;
        object_release_locked(&process->object);
    }
    child_count = 0;
}

/* ---- spawning ------------------------------------------------------------------------------------------------------------ */

/* The list is in the order of spawning. */
static void append_locked(mplat_process_t *process) {
    mplat_process_t **end = &children;
    while (*end != NULL)
        end = &(*end)->next;
    *end = process;
    process->pid = FIRST_PID + (int64_t)child_count++;
    process->usage.started_ns = clock_now_locked();
    process->step = every;
    if (scripts != NULL) {
        script_t *script = scripts;
        process->step = script->steps;
        scripts = script->next;
        free(script);
    }
}

int mplat_spawn(const mplat_spawn_options_t *options, mplat_process_t **out_process, mplat_link_t **out_link) {
    *out_process = NULL;
    *out_link = NULL;
    int err = state_injected(FAKE_SPAWN);
    if (err != 0)
        return err;
    mplat_process_t *process = calloc(1, sizeof *process);
    if (process == NULL)
        return state_fail(MPLAT_ENOMEM, 0, "spawn");
    object_init(&process->object, OBJECT_PROCESS, drop_process);
    copy_options(process, options);
    monitor_enter();
    process->sentinel = handle_add_locked(&process->object);
    if (process->sentinel == MPLAT_NO_HANDLE)
        err = state_fail(MPLAT_ENOMEM, 0, "spawn");
    else if (options->link)
        err = link_pair_locked(out_link, &process->link);
    if (err != 0) {
        handle_close_locked(&process->sentinel);
        object_release_locked(&process->object);
    } else {
        append_locked(process);
        children_step_locked();
        *out_process = process;
    }
    monitor_leave();
    return err;
}

void mplat_process_destroy(mplat_process_t *process) {
    if (process == NULL)
        return;
    mplat_handle_close(&process->sentinel);
}

/* ---- what a parent asks --------------------------------------------------------------------------------------------------- */

int64_t mplat_process_pid(const mplat_process_t *process) {
    return process->pid;
}

mplat_handle_t mplat_process_sentinel(const mplat_process_t *process) {
    return process->sentinel;
}

int mplat_process_wait(mplat_process_t *process, int64_t timeout_ms) {
    int err = state_injected(FAKE_PROCESS_WAIT);
    if (err != 0)
        return err;
    monitor_enter();
    int64_t deadline = clock_deadline_ms_locked(timeout_ms);
    while (err == 0 && !process->object.ready)
        if (!state_wait_locked(deadline))
            err = state_fail(MPLAT_ETIMEDOUT, 0, "process_wait");
    monitor_leave();
    return err;
}

int mplat_process_exit(mplat_process_t *process, mplat_exit_t *out_exit) {
    *out_exit = (mplat_exit_t){.kind = MPLAT_EXIT_RUNNING};
    int err = state_injected(FAKE_PROCESS_EXIT);
    if (err != 0)
        return err;
    monitor_enter();
    if (process->object.ready)
        *out_exit = process->how;
    monitor_leave();
    return 0;
}

int mplat_process_usage(mplat_process_t *process, mplat_usage_t *out_usage) {
    *out_usage = (mplat_usage_t){0};
    int err = state_injected(FAKE_PROCESS_USAGE);
    if (err != 0)
        return err;
    monitor_enter();
    *out_usage = process->usage;
    monitor_leave();
    return 0;
}

static void signal_locked(mplat_process_t *process, mplat_signal_t signal) {
    static const int numbers[] = {FAKE_SIGINT, FAKE_SIGTERM, FAKE_SIGKILL};
    if (process->object.ready)
        return;
    process->signals[signal]++;
    if (signal == MPLAT_SIGNAL_KILL || !process->deaf)
        end_locked(process, &(mplat_exit_t){.kind = MPLAT_EXIT_SIGNALLED, .signal = numbers[signal]});
    children_step_locked();
}

static int send_signal(mplat_process_t *process, mplat_signal_t signal, fake_call_t call) {
    int err = state_injected(call);
    if (err != 0)
        return err;
    monitor_enter();
    signal_locked(process, signal);
    monitor_leave();
    return 0;
}

int mplat_process_signal(mplat_process_t *process, mplat_signal_t signal) {
    return send_signal(process, signal, FAKE_PROCESS_SIGNAL);
}

int mplat_process_signal_tree(mplat_process_t *process, mplat_signal_t signal) {
    return send_signal(process, signal, FAKE_PROCESS_SIGNAL_TREE);
}

/* ---- what a test scripts and asks ------------------------------------------------------------------------------------------ */

void fake_next_child(const fake_step_t *steps) {
    script_t *script = malloc(sizeof *script);
    if (script == NULL)
        abort();
    *script = (script_t){.steps = steps};
    monitor_enter();
    script_t **end = &scripts;
    while (*end != NULL)
        end = &(*end)->next;
    *end = script;
    monitor_leave();
}

void fake_every_child(const fake_step_t *steps) {
    monitor_enter();
    every = steps;
    monitor_leave();
}

size_t fake_child_count(void) {
    monitor_enter();
    size_t count = child_count;
    monitor_leave();
    return count;
}

fake_child_t *fake_child(size_t n) {
    monitor_enter();
    mplat_process_t *process = children;
    for (; process != NULL && n > 0; n--)
        process = process->next;
    monitor_leave();
    return process;
}

mplat_link_t *fake_child_link(fake_child_t *child) {
    return child->link;
}

const mplat_spawn_options_t *fake_child_options(const fake_child_t *child) {
    return &child->options;
}

unsigned fake_child_signalled(const fake_child_t *child, mplat_signal_t signal) {
    monitor_enter();
    unsigned count = child->signals[signal];
    monitor_leave();
    return count;
}

void fake_child_end(fake_child_t *child, const mplat_exit_t *how) {
    monitor_enter();
    end_locked(child, how);
    children_step_locked();
    monitor_leave();
}

void fake_child_exit(fake_child_t *child, uint32_t code) {
    fake_child_end(child, &(mplat_exit_t){.kind = MPLAT_EXIT_EXITED, .code = code});
}

void fake_child_set_usage(fake_child_t *child, const mplat_usage_t *usage) {
    monitor_enter();
    int64_t started = child->usage.started_ns;
    child->usage = *usage;
    child->usage.started_ns = started;
    monitor_leave();
}
