/* SPDX-License-Identifier: Apache-2.0 */
/* What the Windows backend reads from others, damaged on purpose: frames on a link, the bootstrap marker and its
 * mailbox, executables, exit codes. Any bytes give an answer; none gives a crash, a hang or a handle that stays. */
#include "platform/windows/link.h"
#include "platform/windows/pe_symbols.h"
#include "platform/windows/process.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum { SOON_MS = 10000 };

/* ---- links ---- */

typedef struct frame {
    uint32_t magic, size, handle_count, reserved;
} frame_t;

/* A parent's end, and the child's as the bare handle that a hostile child would have. */
typedef struct hostile {
    mplat_link_t *link;
    mplat_link_offer_t offer;
} hostile_t;

static hostile_t hostile_link(void) {
    hostile_t hostile = {.link = NULL};
    REQUIRE_OK(mplat_link_create(&hostile.link, &hostile.offer));
    return hostile;
}

static void hostile_end(hostile_t *hostile) {
    mplat_link_destroy(hostile->link);
    mplat_link_withdraw(&hostile->offer);
}

static void send_raw(hostile_t *hostile, const void *bytes, size_t size) {
    OVERLAPPED write = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    DWORD count = 0;
    if (!WriteFile(hostile->offer.child_end, bytes, (DWORD)size, NULL, &write))
        CHECK_EQ_INT(GetLastError(), ERROR_IO_PENDING);
    CHECK(GetOverlappedResult(hostile->offer.child_end, &write, &count, TRUE));
    CHECK_EQ_UINT(count, size);
    CloseHandle(write.hEvent);
}

static uint32_t real_magic(void) {
    hostile_t hostile = hostile_link();
    frame_t frame = {0, 0, 0, 0};
    OVERLAPPED read = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    DWORD count = 0;
    CHECK_OK(mplat_link_send(hostile.link, "", 0, NULL, 0, SOON_MS));
    if (!ReadFile(hostile.offer.child_end, &frame, sizeof frame, NULL, &read))
        CHECK_EQ_INT(GetLastError(), ERROR_IO_PENDING);
    CHECK(GetOverlappedResult(hostile.offer.child_end, &read, &count, TRUE));
    CHECK_EQ_UINT(count, sizeof frame);
    CloseHandle(read.hEvent);
    hostile_end(&hostile);
    return frame.magic;
}

static int receive(mplat_link_t *link, int64_t timeout_ms) {
    static char buf[MPLAT_LINK_MESSAGE_MAX];
    size_t size = 0;
    return mplat_link_receive(link, buf, sizeof buf, &size, NULL, NULL, timeout_ms);
}

static void check_frame(frame_t frame, int expected) {
    hostile_t hostile = hostile_link();
    send_raw(&hostile, &frame, sizeof frame);
    mplat_close(&hostile.offer.child_end);
    CHECK_ERR(receive(hostile.link, SOON_MS), expected);
    CHECK_ERR(receive(hostile.link, SOON_MS), expected);
    hostile_end(&hostile);
}

TEST(windows_hostile, damaged_frames_are_malformed) {
    uint32_t magic = real_magic();
    check_frame((frame_t){magic + 1, 0, 0, 0}, MPLAT_EMALFORMED);
    check_frame((frame_t){magic, MPLAT_LINK_MESSAGE_MAX + 1, 0, 0}, MPLAT_EMALFORMED);
    check_frame((frame_t){magic, UINT32_MAX, 0, 0}, MPLAT_EMALFORMED);
    check_frame((frame_t){magic, 0, 0, 1}, MPLAT_EMALFORMED);
}

TEST(windows_hostile, child_cannot_make_its_parent_use_numbers_as_handles) {
    check_frame((frame_t){real_magic(), 0, 1, 0}, MPLAT_EMALFORMED);
    check_frame((frame_t){real_magic(), 0, UINT32_MAX, 0}, MPLAT_EMALFORMED);
}

TEST(windows_hostile, promised_body_that_never_comes_is_the_end) {
    check_frame((frame_t){real_magic(), 100, 0, 0}, MPLAT_ECLOSED);
}

TEST(windows_hostile, message_in_single_bytes_arrives_whole) {
    hostile_t hostile = hostile_link();
    struct {
        frame_t frame;
        char text[8];
    } message = {{real_magic(), 8, 0, 0}, "byte by"};
    char text[8];
    size_t size = 0;
    for (size_t i = 0; i < sizeof message; i++) {
        CHECK_ERR(mplat_link_receive(hostile.link, text, sizeof text, &size, NULL, NULL, 0), MPLAT_ETIMEDOUT);
        send_raw(&hostile, (const char *)&message + i, 1);
    }
    CHECK_OK(mplat_link_receive(hostile.link, text, sizeof text, &size, NULL, NULL, SOON_MS));
    CHECK_EQ_UINT(size, 8);
    CHECK_EQ_STR(text, "byte by");
    hostile_end(&hostile);
}

TEST(windows_hostile, random_bytes_never_pass_for_a_message) {
    unsigned char noise[4096];
    for (unsigned seed = 1; seed < 100; seed++) {
        hostile_t hostile = hostile_link();
        uint64_t state = seed;
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (unsigned char)test_random(&state);
        send_raw(&hostile, noise, sizeof noise);
        CHECK_ERR(receive(hostile.link, SOON_MS), MPLAT_EMALFORMED);
        hostile_end(&hostile);
    }
}

static DWORD WINAPI send_one(void *link) {
    return mplat_link_send(link, "kept", 4, NULL, 0, SOON_MS) == 0 ? 0 : 1;
}

/* The system cancels what a thread was reading when the thread ends: that must not look like the end of the link. */
TEST(windows_hostile, link_outlives_the_thread_that_made_it) {
    hostile_t hostile = hostile_link();
    mplat_link_t *other = NULL;
    wchar_t marker[MPLAT_LINK_MARKER_SIZE];
    swprintf(marker, MPLAT_LINK_MARKER_SIZE, L"%hs", hostile.offer.marker);
    REQUIRE_OK(mplat_link_give(hostile.link, &hostile.offer, GetCurrentProcess()));
    hostile.offer.mailbox = NULL; /* the opened link closes it */
    REQUIRE_OK(mplat_link_open(marker, &other));
    for (int i = 0; i < 3; i++) {
        HANDLE thread = CreateThread(NULL, 0, send_one, other, 0, NULL);
        REQUIRE(thread != NULL);
        WaitForSingleObject(thread, INFINITE);
        CloseHandle(thread);
        CHECK_OK(receive(hostile.link, SOON_MS));
        CHECK_ERR(receive(hostile.link, 0), MPLAT_ETIMEDOUT);
    }
    mplat_link_destroy(other);
    hostile_end(&hostile);
}

/* ---- the marker and its mailbox ---- */

static int open_marker(const char *text) {
    wchar_t marker[2 * MPLAT_LINK_MARKER_SIZE];
    mplat_link_t *link = NULL;
    swprintf(marker, 2 * MPLAT_LINK_MARKER_SIZE, L"%hs", text);
    int err = mplat_link_open(marker, &link);
    CHECK((link != NULL) == (err == 0));
    mplat_link_destroy(link);
    return err;
}

TEST(windows_hostile, every_cut_or_damaged_marker_is_malformed) {
    hostile_t hostile = hostile_link();
    char text[MPLAT_LINK_MARKER_SIZE + 1];
    size_t length = strlen(hostile.offer.marker);
    REQUIRE_OK(mplat_link_give(hostile.link, &hostile.offer, GetCurrentProcess()));
    for (size_t i = 0; i < length; i++) {
        memcpy(text, hostile.offer.marker, length + 1);
        text[i] = '\0';
        CHECK_ERR(open_marker(text), MPLAT_EMALFORMED);
        memcpy(text, hostile.offer.marker, length + 1);
        text[i] = '?';
        CHECK_ERR(open_marker(text), MPLAT_EMALFORMED);
    }
    snprintf(text, sizeof text, "%s0", hostile.offer.marker);
    CHECK_ERR(open_marker(text), MPLAT_EMALFORMED);
    CHECK_OK(open_marker(hostile.offer.marker)); /* after all of these it still was there */
    hostile.offer.mailbox = NULL;
    hostile_end(&hostile);
}

TEST(windows_hostile, marker_of_another_mailbox_is_malformed) {
    hostile_t one = hostile_link(), two = hostile_link();
    char text[MPLAT_LINK_MARKER_SIZE];
    snprintf(text, sizeof text, "1:%llx:%s", (unsigned long long)(uintptr_t)one.offer.mailbox, two.offer.id);
    CHECK_ERR(open_marker(text), MPLAT_EMALFORMED);
    CHECK_ERR(open_marker(one.offer.marker), MPLAT_EMALFORMED); /* nobody has put an end into it */
    CHECK_ERR(open_marker("1:ffffffffffffffff:00000000000000000000000000000000"), MPLAT_EMALFORMED);
    CHECK_ERR(open_marker("1:0:00000000000000000000000000000000"), MPLAT_EMALFORMED);
    hostile_end(&one);
    hostile_end(&two);
}

/* A mailbox of the right id that names a handle which is not, or no longer, the pipe of that id. */
static void check_mailbox(HANDLE end) {
    hostile_t hostile = hostile_link();
    struct {
        uint64_t child_end;
        char id[MPLAT_LINK_ID_SIZE];
    } *mailbox = MapViewOfFile(hostile.offer.mailbox, FILE_MAP_WRITE, 0, 0, 0);
    REQUIRE(mailbox != NULL);
    mailbox->child_end = (uint64_t)(uintptr_t)end;
    memcpy(mailbox->id, hostile.offer.id, sizeof mailbox->id);
    UnmapViewOfFile(mailbox);
    CHECK_ERR(open_marker(hostile.offer.marker), MPLAT_EMALFORMED);
    hostile.offer.mailbox = NULL;
    hostile_end(&hostile);
}

TEST(windows_hostile, mailbox_with_a_wrong_handle_is_malformed) {
    hostile_t other = hostile_link();
    mplat_handle_t read_end, write_end;
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    REQUIRE_OK(mplat_pipe_create(&read_end, &write_end));
    check_mailbox(NULL);
    check_mailbox(INVALID_HANDLE_VALUE);
    check_mailbox((HANDLE)(uintptr_t)0x7FFFFFF0);
    check_mailbox(event);
    check_mailbox((HANDLE)read_end);
    check_mailbox(other.offer.child_end);
    CHECK(GetFileType(other.offer.child_end) == FILE_TYPE_PIPE); /* what is not ours is left open */
    CloseHandle(event);
    mplat_handle_close(&read_end);
    mplat_handle_close(&write_end);
    hostile_end(&other);
}

/* ---- programs ---- */

static int spawn_of(const char *program) {
    mplat_process_t *process = NULL;
    mplat_spawn_options_t options = {.program = program, .argv = (const char *const[]){"x", NULL}};
    int err = mplat_spawn(&options, &process, NULL);
    if (err == 0)
        mplat_process_wait(process, SOON_MS);
    mplat_process_destroy(process);
    return err;
}

/* The first spawn makes the job that all children share. */
static void make_lifeline(void) {
    spawn_of("no such program");
}

TEST_WARM_UP(make_lifeline)

TEST(windows_hostile, batch_files_are_refused_however_they_are_spelled) {
    static const char *const names[] = {"x.bat", "X.BAT", "c:\\x.cmd", "x.Cmd. . ", "dir.exe/x.bat..."};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        CHECK_ERR(spawn_of(names[i]), MPLAT_ENOEXEC);
}

TEST(windows_hostile, file_that_is_no_program_is_refused) {
    char path[1024];
    test_temp_path("noprogram.exe", path, sizeof path);
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    fputs("neither script nor binary\n", file);
    fclose(file);
    CHECK_ERR(spawn_of(path), MPLAT_ENOEXEC);
}

TEST(windows_hostile, extension_of_a_program_may_be_left_out) {
    mplat_process_t *process = NULL;
    mplat_exit_t how;
    char path[1024];
    REQUIRE(GetEnvironmentVariableA("ComSpec", path, sizeof path) > 4);
    path[strlen(path) - strlen(".exe")] = '\0';
    mplat_spawn_options_t options = {.program = path, .argv = (const char *const[]){"cmd", "/c", "exit", "3", NULL}};
    REQUIRE_OK(mplat_spawn(&options, &process, NULL));
    CHECK_OK(mplat_process_wait(process, SOON_MS));
    CHECK_OK(mplat_process_exit(process, &how));
    CHECK_EQ_UINT(how.code, 3);
    mplat_process_destroy(process);
}

/* ---- exit codes ---- */

static void check_code(uint32_t code, bool was_terminated, bool was_killed, mplat_exit_kind_t kind, int signal) {
    mplat_exit_t how = {.signal = 0};
    mplat_process_decode_exit(code, was_terminated, was_killed, &how);
    CHECK_EQ_INT(how.kind, kind);
    CHECK_EQ_INT(how.signal, signal);
    CHECK_EQ_UINT(how.code, code);
}

TEST(windows_hostile, exit_codes_are_taken_for_what_they_are) {
    static const uint32_t plain[] = {0, 1, 3, 255, 259, 0x7FFFFFFF, 0x80000000, 0xD0000005, 0xFFFFFFFE, 0xFFFFFFFF};
    static const uint32_t crashes[] = {0x80000003, 0xC0000005, 0xC0000094, 0xC00000FD, 0xC0000409, 0xE06D7363};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        check_code(plain[i], true, true, MPLAT_EXIT_EXITED, 0);
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        check_code(crashes[i], true, true, MPLAT_EXIT_SIGNALLED, 0);
    check_code(0xC000013A, false, false, MPLAT_EXIT_SIGNALLED, 2);
}

TEST(windows_hostile, child_that_ends_with_our_stop_code_was_not_stopped) {
    check_code(MPLAT_CODE_TERMINATED, true, false, MPLAT_EXIT_SIGNALLED, 15);
    check_code(MPLAT_CODE_KILLED, false, true, MPLAT_EXIT_SIGNALLED, 9);
    check_code(MPLAT_CODE_TERMINATED, false, true, MPLAT_EXIT_EXITED, 0);
    check_code(MPLAT_CODE_KILLED, true, false, MPLAT_EXIT_EXITED, 0);
}

/* ---- executables ---- */

static unsigned char *read_program(size_t *out_size) {
    char path[4096];
    REQUIRE_OK(mplat_executable_path(path, sizeof path));
    FILE *file = fopen(path, "rb");
    REQUIRE(file != NULL);
    fseek(file, 0, SEEK_END);
    *out_size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*out_size);
    REQUIRE(bytes != NULL && fread(bytes, 1, *out_size, file) == *out_size);
    fclose(file);
    return bytes;
}

static uint64_t rva_of(const void *address) {
    return (uint64_t)((uintptr_t)address - (uintptr_t)GetModuleHandleW(NULL));
}

TEST(windows_hostile, function_of_a_file_is_found_by_its_name) {
    size_t size;
    uint64_t distance;
    char name[64];
    unsigned char *bytes = read_program(&size);
    CHECK(
        mplat_pe_symbol(bytes, size, rva_of((const void *)(uintptr_t)read_program) + 2, name, sizeof name, &distance));
    CHECK_EQ_STR(name, "read_program");
    CHECK_EQ_UINT(distance, 2);
    free(bytes);
}

/* Copies of exactly the size, so that a checker of addresses sees each read beyond. */
TEST(windows_hostile, cut_and_damaged_executables_do_no_harm) {
    size_t size;
    uint64_t distance, rva = rva_of((const void *)(uintptr_t)read_program);
    char name[64];
    unsigned char *bytes = read_program(&size);
    for (size_t cut = 0; cut < 2048; cut++) {
        unsigned char *part = malloc(cut + 1);
        REQUIRE(part != NULL);
        memcpy(part, bytes, cut);
        mplat_pe_symbol(part, cut, rva, name, sizeof name, &distance);
        free(part);
    }
    for (unsigned seed = 1; seed < 300; seed++) {
        size_t at[8];
        unsigned char was[8];
        uint64_t state = seed;
        for (size_t i = 0; i < 8; i++) {
            at[i] = (size_t)(test_random(&state) % 1024);
            was[i] = bytes[at[i]];
            bytes[at[i]] = (unsigned char)test_random(&state);
        }
        mplat_pe_symbol(bytes, size, rva, name, sizeof name, &distance);
        for (size_t i = 8; i-- > 0;)
            bytes[at[i]] = was[i];
    }
    free(bytes);
}
