/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks through the backend of local workers: arrays with plain output, item by item and by the whole chunk, and an
 * item that fails in the beginning, the middle and the end. Records are local_records.c. */
#include <stdlib.h>
#include <string.h>

#include "local_support.h"

/* ---- tasks ------------------------------------------------------------------------------------------------------------------- */

/* Its square as raw bytes; a negative number fails. */
MPROC_TASK(chunk_square) {
    int64_t number = call_number(call);
    void *place = NULL;
    if (number < 0)
        return mproc_call_fail(call, (int)-number, "no square of %d", (int)number);
    int err = mproc_call_reserve(call, sizeof number, &place);
    if (err == MPROC_OK) {
        number *= number;
        memcpy(place, &number, sizeof number);
    }
    return err;
}

MPROC_TASK(chunk_square_all) {
    const void *input = NULL;
    void *output = NULL;
    size_t count = 0;
    int err = mproc_call_chunk(call, &input, &output, &count);
    if (err != MPROC_OK)
        return err;
    if (output == NULL)
        return mproc_call_fail(call, 5, "%zu items and no output", count);
    const int64_t *from = input;
    int64_t *to = output;
    for (size_t i = 0; i < count; i++) {
        if (from[i] < 0)
            return mproc_call_fail(call, 6, "number %zu of %zu is negative", i, count);
        to[i] = from[i] * from[i];
    }
    return MPROC_OK;
}

/* Takes the rest of the chunk as a whole at its third item. */
MPROC_TASK(chunk_square_later) {
    const void *input = NULL;
    void *output = NULL;
    size_t count = 1;
    int64_t number = call_number(call);
    if (mproc_call_item(call) < 1002) {
        int err = mproc_call_reserve(call, sizeof number, &output);
        if (err != MPROC_OK)
            return err;
        input = &number;
    } else {
        int err = mproc_call_chunk(call, &input, &output, &count);
        if (err != MPROC_OK)
            return err;
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(&number, (const char *)input + i * sizeof number, sizeof number);
        number *= number;
        memcpy((char *)output + i * sizeof number, &number, sizeof number);
    }
    return MPROC_OK;
}

MPROC_TASK(chunk_value) {
    return mproc_call_return(call, INT64_C(1));
}

MPROC_TASK(chunk_wrong_size) {
    void *place = NULL;
    return mproc_call_reserve(call, 3, &place);
}

/* Its square, each time on another way to its place. */
MPROC_TASK(chunk_square_devious) {
    int64_t number = call_number(call);
    int64_t square = number * number;
    size_t sizes[2] = {sizeof square, sizeof square};
    void *place = NULL;
    if (number % 6 == 1)
        sizes[0] = 3;
    else if (number % 6 == 2)
        sizes[1] = 64;
    else if (number % 6 == 3)
        (void)mproc_call_args(call, "x", &number); /* fails, and says so in the call */
    else if (number % 6 == 4)
        (void)mproc_call_return(call, number);
    else if (number % 6 == 5)
        (void)mproc_pool_close(NULL); /* fails, in this thread alone */
    for (size_t i = number % 6 == 0; i < 2; i++) {
        int err = mproc_call_reserve(call, sizes[i], &place);
        if (err != MPROC_OK)
            return err;
        memset(place, 0xff, sizes[i]);
    }
    memcpy(place, &square, sizeof square);
    return mproc_call_truncate(call, sizeof square);
}

/* Its square, after another result that it thought better of, and nothing behind that; a negative number fails. */
MPROC_TASK(chunk_square_second_thoughts) {
    int64_t number = call_number(call);
    int64_t square = number * number;
    void *place = NULL;
    if (number < 0)
        return mproc_call_fail(call, 5, "negative");
    int err = number % 2 == 0 ? mproc_call_reserve(call, 3, &place) : mproc_call_return(call, true);
    if (err == MPROC_OK && place != NULL)
        memset(place, 0xff, 3);
    if (err == MPROC_OK)
        err = mproc_call_reserve(call, sizeof square, &place);
    if (err == MPROC_OK)
        memcpy(place, &square, sizeof square);
    return err;
}

/* The second item returns the code that a function gave the first one, which went on nevertheless. */
MPROC_TASK(chunk_borrow_code) {
    int64_t number = call_number(call);
    void *place = NULL;
    if (number == 2)
        return MPROC_EINVAL;
    int err = mproc_call_reserve(call, sizeof number, &place);
    if (mproc_call_item(call) == 0)
        return mproc_call_chunk(call, NULL, NULL, NULL) == MPROC_EINVAL ? err : MPROC_ETYPE;
    return mproc_pool_close(NULL) == MPROC_EINVAL ? err : MPROC_ETYPE;
}

/* Makes its result once, and no other. */
MPROC_TASK(chunk_first_only) {
    void *place = NULL;
    return mproc_call_item(call) == 0 ? mproc_call_reserve(call, sizeof(int64_t), &place) : MPROC_OK;
}

/* Takes all items and a result of its own: each is the number of calls so far. */
MPROC_TASK(chunk_count_calls) {
    static int64_t calls;
    const void *input = NULL;
    void *place = NULL;
    void *output = NULL;
    size_t count = 0;
    calls++;
    int err = mproc_call_chunk(call, &input, &output, &count);
    for (size_t i = 0; i < count && output != NULL; i++)
        memcpy((int64_t *)output + i, &calls, sizeof calls);
    return err == MPROC_OK ? mproc_call_reserve(call, sizeof calls, &place) : err;
}

/* ---- helpers -------------------------------------------------------------------------------------------------------------------- */

enum { COUNT = 100 };

static void number_items(int64_t *items, int64_t *results, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        items[i] = (int64_t)i + 1;
        results[i] = -1;
    }
}

static void check_squares(const int64_t *items, const int64_t *results, uint32_t count, uint32_t good) {
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < count; i++)
        wrong += results[i] != (i < good ? items[i] * items[i] : -1);
    CHECK_EQ_UINT(wrong, 0);
}

/* ---- plain output ---------------------------------------------------------------------------------------------------------------- */

static void check_plain(const mproc_task_t *task, uint32_t count) {
    rig_t rig;
    int64_t *items = calloc(count, sizeof *items), *results = calloc(count, sizeof *results);
    REQUIRE(items != NULL && results != NULL);
    number_items(items, results, count);
    rig_start(&rig, 1);
    job_t job = job_array(task, items, count, sizeof *items, results, sizeof *results);
    job_run(&rig, 0, &job);
    CHECK_EQ_STR(job.report.error.message, "");
    CHECK_EQ_UINT(job.succeeded, count);
    CHECK_EQ_UINT(job.size, 0);
    CHECK(job.run_ns > 0);
    check_squares(items, results, count, count);
    job_free(&job);
    rig_close(&rig);
    free(items);
    free(results);
}

TEST(local_chunks, an_array_of_one) {
    check_plain(&chunk_square, 1);
    check_plain(&chunk_square_all, 1);
}

TEST(local_chunks, an_array_in_the_arena) {
    check_plain(&chunk_square, COUNT);
    check_plain(&chunk_square_all, COUNT);
}

TEST(local_chunks, an_array_in_a_segment) {
    check_plain(&chunk_square, 50000);
    check_plain(&chunk_square_all, 1000000);
}

TEST(local_chunks, a_task_takes_the_rest_of_a_chunk) {
    rig_t rig;
    int64_t items[COUNT], results[COUNT];
    number_items(items, results, COUNT);
    rig_start(&rig, 1);
    job_t job = job_array(&chunk_square_later, items, COUNT, sizeof *items, results, sizeof *results);
    job.work.first = 1000;
    job_run(&rig, 0, &job);
    CHECK_EQ_STR(job.report.error.message, "");
    check_squares(items, results, COUNT, COUNT);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_chunks, every_way_to_a_result_ends_in_its_place) {
    check_plain(&chunk_square_devious, COUNT);
}

TEST(local_chunks, what_an_item_thinks_better_of_is_not_in_the_place_of_the_one_before) {
    rig_t rig;
    int64_t items[2] = {4, -1}, results[2] = {0};
    check_plain(&chunk_square_second_thoughts, COUNT);
    rig_start(&rig, 1);
    job_t job = job_array(&chunk_square_second_thoughts, items, 2, sizeof *items, results, sizeof *results);
    job_run(&rig, 0, &job);
    CHECK_EQ_UINT(job.succeeded, 1);
    CHECK_EQ_INT(job.report.error.task_code, 5);
    CHECK_EQ_INT(results[0], 16);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_chunks, a_failure_that_an_item_got_over_is_not_the_next_ones) {
    rig_t rig;
    int64_t items[2] = {1, 2}, results[2];
    rig_start(&rig, 1);
    for (int64_t first = 0; first < 2; first++) {
        job_t job = job_array(&chunk_borrow_code, items, 2, sizeof *items, results, sizeof *results);
        job.work.first = first;
        job_run(&rig, 0, &job);
        CHECK_EQ_UINT(job.succeeded, 1);
        CHECK_EQ_UINT(job.failed, 1);
        CHECK_EQ_INT(job.report.error.code, MPROC_ETASK);
        CHECK_EQ_INT(job.report.error.task_code, MPROC_EINVAL);
        CHECK(strchr(job.report.error.message, ':') == NULL);
        job_free(&job);
    }
    rig_close(&rig);
}

TEST(local_chunks, an_item_without_a_result_does_not_get_the_one_before_it) {
    rig_t rig;
    int64_t items[3] = {1, 2, 3}, results[3];
    rig_start(&rig, 1);
    job_t job = job_array(&chunk_first_only, items, 3, sizeof *items, results, sizeof *results);
    job_run(&rig, 0, &job);
    CHECK_EQ_UINT(job.succeeded, 1);
    CHECK_EQ_UINT(job.failed, 1);
    CHECK_EQ_INT(job.report.error.code, MPROC_ETYPE);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_chunks, a_chunk_taken_whole_is_done_even_with_a_reservation) {
    rig_t rig;
    int64_t items[COUNT], results[COUNT];
    number_items(items, results, COUNT);
    rig_start(&rig, 1);
    job_t job = job_array(&chunk_count_calls, items, COUNT, sizeof *items, results, sizeof *results);
    job_run(&rig, 0, &job);
    CHECK_EQ_UINT(job.succeeded, COUNT);
    CHECK_EQ_INT(results[0], 1);
    CHECK_EQ_INT(results[COUNT - 1], 1);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_chunks, with_times_kept_every_item_is_the_running_one_once) {
    rig_t rig;
    int64_t items[COUNT], results[COUNT];
    number_items(items, results, COUNT);
    rig_start(&rig, 1);
    job_t job = job_array(&chunk_square_devious, items, COUNT, sizeof *items, results, sizeof *results);
    job.work.watch = true;
    job_run(&rig, 0, &job);
    CHECK_EQ_INT(job.started, 1);
    CHECK_EQ_UINT(job.succeeded, COUNT);
    check_squares(items, results, COUNT, COUNT);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_chunks, a_failed_item_of_plain_output_stops_its_chunk_there) {
    static const uint32_t places[] = {0, 1, COUNT / 2, COUNT - 1};
    rig_t rig;
    int64_t items[COUNT], results[COUNT];
    rig_start(&rig, 1);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        number_items(items, results, COUNT);
        items[places[i]] = -70;
        job_t job = job_array(&chunk_square, items, COUNT, sizeof *items, results, sizeof *results);
        job.work.first = 500;
        job_run(&rig, 0, &job);
        CHECK_EQ_UINT(job.succeeded, places[i]);
        CHECK_EQ_UINT(job.failed, 1);
        CHECK_EQ_INT(job.report.error.task_code, 70);
        CHECK_EQ_INT(job.report.error.item, 500 + (int64_t)places[i]);
        CHECK_EQ_STR(job.report.error.task, "chunk_square");
        check_squares(items, results, COUNT, places[i]);
        job_free(&job);
    }
    rig_close(&rig);
}

TEST(local_chunks, a_chunk_taken_whole_fails_whole) {
    rig_t rig;
    int64_t items[COUNT], results[COUNT];
    number_items(items, results, COUNT);
    items[50] = -1;
    rig_start(&rig, 1);
    job_t job = job_array(&chunk_square_all, items, COUNT, sizeof *items, results, sizeof *results);
    job_run(&rig, 0, &job);
    CHECK_EQ_UINT(job.succeeded, 0);
    CHECK_EQ_UINT(job.failed, COUNT);
    CHECK_HAS_STR(job.report.error.message, "number 50 of 100");
    check_squares(items, results, COUNT, 0);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_chunks, a_result_of_another_size_is_a_wrong_type) {
    rig_t rig;
    int64_t items[3] = {1, 2, 3}, results[3] = {-1, -1, -1};
    rig_start(&rig, 1);
    job_t wrong = job_array(&chunk_wrong_size, items, 3, sizeof *items, results, sizeof *results);
    job_t value = job_array(&chunk_value, items, 3, sizeof *items, results, sizeof *results);
    job_run(&rig, 0, &wrong);
    job_run(&rig, 0, &value);
    CHECK_EQ_INT(wrong.report.error.code, MPROC_ETYPE);
    CHECK_EQ_INT(value.report.error.code, MPROC_ETYPE);
    CHECK_EQ_UINT(wrong.succeeded + value.succeeded, 0);
    CHECK_EQ_INT(results[0], -1);
    job_free(&wrong);
    job_free(&value);
    rig_close(&rig);
}

TEST(local_chunks, without_output_a_chunk_is_taken_item_by_item) {
    rig_t rig;
    int64_t items[3] = {1, 2, 3};
    rig_start(&rig, 1);
    job_t job = job_array(&chunk_square_all, items, 3, sizeof *items, NULL, 0);
    job_run(&rig, 0, &job);
    CHECK_HAS_STR(job.report.error.message, "1 items and no output");
    job_free(&job);
    rig_close(&rig);
}
