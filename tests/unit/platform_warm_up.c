/* SPDX-License-Identifier: Apache-2.0 */
/* What the platform layer opens once per process and keeps is opened before the first count. */
#include "child_client.h"
#include "child_host.h"
#include "test.h"

/* The first thread of a process brings another one with it under a sanitizer. */
static void nothing(void *arg) {
    (void)arg;
}

/* No assertion can be made yet; what does not work here does not work in the tests either. */
static void start_one_of_each(void) {
    host_thread_join(host_thread_start(nothing, NULL));
    mplat_spawn_options_t options = child_options(CHILD_ARGS("serve"));
    mplat_process_t *process = NULL;
    mplat_link_t *link = NULL;
    mplat_watch_t *watch = NULL;
    options.link = true;
    if (mplat_spawn(&options, &process, &link) == 0) {
        mplat_link_send(link, "exit 0", 6, NULL, 0, -1);
        mplat_process_wait(process, -1);
    }
    mplat_process_destroy(process);
    mplat_link_destroy(link);
    if (mplat_watch_create(&watch) == 0)
        mplat_watch_destroy(watch);
}

TEST_WARM_UP(start_one_of_each)
