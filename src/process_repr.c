/* SPDX-License-Identifier: Apache-2.0 */
/* process_repr.c: a process as Python prints it, character for character. */
#include "process_object.h"
#include "text.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

/* Above three quoted characters for each byte nothing can come: "\xff" of a control character is the longest. */
#define QUOTED_SIZE (4 * (MPROC_IDENTITY_MAX + MPROC_NAME_MAX) + 3)

static void add_name(mproc_text_t *text, const char *name) {
    char quoted[QUOTED_SIZE];
    mproc_value_t value = {.object = {.type = MSGPACK_OBJECT_STR}};
    value.object.via.str.ptr = name;
    value.object.via.str.size = (uint32_t)strlen(name);
    (void)mproc_value_repr(&value, quoted, sizeof quoted);
    mproc_text_add_string(text, " name=");
    mproc_text_add_string(text, quoted);
}

static void add_parent(mproc_text_t *text, int64_t pid) {
    if (pid != 0)
        mproc_text_print(text, " parent=%" PRId64, pid);
    else
        mproc_text_add_string(text, " parent=None");
}

/* Python names signals, and leaves other numbers as they are. */
static void add_exitcode(mproc_text_t *text, const mproc_exit_t *exit) {
    int64_t code = 0;
    if (!mproc_exit_python(exit, &code))
        return;
    if (exit->signal != 0 && exit->name[0] != '\0')
        mproc_text_print(text, " exitcode=-%s", exit->name);
    else
        mproc_text_print(text, " exitcode=%" PRId64, code);
}

static const char *status_of(const mproc_process_t *process) {
    switch (process->state) {
    case MPROC_STATE_CLOSED:
        return "closed";
    case MPROC_STATE_STARTED:
        return "started";
    case MPROC_STATE_ENDED:
        return "stopped";
    default:
        return "initial";
    }
}

static void add_child(mproc_text_t *text, mproc_process_t *process) {
    mproc_processes_lock();
    mproc_process_refresh(process);
    if (process->pid != 0 && process->state != MPROC_STATE_CLOSED)
        mproc_text_print(text, " pid=%" PRId64, process->pid);
    add_parent(text, process->creator);
    mproc_text_print(text, " %s", status_of(process));
    if (process->state == MPROC_STATE_ENDED)
        add_exitcode(text, &process->exit);
    mproc_processes_unlock();
}

/* A copy of a parent's object, in a process that fork() made. */
static void add_foreign_child(mproc_text_t *text, const mproc_process_t *process) {
    if (process->pid != 0 && process->state != MPROC_STATE_CLOSED)
        mproc_text_print(text, " pid=%" PRId64, process->pid);
    add_parent(text, process->creator);
    mproc_text_add_string(text, process->state == MPROC_STATE_CLOSED ? " closed" : " unknown");
}

size_t mproc_process_repr(mproc_process_t *process, char *buf, size_t size) {
    mproc_text_t text;
    mproc_text_init(&text, buf, size);
    if (process == NULL) {
        mproc_text_add_string(&text, "None");
        return text.length;
    }
    const char *name = atomic_load(&process->name);
    switch (process->role) {
    case MPROC_ROLE_CURRENT:
        mproc_text_add_string(&text, process->creator == 0 ? "<_MainProcess" : "<Process");
        add_name(&text, name);
        add_parent(&text, process->creator);
        mproc_text_add_string(&text, " started");
        break;
    case MPROC_ROLE_PARENT:
        mproc_text_add_string(&text, "<_ParentProcess");
        add_name(&text, name);
        mproc_text_add_string(&text, " parent=None unknown");
        break;
    case MPROC_ROLE_CHILD:
        mproc_text_add_string(&text, "<Process");
        add_name(&text, name);
        if (process->creator == mplat_self_pid())
            add_child(&text, process);
        else
            add_foreign_child(&text, process);
        break;
    }
    if (mproc_process_daemon(process))
        mproc_text_add_string(&text, " daemon");
    mproc_text_add_string(&text, ">");
    return text.length;
}
