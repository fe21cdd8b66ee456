/* SPDX-License-Identifier: Apache-2.0 */
/* hub.c: one condition for all pools of the program. It is never given back: at exit a thread may still sleep there. */
#include "hub.h"

#include "report.h"
#include "threads.h"

static mproc_once_t once;
static mproc_mutex_t *mutex;
static mproc_condition_t *condition;
static uint64_t changes;

static int open_hub(void) {
    mproc_mutex_t *made = NULL;
    int err = mproc_mutex_create(&made);
    if (err == MPROC_OK)
        err = mproc_condition_create(&condition);
    if (err != MPROC_OK)
        mproc_mutex_destroy(made);
    else
        mutex = made;
    return err;
}

int mproc_hub_open(void) {
    return mproc_once(&once, open_hub);
}

uint64_t mproc_hub_count(void) {
    mproc_mutex_lock(mutex);
    uint64_t count = changes;
    mproc_mutex_unlock(mutex);
    return count;
}

void mproc_hub_sleep(uint64_t count, int64_t timeout_ns) {
    mproc_mutex_lock(mutex);
    if (changes == count)
        mproc_condition_wait(condition, mutex, timeout_ns);
    mproc_mutex_unlock(mutex);
}

void mproc_hub_changed(void) {
    mproc_mutex_lock(mutex);
    changes++;
    mproc_condition_broadcast(condition);
    mproc_mutex_unlock(mutex);
}
