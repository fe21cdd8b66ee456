/* SPDX-License-Identifier: Apache-2.0 */
/* unwind_object.c: what a compiler that was built for glibc asks of the C library, for use with musl, which lacks
 * it: the unwind table of the module that an address is in. Built only where linking fails without it. */
#include <link.h>
#include <stdint.h>
#include <string.h>

/* glibc's struct, as <dlfcn.h> of 2.35 has it on machines without a data base register. */
struct dl_find_object {
    unsigned long long flags;
    void *start, *end;
    struct link_map *map;
    void *unwind_table;
    unsigned long long reserved[7];
};

typedef struct search {
    uintptr_t address;
    struct dl_find_object *object;
} search_t;

static int search_module(struct dl_phdr_info *info, size_t size, void *context) {
    search_t *search = context;
    uintptr_t table = 0;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t start = (uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
            table = start;
        if (info->dlpi_phdr[i].p_type != PT_LOAD || search->address - start >= info->dlpi_phdr[i].p_memsz)
            continue;
        search->object->start = (void *)start;
        search->object->end = (void *)(start + info->dlpi_phdr[i].p_memsz);
    }
    search->object->unwind_table = (void *)table;
    return search->object->start != NULL;
}

extern const char mplat_own_find_object;
const char mplat_own_find_object = 1; /* for crash_place_linux.c to name */

int _dl_find_object(void *address, struct dl_find_object *out_object);

int _dl_find_object(void *address, struct dl_find_object *out_object) {
    search_t search = {(uintptr_t)address, out_object};
    memset(out_object, 0, sizeof *out_object);
    dl_iterate_phdr(search_module, &search);
    return out_object->start != NULL && out_object->unwind_table != NULL ? 0 : -1;
}
