/* SPDX-License-Identifier: Apache-2.0 */
/* What the POSIX backend reads from others, damaged on purpose: frames on a link, symbol tables, the bootstrap marker. Any
 * bytes give an answer; none gives a crash, a hang or a descriptor that stays. */
#include "platform/platform.h"
#include "platform/posix/link.h"
#include "platform/posix/marker.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SOON_MS = 10000, SECTIONS = 64 * 40 /* size of 40 section headers */ };

/* ---- links ---- */

typedef struct frame {
    uint32_t magic, size, handle_count;
} frame_t;

/* The magic of a real frame, learned from one. */
static uint32_t real_magic(void) {
    mplat_link_t *link = NULL;
    int fd = -1;
    frame_t frame = {0, 0, 0};
    if (mplat_link_create(&link, &fd) == 0 && mplat_link_send(link, "x", 1, NULL, 0, SOON_MS) == 0 &&
        read(fd, &frame, sizeof frame) != (ssize_t)sizeof frame)
        frame.magic = 0;
    mplat_link_destroy(link);
    close(fd);
    return frame.magic;
}

static mplat_link_t *hostile_link(int *out_fd) {
    mplat_link_t *link = NULL;
    *out_fd = -1;
    REQUIRE_OK(mplat_link_create(&link, out_fd));
    return link;
}

/* Sends bytes with count copies of one descriptor. */
static void send_raw(int fd, const void *bytes, size_t size, size_t count) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))] = {0};
    struct iovec part = {(void *)(uintptr_t)bytes, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int copies[64];
    for (size_t i = 0; i < count; i++)
        copies[i] = fd;
    if (count > 0) {
        message.msg_control = control;
        message.msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), copies, count * sizeof(int));
    }
    CHECK_EQ_INT(sendmsg(fd, &message, MSG_NOSIGNAL), (int64_t)size);
}

static int receive(mplat_link_t *link, size_t *out_count, int64_t timeout_ms) {
    static char buf[MPLAT_LINK_MESSAGE_MAX];
    mplat_handle_t handles[MPLAT_LINK_HANDLES_MAX];
    size_t size = 0;
    int err = mplat_link_receive(link, buf, sizeof buf, &size, handles, out_count, timeout_ms);
    for (size_t i = 0; i < *out_count; i++)
        mplat_handle_close(&handles[i]);
    return err;
}

static void check_frame(frame_t frame, size_t handles, int expected) {
    int fd;
    size_t count = 0;
    mplat_link_t *link = hostile_link(&fd);
    send_raw(fd, &frame, sizeof frame, handles);
    shutdown(fd, SHUT_WR);
    CHECK_ERR(receive(link, &count, SOON_MS), expected);
    CHECK_EQ_UINT(count, 0);
    if (expected == MPLAT_EMALFORMED) /* and stays so */
        CHECK_ERR(receive(link, &count, SOON_MS), MPLAT_EMALFORMED);
    mplat_link_destroy(link);
    close(fd);
}

TEST(posix_hostile, damaged_frames_are_malformed) {
    uint32_t magic = real_magic();
    check_frame((frame_t){magic + 1, 0, 0}, 0, MPLAT_EMALFORMED);
    check_frame((frame_t){magic, MPLAT_LINK_MESSAGE_MAX + 1, 0}, 0, MPLAT_EMALFORMED);
    check_frame((frame_t){magic, UINT32_MAX, 0}, 0, MPLAT_EMALFORMED);
    check_frame((frame_t){magic, 0, MPLAT_LINK_HANDLES_MAX + 1}, 0, MPLAT_EMALFORMED);
    check_frame((frame_t){magic, 0, UINT32_MAX}, 0, MPLAT_EMALFORMED);
}

TEST(posix_hostile, promised_body_that_never_comes_is_the_end) {
    check_frame((frame_t){real_magic(), 100, 0}, 0, MPLAT_ECLOSED);
}

TEST(posix_hostile, handles_that_were_not_promised_are_closed) {
    uint32_t magic = real_magic();
    check_frame((frame_t){magic, 0, 0}, 1, MPLAT_EMALFORMED);
    check_frame((frame_t){magic, 0, 2}, 1, MPLAT_EMALFORMED);
    check_frame((frame_t){magic, 0, 8}, 9, MPLAT_EMALFORMED);
    check_frame((frame_t){magic, 0, 8}, 60, MPLAT_EMALFORMED);
    check_frame((frame_t){magic + 1, 0, 8}, 8, MPLAT_EMALFORMED);
}

TEST(posix_hostile, handles_that_nobody_receives_are_closed) {
    int fd;
    frame_t frame = {real_magic(), 0, 8};
    mplat_link_t *link = hostile_link(&fd);
    send_raw(fd, &frame, sizeof frame / 2, 8);
    size_t count = 0;
    CHECK_ERR(receive(link, &count, 0), MPLAT_ETIMEDOUT);
    mplat_link_destroy(link); /* with half a frame in it */
    close(fd);
}

TEST(posix_hostile, message_in_single_bytes_arrives_whole) {
    int fd;
    struct {
        frame_t frame;
        char text[8];
    } message = {{real_magic(), 8, 0}, "byte by"};
    mplat_link_t *link = hostile_link(&fd);
    char text[8];
    size_t size = 0;
    for (size_t i = 0; i < sizeof message; i++) {
        CHECK_ERR(mplat_link_receive(link, text, sizeof text, &size, NULL, NULL, 0), MPLAT_ETIMEDOUT);
        send_raw(fd, (const char *)&message + i, 1, 0);
    }
    CHECK_OK(mplat_link_receive(link, text, sizeof text, &size, NULL, NULL, SOON_MS));
    CHECK_EQ_UINT(size, 8);
    CHECK_EQ_STR(text, "byte by");
    mplat_link_destroy(link);
    close(fd);
}

TEST(posix_hostile, random_bytes_never_pass_for_a_message) {
    unsigned char noise[4096];
    for (unsigned seed = 1; seed < 200; seed++) {
        int fd;
        size_t count = 0;
        uint64_t state = seed;
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (unsigned char)test_random(&state);
        mplat_link_t *link = hostile_link(&fd);
        send_raw(fd, noise, sizeof noise, seed % 10);
        CHECK_ERR(receive(link, &count, SOON_MS), MPLAT_EMALFORMED);
        mplat_link_destroy(link);
        close(fd);
    }
}

/* ---- symbol tables ---- */

/* The first size bytes of a small program of this machine. */
static unsigned char *read_program(size_t *out_size) {
    char path[4096];
    REQUIRE_OK(mplat_executable_path(path, sizeof path));
    FILE *file = fopen(path, "rbe");
    REQUIRE(file != NULL);
    unsigned char *image = malloc((size_t)64 << 20);
    REQUIRE(image != NULL);
    *out_size = fread(image, 1, (size_t)64 << 20, file);
    fclose(file);
    return image;
}

static void write_file(const char *path, const unsigned char *image, size_t size) {
    FILE *file = fopen(path, "wbe");
    REQUIRE(file != NULL);
    CHECK_EQ_UINT(fwrite(image, 1, size, file), size);
    fclose(file);
}

static void ask_all_over(const char *path) {
    static const uint64_t offsets[] = {0, 1, 0x1000, 0x2345, 0x401234, UINT32_MAX, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        char name[40];
        uint64_t distance = 1;
        memset(name, '#', sizeof name);
        int err = mplat_symbol_name(path, offsets[i], name, sizeof name, &distance);
        CHECK(err == 0 || err == MPLAT_ENOTFOUND);
        CHECK(memchr(name, '\0', sizeof name) != NULL);
        CHECK(err != 0 || distance <= offsets[i]);
    }
}

TEST(posix_hostile, cut_module_gives_no_name_and_no_crash) {
    char path[4096];
    size_t size = 0;
    unsigned char *image = read_program(&size);
    test_temp_path("cut", path, sizeof path);
    static const size_t sizes[] = {0, 1, 4, 5, 16, 51, 52, 63, 64, 65, 1000, 5000, 50000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        write_file(path, image, sizes[i] < size ? sizes[i] : size);
        ask_all_over(path);
    }
    free(image);
}

TEST(posix_hostile, damaged_module_gives_an_answer) {
    char path[4096];
    size_t size = 0;
    unsigned char *image = read_program(&size);
    uint64_t sections = 0;
    memcpy(&sections, image + 40, sizeof sections);
    test_temp_path("damaged", path, sizeof path);
    /* The section headers moved behind the file's header, where damage hits them; the file stays small. */
    size_t small = size < 20000 ? size : 20000;
    for (unsigned seed = 1; seed < 100; seed++) {
        unsigned char *copy = malloc(small);
        REQUIRE(copy != NULL);
        memcpy(copy, image, small);
        uint64_t state = seed;
        if (sizeof(void *) == 8 && sections + SECTIONS <= size && small > 64 + SECTIONS) {
            uint64_t place = 64;
            memcpy(copy + 64, image + sections, SECTIONS);
            memcpy(copy + 40, &place, sizeof place);
        }
        for (int i = 0; i < 30; i++)
            copy[4 + test_random(&state) % 3000] = (unsigned char)test_random(&state);
        write_file(path, copy, small);
        ask_all_over(path);
        free(copy);
    }
    free(image);
}

TEST(posix_hostile, what_is_no_file_has_no_names) {
    char path[4096];
    ask_all_over("/dev/null");
    ask_all_over("/");
    ask_all_over("");
    test_temp_path("fifo", path, sizeof path);
    REQUIRE(mkfifo(path, 0600) == 0);
    ask_all_over(path);
}

/* ---- the marker ---- */

TEST(posix_hostile, marker_comes_back_as_it_was) {
    mplat_marker_t marker = {true, 0x123456789abcdef0u, 42, "/a path:with/colons"}, back;
    char text[256];
    REQUIRE(mplat_marker_format(&marker, text, sizeof text));
    REQUIRE_HAS_STR(text, MPLAT_MARKER_NAME "=");
    REQUIRE(mplat_marker_parse(text + strlen(MPLAT_MARKER_NAME "="), &back));
    CHECK(back.lifeline);
    CHECK_EQ_UINT(back.link_inode, marker.link_inode);
    CHECK_EQ_UINT(back.lifeline_inode, 42);
    CHECK_EQ_STR(back.executable, marker.executable);
    CHECK(!mplat_marker_format(&marker, text, 20));
}

TEST(posix_hostile, every_cut_or_damaged_marker_is_refused) {
    mplat_marker_t marker = {true, 1, 2, ""}, back;
    char text[256];
    REQUIRE(mplat_marker_format(&marker, text, sizeof text));
    char *value = text + strlen(MPLAT_MARKER_NAME "=");
    size_t length = strlen(value);
    for (size_t i = 0; i < length; i++) {
        char saved = value[i];
        value[i] = '\0';
        CHECK(!mplat_marker_parse(value, &back));
        value[i] = '~';
        CHECK(!mplat_marker_parse(value, &back));
        value[i] = saved;
    }
    CHECK(mplat_marker_parse(value, &back));
    CHECK(!mplat_marker_parse("", &back));
    CHECK(!mplat_marker_parse("2:1:0000000000000001:0000000000000002:", &back));
    CHECK(!mplat_marker_parse("1:0:0000000000000001:0000000000000002:", &back));
}
