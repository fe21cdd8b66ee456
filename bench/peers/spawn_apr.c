/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_apr.c: APR's apr_proc_create and apr_proc_wait. */
#include <apr_general.h>
#include <apr_thread_proc.h>

#include "spawning.h"

static apr_pool_t *parent;

int peer_open(void) {
    return apr_initialize() != APR_SUCCESS || apr_pool_create(&parent, NULL) != APR_SUCCESS;
}

static int spawn_and_wait(apr_pool_t *pool, const char *const *argv, size_t count) {
    apr_proc_t processes[PEER_AT_ONCE_MAX];
    apr_procattr_t *attributes = NULL;
    apr_exit_why_e why;
    int code = 0, failures = 0;
    if (apr_procattr_create(&attributes, pool) != APR_SUCCESS ||
        apr_procattr_cmdtype_set(attributes, APR_PROGRAM_ENV) != APR_SUCCESS)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (apr_proc_create(&processes[i], argv[0], argv, NULL, attributes, pool) != APR_SUCCESS)
            return -1;
    for (size_t i = 0; i < count; i++)
        failures += apr_proc_wait(&processes[i], &code, &why, APR_WAIT) != APR_CHILD_DONE || code != 0;
    return failures;
}

int peer_spawn_all(const char *const *argv, size_t count) {
    apr_pool_t *pool = NULL;
    if (apr_pool_create(&pool, parent) != APR_SUCCESS)
        return -1;
    int failures = spawn_and_wait(pool, argv, count);
    apr_pool_destroy(pool);
    return failures;
}
