/* SPDX-License-Identifier: Apache-2.0 */
/* pe_symbols.c: finds the function around an address in the bytes of a PE image file, by the published format (PE/COFF
 * specification). Every offset in the file is somebody's word for it: get_… answers 0 for what lies outside. */
#include "pe_symbols.h"

#include <string.h>

enum { SYMBOL_SIZE = 18, SHORT_NAME = 8, SECTION_HEADER_SIZE = 40, SECTIONS_MAX = 96 };
enum { PE32_PLUS = 0x20B, MACHINE_I386 = 0x14C, TYPE_FUNCTION = 0x20, CLASS_EXTERNAL = 2, SECTION_IS_CODE = 0x20 };

typedef struct image {
    const unsigned char *bytes;
    size_t size;
    size_t header;   /* the COFF header */
    size_t optional; /* the optional header */
    size_t sections; /* the section table */
    uint32_t section_count;
    bool underscores; /* 32-bit x86: C names have one in front */
} image_t;

typedef struct found {
    bool any;
    uint64_t start; /* the greatest one up to the address asked for */
    size_t name;    /* where its name is in the file */
    size_t name_max;
} found_t;

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static bool is_inside(const image_t *image, uint64_t at, uint64_t size) {
    return at <= image->size && size <= image->size - at;
}

static uint32_t get_u32(const image_t *image, uint64_t at) {
    if (!is_inside(image, at, 4))
        return 0;
    const unsigned char *p = image->bytes + at;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t get_u16(const image_t *image, uint64_t at) {
    if (!is_inside(image, at, 2))
        return 0;
    return (uint32_t)image->bytes[at] | (uint32_t)image->bytes[at + 1] << 8;
}

/* ---- headers ----------------------------------------------------------------------------------------------------- */

static bool open_image(image_t *image) {
    const uint32_t pe_signature = 0x4550;
    uint64_t signature = get_u32(image, 0x3C);
    if (get_u16(image, 0) != 0x5A4D || get_u32(image, signature) != pe_signature)
        return false;
    image->header = (size_t)signature + 4;
    image->optional = image->header + 20;
    image->sections = image->optional + get_u16(image, image->header + 16);
    image->section_count = get_u16(image, image->header + 2);
    image->underscores = get_u16(image, image->header) == MACHINE_I386;
    return image->section_count <= SECTIONS_MAX;
}

static uint64_t section(const image_t *image, uint32_t number) {
    return image->sections + (uint64_t)number * SECTION_HEADER_SIZE;
}

/* file_offset is where the byte at rva lies in the file; the file's size, which is outside, when it does not. */
static uint64_t file_offset(const image_t *image, uint64_t rva) {
    for (uint32_t i = 0; i < image->section_count; i++) {
        uint64_t header = section(image, i);
        uint64_t start = get_u32(image, header + 12), size = get_u32(image, header + 16);
        if (rva >= start && rva - start < size)
            return get_u32(image, header + 20) + (rva - start);
    }
    return image->size;
}

static bool is_code_section(const image_t *image, uint32_t number) {
    return number < image->section_count && (get_u32(image, section(image, number) + 36) & SECTION_IS_CODE) != 0;
}

static bool is_code(const image_t *image, uint64_t rva) {
    for (uint32_t i = 0; i < image->section_count; i++) {
        uint64_t start = get_u32(image, section(image, i) + 12), size = get_u32(image, section(image, i) + 8);
        if (rva >= start && rva - start < size)
            return is_code_section(image, i);
    }
    return false;
}

/* ---- candidates -------------------------------------------------------------------------------------------------- */

static void consider(found_t *found, uint64_t rva, uint64_t start, size_t name, size_t name_max) {
    if (start > rva || (found->any && start <= found->start))
        return;
    *found = (found_t){true, start, name, name_max};
}

static void consider_symbol(const image_t *image, uint64_t at, uint64_t strings, uint64_t rva, found_t *found) {
    uint32_t number = get_u16(image, at + 12), type = get_u16(image, at + 14), class = image->bytes[at + 16];
    /* What is written in assembly has no type, but is visible to other files. */
    if ((type != TYPE_FUNCTION && class != CLASS_EXTERNAL) || number == 0 || !is_code_section(image, number - 1))
        return;
    uint64_t start = get_u32(image, section(image, number - 1) + 12) + (uint64_t)get_u32(image, at + 8);
    if (get_u32(image, at) != 0) {
        consider(found, rva, start, (size_t)at, SHORT_NAME);
        return;
    }
    uint64_t name = strings + get_u32(image, at + 4);
    if (is_inside(image, name, 1))
        consider(found, rva, start, (size_t)name, image->size - (size_t)name);
}

static void look_at_symbols(const image_t *image, uint64_t rva, found_t *found) {
    uint64_t table = get_u32(image, image->header + 8), count = get_u32(image, image->header + 12);
    uint64_t strings = table + count * SYMBOL_SIZE;
    if (table == 0 || !is_inside(image, table, count * SYMBOL_SIZE))
        return;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = table + i * SYMBOL_SIZE;
        consider_symbol(image, at, strings, rva, found);
        i += image->bytes[at + 17]; /* auxiliary records of this symbol */
    }
}

static void look_at_exports(const image_t *image, uint64_t rva, found_t *found) {
    uint64_t directory = image->optional + (get_u16(image, image->optional) == PE32_PLUS ? 112 : 96);
    uint64_t table = file_offset(image, get_u32(image, directory));
    uint64_t functions = file_offset(image, get_u32(image, table + 28));
    uint64_t names = file_offset(image, get_u32(image, table + 32));
    uint64_t ordinals = file_offset(image, get_u32(image, table + 36));
    uint64_t count = get_u32(image, table + 24);
    if (!is_inside(image, names, count * 4) || !is_inside(image, ordinals, count * 2))
        return;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t start = get_u32(image, functions + 4 * (uint64_t)get_u16(image, ordinals + 2 * i));
        uint64_t name = file_offset(image, get_u32(image, names + 4 * i));
        if (is_inside(image, name, 1) && is_code(image, start))
            consider(found, rva, start, (size_t)name, image->size - (size_t)name);
    }
}

/* ------------------------------------------------------------------------------------------------------------------ */

bool mplat_pe_symbol(const unsigned char *file, size_t file_size, uint64_t rva, char *buf, size_t size,
                     uint64_t *out_distance) {
    image_t image = {.bytes = file, .size = file_size};
    found_t found = {false, 0, 0, 0};
    *out_distance = 0;
    if (size == 0)
        return false;
    buf[0] = '\0';
    if (!open_image(&image) || !is_code(&image, rva))
        return false;
    look_at_symbols(&image, rva, &found);
    look_at_exports(&image, rva, &found);
    if (!found.any)
        return false;

    const char *name = (const char *)file + found.name;
    size_t length = strnlen(name, found.name_max);
    if (image.underscores && length > 1 && *name == '_') {
        name++;
        length--;
    }
    if (length > size - 1)
        length = size - 1;
    memcpy(buf, name, length);
    buf[length] = '\0';
    *out_distance = rva - found.start;
    return length > 0;
}
