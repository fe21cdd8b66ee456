/* SPDX-License-Identifier: Apache-2.0 */
/* What the core does to works that are out: taking back, asking what runs, cancelling, killing. */
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "local_support.h"
#include "memory.h"
#include "platform/platform.h"
#include "process_host.h"
#include "worker_host.h"

/* ---- tasks ------------------------------------------------------------------------------------------------------------------- */

MPROC_TASK(control_nothing) {
    return MPROC_OK;
}

/* Runs until it is told to end, or for so many milliseconds. */
MPROC_TASK(control_patient) {
    int64_t ms = 0;
    int err = mproc_call_args(call, "x", &ms);
    for (int64_t i = 0; err == MPROC_OK && i < ms && !mproc_call_cancelled(call); i++)
        mplat_sleep_ms(1);
    return err != MPROC_OK ? err : mproc_call_return(call, (int64_t)mproc_call_cancelled(call));
}

/* Each item sleeps as many milliseconds as it says. */
MPROC_TASK(control_sleeps) {
    const void *input = NULL;
    size_t size = 0;
    int64_t ms = 0;
    mproc_call_input(call, &input, &size);
    memcpy(&ms, input, sizeof ms);
    mplat_sleep_ms(ms);
    return MPROC_OK;
}

MPROC_TASK(control_spin) {
    volatile int spinning = 1;
    while (spinning != 0)
        continue;
    return MPROC_OK;
}

MPROC_TASK(control_stop) {
    host_stop_self();
    return MPROC_OK;
}

/* ---- helpers -------------------------------------------------------------------------------------------------------------------- */

static job_t patient(int64_t ms) {
    return job_call(&control_patient, MPROC_ARGS(ms), NULL, 0);
}

static bool runs(rig_t *rig, int slot, const job_t *job, uint32_t *out_item, int64_t *out_since_ns) {
    mproc_work_t *work = NULL;
    return rig->ops->running(rig->backend, slot, &work, out_item, out_since_ns) && work == &job->work;
}

static void until_runs(rig_t *rig, int slot, const job_t *job) {
    uint32_t item = 0;
    int64_t since = 0;
    int64_t end = test_now_ms() + 10000 * test_time_scale();
    while (!runs(rig, slot, job, &item, &since)) {
        if (test_now_ms() > end)
            FAIL("the job does not begin");
        rig_turn(rig, 5);
    }
}

static bool revoke(rig_t *rig, int slot, job_t *job) {
    return rig->ops->revoke(rig->backend, slot, &job->work);
}

/* ---- taking back ------------------------------------------------------------------------------------------------------------------ */

TEST(local_control, what_has_not_begun_can_be_taken_back) {
    enum { COUNT = 6 };
    rig_t rig;
    job_t jobs[COUNT];
    rig_start(&rig, 1);
    job_t first = patient(10000);
    job_send(&rig, 0, &first);
    until_runs(&rig, 0, &first);
    for (int i = 0; i < COUNT; i++) {
        jobs[i] = job_call(&control_nothing, NULL, NULL, 0);
        job_send(&rig, 0, &jobs[i]);
    }
    CHECK(!revoke(&rig, 0, &first));
    CHECK(revoke(&rig, 0, &jobs[COUNT - 1])); /* the last, one from the middle, the next */
    CHECK(revoke(&rig, 0, &jobs[2]));
    CHECK(revoke(&rig, 0, &jobs[0]));
    CHECK(!revoke(&rig, 0, &jobs[2]));
    CHECK(jobs[2].work.backend == NULL);
    rig.ops->cancel(rig.backend, 0, &first.work);
    rig_until_done(&rig, &first);
    rig_until_done(&rig, &jobs[1]);
    rig_until_done(&rig, &jobs[3]);
    rig_until_done(&rig, &jobs[4]);
    CHECK_EQ_INT(job_int(&first), 1);
    for (int i = 0; i < COUNT; i++) {
        bool taken = i == 0 || i == 2 || i == COUNT - 1;
        CHECK_EQ_INT(jobs[i].finished, !taken);
        CHECK_EQ_INT(jobs[i].returned, 0);
    }
    jobs_free(jobs, COUNT);
    job_free(&first);
    rig_close(&rig);
}

TEST(local_control, what_is_done_cannot_be_taken_back) {
    rig_t rig;
    rig_start(&rig, 1);
    job_t job = job_call(&control_nothing, NULL, NULL, 0);
    job_run(&rig, 0, &job);
    CHECK(!revoke(&rig, 0, &job));
    job_free(&job);
    rig_close(&rig);
}

TEST(local_control, what_was_taken_back_can_be_sent_again) {
    rig_t rig;
    rig_start(&rig, 2);
    job_t first = patient(10000), second = job_call(&control_nothing, NULL, NULL, 0);
    job_send(&rig, 0, &first);
    job_send(&rig, 0, &second);
    until_runs(&rig, 0, &first);
    CHECK(revoke(&rig, 0, &second));
    job_run(&rig, 1, &second);
    CHECK_EQ_INT(second.slot, 1);
    rig.ops->cancel(rig.backend, 0, &first.work);
    rig_until_done(&rig, &first);
    job_free(&first);
    job_free(&second);
    rig_close(&rig);
}

/* The worker runs through its ring while the other end of it is taken back: each work is either run or taken, never both. */
TEST(local_control, taking_back_against_a_busy_worker_loses_nothing) {
    enum { COUNT = 512, ROUNDS = 60 };
    static job_t jobs[COUNT];
    rig_t rig;
    int taken = 0, run = 0;
    rig_start(&rig, 1);
    for (int round = 0; round < ROUNDS; round++) {
        bool is_taken[COUNT] = {false};
        for (int i = 0; i < COUNT; i++) {
            jobs[i] = job_call(&control_nothing, NULL, NULL, 0);
            REQUIRE_OK(rig.ops->submit(rig.backend, 0, &jobs[i].work));
        }
        rig_flush(&rig, 0, &jobs[COUNT - 1]);
        for (int i = COUNT - 1; i >= 0; i -= 1 + round % 3)
            is_taken[i] = jobs[i].work.backend != NULL && revoke(&rig, 0, &jobs[i]);
        for (int i = 0; i < COUNT; i++) {
            if (!is_taken[i])
                rig_until_done(&rig, &jobs[i]);
            CHECK_EQ_INT(jobs[i].finished, !is_taken[i]);
            taken += is_taken[i];
            run += jobs[i].finished;
        }
        CHECK_EQ_INT(jobs[0].returned, 0);
        jobs_free(jobs, COUNT);
    }
    CHECK_EQ_INT(taken + run, (int64_t)COUNT * ROUNDS);
    CHECK(run > 0);
    while (rig.ops->room(rig.backend, 0) < MPROC_CHANNEL_SLOTS)
        rig_turn(&rig, 10);
    rig_close(&rig);
}

TEST(local_control, taking_back_gives_the_memory_back) {
    enum { ROUNDS = 200, SIZE = 300000 };
    static unsigned char input[SIZE];
    rig_t rig;
    mproc_pool_stats_t stats = {0};
    rig_start(&rig, 1);
    for (int i = 0; i < ROUNDS; i++) {
        job_t first = patient(1), second = job_call(&control_nothing, NULL, input, SIZE);
        job_send(&rig, 0, &first);
        job_send(&rig, 0, &second);
        if (!revoke(&rig, 0, &second))
            rig_until_done(&rig, &second);
        rig_until_done(&rig, &first);
        job_free(&first);
        job_free(&second);
    }
    rig.ops->stats(rig.backend, &stats);
    CHECK(stats.shared_bytes <= sizeof(mproc_channel_t) + (size_t)4 * (SIZE + 100000));
    rig_close(&rig);
}

/* ---- what runs ---------------------------------------------------------------------------------------------------------------------- */

TEST(local_control, nothing_runs_in_an_idle_slot) {
    rig_t rig;
    mproc_work_t *work = NULL;
    uint32_t item = 0;
    int64_t since = 0;
    rig_start(&rig, 1);
    CHECK(!rig.ops->running(rig.backend, 0, &work, &item, &since));
    job_t job = job_call(&control_nothing, NULL, NULL, 0);
    job_run(&rig, 0, &job);
    CHECK(!rig.ops->running(rig.backend, 0, &work, &item, &since));
    job_free(&job);
    rig_close(&rig);
}

TEST(local_control, running_tells_the_work_and_since_when) {
    rig_t rig;
    uint32_t item = 9;
    int64_t since = 0;
    rig_start(&rig, 1);
    int64_t before = mplat_clock_ns();
    job_t job = patient(10000);
    job_send(&rig, 0, &job);
    until_runs(&rig, 0, &job);
    REQUIRE(runs(&rig, 0, &job, &item, &since));
    CHECK_EQ_UINT(item, 0);
    CHECK(since >= before && since <= mplat_clock_ns());
    int64_t first = since;
    test_sleep_ms(20);
    REQUIRE(runs(&rig, 0, &job, &item, &since));
    CHECK_EQ_INT(since, first);
    rig.ops->cancel(rig.backend, 0, &job.work);
    rig_until_done(&rig, &job);
    job_free(&job);
    rig_close(&rig);
}

/* With watch, item and time are exact, and started comes before finished. */
TEST(local_control, a_watched_chunk_tells_item_and_time) {
    int64_t items[3] = {1, 300, 1};
    rig_t rig;
    uint32_t item = 0;
    int64_t since = 0;
    rig_start(&rig, 1);
    job_t job = job_array(&control_sleeps, items, 3, sizeof *items, NULL, 0);
    job.work.watch = true;
    int64_t before = mplat_clock_ns();
    job_send(&rig, 0, &job);
    while (!runs(&rig, 0, &job, &item, &since) || item != 1)
        rig_turn(&rig, 1);
    CHECK(since >= before + 1000000 && since <= mplat_clock_ns());
    CHECK_EQ_INT(job.started, 1);
    CHECK_EQ_INT(job.finished, 0);
    rig_until_done(&rig, &job);
    CHECK_EQ_INT(job.started, 1);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_control, the_start_of_a_watched_work_ends_a_wait) {
    rig_t rig;
    rig_start(&rig, 1);
    for (int i = 0; i < 20; i++) {
        job_t job = patient(10000);
        job.work.watch = true;
        job_send(&rig, 0, &job);
        rig_until(&rig, &job.started, 1);
        CHECK_EQ_INT(job.finished, 0);
        rig.ops->cancel(rig.backend, 0, &job.work);
        rig_until_done(&rig, &job);
        job_free(&job);
    }
    rig_close(&rig);
}

TEST(local_control, every_watched_work_starts_once) {
    enum { COUNT = 100 };
    static job_t jobs[COUNT];
    rig_t rig;
    rig_start(&rig, 1);
    for (int i = 0; i < COUNT; i++) {
        jobs[i] = job_call(&control_nothing, NULL, NULL, 0);
        jobs[i].work.watch = i % 3 != 0;
        job_send(&rig, 0, &jobs[i]);
    }
    rig_until_all(&rig, jobs, COUNT);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ_INT(jobs[i].started, i % 3 != 0);
    jobs_free(jobs, COUNT);
    rig_close(&rig);
}

/* ---- cancelling -------------------------------------------------------------------------------------------------------------------------- */

TEST(local_control, cancel_reaches_the_running_work_alone) {
    rig_t rig;
    rig_start(&rig, 1);
    job_t first = patient(10000), second = patient(30), third = patient(30);
    job_send(&rig, 0, &first);
    job_send(&rig, 0, &second);
    job_send(&rig, 0, &third);
    until_runs(&rig, 0, &first);
    rig.ops->cancel(rig.backend, 0, &second.work); /* not begun: nothing to tell */
    rig.ops->cancel(rig.backend, 0, &first.work);
    rig_until_done(&rig, &third);
    CHECK_EQ_INT(job_int(&first), 1);
    CHECK_EQ_INT(job_int(&second), 0);
    CHECK_EQ_INT(job_int(&third), 0);
    job_free(&first);
    job_free(&second);
    job_free(&third);
    rig_close(&rig);
}

/* ---- killing ------------------------------------------------------------------------------------------------------------------------------ */

static void check_kill(const mproc_task_t *task, const mproc_args_t *args, int code, const char *words) {
    rig_t rig;
    rig_start(&rig, 2);
    job_t job = job_call(task, args, NULL, 0), behind = job_call(&control_nothing, NULL, NULL, 0);
    mproc_pool_stats_t stats = {0};
    job_send(&rig, 0, &job);
    until_runs(&rig, 0, &job);
    job_send(&rig, 0, &behind);
    test_sleep_ms(20);
    CHECK(rig.ops->kill(rig.backend, 0, &job.work, MPROC_ANY_ITEM, code));
    CHECK_EQ_UINT(rig.ops->room(rig.backend, 0), 0);
    rig_until(&rig, &rig.downs, 1);
    CHECK_EQ_INT(job.finished, 1);
    CHECK_EQ_INT(behind.returned, 1);
    CHECK_EQ_INT(job.report.error.code, code);
    CHECK_EQ_STR(job.report.error.task, task->name);
    CHECK_HAS_STR(job.report.error.message, words);
    rig.ops->stats(rig.backend, &stats);
    CHECK_EQ_UINT(stats.workers_killed, 1);
    CHECK_EQ_UINT(stats.workers_crashed, 0);
    rig_until(&rig, &rig.ups, 3);
    job_t after = job_call(&control_nothing, NULL, NULL, 0);
    job_run(&rig, 0, &after);
    CHECK_EQ_INT(after.succeeded, 1);
    job_free(&after);
    job_free(&behind);
    job_free(&job);
    rig_close(&rig);
}

TEST(local_control, a_kill_for_time_says_so) {
    check_kill(&control_spin, NULL, MPROC_ETASKTIMEOUT, "took longer than its timeout_ms or deadline_ms allows");
}

TEST(local_control, a_kill_for_cancelling_says_so) {
    check_kill(&control_patient, MPROC_ARGS(INT64_C(60000)), MPROC_ECANCELLED, "cancelled");
}

TEST(local_control, a_stopped_worker_can_be_killed) {
    check_kill(&control_stop, NULL, MPROC_ETASKTIMEOUT, "took longer");
}

/* However the kill meets the works: each comes back once, and at most one has failed. */
TEST(local_control, a_kill_fails_at_most_what_runs) {
    enum { COUNT = 200, ROUNDS = 30 };
    static job_t jobs[COUNT];
    rig_t rig;
    rig_start(&rig, 1);
    for (int round = 0; round < ROUNDS; round++) {
        int failed = 0, finished = 0, returned = 0, downs = rig.downs;
        for (int i = 0; i < COUNT; i++) {
            jobs[i] = job_call(&control_nothing, NULL, NULL, 0);
            REQUIRE_OK(rig.ops->submit(rig.backend, 0, &jobs[i].work));
        }
        rig_flush(&rig, 0, &jobs[COUNT - 1]);
        for (int64_t until = mplat_clock_ns() + INT64_C(3000) * round; mplat_clock_ns() < until;)
            continue;
        rig_kill(&rig, 0, MPROC_ECANCELLED);
        rig_until(&rig, &rig.downs, downs + 1);
        for (int i = 0; i < COUNT; i++) {
            CHECK_EQ_INT(jobs[i].finished + jobs[i].returned, 1);
            finished += jobs[i].finished;
            returned += jobs[i].returned;
            failed += jobs[i].failed > 0;
            CHECK(jobs[i].returned == 0 || i == 0 || jobs[i].returned >= jobs[i - 1].returned);
        }
        CHECK_EQ_INT(finished + returned, COUNT);
        CHECK(failed <= 1);
        jobs_free(jobs, COUNT);
        rig_until(&rig, &rig.ups, rig.downs + 1);
    }
    rig_close(&rig);
}

/* ---- from inside events ------------------------------------------------------------------------------------------------------------------- */

static job_t chain[300];
static int chained;

static void send_next(rig_t *rig, job_t *job) {
    (void)job;
    if (chained < (int)(sizeof chain / sizeof chain[0]) && rig->ops->room(rig->backend, 0) > 0) {
        chain[chained] = job_call(&control_nothing, NULL, NULL, 0);
        CHECK_OK(rig->ops->submit(rig->backend, 0, &chain[chained].work));
        rig_flush(rig, 0, &chain[chained++]);
    }
}

TEST(local_control, an_event_may_submit) {
    rig_t rig;
    chained = 1;
    rig_start(&rig, 1);
    rig.on_finished = send_next;
    chain[0] = job_call(&control_nothing, NULL, NULL, 0);
    job_send(&rig, 0, &chain[0]);
    for (int i = 0; i < (int)(sizeof chain / sizeof chain[0]); i++)
        rig_until_done(&rig, &chain[i]);
    CHECK_EQ_INT(chain[299].succeeded, 1);
    jobs_free(chain, (size_t)chained);
    rig_close(&rig);
}

static void kill_slot(rig_t *rig, job_t *job) {
    rig_kill(rig, job->slot, MPROC_ECANCELLED);
}

static void send_again(rig_t *rig, job_t *job) {
    CHECK_EQ_UINT(rig->ops->room(rig->backend, job->slot), 0); /* a slot that goes down takes nothing */
}

TEST(local_control, an_event_may_kill) {
    rig_t rig;
    rig_start(&rig, 1);
    rig.on_finished = kill_slot;
    rig.on_returned = send_again;
    job_t first = job_call(&control_nothing, NULL, NULL, 0), second = patient(10000), third = patient(10000);
    job_send(&rig, 0, &first);
    job_send(&rig, 0, &second);
    job_send(&rig, 0, &third);
    rig_until(&rig, &rig.downs, 1);
    CHECK_EQ_INT(first.succeeded, 1);
    CHECK_EQ_INT(second.finished + second.returned, 1);
    CHECK_EQ_INT(third.returned, 1);
    job_free(&first);
    job_free(&second);
    job_free(&third);
    rig_close(&rig);
}
