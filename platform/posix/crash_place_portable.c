/* SPDX-License-Identifier: Apache-2.0 */
/* crash_place_portable.c: what a crashing process can learn of itself on any system: the modules, by dladdr, which
 * is on every Unix (and in POSIX since 2024). Its counterpart is crash_place_linux.c. */
#include "crash.h"

#include <dlfcn.h>
#include <string.h>

extern char *program_invocation_name __attribute__((weak));

mplat_crash_place_t mplat_crash_place(const void *signal_context) {
    (void)signal_context;
    return (mplat_crash_place_t){0, 0, 0, 0};
}

bool mplat_crash_peek(uintptr_t address, uintptr_t *out_word) {
    (void)address;
    *out_word = 0;
    return false;
}

bool mplat_crash_follows_call(uintptr_t address) {
    (void)address;
    return false;
}

/* An ELF program that is not position-independent has absolute addresses in its tables: {0x7f "ELF", … type at
 * 16}. */
static bool is_fixed_program(const unsigned char *image) {
    uint16_t type = 0;
    if (memcmp(image, "\177ELF", 4) != 0)
        return false;
    memcpy(&type, image + 16, sizeof type);
    return type == 2;
}

bool mplat_crash_module(uintptr_t address, uintptr_t *out_base, char *path, size_t size) {
    Dl_info info;
    *out_base = 0;
    memset(path, 0, size);
    if (dladdr((void *)address, &info) == 0 || info.dli_fbase == NULL || info.dli_fname == NULL)
        return false;
    *out_base = is_fixed_program(info.dli_fbase) ? 0 : (uintptr_t)info.dli_fbase;
    /* The program's own name here is what it was started as, which may be anything. */
    bool program = &program_invocation_name != NULL && strcmp(info.dli_fname, program_invocation_name) == 0;
    if (program && mplat_executable_path(path, size) == 0)
        return true;
    size_t length = strlen(info.dli_fname);
    memcpy(path, info.dli_fname, length < size ? length : size - 1);
    return true;
}
