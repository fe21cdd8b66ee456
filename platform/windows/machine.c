/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c: what this process may use of the machine, and who it is. */
#include "system.h"

#include <stdlib.h>
#include <string.h>
#include <winternl.h>

/* ---- processors and memory --------------------------------------------------------------------------------------- */

static int bits_set(uint64_t mask) {
    int count = 0;
    for (; mask != 0; mask &= mask - 1)
        count++;
    return count;
}

/* A process's mask covers one group of at most 64 processors; the mask of one that spans several groups reads 0. */
static int affinity_count(void) {
    DWORD_PTR process = 0, machine = 0;
    if (GetProcessAffinityMask(GetCurrentProcess(), &process, &machine) && process != 0)
        return bits_set(process);
    return (int)GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
}

/* Older headers of mingw-w64 lack this form: the greatest rate is then the upper half of CpuRate. */
enum { CPU_RATE_MIN_MAX = 0x10 };

/* A job's quota is in hundredths of a percent of the whole machine; 0 where there is none. */
static DWORD job_quota(void) {
    JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate = {0};
    if (!QueryInformationJobObject(NULL, JobObjectCpuRateControlInformation, &rate, sizeof rate, NULL) ||
        (rate.ControlFlags & JOB_OBJECT_CPU_RATE_CONTROL_ENABLE) == 0)
        return 0;
    if ((rate.ControlFlags & CPU_RATE_MIN_MAX) != 0)
        return rate.CpuRate >> 16;
    return (rate.ControlFlags & JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP) != 0 ? rate.CpuRate : 0;
}

int mplat_cpu_count(void) {
    const DWORD whole_machine = 10000;
    int count = affinity_count();
    DWORD quota = job_quota();
    if (quota > 0 && quota < whole_machine) {
        DWORD cut = (GetActiveProcessorCount(ALL_PROCESSOR_GROUPS) * quota + whole_machine - 1) / whole_machine;
        count = (int)cut < count ? (int)cut : count;
    }
    return count > 0 ? count : 1;
}

size_t mplat_page_size(void) {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return info.dwPageSize;
}

int mplat_oom_kills(uint64_t *out_count) {
    *out_count = 0;
    /* The system refuses memory instead of killing for it. */
    return mplat_fail(MPLAT_ENOTSUP, "count out-of-memory kills");
}

/* ---- processes --------------------------------------------------------------------------------------------------- */

int64_t mplat_self_pid(void) {
    return GetCurrentProcessId();
}

/* Nothing here copies a process. */
bool mplat_self_is_copy(void) {
    return false;
}

static uint64_t created_at(HANDLE process) {
    FILETIME created = {0}, exited, kernel, user;
    GetProcessTimes(process, &created, &exited, &kernel, &user);
    return (uint64_t)created.dwHighDateTime << 32 | created.dwLowDateTime;
}

/* The system keeps the parent's number for ever, and gives it to others when the parent has ended; those began after
 * us. */
int64_t mplat_parent_pid(void) {
    struct {
        void *reserved[4]; /* exit status, environment, affinity, priority */
        ULONG_PTR pid, parent_pid;
    } info;
    ULONG size = 0;
    if (NtQueryInformationProcess(GetCurrentProcess(), ProcessBasicInformation, &info, sizeof info, &size) < 0)
        return 0;
    DWORD pid = (DWORD)info.parent_pid;
    HANDLE parent = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
    /* A parent with more rights than we have can't be opened, but is there. */
    bool lives = parent == NULL ? GetLastError() == ERROR_ACCESS_DENIED
                                : WaitForSingleObject(parent, 0) == WAIT_TIMEOUT &&
                                      created_at(parent) <= created_at(GetCurrentProcess());
    mplat_close(&parent);
    return lives ? pid : 0;
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

int mplat_executable_path(char *buf, size_t size) {
    wchar_t *path = NULL;
    int err = mplat_module_path_new(NULL, &path);
    if (err == 0)
        err = mplat_wide_to_utf8(path, wcslen(path), buf, size);
    free(path);
    return err;
}

/* What a linker stores with --build-id or /DEBUG: a record of 'RSDS', 16 random bytes and an age. */
static size_t debug_id(const char *base, const IMAGE_NT_HEADERS *headers, unsigned char *buf, size_t size) {
    const DWORD rsds = 0x53445352;
    const size_t id_size = sizeof(GUID) + sizeof(DWORD);
    const IMAGE_DATA_DIRECTORY *where = &headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_DEBUG];
    const IMAGE_DEBUG_DIRECTORY *entry = (const IMAGE_DEBUG_DIRECTORY *)(const void *)(base + where->VirtualAddress);
    for (size_t i = 0; i < where->Size / sizeof *entry; i++) {
        DWORD magic;
        if (entry[i].Type != IMAGE_DEBUG_TYPE_CODEVIEW || entry[i].AddressOfRawData == 0 ||
            entry[i].SizeOfData < sizeof magic + id_size || size < id_size)
            continue;
        memcpy(&magic, base + entry[i].AddressOfRawData, sizeof magic);
        if (magic == rsds) {
            memcpy(buf, base + entry[i].AddressOfRawData + sizeof magic, id_size);
            return id_size;
        }
    }
    return 0;
}

/* The header alone is nearly always enough; a reproducible build may have no time stamp, and then the debug id
 * tells. */
int mplat_build_id(unsigned char *buf, size_t size, size_t *out_size) {
    const char *base = (const char *)(const void *)GetModuleHandleW(NULL);
    const IMAGE_DOS_HEADER *dos = (const IMAGE_DOS_HEADER *)(const void *)base;
    const IMAGE_NT_HEADERS *headers = (const IMAGE_NT_HEADERS *)(const void *)(base + dos->e_lfanew);
    const DWORD stamp[] = {headers->FileHeader.TimeDateStamp, headers->OptionalHeader.CheckSum,
                           headers->OptionalHeader.SizeOfImage, headers->OptionalHeader.SizeOfCode,
                           headers->OptionalHeader.AddressOfEntryPoint};
    size_t used = size < sizeof stamp ? size : sizeof stamp;
    memcpy(buf, stamp, used);
    *out_size = used + debug_id(base, headers, buf + used, size - used);
    return 0;
}
