/* SPDX-License-Identifier: Apache-2.0 */
/* symbol.c: finds a function's name in an ELF file's symbol table. The file may be anything: every number in it is
 * checked before use, and it is read, not mapped, so that cutting it short meanwhile is a short read and not a
 * SIGBUS. */
#include "internal.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The parts of the ELF specification that are needed, for both sizes of address; <elf.h> is not everywhere. */
enum {
    CLASS_32 = 1,
    CLASS_64 = 2,
    SECTION_SYMBOLS = 2,
    SECTION_DYNAMIC_SYMBOLS = 11,
    SYMBOL_FUNCTION = 2,
    SYMBOL_INDIRECT_FUNCTION = 10
};

typedef struct elf {
    int fd;
    bool wide;            /* 64-bit */
    uint64_t sections_at; /* of the section headers */
    uint64_t section_count;
} elf_t;

typedef struct section {
    uint32_t type, link;
    uint64_t address; /* when loaded */
    uint64_t at, size;
} section_t;

typedef struct match {
    bool found;
    uint64_t value;
    uint64_t name_at; /* in the file */
} match_t;

static bool read_at(const elf_t *elf, uint64_t at, void *buf, size_t size) {
    char *to = buf;
    while (size > 0) {
        if (at > (uint64_t)INT64_MAX - size)
            return false;
        ssize_t got = pread(elf->fd, to, size, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        at += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

/* Integers of the file, in this machine's order: only files of this machine are looked at. */
static uint64_t field(const unsigned char *bytes, size_t at, size_t size) {
    uint16_t half = 0;
    uint32_t word = 0;
    uint64_t wide = 0;
    switch (size) {
    case 1:
        return bytes[at];
    case 2:
        memcpy(&half, bytes + at, sizeof half);
        return half;
    case 4:
        memcpy(&word, bytes + at, sizeof word);
        return word;
    default:
        memcpy(&wide, bytes + at, sizeof wide);
        return wide;
    }
}

static bool read_header(elf_t *elf) {
    unsigned char head[64] = {0};
    const uint16_t order_probe = 1;
    unsigned char order = *(const unsigned char *)&order_probe == 1 ? 1 : 2;
    if (!read_at(elf, 0, head, 52) || memcmp(head, "\177ELF", 4) != 0 || head[5] != order)
        return false;
    elf->wide = head[4] == CLASS_64;
    if (head[4] != CLASS_32 && !(elf->wide && read_at(elf, 0, head, 64)))
        return false;
    size_t tail = elf->wide ? 58 : 46; /* of e_shentsize; e_shnum follows */
    elf->sections_at = elf->wide ? field(head, 40, 8) : field(head, 32, 4);
    elf->section_count = field(head, tail + 2, 2);
    return field(head, tail, 2) == (elf->wide ? 64 : 40) && elf->sections_at != 0;
}

static bool read_section(const elf_t *elf, uint64_t index, section_t *out_section) {
    unsigned char head[64] = {0};
    size_t size = elf->wide ? 64 : 40;
    if (index >= elf->section_count || elf->sections_at > (uint64_t)INT64_MAX - index * size ||
        !read_at(elf, elf->sections_at + index * size, head, size))
        return false;
    out_section->type = (uint32_t)field(head, 4, 4);
    out_section->address = elf->wide ? field(head, 16, 8) : field(head, 12, 4);
    out_section->at = elf->wide ? field(head, 24, 8) : field(head, 16, 4);
    out_section->size = elf->wide ? field(head, 32, 8) : field(head, 20, 4);
    out_section->link = (uint32_t)(elf->wide ? field(head, 40, 4) : field(head, 24, 4));
    return out_section->at <= (uint64_t)INT64_MAX && out_section->size <= (uint64_t)INT64_MAX - out_section->at;
}

typedef struct symbol {
    uint64_t name, kind, home, value, size;
} symbol_t;

static symbol_t parse_symbol(const elf_t *elf, const unsigned char *bytes) {
    if (elf->wide)
        return (symbol_t){.name = field(bytes, 0, 4),
                          .kind = field(bytes, 4, 1) & 15,
                          .home = field(bytes, 6, 2),
                          .value = field(bytes, 8, 8),
                          .size = field(bytes, 16, 8)};
    return (symbol_t){.name = field(bytes, 0, 4),
                      .kind = field(bytes, 12, 1) & 15,
                      .home = field(bytes, 14, 2),
                      .value = field(bytes, 4, 4),
                      .size = field(bytes, 8, 4)};
}

/* Hand-written code may come without a size: then it reaches to the end of its section at most. */
static bool reaches(const elf_t *elf, const symbol_t *symbol, uint64_t offset) {
    section_t home;
    if (symbol->value > offset)
        return false;
    if (symbol->size > 0)
        return offset - symbol->value < symbol->size;
    return read_section(elf, symbol->home, &home) && offset >= home.address && offset - home.address < home.size;
}

/* Takes one symbol into account: of the functions that reach offset, the one that begins last. */
static void try_symbol(const elf_t *elf, const symbol_t *symbol, const section_t *names, uint64_t offset,
                       match_t *best) {
    if (symbol->kind != SYMBOL_FUNCTION && symbol->kind != SYMBOL_INDIRECT_FUNCTION)
        return;
    if (symbol->home == 0 || symbol->name == 0 || symbol->name >= names->size)
        return;
    if ((best->found && symbol->value < best->value) || !reaches(elf, symbol, offset))
        return;
    *best = (match_t){true, symbol->value, names->at + symbol->name};
}

/* Looks through the symbols that the section holds, some at a time. */
static void search_table(const elf_t *elf, const section_t *table, uint64_t offset, match_t *best) {
    unsigned char chunk[24 * 128] = {0};
    section_t names;
    size_t entry = elf->wide ? 24 : 16;
    if (!read_section(elf, table->link, &names))
        return;
    uint64_t left = table->size / entry, at = table->at;
    while (left > 0) {
        size_t count = left < 128 ? (size_t)left : 128;
        if (!read_at(elf, at, chunk, count * entry))
            return; /* cut short: what was there counts */
        for (size_t i = 0; i < count; i++) {
            symbol_t symbol = parse_symbol(elf, chunk + i * entry);
            try_symbol(elf, &symbol, &names, offset, best);
        }
        left -= count;
        at += count * entry;
    }
}

static void search_tables(const elf_t *elf, uint32_t type, uint64_t offset, match_t *best) {
    section_t section;
    for (uint64_t i = 0; i < elf->section_count; i++)
        if (read_section(elf, i, &section) && section.type == type)
            search_table(elf, &section, offset, best);
}

/* Reads a name up to its zero byte, cut to size. */
static bool read_name(const elf_t *elf, uint64_t at, char *buf, size_t size) {
    size_t used = 0;
    while (used + 1 < size && read_at(elf, at + used, buf + used, 1) && buf[used] != '\0')
        used++;
    buf[used] = '\0';
    return used > 0;
}

int mplat_symbol_name(const char *module, uint64_t offset, char *buf, size_t size, uint64_t *out_distance) {
    elf_t elf = {.fd = -1};
    match_t best = {false, 0, 0};
    *out_distance = 0;
    if (size == 0)
        return mplat_fail(EINVAL, "find symbol");
    buf[0] = '\0';
    /* Not blocking: the path may be a pipe. */
    elf.fd = mplat_sys.open(module, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (elf.fd < 0)
        return mplat_fail_as(MPLAT_ENOTFOUND, errno, "open module");
    if (read_header(&elf)) {
        search_tables(&elf, SECTION_SYMBOLS, offset, &best);
        if (!best.found) /* stripped: what others link against is still there */
            search_tables(&elf, SECTION_DYNAMIC_SYMBOLS, offset, &best);
    }
    bool named = best.found && read_name(&elf, best.name_at, buf, size);
    mplat_close(elf.fd);
    if (!named)
        return mplat_fail_as(MPLAT_ENOTFOUND, 0, "find symbol");
    *out_distance = offset - best.value;
    return 0;
}
