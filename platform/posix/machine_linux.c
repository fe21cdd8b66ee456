/* SPDX-License-Identifier: Apache-2.0 */
/* machine_linux.c: the executable and its build, as Linux tells them. Its counterpart is machine_portable.c. */
#include "executable.h"
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int mplat_executable_path(char *buf, size_t size) {
    static const char gone[] = " (deleted)";
    if (size == 0)
        return mplat_fail_as(MPLAT_ETOOBIG, 0, "executable path");
    ssize_t length = readlink("/proc/self/exe", buf, size);
    if (length < 0) {
        buf[0] = '\0';
        return mplat_fail(errno, "readlink /proc/self/exe");
    }
    if ((size_t)length >= size) {
        buf[0] = '\0';
        return mplat_fail_as(MPLAT_ETOOBIG, 0, "executable path");
    }
    buf[length] = '\0';
    /* The kernel says so of a file that was removed; a file may also be called so. */
    size_t tail = sizeof gone - 1;
    if ((size_t)length > tail && strcmp(buf + (size_t)length - tail, gone) == 0 && access(buf, F_OK) != 0)
        buf[(size_t)length - tail] = '\0';
    return 0;
}

int mplat_executable_for_exec(char **out_owned, const char **out_program) {
    /* Names the very file that runs, also after another has taken its place. */
    *out_owned = NULL;
    *out_program = "/proc/self/exe";
    return 0;
}

int mplat_executable_descriptor(void) {
    /* Finding the program through /proc costs every exec some 35 us, through a descriptor nothing. */
    static _Atomic int kept = -1;
    int known = atomic_load(&kept);
    if (known >= 0)
        return known;
    int opened = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    if (opened >= 0 && !atomic_compare_exchange_strong(&kept, &known, opened)) {
        close(opened); /* another thread was first */
        return known;
    }
    return opened;
}

void mplat_executable_name_process(void) {
    (void)prctl(PR_SET_NAME, program_invocation_short_name);
}

typedef struct note_search {
    const unsigned char *id;
    size_t size;
} note_search_t;

static size_t padded(size_t size) {
    return (size + 3) & ~(size_t)3;
}

/* Looks through one PT_NOTE of the loaded program: {name size, content size, type, name, content} again and again. */
static void search_notes(const unsigned char *at, size_t left, note_search_t *search) {
    while (left >= 12 && search->id == NULL) {
        uint32_t head[3];
        memcpy(head, at, sizeof head);
        size_t name = padded(head[0]), content = padded(head[1]);
        if (name > left - 12 || content > left - 12 - name)
            return;
        if (head[2] == NT_GNU_BUILD_ID && head[0] == 4 && memcmp(at + 12, "GNU", 4) == 0) {
            search->id = at + 12 + name;
            search->size = head[1];
        }
        at += 12 + name + content;
        left -= 12 + name + content;
    }
}

static int search_program(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_NOTE)
            search_notes((const unsigned char *)(uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr),
                         info->dlpi_phdr[i].p_memsz, context);
    return 1; /* the first is the program itself; its libraries do not count */
}

int mplat_build_id(unsigned char *buf, size_t size, size_t *out_size) {
    note_search_t search = {NULL, 0};
    dl_iterate_phdr(search_program, &search);
    *out_size = search.size < size ? search.size : size;
    if (*out_size > 0)
        memcpy(buf, search.id, *out_size);
    return 0;
}
