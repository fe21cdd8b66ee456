/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that wait for local workers: the pool's for all, callers for one. No wake-up is lost, spinning or not. */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "local_support.h"
#include "platform/platform.h"
#include "threads.h"
#include "worker.h"

MPROC_TASK(waiting_nothing) {
    return MPROC_OK;
}

MPROC_TASK(waiting_pause) {
    int64_t us = 0;
    int err = mproc_call_args(call, "x", &us);
    for (int64_t end = mplat_clock_ns() + us * 1000; mplat_clock_ns() < end;)
        mplat_cpu_relax();
    return err;
}

MPROC_TASK(waiting_sleep) {
    int64_t ms = 0;
    int err = mproc_call_args(call, "x", &ms);
    mplat_sleep_ms(ms);
    return err;
}

/* Overwrites that the pool's thread is to be woken, once that sleeps. */
MPROC_TASK(waiting_start_unheard) {
    mplat_sleep_ms(300);
    atomic_store(&((mproc_worker_t *)call->worker)->channel->parent_waits, 0);
    return MPROC_OK;
}

/* ---- one thread ------------------------------------------------------------------------------------------------------------------- */

static const _Atomic uint32_t never;

static void start(rig_t *rig, int workers, bool no_spin) {
    mproc_pool_options_t options = rig_options(workers);
    options.no_spin = no_spin;
    rig_open(rig, &options);
    rig_never_look(rig);
    rig_until(rig, &rig->ups, workers);
}

/* As a caller does: nobody else is told. */
static void apply(rig_t *rig, int slot, job_t *job) {
    int64_t end = test_now_ms() + rig_patience_ms();
    REQUIRE_OK(rig->ops->submit(rig->backend, slot, &job->work));
    rig->ops->flush(rig->backend, slot);
    while (atomic_load(&job->done) == 0) {
        if (test_now_ms() > end)
            FAIL("the reply is lost");
        rig->ops->wait_slot(rig->backend, slot, &job->done, rig_patience_ms() * 1000000);
        rig->ops->poll(rig->backend);
    }
}

static void check_applies(bool no_spin, int rounds) {
    rig_t rig;
    start(&rig, 2, no_spin);
    for (int i = 0; i < rounds; i++) {
        job_t job = job_call(&waiting_nothing, NULL, NULL, 0);
        apply(&rig, i % 2, &job);
        CHECK_EQ_UINT(job.succeeded, 1);
        job_free(&job);
    }
    rig_close(&rig);
}

TEST(local_waiting, a_caller_waits_at_its_slot) {
    check_applies(false, test_on_wine() ? 300 : 5000);
}

TEST(local_waiting, a_caller_waits_at_its_slot_without_spinning) {
    check_applies(true, test_on_wine() ? 300 : 5000);
}

TEST(local_waiting, waits_keep_their_time) {
    rig_t rig;
    start(&rig, 1, false);
    job_t job = job_call(&waiting_sleep, MPROC_ARGS(INT64_C(400)), NULL, 0);
    job_send(&rig, 0, &job);
    int64_t before = test_now_ms();
    rig.ops->wait_slot(rig.backend, 0, &never, 50000000);
    CHECK(test_now_ms() - before >= 40);
    while (rig.ops->slot_ready(rig.backend, 0) == false)
        rig.ops->wait(rig.backend, 30000000);
    rig.ops->poll(rig.backend);
    CHECK_EQ_INT(job.finished, 1);
    rig.ops->wait(rig.backend, 50000000);
    CHECK(!rig.ops->slot_ready(rig.backend, 0));
    job_free(&job);
    rig_close(&rig);
}

TEST(local_waiting, wake_ends_the_next_wait) {
    rig_t rig;
    start(&rig, 1, false);
    rig_turn(&rig, 0);
    int64_t before = test_now_ms();
    rig.ops->wake(rig.backend);
    rig.ops->wait(rig.backend, 2 * rig_patience_ms() * 1000000);
    CHECK(test_now_ms() - before < rig_patience_ms()); /* else the wake-up is lost */
    rig_close(&rig);
}

/* ---- several threads ----------------------------------------------------------------------------------------------------------------- */

typedef struct crowd {
    rig_t *rig;
    mproc_mutex_t *mutex;
    int slot, rounds;
    _Atomic bool end;
    _Atomic int finished, woken;
} crowd_t;

static void serve(void *context) {
    crowd_t *crowd = context;
    rig_t *rig = crowd->rig;
    while (!atomic_load(&crowd->end)) {
        rig->ops->wait(rig->backend, -1);
        mproc_mutex_lock(crowd->mutex);
        rig->ops->poll(rig->backend);
        mproc_mutex_unlock(crowd->mutex);
    }
}

/* One caller a slot: it waits there, and polls for all. */
static void call_again_and_again(void *context) {
    crowd_t *crowd = context;
    rig_t *rig = crowd->rig;
    for (int i = 0; i < crowd->rounds; i++) {
        job_t job = {.work = {.task = &waiting_nothing, .kind = MPROC_WORK_CALL, .count = 1}};
        mproc_report_init(&job.report);
        mproc_mutex_lock(crowd->mutex);
        bool sent = rig->ops->submit(rig->backend, crowd->slot, &job.work) == MPROC_OK;
        rig->ops->flush(rig->backend, crowd->slot);
        bool direct = i % 3 != 0;
        rig->ops->heed(rig->backend, crowd->slot, direct ? NULL : &job.work);
        mproc_mutex_unlock(crowd->mutex);
        while (sent && atomic_load(&job.done) == 0) {
            if (!direct) { /* the pool's thread brings it */
                mplat_thread_yield();
                continue;
            }
            rig->ops->wait_slot(rig->backend, crowd->slot, &job.done, -1);
            mproc_mutex_lock(crowd->mutex);
            rig->ops->poll(rig->backend);
            mproc_mutex_unlock(crowd->mutex);
        }
        /* Whoever brought the reply has done with the job when the lock is free. */
        mproc_mutex_lock(crowd->mutex);
        atomic_fetch_add(&crowd->finished, job.succeeded == 1);
        mproc_mutex_unlock(crowd->mutex);
    }
}

/* As the core does: whoever polls may bring a reply that somebody else sleeps for. */
static void wake_caller(rig_t *rig, job_t *job) {
    rig->ops->wake_slot(rig->backend, job->slot);
}

static void check_crowd(bool no_spin) {
    enum { CALLERS = 3 };
    int rounds = test_on_wine() ? 150 : 3000;
    rig_t rig;
    crowd_t pool = {.rig = &rig}, callers[CALLERS];
    mproc_thread_t *server = NULL, *threads[CALLERS] = {NULL};
    start(&rig, CALLERS, no_spin);
    rig.on_finished = wake_caller;
    REQUIRE_OK(mproc_mutex_create(&pool.mutex));
    REQUIRE_OK(mproc_thread_create(serve, &pool, 0, &server));
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (crowd_t){.rig = &rig, .mutex = pool.mutex, .slot = i, .rounds = rounds};
        REQUIRE_OK(mproc_thread_create(call_again_and_again, &callers[i], 0, &threads[i]));
    }
    for (int i = 0; i < CALLERS; i++) {
        mproc_thread_join(&threads[i]);
        CHECK_EQ_INT(atomic_load(&callers[i].finished), rounds);
    }
    atomic_store(&pool.end, true);
    rig.ops->wake(rig.backend);
    mproc_thread_join(&server);
    mproc_mutex_destroy(pool.mutex);
    rig_close(&rig);
}

TEST(local_waiting, callers_and_the_pools_thread_lose_no_reply) {
    check_crowd(false);
}

TEST(local_waiting, callers_and_the_pools_thread_lose_no_reply_without_spinning) {
    check_crowd(true);
}

/* ---- waking a caller ---------------------------------------------------------------------------------------------------------------- */

typedef struct sleeper {
    rig_t *rig;
    _Atomic uint32_t done;
    _Atomic int awake;
} sleeper_t;

static void sleep_at_slot(void *context) {
    sleeper_t *sleeper = context;
    while (atomic_load(&sleeper->done) == 0)
        sleeper->rig->ops->wait_slot(sleeper->rig->backend, 0, &sleeper->done, -1);
    atomic_store(&sleeper->awake, 1);
}

TEST(local_waiting, wake_slot_ends_a_callers_sleep) {
    rig_t rig;
    start(&rig, 1, true);
    job_t job = job_call(&waiting_sleep, MPROC_ARGS(INT64_C(3000)), NULL, 0);
    job_send(&rig, 0, &job);
    for (int i = 0; i < 200; i++) {
        sleeper_t sleeper = {.rig = &rig};
        mproc_thread_t *thread = NULL;
        REQUIRE_OK(mproc_thread_create(sleep_at_slot, &sleeper, 0, &thread));
        if (i % 4 == 0)
            test_sleep_ms(1);
        atomic_store(&sleeper.done, 1);
        rig.ops->wake_slot(rig.backend, 0);
        mproc_thread_join(&thread);
        CHECK_EQ_INT(atomic_load(&sleeper.awake), 1);
    }
    job_free(&job);
    rig_close(&rig);
}

TEST(local_waiting, the_death_of_a_worker_ends_a_callers_sleep) {
    for (int i = 0; i < 20; i++) {
        rig_t rig;
        mproc_thread_t *thread = NULL;
        start(&rig, 1, i % 2 == 0);
        sleeper_t sleeper = {.rig = &rig};
        job_t job = job_call(&waiting_sleep, MPROC_ARGS(INT64_C(60000)), NULL, 0);
        job_send(&rig, 0, &job);
        REQUIRE_OK(mproc_thread_create(sleep_at_slot, &sleeper, 0, &thread));
        test_sleep_ms(i % 3);
        rig_kill(&rig, 0, MPROC_ECANCELLED);
        rig_until(&rig, &rig.downs, 1);
        CHECK(rig.ops->slot_ready(rig.backend, 0) || rig.ups > 1);
        atomic_store(&sleeper.done, 1);
        rig.ops->wake_slot(rig.backend, 0);
        mproc_thread_join(&thread);
        job_free(&job);
        rig_close(&rig);
    }
}

/* Threads sit at slots whose workers come and go: no line is freed under them, and in the end none is left. */
TEST(local_waiting, workers_die_while_callers_wait) {
    enum { CALLERS = 2, DEATHS = 30 };
    rig_t rig;
    sleeper_t sleepers[CALLERS];
    mproc_thread_t *threads[CALLERS] = {NULL};
    mproc_pool_options_t options = rig_options(1);
    options.restart_limit = 1000;
    rig_open(&rig, &options);
    rig_until(&rig, &rig.ups, 1);
    sleepers[0] = (sleeper_t){.rig = &rig};
    REQUIRE_OK(mproc_thread_create(sleep_at_slot, &sleepers[0], 0, &threads[0]));
    for (int i = 0; i < DEATHS; i++) {
        job_t job = job_call(&waiting_pause, MPROC_ARGS(INT64_C(200000)), NULL, 0);
        job_send(&rig, 0, &job);
        rig_kill(&rig, 0, MPROC_ECANCELLED);
        rig_until(&rig, &rig.ups, i + 2);
        CHECK_EQ_INT(job.finished + job.returned, 1);
        job_free(&job);
    }
    atomic_store(&sleepers[0].done, 1);
    rig.ops->wake_slot(rig.backend, 0);
    mproc_thread_join(&threads[0]);
    rig_close(&rig);
}

/* ---- a long sleep ---------------------------------------------------------------------------------------------------------------------- */

/* As the pool's thread does: it looks only when it is woken. */
static void await_done(rig_t *rig, job_t *job) {
    int64_t end = test_now_ms() + rig_patience_ms();
    while (atomic_load(&job->done) == 0) {
        if (test_now_ms() > end)
            FAIL("the reply is lost");
        rig->ops->wait(rig->backend, rig_patience_ms() * 1000000);
        rig->ops->poll(rig->backend);
    }
}

TEST(local_waiting, one_heed_hears_of_a_whole_batch) {
    enum { COUNT = 500 };
    static job_t jobs[COUNT];
    rig_t rig;
    start(&rig, 1, false);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < COUNT; i++) {
            jobs[i] = job_call(&waiting_nothing, NULL, NULL, 0);
            REQUIRE_OK(rig.ops->submit(rig.backend, 0, &jobs[i].work));
        }
        rig_flush(&rig, 0, &jobs[COUNT - 1]);
        await_done(&rig, &jobs[COUNT - 1]);
        for (int i = 0; i < COUNT; i++)
            CHECK_EQ_UINT(jobs[i].succeeded, 1);
        jobs_free(jobs, COUNT);
    }
    rig_close(&rig);
}

TEST(local_waiting, a_worker_that_comes_up_unheard_is_found) {
    mproc_pool_options_t options = rig_options(1);
    rig_t rig;
    options.initializer = &waiting_start_unheard;
    options.start_timeout_ms = 3600000;
    rig_open(&rig, &options);
    while (rig.ups == 0) {
        rig.ops->wait(rig.backend, -1);
        rig.ops->poll(rig.backend);
    }
    rig_close(&rig);
}

TEST(local_waiting, an_idle_worker_wakes_up_again_and_again) {
    rig_t rig;
    start(&rig, 1, false);
    for (int i = 0; i < 300; i++) {
        job_t job = job_call(&waiting_pause, MPROC_ARGS((int64_t)(i % 40)), NULL, 0);
        for (int64_t end = mplat_clock_ns() + INT64_C(10000) * (i % 50); mplat_clock_ns() < end;)
            continue;
        job_send(&rig, 0, &job);
        await_done(&rig, &job);
        CHECK_EQ_UINT(job.succeeded, 1);
        job_free(&job);
    }
    rig_close(&rig);
}
