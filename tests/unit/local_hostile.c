/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that lie. A task that writes into its own channel what no worker writes cannot make the parent crash, hang, read beyond
 * its memory or believe a wrong result: its worker is killed, and nobody else's work is touched. */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "channel.h"
#include "local_support.h"
#include "memory.h"
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

static void until_room(rig_t *rig, int slot) {
    int64_t end = test_now_ms() + 20000 * test_time_scale();
    while (rig->ops->room(rig->backend, slot) == 0) {
        if (test_now_ms() > end)
            FAIL("slot %d takes nothing; the last end: %s", slot, rig->last_down.error.message);
        rig_turn(rig, 20);
    }
}

static void start_patiently(rig_t *rig) {
    mproc_pool_options_t options = rig_options(2);
    options.restart_limit = 100000;
    rig_open(rig, &options);
    rig_until(rig, &rig->ups, 2);
}

TEST(local_hostile, every_lie_about_a_call_is_caught) {
    static unsigned char payload[30000];
    rig_t rig;
    start_patiently(&rig);
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
    start_patiently(&rig);
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
    start_patiently(&rig);
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
    start_patiently(&rig);
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
    start_patiently(&rig);
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
    start_patiently(&rig);
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
    start_patiently(&rig);
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
    start_patiently(&rig);
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

/* ---- damage ------------------------------------------------------------------------------------------------------------------------------------ */

/* Overwrites what the parent and the worker sleep on, and the requests that are still to come. */
MPROC_TASK(hostile_eraser) {
    int64_t what = 0;
    int err = mproc_call_args(call, "x", &what);
    mproc_channel_t *channel = worker_of(call)->channel;
    host_sleep_ms(50);
    if (what == 0)
        atomic_store(&channel->parent_waits, 0);
    else if (what == 1)
        memset((void *)channel->requests, 0x5a, sizeof channel->requests);
    else if (what == 2)
        memset((void *)channel->requests, 0, sizeof channel->requests);
    else if (what == 3)
        memset((void *)channel->responses, 0xa5, sizeof channel->responses);
    else if (what == 4)
        atomic_store(&channel->retire, 1);
    else
        memset((void *)channel, 0, sizeof *channel);
    return err;
}

static void check_eraser(int64_t what) {
    rig_t rig;
    start_patiently(&rig);
    job_t job = job_call(&hostile_eraser, MPROC_ARGS(what), NULL, 0);
    job_t behind = job_call(&hostile_honest, MPROC_ARGS(INT64_C(2)), NULL, 0);
    job_t later = job_call(&hostile_honest, MPROC_ARGS(INT64_C(5)), NULL, 0);
    job_send(&rig, 0, &job);
    job_send(&rig, 0, &behind);
    rig.ops->wait(rig.backend, INT64_C(100000000)); /* asleep while it happens */
    rig_until_done(&rig, &job);
    rig_until_done(&rig, &behind);
    CHECK_EQ_INT(job.finished, 1);
    CHECK_EQ_INT(behind.finished + behind.returned, 1);
    CHECK(behind.returned > 0 || behind.failed > 0 || job_int(&behind) == 6);
    until_room(&rig, 0);
    job_send(&rig, 0, &later); /* the old worker may be the one that takes it, and find out then */
    rig_until_done(&rig, &later);
    CHECK_EQ_INT(later.finished + later.returned, 1);
    job_free(&job);
    job_free(&behind);
    job_free(&later);
    rig_close(&rig);
}

TEST(local_hostile, overwritten_channels_are_noticed) {
    for (int64_t what = 0; what < 6; what++)
        check_eraser(what);
}

MPROC_TASK(hostile_closer) {
    host_close_everything();
    return MPROC_OK;
}

TEST(local_hostile, a_worker_that_closes_everything_hangs_nobody) {
    static unsigned char large[100000];
    rig_t rig;
    start_patiently(&rig);
    for (int i = 0; i < 5; i++) {
        int downs = rig.downs;
        job_t job = job_call(&hostile_closer, NULL, NULL, 0);
        job_t behind = job_call(&hostile_honest, MPROC_ARGS(INT64_C(2)), large, sizeof large);
        job_send(&rig, 0, &job);
        rig.ops->wait(rig.backend, INT64_C(20000000));
        if (rig.ops->room(rig.backend, 0) > 0)
            job_send(&rig, 0, &behind);
        else
            behind.done = 1;
        rig_until_done(&rig, &job);
        rig_until_done(&rig, &behind);
        CHECK_EQ_INT(job.finished, 1);
        rig_kill(&rig, 0, MPROC_ECANCELLED);
        rig_until(&rig, &rig.downs, downs + 1);
        until_room(&rig, 0);
        job_free(&job);
        job_free(&behind);
    }
    rig_close(&rig);
}

/* ---- scribbling ----------------------------------------------------------------------------------------------------------------------------- */

typedef struct scribble {
    unsigned char *start;
    size_t size;
    uint64_t state;
    int64_t until_ns;
} scribble_t;

static scribble_t scribble;

static void write_nonsense(void *arg) {
    static const uint32_t words[] = {0, 1, 2, 3, 16, 17, 4096, 262144, UINT32_MAX, INT32_MAX};
    scribble_t *job = arg;
    while (mplat_clock_ns() < job->until_ns) {
        for (int i = 0; i < 64; i++) {
            uint64_t random = test_random(&job->state);
            size_t place = (size_t)(random >> 8) % (job->size / sizeof(uint32_t)) * sizeof(uint32_t);
            uint32_t word = (random & 3) == 0 ? (uint32_t)(random >> 32) : words[(random >> 40) % 10];
            if ((random & 12) == 0) /* near the truth */
                word = *(volatile uint32_t *)(void *)(job->start + place) + (uint32_t)(random >> 50) % 5 - 2;
            *(volatile uint32_t *)(void *)(job->start + place) = word;
        }
        host_sleep_ms((int)(test_random(&job->state) % 3));
    }
}

/* A second thread of the worker writes nonsense over a part of its channel for a while; the tasks go on. */
MPROC_TASK(hostile_scribbler) {
    int64_t seed = 0, part = 0;
    int err = mproc_call_args(call, "xx", &seed, &part);
    mproc_channel_t *channel = worker_of(call)->channel;
    scribble = (scribble_t){(unsigned char *)channel, sizeof *channel, (uint64_t)seed, mplat_clock_ns() + 300000000};
    if (part == 1) {
        scribble.start = (unsigned char *)channel->responses;
        scribble.size = 64 * sizeof *channel->responses;
    } else if (part == 2) {
        scribble.start = (unsigned char *)channel->requests;
        scribble.size = 64 * sizeof *channel->requests;
    } else if (part == 3) {
        scribble.size = offsetof(mproc_channel_t, requests);
    } else if (part == 4) {
        scribble.start = channel->response_arena;
        scribble.size = sizeof channel->response_arena;
    }
    host_run_beside(write_nonsense, &scribble);
    return err;
}

/* Results of all kinds and places, which a reader can check. */
MPROC_TASK(hostile_items) {
    const void *input = NULL;
    size_t size = 0;
    int64_t number = 0;
    void *place = NULL;
    mproc_call_input(call, &input, &size);
    memcpy(&number, input, sizeof number);
    if (number % 2 == 0)
        return mproc_call_return(call, number);
    int err = mproc_call_reserve(call, (size_t)number % 3000, &place);
    if (err == MPROC_OK)
        memset(place, 1, (size_t)number % 3000);
    return err;
}

/* Whatever comes, its records are whole. */
static void check_whole(const job_t *job) {
    size_t at = 0;
    for (uint32_t i = 0; i < job->succeeded; i++) {
        mproc_record_t record;
        REQUIRE(job->size - at >= sizeof record);
        memcpy(&record, job->data + at, sizeof record);
        REQUIRE(record.outcome <= MPROC_OUTCOME_BYTES);
        at += sizeof record;
        REQUIRE(record.size <= job->size - at);
        at += (size_t)((record.size + 15) & ~(uint64_t)15);
        REQUIRE(at <= job->size);
    }
}

static void scribble_round(rig_t *rig, int64_t seed, int64_t part) {
    enum { JOBS = 24, ITEMS = 30 };
    static int64_t items[ITEMS], results[JOBS][ITEMS];
    job_t jobs[JOBS], others[JOBS], first = job_call(&hostile_scribbler, MPROC_ARGS(seed, part), NULL, 0);
    int downs = rig->downs;
    for (int i = 0; i < ITEMS; i++)
        items[i] = seed % 1000 + i;
    job_send(rig, 0, &first);
    int sent = 0;
    for (; sent < JOBS && rig->ops->room(rig->backend, 0) > 0; sent++) {
        jobs[sent] = job_array(&hostile_items, items, ITEMS, sizeof *items, sent % 4 == 3 ? results[sent] : NULL,
                               sent % 4 == 3 ? sizeof(int64_t) : 0);
        jobs[sent].work.watch = sent % 5 == 0;
        REQUIRE_OK(rig->ops->submit(rig->backend, 0, &jobs[sent].work));
        rig_flush(rig, 0, &jobs[sent]);
    }
    for (int i = 0; i < JOBS; i++) {
        others[i] = job_call(&hostile_honest, MPROC_ARGS((int64_t)i), NULL, 0);
        job_send(rig, 1, &others[i]);
        mproc_work_t *work = NULL;
        uint32_t item = 0;
        int64_t since = 0;
        (void)rig->ops->running(rig->backend, 0, &work, &item, &since);
        rig_turn(rig, 5);
    }
    rig_until_all(rig, others, JOBS);
    for (int i = 0; i < JOBS; i++)
        CHECK_EQ_INT(job_int(&others[i]), INT64_C(3) * i);
    for (int64_t end = test_now_ms() + 350; rig->downs == downs && test_now_ms() < end;)
        rig_turn(rig, 10);
    if (rig->downs == downs)
        rig_kill(rig, 0, MPROC_ECANCELLED); /* as a time-out would */
    rig_until(rig, &rig->downs, downs + 1);
    CHECK_EQ_INT(first.finished + first.returned, 1);
    for (int i = 0; i < sent; i++) {
        CHECK_EQ_INT(jobs[i].finished + jobs[i].returned, 1);
        if (jobs[i].finished > 0 && jobs[i].work.output == NULL)
            check_whole(&jobs[i]);
    }
    until_room(rig, 0);
    jobs_free(jobs, (size_t)sent);
    jobs_free(others, JOBS);
    job_free(&first);
}

static void check_scribbling(int64_t part) {
    rig_t rig;
    start_patiently(&rig);
    for (int64_t seed = 1; seed <= 12; seed++)
        scribble_round(&rig, seed * 7919 + part, part);
    rig_close(&rig);
}

TEST(local_hostile, nonsense_over_the_whole_channel) {
    check_scribbling(0);
}

TEST(local_hostile, nonsense_over_the_responses) {
    check_scribbling(1);
}

TEST(local_hostile, nonsense_over_the_requests) {
    check_scribbling(2);
}

TEST(local_hostile, nonsense_over_the_words_of_control) {
    check_scribbling(3);
}

TEST(local_hostile, nonsense_over_the_results) {
    check_scribbling(4);
}

/* ---- changing what was checked ---------------------------------------------------------------------------------------------------------------- */

/* Large records in a segment, of which a second thread changes the sizes all the time. */
MPROC_TASK(hostile_records) {
    const void *input = NULL;
    size_t size = 0;
    void *place = NULL;
    mproc_call_input(call, &input, &size);
    mproc_worker_t *worker = worker_of(call);
    if (mproc_call_item(call) == 100 && worker->segment_count > 0) {
        mplat_segment_t *segment = worker->segments[worker->segment_count - 1].segment;
        scribble =
            (scribble_t){mplat_segment_base(segment), mplat_segment_size(segment), 77, mplat_clock_ns() + 200000000};
        host_run_beside(write_nonsense, &scribble);
    }
    int err = mproc_call_reserve(call, 1000, &place);
    if (err == MPROC_OK)
        memset(place, 0, 1000);
    return err;
}

TEST(local_hostile, records_that_change_while_they_are_read_are_whole_or_refused) {
    enum { ITEMS = 300, ROUNDS = 60 };
    static int64_t items[ITEMS];
    rig_t rig;
    int whole = 0;
    start_patiently(&rig);
    for (int round = 0; round < ROUNDS; round++) {
        until_room(&rig, 0);
        job_t job = job_array(&hostile_records, items, ITEMS, sizeof *items, NULL, 0);
        job_run(&rig, 0, &job);
        if (job.failed == 0) {
            check_whole(&job);
            whole++;
        } else {
            CHECK_EQ_INT(job.report.error.code, MPROC_EMALFORMED);
        }
        job_free(&job);
    }
    CHECK(whole < ROUNDS);
    rig_close(&rig);
}

/* ---- noise ---------------------------------------------------------------------------------------------------------------------------------------- */

MPROC_TASK(hostile_ringer) {
    mproc_worker_t *worker = worker_of(call);
    for (int64_t end = mplat_clock_ns() + 300000000; mplat_clock_ns() < end;) {
        (void)mplat_bell_ring(worker->bell);
        atomic_fetch_or(&worker->channel->parent_waits, MPROC_WAIT_BELL | MPROC_WAIT_DIRECT);
        (void)mplat_wake_signal(worker->direct_wake, &worker->channel->parent_waits);
    }
    return MPROC_OK;
}

TEST(local_hostile, a_worker_that_rings_all_the_time_only_costs_time) {
    rig_t rig;
    start_patiently(&rig);
    job_t noise = job_call(&hostile_ringer, NULL, NULL, 0);
    job_send(&rig, 0, &noise);
    for (int64_t i = 0; i < 50; i++) {
        job_t job = job_call(&hostile_honest, MPROC_ARGS(i), NULL, 0);
        job_run(&rig, 1, &job);
        CHECK_EQ_INT(job_int(&job), 3 * i);
        job_free(&job);
    }
    rig_until_done(&rig, &noise);
    CHECK_EQ_INT(noise.succeeded, 1);
    job_free(&noise);
    rig_close(&rig);
}
