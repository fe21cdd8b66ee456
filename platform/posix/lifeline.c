/* SPDX-License-Identifier: Apache-2.0 */
/* lifeline.c: the parent's side of the lifeline. The child's side is in lifeline_fasync.c and lifeline_thread.c. */
#include "lifeline.h"

#include "internal.h"
#include "syscalls.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

static struct {
    pthread_mutex_t mutex;
    int read_end, write_end; /* -1: none */
    bool fork_watched;
} lifeline = {.mutex = PTHREAD_MUTEX_INITIALIZER, .read_end = -1, .write_end = -1};

static void before_fork(void) {
    pthread_mutex_lock(&lifeline.mutex);
}

static void after_fork_in_parent(void) {
    pthread_mutex_unlock(&lifeline.mutex);
}

static atomic_bool is_copy;

bool mplat_self_is_copy(void) {
    return atomic_load_explicit(&is_copy, memory_order_relaxed);
}

/* A copy that the host forks is not the parent of our children: with the write end in its hands they would live as
 * long as the copy does. It makes a lifeline of its own when it spawns. The read end stays for now: the copy may
 * be a child of ours on its way to exec (spawn_fork.c), which needs it. */
static void after_fork_in_child(void) {
    atomic_store_explicit(&is_copy, true, memory_order_relaxed);
    mplat_close(lifeline.write_end);
    lifeline.write_end = -1;
    pthread_mutex_unlock(&lifeline.mutex);
}

static int make(void) {
    int fds[2] = {-1, -1};
    if (!lifeline.fork_watched) {
        int os_code = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
        if (os_code != 0)
            return mplat_fail(os_code, "make lifeline");
        lifeline.fork_watched = true;
    }
    if (mplat_sys.pipe(fds) != 0)
        return mplat_fail(errno, "make lifeline");
    mplat_close(lifeline.read_end);
    lifeline.read_end = fds[0];
    lifeline.write_end = fds[1];
    return 0;
}

int mplat_lifeline_for_child(int *out_fd) {
    *out_fd = -1;
    pthread_mutex_lock(&lifeline.mutex);
    int err = lifeline.write_end >= 0 ? 0 : make();
    if (err == 0) {
        *out_fd = mplat_lifeline_open(lifeline.read_end);
        err = *out_fd >= 0 ? 0 : mplat_fail(errno, "make lifeline");
    }
    pthread_mutex_unlock(&lifeline.mutex);
    return err;
}
