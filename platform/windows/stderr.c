/* SPDX-License-Identifier: Apache-2.0 */
/* stderr.c: writing to the standard error of this process with a deadline. */
#include "system.h"

int mplat_stderr_open(mplat_handle_t *out_handle) {
    HANDLE handle = GetStdHandle(STD_ERROR_HANDLE);
    *out_handle = MPLAT_NO_HANDLE;
    /* A program with windows has none, or the value of one that somebody else had. */
    if (!mplat_is_handle(handle) || GetFileType(handle) == FILE_TYPE_UNKNOWN)
        return mplat_fail(MPLAT_ENOTFOUND, "open standard error");
    return mplat_handle_duplicate((mplat_handle_t)handle, out_handle);
}

/* The deadline breaks off a write of any kind of file, as far as its driver can be broken off. */
int mplat_stderr_write(mplat_handle_t handle, const void *buf, size_t size, int64_t timeout_ms, size_t *out_size) {
    return mplat_pipe_write(handle, buf, size, timeout_ms, out_size);
}
