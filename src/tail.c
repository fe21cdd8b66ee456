/* SPDX-License-Identifier: Apache-2.0 */
/* tail.c: the last lines of a stream of bytes. */
#include "tail.h"

#include <string.h>

#include "scan.h"

#define KEPT (MPROC_TAIL_SIZE + 1)

void mproc_tail_add(mproc_tail_t *tail, const void *data, size_t size) {
    const unsigned char *from = data;
    if (size == 0)
        return;
    if (size >= KEPT) {
        from += size - KEPT;
        size = KEPT;
        tail->used = 0;
    } else if (size > sizeof tail->bytes - tail->used) {
        size_t stays = KEPT - size;
        memmove(tail->bytes, tail->bytes + tail->used - stays, stays);
        tail->used = stays;
    }
    memcpy(tail->bytes + tail->used, from, size);
    tail->used += size;
}

/* character_size is how many bytes are one character that can be shown, 0 when these are none. */
static size_t character_size(const unsigned char *at, size_t left) {
    if (*at < 0x80)
        return (*at >= 0x20 && *at != 0x7f) || *at == '\n' || *at == '\t' ? 1 : 0;
    size_t size = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;
    bool control = *at == 0xc2 && left > 1 && at[1] < 0xa0; /* U+0080 to U+009F */
    return size <= left && !control && mproc_scan_utf8(at, size) ? size : 0;
}

static size_t first_shown(const mproc_tail_t *tail) {
    size_t start = tail->used > MPROC_TAIL_SIZE ? tail->used - MPROC_TAIL_SIZE : 0;
    if (start == 0 || tail->bytes[start - 1] == '\n')
        return start;
    const unsigned char *end = memchr(tail->bytes + start, '\n', tail->used - start);
    if (end != NULL && end + 1 < tail->bytes + tail->used)
        return (size_t)(end + 1 - tail->bytes);
    while (start < tail->used && (tail->bytes[start] & 0xc0) == 0x80)
        start++;
    return start;
}

void mproc_tail_text(const mproc_tail_t *tail, char buf[MPROC_TAIL_SIZE + 1]) {
    char *to = buf;
    for (size_t i = first_shown(tail); i < tail->used;) {
        const unsigned char *at = tail->bytes + i;
        size_t left = tail->used - i, size = character_size(at, left);
        i += size > 0 ? size : 1;
        if (*at == '\r' && left > 1 && at[1] == '\n')
            continue;
        if (size == 0) {
            *to++ = '?';
            continue;
        }
        memcpy(to, at, size);
        to += size;
    }
    *to = '\0';
}
