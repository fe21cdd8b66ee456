/* SPDX-License-Identifier: Apache-2.0 */
/* text.c: the counting writer. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void mproc_text_init(mproc_text_t *text, char *buf, size_t size) {
    *text = (mproc_text_t){.buf = buf, .size = size};
    if (size > 0)
        buf[0] = '\0';
}

void mproc_text_add(mproc_text_t *text, const char *string, size_t length) {
    if (text->length + 1 < text->size) {
        size_t room = text->size - text->length - 1;
        size_t fits = length < room ? length : room;
        memcpy(text->buf + text->length, string, fits);
        text->buf[text->length + fits] = '\0';
    }
    text->length += length;
}

void mproc_text_print(mproc_text_t *text, const char *format, ...) {
    char piece[256];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(piece, sizeof piece, format, list);
    va_end(list);
    if (length > 0)
        mproc_text_add(text, piece, (size_t)length < sizeof piece ? (size_t)length : sizeof piece - 1);
}

void mproc_text_add_string(mproc_text_t *text, const char *string) {
    mproc_text_add(text, string, strlen(string));
}
