/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c: the options of create: checked, each with its own message, and copied; and a child started by them. */
#include "plan.h"
#include "encode.h"
#include "launch.h"
#include "memory.h"
#include "process_stdio.h"
#include "registry.h"
#include "report.h"

#include <string.h>

#define CPU_MAX (MPLAT_AFFINITY_WORDS * 64)

static const char *const stream_names[3] = {"standard_input", "standard_output", "standard_error"};

/* ---- checks ------------------------------------------------------------------------------------------------------------ */

static int check_stream(const mproc_stdio_t *stream, int number) {
    const char *name = stream_names[number];
    switch (stream->kind) {
    case MPROC_STDIO_INHERIT:
    case MPROC_STDIO_NULL:
        return MPROC_OK;
    case MPROC_STDIO_FILE:
        break;
    case MPROC_STDIO_APPEND:
        if (number == 0)
            return mproc_fail(MPROC_EINVAL, "options.%s cannot be MPROC_STDIO_APPEND: it is read, use MPROC_STDIO_FILE",
                              name);
        break;
    case MPROC_STDIO_HANDLE:
        if (stream->handle == MPLAT_NO_HANDLE)
            return mproc_fail(MPROC_EINVAL, "options.%s.handle is no open handle", name);
        return MPROC_OK;
    case MPROC_STDIO_STDOUT:
        if (number != 2)
            return mproc_fail(MPROC_EINVAL, "options.%s cannot be MPROC_STDIO_STDOUT: that is for standard_error",
                              name);
        return MPROC_OK;
    default:
        return mproc_fail(MPROC_EINVAL, "options.%s.kind is %d, which is no mproc_stdio_kind_t", name,
                          (int)stream->kind);
    }
    if (stream->path == NULL || stream->path[0] == '\0')
        return mproc_fail(MPROC_EINVAL, "options.%s needs a path", name);
    return MPROC_OK;
}

static int check_environment(const mproc_process_options_t *options) {
    for (size_t i = 0; options->environment != NULL && options->environment[i] != NULL; i++) {
        const char *entry = options->environment[i];
        /* Windows keeps a directory per drive in entries such as "=C:=C:\src". */
        const char *value = entry[0] == '\0' ? NULL : strchr(entry + 1, '=');
        if (entry[0] == '\0' || (entry[0] == '=' && value == NULL))
            return mproc_fail(MPROC_EINVAL, "options.environment[%zu] is \"%s\": it needs a name, as in \"NAME=value\"",
                              i, entry);
        if (value == NULL && options->environment_only)
            return mproc_fail(
                MPROC_EINVAL,
                "options.environment[%zu] is \"%s\": without '=' it removes a name, but with environment_only there "
                "is nothing to remove it from",
                i, entry);
    }
    return MPROC_OK;
}

static int check_cpus(const mproc_process_options_t *options) {
    if (options->cpu_count > 0 && options->cpus == NULL)
        return mproc_fail(MPROC_EINVAL, "options.cpus is NULL but cpu_count is %zu", options->cpu_count);
    for (size_t i = 0; i < options->cpu_count; i++)
        if (options->cpus[i] < 0 || options->cpus[i] >= CPU_MAX)
            return mproc_fail(MPROC_EINVAL, "options.cpus[%zu] is %d: processors have numbers from 0 to %d", i,
                              options->cpus[i], CPU_MAX - 1);
    return MPROC_OK;
}

static int check_numbers(const mproc_process_options_t *options) {
    if (options->input == NULL && options->input_size > 0)
        return mproc_fail(MPROC_EINVAL, "options.input is NULL but input_size is %zu", options->input_size);
    if (options->input_size > SIZE_MAX / 2)
        return mproc_fail(MPROC_ETOOBIG, "options.input_size is %zu: no memory is larger than %zu bytes",
                          options->input_size, SIZE_MAX / 2);
    if (options->daemon < 0 || options->daemon > MPROC_DAEMON_NO)
        return mproc_fail(MPROC_EINVAL, "options.daemon is %d: use true, MPROC_DAEMON_INHERIT or MPROC_DAEMON_NO",
                          options->daemon);
    if (options->daemon == 1 && options->detached)
        return mproc_fail(MPROC_EINVAL,
                          "options.daemon and options.detached contradict each other: a daemon ends with its parent");
    if (options->priority < MPROC_PRIORITY_INHERIT || options->priority > MPROC_PRIORITY_HIGH)
        return mproc_fail(MPROC_EINVAL, "options.priority is %d, which is no mproc_priority_t", (int)options->priority);
    if (options->deadline_ms < 0)
        return mproc_fail(MPROC_EINVAL, "options.deadline_ms is %lld: give milliseconds from start, 0 for no deadline",
                          (long long)options->deadline_ms);
    if (options->values.max_depth > MPROC_DEPTH_MAX)
        return mproc_fail(MPROC_EINVAL, "options.values.max_depth is %zu: the most is %d", options->values.max_depth,
                          MPROC_DEPTH_MAX);
    return MPROC_OK;
}

static int check_target(const mproc_process_options_t *options, bool worker) {
    if (options->target == NULL)
        return worker ? MPROC_OK
                      : mproc_fail(MPROC_EINVAL,
                                   "options.target is NULL: give the address of a task made with MPROC_TASK");
    int err = mproc_registry_check_task(options->target);
    if (err == MPROC_OK && strlen(options->target->name) > MPROC_NAME_MAX)
        err = mproc_fail(MPROC_EINVAL, "The name of the task has more than %d bytes", MPROC_NAME_MAX);
    return err;
}

static int check_options(const mproc_process_options_t *options, bool worker) {
    const mproc_stdio_t *streams[3] = {&options->standard_input, &options->standard_output, &options->standard_error};
    int err = check_target(options, worker);
    for (int i = 0; err == MPROC_OK && i < 3; i++)
        err = check_stream(streams[i], i);
    if (err == MPROC_OK)
        err = check_numbers(options);
    if (err == MPROC_OK)
        err = check_environment(options);
    if (err == MPROC_OK)
        err = check_cpus(options);
    return err;
}

/* ---- copies ------------------------------------------------------------------------------------------------------------- */

static int copy_text(const char *text, char **out_copy) {
    *out_copy = text == NULL ? NULL : mproc_strdup(text);
    return text != NULL && *out_copy == NULL ? mproc_fail_memory("the options of a process") : MPROC_OK;
}

static int copy_bytes(const void *data, size_t size, unsigned char **out_copy) {
    *out_copy = NULL;
    if (size == 0)
        return MPROC_OK;
    *out_copy = mproc_alloc(size);
    if (*out_copy == NULL)
        return mproc_fail_memory("the input of a process");
    memcpy(*out_copy, data, size);
    return MPROC_OK;
}

static int copy_environment(const char *const *entries, char ***out_copy) {
    size_t count = 0, bytes = 0;
    *out_copy = NULL;
    if (entries == NULL)
        return MPROC_OK;
    while (entries[count] != NULL)
        bytes += strlen(entries[count++]) + 1;
    char **copy = mproc_alloc((count + 1) * sizeof *copy + bytes);
    if (copy == NULL)
        return mproc_fail_memory("the environment of a process");
    char *text = (char *)(copy + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(entries[i]) + 1;
        copy[i] = memcpy(text, entries[i], size);
        text += size;
    }
    copy[count] = NULL;
    *out_copy = copy;
    return MPROC_OK;
}

static int copy_cpus(const int *cpus, size_t count, uint64_t **out_words) {
    *out_words = NULL;
    if (count == 0)
        return MPROC_OK;
    uint64_t *words = mproc_alloc_zero(MPLAT_AFFINITY_WORDS, sizeof *words);
    if (words == NULL)
        return mproc_fail_memory("the options of a process");
    for (size_t i = 0; i < count; i++)
        words[cpus[i] / 64] |= UINT64_C(1) << (cpus[i] % 64);
    *out_words = words;
    return MPROC_OK;
}

static int copy_streams(const mproc_process_options_t *options, mproc_plan_t *plan) {
    const mproc_stdio_t *streams[3] = {&options->standard_input, &options->standard_output, &options->standard_error};
    for (int i = 0; i < 3; i++) {
        char *path = NULL;
        bool has_path = streams[i]->kind == MPROC_STDIO_FILE || streams[i]->kind == MPROC_STDIO_APPEND;
        int err = copy_text(has_path ? streams[i]->path : NULL, &path);
        plan->stdio[i] = (mproc_stdio_t){.kind = streams[i]->kind, .path = path, .handle = streams[i]->handle};
        if (err != MPROC_OK)
            return err;
    }
    return MPROC_OK;
}

static int encode_args(const mproc_args_t *args, mproc_plan_t *plan) {
    mproc_buffer_t buffer;
    mproc_buffer_init(&buffer, NULL);
    int err = mproc_encode_args(args, &buffer);
    if (err == MPROC_OK)
        plan->args = mproc_buffer_take(&buffer, &plan->args_size);
    mproc_buffer_fini(&buffer);
    return err;
}

static int init(mproc_plan_t *plan, const mproc_process_options_t *options, bool worker) {
    *plan = (mproc_plan_t){.task = options->target,
                           .detached = options->detached,
                           .result = options->result,
                           .own_group = options->own_group,
                           .environment_only = options->environment_only,
                           .limits = options->limits,
                           .priority = options->priority,
                           .deadline_ms = options->deadline_ms,
                           .values = options->values};
    int err = check_options(options, worker);
    if (err == MPROC_OK)
        err = encode_args(options->args, plan);
    if (err == MPROC_OK)
        err = copy_bytes(options->input, options->input_size, &plan->input);
    if (err == MPROC_OK)
        err = copy_environment(options->environment, &plan->environment);
    if (err == MPROC_OK)
        err = copy_text(options->directory, &plan->directory);
    if (err == MPROC_OK)
        err = copy_streams(options, plan);
    if (err == MPROC_OK)
        err = copy_cpus(options->cpus, options->cpu_count, &plan->affinity);
    plan->input_size = options->input_size;
    return err;
}

int mproc_plan_init(mproc_plan_t *plan, const mproc_process_options_t *options) {
    return init(plan, options, false);
}

int mproc_plan_init_worker(mproc_plan_t *plan, const mproc_process_options_t *options) {
    return init(plan, options, true);
}

/* ---- the start ---------------------------------------------------------------------------------------------------------- */

int mproc_plan_launch(const mproc_plan_t *plan, mproc_bootstrap_t *bootstrap, mplat_handle_t standard_error,
                      mplat_process_t **out_system, mplat_link_t **out_link) {
    static const char *const nothing[] = {NULL};
    bool empty = plan->environment == NULL && plan->environment_only;
    mproc_streams_t streams;
    mplat_spawn_options_t options = {
        .environment = empty ? nothing : (const char *const *)plan->environment,
        .environment_changes = !plan->environment_only,
        .directory = plan->directory,
        .own_group = plan->own_group,
        .detached = plan->detached,
        .limits = {plan->limits.memory_bytes, plan->limits.cpu_seconds, plan->limits.open_files},
        .priority = (mplat_priority_t)plan->priority,
        .affinity = plan->affinity,
    };
    bootstrap->task = plan->task == NULL ? "" : plan->task->name;
    bootstrap->limits = plan->values;
    bootstrap->args = plan->args;
    bootstrap->args_size = plan->args_size;
    bootstrap->input = plan->input;
    bootstrap->input_size = plan->input_size;
    *out_system = NULL;
    *out_link = NULL;
    int err = mproc_streams_open(plan->stdio, &streams, options.stdio);
    if (err != MPROC_OK)
        return err;
    if (standard_error != MPLAT_NO_HANDLE)
        options.stdio[2] = (mplat_stdio_t){MPLAT_STDIO_HANDLE, standard_error};
    err = mproc_launch(&options, bootstrap, out_system, out_link);
    mproc_streams_close(&streams);
    return err;
}

void mproc_plan_drop_payload(mproc_plan_t *plan) {
    mproc_free(plan->args);
    mproc_free(plan->input);
    plan->args = NULL;
    plan->input = NULL;
    plan->args_size = plan->input_size = 0;
}

void mproc_plan_fini(mproc_plan_t *plan) {
    mproc_plan_drop_payload(plan);
    mproc_free(plan->environment);
    mproc_free(plan->directory);
    mproc_free(plan->affinity);
    for (int i = 0; i < 3; i++)
        mproc_free((char *)(uintptr_t)plan->stdio[i].path);
    *plan = (mproc_plan_t){0};
}
