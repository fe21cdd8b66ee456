/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about what a hostile peer can put on a link's socket, byte by byte and descriptor by descriptor, and about the
 * marker by which a child finds its link. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "child_host.h"
#include "platform/posix/link.h"
#include "platform/posix/marker.h"
#include "test.h"

enum { FRAME_MAX = 256, FDS_MAX = 100 };

/* A link and the raw socket at its other end. */
typedef struct wire {
    mplat_link_t *link;
    int raw;
} wire_t;

static wire_t make_wire(void) {
    wire_t wire = {NULL, -1};
    REQUIRE_OK(mplat_link_create(&wire.link, &wire.raw));
    return wire;
}

static void cut_wire(wire_t *wire) {
    mplat_link_destroy(wire->link);
    if (wire->raw >= 0)
        close(wire->raw);
}

/* What a link itself sends for this text: the tests know nothing of the format but that. */
static size_t frame_of(const char *text, size_t handle_count, unsigned char frame[FRAME_MAX]) {
    wire_t wire = make_wire();
    mplat_handle_t null[MPLAT_LINK_HANDLES_MAX];
    for (size_t i = 0; i < handle_count; i++)
        REQUIRE_OK(mplat_null_open(&null[i]));
    REQUIRE_OK(mplat_link_send(wire.link, text, strlen(text), null, handle_count, -1));
    for (size_t i = 0; i < handle_count; i++)
        mplat_handle_close(&null[i]);
    ssize_t size = recv(wire.raw, frame, FRAME_MAX, 0); /* plain recv leaves the descriptors to be dropped */
    REQUIRE(size > 0 && size < FRAME_MAX);
    cut_wire(&wire);
    return (size_t)size;
}

static void put(const wire_t *wire, const void *data, size_t size) {
    REQUIRE(send(wire->raw, data, size, MSG_NOSIGNAL) == (ssize_t)size);
}

/* Sends data with count copies of a descriptor attached. */
static void put_with(const wire_t *wire, const void *data, size_t size, size_t count) {
    static _Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
    struct iovec part = {(void *)(uintptr_t)data, size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(int));
    for (size_t i = 0; i < count; i++)
        memcpy(CMSG_DATA(header) + i * sizeof(int), &(int){STDOUT_FILENO}, sizeof(int));
    REQUIRE(sendmsg(wire->raw, &message, MSG_NOSIGNAL) == (ssize_t)size);
}

/* Takes one message, closes the handles that came with it, and tells how many they were. */
static int take(const wire_t *wire, char *text, size_t size, size_t *out_count) {
    mplat_handle_t handles[MPLAT_LINK_HANDLES_MAX];
    size_t got;
    memset(text, 0, size);
    int err = mplat_link_receive(wire->link, text, size - 1, &got, handles, out_count, 0);
    for (size_t i = 0; i < *out_count; i++)
        mplat_handle_close(&handles[i]);
    return err;
}

TEST(platform_link_posix, frame_cut_at_any_byte_is_an_end) {
    unsigned char frame[FRAME_MAX];
    char text[32];
    size_t size = frame_of("message", 0, frame), count;
    for (size_t length = 0; length < size; length++) {
        wire_t wire = make_wire();
        if (length > 0)
            put(&wire, frame, length);
        CHECK_ERR(take(&wire, text, sizeof text, &count), MPLAT_ETIMEDOUT);
        close(wire.raw);
        wire.raw = -1;
        CHECK_ERR(take(&wire, text, sizeof text, &count), MPLAT_ECLOSED);
        CHECK_ERR(take(&wire, text, sizeof text, &count), MPLAT_ECLOSED);
        cut_wire(&wire);
    }
}

TEST(platform_link_posix, frame_may_come_byte_by_byte) {
    unsigned char frame[FRAME_MAX];
    char text[32];
    size_t size = frame_of("message", 0, frame), count;
    wire_t wire = make_wire();
    for (size_t i = 0; i < size; i++) {
        CHECK_ERR(take(&wire, text, sizeof text, &count), MPLAT_ETIMEDOUT);
        put(&wire, frame + i, 1);
    }
    CHECK_OK(take(&wire, text, sizeof text, &count));
    CHECK_EQ_STR(text, "message");
    cut_wire(&wire);
}

TEST(platform_link_posix, frames_that_come_together_are_told_apart) {
    unsigned char frames[2 * FRAME_MAX];
    char text[32];
    size_t first = frame_of("one", 0, frames), count;
    size_t second = frame_of("three", 0, frames + first);
    wire_t wire = make_wire();
    put(&wire, frames, first + second);
    CHECK_OK(take(&wire, text, sizeof text, &count));
    CHECK_EQ_STR(text, "one");
    CHECK_OK(take(&wire, text, sizeof text, &count));
    CHECK_EQ_STR(text, "three");
    CHECK_ERR(take(&wire, text, sizeof text, &count), MPLAT_ETIMEDOUT);
    cut_wire(&wire);
}

/* Every value of every byte: a damaged header is refused or waits for more, and never gives another message. */
TEST(platform_link_posix, damaged_header_gives_no_wrong_message) {
    unsigned char frame[FRAME_MAX];
    char text[32];
    size_t size = frame_of("message", 0, frame), header = size - strlen("message"), count;
    for (size_t i = 0; i < header; i++) {
        for (unsigned value = 0; value < 256; value++) {
            unsigned char damaged[FRAME_MAX];
            memcpy(damaged, frame, size);
            damaged[i] = (unsigned char)value;
            wire_t wire = make_wire();
            put(&wire, damaged, size);
            int err = take(&wire, text, sizeof text, &count);
            bool same = memcmp(damaged, frame, size) == 0;
            bool shorter = err == 0 && strncmp(text, "message", strlen(text)) == 0;
            if (same ? err != 0 : err != MPLAT_EMALFORMED && err != MPLAT_ETIMEDOUT && !shorter)
                FAIL("byte %zu as %u: %s", i, value, mplat_error_text(err));
            if (err == MPLAT_EMALFORMED)
                CHECK_ERR(take(&wire, text, sizeof text, &count), MPLAT_EMALFORMED);
            cut_wire(&wire);
        }
    }
}

TEST(platform_link_posix, refused_link_can_still_be_watched_and_closed) {
    char text[32];
    size_t count;
    bool ready;
    wire_t wire = make_wire();
    mplat_handle_t handle = mplat_link_handle(wire.link);
    put(&wire, "this is no frame at all", 23);
    CHECK_ERR(take(&wire, text, sizeof text, &count), MPLAT_EMALFORMED);
    CHECK_OK(mplat_handles_wait(&handle, 1, 0, &ready));
    cut_wire(&wire);
}

TEST(platform_link_posix, descriptors_come_with_the_frame_that_announces_them) {
    unsigned char frame[FRAME_MAX];
    char text[32];
    size_t count;
    for (size_t handles = 1; handles <= MPLAT_LINK_HANDLES_MAX; handles++) {
        wire_t wire = make_wire();
        size_t size = frame_of("text", handles, frame);
        put_with(&wire, frame, size, handles);
        CHECK_OK(take(&wire, text, sizeof text, &count));
        CHECK_EQ_UINT(count, handles);
        cut_wire(&wire);
    }
}

/* The harness's leak check shows that whatever came is closed. */
TEST(platform_link_posix, descriptors_that_were_not_announced_are_refused) {
    static const size_t announced[] = {0, 1, 2, 8}, sent[] = {1, 2, 3, 8, 9, 10, FDS_MAX};
    unsigned char frame[FRAME_MAX];
    char text[32];
    size_t count, before = host_count_handles();
    for (size_t i = 0; i < sizeof announced / sizeof *announced; i++) {
        size_t size = frame_of("text", announced[i], frame);
        for (size_t j = 0; j < sizeof sent / sizeof *sent; j++) {
            wire_t wire = make_wire();
            put_with(&wire, frame, size, sent[j]);
            int err = take(&wire, text, sizeof text, &count);
            if (sent[j] == announced[i])
                CHECK_OK(err);
            else
                CHECK_EQ_INT(err, MPLAT_EMALFORMED);
            cut_wire(&wire);
        }
    }
    CHECK_EQ_UINT(host_count_handles(), before);
}

TEST(platform_link_posix, announced_descriptors_that_do_not_come_are_refused) {
    unsigned char frame[FRAME_MAX];
    char text[32];
    size_t size = frame_of("text", 3, frame), count;
    wire_t wire = make_wire();
    put(&wire, frame, size);
    CHECK_ERR(take(&wire, text, sizeof text, &count), MPLAT_EMALFORMED);
    cut_wire(&wire);
}

TEST(platform_link_posix, descriptors_with_every_byte_are_refused_in_time) {
    unsigned char frame[FRAME_MAX];
    char text[32];
    size_t size = frame_of("text", 8, frame), count, before = host_count_handles();
    wire_t wire = make_wire();
    for (size_t i = 0; i < size; i++)
        put_with(&wire, frame + i, 1, 3);
    CHECK_ERR(take(&wire, text, sizeof text, &count), MPLAT_EMALFORMED);
    CHECK(host_count_handles() <= before + 2);
    cut_wire(&wire);
}

TEST(platform_link_posix, descriptors_of_a_frame_that_never_ends_are_closed) {
    unsigned char frame[FRAME_MAX];
    char text[32];
    size_t size = frame_of("text", 4, frame), count;
    wire_t wire = make_wire();
    put_with(&wire, frame, size - 1, 4);
    CHECK_ERR(take(&wire, text, sizeof text, &count), MPLAT_ETIMEDOUT);
    close(wire.raw);
    wire.raw = -1;
    CHECK_ERR(take(&wire, text, sizeof text, &count), MPLAT_ECLOSED);
    cut_wire(&wire);
}

/* Runs take with no more than so many free descriptors. */
static int take_with_free(const wire_t *wire, int spare, size_t *out_count) {
    struct rlimit before, full;
    char text[32];
    int fds[4] = {-1, -1, -1, -1};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    for (int i = 0; i <= spare; i++)
        fds[i] = dup(STDOUT_FILENO);
    full = before;
    full.rlim_cur = (rlim_t)fds[spare];
    for (int i = 0; i <= spare; i++)
        close(fds[i]);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &full) == 0);
    int err = take(wire, text, sizeof text, out_count);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    return err;
}

/* It is nobody's fault but ours: the message is lost, and the next one comes. */
TEST(platform_link_posix, a_full_descriptor_table_costs_the_message_only) {
    unsigned char frame[FRAME_MAX];
    char text[32];
    size_t count, size = frame_of("text", 2, frame), before = host_count_handles();
    for (int spare = 0; spare <= 2; spare++) {
        wire_t wire = make_wire();
        put_with(&wire, frame, size, 2);
        put_with(&wire, frame, size, 2);
        int err = take_with_free(&wire, spare, &count);
        CHECK_EQ_INT(err, spare < 2 ? MPLAT_ENOHANDLES : MPLAT_OK);
        if (spare < 2)
            CHECK_EQ_INT(mplat_failure().os_code, EMFILE);
        CHECK_OK(take(&wire, text, sizeof text, &count));
        CHECK_EQ_STR(text, "text");
        CHECK_EQ_UINT(count, 2);
        cut_wire(&wire);
    }
    CHECK_EQ_UINT(host_count_handles(), before);
}

TEST(platform_link_posix, too_many_descriptors_are_refused_with_a_full_table_too) {
    unsigned char frame[FRAME_MAX];
    size_t count, size = frame_of("text", 8, frame);
    wire_t wire = make_wire();
    put_with(&wire, frame, size, FDS_MAX);
    CHECK_ERR(take_with_free(&wire, 0, &count), MPLAT_ENOHANDLES);
    cut_wire(&wire);
}

TEST(platform_link_posix, received_descriptors_are_closed_by_exec) {
    unsigned char frame[FRAME_MAX];
    mplat_handle_t handles[MPLAT_LINK_HANDLES_MAX];
    char text[32];
    size_t size = frame_of("text", 1, frame), got, count = 0;
    wire_t wire = make_wire();
    put_with(&wire, frame, size, 1);
    REQUIRE_OK(mplat_link_receive(wire.link, text, sizeof text, &got, handles, &count, 0));
    REQUIRE_EQ_UINT(count, 1);
    CHECK((fcntl((int)handles[0], F_GETFD) & FD_CLOEXEC) != 0);
    mplat_handle_close(&handles[0]);
    CHECK((fcntl((int)mplat_link_handle(wire.link), F_GETFD) & FD_CLOEXEC) != 0);
    cut_wire(&wire);
}

/* ---- the marker ---- */

static const mplat_marker_t marker = {
    .lifeline = true, .link_inode = 0x0123456789abcdef, .lifeline_inode = UINT64_MAX, .executable = "/a b:c=d"};

TEST(platform_marker, what_was_written_is_read_again) {
    char text[256];
    mplat_marker_t read = {0};
    REQUIRE(mplat_marker_format(&marker, text, sizeof text));
    REQUIRE(strncmp(text, MPLAT_MARKER_NAME "=", sizeof MPLAT_MARKER_NAME) == 0);
    REQUIRE(mplat_marker_parse(text + sizeof MPLAT_MARKER_NAME, &read));
    CHECK_EQ_INT(read.lifeline, marker.lifeline);
    CHECK_EQ_UINT(read.link_inode, marker.link_inode);
    CHECK_EQ_UINT(read.lifeline_inode, marker.lifeline_inode);
    CHECK_EQ_STR(read.executable, marker.executable);
}

TEST(platform_marker, buffer_that_is_too_small_is_told) {
    char text[256];
    REQUIRE(mplat_marker_format(&marker, text, sizeof text));
    size_t length = strlen(text);
    for (size_t size = 0; size <= length; size++) {
        memset(text, '#', sizeof text);
        CHECK(!mplat_marker_format(&marker, text, size));
        CHECK_EQ_INT(text[size], '#');
    }
    CHECK(mplat_marker_format(&marker, text, length + 1));
}

/* On the heap and of the exact size, so that a sanitizer sees a byte read too far. */
static bool parses(const char *text, size_t length) {
    mplat_marker_t read;
    char *copy = malloc(length + 1);
    if (copy == NULL)
        abort();
    memcpy(copy, text, length);
    copy[length] = '\0';
    bool parsed = mplat_marker_parse(copy, &read);
    free(copy);
    return parsed;
}

TEST(platform_marker, cut_or_damaged_marker_is_refused) {
    char text[256];
    const mplat_marker_t plain = {.lifeline = true, .link_inode = 7, .lifeline_inode = 8, .executable = ""};
    REQUIRE(mplat_marker_format(&plain, text, sizeof text));
    char *value = text + sizeof MPLAT_MARKER_NAME;
    size_t length = strlen(value);
    CHECK(parses(value, length));
    for (size_t cut = 0; cut < length; cut++)
        CHECK(!parses(value, cut));
    for (size_t i = 0; i < length; i++) {
        for (int c = 1; c < 256; c++) {
            char kept = value[i];
            value[i] = (char)c;
            bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
            if (c != kept && !digit)
                CHECK(!parses(value, length));
            else
                (void)parses(value, length);
            value[i] = kept;
        }
    }
}
