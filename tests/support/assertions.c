/* SPDX-License-Identifier: Apache-2.0 */
/* What CHECK and REQUIRE do: they tell CUnit, with a message that shows the values. */
#include "library.h"
#include "test.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestRun.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_SIZE = 8192 };

void test_assert(bool holds, test_place_t at, bool fatal, const char *format, ...) {
    char message[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    CU_assertImplementation(holds, at.line, message, at.file, "", fatal);
}

void test_abandon(test_place_t at, const char *format, ...) {
    char message[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    CU_assertImplementation(false, at.line, message, at.file, "", true);
    abort(); /* CUnit leaves a test by longjmp, and has none to leave in a task or another thread */
}

void test_eq_int(int64_t actual, int64_t expected, test_place_t at, bool fatal, test_pair_t text) {
    test_assert(actual == expected, at, fatal, "%s == %s: %" PRId64 " is not %" PRId64, text.actual, text.expected,
                actual, expected);
}

void test_eq_uint(uint64_t actual, uint64_t expected, test_place_t at, bool fatal, test_pair_t text) {
    test_assert(actual == expected, at, fatal, "%s == %s: %" PRIu64 " is not %" PRIu64, text.actual, text.expected,
                actual, expected);
}

void test_eq_str(const char *actual, const char *expected, test_place_t at, bool fatal, test_pair_t text) {
    bool same = actual == expected || (actual != NULL && expected != NULL && strcmp(actual, expected) == 0);
    test_assert(same, at, fatal, "%s == %s:\n    got      \"%s\"\n    expected \"%s\"", text.actual, text.expected,
                actual != NULL ? actual : "(null)", expected != NULL ? expected : "(null)");
}

void test_eq_mem(const void *actual, const void *expected, size_t size, test_place_t at, bool fatal, test_pair_t text) {
    const unsigned char *left = actual;
    const unsigned char *right = expected;
    size_t i = 0;
    while (i < size && left[i] == right[i]) {
        i++;
    }
    if (i == size) {
        test_assert(true, at, fatal, "%s == %s", text.actual, text.expected);
    } else {
        test_assert(false, at, fatal, "%s == %s: byte %zu of %zu is 0x%02x, not 0x%02x", text.actual, text.expected, i,
                    size, left[i], right[i]);
    }
}

void test_has_str(const char *string, const char *part, test_place_t at, bool fatal, const char *text) {
    bool found = string != NULL && strstr(string, part) != NULL;
    test_assert(found, at, fatal, "%s has \"%s\": it is \"%s\"", text, part, string != NULL ? string : "(null)");
}

void test_ok(int code, test_place_t at, bool fatal, const char *call) {
    char got[4096];
    test_assert(code == 0, at, fatal, "%s succeeds: got %s", call,
                code == 0 ? "" : library_describe_error(code, got, sizeof got));
}

void test_err(int code, int expected, test_place_t at, bool fatal, const char *call, const char *expected_name) {
    char got[4096];
    test_assert(code == expected, at, fatal, "%s fails with %s: got %s", call, expected_name,
                code == expected ? "" : library_describe_error(code, got, sizeof got));
}

uint64_t test_random(uint64_t *state) {
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

int64_t test_time_scale(void) {
    return MPROC_TEST_TIME_SCALE;
}

bool test_wait_until(bool (*condition)(void *arg), void *arg, int timeout_ms) {
    int64_t deadline = test_now_ms() + timeout_ms * test_time_scale();
    while (!condition(arg)) {
        if (test_now_ms() >= deadline) {
            return false;
        }
        test_sleep_ms(2);
    }
    return true;
}
