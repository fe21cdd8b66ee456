/* SPDX-License-Identifier: Apache-2.0 */
/* Other programs that speak MessagePack: msgpack-c's own unpacker reads what the library sends, and its packer writes
 * what the library reads, in every size of every type. */
#include <msgpack.h>

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_support.h"
#include "encode.h"
#include "test.h"

/* ---- what we send, read by a peer ------------------------------------------------------------------------------ */

static void unpack(const mproc_buffer_t *buffer, msgpack_unpacked *out_result) {
    size_t offset = 0;
    msgpack_unpacked_init(out_result);
    REQUIRE_EQ_INT(msgpack_unpack_next(out_result, (const char *)buffer->data, buffer->size, &offset),
                   MSGPACK_UNPACK_SUCCESS);
    CHECK_EQ_UINT(offset, buffer->size);
}

TEST(peer, arguments_are_read_by_msgpack_c) {
    mproc_buffer_t buffer;
    msgpack_unpacked result;
    encode_args(MPROC_ARGS(2.5, -10, UINT64_MAX, "name", MPROC_BYTES("\0\1", 2), MPROC_NIL, MPROC_BOOL(1),
                           MPROC_LIST(1, 2), MPROC_KW("width", 640)),
                &buffer);
    unpack(&buffer, &result);
    REQUIRE_EQ_INT(result.data.type, MSGPACK_OBJECT_ARRAY);
    REQUIRE_EQ_UINT(result.data.via.array.size, 2);
    msgpack_object_array args = result.data.via.array.ptr[0].via.array;
    REQUIRE_EQ_UINT(args.size, 8);
    CHECK(args.ptr[0].type == MSGPACK_OBJECT_FLOAT64 && args.ptr[0].via.f64 == 2.5);
    CHECK(args.ptr[1].type == MSGPACK_OBJECT_NEGATIVE_INTEGER && args.ptr[1].via.i64 == -10);
    CHECK(args.ptr[2].type == MSGPACK_OBJECT_POSITIVE_INTEGER && args.ptr[2].via.u64 == UINT64_MAX);
    CHECK(args.ptr[3].type == MSGPACK_OBJECT_STR && args.ptr[3].via.str.size == 4);
    CHECK_EQ_MEM(args.ptr[3].via.str.ptr, "name", 4);
    CHECK(args.ptr[4].type == MSGPACK_OBJECT_BIN && args.ptr[4].via.bin.size == 2);
    CHECK_EQ_INT(args.ptr[5].type, MSGPACK_OBJECT_NIL);
    CHECK(args.ptr[6].type == MSGPACK_OBJECT_BOOLEAN && args.ptr[6].via.boolean);
    CHECK(args.ptr[7].type == MSGPACK_OBJECT_ARRAY && args.ptr[7].via.array.size == 2);
    msgpack_object_map kwargs = result.data.via.array.ptr[1].via.map;
    REQUIRE_EQ_UINT(kwargs.size, 1);
    CHECK_EQ_MEM(kwargs.ptr[0].key.via.str.ptr, "width", 5);
    CHECK_EQ_UINT(kwargs.ptr[0].val.via.u64, 640);
    msgpack_unpacked_destroy(&result);
    mproc_buffer_fini(&buffer);
}

/* ---- what a peer sends, read by us ----------------------------------------------------------------------------- */

typedef struct peer {
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    mproc_tree_t *tree;
} peer_t;

static void peer_begin(peer_t *peer) {
    msgpack_sbuffer_init(&peer->bytes);
    msgpack_packer_init(&peer->packer, &peer->bytes, msgpack_sbuffer_write);
    peer->tree = NULL;
}

static const mproc_value_t *peer_send(peer_t *peer) {
    REQUIRE_OK(mproc_tree_decode(peer->bytes.data, peer->bytes.size, NULL, &peer->tree));
    return mproc_tree_root(peer->tree);
}

static void peer_end(peer_t *peer) {
    mproc_tree_destroy(peer->tree);
    msgpack_sbuffer_destroy(&peer->bytes);
}

TEST(peer, integers_in_every_width_arrive) {
    static const uint64_t edges[] = {
        0, 1, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    enum { COUNT = sizeof edges / sizeof edges[0], NUMBERS = 2 * COUNT };
    peer_t peer;
    peer_begin(&peer);
    msgpack_pack_array(&peer.packer, NUMBERS);
    for (size_t i = 0; i < COUNT; i++) {
        msgpack_pack_uint64(&peer.packer, edges[i]);
        msgpack_pack_int64(&peer.packer, -1 - (int64_t)(edges[i] & INT64_MAX));
    }
    const mproc_value_t *list = peer_send(&peer);
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t natural = 0;
        int64_t number = 0;
        CHECK_OK(mproc_value_as_uint(mproc_value_at(list, 2 * i), &natural));
        CHECK(natural == edges[i]);
        CHECK_OK(mproc_value_as_int(mproc_value_at(list, 2 * i + 1), &number));
        CHECK_EQ_INT(number, -1 - (int64_t)(edges[i] & INT64_MAX));
    }
    peer_end(&peer);
}

TEST(peer, forms_wider_than_needed_arrive) {
    peer_t peer;
    peer_begin(&peer);
    msgpack_pack_array(&peer.packer, 6);
    msgpack_pack_fix_uint8(&peer.packer, 7);
    msgpack_pack_fix_uint16(&peer.packer, 7);
    msgpack_pack_fix_uint32(&peer.packer, 7);
    msgpack_pack_fix_uint64(&peer.packer, 7);
    msgpack_pack_fix_int8(&peer.packer, 7);
    msgpack_pack_fix_int64(&peer.packer, -7);
    char text[64];
    (void)mproc_value_repr(peer_send(&peer), text, sizeof text);
    CHECK_EQ_STR(text, "[7, 7, 7, 7, 7, -7]");
    peer_end(&peer);
}

static void check_text_of(size_t size) {
    char *text = malloc(size + 1);
    const char *arrived = NULL;
    const void *data = NULL;
    size_t arrived_size = 0;
    peer_t peer;
    REQUIRE(text != NULL);
    memset(text, 'x', size);
    peer_begin(&peer);
    msgpack_pack_array(&peer.packer, 2);
    msgpack_pack_str(&peer.packer, size);
    msgpack_pack_str_body(&peer.packer, text, size);
    msgpack_pack_bin(&peer.packer, size);
    msgpack_pack_bin_body(&peer.packer, text, size);
    const mproc_value_t *list = peer_send(&peer);
    CHECK_OK(mproc_value_as_string(mproc_value_at(list, 0), &arrived, &arrived_size));
    CHECK(arrived_size == size && memcmp(arrived, text, size) == 0 && arrived[size] == '\0');
    CHECK_OK(mproc_value_as_bytes(mproc_value_at(list, 1), &data, &arrived_size));
    CHECK(arrived_size == size && memcmp(data, text, size) == 0);
    peer_end(&peer);
    free(text);
}

TEST(peer, strings_and_bytes_of_every_length_form_arrive) {
    static const size_t sizes[] = {0, 1, 31, 32, 255, 256, 65535, 65536, 70000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        check_text_of(sizes[i]);
}

static void check_containers_of(size_t count) {
    peer_t peer;
    peer_begin(&peer);
    msgpack_pack_array(&peer.packer, 2);
    msgpack_pack_array(&peer.packer, count);
    for (size_t i = 0; i < count; i++)
        msgpack_pack_uint64(&peer.packer, i);
    msgpack_pack_map(&peer.packer, count);
    for (size_t i = 0; i < count; i++) {
        msgpack_pack_uint64(&peer.packer, i);
        msgpack_pack_int64(&peer.packer, -(int64_t)i);
    }
    const mproc_value_t *both = peer_send(&peer);
    const mproc_value_t *list = mproc_value_at(both, 0);
    const mproc_value_t *map = mproc_value_at(both, 1);
    bool right = mproc_value_count(list) == count && mproc_value_count(map) == count;
    for (size_t i = 0; right && i < count; i++) {
        int64_t item = 0, key = 0, value = 0;
        right = mproc_value_as_int(mproc_value_at(list, i), &item) == MPROC_OK && item == (int64_t)i &&
                mproc_value_as_int(mproc_value_key(map, i), &key) == MPROC_OK && key == (int64_t)i &&
                mproc_value_as_int(mproc_value_at(map, i), &value) == MPROC_OK && value == -(int64_t)i;
    }
    test_assert(right, TEST_HERE, false, "a list and a map of %zu arrive", count);
    peer_end(&peer);
}

TEST(peer, lists_and_maps_of_every_length_form_arrive) {
    static const size_t counts[] = {0, 1, 15, 16, 255, 65535, 65536, 70000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        check_containers_of(counts[i]);
}

TEST(peer, floats_of_both_widths_arrive) {
    static const float singles[] = {0.0f, -1.5f, FLT_MAX, FLT_MIN, 1e-40f};
    peer_t peer;
    peer_begin(&peer);
    msgpack_pack_array(&peer.packer, 6);
    for (size_t i = 0; i < 5; i++)
        msgpack_pack_float(&peer.packer, singles[i]);
    msgpack_pack_double(&peer.packer, DBL_MAX);
    const mproc_value_t *list = peer_send(&peer);
    double number = 0;
    for (size_t i = 0; i < 5; i++) {
        CHECK_OK(mproc_value_as_double(mproc_value_at(list, i), &number));
        CHECK(number == (double)singles[i]);
    }
    CHECK_OK(mproc_value_as_double(mproc_value_at(list, 5), &number));
    CHECK(number == DBL_MAX);
    peer_end(&peer);
}

TEST(peer, extension_types_are_refused_whatever_their_size) {
    static const size_t sizes[] = {1, 2, 3, 4, 8, 16, 17, 255, 256, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *body = calloc(1, sizes[i]);
        peer_t peer;
        REQUIRE(body != NULL);
        peer_begin(&peer);
        msgpack_pack_array(&peer.packer, 1);
        msgpack_pack_ext(&peer.packer, sizes[i], 5);
        msgpack_pack_ext_body(&peer.packer, body, sizes[i]);
        CHECK_ERR(mproc_tree_decode(peer.bytes.data, peer.bytes.size, NULL, &peer.tree), MPROC_EMALFORMED);
        CHECK_HAS_STR(mproc_last_error()->message, "an extension type, which has no counterpart here, at byte 1");
        peer_end(&peer);
        free(body);
    }
}

/* Two readers of one format: whatever both accept, both see alike; what we refuse for its form, the peer refuses too,
 * except for extensions, invalid UTF-8 and bytes behind the value, about which it does not care. */
TEST(peer, both_readers_agree_on_random_bytes) {
    uint64_t state = 7;
    mproc_tree_t *tree = NULL;
    int64_t rounds = 200000 / test_time_scale();
    unsigned compared = 0;
    for (int i = 0; i < rounds; i++) {
        unsigned char bytes[16];
        uint64_t numbers[2] = {test_random(&state), test_random(&state)};
        size_t size = 1 + test_random(&state) % sizeof bytes;
        memcpy(bytes, numbers, sizeof bytes);
        if (mproc_tree_decode(bytes, size, NULL, &tree) != MPROC_OK)
            continue;
        char ours[128], theirs[128];
        msgpack_unpacked result;
        size_t offset = 0;
        msgpack_unpacked_init(&result);
        CHECK_EQ_INT(msgpack_unpack_next(&result, (const char *)bytes, size, &offset), MSGPACK_UNPACK_SUCCESS);
        CHECK_EQ_UINT(offset, size);
        /* The object of the peer is printed by our printer, which does not know its type of 32-bit floats. */
        if (memchr(bytes, 0xca, size) == NULL) {
            const mproc_value_t other = {result.data};
            (void)mproc_value_repr(mproc_tree_root(tree), ours, sizeof ours);
            (void)mproc_value_repr(&other, theirs, sizeof theirs);
            CHECK_EQ_STR(ours, theirs);
            compared++;
        }
        msgpack_unpacked_destroy(&result);
    }
    CHECK(compared > 100);
    mproc_tree_destroy(tree);
}
