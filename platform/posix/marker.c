/* SPDX-License-Identifier: Apache-2.0 */
/* marker.c: writing and reading the marker. Whether its descriptors are there is for spawning and child.c to see. */
#include "marker.h"

#include <inttypes.h>
#include <stdio.h>

#define VERSION '1'

bool mplat_marker_format(const mplat_marker_t *marker, char *buf, size_t size) {
    int length = snprintf(buf, size, "%s=%c:%d:%016" PRIx64 ":%016" PRIx64 ":%s", MPLAT_MARKER_NAME, VERSION,
                          marker->lifeline ? 1 : 0, marker->link_inode, marker->lifeline_inode, marker->executable);
    return length > 0 && (size_t)length < size;
}

/* Sixteen hexadecimal digits and a colon; moves *at behind them. */
static bool parse_inode(const char **at, uint64_t *out_value) {
    *out_value = 0;
    for (int i = 0; i < 16; i++) {
        char c = *(*at)++;
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        *out_value = *out_value << 4 | (uint64_t)digit;
    }
    return *(*at)++ == ':';
}

bool mplat_marker_parse(const char *value, mplat_marker_t *out_marker) {
    const char *at = value;
    if (at[0] != VERSION || at[1] != ':' || (at[2] != '0' && at[2] != '1') || at[3] != ':')
        return false;
    out_marker->lifeline = at[2] == '1';
    at += 4;
    if (!parse_inode(&at, &out_marker->link_inode) || !parse_inode(&at, &out_marker->lifeline_inode))
        return false;
    out_marker->executable = at;
    return out_marker->lifeline || out_marker->lifeline_inode == 0;
}
