/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that break what they share with the parent: overwritten, written over all the time, closed, rung without end. Whoever lies
 * about a single word is local_hostile.c. */
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

MPROC_TASK(damage_honest) {
    int64_t number = 0;
    int err = mproc_call_args(call, "x", &number);
    return err != MPROC_OK ? err : mproc_call_return(call, number * 3);
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
    rig_start_patiently(&rig);
    job_t job = job_call(&hostile_eraser, MPROC_ARGS(what), NULL, 0);
    job_t behind = job_call(&damage_honest, MPROC_ARGS(INT64_C(2)), NULL, 0);
    job_t later = job_call(&damage_honest, MPROC_ARGS(INT64_C(5)), NULL, 0);
    job_send(&rig, 0, &job);
    job_send(&rig, 0, &behind);
    rig.ops->wait(rig.backend, INT64_C(100000000)); /* asleep while it happens */
    rig_until_done(&rig, &job);
    rig_until_done(&rig, &behind);
    CHECK_EQ_INT(job.finished, 1);
    CHECK_EQ_INT(behind.finished + behind.returned, 1);
    CHECK(behind.returned > 0 || behind.failed > 0 || job_int(&behind) == 6);
    rig_until_room(&rig, 0);
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
    rig_start_patiently(&rig);
    for (int i = 0; i < 5; i++) {
        int downs = rig.downs;
        job_t job = job_call(&hostile_closer, NULL, NULL, 0);
        job_t behind = job_call(&damage_honest, MPROC_ARGS(INT64_C(2)), large, sizeof large);
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
        rig_until_room(&rig, 0);
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
        others[i] = job_call(&damage_honest, MPROC_ARGS((int64_t)i), NULL, 0);
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
    rig_until_room(rig, 0);
    jobs_free(jobs, (size_t)sent);
    jobs_free(others, JOBS);
    job_free(&first);
}

static void check_scribbling(int64_t part) {
    rig_t rig;
    rig_start_patiently(&rig);
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
    rig_start_patiently(&rig);
    for (int round = 0; round < ROUNDS; round++) {
        rig_until_room(&rig, 0);
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
    rig_start_patiently(&rig);
    job_t noise = job_call(&hostile_ringer, NULL, NULL, 0);
    job_send(&rig, 0, &noise);
    for (int64_t i = 0; i < 50; i++) {
        job_t job = job_call(&damage_honest, MPROC_ARGS(i), NULL, 0);
        job_run(&rig, 1, &job);
        CHECK_EQ_INT(job_int(&job), 3 * i);
        job_free(&job);
    }
    rig_until_done(&rig, &noise);
    CHECK_EQ_INT(noise.succeeded, 1);
    job_free(&noise);
    rig_close(&rig);
}
