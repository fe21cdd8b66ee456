/* SPDX-License-Identifier: Apache-2.0 */
/* The parent's side of a child's messages: what is well formed arrives, and nothing else does any harm. */
#include "process_inbox.h"

#include "core_support.h"
#include "memory.h"
#include "platform/fake/fake.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

typedef struct message {
    mproc_message_header_t header;
    unsigned char bytes[256];
} message_t;

static mproc_inbox_t inbox;

static void take(uint32_t type, uint32_t kind, uint64_t size, const void *bytes, size_t count) {
    message_t message = {.header = {type, kind, size}};
    if (count > 0)
        memcpy(message.bytes, bytes, count);
    mproc_inbox_take(&inbox, &message, sizeof message.header + count, NULL, 0);
}

static void begin(void) {
    fake_reset();
    mproc_inbox_fini(&inbox);
}

static void finish(void) {
    mproc_inbox_fini(&inbox);
    CHECK_EQ_UINT(fake_open_count(), 0);
    CHECK_EQ_UINT(mproc_memory_live(), 0);
}

static void check_outcome(mproc_outcome_kind_t kind, const char *text) {
    mproc_outcome_t outcome;
    REQUIRE(mproc_inbox_outcome(&inbox, &outcome));
    CHECK_EQ_INT(outcome.kind, kind);
    CHECK_EQ_UINT(outcome.size, strlen(text));
    CHECK(outcome.size == 0 || memcmp(outcome.data, text, strlen(text)) == 0);
}

static void check_malformed(void) {
    mproc_outcome_t outcome;
    CHECK(inbox.malformed);
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_NOTHING, 0, NULL, 0);
    CHECK(!mproc_inbox_outcome(&inbox, &outcome) || outcome.kind != MPROC_OUTCOME_NOTHING || outcome.size == 0);
    finish();
    begin();
}

TEST(inbox, outcome_in_one_message_arrives) {
    begin();
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 5, "value", 5);
    CHECK(!inbox.malformed);
    check_outcome(MPROC_OUTCOME_VALUE, "value");
    finish();
}

TEST(inbox, outcome_without_bytes_arrives) {
    begin();
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_NOTHING, 0, NULL, 0);
    check_outcome(MPROC_OUTCOME_NOTHING, "");
    finish();
}

TEST(inbox, outcome_in_parts_arrives_whole) {
    mproc_outcome_t outcome;
    begin();
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, 9, "abc", 3);
    CHECK(!mproc_inbox_outcome(&inbox, &outcome));
    take(MPROC_MESSAGE_PART, 0, 4, "defg", 4);
    CHECK(!mproc_inbox_outcome(&inbox, &outcome));
    take(MPROC_MESSAGE_PART, 0, 2, "hi", 2);
    check_outcome(MPROC_OUTCOME_BYTES, "abcdefghi");
    CHECK(!inbox.malformed);
    finish();
}

static void take_segment(uint64_t announced, size_t handles) {
    mproc_message_header_t header = {MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, announced};
    mplat_segment_t *segment = NULL;
    mplat_handle_t sent[2] = {MPLAT_NO_HANDLE, MPLAT_NO_HANDLE};
    REQUIRE_OK(mplat_segment_create(100, &segment));
    memcpy(mplat_segment_base(segment), "in a segment", 12);
    for (size_t i = 0; i < handles; i++)
        REQUIRE_OK(mplat_handle_duplicate(mplat_segment_handle(segment), &sent[i]));
    mproc_inbox_take(&inbox, &header, sizeof header, sent, handles);
    mplat_segment_destroy(segment);
}

TEST(inbox, outcome_in_a_segment_arrives) {
    begin();
    take_segment(12, 1);
    CHECK(!inbox.malformed);
    check_outcome(MPROC_OUTCOME_BYTES, "in a segment");
    finish();
}

TEST(inbox, segment_smaller_than_announced_is_malformed) {
    begin();
    take_segment(UINT64_C(1) << 30, 1);
    check_malformed();
    finish();
}

TEST(inbox, handles_that_nobody_expects_are_malformed_and_closed) {
    begin();
    take_segment(12, 2);
    check_malformed();
    take_segment(0, 1);
    check_malformed();
    finish();
}

TEST(inbox, what_no_mproc_sends_is_malformed) {
    static const unsigned char some[64] = {1};
    begin();
    mproc_inbox_take(&inbox, some, 0, NULL, 0);
    check_malformed();
    mproc_inbox_take(&inbox, some, sizeof(mproc_message_header_t) - 1, NULL, 0);
    check_malformed();
    take(99, 0, 0, NULL, 0);
    check_malformed();
    take(MPROC_MESSAGE_OUTCOME, 99, 0, NULL, 0);
    check_malformed();
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 3, some, 4);
    check_malformed();
    take(MPROC_MESSAGE_PART, 0, 4, some, 4);
    check_malformed();
    take(MPROC_MESSAGE_CRASH, 0, 4, some, 4);
    check_malformed();
    finish();
}

TEST(inbox, second_outcome_is_malformed_and_the_first_stays) {
    begin();
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 5, "first", 5);
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 6, "second", 6);
    CHECK(inbox.malformed);
    check_outcome(MPROC_OUTCOME_VALUE, "first");
    finish();
}

TEST(inbox, part_too_many_or_empty_is_malformed) {
    begin();
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, 5, "abc", 3);
    take(MPROC_MESSAGE_PART, 0, 3, "def", 3);
    check_malformed();
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, 5, "abc", 3);
    take(MPROC_MESSAGE_PART, 0, 0, NULL, 0);
    check_malformed();
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, 5, "abc", 3);
    take(MPROC_MESSAGE_PART, 0, 1, "de", 2);
    check_malformed();
    finish();
}

TEST(inbox, more_parts_than_the_outcome_is_worth_are_malformed) {
    begin();
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, 2 * MPROC_PART_SIZE, "a", 1);
    for (int i = 0; i < 4; i++)
        take(MPROC_MESSAGE_PART, 0, 1, "b", 1);
    CHECK(!inbox.malformed);
    take(MPROC_MESSAGE_PART, 0, 1, "c", 1);
    check_malformed();
    finish();
}

static void check_too_big(uint64_t size) {
    mproc_outcome_t outcome;
    CHECK(inbox.too_big && !inbox.malformed && !inbox.gathering);
    CHECK(!mproc_inbox_outcome(&inbox, &outcome));
    CHECK_EQ_UINT(inbox.size, size);
    CHECK_EQ_UINT(mproc_memory_live(), 0);
    take(MPROC_MESSAGE_PART, 0, 1, "b", 1); /* dropped, so that the child can end */
    CHECK(!inbox.malformed);
    CHECK_EQ_UINT(mproc_memory_live(), 0);
    finish();
}

TEST(inbox, outcome_above_the_limit_is_not_taken) {
    begin();
    inbox.max_size = 10;
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, 11, "abc", 3);
    check_too_big(11);
    begin();
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, ((uint64_t)1 << 30) + 1, "abc", 3);
    check_too_big(((uint64_t)1 << 30) + 1);
    begin();
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_FAILED, MPROC_REPORT_SIZE_MAX + 1, "abc", 3);
    check_too_big(MPROC_REPORT_SIZE_MAX + 1);
    begin();
    inbox.max_size = 10;
    take_segment(11, 1);
    check_too_big(11);
}

TEST(inbox, outcome_at_the_limit_is_taken) {
    begin();
    inbox.max_size = 3;
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, 3, "abc", 3);
    check_outcome(MPROC_OUTCOME_BYTES, "abc");
    finish();
}

TEST(inbox, first_word_is_noted_and_nothing_else) {
    mproc_outcome_t outcome;
    begin();
    CHECK(!inbox.begun);
    take(MPROC_MESSAGE_BEGUN, 0, 0, NULL, 0);
    CHECK(inbox.begun && !inbox.malformed);
    CHECK(!mproc_inbox_outcome(&inbox, &outcome));
    take(MPROC_MESSAGE_BEGUN, 0, 0, NULL, 0);
    check_malformed();
    take(MPROC_MESSAGE_BEGUN, 0, 1, "x", 1);
    check_malformed();
    finish();
}

TEST(inbox, whoever_has_said_something_has_begun) {
    begin();
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 5, "value", 5);
    take(MPROC_MESSAGE_BEGUN, 0, 0, NULL, 0);
    CHECK(inbox.malformed);
    check_outcome(MPROC_OUTCOME_VALUE, "value");
    finish();
}

TEST(inbox, crash_arrives_once) {
    static const mplat_crash_t crash = {.code = 11, .frame_count = 3};
    struct {
        mproc_message_header_t header;
        mplat_crash_t crash;
    } message = {{MPROC_MESSAGE_CRASH, 0, sizeof crash}, crash};
    begin();
    mproc_inbox_take(&inbox, &message, sizeof message, NULL, 0);
    CHECK(!inbox.malformed);
    REQUIRE(inbox.crash != NULL);
    CHECK_EQ_UINT(inbox.crash->code, 11);
    mproc_inbox_take(&inbox, &message, sizeof message, NULL, 0);
    check_malformed();
    finish();
}

TEST(inbox, outcome_without_memory_is_noted) {
    mproc_outcome_t outcome;
    begin();
    mproc_memory_fail_at(1);
    take(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 5, "value", 5);
    mproc_memory_fail_at(0);
    CHECK(inbox.no_memory && !inbox.malformed);
    CHECK(!mproc_inbox_outcome(&inbox, &outcome));
    take(MPROC_MESSAGE_PART, 0, 4, "more", 4);
    CHECK(!inbox.malformed);
    finish();
    fake_reset();
    fake_fail(FAKE_SEGMENT_OPEN, 1, MPLAT_ENOMEM, 12);
    take_segment(12, 1);
    CHECK(inbox.no_memory && !inbox.malformed);
    finish();
}

TEST(inbox, random_messages_do_no_harm) {
    uint64_t state = 7;
    begin();
    for (int round = 0; round < 20000; round++) {
        message_t message;
        for (size_t i = 0; i < sizeof message.bytes; i++)
            message.bytes[i] = (unsigned char)test_random(&state);
        message.header.type = (uint32_t)(test_random(&state) % 5);
        message.header.kind = (uint32_t)(test_random(&state) % 6);
        message.header.size = test_random(&state) % 300;
        mproc_inbox_take(&inbox, &message, test_random(&state) % (sizeof message + 1), NULL, 0);
        if (inbox.malformed)
            mproc_inbox_fini(&inbox);
    }
    finish();
}
