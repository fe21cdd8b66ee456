/* SPDX-License-Identifier: Apache-2.0 */
/* The counting writer: what snprintf promises about sizes, piece by piece. And names, texts and numbers that may
 * never change. */
#include "text.h"

#include <mproc/error.h>
#include <mproc/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number_repr.h"
#include "test.h"

TEST(text, pieces_are_put_together) {
    char buf[64];
    mproc_text_t text;
    mproc_text_init(&text, buf, sizeof buf);
    CHECK_EQ_STR(buf, "");
    mproc_text_add(&text, "abcdef", 3);
    mproc_text_print(&text, "-%d-%s-", 12, "x");
    mproc_text_add_string(&text, "end");
    CHECK_EQ_STR(buf, "abc-12-x-end");
    CHECK_EQ_UINT(text.length, 12);
}

TEST(text, nothing_is_written_beyond_the_buffer) {
    for (size_t size = 0; size <= 12; size++) {
        char buf[16];
        mproc_text_t text;
        memset(buf, '#', sizeof buf);
        mproc_text_init(&text, size > 0 ? buf : NULL, size);
        mproc_text_add_string(&text, "01234");
        mproc_text_print(&text, "%s", "56789");
        CHECK_EQ_UINT(text.length, 10);
        if (size > 0) {
            CHECK_EQ_UINT(strlen(buf), size <= 10 ? size - 1 : 10);
            CHECK(strncmp(buf, "0123456789", size - 1) == 0);
        }
        CHECK_EQ_INT(buf[size], '#');
    }
}

TEST(text, a_printed_piece_ends_at_255_bytes) {
    char buf[600];
    mproc_text_t text;
    mproc_text_init(&text, buf, sizeof buf);
    mproc_text_print(&text, "%0300d", 1);
    CHECK_EQ_UINT(text.length, 255);
    CHECK_EQ_UINT(strlen(buf), 255);
}

TEST(text, a_double_never_outgrows_its_room) {
    static const double longest[] = {-2.2250738585072014e-308, -1.7976931348623157e+308, -1234567890123456.7,
                                     -0.00012345678901234567, 5e-324};
    for (size_t i = 0; i < sizeof longest / sizeof longest[0]; i++) {
        char buf[MPROC_DOUBLE_REPR_MAX];
        CHECK(strlen(mproc_double_repr(longest[i], buf)) < 25);
        CHECK(strtod(buf, NULL) == longest[i]);
    }
}

TEST(text, error_codes_never_change) {
    static const int codes[] = {MPROC_EINVAL,       MPROC_ESTATE,     MPROC_ETYPE,   MPROC_ENOMEM,  MPROC_ETIMEDOUT,
                                MPROC_ECLOSED,      MPROC_EQUEUEFULL, MPROC_ENOTASK, MPROC_ETASK,   MPROC_EDIED,
                                MPROC_ETASKTIMEOUT, MPROC_ECANCELLED, MPROC_EINIT,   MPROC_ESPAWN,  MPROC_EVERSION,
                                MPROC_EMALFORMED,   MPROC_ENOTSUP,    MPROC_ESYSTEM, MPROC_ETOOBIG, MPROC_EEND};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        CHECK_EQ_INT(codes[i], -1 - (int)i);
    CHECK_EQ_INT(MPROC_OK, 0);
}

TEST(text, every_error_has_a_name_and_words_of_its_own) {
    static const struct {
        int code;
        const char *name;
    } all[] = {
#define X(name, value, words) {name, #name},
        MPROC_ERRORS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        CHECK_EQ_STR(mproc_error_name(all[i].code), all[i].name);
        CHECK(strlen(mproc_error_text(all[i].code)) > 3);
        for (size_t other = 0; other < i; other++)
            CHECK(strcmp(mproc_error_text(all[i].code), mproc_error_text(all[other].code)) != 0);
    }
}

TEST(text, the_version_is_that_of_the_headers) {
    char expected[32];
    snprintf(expected, sizeof expected, "%d.%d.%d", MPROC_VERSION_MAJOR, MPROC_VERSION_MINOR, MPROC_VERSION_PATCH);
    CHECK_EQ_STR(mproc_version(), expected);
    CHECK_EQ_STR(MPROC_VERSION_STRING, expected);
    CHECK_EQ_INT(MPROC_VERSION_NUMBER, MPROC_VERSION_MAJOR * 10000 + MPROC_VERSION_MINOR * 100 + MPROC_VERSION_PATCH);
}
