/* SPDX-License-Identifier: Apache-2.0 */
/* launch.h: starts the running executable once more and tells the child what it is: a process's child, or a pool's worker.
 * The other end is child.c. */
#ifndef MPROC_SRC_LAUNCH_H
#define MPROC_SRC_LAUNCH_H

#include "bootstrap.h"
#include "platform/platform.h"

#include <mproc/error.h>

/* mproc_launch spawns as options say (program, argv and link are set here) and sends bootstrap, whose build id, fingerprint and
 * parent are filled in here; its payload goes through a segment when it is large. It never waits for the child. After a failure
 * nothing of the child is left: MPROC_ESPAWN with the system's reason, MPROC_ENOTSUP for an option the system
 * lacks, MPROC_ENOMEM, MPROC_ETOOBIG; other codes are for mproc_launch_failed. */
int mproc_launch(const mplat_spawn_options_t *options, mproc_bootstrap_t *bootstrap, mplat_process_t **out_system,
                 mplat_link_t **out_link);

/* mproc_launch_failed gives the last error, of code err, the code that the user of a start is promised, and returns that:
 * whatever the system refused is MPROC_ESPAWN, be it a process, a handle or memory to share. MPROC_OK, and the codes that tell
 * something else, stay. */
int mproc_launch_failed(int err);

#define MPROC_NEVER_BEGAN_SIZE 700

/* mproc_never_began writes what is told of a child that ended before its program called mproc_init, as the middle of a sentence:
 * "exited with code 0 before …". Returns buf. */
const char *mproc_never_began(const mproc_exit_t *exit, char buf[MPROC_NEVER_BEGAN_SIZE]);

#endif
