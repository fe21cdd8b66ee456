/* SPDX-License-Identifier: Apache-2.0 */
/* A kill for one request, or for one item of it, meets a worker that has just gone on. */
#include <stdio.h>
#include <string.h>

#include "local.h"
#include "local_support.h"

/* Runs until it is told to end. */
MPROC_TASK(kills_patient) {
    while (!mproc_call_cancelled(call))
        mplat_sleep_ms(1);
    return mproc_call_return(call, INT64_C(1));
}

/* Each item sleeps as many milliseconds as it says, and gives that. */
MPROC_TASK(kills_sleeps) {
    const void *input = NULL;
    size_t size = 0;
    int64_t ms = 0;
    mproc_call_input(call, &input, &size);
    memcpy(&ms, input, sizeof ms);
    mplat_sleep_ms(ms);
    return mproc_call_return(call, ms);
}

typedef struct told {
    int64_t ms;
    char path[1016]; /* of a file that says that the item is being done; empty: none */
} told_t;

MPROC_TASK(kills_sleeps_once_told) {
    const void *input = NULL;
    size_t size = 0;
    mproc_call_input(call, &input, &size);
    const told_t *told = input;
    FILE *file = told->path[0] == '\0' ? NULL : fopen(told->path, "w");
    if (file != NULL)
        (void)fclose(file);
    mplat_sleep_ms(told->ms);
    return mproc_call_return(call, told->ms);
}

static void until_told(const told_t *told) {
    FILE *file = NULL;
    for (int64_t end = test_now_ms() + rig_patience_ms(); (file = fopen(told->path, "r")) == NULL; test_sleep_ms(1))
        if (test_now_ms() > end)
            FAIL("the worker does not come to its first item");
    (void)fclose(file);
}

static mproc_slot_t *slot_of(rig_t *rig) {
    return ((mproc_local_t *)rig->backend)->slots[0];
}

static mproc_channel_t *channel_of(rig_t *rig) {
    return mproc_slot_line(slot_of(rig))->channel;
}

static void until_word(_Atomic uint32_t *word, uint32_t value) {
    int64_t end = test_now_ms() + 20000 * test_time_scale();
    while (atomic_load(word) != value) {
        if (test_now_ms() > end)
            FAIL("the worker does not come to %u", (unsigned)value);
        test_sleep_ms(1);
    }
}

static void until_begun(rig_t *rig, uint32_t number) {
    until_word(&channel_of(rig)->requests[number].state, mproc_channel_state(number, MPROC_REQUEST_BEGUN));
}

MPROC_TASK(kills_wants_memory) {
    void *room = NULL;
    int err = mproc_call_reserve(call, 1000000, &room);
    return err;
}

static bool kill_job(rig_t *rig, const job_t *job, uint32_t item) {
    return rig->ops->kill(rig->backend, 0, &job->work, item, MPROC_ETASKTIMEOUT);
}

/* Nobody polls: the first job is over, the second has begun, and the core knows nothing of it. */
TEST(local_kills, a_kill_for_what_is_over_harms_nobody) {
    rig_t rig;
    rig_start(&rig, 1);
    job_t first = job_call(&kills_patient, NULL, NULL, 0), second = job_call(&kills_patient, NULL, NULL, 0);
    job_send(&rig, 0, &first);
    job_send(&rig, 0, &second);
    until_begun(&rig, 1);
    rig.ops->cancel(rig.backend, 0, &first.work);
    until_begun(&rig, 2);
    CHECK(!kill_job(&rig, &first, MPROC_ANY_ITEM));
    rig_until_done(&rig, &first);
    CHECK_EQ_INT(first.succeeded, 1);
    rig.ops->cancel(rig.backend, 0, &second.work);
    rig_until_done(&rig, &second);
    CHECK_EQ_INT(second.succeeded, 1);
    CHECK_EQ_INT(rig.downs, 0);
    CHECK(!kill_job(&rig, &second, MPROC_ANY_ITEM)); /* it is not out any more */
    job_free(&first);
    job_free(&second);
    rig_close(&rig);
}

TEST(local_kills, a_kill_for_an_item_that_is_over_harms_no_other) {
    static const int64_t items[2] = {0, 60000};
    rig_t rig;
    rig_start(&rig, 1);
    job_t job = job_array(&kills_sleeps, items, 2, sizeof *items, NULL, 0);
    job.work.watch = true;
    job_send(&rig, 0, &job);
    until_begun(&rig, 1);
    until_word(&channel_of(&rig)->progress.item, 1);
    CHECK(!kill_job(&rig, &job, 0));
    rig_turn(&rig, 20);
    CHECK_EQ_INT(job.finished + rig.downs, 0);
    CHECK(kill_job(&rig, &job, 1));
    rig_until_done(&rig, &job);
    CHECK_EQ_UINT(job.succeeded, 1);
    CHECK_EQ_UINT(job.failed, 1);
    CHECK_EQ_INT(job.report.error.item, 1);
    job_free(&job);
    rig_close(&rig);
}

static void halt(rig_t *rig, uint32_t number) {
    atomic_store(&channel_of(rig)->halted, mproc_channel_state(number, MPROC_REQUEST_BEGUN));
}

/* Halted in time, as if the system took long to kill: the item ends well, and the next one does not begin. */
TEST(local_kills, an_item_that_ends_before_its_kill_has_its_result) {
    static told_t items[3] = {{.ms = 500}}; /* a busy machine is to halt it within the first */
    rig_t rig;
    test_temp_path("first item", items[0].path, sizeof items[0].path);
    rig_start(&rig, 1);
    job_t job = job_array(&kills_sleeps_once_told, items, 3, sizeof *items, NULL, 0);
    job.work.watch = true;
    job_send(&rig, 0, &job);
    until_told(&items[0]);
    halt(&rig, 1);
    until_word(&channel_of(&rig)->progress.item, 1);
    test_sleep_ms(50);
    CHECK_EQ_UINT(atomic_load(&channel_of(&rig)->progress.item), 1);
    slot_of(&rig)->kill_number = 1;
    slot_of(&rig)->kill_item = 0;
    rig_kill(&rig, 0, MPROC_ETASKTIMEOUT);
    rig_until_done(&rig, &job);
    CHECK_EQ_UINT(job.succeeded, 1);
    CHECK_EQ_UINT(job.failed, 0);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_kills, a_halted_worker_begins_no_other_request) {
    rig_t rig;
    rig_start(&rig, 1);
    job_t first = job_call(&kills_patient, NULL, NULL, 0), second = job_call(&kills_patient, NULL, NULL, 0);
    job_send(&rig, 0, &first);
    job_send(&rig, 0, &second);
    until_begun(&rig, 1);
    halt(&rig, 1);
    rig.ops->cancel(rig.backend, 0, &first.work);
    until_word(&channel_of(&rig)->responses[1].state, mproc_channel_state(1, MPROC_RESPONSE_DONE));
    test_sleep_ms(50);
    CHECK_EQ_UINT(atomic_load(&channel_of(&rig)->requests[2].state), mproc_channel_state(2, MPROC_REQUEST_READY));
    CHECK(!kill_job(&rig, &first, MPROC_ANY_ITEM)); /* too late: the worker goes on */
    until_begun(&rig, 2);
    rig_until_done(&rig, &first);
    rig.ops->cancel(rig.backend, 0, &second.work);
    rig_until_done(&rig, &second);
    CHECK_EQ_INT(second.succeeded, 1);
    job_free(&first);
    job_free(&second);
    rig_close(&rig);
}

/* ---- what a worker says in order to evade -------------------------------------------------------------------------------------- */

static const int64_t minutes[3] = {60000, 60000, 60000};

static void send_long_items(rig_t *rig, job_t *job) {
    *job = job_array(&kills_sleeps, minutes, 3, sizeof *minutes, NULL, 0);
    job->work.watch = true;
    job_send(rig, 0, job);
    until_begun(rig, 1);
    until_word(&channel_of(rig)->progress.number, 1);
}

static uint32_t running_item(rig_t *rig, int64_t *out_since_ns) {
    mproc_work_t *work = NULL;
    uint32_t item = UINT32_MAX;
    CHECK(rig->ops->running(rig->backend, 0, &work, &item, out_since_ns));
    return item;
}

/* All of the worker's words are written here, since it may write them in any order and as often as it likes. */
TEST(local_kills, a_worker_that_goes_back_and_forth_is_killed_in_the_furthest_item) {
    rig_t rig;
    int64_t since = 0;
    rig_start(&rig, 1);
    job_t job;
    send_long_items(&rig, &job);
    mproc_progress_t *progress = &channel_of(&rig)->progress;
    CHECK_EQ_UINT(running_item(&rig, &since), 0);
    atomic_store(&progress->item, 2);
    CHECK(!kill_job(&rig, &job, 0));
    atomic_store(&progress->item, 0);
    CHECK_EQ_UINT(running_item(&rig, &since), 2);
    CHECK(!kill_job(&rig, &job, 0));
    atomic_store(&progress->item, 1);
    CHECK(kill_job(&rig, &job, 2));
    rig_until_done(&rig, &job);
    CHECK_EQ_INT(job.report.error.code, MPROC_ETASKTIMEOUT);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_kills, a_worker_that_is_in_another_request_now_and_then_is_held_to_its_own) {
    rig_t rig;
    int64_t since = 0;
    rig_start(&rig, 1);
    job_t job;
    send_long_items(&rig, &job);
    mproc_progress_t *progress = &channel_of(&rig)->progress;
    atomic_store(&progress->item, 1);
    CHECK_EQ_UINT(running_item(&rig, &since), 1);
    atomic_store(&progress->number, 77);
    CHECK_EQ_UINT(running_item(&rig, &since), 1);
    CHECK(kill_job(&rig, &job, 1));
    rig_until_done(&rig, &job);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_kills, an_item_began_when_it_was_first_seen_or_before) {
    rig_t rig;
    int64_t first = 0, since = 0;
    rig_start(&rig, 1);
    job_t job;
    send_long_items(&rig, &job);
    mproc_progress_t *progress = &channel_of(&rig)->progress;
    (void)running_item(&rig, &first);
    static const int64_t lies[] = {1, 0, -1, INT64_MAX};
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        atomic_store(&progress->since_ns, lies[i]);
        (void)running_item(&rig, &since);
        CHECK_EQ_INT(since, first);
    }
    atomic_store(&progress->since_ns, mplat_clock_ns());
    (void)running_item(&rig, &since);
    CHECK_EQ_INT(since, first);
    int64_t before = mplat_clock_ns();
    atomic_store(&progress->since_ns, INT64_MAX); /* as of one that began just after the parent looked at the clock */
    atomic_store(&progress->item, 1);
    (void)running_item(&rig, &since);
    CHECK(since >= before);
    rig_kill(&rig, 0, MPROC_ECANCELLED);
    rig_until_done(&rig, &job);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_kills, an_answer_that_is_said_and_taken_back_saves_nobody) {
    rig_t rig;
    rig_start(&rig, 1);
    job_t job = job_call(&kills_patient, NULL, NULL, 0);
    job_send(&rig, 0, &job);
    until_begun(&rig, 1);
    _Atomic uint32_t *answer = &channel_of(&rig)->responses[1].state;
    int kills = 0;
    for (bool killed = false; !killed && kills < 100; kills++) {
        atomic_store(answer, mproc_channel_state(1, MPROC_RESPONSE_DONE));
        killed = kill_job(&rig, &job, MPROC_ANY_ITEM);
        atomic_store(answer, 0);
        rig_turn(&rig, 0);
    }
    CHECK_EQ_INT(kills, 4);
    rig_until_done(&rig, &job);
    CHECK_EQ_INT(job.report.error.code, MPROC_ETASKTIMEOUT);
    job_free(&job);
    rig_close(&rig);
}

/* The kill is on its way, as if the system took long. */
TEST(local_kills, what_a_killed_worker_needs_is_nothing_to_look_at_for_ever) {
    rig_t rig;
    rig_start(&rig, 1);
    job_t job = job_call(&kills_wants_memory, NULL, NULL, 0);
    job_send(&rig, 0, &job);
    slot_of(&rig)->kill_code = MPROC_ECANCELLED;
    until_word(&channel_of(&rig)->responses[1].state, mproc_channel_state(1, MPROC_RESPONSE_NEED));
    CHECK(rig.ops->slot_ready(rig.backend, 0));
    rig.ops->poll(rig.backend);
    CHECK(!rig.ops->slot_ready(rig.backend, 0));
    slot_of(&rig)->kill_code = 0;
    rig_kill(&rig, 0, MPROC_ECANCELLED);
    rig_until_done(&rig, &job);
    CHECK_EQ_INT(job.report.error.code, MPROC_ECANCELLED);
    job_free(&job);
    rig_close(&rig);
}
