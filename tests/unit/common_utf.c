/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about the strict conversion between UTF-8 and UTF-16. */
#include "platform/common/utf.h"

#include <string.h>

#include "platform/platform.h"
#include "tests/support/test.h"

typedef struct bytes {
    const char *text;
    size_t size;
} bytes_t;

#define BYTES(literal)                                                                                                 \
    { literal, sizeof(literal) - 1 }

static const bytes_t invalid[] = {
    BYTES("\x80"),             /* continuation without a lead */
    BYTES("\xC0\x80"),         /* overlong zero */
    BYTES("\xC1\xBF"),         /* overlong 7F */
    BYTES("\xC3"),             /* cut short */
    BYTES("\xC3("),            /* no continuation */
    BYTES("\xE0\x9F\xBF"),     /* overlong 7FF */
    BYTES("\xE2\x82"),         /* cut short */
    BYTES("\xED\xA0\x80"),     /* surrogate D800 */
    BYTES("\xED\xBF\xBF"),     /* surrogate DFFF */
    BYTES("\xF0\x8F\xBF\xBF"), /* overlong FFFF */
    BYTES("\xF4\x90\x80\x80"), /* 110000 */
    BYTES("\xF5\x80\x80\x80"), /* above any */
    BYTES("\xFF"),             /* never a byte of it */
    BYTES("abc\xFE"),          /* behind good text */
    BYTES("\xF0\x9F\x98"),     /* cut short */
};

TEST(utf, invalid_utf8_is_refused) {
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        uint16_t units[8];
        size_t count = 9;
        if (mplat_utf8_valid(invalid[i].text, invalid[i].size))
            FAIL("sequence %zu is not valid", i);
        CHECK_EQ_INT(mplat_utf8_to_utf16(invalid[i].text, invalid[i].size, units, 8, &count), MPLAT_EINVAL);
        CHECK_EQ_UINT(count, 0);
        CHECK_EQ_INT(mplat_utf8_to_utf16(invalid[i].text, invalid[i].size, NULL, 0, &count), MPLAT_EINVAL);
    }
}

TEST(utf, edges_of_each_length_convert_both_ways) {
    static const char text[] =
        "\0\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF";
    static const uint16_t expected[] = {0,      0x7F,   0x80,   0x7FF,  0x800,  0xD7FF,
                                        0xE000, 0xFFFF, 0xD800, 0xDC00, 0xDBFF, 0xDFFF};
    uint16_t units[16];
    char back[sizeof text];
    size_t count, size;
    CHECK(mplat_utf8_valid(text, sizeof text - 1));
    REQUIRE_EQ_INT(mplat_utf8_to_utf16(text, sizeof text - 1, units, 16, &count), 0);
    REQUIRE_EQ_UINT(count, sizeof expected / sizeof *expected);
    CHECK_EQ_MEM(units, expected, sizeof expected);
    REQUIRE_EQ_INT(mplat_utf16_to_utf8(units, count, back, sizeof back, &size), 0);
    REQUIRE_EQ_UINT(size, sizeof text - 1);
    CHECK_EQ_MEM(back, text, size);
}

TEST(utf, every_code_point_round_trips) {
    for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
        uint16_t units[2] = {(uint16_t)code_point, 0};
        size_t count = 1, size = 0, back_count = 0;
        char text[4];
        uint16_t back[2];
        if (code_point >= 0x10000) {
            units[0] = (uint16_t)(0xD800 + ((code_point - 0x10000) >> 10));
            units[1] = (uint16_t)(0xDC00 + (code_point & 0x3FF));
            count = 2;
        }
        int err = mplat_utf16_to_utf8(units, count, text, sizeof text, &size);
        if (code_point >= 0xD800 && code_point <= 0xDFFF) {
            if (err != MPLAT_EINVAL)
                FAIL("surrogate %04X alone", code_point);
            continue;
        }
        uint32_t decoded = 0;
        if (err != 0 || mplat_utf8_decode(text, size, &decoded) != size || decoded != code_point ||
            mplat_utf8_to_utf16(text, size, back, 2, &back_count) != 0 || back_count != count || back[0] != units[0] ||
            (count == 2 && back[1] != units[1]))
            FAIL("U+%04X", code_point);
    }
}

TEST(utf, unpaired_surrogates_are_refused) {
    static const uint16_t bad[][2] = {{0xD800, 'a'}, {0xDC00, 0xD800}, {0xD800, 0xD800}, {'a', 0xDBFF}, {0xDFFF, 'a'}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[16];
        size_t size = 9;
        CHECK_EQ_INT(mplat_utf16_to_utf8(bad[i], 2, text, sizeof text, &size), MPLAT_EINVAL);
        CHECK_EQ_UINT(size, 0);
    }
}

TEST(utf, counting_gives_the_size_that_writing_needs) {
    static const char text[] = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80";
    uint16_t units[8];
    char back[16];
    size_t count, size;
    REQUIRE_EQ_INT(mplat_utf8_to_utf16(text, sizeof text - 1, NULL, 0, &count), 0);
    CHECK_EQ_UINT(count, 5);
    for (size_t capacity = 0; capacity < count; capacity++) {
        memset(units, 0x23, sizeof units);
        CHECK_EQ_INT(mplat_utf8_to_utf16(text, sizeof text - 1, units, capacity, &size), MPLAT_ETOOBIG);
        CHECK_EQ_UINT(units[capacity], 0x2323);
    }
    REQUIRE_EQ_INT(mplat_utf8_to_utf16(text, sizeof text - 1, units, count, &count), 0);
    REQUIRE_EQ_INT(mplat_utf16_to_utf8(units, count, NULL, 0, &size), 0);
    CHECK_EQ_UINT(size, sizeof text - 1);
    for (size_t capacity = 0; capacity < size; capacity++) {
        size_t none;
        memset(back, '#', sizeof back);
        CHECK_EQ_INT(mplat_utf16_to_utf8(units, count, back, capacity, &none), MPLAT_ETOOBIG);
        CHECK_EQ_INT(back[capacity], '#');
    }
}

TEST(utf, nothing_converts_to_nothing) {
    size_t count = 1, size = 1;
    CHECK(mplat_utf8_valid("", 0));
    CHECK_EQ_INT(mplat_utf8_to_utf16("", 0, NULL, 0, &count), 0);
    CHECK_EQ_INT(mplat_utf16_to_utf8((const uint16_t[]){0}, 0, NULL, 0, &size), 0);
    CHECK_EQ_UINT(count + size, 0);
}
