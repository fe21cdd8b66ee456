/* SPDX-License-Identifier: Apache-2.0 */
/* utf.c: strict conversion between UTF-8 and UTF-16. */
#include "utf.h"

#include "platform/platform.h"

enum { HIGH_SURROGATE = 0xD800, LOW_SURROGATE = 0xDC00, SURROGATE_END = 0xDFFF, SUPPLEMENTARY = 0x10000 };

size_t mplat_utf8_decode(const char *text, size_t size, uint32_t *out_code_point) {
    const unsigned char *s = (const unsigned char *)text;
    *out_code_point = s[0];
    if (s[0] < 0x80)
        return 1;

    /* C0, C1 and F5..FF never occur: they could only start overlong forms and numbers above U+10FFFF. */
    size_t length = 0;
    if (s[0] >= 0xC2 && s[0] <= 0xDF)
        length = 2;
    else if (s[0] >= 0xE0 && s[0] <= 0xEF)
        length = 3;
    else if (s[0] >= 0xF0 && s[0] <= 0xF4)
        length = 4;
    if (length == 0 || length > size)
        return 0;

    uint32_t code_point = s[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        code_point = code_point << 6 | (s[i] & 0x3Fu);
    }
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, SUPPLEMENTARY};
    if (code_point < smallest[length] || code_point > 0x10FFFF ||
        (code_point >= HIGH_SURROGATE && code_point <= SURROGATE_END))
        return 0;
    *out_code_point = code_point;
    return length;
}

bool mplat_utf8_valid(const char *text, size_t size) {
    for (size_t at = 0; at < size;) {
        uint32_t code_point;
        size_t length = mplat_utf8_decode(text + at, size - at, &code_point);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

int mplat_utf8_to_utf16(const char *text, size_t size, uint16_t *buf, size_t capacity, size_t *out_count) {
    size_t count = 0;
    *out_count = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code_point;
        size_t length = mplat_utf8_decode(text + at, size - at, &code_point);
        if (length == 0)
            return MPLAT_EINVAL;
        at += length;

        size_t units = code_point < SUPPLEMENTARY ? 1 : 2;
        if (buf != NULL) {
            if (capacity - count < units)
                return MPLAT_ETOOBIG;
            if (units == 1) {
                buf[count] = (uint16_t)code_point;
            } else {
                buf[count] = (uint16_t)(HIGH_SURROGATE + ((code_point - SUPPLEMENTARY) >> 10));
                buf[count + 1] = (uint16_t)(LOW_SURROGATE + (code_point & 0x3FF));
            }
        }
        count += units;
    }
    *out_count = count;
    return 0;
}

/* decode_utf16 is mplat_utf8_decode for UTF-16. */
static size_t decode_utf16(const uint16_t *text, size_t count, uint32_t *out_code_point) {
    *out_code_point = text[0];
    if (text[0] < HIGH_SURROGATE || text[0] > SURROGATE_END)
        return 1;
    if (text[0] >= LOW_SURROGATE || count < 2 || text[1] < LOW_SURROGATE || text[1] > SURROGATE_END)
        return 0;
    *out_code_point =
        SUPPLEMENTARY + ((uint32_t)(text[0] - HIGH_SURROGATE) << 10) + (uint32_t)(text[1] - LOW_SURROGATE);
    return 2;
}

static size_t encode_utf8(uint32_t code_point, char bytes[4]) {
    if (code_point < 0x80) {
        bytes[0] = (char)code_point;
        return 1;
    }
    size_t length = code_point < 0x800 ? 2 : code_point < SUPPLEMENTARY ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (code_point & 0x3F));
        code_point >>= 6;
    }
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    bytes[0] = (char)(lead[length] | code_point);
    return length;
}

int mplat_utf16_to_utf8(const uint16_t *text, size_t count, char *buf, size_t capacity, size_t *out_size) {
    size_t size = 0;
    *out_size = 0;
    for (size_t at = 0; at < count;) {
        uint32_t code_point;
        size_t units = decode_utf16(text + at, count - at, &code_point);
        if (units == 0)
            return MPLAT_EINVAL;
        at += units;

        char bytes[4];
        size_t length = encode_utf8(code_point, bytes);
        if (buf != NULL) {
            if (capacity - size < length)
                return MPLAT_ETOOBIG;
            for (size_t i = 0; i < length; i++)
                buf[size + i] = bytes[i];
        }
        size += length;
    }
    *out_size = size;
    return 0;
}
