/* SPDX-License-Identifier: Apache-2.0 */
/* What a pool does without its lock, so that nobody else has to wait for it: decoding values, however large. */
#include "memory.h"
#include "test.h"
#include "threads.h"

#include <mproc/mproc.h>
#include <stdatomic.h>
#include <string.h>

enum { PATIENCE_MS = 5000 };

/* Item 0 gives a small value, item 1 one for which no earlier memory suffices. */
MPROC_TASK(locks_value) {
    static char text[100000];
    const void *input = NULL;
    size_t size = 0;
    int64_t item = 0;
    mproc_call_input(call, &input, &size);
    memcpy(&item, input, sizeof item);
    memset(text, 'x', sizeof text - 1);
    return item == 0 ? mproc_call_return(call, INT64_C(1)) : mproc_call_return(call, (const char *)text);
}

static mproc_pool_t *pool;
static atomic_bool decoding, answered, ending;

/* Asks the pool for something that needs its lock, as soon as somebody decodes. */
static void ask(void *context) {
    mproc_pool_stats_t stats;
    (void)context;
    while (!atomic_load(&decoding) && !atomic_load(&ending))
        test_sleep_ms(1);
    CHECK_OK(mproc_pool_stats(pool, &stats));
    atomic_store(&answered, true);
}

static void wait_for_answer(void) {
    atomic_store(&decoding, true);
    for (int i = 0; i < PATIENCE_MS && !atomic_load(&answered); i++)
        test_sleep_ms(1);
    atomic_store(&ending, atomic_load(&answered));
}

static void open_pool(mproc_thread_t **out_thread) {
    mproc_pool_options_t options = {.processes = MPROC_INLINE};
    atomic_store(&decoding, false);
    atomic_store(&answered, false);
    atomic_store(&ending, false);
    REQUIRE_OK(mproc_pool_create(&options, &pool));
    REQUIRE_OK(mproc_thread_create(ask, NULL, 0, out_thread));
}

/* ending is set by then exactly when the other thread had its answer while this one was decoding. */
static void close_pool(mproc_thread_t *thread) {
    mproc_memory_fail_at(0);
    CHECK(atomic_exchange(&ending, true));
    mproc_thread_join(&thread);
    mproc_pool_destroy(pool);
}

static void check_large(const mproc_value_t *value) {
    const char *text = NULL;
    size_t size = 0;
    CHECK_OK(mproc_value_as_string(value, &text, &size));
    CHECK_EQ_UINT(size, 99999);
}

static const int64_t items[2] = {0, 1};

TEST(pool_locks, an_item_of_a_map_is_decoded_without_the_lock) {
    mproc_thread_t *thread = NULL;
    mproc_result_t *result = NULL;
    mproc_item_t item;
    open_pool(&thread);
    REQUIRE_OK(mproc_pool_map_async(pool, &locks_value, MPROC_ARRAY(items, 2), MPROC_KEEP, NULL, &result));
    mproc_memory_call_at(1, wait_for_answer);
    REQUIRE_OK(mproc_result_item(result, 1, &item));
    check_large(item.value);
    const mproc_value_t *first = item.value;
    REQUIRE_OK(mproc_result_item(result, 1, &item));
    CHECK(item.value == first);
    close_pool(thread);
    mproc_result_release(result);
}

TEST(pool_locks, an_item_of_an_iterator_is_decoded_without_the_lock) {
    mproc_thread_t *thread = NULL;
    mproc_iter_t *iter = NULL;
    mproc_item_t item;
    open_pool(&thread);
    REQUIRE_OK(mproc_pool_imap(pool, &locks_value, MPROC_ARRAY(items, 2), NULL, &iter));
    REQUIRE_OK(mproc_iter_next(iter, -1, &item));
    mproc_memory_call_at(1, wait_for_answer);
    REQUIRE_OK(mproc_iter_next(iter, -1, &item));
    check_large(item.value);
    mproc_iter_destroy(iter);
    close_pool(thread);
}

/* Two threads may decode one item at a time: both get the same value. */
static mproc_result_t *shared;
static const mproc_value_t *seen;

static void read_too(void) {
    mproc_item_t item;
    CHECK_OK(mproc_result_item(shared, 1, &item));
    seen = item.value;
}

TEST(pool_locks, who_decodes_an_item_second_gets_the_first_ones_value) {
    mproc_pool_options_t options = {.processes = MPROC_INLINE};
    mproc_item_t item;
    REQUIRE_OK(mproc_pool_create(&options, &pool));
    REQUIRE_OK(mproc_pool_map_async(pool, &locks_value, MPROC_ARRAY(items, 2), MPROC_KEEP, NULL, &shared));
    mproc_memory_call_at(1, read_too);
    REQUIRE_OK(mproc_result_item(shared, 1, &item));
    CHECK(item.value != NULL && item.value == seen);
    mproc_result_release(shared);
    mproc_pool_destroy(pool);
}
