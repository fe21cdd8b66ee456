/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that arrive: every fault is found and named with its place, and no bytes whatever do harm. */
#include "scan.h"

#include <stdlib.h>
#include <string.h>

#include "core_support.h"
#include "encode.h"
#include "memory.h"
#include "report.h"
#include "test.h"

#define CHECK_SOUND(bytes_) check_scan((bytes_), sizeof(bytes_) - 1, NULL)
#define CHECK_FAULT(bytes_, message_) check_scan((bytes_), sizeof(bytes_) - 1, (message_))

static void check_scan(const char *bytes, size_t size, const char *message) {
    char *copy = copy_block(bytes, size);
    mproc_shape_t shape;
    if (message == NULL) {
        CHECK_OK(mproc_scan(copy, size, NULL, &shape));
    } else {
        CHECK_ERR(mproc_scan(copy, size, NULL, &shape), MPROC_EMALFORMED);
        check_last_error(MPROC_EMALFORMED, message);
    }
    free(copy);
}

TEST(scan, every_form_of_every_type_is_sound) {
    CHECK_SOUND("\x00");
    CHECK_SOUND("\x7f");
    CHECK_SOUND("\xe0");
    CHECK_SOUND("\x80");
    CHECK_SOUND("\x90");
    CHECK_SOUND("\xa0");
    CHECK_SOUND("\xc0");
    CHECK_SOUND("\xc2");
    CHECK_SOUND("\xc3");
    CHECK_SOUND("\xc4\x00");
    CHECK_SOUND("\xc5\x00\x01\xff");
    CHECK_SOUND("\xc6\x00\x00\x00\x01\xff");
    CHECK_SOUND("\xca\x3f\x80\x00\x00");
    CHECK_SOUND("\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00");
    CHECK_SOUND("\xcc\xff");
    CHECK_SOUND("\xcd\xff\xff");
    CHECK_SOUND("\xce\xff\xff\xff\xff");
    CHECK_SOUND("\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    CHECK_SOUND("\xd0\x80");
    CHECK_SOUND("\xd1\x80\x00");
    CHECK_SOUND("\xd2\x80\x00\x00\x00");
    CHECK_SOUND("\xd3\x80\x00\x00\x00\x00\x00\x00\x00");
    CHECK_SOUND("\xd9\x01x");
    CHECK_SOUND("\xda\x00\x01x");
    CHECK_SOUND("\xdb\x00\x00\x00\x01x");
    CHECK_SOUND("\xdc\x00\x01\xc0");
    CHECK_SOUND("\xdd\x00\x00\x00\x01\xc0");
    CHECK_SOUND("\xde\x00\x01\xc0\xc0");
    CHECK_SOUND("\xdf\x00\x00\x00\x01\xc0\xc0");
}

TEST(scan, what_is_missing_is_named_with_its_place) {
    CHECK_FAULT("", "Malformed value: the data end where a value should be, at byte 0 of 0");
    CHECK_FAULT("\xcd\x01", "Malformed value: the data end within a value, at byte 0 of 2");
    CHECK_FAULT("\x91\xcb\x00", "Malformed value: the data end within a value, at byte 1 of 3");
    CHECK_FAULT("\xa3xy", "Malformed value: a string longer than the data, at byte 0 of 3");
    CHECK_FAULT("\xc4\x03xy", "Malformed value: bytes longer than the data, at byte 0 of 4");
    CHECK_FAULT("\xdb\xff\xff\xff\xffx", "Malformed value: a string longer than the data, at byte 0 of 6");
    CHECK_FAULT("\x92\x01", "Malformed value: an array with more items than the data have, at byte 1 of 2");
    CHECK_FAULT("\x92\x92\x01\x01", "Malformed value: the data end where a value should be, at byte 4 of 4");
    CHECK_FAULT("\x82\x01\x01\x01", "Malformed value: a map with more pairs than the data have, at byte 1 of 4");
    CHECK_FAULT("\xdd\xff\xff\xff\xff", "Malformed value: an array with more items than the data have, at byte 5 of 5");
    CHECK_FAULT("\xdf\xff\xff\xff\xff", "Malformed value: a map with more pairs than the data have, at byte 5 of 5");
}

TEST(scan, what_should_not_be_is_named_with_its_place) {
    CHECK_FAULT("\x01\x02", "Malformed value: something behind the value, at byte 1 of 2");
    CHECK_FAULT("\x91\xc1", "Malformed value: the byte 0xc1, which MessagePack never uses, at byte 1 of 2");
    CHECK_FAULT("\xd4\x01\x00", "Malformed value: an extension type, which has no counterpart here, at byte 0 of 3");
    CHECK_FAULT("\xc7\x00\x01", "Malformed value: an extension type, which has no counterpart here, at byte 0 of 3");
    CHECK_FAULT("\x91\xa2\xc3\x28", "Malformed value: a string that is not UTF-8, at byte 2 of 4");
    CHECK_FAULT("\xaaplain text\xff", "Malformed value: something behind the value, at byte 11 of 12");
    CHECK_FAULT("\xabplain text\xff", "Malformed value: a string that is not UTF-8, at byte 1 of 12");
}

TEST(scan, limits_are_kept_exactly) {
    mproc_shape_t shape;
    mproc_value_limits_t two_deep = {.max_depth = 2};
    CHECK_OK(mproc_scan("\x91\x91\x01", 3, &two_deep, &shape));
    CHECK_EQ_UINT(shape.depth, 2);
    CHECK_ERR(mproc_scan("\x91\x91\x90", 3, &two_deep, &shape), MPROC_ETOOBIG);
    check_last_error(MPROC_ETOOBIG, "The value nests deeper than 2 arrays and maps: raise max_depth (at most 1024)");

    mproc_value_limits_t four = {.max_count = 4};
    CHECK_OK(mproc_scan("\x93\x01\x02\x03", 4, &four, &shape));
    CHECK_EQ_UINT(shape.values, 4);
    CHECK_ERR(mproc_scan("\x94\x01\x02\x03\x04", 5, &four, &shape), MPROC_ETOOBIG);
    check_last_error(MPROC_ETOOBIG, "The value has more than 4 values within it: raise max_count to accept it");
    CHECK_ERR(mproc_scan("\x92\x92\x01\x02\x03", 5, &four, &shape), MPROC_ETOOBIG);

    mproc_value_limits_t three_bytes = {.max_size = 3};
    CHECK_OK(mproc_scan("\xa2xy", 3, &three_bytes, &shape));
    CHECK_EQ_UINT(shape.text_bytes, 3);
    CHECK_ERR(mproc_scan("\xa3xyz", 4, &three_bytes, &shape), MPROC_ETOOBIG);
    check_last_error(MPROC_ETOOBIG, "The value takes 4 bytes, more than 3: raise max_size to accept it");
}

TEST(scan, default_depth_is_64_and_the_most_is_1024) {
    unsigned char bytes[2000];
    mproc_shape_t shape;
    memset(bytes, 0x91, sizeof bytes);
    bytes[64] = 1;
    CHECK_OK(mproc_scan(bytes, 65, NULL, &shape));
    bytes[64] = 0x90;
    CHECK_ERR(mproc_scan(bytes, 65, NULL, &shape), MPROC_ETOOBIG);
    mproc_value_limits_t deepest = {.max_depth = SIZE_MAX};
    bytes[64] = 0x91;
    bytes[1024] = 1;
    CHECK_OK(mproc_scan(bytes, 1025, &deepest, &shape));
    bytes[1024] = 0x90;
    CHECK_ERR(mproc_scan(bytes, 1025, &deepest, &shape), MPROC_ETOOBIG);
}

/* ---- any bytes ------------------------------------------------------------------------------------------------- */

/* Whatever decodes can be printed, compared, sent on, and arrives the same. Returns whether it decodes. */
static bool survives(const unsigned char *bytes, size_t size, mproc_tree_t **tree) {
    mproc_value_limits_t limits = {.max_depth = 40, .max_count = 5000};
    int err = mproc_tree_decode(bytes, size, &limits, tree);
    if (err != MPROC_OK) {
        CHECK(err == MPROC_EMALFORMED || err == MPROC_ETOOBIG);
        CHECK(mproc_tree_root(*tree) == NULL);
        return false;
    }
    char text[64];
    const mproc_value_t *value = mproc_tree_root(*tree);
    (void)mproc_value_repr(value, text, sizeof text);
    mproc_tree_t *again = send_value(MPROC_ARG(value));
    CHECK(mproc_value_equal(value, mproc_tree_root(again)));
    mproc_tree_destroy(again);
    return true;
}

TEST(scan, a_million_random_inputs_do_no_harm) {
    uint64_t state = 1;
    mproc_tree_t *tree = NULL;
    unsigned sound = 0;
    int64_t rounds = 1000000 / test_time_scale();
    for (int i = 0; i < rounds; i++) {
        unsigned char bytes[24];
        size_t size = test_random(&state) % (sizeof bytes + 1);
        for (size_t at = 0; at < size; at += 8) {
            uint64_t number = test_random(&state);
            memcpy(bytes + at, &number, size - at < 8 ? size - at : 8);
        }
        sound += survives(bytes, size, &tree);
    }
    CHECK(sound > 1000);
    mproc_tree_destroy(tree);
}

/* Random nested values, by a grammar instead of by chance. */
static void append_random(mproc_buffer_t *buffer, uint64_t *state, int depth) {
    static const char *const leaves[] = {
        "\xc0", "\xc3", "\x05", "\xd1\xff\x00", "\xa3xyz", "\xc4\x01x", "\xca\x7f\xc0\x01\x02", "\xa4\xf0\x9f\x98\x80",
    };
    static const size_t sizes[] = {1, 1, 1, 3, 4, 3, 5, 5};
    uint64_t choice = test_random(state) % 12;
    if (choice < 8 || depth == 0) {
        (void)mproc_buffer_append(buffer, leaves[choice % 8], sizes[choice % 8]);
        return;
    }
    unsigned count = (unsigned)(test_random(state) % 6);
    bool map = choice >= 10;
    unsigned char head = (unsigned char)((map ? 0x80 : 0x90) | count);
    (void)mproc_buffer_append(buffer, &head, 1);
    for (unsigned i = 0; i < count * (map ? 2 : 1); i++)
        append_random(buffer, state, depth - 1);
}

TEST(scan, damaged_values_do_no_harm) {
    uint64_t state = 2;
    mproc_tree_t *tree = NULL;
    mproc_buffer_t buffer;
    unsigned sound = 0, damaged = 0;
    mproc_buffer_init(&buffer, NULL);
    int64_t rounds = 20000 / test_time_scale();
    for (int i = 0; i < rounds; i++) {
        mproc_buffer_clear(&buffer);
        append_random(&buffer, &state, 6);
        sound += survives(buffer.data, buffer.size, &tree);
        for (int flips = 0; flips < 8; flips++) {
            uint64_t number = test_random(&state);
            buffer.data[number % buffer.size] = (unsigned char)(number >> 32);
            damaged += !survives(buffer.data, buffer.size - (number >> 40) % 2, &tree);
        }
    }
    CHECK_EQ_UINT(sound, (unsigned)rounds);
    CHECK(damaged > (unsigned)rounds);
    mproc_buffer_fini(&buffer);
    mproc_tree_destroy(tree);
}

TEST(scan, every_prefix_of_a_value_is_refused) {
    mproc_buffer_t buffer;
    encode_args(MPROC_ARGS(1, -70000, 2.5, "text", MPROC_BYTES("\0\1", 2), MPROC_LIST(1, MPROC_LIST("x")),
                           MPROC_KW("key", MPROC_DICT(MPROC_KW("inner", 1)))),
                &buffer);
    for (size_t size = 0; size < buffer.size; size++) {
        unsigned char *prefix = copy_block(buffer.data, size);
        mproc_shape_t shape;
        CHECK_ERR(mproc_scan(prefix, size, NULL, &shape), MPROC_EMALFORMED);
        free(prefix);
    }
    mproc_buffer_fini(&buffer);
}
