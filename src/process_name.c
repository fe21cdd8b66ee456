/* SPDX-License-Identifier: Apache-2.0 */
/* process_name.c: names and identities. The second child of "Process-1" is 1:2, and so is called "Process-1:2". */
#include "init.h"
#include "memory.h"
#include "process_object.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "Process-"

static _Atomic uint64_t children; /* made so far by this process, started or not */

int mproc_process_check_name(const char *name) {
    if (name != NULL && strlen(name) > MPROC_NAME_MAX)
        return mproc_fail(MPROC_EINVAL, "The name \"%.32s…\" has %zu bytes: a process's name has at most %d", name,
                          strlen(name), MPROC_NAME_MAX);
    return MPROC_OK;
}

/* The name is set last: other threads may be reading the one before. */
static int add_name(mproc_process_t *process, const char *text) {
    size_t size = strlen(text) + 1;
    mproc_process_name_t *name = mproc_alloc(sizeof *name + size);
    if (name == NULL)
        return mproc_fail_memory("the name of a process");
    memcpy(name->text, text, size);
    name->older = process->names;
    process->names = name;
    atomic_store(&process->name, name->text);
    return MPROC_OK;
}

int mproc_process_identify(mproc_process_t *process, const char *name) {
    char identity[MPROC_IDENTITY_MAX + 1], given[sizeof PREFIX + MPROC_IDENTITY_MAX];
    const char *ours = mproc_current_process()->identity;
    unsigned long long number = atomic_fetch_add(&children, 1) + 1;
    int length = snprintf(identity, sizeof identity, "%s%s%llu", ours, ours[0] != '\0' ? ":" : "", number);
    if (length < 0 || (size_t)length >= sizeof identity)
        return mproc_fail(MPROC_ETOOBIG,
                          "This process is a child of a child too many times over: its identity has no room left");
    process->identity = mproc_strdup(identity);
    if (process->identity == NULL)
        return mproc_fail_memory("a process");
    (void)snprintf(given, sizeof given, PREFIX "%s", identity);
    return add_name(process, name != NULL ? name : given);
}

void mproc_process_free_names(mproc_process_t *process) {
    while (process->names != NULL) {
        mproc_process_name_t *older = process->names->older;
        mproc_free(process->names);
        process->names = older;
    }
    mproc_free((char *)(uintptr_t)process->identity);
    process->identity = NULL;
}

const char *mproc_process_name(const mproc_process_t *process) {
    return process != NULL ? atomic_load(&process->name) : "";
}

int mproc_process_set_name(mproc_process_t *process, const char *name) {
    if (process == NULL || name == NULL)
        return mproc_fail(MPROC_EINVAL, "%s is NULL", process == NULL ? "The process" : "The name");
    if (process->role == MPROC_ROLE_PARENT)
        return mproc_fail(MPROC_ESTATE, "A process cannot name its parent");
    int err = process->role == MPROC_ROLE_CURRENT ? mproc_program_check() : mproc_process_check(process);
    if (err == MPROC_OK)
        err = mproc_process_check_name(name);
    if (err == MPROC_OK)
        err = mproc_processes_prepare();
    if (err != MPROC_OK)
        return err;
    mproc_processes_lock();
    err = add_name(process, name);
    mproc_processes_unlock();
    return err;
}
