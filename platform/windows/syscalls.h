/* SPDX-License-Identifier: Apache-2.0 */
/* syscalls.h: the system calls of this backend that can fail, behind a table, so that a unit test can make the n-th of
 * them fail. Calls that cannot fail, or whose failure changes nothing, are made directly. */
#ifndef MPLAT_WINDOWS_SYSCALLS_H
#define MPLAT_WINDOWS_SYSCALLS_H

#include <stddef.h>
#include <windows.h>

/* X(result, calling convention, name, parameters) */
#define MPLAT_SYSCALLS(X)                                                                                              \
    X(void *, __cdecl, calloc, (size_t, size_t))                                                                       \
    X(LONG, WINAPI, BCryptGenRandom, (void *, UCHAR *, ULONG, ULONG))                                                  \
    X(HANDLE, WINAPI, CreateEventW, (SECURITY_ATTRIBUTES *, BOOL, BOOL, LPCWSTR))                                      \
    X(HANDLE, WINAPI, CreateFileMappingW, (HANDLE, SECURITY_ATTRIBUTES *, DWORD, DWORD, DWORD, LPCWSTR))               \
    X(HANDLE, WINAPI, CreateFileW, (LPCWSTR, DWORD, DWORD, SECURITY_ATTRIBUTES *, DWORD, DWORD, HANDLE))               \
    X(HANDLE, WINAPI, CreateIoCompletionPort, (HANDLE, HANDLE, ULONG_PTR, DWORD))                                      \
    X(HANDLE, WINAPI, CreateJobObjectW, (SECURITY_ATTRIBUTES *, LPCWSTR))                                              \
    X(HANDLE, WINAPI, CreateNamedPipeW, (LPCWSTR, DWORD, DWORD, DWORD, DWORD, DWORD, DWORD, SECURITY_ATTRIBUTES *))    \
    X(BOOL, WINAPI, CreatePipe, (HANDLE *, HANDLE *, SECURITY_ATTRIBUTES *, DWORD))                                    \
    X(BOOL, WINAPI, CreateProcessW,                                                                                    \
      (LPCWSTR, LPWSTR, SECURITY_ATTRIBUTES *, SECURITY_ATTRIBUTES *, BOOL, DWORD, void *, LPCWSTR, STARTUPINFOW *,    \
       PROCESS_INFORMATION *))                                                                                         \
    X(HANDLE, WINAPI, CreateThread, (SECURITY_ATTRIBUTES *, SIZE_T, LPTHREAD_START_ROUTINE, void *, DWORD, DWORD *))   \
    X(PTP_WAIT, WINAPI, CreateThreadpoolWait, (PTP_WAIT_CALLBACK, void *, PTP_CALLBACK_ENVIRON))                       \
    X(BOOL, WINAPI, CreateTimerQueueTimer, (HANDLE *, HANDLE, WAITORTIMERCALLBACK, void *, DWORD, DWORD, ULONG))       \
    X(BOOL, WINAPI, DuplicateHandle, (HANDLE, HANDLE, HANDLE, HANDLE *, DWORD, BOOL, DWORD))                           \
    X(BOOL, WINAPI, InitializeProcThreadAttributeList, (LPPROC_THREAD_ATTRIBUTE_LIST, DWORD, DWORD, SIZE_T *))         \
    X(void *, WINAPI, MapViewOfFile, (HANDLE, DWORD, DWORD, DWORD, SIZE_T))                                            \
    X(BOOL, WINAPI, ReadFile, (HANDLE, void *, DWORD, DWORD *, OVERLAPPED *))                                          \
    X(BOOL, WINAPI, RegisterWaitForSingleObject, (HANDLE *, HANDLE, WAITORTIMERCALLBACK, void *, ULONG, ULONG))        \
    X(DWORD, WINAPI, ResumeThread, (HANDLE))                                                                           \
    X(BOOL, WINAPI, SetInformationJobObject, (HANDLE, JOBOBJECTINFOCLASS, void *, DWORD))                              \
    X(BOOL, WINAPI, SetProcessAffinityMask, (HANDLE, DWORD_PTR))                                                       \
    X(BOOL, WINAPI, UpdateProcThreadAttribute,                                                                         \
      (LPPROC_THREAD_ATTRIBUTE_LIST, DWORD, DWORD_PTR, void *, SIZE_T, void *, SIZE_T *))                              \
    X(BOOL, WINAPI, WriteFile, (HANDLE, const void *, DWORD, DWORD *, OVERLAPPED *))

typedef struct mplat_syscalls {
#define X(result, convention, name, parameters) result(convention *name) parameters;
    MPLAT_SYSCALLS(X)
#undef X
} mplat_syscalls_t;

/* Tests change it before they start threads, and put it back. */
extern mplat_syscalls_t mplat_sys;

#endif
