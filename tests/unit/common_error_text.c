/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about the names of the platform's errors. */
#include <limits.h>
#include <string.h>

#include "platform/platform.h"
#include "tests/support/test.h"

TEST(platform_error, every_code_has_its_own_text) {
    static const int codes[] = {
#define X(name, value, text) name,
        MPLAT_ERRORS(X)
#undef X
    };
    const size_t count = sizeof codes / sizeof *codes;
    for (size_t i = 0; i < count; i++) {
        CHECK(codes[i] < 0);
        CHECK(strcmp(mplat_error_text(codes[i]), "unknown error") != 0);
        for (size_t j = 0; j < i; j++) {
            CHECK(codes[i] != codes[j]);
            CHECK(strcmp(mplat_error_text(codes[i]), mplat_error_text(codes[j])) != 0);
        }
    }
}

TEST(platform_error, other_numbers_are_unknown) {
    CHECK_EQ_STR(mplat_error_text(1), "unknown error");
    CHECK_EQ_STR(mplat_error_text(-9999), "unknown error");
    CHECK_EQ_STR(mplat_error_text(INT_MIN), "unknown error");
    CHECK_EQ_STR(mplat_error_text(0), "no error");
}
