/* SPDX-License-Identifier: Apache-2.0 */
/* usage_linux.c: reading /proc/<pid>/stat and status. */
#include "usage_linux.h"

#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool mplat_stat_parse(const char *text, mplat_stat_t *out_stat) {
    /* "12 (name) S 1 …": the name is the program's choice and may hold spaces and parentheses; nothing behind it
     * does. */
    const char *at = strrchr(text, ')');
    unsigned long long fields[20];
    if (at == NULL || at[1] != ' ' || at[2] == '\0' || at[3] != ' ')
        return false;
    at += 3;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char *end = NULL;
        fields[i] = strtoull(at, &end, 10); /* some are negative: they wrap, and are not used */
        if (end == at)
            return false;
        at = end;
    }
    /* Counted from the parent, which proc(5) calls field 4: 14 and 15 are times, 22 is the start. */
    out_stat->parent = (pid_t)fields[0];
    out_stat->user_ticks = fields[10];
    out_stat->system_ticks = fields[11];
    out_stat->start_ticks = fields[18];
    return true;
}

/* Reads /proc/<pid>/<name> as text that ends with a zero. */
static bool read_text(pid_t pid, const char *name, char *text, size_t size) {
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    ssize_t got = mplat_read_file(path, text, size - 1);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

bool mplat_stat_read(pid_t pid, mplat_stat_t *out_stat) {
    char text[1024];
    return read_text(pid, "stat", text, sizeof text) && mplat_stat_parse(text, out_stat);
}

bool mplat_usage_read(pid_t pid, mplat_usage_t *usage) {
    char text[4096];
    mplat_stat_t stat;
    long ticks = sysconf(_SC_CLK_TCK);
    if (ticks <= 0 || !mplat_stat_read(pid, &stat) || !read_text(pid, "status", text, sizeof text))
        return false;
    usage->user_ns = (int64_t)(stat.user_ticks * (1000000000u / (uint64_t)ticks));
    usage->system_ns = (int64_t)(stat.system_ticks * (1000000000u / (uint64_t)ticks));
    const char *peak = strstr(text, "\nVmHWM:");
    const char *now = strstr(text, "\nVmRSS:");
    if (peak != NULL)
        usage->peak_memory_bytes = strtoull(peak + 7, NULL, 10) * 1024;
    if (now != NULL)
        usage->memory_bytes = strtoull(now + 7, NULL, 10) * 1024;
    return true;
}
