/* SPDX-License-Identifier: Apache-2.0 */
/* What a process on Windows has open: handles with their types, threads and child processes. */
#include "host.h"

#include <windows.h>
/* toolhelp and winternl need windows.h before them. */
#include <tlhelp32.h>
#include <winternl.h>

#include <stdint.h>
#include <stdio.h>

/* winternl.h lacks the number of this class. */
enum { THREAD_START_ADDRESS = 9, HANDLE_LIMIT = 1 << 16, LONGEST_GAP = 128, TYPE_SIZE = 64 };

typedef struct {
    UNICODE_STRING name;
    ULONG reserved[64];
    WCHAR text[128];
} object_type_t;

typedef NTSTATUS NTAPI query_thread_t(HANDLE thread, int class, void *out_data, ULONG size, ULONG *out_size);

static void type_of_handle(HANDLE handle, char *out_type, size_t size) {
    object_type_t type;
    ULONG used = 0;
    out_type[0] = '\0';
    if (NtQueryObject(handle, ObjectTypeInformation, &type, sizeof type, &used) == 0) {
        snprintf(out_type, size, "%.*ls", (int)(type.name.Length / sizeof(WCHAR)), type.name.Buffer);
    }
}

/* There is no list of handles to ask for, but their values are small multiples of four, lowest first. Their number ends the
 * search early where the system gives it; wine says 0, so there a long gap ends it. */
static void list_handles(item_list_t *items) {
    DWORD count = 0;
    DWORD found = 0;
    unsigned gap = 0;
    GetProcessHandleCount(GetCurrentProcess(), &count);
    for (uintptr_t value = 4; value < HANDLE_LIMIT && (count != 0 ? found < count : gap < LONGEST_GAP); value += 4) {
        DWORD flags = 0;
        gap++;
        if (GetHandleInformation((HANDLE)value, &flags)) {
            char type[TYPE_SIZE];
            type_of_handle((HANDLE)value, type, sizeof type);
            items_add(items, "handle 0x%x (%s)", (unsigned)value, type);
            found++;
            gap = 0;
        }
    }
}

/* A thread that starts inside ntdll is one of the system's own pool: it comes and goes as the system likes. */
static bool is_system_thread(DWORD id) {
    HMODULE ntdll = GetModuleHandleW(L"ntdll");
    query_thread_t *query = (query_thread_t *)(void (*)(void))GetProcAddress(ntdll, "NtQueryInformationThread");
    HANDLE thread = OpenThread(THREAD_QUERY_INFORMATION, FALSE, id);
    void *start = NULL;
    HMODULE module = NULL;
    if (thread == NULL) {
        return false;
    }
    query(thread, THREAD_START_ADDRESS, &start, sizeof start, NULL);
    CloseHandle(thread);
    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                       (LPCWSTR)start, &module);
    return module == ntdll;
}

static void list_threads(HANDLE snapshot, item_list_t *items) {
    THREADENTRY32 entry = {.dwSize = sizeof entry};
    for (BOOL more = Thread32First(snapshot, &entry); more; more = Thread32Next(snapshot, &entry)) {
        if (entry.th32OwnerProcessID == GetCurrentProcessId() && !is_system_thread(entry.th32ThreadID)) {
            items_add(items, "thread %lu", entry.th32ThreadID);
        }
    }
}

static void list_children(HANDLE snapshot, item_list_t *items) {
    PROCESSENTRY32W entry = {.dwSize = sizeof entry};
    for (BOOL more = Process32FirstW(snapshot, &entry); more; more = Process32NextW(snapshot, &entry)) {
        if (entry.th32ParentProcessID == GetCurrentProcessId()) {
            items_add(items, "child process %lu (%ls)", entry.th32ProcessID, entry.szExeFile);
        }
    }
}

static void CALLBACK nothing(void *context, BOOLEAN timed_out) {
    (void)context;
    (void)timed_out;
}

/* The system's own thread for timers comes with the first of them, whoever has it made, and stays. */
static void start_timer_thread(void) {
    HANDLE timer = NULL;
    if (CreateTimerQueueTimer(&timer, NULL, nothing, NULL, INFINITE, 0, WT_EXECUTEINTIMERTHREAD))
        (void)DeleteTimerQueueTimer(NULL, timer, INVALID_HANDLE_VALUE);
}

void host_list_open(item_list_t *items) {
    start_timer_thread();
    list_handles(items);
    HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS | TH32CS_SNAPTHREAD, 0);
    if (snapshot != INVALID_HANDLE_VALUE) {
        list_threads(snapshot, items);
        list_children(snapshot, items);
        CloseHandle(snapshot);
    }
}
