/* SPDX-License-Identifier: Apache-2.0 */
/* The program around the tests: runs the one test that is named, or lists them, and turns the outcome into an exit code.
 * One test per process: what a test leaves behind cannot hide in the next one, and a crash names its test. */
#include "host.h"
#include "leaks.h"
#include "library.h"
#include "test.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SKIPPED = 77 };

static test_case_t *first_test;
static test_function_t *warm_ups[8]; /* one of each file of the program, if it has one */
static size_t warm_up_count;
static const test_case_t *current_test;
static item_list_t open_before;
static bool skipped;
static char temp_dir[1024];

void test_register(test_case_t *test) {
    test->next = first_test;
    first_test = test;
}

void test_register_warm_up(test_function_t *function) {
    if (warm_up_count == sizeof warm_ups / sizeof warm_ups[0])
        abort();
    warm_ups[warm_up_count++] = function;
}

void test_skip(const char *reason) {
    printf("SKIPPED: %s\n", reason);
    skipped = true;
}

const char *test_temp_dir(void) {
    if (temp_dir[0] == '\0' && !host_make_temp_dir(temp_dir, sizeof temp_dir)) {
        fprintf(stderr, "cannot create a temporary folder\n");
        exit(EXIT_USAGE);
    }
    return temp_dir;
}

void test_temp_path(const char *name, char *out_path, size_t size) {
    int length = snprintf(out_path, size, "%s/%s", test_temp_dir(), name);
    REQUIRE(length > 0 && (size_t)length < size);
}

/* run_current_test is what CUnit calls. A fatal assertion leaves it in the middle: the failure is then reported without
 * what the unfinished test still holds. */
static void run_current_test(void) {
    current_test->run();

    char leaked[4096];
    size_t count = leaks_find(&open_before, leaked, sizeof leaked);
    test_assert(count == 0, TEST_HERE, false, "%s.%s leaves nothing open:\n%s", current_test->suite,
                current_test->claim, leaked);
}

static const test_case_t *find_test(const char *name) {
    for (const test_case_t *test = first_test; test != NULL; test = test->next) {
        size_t suite = strlen(test->suite);
        if (strncmp(name, test->suite, suite) == 0 && name[suite] == '.' &&
            strcmp(name + suite + 1, test->claim) == 0) {
            return test;
        }
    }
    return NULL;
}

static void list_tests(const char *program) {
    printf("usage: %s SUITE.CLAIM\n", program);
    for (const test_case_t *test = first_test; test != NULL; test = test->next) {
        printf("%s.%s\n", test->suite, test->claim);
    }
}

/* run_under_cunit: a failed suite initialiser or a lost test counts as a failure too, which CUnit's plain failure count would miss. */
static int run_under_cunit(void) {
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return EXIT_USAGE;
    }
    CU_pSuite suite = CU_add_suite(current_test->suite, NULL, NULL);
    if (suite == NULL || CU_add_test(suite, current_test->claim, run_current_test) == NULL) {
        return EXIT_USAGE;
    }
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    bool failed = CU_get_number_of_failure_records() > 0 || CU_get_number_of_tests_run() != 1;
    CU_cleanup_registry();
    if (failed) {
        return EXIT_FAILED;
    }
    return skipped ? EXIT_SKIPPED : EXIT_PASSED;
}

int main(int argc, char **argv) {
    int err = library_start(&argc, &argv);
    if (err != 0) {
        char text[4096];
        fprintf(stderr, "cannot start the library: %s\n", library_describe_error(err, text, sizeof text));
        return EXIT_USAGE;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc != 2) {
        list_tests(argv[0]);
        return argc == 1 ? EXIT_PASSED : EXIT_USAGE;
    }
    current_test = find_test(argv[1]);
    if (current_test == NULL) {
        fprintf(stderr, "there is no test %s\n", argv[1]);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < warm_up_count; i++) {
        warm_ups[i]();
    }
    host_list_open(&open_before);
    int status = run_under_cunit();
    items_fini(&open_before);
    if (temp_dir[0] != '\0') {
        host_remove_tree(temp_dir);
    }
    return status;
}
