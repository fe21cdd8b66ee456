/* SPDX-License-Identifier: Apache-2.0 */
/* process_stdio.c: opens the files of standard streams with APR, which takes UTF-8 paths on every system and does not let
 * other children inherit them. */
#include "process_stdio.h"

#include "report.h"
#include "threads.h"

#include <apr_errno.h>
#include <apr_file_io.h>
#include <apr_pools.h>
#include <apr_portable.h>
#include <stdio.h>

static int fail_open(const char *path, apr_status_t status) {
    char reason[256], message[1024];
    mproc_error_t error = mproc_no_error;
    error.code = MPROC_ESPAWN;
    error.os_code = APR_TO_OS_ERROR(status);
    (void)mplat_os_error_text(error.os_code, reason, sizeof reason);
    (void)snprintf(message, sizeof message, "Cannot open '%s' for a standard stream of the child (%s)", path, reason);
    error.message = message;
    return mproc_fail_error(&error);
}

static int handle_of(apr_file_t *file, mplat_stdio_t *out_stdio) {
    apr_os_file_t handle;
    if (apr_os_file_get(&handle, file) != APR_SUCCESS)
        return mproc_fail(MPROC_ESYSTEM, "APR does not tell the handle of a file");
    *out_stdio = (mplat_stdio_t){MPLAT_STDIO_HANDLE, (mplat_handle_t)handle};
    return MPROC_OK;
}

static int need_pool(mproc_streams_t *streams) {
    apr_pool_t *pool = NULL;
    if (streams->pool != NULL)
        return MPROC_OK;
    int err = mproc_apr_start();
    if (err != MPROC_OK)
        return err;
    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS)
        return mproc_fail_memory("a standard stream");
    streams->pool = pool;
    return MPROC_OK;
}

static int open_file(mproc_streams_t *streams, const mproc_stdio_t *option, bool input, mplat_stdio_t *out_stdio) {
    apr_int32_t flags = APR_FOPEN_READ;
    apr_file_t *file = NULL;
    if (!input) {
        bool append = option->kind == MPROC_STDIO_APPEND;
        flags = APR_FOPEN_WRITE | APR_FOPEN_CREATE | (append ? APR_FOPEN_APPEND : APR_FOPEN_TRUNCATE);
    }
    apr_status_t status = apr_file_open(&file, option->path, flags, APR_FPROT_OS_DEFAULT, streams->pool);
    if (status != APR_SUCCESS)
        return fail_open(option->path, status);
    return handle_of(file, out_stdio);
}

/* Standard error goes where standard output goes, which may be where ours does. */
static int follow_output(mproc_streams_t *streams, mplat_stdio_t stdio[3]) {
    apr_file_t *file = NULL;
    stdio[2] = stdio[1];
    if (stdio[1].kind != MPLAT_STDIO_INHERIT)
        return MPROC_OK;
    if (apr_file_open_stdout(&file, streams->pool) != APR_SUCCESS)
        return MPROC_OK;
    return handle_of(file, &stdio[2]);
}

static int open_stream(mproc_streams_t *streams, const mproc_stdio_t *option, int number, mplat_stdio_t stdio[3]) {
    stdio[number] = (mplat_stdio_t){MPLAT_STDIO_INHERIT, MPLAT_NO_HANDLE};
    int err = MPROC_OK;
    switch (option->kind) {
    case MPROC_STDIO_INHERIT:
        return MPROC_OK;
    case MPROC_STDIO_NULL:
        stdio[number].kind = MPLAT_STDIO_NULL;
        return MPROC_OK;
    case MPROC_STDIO_HANDLE:
        stdio[number] = (mplat_stdio_t){MPLAT_STDIO_HANDLE, option->handle};
        return MPROC_OK;
    case MPROC_STDIO_STDOUT:
        err = need_pool(streams);
        return err == MPROC_OK ? follow_output(streams, stdio) : err;
    default:
        err = need_pool(streams);
        return err == MPROC_OK ? open_file(streams, option, number == 0, &stdio[number]) : err;
    }
}

int mproc_streams_open(const mproc_stdio_t options[3], mproc_streams_t *streams, mplat_stdio_t out_stdio[3]) {
    int err = MPROC_OK;
    streams->pool = NULL;
    for (int i = 0; err == MPROC_OK && i < 3; i++)
        err = open_stream(streams, &options[i], i, out_stdio);
    if (err != MPROC_OK)
        mproc_streams_close(streams);
    return err;
}

void mproc_streams_close(mproc_streams_t *streams) {
    if (streams->pool != NULL)
        apr_pool_destroy(streams->pool);
    streams->pool = NULL;
}
