/* SPDX-License-Identifier: Apache-2.0 */
/* wide.c: between the UTF-8 of our interface and the UTF-16 of the system's. */
#include "platform/common/utf.h"
#include "syscalls.h"
#include "system.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(wchar_t) == sizeof(uint16_t), "wchar_t is UTF-16 here");

int mplat_wide_new(const char *text, wchar_t **out_wide) {
    size_t count = 0;
    *out_wide = NULL;
    int err = mplat_utf8_to_utf16(text, strlen(text), NULL, 0, &count);
    if (err != 0)
        return mplat_fail(err, "convert from UTF-8");

    wchar_t *wide = mplat_sys.calloc(count + 1, sizeof *wide);
    if (wide == NULL)
        return mplat_fail(MPLAT_ENOMEM, "convert from UTF-8");
    mplat_utf8_to_utf16(text, strlen(text), (uint16_t *)wide, count, &count);
    *out_wide = wide;
    return 0;
}

int mplat_wide_to_utf8(const wchar_t *wide, size_t count, char *buf, size_t size) {
    size_t used = 0;
    if (size == 0)
        return mplat_fail(MPLAT_ETOOBIG, "convert to UTF-8");
    int err = mplat_utf16_to_utf8((const uint16_t *)wide, count, buf, size - 1, &used);
    buf[err == 0 ? used : 0] = '\0';
    return err == 0 ? 0 : mplat_fail(err, "convert to UTF-8");
}

int mplat_module_path_new(HMODULE module, wchar_t **out_path) {
    enum { LONGEST_PATH = 32768 };
    *out_path = NULL;
    for (DWORD size = MAX_PATH; size <= LONGEST_PATH; size *= 2) {
        wchar_t *path = mplat_sys.calloc(size, sizeof *path);
        if (path == NULL)
            return mplat_fail(MPLAT_ENOMEM, "GetModuleFileName");
        DWORD count = GetModuleFileNameW(module, path, size);
        if (count > 0 && count < size) {
            *out_path = path;
            return 0;
        }
        free(path);
        if (count == 0)
            return mplat_fail_last("GetModuleFileName");
    }
    return mplat_fail(MPLAT_ETOOBIG, "GetModuleFileName");
}
