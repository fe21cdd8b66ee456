/* SPDX-License-Identifier: Apache-2.0 */
/* crash_report.c: frames of a crash to lines of text. */
#include "crash_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_SIZE 256

/* The module's path when there is a whole one. */
static const char *module_of(const mplat_crash_t *crash, uint32_t frame) {
    uint32_t module = crash->frames[frame].module;
    if (module >= MPLAT_CRASH_MODULES_MAX || module >= crash->module_count)
        return NULL;
    const char *path = crash->modules[module];
    return memchr(path, '\0', MPLAT_CRASH_PATH_MAX) != NULL && path[0] != '\0' ? path : NULL;
}

static const char *base_name(const char *path) {
    const char *base = path;
    for (; *path != '\0'; path++)
        if (*path == '/' || *path == '\\')
            base = path + 1;
    return base;
}

static uint32_t frame_count(const mplat_crash_t *crash) {
    return crash->frame_count < MPLAT_CRASH_FRAMES_MAX ? crash->frame_count : MPLAT_CRASH_FRAMES_MAX;
}

/* A return address is behind its call, which may be the last instruction of its function: only frame 0 is looked up as it is. */
static bool name_of(const mplat_crash_t *crash, uint32_t frame, char *buf, size_t size, uint64_t *out_distance) {
    const char *module = module_of(crash, frame);
    uint64_t offset = crash->frames[frame].offset;
    uint64_t back = frame > 0 && offset > 0 ? 1 : 0;
    *out_distance = 0;
    if (module == NULL || mplat_symbol_name(module, offset - back, buf, size, out_distance) != 0)
        return false;
    *out_distance += back;
    return true;
}

static void append_frame(const mplat_crash_t *crash, uint32_t frame, mproc_buffer_t *buffer) {
    char line[NAME_SIZE + MPLAT_CRASH_PATH_MAX + 64], name[NAME_SIZE];
    const char *module = module_of(crash, frame);
    uint64_t distance = 0;
    int length;
    if (name_of(crash, frame, name, sizeof name, &distance))
        length = snprintf(line, sizeof line, "#%-2" PRIu32 " %s+0x%" PRIx64 " (%s)\n", frame, name, distance,
                          base_name(module));
    else
        length = snprintf(line, sizeof line, "#%-2" PRIu32 " %s0x%" PRIx64 " (%s)\n", frame, module != NULL ? "+" : "",
                          crash->frames[frame].offset, module != NULL ? base_name(module) : "?");
    if (length > 0)
        (void)mproc_buffer_append(buffer, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

void mproc_crash_backtrace(const mplat_crash_t *crash, mproc_buffer_t *buffer) {
    for (uint32_t frame = 0; frame < frame_count(crash); frame++)
        append_frame(crash, frame, buffer);
    (void)mproc_buffer_append(buffer, "", 1);
}

const char *mproc_crash_place(const mplat_crash_t *crash, char *buf, size_t size) {
    char name[NAME_SIZE];
    buf[0] = '\0';
    for (uint32_t frame = 0; frame < frame_count(crash); frame++) {
        uint64_t distance = 0;
        /* Modules are numbered as the frames met them; the abort of a C library is not the place people look for. */
        const char *module = module_of(crash, frame);
        if (module == NULL || strstr(base_name(module), ".so") != NULL || strstr(base_name(module), ".dll") != NULL)
            continue;
        if (!name_of(crash, frame, name, sizeof name, &distance))
            continue;
        (void)snprintf(buf, size, "%s+0x%" PRIx64, name, distance);
        break;
    }
    return buf;
}
