/* SPDX-License-Identifier: Apache-2.0 */
/* link_open.c: makes a link out of a pipe, gives one end to the child, and takes it there. */
#include "link_private.h"
#include "syscalls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A whole message of the largest size fits, so that a sender rarely waits for its reader. */
enum { PIPE_BUFFER = MPLAT_LINK_MESSAGE_MAX + 4096, NAME_SIZE = 64 };

typedef struct mailbox {
    uint64_t child_end; /* its handle in the child */
    char id[MPLAT_LINK_ID_SIZE];
} mailbox_t;

static const wchar_t name_start[] = L"\\mproc-"; /* as the system tells the name of an open pipe */

static int make_mailbox(mplat_link_offer_t *offer) {
    SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
    offer->mailbox =
        mplat_sys.CreateFileMappingW(INVALID_HANDLE_VALUE, &inheritable, PAGE_READWRITE, 0, sizeof(mailbox_t), NULL);
    if (offer->mailbox == NULL)
        return mplat_fail_last("make mailbox of link");
    snprintf(offer->marker, sizeof offer->marker, "1:%llx:%s", (unsigned long long)(uintptr_t)offer->mailbox,
             offer->id);
    return 0;
}

int mplat_link_create(mplat_link_t **out_link, mplat_link_offer_t *offer) {
    mplat_link_t *link = mplat_sys.calloc(1, sizeof *link);
    *out_link = NULL;
    *offer = (mplat_link_offer_t){.child_end = NULL, .mailbox = NULL};
    if (link == NULL)
        return mplat_fail(MPLAT_ENOMEM, "create link");
    link->is_parent = true;
    int err = mplat_named_id(offer->id);
    if (err == 0)
        err = mplat_named_pipe(offer->id, true, PIPE_BUFFER, &link->pipe, &offer->child_end);
    if (err == 0)
        err = make_mailbox(offer);
    if (err == 0)
        err = mplat_link_init(link);
    if (err != 0) {
        mplat_link_withdraw(offer);
        mplat_link_destroy(link);
        return err;
    }
    *out_link = link;
    return 0;
}

int mplat_link_give(mplat_link_t *link, mplat_link_offer_t *offer, HANDLE child) {
    HANDLE self = GetCurrentProcess(), in_child = NULL;
    if (!mplat_sys.DuplicateHandle(self, child, self, &link->peer, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return mplat_fail_last("duplicate process handle");
    mailbox_t *mailbox = mplat_sys.MapViewOfFile(offer->mailbox, FILE_MAP_WRITE, 0, 0, sizeof *mailbox);
    if (mailbox == NULL)
        return mplat_fail_last("fill mailbox of link");
    if (!mplat_sys.DuplicateHandle(self, offer->child_end, child, &in_child, 0, FALSE, DUPLICATE_SAME_ACCESS)) {
        int err = mplat_fail_last("give link");
        UnmapViewOfFile(mailbox);
        return err;
    }
    mailbox->child_end = (uint64_t)(uintptr_t)in_child;
    memcpy(mailbox->id, offer->id, sizeof mailbox->id);
    UnmapViewOfFile(mailbox);
    return 0;
}

void mplat_link_withdraw(mplat_link_offer_t *offer) {
    mplat_close(&offer->child_end);
    mplat_close(&offer->mailbox);
}

/* ---- in the child ------------------------------------------------------------------------------------------------ */

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

static bool read_marker(const wchar_t *marker, HANDLE *out_mailbox, char id[MPLAT_LINK_ID_SIZE]) {
    uint64_t value = 0;
    if (wcsncmp(marker, L"1:", 2) != 0)
        return false;
    marker += 2;
    if (!read_hex(&marker, &value) || value > UINTPTR_MAX || *marker != L':' ||
        wcslen(marker + 1) != MPLAT_LINK_ID_SIZE)
        return false;
    for (size_t i = 0; i < MPLAT_LINK_ID_SIZE; i++) {
        if (marker[i + 1] > 0x7F)
            return false;
        id[i] = (char)marker[i + 1];
    }
    *out_mailbox = (HANDLE)(uintptr_t)value;
    return true;
}

/* Empties the mailbox of that id: the handle of the child's end. */
static bool empty_mailbox(HANDLE handle, const char *id, HANDLE *out_pipe) {
    if (!mplat_is_handle(handle))
        return false;
    mailbox_t *mailbox = mplat_sys.MapViewOfFile(handle, FILE_MAP_READ, 0, 0, sizeof *mailbox);
    if (mailbox == NULL)
        return false;
    bool ours = memcmp(mailbox->id, id, sizeof mailbox->id) == 0;
    *out_pipe = ours ? (HANDLE)(uintptr_t)mailbox->child_end : NULL;
    UnmapViewOfFile(mailbox);
    if (ours)
        mplat_close(&handle);
    return ours;
}

/* Whether the handle is an end of the pipe with that id. */
static bool is_our_pipe(HANDLE pipe, const char *id) {
    union {
        FILE_NAME_INFO info;
        unsigned char bytes[sizeof(FILE_NAME_INFO) + NAME_SIZE * sizeof(wchar_t)];
    } name;
    const size_t start = sizeof name_start / sizeof name_start[0] - 1;
    if (!mplat_is_handle(pipe) || GetFileType(pipe) != FILE_TYPE_PIPE ||
        !GetFileInformationByHandleEx(pipe, FileNameInfo, &name, sizeof name))
        return false;
    const wchar_t *text = name.info.FileName;
    if (name.info.FileNameLength != (start + MPLAT_LINK_ID_SIZE) * sizeof(wchar_t) ||
        wcsncmp(text, name_start, start) != 0)
        return false;
    size_t same = 0;
    while (same < MPLAT_LINK_ID_SIZE && text[start + same] == (wchar_t)id[same])
        same++;
    return same == MPLAT_LINK_ID_SIZE;
}

int mplat_link_open(const wchar_t *marker, mplat_link_t **out_link) {
    HANDLE mailbox = NULL, pipe = NULL;
    char id[MPLAT_LINK_ID_SIZE];
    *out_link = NULL;
    if (!read_marker(marker, &mailbox, id) || !empty_mailbox(mailbox, id, &pipe) || !is_our_pipe(pipe, id))
        return mplat_fail(MPLAT_EMALFORMED, "take link");

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
