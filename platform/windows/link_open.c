/* SPDX-License-Identifier: Apache-2.0 */
/* link_open.c: makes the pipe of a link: both ends in the parent, then the inherited one in the child. */
#include "link_private.h"
#include "syscalls.h"

#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A whole message of the largest size fits, so that a sender rarely waits for its reader. */
enum { PIPE_BUFFER = MPLAT_LINK_MESSAGE_MAX + 4096, ID_BYTES = MPLAT_LINK_ID_SIZE / 2, NAME_SIZE = 64 };

static const wchar_t pipe_folder[] = L"\\\\.\\pipe\\mproc-";
static const wchar_t name_start[] = L"\\mproc-"; /* as the system tells the name of an open pipe */

static int make_id(char id[MPLAT_LINK_ID_SIZE + 1]) {
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
static int make_pipe(const char *id, HANDLE *out_parent_end, HANDLE *out_child_end) {
    wchar_t name[NAME_SIZE];
    SECURITY_ATTRIBUTES access = {sizeof access, NULL, FALSE};
    int err = 0;
    swprintf(name, NAME_SIZE, L"%ls%hs", pipe_folder, id);
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(L"D:P(A;;GA;;;S-1-3-4)", SDDL_REVISION_1,
                                                              &access.lpSecurityDescriptor, NULL))
        return mplat_fail_last("make access list of link");

    *out_parent_end =
        mplat_sys.CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                                   PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1,
                                   PIPE_BUFFER, PIPE_BUFFER, 0, &access);
    if (*out_parent_end == INVALID_HANDLE_VALUE) {
        err = mplat_fail_last("CreateNamedPipe");
        goto done;
    }
    access.bInheritHandle = TRUE;
    *out_child_end = mplat_sys.CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, &access, OPEN_EXISTING,
                                           FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS, NULL);
    if (*out_child_end == INVALID_HANDLE_VALUE)
        err = mplat_fail_last("open link");
done:
    LocalFree(access.lpSecurityDescriptor);
    return err;
}

int mplat_link_create(mplat_link_t **out_link, HANDLE *out_child_end, char marker[MPLAT_LINK_MARKER_SIZE]) {
    char id[MPLAT_LINK_ID_SIZE + 1];
    mplat_link_t *link = mplat_sys.calloc(1, sizeof *link);
    int err = 0;
    *out_link = NULL;
    *out_child_end = NULL;
    if (link == NULL)
        return mplat_fail(MPLAT_ENOMEM, "create link");
    link->is_parent = true;
    err = make_id(id);
    if (err == 0)
        err = make_pipe(id, &link->pipe, out_child_end);
    if (err == 0)
        err = mplat_link_init(link);
    if (err != 0) {
        mplat_close(out_child_end);
        mplat_link_destroy(link);
        return err;
    }
    snprintf(marker, MPLAT_LINK_MARKER_SIZE, "1:%llx:%s", (unsigned long long)(uintptr_t)*out_child_end, id);
    *out_link = link;
    return 0;
}

int mplat_link_attach(mplat_link_t *link, HANDLE child) {
    HANDLE self = GetCurrentProcess();
    if (mplat_sys.DuplicateHandle(self, child, self, &link->peer, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return 0;
    return mplat_fail_last("duplicate process handle");
}

/* Takes lower-case hexadecimal digits, at least one and at most 16, and moves *text behind them. */
static bool read_hex(const wchar_t **text, uint64_t *out_value) {
    static const wchar_t digits[] = L"0123456789abcdef";
    size_t count = wcsspn(*text, digits);
    *out_value = 0;
    if (count == 0 || count > 16)
        return false;
    for (; count > 0; count--, ++*text)
        *out_value = *out_value << 4 | (uint64_t)(wcschr(digits, **text) - digits);
    return true;
}

static bool read_marker(const wchar_t *marker, HANDLE *out_pipe, const wchar_t **out_id) {
    uint64_t value = 0;
    if (wcsncmp(marker, L"1:", 2) != 0)
        return false;
    marker += 2;
    if (!read_hex(&marker, &value) || value > UINTPTR_MAX || *marker != L':')
        return false;
    *out_pipe = (HANDLE)(uintptr_t)value;
    *out_id = marker + 1;
    return wcslen(*out_id) == MPLAT_LINK_ID_SIZE;
}

/* Whether the handle is an end of the pipe with that id. */
static bool is_our_pipe(HANDLE pipe, const wchar_t *id) {
    union {
        FILE_NAME_INFO info;
        unsigned char bytes[sizeof(FILE_NAME_INFO) + NAME_SIZE * sizeof(wchar_t)];
    } name;
    const size_t start = sizeof name_start / sizeof name_start[0] - 1;
    if (!mplat_is_handle(pipe) || GetFileType(pipe) != FILE_TYPE_PIPE ||
        !GetFileInformationByHandleEx(pipe, FileNameInfo, &name, sizeof name))
        return false;
    const wchar_t *text = name.info.FileName;
    return name.info.FileNameLength == (start + MPLAT_LINK_ID_SIZE) * sizeof(wchar_t) &&
           wcsncmp(text, name_start, start) == 0 && wcsncmp(text + start, id, MPLAT_LINK_ID_SIZE) == 0;
}

int mplat_link_open(const wchar_t *marker, mplat_link_t **out_link) {
    HANDLE pipe = NULL;
    const wchar_t *id = NULL;
    *out_link = NULL;
    if (!read_marker(marker, &pipe, &id) || !is_our_pipe(pipe, id))
        return mplat_fail(MPLAT_EMALFORMED, "take link");
    SetHandleInformation(pipe, HANDLE_FLAG_INHERIT, 0);

    mplat_link_t *link = mplat_sys.calloc(1, sizeof *link);
    if (link == NULL) {
        mplat_close(&pipe);
        return mplat_fail(MPLAT_ENOMEM, "take link");
    }
    link->pipe = pipe;
    int err = mplat_link_init(link);
    if (err != 0) {
        mplat_link_destroy(link);
        return err;
    }
    *out_link = link;
    return 0;
}
