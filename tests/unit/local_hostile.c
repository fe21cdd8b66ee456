/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that lie; those that break things are local_damage.c. A task that writes into its own channel what no worker writes cannot make the parent crash, hang, read beyond
 * its memory or believe a wrong result: its worker is killed, and nobody else's work is touched. */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "channel.h"
#include "local_support.h"
#include "process_host.h"
#include "worker.h"
#include "worker_host.h"

static mproc_worker_t *worker_of(mproc_call_t *call) {
    return call->worker;
}

static mproc_response_slot_t *response_of(mproc_worker_t *worker) {
    return &worker->channel->responses[worker->number % MPROC_CHANNEL_SLOTS];
}

static mproc_request_slot_t *request_of(mproc_worker_t *worker) {
    return &worker->channel->requests[worker->number % MPROC_CHANNEL_SLOTS];
}

/* answer sends what stands in the response, in the place of the worker's own loop, and waits for what comes. */
static _Noreturn void answer(mproc_worker_t *worker, unsigned phase) {
    atomic_store(&response_of(worker)->state, mproc_channel_state(worker->number, phase));
    mproc_worker_notify(worker);
    host_sleep_forever();
}

MPROC_TASK(hostile_honest) {
    int64_t number = 0;
    int err = mproc_call_args(call, "x", &number);
    return err != MPROC_OK ? err : mproc_call_return(call, number * 3);
}

/* ---- lies in a response ------------------------------------------------------------------------------------------------------------ */

typedef struct lie {
    const char *what;
    mproc_response_slot_t response; /* offset, size, place and so on; state is the phase */
} lie_t;

#define GOOD .succeeded = 1
#define SEGMENT_OF_PAYLOAD UINT32_MAX /* stands for the number of the segment with the request's payload */

static const lie_t lies[] = {
    {"more items than there are", {.succeeded = 2}},
    {"more failures than items", {.succeeded = 1, .failed = 1}},
    {"failures without end", {.failed = UINT32_MAX}},
    {"numbers that overflow", {.succeeded = UINT32_MAX, .failed = 2}},
    {"nothing done", {.succeeded = 0}},
    {"an outcome that is none", {GOOD, .outcome = 77}},
    {"a failure as an outcome", {GOOD, .outcome = MPROC_OUTCOME_FAILED}},
    {"an inline result too long", {GOOD, .outcome = MPROC_OUTCOME_BYTES, .place = MPROC_PLACE_INLINE, .size = 17}},
    {"an inline result without end",
     {GOOD, .outcome = MPROC_OUTCOME_BYTES, .place = MPROC_PLACE_INLINE, .size = UINT64_MAX}},
    {"a result at no place", {GOOD, .outcome = MPROC_OUTCOME_BYTES, .place = MPROC_PLACE_NONE, .size = 8}},
    {"a result in a place that is none", {GOOD, .outcome = MPROC_OUTCOME_BYTES, .place = 7, .size = 8}},
    {"a result in a segment that is none", {GOOD, .outcome = MPROC_OUTCOME_BYTES, .place = 4000, .size = 8}},
    {"a result in its own payload", {GOOD, .outcome = MPROC_OUTCOME_BYTES, .place = SEGMENT_OF_PAYLOAD, .size = 100}},
    {"a result behind the arena",
     {GOOD, .outcome = MPROC_OUTCOME_BYTES, .place = MPROC_PLACE_ARENA, .offset = MPROC_CHANNEL_ARENA - 16,
      .size = 17}},
    {"a result larger than the arena",
     {GOOD, .outcome = MPROC_OUTCOME_BYTES, .place = MPROC_PLACE_ARENA, .size = MPROC_CHANNEL_ARENA + 1}},
    {"a result that is not aligned",
     {GOOD, .outcome = MPROC_OUTCOME_BYTES, .place = MPROC_PLACE_ARENA, .offset = 8, .size = 17}},
    {"a report behind the arena",
     {.failed = 1, .place = MPROC_PLACE_ARENA, .offset = MPROC_CHANNEL_ARENA - 16, .report_size = 100}},
    {"a report without end", {.failed = 1, .place = MPROC_PLACE_ARENA, .report_size = UINT32_MAX}},
    {"data and a failure", {.failed = 1, .place = MPROC_PLACE_ARENA, .size = 16, .report_size = 16}},
    {"a time before the beginning", {GOOD, .run_ns = -1}},
    {"a time without end", {GOOD, .run_ns = INT64_MAX}},
    {"skipped", {GOOD, .state = MPROC_RESPONSE_SKIPPED}},
    {"a need of the future", {.succeeded = 7, .size = 100, .state = MPROC_RESPONSE_NEED}},
    {"a phase that is none", {GOOD, .state = 3}},
};
enum { LIES = sizeof lies / sizeof lies[0] };

MPROC_TASK(hostile_liar) {
    int64_t number = 0;
    int err = mproc_call_args(call, "x", &number);
    if (err != MPROC_OK || number < 0 || number >= LIES)
        return err;
    mproc_worker_t *worker = worker_of(call);
    mproc_response_slot_t *response = response_of(worker);
    memcpy((char *)response + sizeof response->state, (const char *)&lies[number].response + sizeof response->state,
           sizeof *response - sizeof response->state);
    if (atomic_load(&lies[number].response.state) == MPROC_RESPONSE_NEED)
        atomic_store(&worker->channel->needs, response->succeeded);
    if (response->place == SEGMENT_OF_PAYLOAD)
        response->place = request_of(worker)->place;
    answer(worker, atomic_load(&lies[number].response.state));
}

/* The job fails as the lie of its worker, others do not, and a new worker takes the place. */
static void check_caught(rig_t *rig, job_t *job, const char *what) {
    int downs = rig->downs;
    job_t behind = job_call(&hostile_honest, MPROC_ARGS(INT64_C(1)), NULL, 0);
    job_t elsewhere = job_call(&hostile_honest, MPROC_ARGS(INT64_C(14)), NULL, 0);
    job_send(rig, 0, job);
    job_send(rig, 0, &behind);
    job_send(rig, 1, &elsewhere);
    rig_until(rig, &rig->downs, downs + 1);
    rig_until_done(rig, &elsewhere);
    if (job->finished != 1 || job->report.error.code != MPROC_EMALFORMED)
        FAIL("%s: finished %d, %d %s", what, job->finished, job->report.error.code, job->report.error.message);
    CHECK_EQ_UINT(job->succeeded, 0);
    CHECK_HAS_STR(job->report.error.message, "what no worker sends");
    CHECK_EQ_INT(rig->last_down.error.code, MPROC_EMALFORMED);
    CHECK_EQ_INT(behind.returned, 1);
    CHECK_EQ_INT(job_int(&elsewhere), 42);
    rig_until(rig, &rig->ups, rig->downs + 2);
    job_free(&behind);
    job_free(&elsewhere);
}

TEST(local_hostile, every_lie_about_a_call_is_caught) {
    static unsigned char payload[30000];
    rig_t rig;
    rig_start_patiently(&rig);
    for (int64_t i = 0; i < LIES; i++) {
        job_t job = job_call(&hostile_liar, MPROC_ARGS(i), payload, sizeof payload);
        check_caught(&rig, &job, lies[i].what);
        job_free(&job);
    }
    rig_close(&rig);
}

/* ---- lies about a chunk -------------------------------------------------------------------------------------------------------------- */

enum { CHUNK = 8, CHUNK_LIES = 8 };

/* Writes three records where the results of its chunk go, and lies about one of them or about their number. */
MPROC_TASK(hostile_chunk) {
    const void *input = NULL;
    size_t size = 0;
    int64_t number = 0;
    mproc_call_input(call, &input, &size);
    memcpy(&number, input, sizeof number);
    mproc_worker_t *worker = worker_of(call);
    mproc_response_slot_t *response = response_of(worker);
    unsigned char *arena = worker->channel->response_arena;
    mproc_record_t records[4] = {{MPROC_OUTCOME_BYTES, 0, 16}, {0}, {MPROC_OUTCOME_BYTES, 0, 16}, {0}};
    memset((char *)response + sizeof response->state, 0, sizeof *response - sizeof response->state);
    response->succeeded = 2;
    response->failed = 1;
    response->place = MPROC_PLACE_ARENA;
    response->size = sizeof records;
    if (number == 0)
        records[0].size = 33; /* over the next record */
    else if (number == 1)
        records[2].size = UINT64_MAX - 8;
    else if (number == 2)
        records[2].size = 4096;
    else if (number == 3)
        records[0].outcome = MPROC_OUTCOME_FAILED;
    else if (number == 4)
        response->succeeded = 3;
    else if (number == 5)
        response->size -= 16;
    else if (number == 6)
        response->size = UINT64_MAX / 2;
    else
        response->succeeded = CHUNK;
    memcpy(arena, records, sizeof records);
    answer(worker, MPROC_RESPONSE_DONE);
}

TEST(local_hostile, every_lie_about_records_is_caught) {
    rig_t rig;
    rig_start_patiently(&rig);
    for (int64_t i = 0; i < CHUNK_LIES; i++) {
        int64_t items[CHUNK] = {i};
        job_t job = job_array(&hostile_chunk, items, CHUNK, sizeof *items, NULL, 0);
        check_caught(&rig, &job, "records");
        job_free(&job);
    }
    rig_close(&rig);
}

TEST(local_hostile, data_beside_plain_output_is_caught) {
    int64_t items[CHUNK] = {7}, results[CHUNK] = {0};
    rig_t rig;
    rig_start_patiently(&rig);
    job_t job = job_array(&hostile_chunk, items, CHUNK, sizeof *items, results, sizeof *results);
    check_caught(&rig, &job, "plain");
    job_free(&job);
    rig_close(&rig);
}

/* ---- lies about time --------------------------------------------------------------------------------------------------------- */

MPROC_TASK(hostile_clock) {
    int64_t begun = 0;
    int err = mproc_call_args(call, "x", &begun);
    mproc_worker_t *worker = worker_of(call);
    if (err == MPROC_OK && begun != 0)
        atomic_store(&worker->channel->begun_ns[worker->number % MPROC_CHANNEL_SLOTS], begun);
    return err;
}

static int64_t begun_of(rig_t *rig, int64_t lie) {
    job_t job = job_call(&hostile_clock, MPROC_ARGS(lie), NULL, 0);
    job_send(rig, 0, &job);
    rig_until_done(rig, &job);
    CHECK_EQ_INT(job.finished, 1);
    int64_t begun = job.begun_ns;
    job_free(&job);
    return begun;
}

TEST(local_hostile, times_that_cannot_be_are_not_believed) {
    rig_t rig;
    mproc_pool_options_t options = rig_options(1);
    options.trace = "not written here";
    rig_open(&rig, &options);
    rig_until(&rig, &rig.ups, 1);
    int64_t before = mplat_clock_ns();
    int64_t begun = begun_of(&rig, 0);
    CHECK(begun >= before && begun <= mplat_clock_ns());
    CHECK_EQ_INT(begun_of(&rig, 1), 0);
    CHECK_EQ_INT(begun_of(&rig, -1), 0);
    CHECK_EQ_INT(begun_of(&rig, INT64_MAX), 0);
    rig_close(&rig);
}

/* ---- lies of one who dies --------------------------------------------------------------------------------------------------------------- */

/* Item 3 writes progress that is not so, and ends. */
MPROC_TASK(hostile_progress) {
    const void *input = NULL;
    size_t size = 0;
    int64_t lie = 0;
    void *place = NULL;
    mproc_call_input(call, &input, &size);
    memcpy(&lie, input, sizeof lie);
    if (mproc_call_item(call) < 3) {
        int err = mproc_call_reserve(call, sizeof lie, &place);
        if (err == MPROC_OK)
            memset(place, 5, sizeof lie);
        return err;
    }
    mproc_progress_t *progress = &worker_of(call)->channel->progress;
    uint64_t values[] = {0, 1, 2, 4, 5, 8, 9, UINT32_MAX, UINT64_MAX, UINT64_MAX / 2, 16, 17, 4096, 262144};
    uint64_t value = values[(size_t)lie % 14];
    switch (lie / 14) {
    case 0:
        atomic_store(&progress->item, (uint32_t)value);
        break;
    case 1:
        atomic_store(&progress->rest, (uint32_t)value);
        break;
    case 2:
        atomic_store(&progress->place, (uint32_t)value);
        break;
    case 3:
        atomic_store(&progress->offset, value);
        break;
    case 4:
        atomic_store(&progress->size, value);
        break;
    case 5:
        atomic_store(&progress->number, (uint32_t)value);
        break;
    default:
        atomic_store(&worker_of(call)->channel->worker_stage, (uint32_t)value);
        break;
    }
    exit(7);
}

TEST(local_hostile, lies_of_a_dying_worker_do_no_harm) {
    rig_t rig;
    int64_t results[CHUNK];
    rig_start_patiently(&rig);
    for (int64_t lie = 0; lie < INT64_C(7) * 14; lie++) {
        int64_t items[CHUNK] = {0, 0, 0, lie, 0, 0, 0, 0};
        int downs = rig.downs;
        bool plain = lie % 2 == 0;
        job_t job = job_array(&hostile_progress, items, CHUNK, sizeof *items, plain ? results : NULL,
                              plain ? sizeof *results : 0);
        job_send(&rig, 0, &job);
        rig_until(&rig, &rig.downs, downs + 1);
        CHECK_EQ_INT(job.finished, 1);
        CHECK(job.succeeded + job.failed <= CHUNK);
        CHECK(job.succeeded + job.failed >= 1);
        CHECK(job.failed == 0 || job.report.error.code == MPROC_EDIED);
        CHECK_EQ_INT(rig.planned, 0);
        rig_until(&rig, &rig.ups, rig.downs + 2);
        job_free(&job);
        job_t honest = job_call(&hostile_honest, MPROC_ARGS(lie), NULL, 0);
        job_run(&rig, 1, &honest); /* a success between deaths: the next worker starts at once */
        CHECK_EQ_INT(job_int(&honest), 3 * lie);
        job_free(&honest);
    }
    rig_close(&rig);
}

MPROC_TASK(hostile_crash_report) {
    mproc_channel_t *channel = worker_of(call)->channel;
    memset((void *)&channel->crash, 0xff, sizeof channel->crash);
    atomic_store(&channel->crashed, 1);
    exit(7);
}

MPROC_TASK(hostile_bad_report) {
    mproc_worker_t *worker = worker_of(call);
    mproc_response_slot_t *response = response_of(worker);
    memset(worker->channel->response_arena, 0xc7, 4096);
    memset((char *)response + sizeof response->state, 0, sizeof *response - sizeof response->state);
    response->failed = 1;
    response->place = MPROC_PLACE_ARENA;
    response->report_size = 3000;
    answer(worker, MPROC_RESPONSE_DONE);
}

TEST(local_hostile, forged_reports_are_only_words) {
    rig_t rig;
    rig_start_patiently(&rig);
    job_t crash = job_call(&hostile_crash_report, NULL, NULL, 0);
    job_run(&rig, 0, &crash);
    CHECK_EQ_INT(crash.report.error.code, MPROC_EDIED);
    rig_until(&rig, &rig.ups, 3);
    job_t bad = job_call(&hostile_bad_report, NULL, NULL, 0);
    job_run(&rig, 0, &bad);
    CHECK_EQ_INT(bad.report.error.code, MPROC_ETASK);
    CHECK_EQ_STR(bad.report.error.task, "hostile_bad_report");
    job_free(&crash);
    job_free(&bad);
    rig_close(&rig);
}

/* ---- needs --------------------------------------------------------------------------------------------------------------------------------- */

MPROC_TASK(hostile_needs) {
    int64_t size = 0;
    int err = mproc_call_args(call, "x", &size);
    mproc_worker_t *worker = worker_of(call);
    mproc_response_slot_t *response = response_of(worker);
    for (int i = 0; err == MPROC_OK && i < 1000; i++) {
        atomic_store(&worker->channel->need_size, (uint64_t)size);
        atomic_store(&worker->channel->needs, ++worker->needs);
        atomic_store(&response->state, mproc_channel_state(worker->number, MPROC_RESPONSE_NEED));
        mproc_worker_notify(worker);
        while (atomic_load(&worker->channel->need_answered) != worker->needs)
            host_sleep_ms(0);
    }
    return err;
}

/* Gets what it needs, and is slow to write its response over the place where it said so. */
MPROC_TASK(hostile_slow_writer) {
    void *room = NULL;
    mproc_worker_t *worker = worker_of(call);
    mproc_response_slot_t *response = response_of(worker);
    int err = mproc_call_reserve(call, 100000, &room);
    for (int i = 0; err == MPROC_OK && i < 5; i++) {
        response->succeeded = 64;
        response->size = UINT64_MAX;
        mproc_worker_notify(worker);
        host_sleep_ms(10);
    }
    return err;
}

TEST(local_hostile, a_response_that_is_half_written_is_not_taken_for_a_need) {
    rig_t rig;
    rig_start_patiently(&rig);
    job_t job = job_call(&hostile_slow_writer, NULL, NULL, 0);
    job_send(&rig, 0, &job);
    while (job.finished == 0)
        rig_turn(&rig, 1);
    CHECK_EQ_INT(job.report.error.code, MPROC_OK);
    CHECK_EQ_UINT(job.size, 100000);
    CHECK_EQ_INT(rig.downs, 0);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_hostile, needs_without_end_are_ended) {
    static const int64_t sizes[] = {0, 100000, INT64_C(1) << 40, INT64_MAX, -1};
    rig_t rig;
    mproc_pool_stats_t stats = {0};
    rig_start_patiently(&rig);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        job_t job = job_call(&hostile_needs, MPROC_ARGS(sizes[i]), NULL, 0);
        check_caught(&rig, &job, "needs");
        job_free(&job);
    }
    rig.ops->stats(rig.backend, &stats);
    CHECK_EQ_UINT(stats.shared_bytes, 2 * sizeof(mproc_channel_t));
    rig_close(&rig);
}

/* ---- hiding ----------------------------------------------------------------------------------------------------------------------------------- */

MPROC_TASK(hostile_hider) {
    mproc_worker_t *worker = worker_of(call);
    host_sleep_ms(100);
    atomic_store(&request_of(worker)->state, mproc_channel_state(worker->number, MPROC_REQUEST_READY));
    host_sleep_forever();
}

TEST(local_hostile, what_was_seen_begun_stays_so) {
    rig_t rig;
    rig_start_patiently(&rig);
    job_t job = job_call(&hostile_hider, NULL, NULL, 0);
    job.work.watch = true;
    job_send(&rig, 0, &job);
    rig_until(&rig, &job.started, 1);
    test_sleep_ms(300);
    mproc_work_t *work = NULL;
    uint32_t item = 0;
    int64_t since = 0;
    CHECK(rig.ops->running(rig.backend, 0, &work, &item, &since));
    CHECK(!rig.ops->revoke(rig.backend, 0, &job.work));
    CHECK(rig.ops->kill(rig.backend, 0, &job.work, 0, MPROC_ETASKTIMEOUT));
    rig_until_done(&rig, &job);
    CHECK_EQ_INT(job.finished, 1);
    CHECK_EQ_INT(job.report.error.code, MPROC_ETASKTIMEOUT);
    job_free(&job);
    rig_close(&rig);
}
