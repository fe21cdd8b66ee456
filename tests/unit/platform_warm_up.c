/* SPDX-License-Identifier: Apache-2.0 */
/* What the platform layer opens once per process and keeps is opened before the first count. */
#include "child_client.h"
#include "child_host.h"
#include "test.h"

/* The first thread of a process brings another one with it under a sanitizer. */
static void nothing(void *arg) {
    (void)arg;
}

static void start_one_of_each(void) {
    host_thread_join(host_thread_start(nothing, NULL));
    child_t child = child_start_serving();
    child_tell(&child, "exit 0");
    child_exit(&child);
    child_end(&child);
    mplat_watch_t *watch = NULL;
    if (mplat_watch_create(&watch) == 0)
        mplat_watch_destroy(watch);
}

TEST_WARM_UP(start_one_of_each)
