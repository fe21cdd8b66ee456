/* SPDX-License-Identifier: Apache-2.0 */
/* Time, sleep, temporary folders and the wine check for the harness on Windows. */
#include "host.h"
#include "test.h"

#include <windows.h>

#include <stdio.h>
#include <wchar.h>

enum { PATH_SIZE = 2048 };

bool test_on_wine(void) {
    HMODULE ntdll = GetModuleHandleW(L"ntdll");
    return ntdll != NULL && GetProcAddress(ntdll, "wine_get_version") != NULL;
}

void test_sleep_ms(int ms) {
    Sleep((DWORD)ms);
}

int64_t test_now_ms(void) {
    return (int64_t)GetTickCount64();
}

bool host_make_temp_dir(char *out_path, size_t size) {
    wchar_t base[MAX_PATH + 1];
    wchar_t path[PATH_SIZE];
    if (GetTempPathW(MAX_PATH + 1, base) == 0) {
        return false;
    }
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        swprintf(path, PATH_SIZE, L"%lsmproc-test-%lx-%x", base, GetCurrentProcessId(), attempt);
        if (CreateDirectoryW(path, NULL)) {
            return WideCharToMultiByte(CP_UTF8, 0, path, -1, out_path, (int)size, NULL, NULL) > 0;
        }
    }
    return false;
}

static void remove_tree(const wchar_t *path);

static void remove_entry(const wchar_t *folder, const WIN32_FIND_DATAW *entry) {
    wchar_t path[PATH_SIZE];
    if (wcscmp(entry->cFileName, L".") == 0 || wcscmp(entry->cFileName, L"..") == 0) {
        return;
    }
    swprintf(path, PATH_SIZE, L"%ls\\%ls", folder, entry->cFileName);
    if ((entry->dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0) {
        RemoveDirectoryW(path);
    } else if ((entry->dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
        remove_tree(path);
    }
    DeleteFileW(path);
}

static void remove_tree(const wchar_t *path) {
    wchar_t pattern[PATH_SIZE];
    WIN32_FIND_DATAW entry;
    swprintf(pattern, PATH_SIZE, L"%ls\\*", path);
    HANDLE search = FindFirstFileW(pattern, &entry);
    if (search != INVALID_HANDLE_VALUE) {
        do {
            remove_entry(path, &entry);
        } while (FindNextFileW(search, &entry));
        FindClose(search);
    }
    RemoveDirectoryW(path);
}

void host_remove_tree(const char *path) {
    wchar_t wide[PATH_SIZE];
    if (MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, PATH_SIZE) > 0) {
        remove_tree(wide);
    }
}
