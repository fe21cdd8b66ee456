/* SPDX-License-Identifier: Apache-2.0 */
/* A program that forgot mproc_init: it is told so, and nothing is started. With an argument it calls mproc_init with headers of
 * another version. It has no harness, which would call mproc_init. */
#include <mproc/mproc.h>
#include <stdio.h>

MPROC_TASK(uninitialised_task) {
    return MPROC_OK;
}

static int complain(const char *what) {
    printf("wrong: %s (%s)\n", what, mproc_last_error()->message);
    return 1;
}

int main(int argc, char **argv) {
    mproc_process_t *process = NULL;
    mproc_pool_t *pool = NULL;
    bool child = true;
    size_t count = 1;
    (void)argv;
    if (argc > 1) {
        if (mproc_init_begin(MPROC_VERSION_NUMBER + 100, &child) != MPROC_EVERSION || child)
            return complain("another version is accepted");
        printf("%s\n", mproc_last_error()->message);
        return 0;
    }
    if (mproc_process_create(&(mproc_process_options_t){.target = &uninitialised_task}, &process) != MPROC_ESTATE)
        return complain("a process is made");
    printf("%s\n", mproc_last_error()->message);
    if (mproc_pool_create(NULL, &pool) != MPROC_ESTATE || pool != NULL)
        return complain("a pool is made");
    if (mproc_active_children(NULL, 0, &count) != MPROC_OK || count != 0)
        return complain("there are children");
    if (mproc_parent_process() != NULL)
        return complain("there is a parent");
    mproc_fini();
    return 0;
}
