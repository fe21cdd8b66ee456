/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about environments: which entry wins, how they are sorted, and what Windows gets. */
#include "platform/common/env_block.h"

#include <stdio.h>
#include <string.h>

#include "platform/platform.h"
#include "tests/support/test.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void check_entries(const mplat_env_t *env, const char *const *expected) {
    const char *const *entries = mplat_env_entries(env);
    size_t i = 0;
    for (; entries[i] != NULL && expected[i] != NULL; i++)
        CHECK_EQ_STR(entries[i], expected[i]);
    CHECK_EQ_STR(entries[i], expected[i]);
    CHECK_EQ_UINT(env->count, i);
}

TEST(env_block, later_entry_wins) {
    mplat_env_t env;
    mplat_env_init(&env, false);
    CHECK_EQ_INT(mplat_env_extend(&env, LIST("B=1", "A=1", "B=2")), 0);
    CHECK_EQ_INT(mplat_env_extend(&env, LIST("A=3", "C=")), 0);
    check_entries(&env, LIST("A=3", "B=2", "C="));
    CHECK_EQ_STR(mplat_env_get(&env, "C"), "");
    CHECK_EQ_STR(mplat_env_get(&env, "D"), NULL);
    mplat_env_fini(&env);
}

TEST(env_block, set_entry_may_come_from_the_set_itself) {
    mplat_env_t env;
    mplat_env_init(&env, false);
    REQUIRE_EQ_INT(mplat_env_set(&env, "A=1"), 0);
    CHECK_EQ_INT(mplat_env_set(&env, mplat_env_entries(&env)[0]), 0);
    check_entries(&env, LIST("A=1"));
    mplat_env_fini(&env);
}

TEST(env_block, removed_variable_is_gone) {
    mplat_env_t env;
    mplat_env_init(&env, false);
    REQUIRE_EQ_INT(mplat_env_extend(&env, LIST("A=1", "B=2", "C=3")), 0);
    mplat_env_remove(&env, "B");
    mplat_env_remove(&env, "missing");
    check_entries(&env, LIST("A=1", "C=3"));
    mplat_env_remove(&env, "A");
    mplat_env_remove(&env, "C");
    CHECK(mplat_env_entries(&env)[0] == NULL);
    mplat_env_fini(&env);
}

TEST(env_block, empty_set_is_an_empty_array) {
    mplat_env_t env;
    mplat_env_init(&env, true);
    CHECK_EQ_INT(mplat_env_extend(&env, NULL), 0);
    CHECK(mplat_env_entries(&env)[0] == NULL);
    mplat_env_remove(&env, "A");
    mplat_env_fini(&env);
    mplat_env_fini(&env);
}

TEST(env_block, case_matters_unless_folded) {
    mplat_env_t env;
    mplat_env_init(&env, false);
    REQUIRE_EQ_INT(mplat_env_extend(&env, LIST("Path=1", "PATH=2")), 0);
    check_entries(&env, LIST("PATH=2", "Path=1"));
    mplat_env_fini(&env);

    mplat_env_init(&env, true);
    REQUIRE_EQ_INT(mplat_env_extend(&env, LIST("Path=1", "PATH=2")), 0);
    check_entries(&env, LIST("PATH=2"));
    CHECK_EQ_STR(mplat_env_get(&env, "path"), "2");
    mplat_env_fini(&env);
}

TEST(env_block, folding_knows_letters_beyond_ascii) {
    mplat_env_t env;
    mplat_env_init(&env, true);
    REQUIRE_EQ_INT(mplat_env_extend(&env, LIST("\xC3\xA4=1", "\xD0\xB4=1", "\xD1\x91=1", "\xCF\x89=1", "\xC3\xBF=1")),
                   0);
    REQUIRE_EQ_INT(mplat_env_extend(&env, LIST("\xC3\x84=2", "\xD0\x94=2", "\xD0\x81=2", "\xCE\xA9=2", "\xC5\xB8=2")),
                   0);
    CHECK_EQ_UINT(env.count, 5);
    CHECK_EQ_STR(mplat_env_get(&env, "\xC3\xA4"), "2");
    REQUIRE_EQ_INT(mplat_env_extend(&env, LIST("\xC3\xB7=1", "\xC3\x97=2")), 0); /* division and multiplication signs */
    CHECK_EQ_UINT(env.count, 7);
    mplat_env_fini(&env);
}

/* Windows compares names, not whole entries, by unit after upper-casing: '_' comes after the letters, not before 'a'. */
TEST(env_block, folded_order_is_that_of_windows) {
    mplat_env_t env;
    mplat_env_init(&env, true);
    REQUIRE_EQ_INT(
        mplat_env_extend(&env, LIST("b_c=1", "bz=1", "B=1", "=D:=D:\\x", "a-b=1", "A=1", "1=1", "=C:=C:\\", "ab=1")),
        0);
    check_entries(&env, LIST("1=1", "=C:=C:\\", "=D:=D:\\x", "A=1", "a-b=1", "ab=1", "B=1", "bz=1", "b_c=1"));
    mplat_env_fini(&env);
}

TEST(env_block, folded_order_is_by_utf16_unit) {
    mplat_env_t env;
    mplat_env_init(&env, true);
    /* U+FF21 is larger than U+1F600 as a unit, since that one starts with a surrogate, and smaller as a code point. */
    REQUIRE_EQ_INT(mplat_env_extend(&env, LIST("\xEF\xBC\xA1=1", "\xF0\x9F\x98\x80=1", "\xED\x9F\xBF=1")), 0);
    check_entries(&env, LIST("\xED\x9F\xBF=1", "\xF0\x9F\x98\x80=1", "\xEF\xBC\xA1=1"));
    mplat_env_fini(&env);
}

TEST(env_block, drive_directories_are_kept) {
    mplat_env_t env;
    mplat_env_init(&env, true);
    REQUIRE_EQ_INT(mplat_env_extend(&env, LIST("=C:=C:\\a", "=c:=C:\\b=c")), 0);
    check_entries(&env, LIST("=c:=C:\\b=c"));
    CHECK_EQ_STR(mplat_env_get(&env, "=C:"), "C:\\b=c");
    mplat_env_fini(&env);
}

TEST(env_block, bad_entries_are_refused) {
    static const char *const bad[] = {"", "=", "A", "=A", "==A"};
    static const char *const good[] = {"A=", "A==", "=A=", "A=b=c"};
    mplat_env_t env;
    mplat_env_init(&env, false);
    REQUIRE_EQ_INT(mplat_env_set(&env, "X=1"), 0);
    for (size_t i = 0; i < 4; i++) {
        CHECK(!mplat_env_entry_valid(bad[i]));
        CHECK_EQ_INT(mplat_env_set(&env, bad[i]), MPLAT_EINVAL);
        CHECK(mplat_env_entry_valid(good[i]));
    }
    check_entries(&env, LIST("X=1"));
    CHECK_EQ_INT(mplat_env_extend(&env, LIST("A=1", "bad", "B=1")), MPLAT_EINVAL);
    mplat_env_fini(&env);
}

TEST(env_block, inherited_rubbish_is_left_out) {
    mplat_env_t env;
    mplat_env_init(&env, false);
    CHECK_EQ_INT(mplat_env_inherit(&env, LIST("A=1", "rubbish", "", "B=2")), 0);
    check_entries(&env, LIST("A=1", "B=2"));
    mplat_env_fini(&env);
}

TEST(env_block, kept_variable_comes_from_the_source_only_when_missing) {
    const char *const *source = LIST("rubbish", "SystemRoot=C:\\Windows", "X=1");
    mplat_env_t env;
    mplat_env_init(&env, true);
    CHECK_EQ_INT(mplat_env_keep(&env, source, "SYSTEMROOT"), 0);
    check_entries(&env, LIST("SystemRoot=C:\\Windows"));
    REQUIRE_EQ_INT(mplat_env_set(&env, "SYSTEMROOT=D:\\mine"), 0);
    CHECK_EQ_INT(mplat_env_keep(&env, source, "SYSTEMROOT"), 0);
    CHECK_EQ_INT(mplat_env_keep(&env, source, "nowhere"), 0);
    CHECK_EQ_INT(mplat_env_keep(&env, NULL, "nowhere"), 0);
    check_entries(&env, LIST("SYSTEMROOT=D:\\mine"));
    mplat_env_fini(&env);
}

TEST(env_block, thousand_variables_stay_sorted) {
    mplat_env_t env;
    char entry[32], name[32];
    mplat_env_init(&env, false);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(entry, sizeof entry, "V%03u=%u", i * 619 % 1000, i);
        REQUIRE_EQ_INT(mplat_env_set(&env, entry), 0);
    }
    CHECK_EQ_UINT(env.count, 1000);
    for (size_t i = 1; i < env.count; i++)
        CHECK(strcmp(env.entries[i - 1], env.entries[i]) < 0);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "V%03u", i);
        CHECK(mplat_env_get(&env, name) != NULL);
        mplat_env_remove(&env, name);
    }
    CHECK_EQ_UINT(env.count, 0);
    mplat_env_fini(&env);
}

TEST(env_block, windows_block_ends_with_two_zeros) {
    static const uint16_t expected[] = {'A', '=', '1', 0, 'B', '=', 0xE4, 0, 0};
    static const uint16_t expected_empty[] = {0, 0};
    uint16_t block[16];
    size_t count, written;
    mplat_env_t env;
    mplat_env_init(&env, true);
    REQUIRE_EQ_INT(mplat_env_block_utf16(&env, block, 16, &count), 0);
    REQUIRE_EQ_UINT(count, 2);
    CHECK_EQ_MEM(block, expected_empty, sizeof expected_empty);

    REQUIRE_EQ_INT(mplat_env_extend(&env, LIST("B=\xC3\xA4", "A=1")), 0);
    REQUIRE_EQ_INT(mplat_env_block_utf16(&env, NULL, 0, &count), 0);
    REQUIRE_EQ_UINT(count, sizeof expected / sizeof *expected);
    for (size_t capacity = 0; capacity < count; capacity++) {
        memset(block, 0x23, sizeof block);
        CHECK_EQ_INT(mplat_env_block_utf16(&env, block, capacity, &written), MPLAT_ETOOBIG);
        CHECK_EQ_UINT(written, 0);
        CHECK_EQ_UINT(block[capacity], 0x2323);
    }
    REQUIRE_EQ_INT(mplat_env_block_utf16(&env, block, count, &written), 0);
    CHECK_EQ_MEM(block, expected, sizeof expected);
    mplat_env_fini(&env);
}

TEST(env_block, windows_block_refuses_what_is_not_utf8) {
    size_t count;
    mplat_env_t env;
    mplat_env_init(&env, true);
    REQUIRE_EQ_INT(mplat_env_extend(&env, LIST("\xFF\xFE=1", "\xC3=2")), 0);
    CHECK_EQ_UINT(env.count, 2);
    CHECK_EQ_INT(mplat_env_block_utf16(&env, NULL, 0, &count), MPLAT_EINVAL);
    CHECK_EQ_UINT(count, 0);
    mplat_env_fini(&env);
}
