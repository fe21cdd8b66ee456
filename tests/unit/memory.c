/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and growing buffers: counting, failing where asked, never losing what was there. */
#include "memory.h"

#include <stdint.h>
#include <string.h>

#include "buffer.h"
#include "test.h"

TEST(memory, live_blocks_are_counted) {
    size_t before = mproc_memory_live();
    void *first = mproc_alloc(10);
    void *second = mproc_alloc_zero(3, 8);
    char *third = mproc_strdup("text");
    REQUIRE(first != NULL && second != NULL && third != NULL);
    CHECK_EQ_UINT(mproc_memory_live(), before + 3);
    CHECK_EQ_STR(third, "text");
    first = mproc_realloc(first, 1000);
    CHECK_EQ_UINT(mproc_memory_live(), before + 3);
    mproc_free(first);
    mproc_free(second);
    mproc_free(third);
    mproc_free(NULL);
    CHECK_EQ_UINT(mproc_memory_live(), before);
}

TEST(memory, nothing_is_still_a_block) {
    void *block = mproc_alloc(0);
    CHECK(block != NULL);
    block = mproc_realloc(block, 0);
    CHECK(block != NULL);
    mproc_free(block);
    block = mproc_alloc_zero(0, 0);
    CHECK(block != NULL);
    mproc_free(block);
}

TEST(memory, zeroed_blocks_are_zero_and_products_do_not_wrap) {
    static const unsigned char zeros[4096];
    void *block = mproc_alloc_zero(64, 64);
    REQUIRE(block != NULL);
    CHECK_EQ_MEM(block, zeros, sizeof zeros);
    mproc_free(block);
    volatile size_t much = SIZE_MAX / 2; /* hidden from the compiler, which warns of such sizes */
    CHECK(mproc_alloc_zero(much, 4) == NULL);
}

TEST(memory, the_nth_request_fails_and_no_other) {
    mproc_memory_fail_at(3);
    void *first = mproc_alloc(1);
    void *second = mproc_alloc(1);
    CHECK_EQ_UINT(mproc_memory_pending(), 1);
    CHECK(mproc_alloc(1) == NULL);
    CHECK_EQ_UINT(mproc_memory_pending(), 0);
    void *fourth = mproc_alloc(1);
    CHECK(first != NULL && second != NULL && fourth != NULL);
    mproc_memory_fail_at(1);
    CHECK(mproc_realloc(first, 100) == NULL);
    mproc_memory_fail_at(1);
    CHECK(mproc_alloc_zero(1, 1) == NULL);
    mproc_memory_fail_at(1);
    CHECK(mproc_strdup("x") == NULL);
    mproc_free(first);
    mproc_free(second);
    mproc_free(fourth);
}

TEST(buffer, grows_and_keeps_its_content) {
    mproc_buffer_t buffer;
    mproc_buffer_init(&buffer, NULL);
    for (unsigned i = 0; i < 100000; i++)
        REQUIRE(mproc_buffer_append(&buffer, &i, sizeof i));
    CHECK_EQ_UINT(buffer.size, 100000 * sizeof(unsigned));
    bool same = true;
    for (unsigned i = 0; i < 100000; i++)
        same = same && memcmp(buffer.data + i * sizeof i, &i, sizeof i) == 0;
    CHECK(same);
    mproc_buffer_fini(&buffer);
    CHECK(buffer.data == NULL);
}

TEST(buffer, clear_keeps_the_room) {
    mproc_buffer_t buffer;
    mproc_buffer_init(&buffer, NULL);
    CHECK(mproc_buffer_append(&buffer, NULL, 0));
    REQUIRE(mproc_buffer_extend(&buffer, 5000) != NULL);
    void *room = buffer.data;
    mproc_buffer_clear(&buffer);
    CHECK_EQ_UINT(buffer.size, 0);
    CHECK(mproc_buffer_extend(&buffer, 5000) == room);
    mproc_buffer_fini(&buffer);
}

TEST(buffer, no_memory_is_remembered) {
    size_t live = mproc_memory_live();
    mproc_buffer_t buffer;
    mproc_buffer_init(&buffer, NULL);
    CHECK(mproc_buffer_append(&buffer, "ab", 2));
    mproc_memory_fail_at(1);
    CHECK(mproc_buffer_extend(&buffer, 1000) == NULL);
    CHECK(buffer.failed);
    CHECK(!mproc_buffer_append(&buffer, "c", 1));
    CHECK(!mproc_buffer_append(&buffer, NULL, 0));
    CHECK_EQ_MEM(buffer.data, "ab", 2);
    size_t size = 1;
    CHECK(mproc_buffer_take(&buffer, &size) == NULL);
    CHECK_EQ_UINT(size, 0);
    CHECK_EQ_UINT(mproc_memory_live(), live);
}

TEST(buffer, sizes_that_cannot_be_fail) {
    mproc_buffer_t buffer;
    mproc_buffer_init(&buffer, NULL);
    CHECK(mproc_buffer_append(&buffer, "x", 1));
    CHECK(mproc_buffer_extend(&buffer, SIZE_MAX) == NULL);
    mproc_buffer_clear(&buffer);
    CHECK(mproc_buffer_append(&buffer, "x", 1));
    CHECK(mproc_buffer_extend(&buffer, SIZE_MAX - 1) == NULL);
    mproc_buffer_fini(&buffer);
}

TEST(buffer, take_hands_over_the_block) {
    mproc_buffer_t buffer;
    size_t size;
    mproc_buffer_init(&buffer, NULL);
    CHECK(mproc_buffer_append(&buffer, "abc", 3));
    char *block = mproc_buffer_take(&buffer, &size);
    REQUIRE(block != NULL);
    CHECK_EQ_UINT(size, 3);
    CHECK_EQ_MEM(block, "abc", 3);
    CHECK(buffer.data == NULL);
    mproc_free(block);
}

/* Two rooms of someone else's memory, the second when the first is full. */
typedef struct rooms {
    unsigned char first[32];
    unsigned char second[128];
    int requests;
} rooms_t;

static void *grow_rooms(void *context, void *data, size_t used, size_t *capacity) {
    rooms_t *rooms = context;
    rooms->requests++;
    void *room = data == NULL && *capacity <= sizeof rooms->first ? rooms->first : rooms->second;
    size_t size = room == rooms->first ? sizeof rooms->first : sizeof rooms->second;
    if (*capacity > size)
        return NULL;
    if (used > 0 && data != NULL)
        memcpy(room, data, used);
    *capacity = size;
    return room;
}

TEST(buffer, writes_where_its_source_says) {
    rooms_t rooms = {{0}, {0}, 0};
    mproc_buffer_source_t source = {grow_rooms, &rooms};
    size_t live = mproc_memory_live();
    mproc_buffer_t buffer;
    mproc_buffer_init(&buffer, &source);
    for (unsigned char i = 0; i < 128; i++)
        REQUIRE(mproc_buffer_append(&buffer, &i, 1));
    CHECK(buffer.data == rooms.second);
    CHECK_EQ_INT(buffer.data[0], 0);
    CHECK_EQ_INT(buffer.data[127], 127);
    CHECK(!mproc_buffer_append(&buffer, "x", 1));
    CHECK(buffer.failed);
    CHECK_EQ_UINT(mproc_memory_live(), live);
    mproc_buffer_fini(&buffer);
    CHECK(buffer.source == &source);
}
