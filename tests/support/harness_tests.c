/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the harness itself: a leak check that sees nothing would make every other test pass. */
#include "leaks.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

TEST(harness, notices_an_open_file) {
    char path[1024];
    char leaked[1024];
    item_list_t before = {.texts = NULL};
    test_temp_path("open", path, sizeof path);
    host_list_open(&before);

    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    CHECK_EQ_UINT(leaks_find(&before, leaked, sizeof leaked), 1);
    fclose(file);
    CHECK_EQ_UINT(leaks_find(&before, leaked, sizeof leaked), 0);
    CHECK_EQ_STR(leaked, "");
    items_fini(&before);
}

TEST(harness, gives_each_test_a_folder_that_exists) {
    char path[1024];
    test_temp_path("file", path, sizeof path);
    CHECK_HAS_STR(path, test_temp_dir());
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    CHECK_EQ_INT(fclose(file), 0);
}

static bool never(void *arg) {
    (void)arg;
    return false;
}

TEST(harness, waits_as_long_as_it_was_told) {
    int64_t start = test_now_ms();
    CHECK(!test_wait_until(never, NULL, 50));
    CHECK(test_now_ms() - start >= 40);
}
