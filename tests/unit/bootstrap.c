/* SPDX-License-Identifier: Apache-2.0 */
/* The start message: it says what was said, and any other bytes are refused. */
#include "bootstrap.h"

#include "core_support.h"
#include "test.h"

#include <mproc/version.h>
#include <stdlib.h>
#include <string.h>

typedef struct message {
    _Alignas(MPROC_BOOTSTRAP_ALIGNMENT) unsigned char bytes[MPROC_BOOTSTRAP_SIZE_MAX];
    size_t size;
} message_t;

static const unsigned char build_id[] = {1, 2, 3, 4, 5};

static mproc_bootstrap_t example(void) {
    return (mproc_bootstrap_t){.kind = MPROC_BOOTSTRAP_PROCESS,
                               .build_id = build_id,
                               .build_id_size = sizeof build_id,
                               .fingerprint = UINT64_C(0x123456789abcdef0),
                               .task = "power",
                               .name = "Process-1:2",
                               .identity = "1:2",
                               .parent_name = "Process-1",
                               .parent_pid = INT64_C(1) << 40,
                               .daemon = true,
                               .result = true,
                               .limits = {64, 1000, 1 << 20},
                               .args = "arguments",
                               .args_size = 9,
                               .input = "raw input",
                               .input_size = 9};
}

static void encode(const mproc_bootstrap_t *bootstrap, message_t *message) {
    REQUIRE_OK(mproc_bootstrap_encode(bootstrap, message->bytes, sizeof message->bytes, &message->size));
}

TEST(bootstrap, says_what_was_said) {
    message_t message;
    mproc_bootstrap_t sent = example(), got;
    encode(&sent, &message);
    REQUIRE_OK(mproc_bootstrap_decode(message.bytes, message.size, &got));
    CHECK_EQ_INT(got.kind, MPROC_BOOTSTRAP_PROCESS);
    CHECK_EQ_UINT(got.build_id_size, sizeof build_id);
    CHECK_EQ_MEM(got.build_id, build_id, sizeof build_id);
    CHECK(got.fingerprint == sent.fingerprint);
    CHECK_EQ_STR(got.task, "power");
    CHECK_EQ_STR(got.name, "Process-1:2");
    CHECK_EQ_STR(got.identity, "1:2");
    CHECK_EQ_STR(got.parent_name, "Process-1");
    CHECK_EQ_INT(got.parent_pid, sent.parent_pid);
    CHECK(got.daemon && got.result && !got.in_segment);
    CHECK_EQ_UINT(got.limits.max_depth, 64);
    CHECK_EQ_UINT(got.limits.max_count, 1000);
    CHECK_EQ_UINT(got.limits.max_size, 1 << 20);
    CHECK_EQ_UINT(got.args_size, 9);
    CHECK_EQ_MEM(got.args, "arguments", 9);
    CHECK_EQ_UINT(got.input_size, 9);
    CHECK_EQ_MEM(got.input, "raw input", 9);
    CHECK_EQ_UINT((uintptr_t)got.input % MPROC_BOOTSTRAP_ALIGNMENT, 0);
}

TEST(bootstrap, of_a_worker_without_initializer_has_no_task) {
    message_t message;
    mproc_bootstrap_t sent = example(), got;
    sent.kind = MPROC_BOOTSTRAP_WORKER;
    sent.task = "";
    sent.args_size = sent.input_size = 0;
    sent.args = sent.input = NULL;
    encode(&sent, &message);
    REQUIRE_OK(mproc_bootstrap_decode(message.bytes, message.size, &got));
    CHECK_EQ_INT(got.kind, MPROC_BOOTSTRAP_WORKER);
    CHECK_EQ_STR(got.task, "");
}

TEST(bootstrap, payload_goes_through_a_segment_when_it_does_not_fit) {
    static unsigned char input[10000];
    _Alignas(MPROC_BOOTSTRAP_ALIGNMENT) static unsigned char segment[sizeof input + 9];
    message_t message;
    mproc_bootstrap_t sent = example(), got;
    memset(input, 7, sizeof input);
    sent.input = input;
    sent.input_size = sizeof input;
    CHECK_EQ_INT(mproc_bootstrap_encode(&sent, message.bytes, sizeof message.bytes, &message.size), MPROC_ETOOBIG);
    CHECK_EQ_UINT(message.size, 0);
    CHECK_EQ_UINT(mproc_bootstrap_segment_size(&sent), sizeof segment);
    mproc_bootstrap_fill_segment(&sent, segment);
    sent.in_segment = true;
    encode(&sent, &message);
    REQUIRE_OK(mproc_bootstrap_decode(message.bytes, message.size, &got));
    CHECK(got.in_segment && got.args == NULL && got.input == NULL);
    CHECK_EQ_INT(mproc_bootstrap_read_segment(&got, segment, sizeof segment - 1), MPROC_EMALFORMED);
    REQUIRE_OK(mproc_bootstrap_read_segment(&got, segment, sizeof segment));
    CHECK_EQ_MEM(got.args, "arguments", 9);
    CHECK_EQ_MEM(got.input, input, sizeof input);
}

TEST(bootstrap, payload_larger_than_memory_is_no_size) {
    mproc_bootstrap_t bootstrap = example();
    bootstrap.args_size = SIZE_MAX;
    CHECK_EQ_UINT(mproc_bootstrap_segment_size(&bootstrap), 0);
}

TEST(bootstrap, names_too_long_for_the_message_do_not_fit) {
    static char name[MPROC_BOOTSTRAP_SIZE_MAX + 1];
    message_t message;
    mproc_bootstrap_t bootstrap = example();
    memset(name, 'n', sizeof name - 1);
    bootstrap.name = name;
    bootstrap.in_segment = true;
    CHECK_EQ_INT(mproc_bootstrap_encode(&bootstrap, message.bytes, sizeof message.bytes, &message.size), MPROC_ETOOBIG);
}

TEST(bootstrap, every_shorter_message_is_malformed) {
    message_t message, cut;
    mproc_bootstrap_t sent = example(), got;
    encode(&sent, &message);
    for (size_t size = 0; size < message.size; size++) {
        /* A block of its own lets a sanitizer see a byte read too many. */
        unsigned char *block = malloc(size > 0 ? size : 1);
        REQUIRE(block != NULL);
        if (block != NULL)
            memcpy(block, message.bytes, size);
        CHECK_EQ_INT(mproc_bootstrap_decode(block, size, &got), MPROC_EMALFORMED);
        free(block);
    }
    memcpy(cut.bytes, message.bytes, message.size);
    cut.bytes[message.size] = 0;
    CHECK_EQ_INT(mproc_bootstrap_decode(cut.bytes, message.size + 1, &got), MPROC_EMALFORMED);
}

/* What a decoder gives out lies in the message and ends in it. */
static void check_inside(const mproc_bootstrap_t *got, const message_t *message) {
    const char *const texts[] = {got->task, got->name, got->identity, got->parent_name};
    const unsigned char *end = message->bytes + message->size;
    for (size_t i = 0; i < 4; i++)
        CHECK((const unsigned char *)texts[i] + strlen(texts[i]) < end);
    if (!got->in_segment) {
        CHECK((const unsigned char *)got->args + got->args_size <= end);
        CHECK((const unsigned char *)got->input + got->input_size <= end);
    }
}

TEST(bootstrap, damaged_message_is_refused_or_stays_inside_itself) {
    message_t message, damaged;
    mproc_bootstrap_t sent = example(), got;
    encode(&sent, &message);
    for (size_t at = 0; at < message.size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            damaged = message;
            damaged.bytes[at] ^= (unsigned char)(1 << bit);
            if (mproc_bootstrap_decode(damaged.bytes, damaged.size, &got) == MPROC_OK)
                check_inside(&got, &damaged);
        }
    }
}

TEST(bootstrap, random_bytes_behind_the_magic_are_refused_or_stay_inside) {
    message_t message;
    mproc_bootstrap_t sent = example(), got;
    uint64_t state = 1;
    encode(&sent, &message);
    for (int round = 0; round < 20000; round++) {
        for (size_t at = 16 + test_random(&state) % 64; at < message.size; at += 1 + test_random(&state) % 32)
            message.bytes[at] = (unsigned char)test_random(&state);
        if (mproc_bootstrap_decode(message.bytes, message.size, &got) == MPROC_OK)
            check_inside(&got, &message);
    }
}

TEST(bootstrap, of_another_version_is_told_from_damage) {
    message_t message;
    mproc_bootstrap_t sent = example(), got;
    encode(&sent, &message);
    message.bytes[8] = (unsigned char)(MPROC_VERSION_NUMBER + 1);
    CHECK_ERR(mproc_bootstrap_decode(message.bytes, message.size, &got), MPROC_EVERSION);
    check_last_error(MPROC_EVERSION, mproc_last_error()->message);
    CHECK_HAS_STR(mproc_last_error()->message, "executable was replaced");
    message.bytes[0] = 'x';
    CHECK_ERR(mproc_bootstrap_decode(message.bytes, message.size, &got), MPROC_EMALFORMED);
}
