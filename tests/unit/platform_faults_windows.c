/* SPDX-License-Identifier: Apache-2.0 */
/* Failing system calls for the Windows backend. */
#include "platform_faults.h"

#include <string.h>

#include "platform/platform.h"
#include "platform/windows/syscalls.h"

static mplat_syscalls_t real;

/* For one thread only; by its number, since a compiler's thread-local variables may open handles of their own. */
static DWORD armed_thread;
static unsigned calls_left;
static const char *failed_name;

static bool hits(const char *name) {
    if (GetCurrentThreadId() != armed_thread || calls_left == 0 || --calls_left > 0)
        return false;
    failed_name = name;
    SetLastError(strcmp(name, "calloc") == 0 ? ERROR_NOT_ENOUGH_MEMORY : ERROR_TOO_MANY_OPEN_FILES);
    return true;
}

/* F(result, calling convention, name, parameters, arguments, what means failure) */
#define FAULTS(F)                                                                                                      \
    F(void *, __cdecl, calloc, (size_t a, size_t b), (a, b), NULL)                                                     \
    F(LONG, WINAPI, BCryptGenRandom, (void *a, UCHAR *b, ULONG c, ULONG d), (a, b, c, d), (LONG)0xC0000001)            \
    F(HANDLE, WINAPI, CreateEventW, (SECURITY_ATTRIBUTES * a, BOOL b, BOOL c, LPCWSTR d), (a, b, c, d), NULL)          \
    F(HANDLE, WINAPI, CreateFileMappingW, (HANDLE a, SECURITY_ATTRIBUTES * b, DWORD c, DWORD d, DWORD e, LPCWSTR f),   \
      (a, b, c, d, e, f), NULL)                                                                                        \
    F(HANDLE, WINAPI, CreateFileW, (LPCWSTR a, DWORD b, DWORD c, SECURITY_ATTRIBUTES * d, DWORD e, DWORD f, HANDLE g), \
      (a, b, c, d, e, f, g), INVALID_HANDLE_VALUE)                                                                     \
    F(HANDLE, WINAPI, CreateIoCompletionPort, (HANDLE a, HANDLE b, ULONG_PTR c, DWORD d), (a, b, c, d), NULL)          \
    F(HANDLE, WINAPI, CreateJobObjectW, (SECURITY_ATTRIBUTES * a, LPCWSTR b), (a, b), NULL)                            \
    F(HANDLE, WINAPI, CreateNamedPipeW,                                                                                \
      (LPCWSTR a, DWORD b, DWORD c, DWORD d, DWORD e, DWORD f, DWORD g, SECURITY_ATTRIBUTES * h),                      \
      (a, b, c, d, e, f, g, h), INVALID_HANDLE_VALUE)                                                                  \
    F(BOOL, WINAPI, CreatePipe, (HANDLE * a, HANDLE * b, SECURITY_ATTRIBUTES * c, DWORD d), (a, b, c, d), FALSE)       \
    F(BOOL, WINAPI, CreateProcessW,                                                                                    \
      (LPCWSTR a, LPWSTR b, SECURITY_ATTRIBUTES * c, SECURITY_ATTRIBUTES * d, BOOL e, DWORD f, void *g, LPCWSTR h,     \
       STARTUPINFOW *i, PROCESS_INFORMATION *j),                                                                       \
      (a, b, c, d, e, f, g, h, i, j), FALSE)                                                                           \
    F(HANDLE, WINAPI, CreateThread,                                                                                    \
      (SECURITY_ATTRIBUTES * a, SIZE_T b, LPTHREAD_START_ROUTINE c, void *d, DWORD e, DWORD *f), (a, b, c, d, e, f),   \
      NULL)                                                                                                            \
    F(PTP_WAIT, WINAPI, CreateThreadpoolWait, (PTP_WAIT_CALLBACK a, void *b, PTP_CALLBACK_ENVIRON c), (a, b, c), NULL) \
    F(BOOL, WINAPI, CreateTimerQueueTimer,                                                                             \
      (HANDLE * a, HANDLE b, WAITORTIMERCALLBACK c, void *d, DWORD e, DWORD f, ULONG g), (a, b, c, d, e, f, g), FALSE) \
    F(BOOL, WINAPI, DuplicateHandle, (HANDLE a, HANDLE b, HANDLE c, HANDLE * d, DWORD e, BOOL f, DWORD g),             \
      (a, b, c, d, e, f, g), FALSE)                                                                                    \
    F(BOOL, WINAPI, InitializeProcThreadAttributeList, (LPPROC_THREAD_ATTRIBUTE_LIST a, DWORD b, DWORD c, SIZE_T * d), \
      (a, b, c, d), FALSE)                                                                                             \
    F(void *, WINAPI, MapViewOfFile, (HANDLE a, DWORD b, DWORD c, DWORD d, SIZE_T e), (a, b, c, d, e), NULL)           \
    F(BOOL, WINAPI, ReadFile, (HANDLE a, void *b, DWORD c, DWORD *d, OVERLAPPED *e), (a, b, c, d, e), FALSE)           \
    F(BOOL, WINAPI, RegisterWaitForSingleObject,                                                                       \
      (HANDLE * a, HANDLE b, WAITORTIMERCALLBACK c, void *d, ULONG e, ULONG f), (a, b, c, d, e, f), FALSE)             \
    F(DWORD, WINAPI, ResumeThread, (HANDLE a), (a), (DWORD)-1)                                                         \
    F(BOOL, WINAPI, SetInformationJobObject, (HANDLE a, JOBOBJECTINFOCLASS b, void *c, DWORD d), (a, b, c, d), FALSE)  \
    F(BOOL, WINAPI, SetProcessAffinityMask, (HANDLE a, DWORD_PTR b), (a, b), FALSE)                                    \
    F(BOOL, WINAPI, UpdateProcThreadAttribute,                                                                         \
      (LPPROC_THREAD_ATTRIBUTE_LIST a, DWORD b, DWORD_PTR c, void *d, SIZE_T e, void *f, SIZE_T *g),                   \
      (a, b, c, d, e, f, g), FALSE)                                                                                    \
    F(BOOL, WINAPI, WriteFile, (HANDLE a, const void *b, DWORD c, DWORD *d, OVERLAPPED *e), (a, b, c, d, e), FALSE)

#define F(type, convention, name, parameters, arguments, failure)                                                      \
    static type convention faulty_##name parameters {                                                                  \
        return hits(#name) ? (failure) : real.name arguments;                                                          \
    }
FAULTS(F)
#undef F

void faults_install(void) {
    real = mplat_sys;
#define F(type, convention, name, parameters, arguments, failure) mplat_sys.name = faulty_##name;
    FAULTS(F)
#undef F
}

void faults_remove(void) {
    mplat_sys = real;
}

void faults_arm(unsigned nth, fault_kind_t kind) {
    failed_name = NULL;
    armed_thread = GetCurrentThreadId();
    calls_left = kind == FAULT_INTERRUPT ? 0 : nth;
}

bool faults_disarm(const char **out_name, int *out_code) {
    calls_left = 0;
    *out_name = failed_name != NULL ? failed_name : "";
    *out_code = failed_name != NULL && strcmp(failed_name, "calloc") == 0 ? MPLAT_ENOMEM : 0;
    return failed_name != NULL;
}
