/* SPDX-License-Identifier: Apache-2.0 */
/* The last lines of a stream: cut where a line starts, and nothing in them that a terminal would take for a command. */
#include "tail.h"

#include "scan.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static mproc_tail_t tail;
static char text[MPROC_TAIL_SIZE + 1];

static const char *tail_of(const void *data, size_t size) {
    tail = (mproc_tail_t){0};
    mproc_tail_add(&tail, data, size);
    mproc_tail_text(&tail, text);
    return text;
}

TEST(tail, of_nothing_is_nothing) {
    CHECK_EQ_STR(tail_of(NULL, 0), "");
}

TEST(tail, of_little_is_all_of_it) {
    CHECK_EQ_STR(tail_of("one\ntwo", 7), "one\ntwo");
    CHECK_EQ_STR(tail_of("\n\tone\n\n", 7), "\n\tone\n\n");
}

TEST(tail, grows_piece_by_piece) {
    tail = (mproc_tail_t){0};
    for (int i = 0; i < 5; i++)
        mproc_tail_add(&tail, "ab\n", 3);
    mproc_tail_text(&tail, text);
    CHECK_EQ_STR(text, "ab\nab\nab\nab\nab\n");
}

TEST(tail, of_exactly_the_size_is_all_of_it) {
    static char lines[MPROC_TAIL_SIZE];
    memset(lines, 'x', sizeof lines);
    CHECK_EQ_UINT(strlen(tail_of(lines, sizeof lines)), MPROC_TAIL_SIZE);
}

TEST(tail, begins_with_a_whole_line) {
    static char lines[MPROC_TAIL_SIZE + 1];
    memset(lines, 'x', sizeof lines);
    lines[9] = '\n';
    CHECK_EQ_UINT(strlen(tail_of(lines, sizeof lines)), MPROC_TAIL_SIZE - 9);
    lines[0] = '\n';
    CHECK_EQ_UINT(strlen(tail_of(lines, sizeof lines)), MPROC_TAIL_SIZE);
}

TEST(tail, of_one_long_line_is_its_end) {
    static char lines[3 * MPROC_TAIL_SIZE];
    memset(lines, 'x', sizeof lines);
    lines[sizeof lines - 1] = '\n';
    CHECK_EQ_UINT(strlen(tail_of(lines, sizeof lines)), MPROC_TAIL_SIZE);
    for (size_t i = 0; i + 1 < sizeof lines; i += 2) {
        lines[i] = '\xc3';
        lines[i + 1] = '\xa9';
    }
    tail_of(lines + 1, sizeof lines - 2);
    CHECK(mproc_scan_utf8(text, strlen(text) - 1));
}

TEST(tail, is_the_same_however_it_came) {
    enum { COUNT = 4 * MPROC_TAIL_SIZE };
    static char data[COUNT];
    static char expected[MPROC_TAIL_SIZE + 1];
    for (size_t i = 0; i < COUNT; i++)
        data[i] = i % 37 == 0 ? '\n' : (char)('a' + i % 26);
    memcpy(expected, tail_of(data, COUNT), sizeof expected);
    static const size_t pieces[] = {1, 7, 1000, MPROC_TAIL_SIZE, MPROC_TAIL_SIZE + 1, MPROC_TAIL_SIZE + 2};
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
        tail = (mproc_tail_t){0};
        for (size_t at = 0; at < COUNT; at += pieces[p])
            mproc_tail_add(&tail, data + at, pieces[p] < COUNT - at ? pieces[p] : COUNT - at);
        mproc_tail_text(&tail, text);
        CHECK_EQ_STR(text, expected);
    }
}

TEST(tail, shows_what_can_be_shown) {
    CHECK_EQ_STR(tail_of("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", 14), "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
    CHECK_EQ_STR(tail_of("a\0b\x1b[1m\x7f", 8), "a?b?[1m?");
    CHECK_EQ_STR(tail_of("\xff\xc3.\xe2\x82", 5), "??.??");
    CHECK_EQ_STR(tail_of("\xc2\x9b\x31m \xed\xa0\x80", 8), "??1m ???");
    CHECK_EQ_STR(tail_of("dos\r\nold\rend\r", 13), "dos\nold?end?");
}
