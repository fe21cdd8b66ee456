/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of processes do to Windows. */
#include "process_host.h"

#include <winsock2.h>

#include <windows.h>

#include <io.h>
#include <process.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

int64_t host_pid(void) {
    return GetCurrentProcessId();
}

bool host_kill(int64_t pid) {
    HANDLE process = OpenProcess(PROCESS_TERMINATE, FALSE, (DWORD)pid);
    if (process == NULL)
        return false;
    bool killed = TerminateProcess(process, 1);
    CloseHandle(process);
    return killed;
}

bool host_runs(int64_t pid) {
    HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, (DWORD)pid);
    if (process == NULL)
        return false;
    bool runs = WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
    CloseHandle(process);
    return runs;
}

bool host_has_terminate(void) {
    return false;
}

bool host_ignore_terminate(void) {
    return false;
}

bool host_exit_at_terminate(int code) {
    (void)code;
    return false;
}

void host_block_terminate(void) {}

void host_unblock_terminate(void) {}

bool host_interrupt_group(void) {
    return false;
}

void host_catch_interrupt(void) {}

int host_interrupts(void) {
    return 0;
}

bool host_ignore_children(void) {
    return false;
}

void host_heed_children(void) {}

int host_copy(int (*function)(void *arg), void *arg) {
    (void)function;
    (void)arg;
    return -1;
}

intptr_t host_open_high(void) {
    HANDLE handle = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    return handle == INVALID_HANDLE_VALUE ? -1 : (intptr_t)handle;
}

intptr_t host_open_broken(void) {
    HANDLE reading = NULL, writing = NULL;
    if (!CreatePipe(&reading, &writing, NULL, 0))
        return -1;
    CloseHandle(reading);
    return (intptr_t)writing;
}

bool host_copy_program(const char *from, const char *to) {
    return CopyFileA(from, to, TRUE) != 0;
}

/* A copy does not stand beside the libraries of this program. */
static bool lend_libraries(void) {
    char own[MAX_PATH], path[32768];
    DWORD length = GetModuleFileNameA(NULL, own, sizeof own);
    const char *before = getenv("PATH");
    if (length == 0 || length >= sizeof own)
        return false;
    *strrchr(own, '\\') = '\0';
    int size = snprintf(path, sizeof path, "%s;%s", own, before != NULL ? before : "");
    return size > 0 && (size_t)size < sizeof path && _putenv_s("PATH", path) == 0;
}

int host_run_program(const char *const *argv) {
    if (!lend_libraries())
        return -1;
    return (int)_spawnv(_P_WAIT, argv[0], argv);
}

static bool has_sockets(void) {
    static bool begun;
    WSADATA data;
    begun = begun || WSAStartup(MAKEWORD(2, 2), &data) == 0;
    return begun;
}

/* Their numbers grow by four, and those that are closed come again. */
intptr_t host_open_high_socket(void) {
    SOCKET low[300], high = INVALID_SOCKET;
    size_t count = 0;
    if (!has_sockets())
        return -1;
    while (count < 300 && (high = socket(AF_INET, SOCK_DGRAM, 0)) != INVALID_SOCKET && high < 1000)
        low[count++] = high;
    for (size_t i = 0; i < count; i++)
        if (low[i] != high)
            closesocket(low[i]);
    return high == INVALID_SOCKET ? -1 : (intptr_t)high;
}

void host_close_socket(intptr_t socket) {
    closesocket((SOCKET)socket);
}

bool host_is_socket(intptr_t socket) {
    int type = 0, size = sizeof type;
    return has_sockets() && getsockopt((SOCKET)socket, SOL_SOCKET, SO_TYPE, (char *)&type, &size) == 0;
}

void host_exec_signalled(void) {}

bool host_open_pipe(intptr_t *out_read, intptr_t *out_write) {
    HANDLE read_end = NULL, write_end = NULL;
    if (!CreatePipe(&read_end, &write_end, NULL, 0))
        return false;
    *out_read = (intptr_t)read_end;
    *out_write = (intptr_t)write_end;
    return true;
}

void host_close(intptr_t handle) {
    CloseHandle((HANDLE)handle);
}

int host_write_everywhere(const void *data, size_t size) {
    int count = 0;
    for (uintptr_t value = 4; value < 4096; value += 4) {
        HANDLE handle = (HANDLE)value;
        DWORD written = 0;
        OVERLAPPED overlapped = {0};
        if (handle == GetStdHandle(STD_OUTPUT_HANDLE) || handle == GetStdHandle(STD_ERROR_HANDLE) ||
            handle == GetStdHandle(STD_INPUT_HANDLE) || GetFileType(handle) != FILE_TYPE_PIPE)
            continue;
        overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
        bool begun = WriteFile(handle, data, (DWORD)size, NULL, &overlapped) || GetLastError() == ERROR_IO_PENDING;
        if (begun && WaitForSingleObject(overlapped.hEvent, 1000) == WAIT_OBJECT_0 &&
            GetOverlappedResult(handle, &overlapped, &written, FALSE) && written > 0)
            count++;
        CloseHandle(overlapped.hEvent);
    }
    return count;
}

void host_close_output(void) {
    _close(1);
}

bool host_open_terminal(int columns, intptr_t *out_outside, intptr_t *out_inside) {
    (void)columns;
    *out_outside = -1;
    *out_inside = -1;
    return false;
}

size_t host_read_terminal(intptr_t outside, char *buf, size_t size) {
    (void)outside;
    (void)buf;
    (void)size;
    return 0;
}

size_t host_count_handles(void) {
    DWORD count = 0;
    return GetProcessHandleCount(GetCurrentProcess(), &count) ? count : 0;
}

bool host_handle_is_open(intptr_t handle) {
    DWORD flags = 0;
    return GetHandleInformation((HANDLE)handle, &flags) != 0;
}

static size_t busy_bytes(HANDLE heap) {
    PROCESS_HEAP_ENTRY entry = {0};
    size_t bytes = 0;
    HeapLock(heap);
    while (HeapWalk(heap, &entry))
        bytes += (entry.wFlags & PROCESS_HEAP_ENTRY_BUSY) != 0 ? entry.cbData : 0;
    HeapUnlock(heap);
    return bytes;
}

size_t host_heap_bytes(void) {
    HANDLE heaps[64];
    DWORD count = GetProcessHeaps(64, heaps);
    size_t bytes = 0;
    for (DWORD i = 0; i < count && i < 64; i++)
        bytes += busy_bytes(heaps[i]);
    return bytes;
}

size_t host_mapped_bytes(void) {
    const DWORD writable = PAGE_READWRITE | PAGE_EXECUTE_READWRITE;
    MEMORY_BASIC_INFORMATION region;
    size_t bytes = 0;
    for (char *at = NULL; VirtualQuery(at, &region, sizeof region) != 0; at += region.RegionSize) {
        if (region.State == MEM_COMMIT && (region.Protect & writable) != 0)
            bytes += region.RegionSize;
    }
    return bytes;
}

typedef struct run {
    void (*function)(void *arg);
    void *arg;
} run_t;

static unsigned __stdcall run_thread(void *context) {
    run_t run = *(run_t *)context;
    run.function(run.arg);
    return 0;
}

void host_run_threads(size_t count, void (*function)(void *arg), void *arg) {
    HANDLE threads[64];
    run_t run = {function, arg};
    for (size_t i = 0; i < count && i < 64; i++) {
        threads[i] = (HANDLE)_beginthreadex(NULL, 0, run_thread, &run, 0, NULL);
        if (threads[i] == NULL)
            abort();
    }
    for (size_t i = 0; i < count && i < 64; i++) {
        WaitForSingleObject(threads[i], INFINITE);
        CloseHandle(threads[i]);
    }
}

void host_run_beside(void (*function)(void *arg), void *arg) {
    static run_t run;
    run = (run_t){function, arg};
    HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, run_thread, &run, 0, NULL);
    if (thread != NULL)
        CloseHandle(thread);
}

void host_describe(char *buf, size_t size) {
    char directory[MAX_PATH] = "";
    size_t bytes = 0;
    GetCurrentDirectoryA(sizeof directory, directory);
    wchar_t *block = GetEnvironmentStringsW();
    for (const wchar_t *entry = block; entry != NULL && *entry != L'\0'; entry += wcslen(entry) + 1)
        bytes = bytes * 31 + wcslen(entry);
    FreeEnvironmentStringsW(block);
    (void)snprintf(buf, size, "directory %s, environment %llu, priority %lu", directory, (unsigned long long)bytes,
                   (unsigned long)GetPriorityClass(GetCurrentProcess()));
}

void host_close_streams(void) {}

bool host_alarm_start(void) {
    return false;
}

int host_alarm_stop(void) {
    return 0;
}

bool host_limit_handles(size_t more) {
    (void)more;
    return false;
}

void host_unlimit_handles(void) {}

/* Both the C library's copy and the system's, which children inherit. */
void host_set_environment(const char *name, const char *value) {
    (void)_putenv_s(name, value == NULL ? "" : value);
}

bool host_make_fifo(const char *path) {
    (void)path;
    return false;
}

const char *host_null_device(void) {
    return "NUL";
}

bool host_limit_files(uint64_t bytes) {
    (void)bytes;
    return false;
}

void host_unlimit_files(void) {}

bool host_shrink_shared_memory(uint64_t bytes) {
    (void)bytes;
    return false;
}

void host_sleep_ms(int ms) {
    Sleep((DWORD)ms);
}

_Noreturn void host_sleep_forever(void) {
    for (;;)
        host_sleep_ms(1000);
}
