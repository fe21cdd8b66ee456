/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.c: starts a program with exactly the handles, jobs and streams it is to have. One step after the other. */
#include "job.h"
#include "link.h"
#include "process.h"
#include "spawn_text.h"
#include "syscalls.h"

#include <stdlib.h>

enum { STREAMS = 3, INHERITED_MAX = STREAMS + 1, JOBS_MAX = 2, ATTRIBUTES = 2 };

/* What the steps have made so far. What is still here at the end is undone. */
typedef struct spawn {
    const mplat_spawn_options_t *options;
    mplat_link_t *link;
    mplat_link_offer_t offer;
    spawn_text_t text;
    HANDLE streams[STREAMS];
    HANDLE inherited[INHERITED_MAX]; /* borrowed from the two above: all that the child gets */
    HANDLE jobs[JOBS_MAX];           /* borrowed, outermost first */
    DWORD job_count;
    LPPROC_THREAD_ATTRIBUTE_LIST attributes;
    bool has_console;
    mplat_process_t *process;
    HANDLE thread; /* of the child, until it runs on its own */
} spawn_t;

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static int inheritable_copy(HANDLE handle, HANDLE *out_copy) {
    HANDLE self = GetCurrentProcess();
    if (!mplat_is_handle(handle))
        return mplat_fail(MPLAT_EINVAL, "duplicate standard stream");
    if (mplat_sys.DuplicateHandle(self, handle, self, out_copy, 0, TRUE, DUPLICATE_SAME_ACCESS))
        return 0;
    *out_copy = NULL;
    return mplat_fail_last("duplicate standard stream");
}

static int inheritable_null(HANDLE *out_null) {
    mplat_handle_t null = MPLAT_NO_HANDLE;
    int err = mplat_null_open(&null);
    if (err == 0)
        err = inheritable_copy((HANDLE)null, out_null);
    mplat_handle_close(&null);
    return err;
}

/* Copies are inheritable for the time of the spawn only, and no two entries of the list are equal, which it must not
 * have. */
static int open_streams(spawn_t *spawn) {
    static const DWORD standard[STREAMS] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    int err = 0;
    for (size_t i = 0; err == 0 && i < STREAMS; i++) {
        const mplat_stdio_t *stream = &spawn->options->stdio[i];
        HANDLE *out = &spawn->streams[i];
        if (stream->kind == MPLAT_STDIO_HANDLE)
            err = inheritable_copy((HANDLE)stream->handle, out);
        else if (stream->kind == MPLAT_STDIO_NULL || inheritable_copy(GetStdHandle(standard[i]), out) != 0)
            err = inheritable_null(out);
    }
    return err;
}

/* ---- link, text, jobs -------------------------------------------------------------------------------------------- */

static int make_link(spawn_t *spawn) {
    return spawn->options->link ? mplat_link_create(&spawn->link, &spawn->offer) : 0;
}

static int make_text(spawn_t *spawn) {
    return mplat_spawn_text_init(&spawn->text, spawn->options, spawn->link != NULL ? spawn->offer.marker : NULL);
}

static int make_process_object(spawn_t *spawn) {
    spawn->process = mplat_sys.calloc(1, sizeof *spawn->process);
    return spawn->process != NULL ? 0 : mplat_fail(MPLAT_ENOMEM, "spawn");
}

static int make_jobs(spawn_t *spawn) {
    if (!spawn->options->detached) {
        int err = mplat_job_lifeline(&spawn->jobs[0]);
        if (err != 0)
            return err;
        spawn->job_count = 1;
    }
    int err = mplat_job_create(spawn->options, &spawn->process->job);
    spawn->jobs[spawn->job_count++] = spawn->process->job;
    return err;
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

static int set_attribute(spawn_t *spawn, DWORD_PTR attribute, HANDLE *handles, size_t count) {
    if (mplat_sys.UpdateProcThreadAttribute(spawn->attributes, 0, attribute, handles, count * sizeof *handles, NULL,
                                            NULL))
        return 0;
    return mplat_fail_last("UpdateProcThreadAttribute");
}

/* Only what is listed is inherited, whatever other threads make inheritable at this moment; and the child is inside its
 * jobs from its first instruction on. */
static int make_attributes(spawn_t *spawn) {
    SIZE_T size = 0;
    size_t count = 0;
    mplat_sys.InitializeProcThreadAttributeList(NULL, ATTRIBUTES, 0, &size);
    LPPROC_THREAD_ATTRIBUTE_LIST attributes = mplat_sys.calloc(1, size);
    if (attributes == NULL)
        return mplat_fail(MPLAT_ENOMEM, "InitializeProcThreadAttributeList");
    if (!mplat_sys.InitializeProcThreadAttributeList(attributes, ATTRIBUTES, 0, &size)) {
        int err = mplat_fail_last("InitializeProcThreadAttributeList");
        free(attributes);
        return err;
    }
    spawn->attributes = attributes;

    for (; count < STREAMS; count++)
        spawn->inherited[count] = spawn->streams[count];
    if (spawn->link != NULL)
        spawn->inherited[count++] = spawn->offer.mailbox;
    int err = set_attribute(spawn, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, spawn->inherited, count);
    return err != 0 ? err : set_attribute(spawn, PROC_THREAD_ATTRIBUTE_JOB_LIST, spawn->jobs, spawn->job_count);
}

/* ---- start ------------------------------------------------------------------------------------------------------- */

static DWORD priority_flag(mplat_priority_t priority) {
    switch (priority) {
    case MPLAT_PRIORITY_IDLE:
        return IDLE_PRIORITY_CLASS;
    case MPLAT_PRIORITY_LOW:
        return BELOW_NORMAL_PRIORITY_CLASS;
    case MPLAT_PRIORITY_NORMAL:
        return NORMAL_PRIORITY_CLASS;
    case MPLAT_PRIORITY_HIGH:
        return ABOVE_NORMAL_PRIORITY_CLASS;
    case MPLAT_PRIORITY_INHERIT:
    default:
        /* The system itself hands down only the two lowest. */
        return GetPriorityClass(GetCurrentProcess());
    }
}

static bool sets_own_affinity(const spawn_t *spawn) {
    return spawn->options->affinity != NULL && mplat_affinity_of_process();
}

/* What is done to the child itself is done before its first instruction. */
static bool starts_suspended(const spawn_t *spawn) {
    return spawn->link != NULL || sets_own_affinity(spawn);
}

/* A console program without a console gets a new window: from a parent that has none, a hidden console avoids that.
 * It costs a process more, so a child of a parent with a console shares that one. */
static DWORD creation_flags(const spawn_t *spawn) {
    const mplat_spawn_options_t *options = spawn->options;
    DWORD flags = EXTENDED_STARTUPINFO_PRESENT | CREATE_UNICODE_ENVIRONMENT | priority_flag(options->priority);
    if (options->detached)
        flags |= DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP | CREATE_BREAKAWAY_FROM_JOB;
    else if (!spawn->has_console)
        flags |= CREATE_NO_WINDOW;
    if (options->own_group)
        flags |= CREATE_NEW_PROCESS_GROUP;
    if (starts_suspended(spawn))
        flags |= CREATE_SUSPENDED;
    return flags;
}

static int start(spawn_t *spawn) {
    DWORD somebody;
    PROCESS_INFORMATION child;
    spawn_text_t *text = &spawn->text;
    spawn->has_console = GetConsoleProcessList(&somebody, 1) > 0;
    DWORD flags = creation_flags(spawn);
    STARTUPINFOEXW info = {.StartupInfo = {.cb = sizeof info,
                                           .dwFlags = STARTF_USESTDHANDLES,
                                           .hStdInput = spawn->streams[0],
                                           .hStdOutput = spawn->streams[1],
                                           .hStdError = spawn->streams[2]},
                           .lpAttributeList = spawn->attributes};
    spawn->process->started_ns = mplat_clock_ns();
    BOOL ok = mplat_sys.CreateProcessW(text->program, text->command_line, NULL, NULL, TRUE, flags, text->environment,
                                       text->directory, &info.StartupInfo, &child);
    /* Access is denied too when a job around us lets nobody leave: the child is then as detached as it can be. */
    if (!ok && GetLastError() == ERROR_ACCESS_DENIED && (flags & CREATE_BREAKAWAY_FROM_JOB) != 0)
        ok = mplat_sys.CreateProcessW(text->program, text->command_line, NULL, NULL, TRUE,
                                      flags & ~(DWORD)CREATE_BREAKAWAY_FROM_JOB, text->environment, text->directory,
                                      &info.StartupInfo, &child);
    /* wine 8, when another process starts or ends at the same moment; Windows does not say so. */
    if (!ok && GetLastError() == ERROR_INTERNAL_ERROR)
        ok = mplat_sys.CreateProcessW(text->program, text->command_line, NULL, NULL, TRUE, flags, text->environment,
                                      text->directory, &info.StartupInfo, &child);
    if (!ok)
        return mplat_fail_last("CreateProcess");
    spawn->process->process = child.hProcess;
    spawn->process->pid = child.dwProcessId;
    spawn->process->has_console_group = spawn->has_console && spawn->options->own_group && !spawn->options->detached;
    spawn->thread = child.hThread;
    return 0;
}

static int settle(spawn_t *spawn) {
    HANDLE child = spawn->process->process;
    int err = spawn->link != NULL ? mplat_link_give(spawn->link, &spawn->offer, child) : 0;
    if (err == 0 && sets_own_affinity(spawn))
        err = mplat_affinity_set(child, spawn->options->affinity);
    if (err == 0 && starts_suspended(spawn) && mplat_sys.ResumeThread(spawn->thread) == (DWORD)-1)
        err = mplat_fail_last("ResumeThread");
    return err;
}

/* ---- end --------------------------------------------------------------------------------------------------------- */

static void release(spawn_t *spawn) {
    for (size_t i = 0; i < STREAMS; i++)
        mplat_close(&spawn->streams[i]);
    mplat_link_withdraw(&spawn->offer);
    mplat_close(&spawn->thread);
    if (spawn->attributes != NULL)
        DeleteProcThreadAttributeList(spawn->attributes);
    free(spawn->attributes);
    mplat_spawn_text_fini(&spawn->text);
}

/* The caller learns of a failed spawn only when its child is gone. */
static void undo(spawn_t *spawn) {
    if (spawn->process != NULL && spawn->process->process != NULL) {
        TerminateProcess(spawn->process->process, MPLAT_CODE_KILLED);
        WaitForSingleObject(spawn->process->process, INFINITE);
    }
    mplat_process_destroy(spawn->process);
    mplat_link_destroy(spawn->link);
}

int mplat_spawn(const mplat_spawn_options_t *options, mplat_process_t **out_process, mplat_link_t **out_link) {
    static int (*const steps[])(spawn_t *) = {
        open_streams, make_link, make_text, make_process_object, make_jobs, make_attributes, start, settle,
    };
    spawn_t spawn = {.options = options};
    int err = 0;
    *out_process = NULL;
    if (out_link != NULL)
        *out_link = NULL;
    for (size_t i = 0; err == 0 && i < sizeof steps / sizeof steps[0]; i++)
        err = steps[i](&spawn);
    release(&spawn);
    if (err != 0) {
        undo(&spawn);
        return err;
    }
    *out_process = spawn.process;
    if (out_link != NULL)
        *out_link = spawn.link;
    return 0;
}
