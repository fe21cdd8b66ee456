/* SPDX-License-Identifier: Apache-2.0 */
/* launch.c: one spawn and one message. */
#include "launch.h"

#include "process_exit.h"
#include "registry.h"
#include "report.h"

#include <mproc/process.h>
#include <stdio.h>

/* The first message is small enough never to block; the time is for a child that is not ours at all. */
#define SEND_TIMEOUT_MS 10000
#define PATH_SIZE 4096

/* Nobody sees it in a program that calls mproc_init first. It is for the others: an interpreter that is the host's executable
 * would read its program from our standard input, and wait there, if it had no argument; so it refuses this one. */
#define CHILD_ARGUMENT "--mproc-child"

static int fail_spawn(const mproc_bootstrap_t *bootstrap, const char *directory, int err) {
    int code = err == MPLAT_ENOMEM || err == MPLAT_ENOTSUP ? mproc_code_of_platform(err) : MPROC_ESPAWN;
    bool task = bootstrap->task[0] != '\0', elsewhere = directory != NULL;
    return mproc_fail_system(code, "Cannot start process '%s'%s%s%s%s%.300s%s", bootstrap->name, task ? " (task '" : "",
                             bootstrap->task, task ? "')" : "", elsewhere ? " in directory '" : "",
                             elsewhere ? directory : "", elsewhere ? "'" : "");
}

static int spawn(const mplat_spawn_options_t *options, const mproc_bootstrap_t *bootstrap, mplat_process_t **out_system,
                 mplat_link_t **out_link) {
    char path[PATH_SIZE]; /* only what ps and argv[0] show: the platform runs the very file that runs here */
    const char *argv[] = {mplat_executable_path(path, sizeof path) == 0 ? path : "mproc", CHILD_ARGUMENT, NULL};
    mplat_spawn_options_t complete = *options;
    complete.program = NULL;
    complete.argv = argv;
    complete.link = true;
    int err = mplat_spawn(&complete, out_system, out_link);
    return err == 0 ? MPROC_OK : fail_spawn(bootstrap, options->directory, err);
}

static int make_segment(mproc_bootstrap_t *bootstrap, mplat_segment_t **out_segment) {
    size_t size = mproc_bootstrap_segment_size(bootstrap);
    if (size == 0)
        return mproc_fail(MPROC_ETOOBIG, "The arguments and the input are together larger than the address space");
    int err = mplat_segment_create(size, out_segment);
    if (err != 0)
        return mproc_fail_platform(err, "Cannot get %zu bytes of shared memory for the arguments and the input", size);
    mproc_bootstrap_fill_segment(bootstrap, mplat_segment_base(*out_segment));
    bootstrap->in_segment = true;
    return MPROC_OK;
}

static int encode(mproc_bootstrap_t *bootstrap, unsigned char *message, size_t *out_size,
                  mplat_segment_t **out_segment) {
    int err = mproc_bootstrap_encode(bootstrap, message, MPROC_BOOTSTRAP_SIZE_MAX, out_size);
    if (err != MPROC_ETOOBIG)
        return err;
    err = make_segment(bootstrap, out_segment);
    if (err != MPROC_OK)
        return err;
    err = mproc_bootstrap_encode(bootstrap, message, MPROC_BOOTSTRAP_SIZE_MAX, out_size);
    return err == MPROC_OK ? err
                           : mproc_fail(err, "The names of process '%s' and its parent are too long", bootstrap->name);
}

/* A child that ends before it reads is no failure of the start: its exit tells what happened. */
static int send_bootstrap(mproc_bootstrap_t *bootstrap, mplat_link_t *link) {
    unsigned char build_id[MPROC_BUILD_ID_MAX];
    _Alignas(MPROC_BOOTSTRAP_ALIGNMENT) unsigned char message[MPROC_BOOTSTRAP_SIZE_MAX];
    mplat_segment_t *segment = NULL;
    mplat_handle_t handle = MPLAT_NO_HANDLE;
    size_t size = 0;
    bootstrap->build_id = build_id;
    if (mplat_build_id(build_id, sizeof build_id, &bootstrap->build_id_size) != 0)
        bootstrap->build_id_size = 0;
    bootstrap->fingerprint = mproc_registry_fingerprint();
    bootstrap->parent_name = mproc_process_name(mproc_current_process());
    bootstrap->parent_pid = mplat_self_pid();
    int err = encode(bootstrap, message, &size, &segment);
    if (err != MPROC_OK)
        goto done;
    if (segment != NULL)
        handle = mplat_segment_handle(segment);
    err = mplat_link_send(link, message, size, &handle, segment != NULL ? 1 : 0, SEND_TIMEOUT_MS);
    if (err != 0)
        err = err == MPLAT_ECLOSED
                  ? MPROC_OK
                  : mproc_fail_platform(err, "Cannot send process '%s' its arguments", bootstrap->name);

done:
    mplat_segment_destroy(segment);
    return err;
}

const char *mproc_never_began(const mproc_exit_t *exit, char buf[MPROC_NEVER_BEGAN_SIZE]) {
    char path[PATH_SIZE], how[160];
    if (mplat_executable_path(path, sizeof path) != 0)
        (void)snprintf(path, sizeof path, "the program");
    (void)snprintf(
        buf, MPROC_NEVER_BEGAN_SIZE,
        "%s before mproc_init took over, so its task never ran: mproc_init must be the first statement of main "
        "in '%.300s', which runs again as the child; a loader or an interpreter cannot be that program",
        mproc_exit_describe(exit, how, sizeof how), path);
    return buf;
}

int mproc_launch_failed(int err) {
    if (err != MPROC_ESYSTEM && err != MPROC_ETIMEDOUT && err != MPROC_ESTATE && err != MPROC_ECLOSED &&
        err != MPROC_EMALFORMED)
        return err;
    mproc_error_t error = *mproc_last_error();
    error.code = MPROC_ESPAWN;
    return mproc_fail_error(&error);
}

int mproc_launch(const mplat_spawn_options_t *options, mproc_bootstrap_t *bootstrap, mplat_process_t **out_system,
                 mplat_link_t **out_link) {
    *out_system = NULL;
    *out_link = NULL;
    int err = spawn(options, bootstrap, out_system, out_link);
    if (err == MPROC_OK)
        err = send_bootstrap(bootstrap, *out_link);
    if (err == MPROC_OK || *out_system == NULL)
        return err;
    (void)mplat_process_signal(*out_system, MPLAT_SIGNAL_KILL);
    (void)mplat_process_wait(*out_system, -1);
    mplat_link_destroy(*out_link);
    mplat_process_destroy(*out_system);
    *out_link = NULL;
    *out_system = NULL;
    return err;
}
