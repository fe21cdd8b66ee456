/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks through the backend of local workers whose results are records: of arrays without output, and of argument lists. Plain
 * output is local_chunks.c. */
#include <stdlib.h>
#include <string.h>

#include "local_support.h"
#include "memory.h"
#include "value.h"

/* ---- tasks ------------------------------------------------------------------------------------------------------------------- */

/* Records of every kind: a value, raw bytes, nothing, by the number's remainder. */
MPROC_TASK(chunk_mixed) {
    int64_t number = call_number(call);
    void *place = NULL;
    if (number < 0)
        return mproc_call_fail(call, 9, "negative");
    if (number % 3 == 0)
        return mproc_call_return(call, number);
    if (number % 3 == 1)
        return MPROC_OK;
    int err = mproc_call_reserve(call, (size_t)number, &place);
    if (err == MPROC_OK)
        memset(place, (int)(number % 256), (size_t)number);
    return err;
}

MPROC_TASK(chunk_double) {
    int64_t number = 0;
    int err = mproc_call_args(call, "x", &number);
    if (err != MPROC_OK)
        return err;
    return number < 0 ? mproc_call_fail(call, 3, "negative") : mproc_call_return(call, 2 * number);
}

MPROC_TASK(chunk_item) {
    return mproc_call_return(call, mproc_call_item(call));
}

/* ---- helpers -------------------------------------------------------------------------------------------------------------------- */

static void number_items(int64_t *items, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        items[i] = (int64_t)i + 1;
}

static int64_t record_int(const job_t *job, uint32_t index) {
    const void *data = NULL;
    const mproc_record_t *record = job_record(job, index, &data);
    mproc_tree_t *tree = NULL;
    int64_t number = -1;
    REQUIRE_EQ_INT((int)record->outcome, MPROC_OUTCOME_VALUE);
    REQUIRE_OK(mproc_tree_decode(data, (size_t)record->size, NULL, &tree));
    CHECK_OK(mproc_value_as_int(mproc_tree_root(tree), &number));
    mproc_tree_destroy(tree);
    return number;
}

/* ---- records --------------------------------------------------------------------------------------------------------------------- */

static void check_mixed(const job_t *job, const int64_t *items, uint32_t good) {
    const unsigned char *at = job->data;
    for (uint32_t i = 0; i < good; i++) {
        const mproc_record_t *record = (const void *)at;
        const unsigned char *data = at + sizeof *record;
        int64_t number = items[i];
        static const uint32_t outcomes[] = {MPROC_OUTCOME_VALUE, MPROC_OUTCOME_NOTHING, MPROC_OUTCOME_BYTES};
        REQUIRE_EQ_UINT(record->outcome, outcomes[number % 3]);
        if (number % 3 == 2) {
            REQUIRE_EQ_UINT(record->size, (uint64_t)number);
            CHECK_EQ_INT(data[number - 1], number % 256);
        }
        at = data + ((record->size + 15) & ~(uint64_t)15);
    }
    CHECK(at == job->data + job->size);
}

static void check_records(uint32_t count, int rounds) {
    rig_t rig;
    int64_t *items = calloc(count, sizeof *items);
    REQUIRE(items != NULL);
    number_items(items, count);
    rig_start(&rig, 1);
    for (int round = 0; round < rounds; round++) {
        job_t job = job_array(&chunk_mixed, items, count, sizeof *items, NULL, 0);
        job_run(&rig, 0, &job);
        CHECK_EQ_STR(job.report.error.message, "");
        REQUIRE_EQ_UINT(job.succeeded, count);
        check_mixed(&job, items, count);
        job_free(&job);
    }
    rig_close(&rig);
    free(items);
}

TEST(local_chunks, records_of_every_outcome) {
    check_records(10, 3);
}

TEST(local_chunks, records_that_grow_from_the_arena_into_segments) {
    check_records(100, 20);
    check_records(300, 20);
    check_records(3000, 3);
}

TEST(local_chunks, a_failed_item_leaves_the_records_before_it) {
    static const uint32_t places[] = {0, 1, 150, 299};
    rig_t rig;
    int64_t items[300];
    rig_start(&rig, 1);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        number_items(items, 300);
        items[places[i]] = -1;
        job_t job = job_array(&chunk_mixed, items, 300, sizeof *items, NULL, 0);
        job_run(&rig, 0, &job);
        CHECK_EQ_UINT(job.succeeded, places[i]);
        CHECK_EQ_UINT(job.failed, 1);
        CHECK_EQ_INT(job.report.error.task_code, 9);
        CHECK_EQ_INT(job.report.error.item, (int64_t)places[i]);
        check_mixed(&job, items, places[i]);
        job_free(&job);
    }
    rig_close(&rig);
}

/* ---- lists ------------------------------------------------------------------------------------------------------------------------- */

static void check_lists(uint32_t count, int64_t bad) {
    rig_t rig;
    int64_t *numbers = calloc(count, sizeof *numbers);
    size_t size = 0;
    REQUIRE(numbers != NULL);
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = i == bad ? -1 : (int64_t)i * 100;
    void *lists = lists_of_ints(numbers, count, &size);
    rig_start(&rig, 1);
    job_t job = job_lists(&chunk_double, lists, size, count);
    job.work.first = 7;
    job_run(&rig, 0, &job);
    uint32_t good = bad < 0 ? count : (uint32_t)bad;
    CHECK_EQ_UINT(job.succeeded, good);
    CHECK_EQ_UINT(job.failed, bad >= 0);
    if (bad >= 0)
        CHECK_EQ_INT(job.report.error.item, 7 + bad);
    for (uint32_t i = 0; i < good; i += good / 10 + 1)
        CHECK_EQ_INT(record_int(&job, i), (int64_t)i * 200);
    job_free(&job);
    rig_close(&rig);
    mproc_free(lists);
    free(numbers);
}

TEST(local_chunks, argument_lists_give_a_record_each) {
    check_lists(1, -1);
    check_lists(100, -1);
    check_lists(20000, -1);
}

TEST(local_chunks, an_argument_list_that_fails_stops_its_chunk_there) {
    check_lists(100, 0);
    check_lists(100, 50);
    check_lists(100, 99);
}

TEST(local_chunks, items_know_their_index) {
    rig_t rig;
    int64_t items[5] = {0};
    rig_start(&rig, 1);
    job_t job = job_array(&chunk_item, items, 5, sizeof *items, NULL, 0);
    job.work.first = INT64_C(3000000000);
    job_run(&rig, 0, &job);
    for (uint32_t i = 0; i < 5; i++)
        CHECK_EQ_INT(record_int(&job, i), INT64_C(3000000000) + i);
    job_free(&job);
    rig_close(&rig);
}
