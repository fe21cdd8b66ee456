/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of platform.h about crashes: the report says what and where, and the process ends as it would have without one. */
#include <stdio.h>
#include <string.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

enum { SOON_MS = 20000 };

static const uint32_t STACK_OVERFLOW = 0xC00000FD; /* Windows' code for it */

static mplat_crash_t crash;

/* Whether a frame lies in this function. All but the innermost hold return addresses, which may lie behind a call that ends
 * its function: one byte before is inside it. */
static bool has_frame(const char *function) {
    for (uint32_t i = 0; i < crash.frame_count && i < MPLAT_CRASH_FRAMES_MAX; i++) {
        char name[256];
        uint64_t distance;
        uint64_t offset = crash.frames[i].offset - (i > 0 ? 1 : 0);
        if (crash.frames[i].module < crash.module_count &&
            mplat_symbol_name(crash.modules[crash.frames[i].module], offset, name, sizeof name, &distance) == 0 &&
            strstr(name, function) != NULL)
            return true;
    }
    return false;
}

/* How a child ends that crashes so without any handler of ours. */
static mplat_exit_t end_without_report(const char *kind) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("crash", kind));
    child_t child = child_start_captured(options);
    mplat_exit_t how = child_exit(&child);
    child_end(&child);
    return how;
}

static void check_crash(const char *kind, const char *function) {
    mplat_exit_t expected = end_without_report(kind);
    mplat_spawn_options_t options = child_options(CHILD_ARGS("crash", kind));
    options.link = true;
    child_t child = child_start_captured(options);
    size_t size;
    memset(&crash, 0xEE, sizeof crash);
    REQUIRE_OK(mplat_link_receive(child.link, &crash, sizeof crash, &size, NULL, NULL, SOON_MS));
    CHECK_EQ_UINT(size, sizeof crash);
    CHECK_ERR(mplat_link_receive(child.link, &crash, sizeof crash, &size, NULL, NULL, SOON_MS), MPLAT_ECLOSED);
    mplat_exit_t how = child_exit(&child);
    if (test_on_wine() && strcmp(kind, "stack") == 0) /* by itself it ends with 0 there */
        expected = (mplat_exit_t){.kind = MPLAT_EXIT_SIGNALLED, .code = STACK_OVERFLOW};
    CHECK_EQ_INT(how.kind, expected.kind);
    CHECK_EQ_INT(how.signal, expected.signal);
    CHECK_EQ_UINT(how.code, expected.code);

    CHECK(mplat_signal_name(crash.code) != NULL);
    if (how.kind == MPLAT_EXIT_SIGNALLED)
        CHECK_EQ_UINT(crash.code, host_has_signals() ? (uint32_t)how.signal : how.code);
    CHECK(crash.frame_count >= 1 && crash.frame_count <= MPLAT_CRASH_FRAMES_MAX);
    CHECK(crash.module_count >= 1 && crash.module_count <= MPLAT_CRASH_MODULES_MAX);
    CHECK_HAS_STR(crash.modules[0], "");
    if (function != NULL)
        CHECK(has_frame(function));
    child_end(&child);
}

TEST(platform_crash, bad_address_is_told_with_its_function) {
    check_crash("segv", "crash_by_write");
    CHECK_EQ_UINT(crash.has_address, 1);
    CHECK_EQ_UINT(crash.address, 16);
    CHECK(has_frame("main"));
    if (host_has_signals())
        CHECK_EQ_STR(mplat_signal_name(crash.code), "SIGSEGV");
    else
        CHECK_EQ_STR(mplat_signal_name(crash.code), "EXCEPTION_ACCESS_VIOLATION");
}

TEST(platform_crash, innermost_frame_is_where_it_crashed) {
    check_crash("segv", NULL);
    char name[256];
    uint64_t distance = 0;
    REQUIRE(crash.frames[0].module < crash.module_count);
    CHECK_OK(
        mplat_symbol_name(crash.modules[crash.frames[0].module], crash.frames[0].offset, name, sizeof name, &distance));
    CHECK_HAS_STR(name, "crash_by_write");
    CHECK(distance < 256);
}

TEST(platform_crash, division_is_told) {
    check_crash("fpe", "crash_by_division");
}

TEST(platform_crash, illegal_instruction_is_told) {
    check_crash("ill", "crash_by_illegal_instruction");
}

TEST(platform_crash, abort_is_told) {
    check_crash("abort", "crash_by_abort");
}

TEST(platform_crash, stack_overflow_is_told) {
    check_crash("stack", "crash_by_recursion");
}

TEST(platform_crash, crash_in_a_second_thread_is_told) {
    check_crash("thread", "crash_in_thread");
}

TEST(platform_crash, crash_while_handling_one_ends_at_once) {
    child_t child = child_start_captured(child_options(CHILD_ARGS("crash", "nested")));
    mplat_exit_t how = child_exit(&child);
    CHECK(how.kind == MPLAT_EXIT_SIGNALLED);
    child_end(&child);
}

TEST(platform_crash, kinds_of_end_are_told_apart) {
    mplat_exit_t segv = end_without_report("segv"), division = end_without_report("fpe");
    CHECK_EQ_INT(segv.kind, MPLAT_EXIT_SIGNALLED);
    CHECK_EQ_INT(division.kind, MPLAT_EXIT_SIGNALLED);
    if (host_has_signals()) {
        CHECK_EQ_STR(mplat_signal_name((uint32_t)segv.signal), "SIGSEGV");
        CHECK_EQ_STR(mplat_signal_name((uint32_t)division.signal), "SIGFPE");
    } else {
        CHECK_EQ_STR(mplat_signal_name(segv.code), "EXCEPTION_ACCESS_VIOLATION");
        CHECK_EQ_STR(mplat_signal_name(division.code), "EXCEPTION_INT_DIVIDE_BY_ZERO");
    }
}

/* Messages sent before the crash come first; the report does not damage them. */
TEST(platform_crash, report_comes_after_the_messages_before_it) {
    child_t child = child_start_serving();
    child_tell(&child, "burst 20 1000");
    child_tell(&child, "crash segv");
    size_t size;
    static char message[MPLAT_LINK_MESSAGE_MAX];
    for (int i = 0; i < 20; i++) {
        REQUIRE_OK(mplat_link_receive(child.link, message, sizeof message, &size, NULL, NULL, SOON_MS));
        CHECK_EQ_UINT(size, 1000);
    }
    REQUIRE_OK(mplat_link_receive(child.link, &crash, sizeof crash, &size, NULL, NULL, SOON_MS));
    CHECK_EQ_UINT(size, sizeof crash);
    CHECK(has_frame("crash_by_write"));
    child_end(&child);
}

TEST(platform_symbols, missing_or_wrong_module_has_no_names) {
    char path[1024], name[64] = "";
    uint64_t distance;
    CHECK(mplat_symbol_name("/nowhere/at/all", 0, name, sizeof name, &distance) < 0);
    CHECK(mplat_symbol_name("", 0, name, sizeof name, &distance) < 0);
    CHECK(mplat_symbol_name(test_temp_dir(), 0, name, sizeof name, &distance) < 0);
    test_temp_path("module", path, sizeof path);
    FILE *file = fopen(path, "wb");
    REQUIRE(file != NULL);
    fputs("no module at all, but longer than a header of either kind is by any standard that one could think of", file);
    fclose(file);
    CHECK_ERR(mplat_symbol_name(path, 0, name, sizeof name, &distance), MPLAT_ENOTFOUND);
}

TEST(platform_symbols, offset_in_no_function_has_no_name) {
    char name[64];
    uint64_t distance;
    CHECK_ERR(mplat_symbol_name(child_program(), UINT64_MAX, name, sizeof name, &distance), MPLAT_ENOTFOUND);
}

TEST(platform_symbols, name_is_cut_to_the_buffer) {
    check_crash("segv", NULL);
    char name[9];
    uint64_t distance;
    memset(name, '#', sizeof name);
    REQUIRE(crash.frames[0].module < crash.module_count);
    int err = mplat_symbol_name(crash.modules[crash.frames[0].module], crash.frames[0].offset, name, 8, &distance);
    CHECK(err == 0 || err == MPLAT_ETOOBIG);
    CHECK_EQ_INT(name[8], '#');
    if (err == 0)
        CHECK_EQ_STR(name, "crash_b");
}

/* The file behind a module may be cut or changed by anybody: no byte of it may be trusted. */
TEST(platform_symbols, damaged_modules_do_no_harm) {
    static unsigned char image[4 << 20];
    char path[1024], name[64];
    uint64_t distance;
    FILE *file = fopen(child_program(), "rb");
    REQUIRE(file != NULL);
    size_t size = fread(image, 1, sizeof image, file);
    fclose(file);
    REQUIRE(size > 1000);
    test_temp_path("damaged", path, sizeof path);
    uint32_t state = 7;
    for (int round = 0; round < 60; round++) {
        static unsigned char copy[sizeof image];
        memcpy(copy, image, size);
        for (int i = 0; i < 40; i++) {
            state = state * 1664525u + 1013904223u;
            copy[(state >> 8) % (round % 2 == 0 ? 1024 : size)] = (unsigned char)(i % 2 == 0 ? 0xFF : state >> 24);
        }
        size_t length = round % 3 == 0 ? size * (size_t)round / 60 : size;
        file = fopen(path, "wb");
        REQUIRE(file != NULL);
        fwrite(copy, 1, length, file);
        fclose(file);
        for (uint64_t offset = 0; offset < 0x20000; offset += 0x1FF7) {
            int err = mplat_symbol_name(path, offset, name, sizeof name, &distance);
            CHECK(err <= 0);
        }
    }
}

TEST(platform_symbols, only_signals_have_names) {
    CHECK(mplat_signal_name(0) == NULL);
    CHECK(mplat_signal_name(0x12345678) == NULL);
    CHECK_EQ_STR(mplat_signal_name(host_has_signals() ? 9 : STACK_OVERFLOW),
                 host_has_signals() ? "SIGKILL" : "EXCEPTION_STACK_OVERFLOW");
}
