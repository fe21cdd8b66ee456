/* SPDX-License-Identifier: Apache-2.0 */
/* Single calls through the backend of local workers: arguments, raw input, every kind of outcome, every size. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "local_support.h"
#include "memory.h"

/* ---- tasks ------------------------------------------------------------------------------------------------------------------- */

MPROC_TASK(local_nothing) {
    return MPROC_OK;
}

MPROC_TASK(local_add) {
    int64_t a = 0, b = 0;
    int err = mproc_call_args(call, "xx", &a, &b);
    return err != MPROC_OK ? err : mproc_call_return(call, a + b);
}

/* A raw result of the size that the argument says, each byte from its place and a seed. */
MPROC_TASK(local_fill) {
    int64_t size = 0, seed = 0;
    void *data = NULL;
    int err = mproc_call_args(call, "xx", &size, &seed);
    if (err == MPROC_OK)
        err = mproc_call_reserve(call, (size_t)size, &data);
    for (int64_t i = 0; err == MPROC_OK && i < size; i++)
        ((unsigned char *)data)[i] = (unsigned char)(i * 7 + seed);
    return err;
}

/* The raw input, once more. */
MPROC_TASK(local_echo) {
    const void *input = NULL;
    size_t size = 0;
    void *data = NULL;
    mproc_call_input(call, &input, &size);
    int err = mproc_call_reserve(call, size, &data);
    if (err == MPROC_OK && size > 0)
        memcpy(data, input, size);
    return err;
}

MPROC_TASK(local_cut) {
    int64_t reserved = 0, kept = 0;
    void *data = NULL;
    int err = mproc_call_args(call, "xx", &reserved, &kept);
    if (err == MPROC_OK)
        err = mproc_call_reserve(call, (size_t)reserved, &data);
    if (err == MPROC_OK) {
        memset(data, 'k', (size_t)kept);
        err = mproc_call_truncate(call, (size_t)kept);
    }
    return err;
}

/* A text of so many bytes: it grows from place to place while it is encoded. */
MPROC_TASK(local_text) {
    int64_t size = 0;
    int err = mproc_call_args(call, "x", &size);
    char *text = err == MPROC_OK ? malloc((size_t)size + 1) : NULL;
    if (text == NULL)
        return err;
    memset(text, 't', (size_t)size);
    text[size] = '\0';
    err = mproc_call_return(call, (const char *)text);
    free(text);
    return err;
}

MPROC_TASK(local_fail) {
    const char *text = NULL;
    int err = mproc_call_args(call, "s", &text);
    return err != MPROC_OK ? err : mproc_call_fail(call, 42, "%s", text);
}

MPROC_TASK(local_fail_late) {
    void *data = NULL;
    int err = mproc_call_reserve(call, 100000, &data);
    return err != MPROC_OK ? err : mproc_call_fail(call, 43, "after %d bytes", 100000);
}

MPROC_TASK(local_number) {
    return 17;
}

MPROC_TASK(local_worker) {
    return mproc_call_return(call, (int64_t)mproc_call_worker(call));
}

/* ---- tests --------------------------------------------------------------------------------------------------------------------- */

TEST(local_calls, a_task_without_a_result_gives_nothing) {
    rig_t rig;
    rig_start(&rig, 1);
    job_t job = job_call(&local_nothing, NULL, NULL, 0);
    job_run(&rig, 0, &job);
    CHECK_EQ_INT(job.succeeded, 1);
    CHECK_EQ_INT(job.outcome, MPROC_OUTCOME_NOTHING);
    CHECK_EQ_UINT(job.size, 0);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_calls, arguments_arrive_and_a_value_comes_back) {
    rig_t rig;
    rig_start(&rig, 2);
    for (int64_t i = 0; i < 50; i++) {
        job_t job = job_call(&local_add, MPROC_ARGS(i, INT64_C(1) << 40), NULL, 0);
        job_run(&rig, (int)(i % 2), &job);
        CHECK_EQ_INT(job_int(&job), i + (INT64_C(1) << 40));
        CHECK_EQ_INT(job.slot, i % 2);
        job_free(&job);
    }
    rig_close(&rig);
}

static void check_fill(rig_t *rig, int64_t size) {
    int64_t seed = size % 251;
    job_t job = job_call(&local_fill, MPROC_ARGS(size, seed), NULL, 0);
    job_run(rig, 0, &job);
    CHECK_EQ_STR(job.report.error.message, "");
    REQUIRE_EQ_UINT(job.size, (size_t)size);
    CHECK_EQ_INT(job.outcome, MPROC_OUTCOME_BYTES);
    CHECK_EQ_INT(job.held, size > (int64_t)MPROC_CHANNEL_SMALL);
    int64_t wrong = 0;
    for (int64_t i = 0; i < size; i++)
        wrong += job.data[i] != (unsigned char)(i * 7 + seed);
    CHECK_EQ_INT(wrong, 0);
    job_free(&job);
}

static void check_echo(rig_t *rig, size_t size) {
    unsigned char *input = malloc(size + 1);
    REQUIRE(input != NULL);
    for (size_t i = 0; i < size; i++)
        input[i] = (unsigned char)(i * 13 + size);
    job_t job = job_call(&local_echo, NULL, input, size);
    job_run(rig, 0, &job);
    CHECK_EQ_STR(job.report.error.message, "");
    REQUIRE_EQ_UINT(job.size, size);
    CHECK(size == 0 || memcmp(job.data, input, size) == 0);
    job_free(&job);
    free(input);
}

TEST(local_calls, raw_results_of_every_small_size) {
    rig_t rig;
    rig_start(&rig, 1);
    for (int64_t size = 0; size <= 80; size++)
        check_fill(&rig, size);
    rig_close(&rig);
}

TEST(local_calls, raw_input_of_every_small_size) {
    rig_t rig;
    rig_start(&rig, 1);
    for (size_t size = 0; size <= 80; size++)
        check_echo(&rig, size);
    rig_close(&rig);
}

static const size_t edges[] = {100,    1000,   4095,   4096,    4097,    16383,   16384,  16385,  16400,
                               20000,  32768,  32769,  65535,   65536,   65537,   100000, 262143, 262144,
                               262145, 300000, 524288, 1000000, 1048576, 1048577, 3000000};

TEST(local_calls, results_and_inputs_around_every_edge) {
    rig_t rig;
    rig_start(&rig, 1);
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        check_fill(&rig, (int64_t)edges[i]);
        check_echo(&rig, edges[i]);
    }
    rig_close(&rig);
}

TEST(local_calls, sixty_four_mebibytes_go_there_and_back) {
    rig_t rig;
    rig_start(&rig, 1);
    check_echo(&rig, (size_t)64 << 20);
    check_echo(&rig, ((size_t)64 << 20) - 17);
    rig_close(&rig);
}

/* Sizes go up and down, so that both arenas wrap around with every remainder. */
TEST(local_calls, arenas_wrap_around_with_all_sizes) {
    rig_t rig;
    rig_start(&rig, 1);
    uint64_t state = 12345;
    for (int i = 0; i < 3000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        check_echo(&rig, (size_t)(state >> 33) % 17000);
    }
    rig_close(&rig);
}

/* Reservations that end much smaller, and those that fail, give their room back: what follows stays in the arena. */
TEST(local_calls, room_that_is_not_used_comes_back) {
    rig_t rig;
    rig_start(&rig, 1);
    for (int64_t i = 0; i < 300; i++) {
        job_t cut = job_call(&local_cut, MPROC_ARGS(INT64_C(16000), i % 30), NULL, 0);
        job_t late = job_call(&local_fail_late, NULL, NULL, 0);
        job_run(&rig, 0, &cut);
        job_run(&rig, 0, &late);
        CHECK_EQ_UINT(cut.size, (size_t)(i % 30));
        CHECK_EQ_INT(late.report.error.task_code, 43);
        job_free(&cut);
        job_free(&late);
        check_fill(&rig, 1000);
    }
    rig_close(&rig);
}

/* A value that grows takes small room first and large room then. Large values are private copies. */
TEST(local_calls, values_of_every_size_are_whole) {
    rig_t rig;
    rig_start(&rig, 1);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
            job_t job = job_call(&local_text, MPROC_ARGS((int64_t)edges[i]), NULL, 0);
            job_run(&rig, 0, &job);
            CHECK_EQ_STR(job.report.error.message, "");
            REQUIRE(job.size > edges[i]);
            CHECK_EQ_INT(job.data[job.size - 1], 't');
            CHECK_EQ_INT(job.data[job.size - edges[i]], 't');
            job_free(&job);
        }
    }
    rig_close(&rig);
}

TEST(local_calls, a_failure_keeps_text_code_and_line) {
    rig_t rig;
    rig_start(&rig, 1);
    job_t job = job_call(&local_fail, MPROC_ARGS("the disk is full"), NULL, 0);
    job_run(&rig, 0, &job);
    CHECK_EQ_INT(job.succeeded, 0);
    CHECK_EQ_INT(job.failed, 1);
    CHECK_EQ_INT(job.report.error.code, MPROC_ETASK);
    CHECK_EQ_INT(job.report.error.task_code, 42);
    CHECK_HAS_STR(job.report.error.message, "the disk is full");
    CHECK_HAS_STR(job.report.error.file, "local_calls.c");
    CHECK_EQ_STR(job.report.error.task, "local_fail");
    CHECK_EQ_INT(job.report.error.pid, rig.pids[0]);
    CHECK_EQ_INT(job.report.error.item, 0);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_calls, a_long_failure_text_arrives) {
    enum { LENGTH = 60000 };
    char *text = malloc(LENGTH + 1);
    rig_t rig;
    REQUIRE(text != NULL);
    memset(text, 'w', LENGTH);
    text[LENGTH] = '\0';
    rig_start(&rig, 1);
    job_t job = job_call(&local_fail, MPROC_ARGS((const char *)text), NULL, 0);
    job_run(&rig, 0, &job);
    CHECK_EQ_INT(job.report.error.task_code, 42);
    CHECK_HAS_STR(job.report.error.message, "wwwwwwww");
    job_free(&job);
    rig_close(&rig);
    free(text);
}

TEST(local_calls, wrong_arguments_fail_the_task_and_not_the_worker) {
    rig_t rig;
    rig_start(&rig, 1);
    job_t wrong = job_call(&local_add, MPROC_ARGS("one"), NULL, 0);
    job_t number = job_call(&local_number, NULL, NULL, 0);
    job_run(&rig, 0, &wrong);
    job_run(&rig, 0, &number);
    CHECK_EQ_INT(wrong.report.error.code, MPROC_ETYPE);
    CHECK_EQ_INT(number.report.error.task_code, 17);
    job_free(&wrong);
    job_free(&number);
    CHECK_EQ_INT(rig.downs, 0);
    rig_close(&rig);
}

TEST(local_calls, a_task_that_the_workers_do_not_have_is_refused) {
    static mproc_task_t late = {"local_late", NULL, __FILE__, __LINE__, NULL, 0};
    rig_t rig;
    rig_start(&rig, 1);
    mproc_task_register(&late);
    job_t job = job_call(&late, NULL, NULL, 0);
    CHECK_ERR(rig.ops->submit(rig.backend, 0, &job.work), MPROC_ENOTASK);
    CHECK_EQ_STR(mproc_last_error()->message,
                 "Task 'local_late' was registered after mproc_init: the workers do not have it");
    job_free(&job);
    rig_close(&rig);
}

TEST(local_calls, a_full_ring_of_requests_comes_back_in_order) {
    enum { COUNT = MPROC_CHANNEL_SLOTS };
    static job_t jobs[COUNT];
    rig_t rig;
    rig_start(&rig, 1);
    for (int round = 0; round < 3; round++) {
        for (int64_t i = 0; i < COUNT; i++) {
            jobs[i] = job_call(&local_add, MPROC_ARGS(i, (int64_t)round), NULL, 0);
            REQUIRE_EQ_UINT(rig.ops->room(rig.backend, 0), (size_t)(COUNT - i));
            REQUIRE_OK(rig.ops->submit(rig.backend, 0, &jobs[i].work));
        }
        CHECK_EQ_UINT(rig.ops->room(rig.backend, 0), 0);
        rig_flush(&rig, 0, &jobs[COUNT - 1]);
        rig_until_all(&rig, jobs, COUNT);
        for (int64_t i = 0; i < COUNT; i++)
            CHECK_EQ_INT(job_int(&jobs[i]), i + round);
        jobs_free(jobs, COUNT);
    }
    rig_close(&rig);
}

/* More segments than a link holds: what cannot be sent now is given back, not lost and not an error. */
TEST(local_calls, many_large_payloads_at_once_all_get_through) {
    enum { COUNT = 300, SIZE = 20000 };
    static job_t jobs[COUNT];
    static unsigned char input[COUNT][SIZE];
    rig_t rig;
    rig_start(&rig, 1);
    for (int i = 0; i < COUNT; i++) {
        memset(input[i], i, SIZE);
        jobs[i] = job_call(&local_echo, NULL, input[i], SIZE);
    }
    int64_t end = test_now_ms() + 20000 * test_time_scale();
    for (int left = COUNT; left > 0 && test_now_ms() < end;) {
        left = 0;
        for (int i = 0; i < COUNT; i++) {
            left += jobs[i].finished == 0;
            /* As the core does: what came back is sent again. */
            if (jobs[i].finished == 0 && jobs[i].work.backend == NULL && rig.ops->room(rig.backend, 0) > 0)
                REQUIRE_OK(rig.ops->submit(rig.backend, 0, &jobs[i].work));
        }
        rig.ops->flush(rig.backend, 0);
        if (left > 0)
            rig_turn(&rig, 5);
    }
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ_INT(jobs[i].finished, 1);
        CHECK_EQ_STR(jobs[i].report.error.message, "");
        CHECK(jobs[i].size == SIZE && memcmp(jobs[i].data, input[i], SIZE) == 0);
    }
    jobs_free(jobs, COUNT);
    rig_close(&rig);
}

TEST(local_calls, each_worker_knows_its_number) {
    enum { WORKERS = 5 };
    rig_t rig;
    rig_start(&rig, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        job_t job = job_call(&local_worker, NULL, NULL, 0);
        job_run(&rig, i, &job);
        CHECK_EQ_INT(job_int(&job), i);
        job_free(&job);
    }
    rig_close(&rig);
}

TEST(local_calls, statistics_count_bytes) {
    rig_t rig;
    rig_start(&rig, 1);
    mproc_pool_stats_t stats = {0};
    check_echo(&rig, 1000);
    check_echo(&rig, 100000);
    rig.ops->stats(rig.backend, &stats);
    CHECK_EQ_UINT(stats.bytes_in, 101000);
    CHECK_EQ_UINT(stats.bytes_out, 101000);
    CHECK_EQ_INT(stats.workers, 1);
    CHECK_EQ_INT(stats.workers_idle, 1);
    CHECK(stats.shared_bytes >= 100000 + sizeof(mproc_channel_t));
    rig_close(&rig);
}
