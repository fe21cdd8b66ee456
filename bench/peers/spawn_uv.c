/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_uv.c: libuv's uv_spawn, with the loop running until all have ended. */
#include <uv.h>

#include "spawning.h"

static uv_loop_t loop;
static uv_process_t processes[PEER_AT_ONCE_MAX];
static int failures;

int peer_open(void) {
    return uv_loop_init(&loop);
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal_number) {
    failures += status != 0 || signal_number != 0;
    uv_close((uv_handle_t *)process, NULL);
}

int peer_spawn_all(const char *const *argv, size_t count) {
    char *child[] = {(char *)(size_t)argv[0], (char *)(size_t)argv[1], NULL};
    uv_process_options_t options = {.exit_cb = on_exit_of, .file = argv[0], .args = child};
    failures = 0;
    for (size_t i = 0; i < count; i++)
        if (uv_spawn(&loop, &processes[i], &options) != 0)
            return -1;
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return failures;
}
