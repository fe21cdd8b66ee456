/* SPDX-License-Identifier: Apache-2.0 */
/* pipe_named.c: makes both ends of a pipe by a name that nobody can guess. */
#include "pipe_named.h"

#include "syscalls.h"

#include <sddl.h>
#include <stdio.h>

enum { ID_BYTES = MPLAT_NAMED_ID_SIZE / 2, NAME_SIZE = 64 };

static const wchar_t pipe_folder[] = L"\\\\.\\pipe\\mproc-";

int mplat_named_id(char id[MPLAT_NAMED_ID_SIZE + 1]) {
    unsigned char bytes[ID_BYTES];
    int err = mplat_random(bytes, sizeof bytes);
    if (err != 0)
        return err;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(id + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

/* For the blink of an eye the pipe has a name. It can't be guessed, takes one client, which is ours, and lets in nobody
 * but its owner (S-1-3-4) and nobody from another machine. */
int mplat_named_pipe(const char *id, bool both_ways, DWORD buffer, HANDLE *out_near, HANDLE *out_far) {
    wchar_t name[NAME_SIZE];
    SECURITY_ATTRIBUTES access = {sizeof access, NULL, FALSE};
    DWORD direction = both_ways ? PIPE_ACCESS_DUPLEX : PIPE_ACCESS_INBOUND;
    DWORD far_access = GENERIC_WRITE | (both_ways ? GENERIC_READ : FILE_READ_ATTRIBUTES);
    DWORD far_mode = (both_ways ? FILE_FLAG_OVERLAPPED : 0) | SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS;
    int err = 0;
    swprintf(name, NAME_SIZE, L"%ls%hs", pipe_folder, id);
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(L"D:P(A;;GA;;;S-1-3-4)", SDDL_REVISION_1,
                                                              &access.lpSecurityDescriptor, NULL))
        return mplat_fail_last("make access list of pipe");

    *out_near = mplat_sys.CreateNamedPipeW(name, direction | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                                           PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
                                           1, buffer, buffer, 0, &access);
    if (*out_near == INVALID_HANDLE_VALUE) {
        err = mplat_fail_last("CreateNamedPipe");
        goto done;
    }
    *out_far = mplat_sys.CreateFileW(name, far_access, 0, &access, OPEN_EXISTING, far_mode, NULL);
    if (*out_far == INVALID_HANDLE_VALUE)
        err = mplat_fail_last("open pipe");
done:
    LocalFree(access.lpSecurityDescriptor);
    return err;
}
