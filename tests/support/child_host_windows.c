/* SPDX-License-Identifier: Apache-2.0 */
/* What the test child and the tests of the platform layer need from Windows beside the layer itself. */
#include "child_host.h"

#include <windows.h>
/* shellapi and toolhelp need windows.h before them. */
#include <shellapi.h>
#include <tlhelp32.h>

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/platform.h"
#include "platform/windows/link_private.h"

struct host_thread {
    HANDLE handle;
    host_thread_function_t *function;
    void *arg;
};

static char *to_utf8(const wchar_t *wide) {
    int size = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    char *text = malloc((size_t)size + 1);
    if (text == NULL)
        abort();
    WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, size, NULL, NULL);
    return text;
}

void host_utf8_args(int *argc, char ***argv) {
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), argc);
    *argv = calloc((size_t)*argc + 1, sizeof **argv);
    if (wide == NULL || *argv == NULL)
        abort();
    for (int i = 0; i < *argc; i++)
        (*argv)[i] = to_utf8(wide[i]);
    LocalFree(wide);
}

void host_binary_streams(void) {
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
    _setmode(_fileno(stderr), _O_BINARY);
}

char **host_environment(void) {
    wchar_t *block = GetEnvironmentStringsW();
    size_t count = 0;
    for (wchar_t *entry = block; *entry != 0; entry += wcslen(entry) + 1)
        count++;
    char **entries = calloc(count + 1, sizeof *entries);
    if (entries == NULL)
        abort();
    count = 0;
    for (wchar_t *entry = block; *entry != 0; entry += wcslen(entry) + 1)
        entries[count++] = to_utf8(entry);
    FreeEnvironmentStringsW(block);
    return entries;
}

bool host_directory(char *buf, size_t size) {
    wchar_t wide[1024];
    if (GetCurrentDirectoryW(1024, wide) == 0)
        return false;
    return WideCharToMultiByte(CP_UTF8, 0, wide, -1, buf, (int)size, NULL, NULL) > 0;
}

bool host_handle_is_open(intptr_t handle) {
    DWORD flags;
    return GetHandleInformation((HANDLE)handle, &flags);
}

bool host_handle_make_inheritable(intptr_t handle) {
    return SetHandleInformation((HANDLE)handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
}

bool host_link_write_raw(mplat_link_t *link, const void *data, size_t size) {
    OVERLAPPED writing = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    DWORD written = 0;
    bool done = (WriteFile(link->pipe, data, (DWORD)size, NULL, &writing) || GetLastError() == ERROR_IO_PENDING) &&
                GetOverlappedResult(link->pipe, &writing, &written, TRUE) && written == size;
    CloseHandle(writing.hEvent);
    return done;
}

void host_close_streams(void) {
    static const DWORD streams[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    for (size_t i = 0; i < 3; i++) {
        HANDLE handle = GetStdHandle(streams[i]);
        SetStdHandle(streams[i], NULL);
        if (handle != NULL && handle != INVALID_HANDLE_VALUE)
            CloseHandle(handle);
    }
}

void host_deafen(void) {
    SetConsoleCtrlHandler(NULL, TRUE);
}

size_t host_count_handles(void) {
    DWORD count = 0;
    GetProcessHandleCount(GetCurrentProcess(), &count);
    return count;
}

size_t host_count_children(void) {
    size_t count = 0;
    HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32W entry = {.dwSize = sizeof entry};
    for (BOOL more = Process32FirstW(snapshot, &entry); more; more = Process32NextW(snapshot, &entry))
        count += entry.th32ParentProcessID == GetCurrentProcessId() ? 1 : 0;
    CloseHandle(snapshot);
    return count;
}

int host_priority(void) {
    switch (GetPriorityClass(GetCurrentProcess())) {
    case IDLE_PRIORITY_CLASS:
        return MPLAT_PRIORITY_IDLE;
    case BELOW_NORMAL_PRIORITY_CLASS:
        return MPLAT_PRIORITY_LOW;
    case NORMAL_PRIORITY_CLASS:
        return MPLAT_PRIORITY_NORMAL;
    case ABOVE_NORMAL_PRIORITY_CLASS:
        return MPLAT_PRIORITY_HIGH;
    default:
        return -1;
    }
}

int host_affinity_count(void) {
    DWORD_PTR process = 0, system = 0;
    int count = 0;
    GetProcessAffinityMask(GetCurrentProcess(), &process, &system);
    for (; process != 0; process &= process - 1)
        count++;
    return count;
}

bool host_has_signals(void) {
    return false;
}

static DWORD WINAPI run_thread(void *arg) {
    host_thread_t *thread = arg;
    thread->function(thread->arg);
    return 0;
}

host_thread_t *host_thread_start(host_thread_function_t *function, void *arg) {
    host_thread_t *thread = malloc(sizeof *thread);
    if (thread == NULL)
        return NULL;
    thread->function = function;
    thread->arg = arg;
    thread->handle = CreateThread(NULL, 0, run_thread, thread, 0, NULL);
    if (thread->handle == NULL) {
        free(thread);
        return NULL;
    }
    return thread;
}

void host_thread_join(host_thread_t *thread) {
    if (thread == NULL)
        return;
    WaitForSingleObject(thread->handle, INFINITE);
    CloseHandle(thread->handle);
    free(thread);
}
