/* SPDX-License-Identifier: Apache-2.0 */
/* crash_place_linux.c: registers, memory and modules of a crashing process on Linux. Its counterpart is
 * crash_place_portable.c. */
#include "crash.h"

#include <link.h>
#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

mplat_crash_place_t mplat_crash_place(const void *signal_context) {
    const ucontext_t *thread = signal_context;
    mplat_crash_place_t place = {0, 0, 0, 0};
#if defined(__x86_64__)
    place.counter = (uintptr_t)thread->uc_mcontext.gregs[REG_RIP];
    place.stack = (uintptr_t)thread->uc_mcontext.gregs[REG_RSP];
    place.frame = (uintptr_t)thread->uc_mcontext.gregs[REG_RBP];
#elif defined(__i386__)
    place.counter = (uintptr_t)thread->uc_mcontext.gregs[REG_EIP];
    place.stack = (uintptr_t)thread->uc_mcontext.gregs[REG_ESP];
    place.frame = (uintptr_t)thread->uc_mcontext.gregs[REG_EBP];
#elif defined(__aarch64__)
    place.counter = (uintptr_t)thread->uc_mcontext.pc;
    place.stack = (uintptr_t)thread->uc_mcontext.sp;
    place.frame = (uintptr_t)thread->uc_mcontext.regs[29];
    place.link = (uintptr_t)thread->uc_mcontext.regs[30];
#else
    (void)thread; /* another machine: the unwinder does without */
#endif
    return place;
}

bool mplat_crash_peek(uintptr_t address, uintptr_t *out_word) {
    /* The kernel copies, and says no where a load of ours would crash. */
    struct iovec to = {out_word, sizeof *out_word}, from = {(void *)address, sizeof *out_word};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)sizeof *out_word;
}

bool mplat_crash_follows_call(uintptr_t address) {
#if defined(__x86_64__) || defined(__i386__)
    /* "e8" and four bytes, or "ff" with 2 in the middle of the next byte and up to five more. */
    unsigned char before[8] = {0};
    struct iovec to = {before + 1, 7}, from = {(void *)(address - 7), 7};
    if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != 7)
        return false;
    for (size_t length = 2; length <= 7; length++)
        if (before[8 - length] == 0xff && (before[9 - length] >> 3 & 7) == 2)
            return true;
    return before[3] == 0xe8;
#else
    (void)address;
    return false;
#endif
}

/* glibc's struct dl_find_object since 2.35; an older glibc's headers, and other libraries, have none. */
typedef struct found_object {
    unsigned long long flags;
    void *start, *end;
    struct link_map *map;
    void *unwind_table;
    unsigned long long reserved[8];
} found_object_t;

/* Takes no lock, unlike all other ways: the crash may have come while this thread held the loader's. */
extern int find_object(void *address, found_object_t *out_object) __asm__("_dl_find_object") __attribute__((weak));

#if defined(MPLAT_OWN_FIND_OBJECT)
/* A weak reference takes nothing out of a static library; this one takes unwind_object.c. */
extern const char mplat_own_find_object;
extern const char *const mplat_find_object_anchor;
const char *const mplat_find_object_anchor = &mplat_own_find_object;
#endif

typedef struct search {
    uintptr_t address, base;
    char *path;
    size_t size;
    bool found;
} search_t;

static void note_module(search_t *search, uintptr_t base, const char *name) {
    search->base = base;
    search->found = true;
    search->path[0] = '\0';
    size_t length = strlen(name);
    if (length > 0 && strcmp(name, "/proc/self/exe") != 0) {
        if (length >= search->size)
            length = search->size - 1;
        memcpy(search->path, name, length);
        search->path[length] = '\0';
        return;
    }
    /* The program itself has no name, or in a static program of musl this one. */
    ssize_t used = readlink("/proc/self/exe", search->path, search->size - 1);
    search->path[used > 0 ? used : 0] = '\0';
}

static int search_module(struct dl_phdr_info *info, size_t size, void *context) {
    search_t *search = context;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t start = (uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        if (info->dlpi_phdr[i].p_type != PT_LOAD || search->address - start >= info->dlpi_phdr[i].p_memsz)
            continue;
        note_module(search, (uintptr_t)info->dlpi_addr, info->dlpi_name != NULL ? info->dlpi_name : "");
        return 1;
    }
    return 0;
}

bool mplat_crash_module(uintptr_t address, uintptr_t *out_base, char *path, size_t size) {
    search_t search = {.address = address, .path = path, .size = size};
    found_object_t object;
    memset(&object, 0, sizeof object);
    memset(path, 0, size);
    /* Found, but without a link_map: our own for musl (unwind_object.c). */
    bool exact = &find_object != NULL && find_object((void *)address, &object) == 0 && object.map != NULL;
    if (exact)
        note_module(&search, (uintptr_t)object.map->l_addr, object.map->l_name);
    else if (&find_object == NULL || object.start != NULL)
        dl_iterate_phdr(search_module, &search);
    *out_base = search.base;
    return search.found;
}
