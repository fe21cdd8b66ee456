/* SPDX-License-Identifier: Apache-2.0 */
/* The test harness on top of CUnit: how a test is written, what it can assert, and what it can ask for.
 * Assertions belong to the test's own thread and process only; a task or another thread reports through its result. */
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

#include <mproc/export.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void test_function_t(void);

/* One test. TEST fills it in; the harness links the cases into a list. */
typedef struct test_case {
    const char *suite;
    const char *claim;
    test_function_t *run;
    struct test_case *next;
} test_case_t;

/* Defines and registers the test `suite_.claim_`. Write the macro and both names on one line: the build reads them there. */
#define TEST(suite_, claim_)                                                                                           \
    static void test_##suite_##_##claim_(void);                                                                        \
    __attribute__((constructor)) static void register_##suite_##_##claim_(void) {                                      \
        static test_case_t test = {#suite_, #claim_, test_##suite_##_##claim_, NULL};                                  \
        test_register(&test);                                                                                          \
    }                                                                                                                  \
    static void test_##suite_##_##claim_(void)

/* Runs `function_` once before the first count of open resources, in every test of the program: for what the library
 * opens once per process and keeps on purpose. One per test program. */
#define TEST_WARM_UP(function_)                                                                                        \
    __attribute__((constructor)) static void register_warm_up(void) {                                                  \
        test_register_warm_up(function_);                                                                              \
    }

/* Ends the test as skipped, which is neither passed nor failed. Only in the body of a test. */
#define SKIP(reason_)                                                                                                  \
    do {                                                                                                               \
        test_skip(reason_);                                                                                            \
        return;                                                                                                        \
    } while (0)

/* CHECK… notes a failure and goes on; REQUIRE… notes it and ends the test. */
#define CHECK(condition_) test_assert((condition_), TEST_HERE, false, "%s", #condition_)
#define REQUIRE(condition_)                                                                                            \
    ((condition_) ? test_assert(true, TEST_HERE, true, "%s", #condition_) : test_abandon(TEST_HERE, "%s", #condition_))
#define FAIL(...) test_abandon(TEST_HERE, __VA_ARGS__)

#define CHECK_EQ_INT(actual_, expected_)                                                                               \
    test_eq_int((actual_), (expected_), TEST_HERE, false, TEST_PAIR(actual_, expected_))
#define REQUIRE_EQ_INT(actual_, expected_)                                                                             \
    test_eq_int((actual_), (expected_), TEST_HERE, true, TEST_PAIR(actual_, expected_))
#define CHECK_EQ_UINT(actual_, expected_)                                                                              \
    test_eq_uint((actual_), (expected_), TEST_HERE, false, TEST_PAIR(actual_, expected_))
#define REQUIRE_EQ_UINT(actual_, expected_)                                                                            \
    test_eq_uint((actual_), (expected_), TEST_HERE, true, TEST_PAIR(actual_, expected_))
#define CHECK_EQ_STR(actual_, expected_)                                                                               \
    test_eq_str((actual_), (expected_), TEST_HERE, false, TEST_PAIR(actual_, expected_))
#define REQUIRE_EQ_STR(actual_, expected_)                                                                             \
    test_eq_str((actual_), (expected_), TEST_HERE, true, TEST_PAIR(actual_, expected_))
#define CHECK_EQ_MEM(actual_, expected_, size_)                                                                        \
    test_eq_mem((actual_), (expected_), (size_), TEST_HERE, false, TEST_PAIR(actual_, expected_))
#define REQUIRE_EQ_MEM(actual_, expected_, size_)                                                                      \
    test_eq_mem((actual_), (expected_), (size_), TEST_HERE, true, TEST_PAIR(actual_, expected_))
/* The string holds the part. */
#define CHECK_HAS_STR(string_, part_) test_has_str((string_), (part_), TEST_HERE, false, #string_)
#define REQUIRE_HAS_STR(string_, part_) test_has_str((string_), (part_), TEST_HERE, true, #string_)
/* The call returns 0; else the failure shows the code and the thread's last error. */
#define CHECK_OK(call_) test_ok((call_), TEST_HERE, false, #call_)
#define REQUIRE_OK(call_) test_ok((call_), TEST_HERE, true, #call_)
/* The call returns this error code. */
#define CHECK_ERR(call_, code_) test_err((call_), (code_), TEST_HERE, false, #call_, #code_)
#define REQUIRE_ERR(call_, code_) test_err((call_), (code_), TEST_HERE, true, #call_, #code_)

/* Returns a folder of this test alone, made at the first call and removed with all it holds after the test. UTF-8. */
const char *test_temp_dir(void);

/* Writes the path of `name` inside test_temp_dir() to `out_path`. */
void test_temp_path(const char *name, char *out_path, size_t size);

/* Returns true under wine, which does not enforce everything that Windows does. */
bool test_on_wine(void);

/* Returns how many times longer than usual a wait may take here: more than 1 under a sanitizer or an emulator. */
int64_t test_time_scale(void);

/* Sleeps at least this many milliseconds. For what cannot be waited for; prefer test_wait_until. */
void test_sleep_ms(int ms);

/* Polls `condition(arg)` every few milliseconds until it holds or the scaled timeout has passed; returns whether it holds. */
bool test_wait_until(bool (*condition)(void *arg), void *arg, int timeout_ms);

/* Milliseconds from a fixed point, never going back. */
int64_t test_now_ms(void);

/* The next of a row of numbers that look random and are the same in every run; each first `*state` has its own row. */
uint64_t test_random(uint64_t *state);

/* The rest serves the macros. */
typedef struct {
    const char *file;
    unsigned line;
} test_place_t;

typedef struct {
    const char *actual;
    const char *expected;
} test_pair_t;

#define TEST_HERE ((test_place_t){__FILE__, __LINE__})
#define TEST_PAIR(actual_, expected_) ((test_pair_t){#actual_, #expected_})

void test_register(test_case_t *test);
void test_register_warm_up(test_function_t *function);
void test_skip(const char *reason);
MPROC_PRINTF(4, 5) void test_assert(bool holds, test_place_t at, bool fatal, const char *format, ...);
MPROC_PRINTF(2, 3) _Noreturn void test_abandon(test_place_t at, const char *format, ...);
void test_eq_int(int64_t actual, int64_t expected, test_place_t at, bool fatal, test_pair_t text);
void test_eq_uint(uint64_t actual, uint64_t expected, test_place_t at, bool fatal, test_pair_t text);
void test_eq_str(const char *actual, const char *expected, test_place_t at, bool fatal, test_pair_t text);
void test_eq_mem(const void *actual, const void *expected, size_t size, test_place_t at, bool fatal, test_pair_t text);
void test_has_str(const char *string, const char *part, test_place_t at, bool fatal, const char *text);
void test_ok(int code, test_place_t at, bool fatal, const char *call);
void test_err(int code, int expected, test_place_t at, bool fatal, const char *call, const char *expected_name);

#endif
