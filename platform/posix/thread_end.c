/* SPDX-License-Identifier: Apache-2.0 */
/* thread_end.c: what a thread still does when it ends, by a thread-specific key. */
#include "internal.h"

#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_error;

static void run_end(void *value) {
    mplat_thread_end_t *end = value;
    end->run(end);
}

static void create_key(void) {
    key_error = pthread_key_create(&key, run_end);
}

int mplat_thread_at_end(mplat_thread_end_t *end) {
    pthread_once(&once, create_key);
    if (key_error != 0)
        return mplat_fail(key_error, "pthread_key_create");
    int os_code = pthread_setspecific(key, end);
    return os_code == 0 ? 0 : mplat_fail(os_code, "pthread_setspecific");
}
