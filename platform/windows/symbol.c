/* SPDX-License-Identifier: Apache-2.0 */
/* symbol.c: names functions of a module by reading its file; what is in it is pe_symbols.c's to know. */
#include "pe_symbols.h"
#include "syscalls.h"
#include "system.h"

#include <stdlib.h>

/* Larger files have no symbol table that would be worth the time. */
#define FILE_SIZE_MAX (INT64_C(1) << 30)

/* Read, and not mapped: a mapped file that changes or goes away under us would be a crash of our own. */
static int read_file(HANDLE file, unsigned char **out_bytes, size_t *out_size) {
    LARGE_INTEGER size;
    DWORD count = 0;
    if (!GetFileSizeEx(file, &size))
        return mplat_fail_last("GetFileSize");
    if (size.QuadPart == 0 || size.QuadPart > FILE_SIZE_MAX)
        return mplat_fail(MPLAT_ENOTFOUND, "read symbols");
    unsigned char *bytes = mplat_sys.calloc((size_t)size.QuadPart, 1);
    if (bytes == NULL)
        return mplat_fail(MPLAT_ENOMEM, "read symbols");
    if (!mplat_sys.ReadFile(file, bytes, (DWORD)size.QuadPart, &count, NULL)) {
        int err = mplat_fail_last("read symbols");
        free(bytes);
        return err;
    }
    *out_bytes = bytes;
    *out_size = count;
    return 0;
}

int mplat_symbol_name(const char *module, uint64_t offset, char *buf, size_t size, uint64_t *out_distance) {
    wchar_t *path = NULL;
    unsigned char *bytes = NULL;
    size_t count = 0;
    HANDLE file = NULL;
    *out_distance = 0;
    if (size > 0)
        buf[0] = '\0';
    int err = mplat_wide_new(module, &path);
    if (err != 0)
        goto done;
    file = mplat_sys.CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                                 OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        err = mplat_fail_last("open module");
        goto done;
    }
    err = read_file(file, &bytes, &count);
    if (err == 0 && !mplat_pe_symbol(bytes, count, offset, buf, size, out_distance))
        err = mplat_fail(MPLAT_ENOTFOUND, "find symbol");
done:
    free(bytes);
    free(path);
    mplat_close(&file);
    return err;
}
