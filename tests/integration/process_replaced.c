/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a running program is replaced by another build, or removed: what the program starts afterwards is the same program
 * or a clear error, and never the other one. The program is replaced_program.c, of which each test runs a copy. */
#include "process_host.h"
#include "test.h"

static void check(const char *what, bool replaced) {
    char own[1024], moved[1024], other[1024];
    test_temp_path("program.exe", own, sizeof own);
    test_temp_path("moved.exe", moved, sizeof moved);
    test_temp_path("other.exe", other, sizeof other);
    REQUIRE(host_copy_program(REPLACED_PROGRAM, own));
    REQUIRE(host_copy_program(REPLACED_OTHER, other));
    const char *const argv[] = {own, what, own, moved, replaced ? other : "-", NULL};
    CHECK_EQ_INT(host_run_program(argv), 0);
}

TEST(process_replaced, process_of_a_replaced_program_is_the_same_or_a_clear_error) {
    check("process", true);
}

TEST(process_replaced, process_of_a_removed_program_is_the_same_or_a_clear_error) {
    check("process", false);
}

TEST(process_replaced, new_pool_of_a_replaced_program_is_the_same_or_a_clear_error) {
    check("new_pool", true);
}

TEST(process_replaced, new_pool_of_a_removed_program_is_the_same_or_a_clear_error) {
    check("new_pool", false);
}

TEST(process_replaced, worker_of_a_replaced_program_is_followed_by_the_same_or_a_clear_error) {
    check("old_pool", true);
}

TEST(process_replaced, worker_of_a_removed_program_is_followed_by_the_same_or_a_clear_error) {
    check("old_pool", false);
}
