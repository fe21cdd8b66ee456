/* SPDX-License-Identifier: Apache-2.0 */
/* Every way for a worker to die, at every place of a call and of a chunk: what had been done is kept, the item it died in fails
 * with the right reason, the rest and the works behind it were not begun. */
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "local_support.h"
#include "memory.h"
#include "platform/platform.h"
#include "process_host.h"
#include "value.h"
#include "worker_host.h"

/* ---- ways to die ---------------------------------------------------------------------------------------------------------------- */

enum { LIVE = 0, EXIT_0, EXIT_7, ABORT, CRASH, KILLED, OVERFLOW_STACK, EXIT_AT_ONCE, WAYS };

static const char *const names[WAYS] = {"live",  "exit(0)", "exit(7)",        "abort",
                                        "crash", "killed",  "stack overflow", "_exit(0)"};

static volatile uintptr_t bad_address = 64;
static volatile int deeper = 1;

__attribute__((noinline)) static int recurse(volatile char *above) {
    volatile char block[4096];
    block[0] = (char)(*above + 1);
    int below = deeper ? recurse(block) : 0;
    return below + block[0];
}

static void die(int way) {
    volatile char first = 0;
    switch (way) {
    case EXIT_0:
        exit(0);
    case EXIT_7:
        exit(7);
    case ABORT:
        abort();
    case CRASH:
        *(volatile int *)bad_address = 1;
        break;
    case KILLED:
        (void)host_kill(host_pid());
        host_sleep_forever();
    case OVERFLOW_STACK:
        deeper = recurse(&first);
        break;
    case EXIT_AT_ONCE:
        mplat_self_exit(0);
    default:
        break;
    }
}

/* Under a sanitizer a crash is the sanitizer's to report, and ends the process its way. */
static bool reports_crashes(void) {
    return test_time_scale() == 1;
}

static void check_end(const mproc_error_t *error, int way) {
    CHECK_EQ_INT(error->code, MPROC_EDIED);
    CHECK(error->pid > 0);
    if (way == EXIT_0 || way == EXIT_7 || way == EXIT_AT_ONCE) {
        CHECK_EQ_INT(error->exit.how, MPROC_EXIT_EXITED);
        CHECK_EQ_INT(error->exit.code, way == EXIT_7 ? 7 : 0);
    }
    if ((way == ABORT || way == CRASH || way == OVERFLOW_STACK) && reports_crashes() && !test_on_wine()) {
        CHECK_EQ_INT(error->exit.how, MPROC_EXIT_CRASHED);
        CHECK(error->exit.name[0] != '\0');
    }
    if (way == CRASH && reports_crashes() && !test_on_wine()) {
        CHECK(error->has_address);
        CHECK_EQ_UINT(error->address, bad_address);
    }
}

/* ---- tasks ------------------------------------------------------------------------------------------------------------------------ */

MPROC_TASK(death_call) {
    int64_t way = 0;
    int err = mproc_call_args(call, "x", &way);
    if (err == MPROC_OK)
        die((int)way);
    return err != MPROC_OK ? err : mproc_call_return(call, way);
}

/* The square of its item; a negative item is a way to die, before its result or behind it. */
MPROC_TASK(death_square) {
    const void *input = NULL;
    size_t size = 0;
    void *place = NULL;
    int64_t number = 0;
    mproc_call_input(call, &input, &size);
    memcpy(&number, input, sizeof number);
    if (number < 0)
        die((int)-number);
    int err = mproc_call_reserve(call, sizeof number, &place);
    if (err == MPROC_OK) {
        number *= number;
        memcpy(place, &number, sizeof number);
    }
    return err;
}

/* Does its chunk as a whole and dies at a negative item. */
MPROC_TASK(death_chunk) {
    const void *input = NULL;
    void *output = NULL;
    size_t count = 0;
    int err = mproc_call_chunk(call, &input, &output, &count);
    if (err != MPROC_OK)
        return err;
    for (size_t i = 0; i < count; i++) {
        int64_t number = 0;
        memcpy(&number, (const char *)input + i * sizeof number, sizeof number);
        if (number < 0)
            die((int)-number);
        number *= number;
        memcpy((char *)output + i * sizeof number, &number, sizeof number);
    }
    return MPROC_OK;
}

MPROC_TASK(death_list) {
    int64_t number = 0;
    int err = mproc_call_args(call, "x", &number);
    if (err != MPROC_OK)
        return err;
    if (number < 0)
        die((int)-number);
    return mproc_call_return(call, number + 1);
}

/* Dies with a large result reserved and half written. */
MPROC_TASK(death_writing) {
    int64_t way = 0;
    void *place = NULL;
    int err = mproc_call_args(call, "x", &way);
    if (err == MPROC_OK)
        err = mproc_call_reserve(call, 1 << 20, &place);
    if (err == MPROC_OK) {
        memset(place, 1, 1 << 19);
        die((int)way);
    }
    return err;
}

MPROC_TASK(death_sleep) {
    host_sleep_forever();
}

/* ---- helpers ------------------------------------------------------------------------------------------------------------------------ */

/* Any way but this one is still to come. What stands behind the job that dies is given back, and runs well on the replacement. */
static void check_behind(rig_t *rig, job_t *behind, int count) {
    for (int i = 0; i < count; i++) {
        CHECK_EQ_INT(behind[i].returned, 1);
        CHECK_EQ_INT(behind[i].finished, 0);
    }
    CHECK_EQ_INT(rig->downs, 1);
    rig_until(rig, &rig->ups, 2);
    job_t again = job_call(&death_call, MPROC_ARGS(INT64_C(0)), NULL, 0);
    job_run(rig, 0, &again);
    CHECK_EQ_INT(job_int(&again), 0);
    job_free(&again);
}

enum { BEHIND = 3 };

static void run_with_others(job_t *job, int way) {
    rig_t rig;
    job_t before = job_call(&death_call, MPROC_ARGS(INT64_C(0)), NULL, 0);
    job_t behind[BEHIND];
    job_t elsewhere = job_call(&death_call, MPROC_ARGS(INT64_C(0)), NULL, 0);
    rig_start(&rig, 2);
    for (int i = 0; i < BEHIND; i++)
        behind[i] = job_call(&death_call, MPROC_ARGS(INT64_C(0)), NULL, 0);
    REQUIRE_OK(rig.ops->submit(rig.backend, 0, &before.work));
    REQUIRE_OK(rig.ops->submit(rig.backend, 0, &job->work));
    for (int i = 0; i < BEHIND; i++)
        REQUIRE_OK(rig.ops->submit(rig.backend, 0, &behind[i].work));
    REQUIRE_OK(rig.ops->submit(rig.backend, 1, &elsewhere.work));
    rig_flush(&rig, 0, &behind[BEHIND - 1]);
    rig_flush(&rig, 1, &elsewhere);
    rig_until(&rig, &rig.downs, 1);
    rig_until_done(&rig, &elsewhere);
    CHECK_EQ_INT(job_int(&before), 0);
    CHECK_EQ_INT(job_int(&elsewhere), 0);
    CHECK_EQ_INT(job->finished, 1);
    check_end(&job->report.error, way);
    CHECK_EQ_INT(rig.last_down.error.code, MPROC_EDIED);
    CHECK_EQ_INT(rig.planned, 0);
    rig.ups -= 1; /* two slots came up, of which one is of interest */
    check_behind(&rig, behind, BEHIND);
    jobs_free(behind, BEHIND);
    job_free(&before);
    job_free(&elsewhere);
    rig_close(&rig);
}

/* ---- calls --------------------------------------------------------------------------------------------------------------------------- */

static void check_call(const mproc_task_t *task, int way) {
    job_t job = job_call(task, MPROC_ARGS((int64_t)way), NULL, 0);
    run_with_others(&job, way);
    CHECK_EQ_UINT(job.succeeded, 0);
    CHECK_EQ_UINT(job.failed, 1);
    CHECK_EQ_STR(job.report.error.task, task->name);
    if (job.failed != 1 || job.report.error.code != MPROC_EDIED)
        FAIL("%s: %s", names[way], job.report.error.message);
    job_free(&job);
}

TEST(local_deaths, a_call_that_ends_its_worker_fails_alone) {
    for (int way = LIVE + 1; way < WAYS; way++)
        check_call(&death_call, way);
}

TEST(local_deaths, a_call_that_dies_in_a_large_result_fails_alone) {
    check_call(&death_writing, EXIT_7);
    check_call(&death_writing, CRASH);
    check_call(&death_writing, KILLED);
}

TEST(local_deaths, a_kill_from_outside_is_told_from_a_crash) {
    rig_t rig;
    rig_start(&rig, 1);
    job_t job = job_call(&death_sleep, NULL, NULL, 0);
    job_send(&rig, 0, &job);
    mproc_work_t *work = NULL;
    uint32_t item = 0;
    int64_t since = 0;
    while (!rig.ops->running(rig.backend, 0, &work, &item, &since))
        rig_turn(&rig, 5);
    REQUIRE(host_kill(rig.pids[0]));
    rig_until_done(&rig, &job);
    CHECK_EQ_INT(job.report.error.code, MPROC_EDIED);
    if (reports_crashes() && !test_on_wine())
        CHECK(job.report.error.exit.how == MPROC_EXIT_SIGNALLED || job.report.error.exit.code == 1);
    CHECK_HAS_STR(job.report.error.message, "death_sleep");
    job_free(&job);
    rig_close(&rig);
}

TEST(local_deaths, a_worker_that_dies_idle_fails_nothing) {
    rig_t rig;
    rig_start(&rig, 1);
    REQUIRE(host_kill(rig.pids[0]));
    rig_until(&rig, &rig.downs, 1);
    rig_until(&rig, &rig.ups, 2);
    CHECK_EQ_INT(rig.last_down.error.code, MPROC_EDIED);
    CHECK_HAS_STR(rig.last_down.error.message, "while it was idle");
    job_t job = job_call(&death_call, MPROC_ARGS(INT64_C(0)), NULL, 0);
    job_run(&rig, 0, &job);
    CHECK_EQ_INT(job_int(&job), 0);
    job_free(&job);
    rig_close(&rig);
}

/* ---- chunks ---------------------------------------------------------------------------------------------------------------------------- */

enum { COUNT = 40 };
static const uint32_t places[] = {0, 1, COUNT / 2, COUNT - 1};
enum { PLACES = sizeof places / sizeof places[0] };

static void check_plain(const mproc_task_t *task, int way, uint32_t place, bool whole) {
    int64_t items[COUNT], results[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        items[i] = i == place ? -way : (int64_t)i;
        results[i] = -1;
    }
    job_t job = job_array(task, items, COUNT, sizeof *items, results, sizeof *results);
    job.work.first = 100;
    run_with_others(&job, way);
    uint32_t good = whole ? 0 : place;
    CHECK_EQ_UINT(job.succeeded, good);
    CHECK_EQ_UINT(job.failed, whole ? COUNT : 1);
    CHECK_EQ_INT(job.report.error.item, 100 + (int64_t)good);
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        wrong += results[i] != (i < good ? items[i] * items[i] : -1);
    CHECK_EQ_UINT(wrong, 0);
    job_free(&job);
}

TEST(local_deaths, plain_results_before_the_death_are_kept) {
    for (int way = LIVE + 1; way < WAYS; way++)
        for (size_t i = 0; i < PLACES; i++)
            check_plain(&death_square, way, places[i], false);
}

TEST(local_deaths, a_chunk_taken_whole_dies_whole) {
    for (size_t i = 0; i < PLACES; i++)
        check_plain(&death_chunk, CRASH, places[i], true);
}

static void check_squares(const job_t *job, uint32_t good) {
    for (uint32_t i = 0; i < good; i++) {
        const void *data = NULL;
        const mproc_record_t *record = job_record(job, i, &data);
        int64_t number = -1;
        REQUIRE_EQ_UINT(record->size, sizeof number);
        memcpy(&number, data, sizeof number);
        CHECK_EQ_INT(number, (int64_t)i * i);
    }
}

static void check_records(int way, uint32_t place, uint32_t count) {
    int64_t *items = calloc(count, sizeof *items);
    REQUIRE(items != NULL);
    for (uint32_t i = 0; i < count; i++)
        items[i] = i == place ? -way : (int64_t)i;
    job_t job = job_array(&death_square, items, count, sizeof *items, NULL, 0);
    run_with_others(&job, way);
    CHECK_EQ_UINT(job.succeeded, place);
    CHECK_EQ_UINT(job.failed, 1);
    CHECK_EQ_UINT(job.size, (size_t)place * 32);
    CHECK_EQ_INT(job.report.error.item, (int64_t)place);
    check_squares(&job, place);
    job_free(&job);
    free(items);
}

TEST(local_deaths, records_before_the_death_are_kept) {
    for (int way = LIVE + 1; way < WAYS; way++)
        for (size_t i = 0; i < PLACES; i++)
            check_records(way, places[i], COUNT);
}

TEST(local_deaths, records_in_segments_are_kept_too) {
    check_records(KILLED, 1500, 2000);
    check_records(CRASH, 1999, 2000);
}

TEST(local_deaths, argument_lists_before_the_death_are_kept) {
    for (size_t i = 0; i < PLACES; i++) {
        int64_t numbers[COUNT];
        size_t size = 0;
        for (uint32_t n = 0; n < COUNT; n++)
            numbers[n] = n == places[i] ? -EXIT_7 : (int64_t)n;
        void *lists = lists_of_ints(numbers, COUNT, &size);
        job_t job = job_lists(&death_list, lists, size, COUNT);
        run_with_others(&job, EXIT_7);
        CHECK_EQ_UINT(job.succeeded, places[i]);
        CHECK_EQ_UINT(job.failed, 1);
        CHECK_EQ_INT(job.report.error.item, (int64_t)places[i]);
        job_free(&job);
        mproc_free(lists);
    }
}

TEST(local_deaths, the_message_says_which_item) {
    int64_t items[10] = {0, 1, 2, 3, -EXIT_7, 5, 6, 7, 8, 9}, results[10];
    job_t job = job_array(&death_square, items, 10, sizeof *items, results, sizeof *results);
    job.work.first = 30;
    run_with_others(&job, EXIT_7);
    CHECK_HAS_STR(job.report.error.message, "Task 'death_square' (item 34): worker 0 (pid ");
    CHECK_HAS_STR(job.report.error.message, "exit");
    job_free(&job);
}

/* A killed worker may die anywhere between two steps. Whatever it had done is kept, and nothing of it is lost or twice. */
TEST(local_deaths, a_kill_at_any_moment_of_a_chunk_leaves_whole_records) {
    enum { MANY = 5000, ROUNDS = 40 };
    static int64_t items[MANY];
    for (int i = 0; i < MANY; i++)
        items[i] = i;
    for (int round = 0; round < ROUNDS; round++) {
        rig_t rig;
        rig_start(&rig, 1);
        job_t job = job_array(&death_square, items, MANY, sizeof *items, NULL, 0);
        job_send(&rig, 0, &job);
        for (int64_t until = mplat_clock_ns() + INT64_C(20000) * round; mplat_clock_ns() < until;)
            continue;
        rig_kill(&rig, 0, MPROC_ECANCELLED);
        rig_until_done(&rig, &job);
        if (job.finished > 0) {
            check_squares(&job, job.succeeded < 100 ? job.succeeded : 100);
            CHECK_EQ_UINT(job.size, (size_t)job.succeeded * 32);
            CHECK(job.failed > 0 ? job.report.error.code == MPROC_ECANCELLED : job.succeeded == MANY);
        }
        job_free(&job);
        rig_close(&rig);
    }
}
