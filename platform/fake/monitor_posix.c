/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_posix.c: the fake platform's lock by pthreads, and the real end of a thread. */
#include "platform/fake/monitor.h"

#include <pthread.h>

#include "platform/fake/state.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;

void monitor_enter(void) {
    pthread_mutex_lock(&lock);
}

void monitor_leave(void) {
    pthread_mutex_unlock(&lock);
}

void monitor_sleep(void) {
    pthread_cond_wait(&change, &lock);
}

void monitor_changed(void) {
    pthread_cond_broadcast(&change);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static void run_end(void *value) {
    mplat_thread_end_t *end = value;
    end->run(end);
}

static void create_key(void) {
    pthread_key_create(&key, run_end);
}

int mplat_thread_at_end(mplat_thread_end_t *end) {
    int err = state_injected(FAKE_THREAD_AT_END);
    if (err != 0)
        return err;
    pthread_once(&once, create_key);
    return pthread_setspecific(key, end) == 0 ? 0 : MPLAT_ENOMEM;
}
