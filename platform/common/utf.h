/* SPDX-License-Identifier: Apache-2.0 */
/* utf.h: strict conversion between UTF-8 and UTF-16. Pure: no system call, no memory of its own. */
#ifndef MPLAT_COMMON_UTF_H
#define MPLAT_COMMON_UTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Strict means RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. Sizes never count a terminating zero, and
 * none is written; a zero inside the text is a character like any other. */

/* mplat_utf8_valid tells whether size bytes are UTF-8 from end to end. */
bool mplat_utf8_valid(const char *text, size_t size);

/* mplat_utf8_decode reads one code point from text[0..size), size at least 1, and returns how many bytes it took, or 0
 * when the bytes there are not UTF-8. */
size_t mplat_utf8_decode(const char *text, size_t size, uint32_t *out_code_point);

/* mplat_utf8_to_utf16 and mplat_utf16_to_utf8 convert size bytes (count units) into buf, which has room for capacity, and
 * set how much they wrote. With buf NULL they only count. MPLAT_EINVAL when the text is not valid (an unpaired surrogate
 * included), MPLAT_ETOOBIG when capacity is too small. buf's contents are undefined after a failure. */
int mplat_utf8_to_utf16(const char *text, size_t size, uint16_t *buf, size_t capacity, size_t *out_count);
int mplat_utf16_to_utf8(const uint16_t *text, size_t count, char *buf, size_t capacity, size_t *out_size);

#endif
