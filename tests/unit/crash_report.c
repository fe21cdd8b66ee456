/* SPDX-License-Identifier: Apache-2.0 */
/* Back-traces from what a crashed process left behind, sound or not. */
#include "crash_report.h"

#include "core_support.h"
#include "memory.h"
#include "platform/fake/fake.h"
#include "test.h"

#include <string.h>

static void set_module(mplat_crash_t *crash, const char *path) {
    memcpy(crash->modules[0], path, strlen(path) + 1);
    crash->module_count = 1;
}

static const char *backtrace_of(const mplat_crash_t *crash) {
    static char text[65536];
    mproc_buffer_t buffer;
    mproc_buffer_init(&buffer, NULL);
    mproc_crash_backtrace(crash, &buffer);
    REQUIRE(!buffer.failed && buffer.size <= sizeof text);
    memcpy(text, buffer.data, buffer.size);
    mproc_buffer_fini(&buffer);
    return text;
}

TEST(crash_report, frame_without_a_name_shows_module_and_offset) {
    mplat_crash_t crash = {.frame_count = 2};
    fake_reset();
    fake_fail(FAKE_SYMBOL_NAME, 1, MPLAT_ENOTFOUND, 0);
    set_module(&crash, "/usr/lib/libthing.so.1");
    crash.frames[0].offset = 0x1234;
    crash.frames[1].module = MPLAT_CRASH_MODULES_MAX;
    crash.frames[1].offset = 0x7fff0000;
    CHECK_EQ_STR(backtrace_of(&crash), "#0  +0x1234 (libthing.so.1)\n#1  0x7fff0000 (?)\n");
}

TEST(crash_report, windows_paths_are_cut_too) {
    mplat_crash_t crash = {.frame_count = 1};
    fake_reset();
    fake_fail(FAKE_SYMBOL_NAME, 1, MPLAT_ENOTFOUND, 0);
    set_module(&crash, "C:\\Program Files\\thing.exe");
    CHECK_EQ_STR(backtrace_of(&crash), "#0  +0x0 (thing.exe)\n");
}

TEST(crash_report, counts_and_paths_beyond_their_room_are_not_followed) {
    mplat_crash_t crash;
    char place[64];
    fake_reset();
    memset(&crash, 'A', sizeof crash);
    CHECK_HAS_STR(backtrace_of(&crash), "#47 0x4141414141414141 (?)\n");
    CHECK_EQ_STR(mproc_crash_place(&crash, place, sizeof place), "");
    for (uint32_t i = 0; i < MPLAT_CRASH_FRAMES_MAX; i++)
        crash.frames[i].module = i % MPLAT_CRASH_MODULES_MAX;
    CHECK_HAS_STR(backtrace_of(&crash), "#47 0x4141414141414141 (?)\n");
}

TEST(crash_report, random_crashes_do_no_harm) {
    uint64_t state = 3;
    char place[64];
    fake_reset();
    for (int round = 0; round < 300; round++) {
        mplat_crash_t crash;
        unsigned char *bytes = (unsigned char *)&crash;
        for (size_t i = 0; i < sizeof crash; i++)
            bytes[i] = (unsigned char)(test_random(&state) >> 8);
        crash.frame_count = (uint32_t)(test_random(&state) % 60);
        crash.module_count = (uint32_t)(test_random(&state) % 12);
        for (uint32_t i = 0; i < MPLAT_CRASH_FRAMES_MAX; i++)
            crash.frames[i].module %= 12;
        CHECK(strlen(backtrace_of(&crash)) < 60000);
        (void)mproc_crash_place(&crash, place, sizeof place);
    }
    CHECK_EQ_UINT(mproc_memory_live(), 0);
}

TEST(crash_report, without_memory_is_noted) {
    mplat_crash_t crash = {.frame_count = 1};
    mproc_buffer_t buffer;
    fake_reset();
    mproc_buffer_init(&buffer, NULL);
    mproc_memory_fail_at(1);
    mproc_crash_backtrace(&crash, &buffer);
    mproc_memory_fail_at(0);
    CHECK(buffer.failed);
    mproc_buffer_fini(&buffer);
}
