/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_parse.c: what Linux says about control groups, read out of text. */
#include "cgroup_parse.h"

#include <limits.h>
#include <string.h>

/* A piece of somebody else's text. */
typedef struct slice {
    const char *at;
    size_t size;
} slice_t;

/* Cuts text up to separator (or its end) off its front. */
static slice_t cut(slice_t *text, char separator) {
    slice_t piece = {text->at, 0};
    while (piece.size < text->size && text->at[piece.size] != separator)
        piece.size++;
    size_t used = piece.size + (piece.size < text->size ? 1 : 0);
    if (used > 0)
        *text = (slice_t){text->at + used, text->size - used};
    return piece;
}

static bool equals(slice_t text, const char *word) {
    return text.size == strlen(word) && (text.size == 0 || memcmp(text.at, word, text.size) == 0);
}

/* True when word is one of those that commas separate. */
static bool lists(slice_t text, const char *word) {
    while (text.size > 0)
        if (equals(cut(&text, ','), word))
            return true;
    return false;
}

static bool parse_number(slice_t text, uint64_t *out_value) {
    uint64_t value = 0;
    if (text.size == 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text.at[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out_value = value;
    return true;
}

static int processors(slice_t quota, slice_t period) {
    uint64_t used, of;
    if (!parse_number(quota, &used) || !parse_number(period, &of) || used == 0 || of == 0)
        return 0;
    uint64_t count = used / of + (used % of != 0 ? 1 : 0);
    return count > INT_MAX ? 0 : (int)count;
}

int mplat_cgroup_cpu_max(const char *text, size_t size) {
    slice_t rest = {text, size};
    slice_t line = cut(&rest, '\n');
    slice_t quota = cut(&line, ' ');
    return processors(quota, line);
}

int mplat_cgroup_cpu_cfs(const char *quota, size_t quota_size, const char *period, size_t period_size) {
    slice_t quota_text = {quota, quota_size}, period_text = {period, period_size};
    slice_t quota_line = cut(&quota_text, '\n');
    return processors(quota_line, cut(&period_text, '\n'));
}

bool mplat_cgroup_keyed(const char *text, size_t size, const char *key, uint64_t *out_value) {
    slice_t rest = {text, size};
    *out_value = 0;
    while (rest.size > 0) {
        slice_t line = cut(&rest, '\n');
        if (equals(cut(&line, ' '), key))
            return parse_number(line, out_value);
    }
    return false;
}

/* Appends text and a zero to buf at *length. */
static bool append(char *buf, size_t buf_size, size_t *length, slice_t text) {
    if (buf_size <= *length || buf_size - *length - 1 < text.size)
        return false;
    if (text.size > 0)
        memcpy(buf + *length, text.at, text.size);
    *length += text.size;
    buf[*length] = '\0';
    return true;
}

bool mplat_cgroup_path(const char *text, size_t size, const char *controller, char *buf, size_t buf_size) {
    slice_t rest = {text, size};
    while (rest.size > 0) {
        /* "hierarchy:controllers:path"; v2 is hierarchy 0 with no controllers. The path may hold more colons. */
        slice_t line = cut(&rest, '\n');
        slice_t hierarchy = cut(&line, ':');
        slice_t controllers = cut(&line, ':');
        bool ours =
            controller == NULL ? equals(hierarchy, "0") && controllers.size == 0 : lists(controllers, controller);
        size_t length = 0;
        if (ours && line.size > 0 && line.at[0] == '/' && memchr(line.at, '\0', line.size) == NULL)
            return append(buf, buf_size, &length, line);
    }
    return false;
}

/* mountinfo writes space, tab, newline and backslash as three octal digits behind a backslash. */
static bool append_unescaped(char *buf, size_t buf_size, size_t *length, slice_t text) {
    while (text.size > 0) {
        char c = text.at[0];
        size_t used = 1;
        if (c == '\\' && text.size >= 4) {
            int value = 0;
            for (; used < 4 && text.at[used] >= '0' && text.at[used] <= '7'; used++)
                value = value * 8 + (text.at[used] - '0');
            if (used == 4 && value > 0 && value < 256)
                c = (char)value;
            else
                used = 1;
        }
        if (c == '\0' || !append(buf, buf_size, length, (slice_t){&c, 1}))
            return false;
        text = (slice_t){text.at + used, text.size - used};
    }
    return true;
}

typedef struct mount {
    slice_t root, point, type, options;
} mount_t;

/* "36 35 98:0 /root /point rw,noatime master:1 - type source options": any number of fields before the dash. */
static bool parse_mount(slice_t line, mount_t *out_mount) {
    for (int i = 0; i < 3; i++)
        cut(&line, ' ');
    out_mount->root = cut(&line, ' ');
    out_mount->point = cut(&line, ' ');
    while (line.size > 0) {
        if (!equals(cut(&line, ' '), "-"))
            continue;
        out_mount->type = cut(&line, ' ');
        cut(&line, ' ');
        out_mount->options = line;
        return out_mount->root.size > 0 && out_mount->point.size > 0 && out_mount->point.at[0] == '/';
    }
    return false;
}

/* The rest of path below root; empty when it does not lie there. */
static slice_t below(const char *path, const char *root) {
    size_t length = strlen(root);
    if (length > 0 && root[length - 1] == '/')
        length--;
    bool inside = strncmp(path, root, length) == 0 && path[length] == '/' && path[length + 1] != '\0';
    return inside ? (slice_t){path + length, strlen(path + length)} : (slice_t){path, 0};
}

/* A path with ".." lies outside of what a container's cgroup namespace shows. */
static bool climbs(const char *path) {
    for (const char *p = path; (p = strstr(p, "/..")) != NULL; p += 3)
        if (p[3] == '/' || p[3] == '\0')
            return true;
    return false;
}

bool mplat_cgroup_directory(const char *mountinfo, size_t size, const char *controller, const char *path, char *buf,
                            size_t buf_size, size_t *out_mount_length) {
    slice_t rest = {mountinfo, size};
    *out_mount_length = 0;
    while (rest.size > 0) {
        mount_t mount;
        if (!parse_mount(cut(&rest, '\n'), &mount))
            continue;
        bool ours = controller == NULL ? equals(mount.type, "cgroup2")
                                       : equals(mount.type, "cgroup") && lists(mount.options, controller);
        if (!ours)
            continue;
        char root[4096];
        size_t root_length = 0, length = 0;
        if (!append_unescaped(root, sizeof root, &root_length, mount.root) ||
            !append_unescaped(buf, buf_size, &length, mount.point))
            return false;
        *out_mount_length = length;
        return append(buf, buf_size, &length, climbs(path) ? (slice_t){path, 0} : below(path, root));
    }
    return false;
}

bool mplat_cgroup_ascend(char *directory, size_t mount_length) {
    char *last = strrchr(directory, '/');
    if (last == NULL || (size_t)(last - directory) < mount_length || last == directory)
        return false;
    *last = '\0';
    return true;
}
