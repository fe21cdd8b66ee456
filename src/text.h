/* SPDX-License-Identifier: Apache-2.0 */
/* text.h: writing text into the caller's buffer as snprintf does: never beyond it, and the full length is known at
 * the end. */
#ifndef MPROC_SRC_TEXT_H
#define MPROC_SRC_TEXT_H

#include <stddef.h>

#include <mproc/export.h>

/* buf may be NULL when size is 0. What is there ends with a zero byte at any time, unless size is 0. */
typedef struct mproc_text {
    char *buf;
    size_t size;
    size_t length; /* in full, without the ending zero */
} mproc_text_t;

void mproc_text_init(mproc_text_t *text, char *buf, size_t size);

void mproc_text_add(mproc_text_t *text, const char *string, size_t length);

/* mproc_text_print adds what printf would print, up to 255 bytes: numbers and static texts. Longer ones are for
 * add. */
void mproc_text_print(mproc_text_t *text, const char *format, ...) MPROC_PRINTF(2, 3);

void mproc_text_add_string(mproc_text_t *text, const char *string);

#endif
