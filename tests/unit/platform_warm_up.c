/* SPDX-License-Identifier: Apache-2.0 */
/* What the platform layer opens once per process and keeps is opened before the first count. */
#include "child_client.h"
#include "child_host.h"
#include "test.h"

/* The first thread of a process brings another one with it under a sanitizer. */
static void nothing(void *arg) {
    (void)arg;
}

/* Waits with a deadline, of a kind each: Windows keeps the threads of its own that serve them. */
static void wait_for_nothing(mplat_process_t *process) {
    mplat_watch_t *watch = NULL;
    mplat_watch_event_t event;
    mplat_handle_t read_end = MPLAT_NO_HANDLE, write_end = MPLAT_NO_HANDLE;
    size_t count;
    if (mplat_watch_create(&watch) == 0 && mplat_watch_add_process(watch, process, NULL) == 0) {
        mplat_watch_wait(watch, 1000000, &event, 1, &count);
        mplat_watch_remove_process(watch, process);
    }
    mplat_watch_destroy(watch);
    /* A write sets the timer in any case; a read does not when the machine is so busy that its time is over before. */
    if (mplat_pipe_create(&read_end, &write_end) == 0)
        mplat_pipe_write(write_end, "x", 1, 1000, &count);
    mplat_handle_close(&read_end);
    mplat_handle_close(&write_end);
}

/* No assertion can be made yet; what does not work here does not work in the tests either. */
static void start_one_of_each(void) {
    host_thread_join(host_thread_start(nothing, NULL));
    mplat_spawn_options_t options = child_options(CHILD_ARGS("serve"));
    mplat_process_t *process = NULL;
    mplat_link_t *link = NULL;
    options.link = true;
    if (mplat_spawn(&options, &process, &link) == 0) {
        wait_for_nothing(process);
        mplat_link_send(link, "exit 0", 6, NULL, 0, -1);
        mplat_process_wait(process, -1);
    }
    mplat_process_destroy(process);
    mplat_link_destroy(link);
}

TEST_WARM_UP(start_one_of_each)
