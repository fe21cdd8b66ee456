/* SPDX-License-Identifier: Apache-2.0 */
/* init.c: start and end of the library in a program: mproc_init's first half, and mproc_fini. */
#include "init.h"

#include "child.h"
#include "platform/platform.h"
#include "pool_list.h"
#include "process_list.h"
#include "registry.h"
#include "report.h"
#include "trace_file.h"

#include <mproc/task.h>
#include <mproc/version.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

static int64_t program_pid; /* where mproc_init ran; 0 before */
static atomic_bool ending;

/* Two versions that differ only in their patch number are made to fit. */
static bool version_fits(int number) {
    return number / 100 == MPROC_VERSION_NUMBER / 100;
}

int mproc_init_begin(int version_number, bool *out_child) {
    mplat_link_t *link = NULL;
    *out_child = false;
    if (program_pid != 0)
        return MPROC_OK;
    if (!version_fits(version_number))
        return mproc_fail(
            MPROC_EVERSION,
            "The program was compiled with the headers of mproc %d.%d.%d but runs with the library %s: compile it "
            "again, or install the library it was made for",
            version_number / 10000, version_number / 100 % 100, version_number % 100, MPROC_VERSION_STRING);
    int err = mproc_registry_check();
    if (err != MPROC_OK)
        return err;
    err = mplat_child_begin(&link);
    if (err != 0)
        return mproc_fail_platform(err, "The environment carries a start marker that is not of mproc's making");
    program_pid = mplat_self_pid();
    mproc_child_set_link(link);
    *out_child = link != NULL;
    return MPROC_OK;
}

bool mproc_program_is_copy(void) {
    return program_pid != 0 && mplat_self_pid() != program_pid;
}

int mproc_program_check(void) {
    if (program_pid == 0)
        return mproc_fail(MPROC_ESTATE, "mproc_init has not been called: make it the first statement of main");
    if (mproc_program_is_copy())
        return mproc_fail(MPROC_ESTATE,
                          "This process is a copy made by fork(): only the program that called mproc_init can use "
                          "mproc; let the copy exec or _exit");
    if (atomic_load(&ending))
        return mproc_fail(MPROC_ESTATE, "The program is ending: its exit handlers can no longer start anything");
    return MPROC_OK;
}

void mproc_fini(void) {
    if (program_pid == 0 || mproc_program_is_copy())
        return;
    atomic_store(&ending, true);
    mproc_pools_fini();
    mproc_trace_files_fini();
    mproc_processes_end();
    mproc_error_thread_fini();
}
