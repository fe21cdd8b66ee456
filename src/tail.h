/* SPDX-License-Identifier: Apache-2.0 */
/* tail.h: the last lines of a stream of bytes, as text for people. */
#ifndef MPROC_SRC_TAIL_H
#define MPROC_SRC_TAIL_H

#include <stddef.h>

#define MPROC_TAIL_SIZE 2048 /* bytes of text, at most */

/* All zero before the first byte. */
typedef struct mproc_tail {
    size_t used;
    unsigned char bytes[2 * (MPROC_TAIL_SIZE + 1)]; /* one more than the text: it tells whether that starts a line */
} mproc_tail_t;

void mproc_tail_add(mproc_tail_t *tail, const void *data, size_t size);

/* mproc_tail_text writes the last lines and a zero. Of more than fits, it begins with the first whole line that does, or inside
 * the line if that is the only one. What is neither UTF-8 nor printable comes as '?', line ends as "\n". */
void mproc_tail_text(const mproc_tail_t *tail, char buf[MPROC_TAIL_SIZE + 1]);

#endif
