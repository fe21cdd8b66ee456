/* SPDX-License-Identifier: Apache-2.0 */
/* registry.c: two lists of the program's own task objects: those numbered by mproc_registry_check, which never change
 * again, and those registered since, to which any thread may add. */
#include "registry.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "report.h"

/* task->number: 0 before it is registered, REGISTERED while it has no number, else its number and 1. */
#define REGISTERED SIZE_MAX

static _Atomic(mproc_task_t *) latest; /* newest first, not numbered */
static _Atomic(mproc_task_t *) numbered;
static size_t numbered_count;
static uint64_t fingerprint;

/* Runs before main, and when a plug-in is loaded while other threads look for tasks: the release makes a task's
 * members visible to whoever finds it. */
void mproc_task_register(mproc_task_t *task) {
    if (task->number != 0) /* twice would make the list a circle */
        return;
    task->number = REGISTERED;
    mproc_task_t *head = atomic_load_explicit(&latest, memory_order_relaxed);
    do {
        task->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&latest, &head, task, memory_order_release, memory_order_relaxed));
}

static bool comes_before(const mproc_task_t *task, const mproc_task_t *other) {
    int order = strcmp(task->name, other->name);
    if (order == 0)
        order = strcmp(task->file, other->file);
    return order < 0 || (order == 0 && task->line < other->line);
}

static mproc_task_t *merge(mproc_task_t *left, mproc_task_t *right) {
    mproc_task_t *first = NULL;
    mproc_task_t **end = &first;
    while (left != NULL && right != NULL) {
        mproc_task_t **smaller = comes_before(right, left) ? &right : &left;
        *end = *smaller;
        *smaller = (*smaller)->next;
        end = &(*end)->next;
    }
    *end = left != NULL ? left : right;
    return first;
}

/* Bottom-up merge sort: sorted[i] is empty or a sorted list of 2^i tasks. */
static mproc_task_t *sort(mproc_task_t *list) {
    mproc_task_t *sorted[sizeof(size_t) * 8] = {NULL};
    while (list != NULL) {
        mproc_task_t *run = list;
        size_t i = 0;
        list = list->next;
        run->next = NULL;
        for (; sorted[i] != NULL; i++) {
            run = merge(sorted[i], run);
            sorted[i] = NULL;
        }
        sorted[i] = run;
    }
    mproc_task_t *all = NULL;
    for (size_t i = 0; i < sizeof sorted / sizeof sorted[0]; i++)
        all = merge(sorted[i], all);
    return all;
}

/* FNV-1a, 64 bits. */
static void mix(uint64_t *hash, const void *data, size_t size) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void mix_number(uint64_t *hash, uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8)
        mix(hash, &(unsigned char){(unsigned char)(number >> shift)}, 1);
}

static uint64_t fingerprint_of(const mproc_task_t *list) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    mix(&hash, MPROC_VERSION_STRING, sizeof MPROC_VERSION_STRING);
    mix_number(&hash, sizeof(void *));
    for (; list != NULL; list = list->next) {
        mix(&hash, list->name, strlen(list->name) + 1);
        mix_number(&hash, (uint64_t)list->line);
    }
    return hash;
}

static const mproc_task_t *find_double(const mproc_task_t *list) {
    for (; list != NULL && list->next != NULL; list = list->next) {
        if (strcmp(list->name, list->next->name) == 0)
            return list;
    }
    return NULL;
}

int mproc_registry_check(void) {
    mproc_task_t *list = merge(atomic_load_explicit(&numbered, memory_order_acquire),
                               sort(atomic_load_explicit(&latest, memory_order_acquire)));
    const mproc_task_t *twice = find_double(list);
    if (twice != NULL) {
        atomic_store_explicit(&numbered, NULL, memory_order_release);
        atomic_store_explicit(&latest, list, memory_order_release); /* so that a second check fails too */
        return mproc_fail(MPROC_EINVAL, "Two tasks are named '%s', at %s:%d and %s:%d: rename one", twice->name,
                          twice->file, twice->line, twice->next->file, twice->next->line);
    }
    atomic_store_explicit(&latest, NULL, memory_order_release);
    numbered_count = 0;
    for (mproc_task_t *task = list; task != NULL; task = task->next)
        task->number = ++numbered_count;
    fingerprint = fingerprint_of(list);
    atomic_store_explicit(&numbered, list, memory_order_release);
    return MPROC_OK;
}

uint64_t mproc_registry_fingerprint(void) {
    return fingerprint;
}

size_t mproc_registry_count(void) {
    return numbered_count;
}

static const mproc_task_t *numbered_list(void) {
    return atomic_load_explicit(&numbered, memory_order_acquire);
}

static const mproc_task_t *latest_list(void) {
    return atomic_load_explicit(&latest, memory_order_acquire);
}

const mproc_task_t *mproc_registry_at(size_t number) {
    const mproc_task_t *task = numbered_list();
    while (task != NULL && number-- > 0)
        task = task->next;
    return task;
}

size_t mproc_registry_number(const mproc_task_t *task) {
    return task->number == 0 || task->number == REGISTERED ? MPROC_NO_NUMBER : task->number - 1;
}

static const mproc_task_t *find_in(const mproc_task_t *list, const char *name) {
    while (list != NULL && strcmp(list->name, name) != 0)
        list = list->next;
    return list;
}

const mproc_task_t *mproc_registry_find(const char *name) {
    const mproc_task_t *task = find_in(numbered_list(), name);
    return task != NULL ? task : find_in(latest_list(), name);
}

int mproc_registry_check_task(const mproc_task_t *task) {
    if (task == NULL)
        return mproc_fail(MPROC_EINVAL, "No task was given");
    if (task->number == 0)
        return mproc_fail(MPROC_ENOTASK,
                          "The task '%s' is not registered: define it with MPROC_TASK, or call "
                          "mproc_task_register first",
                          task->name != NULL ? task->name : "");
    return MPROC_OK;
}
