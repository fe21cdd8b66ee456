/* SPDX-License-Identifier: Apache-2.0 */
/* The argument macros, a task and its results as a C++11 program writes them. */
#include "overloads.h"

#include <string>

enum colour { RED = 3 };
enum class size_class : unsigned char { LARGE = 200 };

void cxx_every_type(take_args_fn *take, void *context) {
    const std::string text = "text";
    char letters[] = "letters";
    take(MPROC_ARGS(true, 'a', static_cast<signed char>(-1), static_cast<unsigned char>(255), static_cast<short>(-2),
                    static_cast<unsigned short>(65535), -3, 4u, -5L, 6UL, -7LL, 18446744073709551615ULL, 1.5f, 2.5,
                    "literal", letters, text.c_str(), MPROC_TEXT(text.data(), 2), MPROC_BYTES("\0\1", 2), MPROC_NIL,
                    MPROC_BOOL(7), RED, static_cast<unsigned>(size_class::LARGE), sizeof(char)),
         context);
}

void cxx_nested(take_args_fn *take, void *context) {
    take(MPROC_ARGS(1, MPROC_LIST(2, "three", MPROC_LIST(4.0)),
                    MPROC_DICT(MPROC_KW("a", MPROC_LIST(5)), MPROC_KW("b", MPROC_DICT(MPROC_KW("c", MPROC_NIL)))),
                    MPROC_KW("width", 640), MPROC_KW("tags", MPROC_LIST("x", "y"))),
         context);
}

void cxx_kept_in_variables(take_args_fn *take, void *context) {
    auto inner = MPROC_LIST(1, 2);
    auto outer = MPROC_LIST(inner, 3);
    auto dict = MPROC_DICT(MPROC_KW("list", inner));
    auto args = MPROC_ARGS(outer, dict, 4, MPROC_KW("again", inner));
    auto copy = args;
    take(copy, context);
}

void cxx_value(const mproc_value_t *value, take_args_fn *take, void *context) {
    take(MPROC_ARGS(value, MPROC_LIST(value)), context);
}

MPROC_TASK(cxx_area) {
    double width = 0, height = 0;
    int err = mproc_call_args(call, "dd", &width, &height);
    if (err != MPROC_OK)
        return err;
    return mproc_call_return(
        call, MPROC_DICT(MPROC_KW("area", width * height), MPROC_KW("sides", MPROC_LIST(width, height))));
}

MPROC_TASK(cxx_refuse) {
    return mproc_call_fail(call, 9, "not %s", "today");
}
