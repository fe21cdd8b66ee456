/* SPDX-License-Identifier: Apache-2.0 */
/* The lives of local workers: initializer and finalizer, recycling, restarts and their limit, resize, stop, destroy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "local_support.h"
#include "memory.h"
#include "platform/platform.h"
#include "process_host.h"

/* ---- tasks ------------------------------------------------------------------------------------------------------------------- */

static int64_t greeting;

MPROC_TASK(life_initialize) {
    int err = mproc_call_args(call, "x", &greeting);
    mproc_call_set_state(call, &greeting);
    return err;
}

MPROC_TASK(life_state) {
    const int64_t *state = mproc_call_state(call);
    return mproc_call_return(call, state == NULL ? INT64_C(-1) : *state);
}

MPROC_TASK(life_initialize_badly) {
    return mproc_call_fail(call, 77, "no licence");
}

MPROC_TASK(life_initialize_and_crash) {
    abort();
}

MPROC_TASK(life_initialize_for_ever) {
    host_sleep_forever();
}

/* The finalizer writes into a file whose name the initializer left. */
static char finalizer_path[1024];

MPROC_TASK(life_remember_path) {
    const char *path = NULL;
    int err = mproc_call_args(call, "s", &path);
    if (err == MPROC_OK && strlen(path) < sizeof finalizer_path)
        memcpy(finalizer_path, path, strlen(path) + 1);
    return err;
}

MPROC_TASK(life_finalize) {
    char path[sizeof finalizer_path + 32];
    (void)snprintf(path, sizeof path, "%s.%lld", finalizer_path, (long long)mplat_self_pid());
    FILE *file = fopen(path, "wb");
    return file != NULL ? fclose(file) : 1;
}

MPROC_TASK(life_pid) {
    return mproc_call_return(call, mplat_self_pid());
}

MPROC_TASK(life_seed) {
    return mproc_call_return(call, mproc_call_seed(call));
}

MPROC_TASK(life_exit) {
    exit(3);
}

MPROC_TASK(life_sleep) {
    int64_t ms = 0;
    int err = mproc_call_args(call, "x", &ms);
    mplat_sleep_ms(ms);
    return err;
}

/* Keeps so many bytes for ever. */
MPROC_TASK(life_grow) {
    int64_t size = 0;
    int err = mproc_call_args(call, "x", &size);
    static volatile unsigned char *kept;
    if (err == MPROC_OK && (kept = malloc((size_t)size)) != NULL)
        for (int64_t i = 0; i < size; i += 1024)
            kept[i] = 1;
    return err;
}

/* ---- helpers -------------------------------------------------------------------------------------------------------------------- */

static int64_t run_int(rig_t *rig, int slot, const mproc_task_t *task) {
    job_t job = job_call(task, NULL, NULL, 0);
    job_run(rig, slot, &job);
    int64_t number = job_int(&job);
    job_free(&job);
    return number;
}

static void until_room(rig_t *rig, int slot) {
    int64_t end = test_now_ms() + 20000 * test_time_scale();
    while (rig->ops->room(rig->backend, slot) == 0) {
        if (test_now_ms() > end)
            FAIL("slot %d takes nothing; the last end: %s", slot, rig->last_down.error.message);
        rig_turn(rig, 20);
    }
}

static mproc_pool_stats_t stats_of(rig_t *rig) {
    mproc_pool_stats_t stats = {0};
    rig->ops->stats(rig->backend, &stats);
    return stats;
}

static void stop_gently(rig_t *rig, int workers) {
    int downs = rig->downs;
    rig->ops->stop(rig->backend, true);
    rig_until(rig, &rig->downs, downs + workers);
}

/* ---- initializer and finalizer ---------------------------------------------------------------------------------------------------- */

TEST(local_life, the_initializer_sets_the_state_of_each_worker) {
    rig_t rig;
    mproc_pool_options_t options = rig_options(2);
    options.initializer = &life_initialize;
    options.initargs = MPROC_ARGS(INT64_C(4711));
    rig_open(&rig, &options);
    rig_until(&rig, &rig.ups, 2);
    CHECK_EQ_INT(run_int(&rig, 0, &life_state), 4711);
    CHECK_EQ_INT(run_int(&rig, 1, &life_state), 4711);
    rig_close(&rig);
}

static void check_start_fails(const mproc_pool_options_t *options, const char *words, int task_code) {
    rig_t rig;
    rig_open(&rig, options);
    rig_until(&rig, &rig.broken, 1);
    CHECK_EQ_INT(rig.ups, 0);
    CHECK_EQ_INT(rig.last_down.error.code, MPROC_EINIT);
    CHECK_HAS_STR(rig.last_down.error.message, words);
    CHECK_EQ_INT(rig.last_down.error.task_code, task_code);
    CHECK_EQ_INT(rig.why_broken.error.code, MPROC_EINIT);
    CHECK_HAS_STR(rig.why_broken.error.message, words);
    CHECK_HAS_STR(rig.why_broken.error.message, "so no more are started");
    CHECK(stats_of(&rig).workers_failed_start >= (uint64_t)options->restart_limit);
    int downs = rig.downs;
    for (int i = 0; i < 5; i++)
        rig_turn(&rig, 10);
    CHECK_EQ_INT(rig.downs, downs);
    rig_close(&rig);
}

TEST(local_life, an_initializer_that_fails_breaks_the_pool_with_its_words) {
    mproc_pool_options_t options = rig_options(1);
    options.initializer = &life_initialize_badly;
    options.restart_limit = 3;
    check_start_fails(&options, "no licence", 77);
}

TEST(local_life, an_initializer_that_crashes_breaks_the_pool) {
    mproc_pool_options_t options = rig_options(1);
    options.initializer = &life_initialize_and_crash;
    options.restart_limit = 3;
    check_start_fails(&options, "while it started or ran the initializer", 0);
}

TEST(local_life, an_initializer_that_hangs_is_killed_in_time) {
    mproc_pool_options_t options = rig_options(1);
    options.initializer = &life_initialize_for_ever;
    options.restart_limit = 1;
    options.start_timeout_ms = 300 * test_time_scale();
    check_start_fails(&options, "was not up within options.start_timeout_ms", 0);
}

TEST(local_life, a_gentle_stop_does_not_wait_for_an_initializer_that_hangs) {
    rig_t rig;
    mproc_pool_options_t options = rig_options(2);
    options.initializer = &life_initialize_for_ever;
    options.start_timeout_ms = 400 * test_time_scale();
    rig_open(&rig, &options);
    stop_gently(&rig, 2);
    CHECK_EQ_INT(rig.broken, 0);
    rig_close(&rig);
}

/* A file for each: what two processes append to one at the same moment is not kept apart on Windows. */
static bool finalized(const char *prefix, int64_t pid) {
    char path[1100];
    (void)snprintf(path, sizeof path, "%s.%lld", prefix, (long long)pid);
    FILE *file = fopen(path, "rb");
    if (file != NULL)
        (void)fclose(file);
    return file != NULL;
}

TEST(local_life, the_finalizer_runs_in_each_worker_that_retires) {
    char path[1024];
    rig_t rig;
    mproc_pool_options_t options = rig_options(3);
    test_temp_path("finalized", path, sizeof path);
    options.initializer = &life_remember_path;
    options.initargs = MPROC_ARGS((const char *)path);
    options.finalizer = &life_finalize;
    rig_open(&rig, &options);
    rig_until(&rig, &rig.ups, 3);
    int64_t killed = run_int(&rig, 0, &life_pid), pids[3];
    rig_kill(&rig, 0, MPROC_ECANCELLED);
    rig_until(&rig, &rig.ups, 4);
    for (int i = 0; i < 3; i++)
        pids[i] = run_int(&rig, i, &life_pid);
    stop_gently(&rig, 3);
    CHECK_EQ_INT(rig.planned, 3);
    for (int i = 0; i < 3; i++)
        CHECK(finalized(path, pids[i]));
    CHECK(!finalized(path, killed));
    CHECK_EQ_UINT(stats_of(&rig).workers_retired, 3);
    rig_close(&rig);
}

TEST(local_life, seeds_differ_and_come_from_the_pools_seed) {
    enum { WORKERS = 4 };
    int64_t seeds[2][WORKERS];
    for (int round = 0; round < 2; round++) {
        rig_t rig;
        mproc_pool_options_t options = rig_options(WORKERS);
        options.seed = 99;
        rig_open(&rig, &options);
        rig_until(&rig, &rig.ups, WORKERS);
        for (int i = 0; i < WORKERS; i++) {
            job_t job = job_call(&life_seed, NULL, NULL, 0);
            job_run(&rig, i, &job);
            CHECK_EQ_INT(job.outcome, MPROC_OUTCOME_VALUE);
            REQUIRE(job.size >= 2 && job.size <= 9);
            seeds[round][i] = 0;
            memcpy(&seeds[round][i], job.data + 1, job.size - 1 < 8 ? job.size - 1 : 8);
            job_free(&job);
        }
        rig_close(&rig);
    }
    for (int i = 0; i < WORKERS; i++) {
        CHECK_EQ_INT(seeds[0][i], seeds[1][i]);
        for (int k = 0; k < i; k++)
            CHECK(seeds[0][i] != seeds[0][k]);
    }
}

/* ---- recycling ---------------------------------------------------------------------------------------------------------------------- */

TEST(local_life, a_worker_retires_after_its_tasks) {
    rig_t rig;
    mproc_pool_options_t options = rig_options(1);
    int64_t last = 0, same = 0;
    int changes = 0;
    options.maxtasksperchild = 3;
    rig_open(&rig, &options);
    for (int i = 0; i < 12; i++) {
        until_room(&rig, 0);
        CHECK(rig.ops->room(rig.backend, 0) <= 3);
        int64_t pid = run_int(&rig, 0, &life_pid);
        changes += pid != last;
        same += pid == last;
        last = pid;
    }
    CHECK_EQ_INT(changes, 4);
    CHECK_EQ_INT(same, 8);
    rig_until(&rig, &rig.downs, 4);
    CHECK_EQ_INT(rig.planned, 4);
    CHECK_EQ_UINT(stats_of(&rig).workers_retired, 4);
    CHECK_EQ_UINT(stats_of(&rig).workers_crashed, 0);
    rig_close(&rig);
}

TEST(local_life, jitter_spreads_the_retirements) {
    enum { WORKERS = 8 };
    rig_t rig;
    mproc_pool_options_t options = rig_options(WORKERS);
    size_t least = 1000, most = 0;
    options.maxtasksperchild = 100;
    options.recycle_jitter = 0.5;
    options.seed = 5;
    rig_open(&rig, &options);
    rig_until(&rig, &rig.ups, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        size_t room = rig.ops->room(rig.backend, i);
        least = room < least ? room : least;
        most = room > most ? room : most;
    }
    CHECK(least >= 49);
    CHECK(most <= 100);
    CHECK(most - least >= 10);
    rig_close(&rig);
}

TEST(local_life, a_worker_retires_by_age_and_hands_back_what_it_has_not_begun) {
    rig_t rig;
    mproc_pool_options_t options = rig_options(1);
    options.max_age_ms = 300;
    rig_open(&rig, &options);
    rig_until(&rig, &rig.ups, 1);
    job_t first = job_call(&life_sleep, MPROC_ARGS(INT64_C(600)), NULL, 0);
    job_t behind = job_call(&life_pid, NULL, NULL, 0);
    job_send(&rig, 0, &first);
    job_send(&rig, 0, &behind);
    rig_until(&rig, &rig.downs, 1);
    CHECK_EQ_INT(first.succeeded, 1);
    CHECK_EQ_INT(behind.returned, 1);
    CHECK_EQ_INT(rig.planned, 1);
    rig_until(&rig, &rig.ups, 2);
    job_free(&first);
    job_free(&behind);
    rig_close(&rig);
}

TEST(local_life, a_worker_that_has_grown_retires) {
#if defined(MPROC_PORTABLE)
    SKIP("nobody tells the memory of another process here");
#endif
    rig_t rig;
    mproc_pool_options_t options = rig_options(1);
    options.max_memory_bytes = (uint64_t)200 << 20;
    rig_open(&rig, &options);
    rig_until(&rig, &rig.ups, 1);
    for (int i = 0; i < 20; i++)
        (void)run_int(&rig, 0, &life_pid);
    rig_turn(&rig, 30);
    CHECK_EQ_INT(rig.downs, 0);
    job_t job = job_call(&life_grow, MPROC_ARGS(INT64_C(300) << 20), NULL, 0);
    job_run(&rig, 0, &job);
    CHECK_EQ_INT(job.succeeded, 1);
    rig_until(&rig, &rig.downs, 1);
    CHECK_EQ_INT(rig.planned, 1);
    job_free(&job);
    rig_close(&rig);
}

/* ---- restarts ----------------------------------------------------------------------------------------------------------------------- */

TEST(local_life, a_storm_of_deaths_breaks_the_pool) {
    rig_t rig;
    mproc_pool_options_t options = rig_options(1);
    options.restart_limit = 4;
    rig_open(&rig, &options);
    int deaths = 0;
    while (rig.broken == 0 && deaths < 20) {
        until_room(&rig, 0);
        job_t job = job_call(&life_exit, NULL, NULL, 0);
        job_run(&rig, 0, &job);
        CHECK_EQ_INT(job.report.error.code, MPROC_EDIED);
        job_free(&job);
        rig_until(&rig, &rig.downs, ++deaths);
    }
    CHECK_EQ_INT(deaths, 5);
    CHECK_HAS_STR(rig.why_broken.error.message, "5 workers ended within 10000 ms and none of them finished a task");
    CHECK_EQ_UINT(stats_of(&rig).workers_crashed, 5);
    rig_close(&rig);
}

TEST(local_life, a_finished_task_between_deaths_keeps_the_pool) {
    rig_t rig;
    mproc_pool_options_t options = rig_options(1);
    options.restart_limit = 2;
    rig_open(&rig, &options);
    for (int i = 0; i < 8; i++) {
        until_room(&rig, 0);
        (void)run_int(&rig, 0, &life_pid);
        job_t job = job_call(&life_exit, NULL, NULL, 0);
        job_run(&rig, 0, &job);
        job_free(&job);
        rig_until(&rig, &rig.downs, i + 1);
    }
    CHECK_EQ_INT(rig.broken, 0);
    rig_close(&rig);
}

/* ---- size ----------------------------------------------------------------------------------------------------------------------------- */

TEST(local_life, resize_starts_and_retires_workers) {
    rig_t rig;
    rig_start(&rig, 2);
    REQUIRE_OK(rig.ops->resize(rig.backend, 5));
    rig_until(&rig, &rig.ups, 5);
    for (int i = 0; i < 5; i++)
        (void)run_int(&rig, i, &life_pid);
    job_t busy = job_call(&life_sleep, MPROC_ARGS(INT64_C(200)), NULL, 0);
    job_t behind = job_call(&life_pid, NULL, NULL, 0);
    job_send(&rig, 4, &busy);
    while (stats_of(&rig).workers_idle == 5)
        rig_turn(&rig, 5);
    test_sleep_ms(50);
    job_send(&rig, 4, &behind);
    REQUIRE_OK(rig.ops->resize(rig.backend, 1));
    CHECK_EQ_UINT(rig.ops->room(rig.backend, 4), 0);
    rig_until(&rig, &rig.downs, 4);
    CHECK_EQ_INT(rig.planned, 4);
    CHECK_EQ_INT(busy.succeeded, 1);
    CHECK_EQ_INT(behind.returned, 1);
    CHECK_EQ_INT(stats_of(&rig).workers, 1);
    REQUIRE_OK(rig.ops->resize(rig.backend, 3));
    rig_until(&rig, &rig.ups, 7);
    CHECK_EQ_INT(stats_of(&rig).workers, 3);
    job_free(&busy);
    job_free(&behind);
    rig_close(&rig);
}

TEST(local_life, resize_down_and_up_at_once_ends_with_the_wanted_number) {
    rig_t rig;
    rig_start(&rig, 4);
    REQUIRE_OK(rig.ops->resize(rig.backend, 1));
    REQUIRE_OK(rig.ops->resize(rig.backend, 4));
    REQUIRE_OK(rig.ops->resize(rig.backend, 2));
    REQUIRE_OK(rig.ops->resize(rig.backend, 3));
    rig_until(&rig, &rig.downs, 3);
    rig_until(&rig, &rig.ups, 6);
    for (int i = 0; i < 10; i++)
        rig_turn(&rig, 5);
    CHECK_EQ_INT(stats_of(&rig).workers, 3);
    CHECK_EQ_INT(rig.ups - rig.downs, 3);
    rig_close(&rig);
}

TEST(local_life, too_many_workers_are_refused) {
    mproc_pool_options_t options = rig_options(100000);
    mproc_backend_t *backend = NULL;
    static const mproc_backend_events_t none;
    rig_t rig;
    CHECK_ERR(mproc_local_create(&options, &none, NULL, &backend), MPROC_EINVAL);
    CHECK(backend == NULL);
    rig_start(&rig, 1);
    CHECK_ERR(rig.ops->resize(rig.backend, 100000), MPROC_EINVAL);
    rig_close(&rig);
}

TEST(local_life, two_hundred_workers) {
    enum { WORKERS = 200 };
    static job_t jobs[WORKERS];
    rig_t rig;
    rig_start(&rig, WORKERS);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < WORKERS; i++) {
            jobs[i] = job_call(&life_pid, NULL, NULL, 0);
            job_send(&rig, i, &jobs[i]);
        }
        rig_until_all(&rig, jobs, WORKERS);
        for (int i = 1; i < WORKERS; i++)
            CHECK(job_int(&jobs[i]) != job_int(&jobs[i - 1]));
        jobs_free(jobs, WORKERS);
    }
    stop_gently(&rig, WORKERS);
    CHECK_EQ_INT(rig.planned, WORKERS);
    rig_close(&rig);
}

TEST(local_life, two_backends_do_not_meet) {
    rig_t one, two;
    rig_start(&one, 2);
    rig_start(&two, 2);
    job_t bad = job_call(&life_exit, NULL, NULL, 0);
    job_run(&one, 0, &bad);
    CHECK(run_int(&two, 0, &life_pid) != run_int(&one, 1, &life_pid));
    CHECK_EQ_INT(two.downs, 0);
    rig_close(&one);
    (void)run_int(&two, 1, &life_pid);
    job_free(&bad);
    rig_close(&two);
}

/* ---- the end ---------------------------------------------------------------------------------------------------------------------------- */

TEST(local_life, a_gentle_stop_lets_what_is_out_end) {
    enum { COUNT = 50 };
    job_t jobs[COUNT];
    rig_t rig;
    rig_start(&rig, 2);
    for (int i = 0; i < COUNT; i++) {
        jobs[i] = job_call(&life_sleep, MPROC_ARGS(INT64_C(1)), NULL, 0);
        job_send(&rig, i % 2, &jobs[i]);
    }
    stop_gently(&rig, 2);
    CHECK_EQ_INT(rig.planned, 2);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ_UINT(jobs[i].succeeded, 1);
    CHECK_EQ_INT(stats_of(&rig).workers, 0);
    jobs_free(jobs, COUNT);
    rig_close(&rig);
}

TEST(local_life, a_hard_stop_ends_all_at_once) {
    rig_t rig;
    rig_start(&rig, 2);
    job_t jobs[3];
    for (int i = 0; i < 3; i++) {
        jobs[i] = job_call(&life_sleep, MPROC_ARGS(INT64_C(600000)), NULL, 0);
        job_send(&rig, i % 2, &jobs[i]);
    }
    test_sleep_ms(50);
    int64_t before = test_now_ms();
    rig.ops->stop(rig.backend, false);
    rig_until(&rig, &rig.downs, 2);
    CHECK(test_now_ms() - before < 1000 * test_time_scale() || test_on_wine());
    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(jobs[i].finished + jobs[i].returned, 1);
    CHECK_EQ_INT(jobs[0].report.error.code, MPROC_ECANCELLED);
    CHECK_EQ_INT(jobs[2].returned, 1);
    jobs_free(jobs, 3);
    rig_close(&rig);
}

TEST(local_life, destroy_needs_nobody) {
    for (int moment = 0; moment < 6; moment++) {
        rig_t rig;
        mproc_pool_options_t options = rig_options(3);
        job_t jobs[30];
        options.initializer = moment == 5 ? &life_initialize_for_ever : NULL;
        rig_open(&rig, &options);
        if (moment > 0 && moment < 5)
            rig_until(&rig, &rig.ups, 3);
        for (int i = 0; i < 30 && moment > 1 && moment < 5; i++) {
            jobs[i] = job_call(&life_sleep, MPROC_ARGS(moment == 2 ? INT64_C(0) : INT64_C(600000)), NULL, 0);
            job_send(&rig, i % 3, &jobs[i]);
        }
        if (moment == 3)
            rig.ops->stop(rig.backend, true);
        if (moment == 4)
            rig_kill(&rig, 0, MPROC_ECANCELLED);
        int64_t before = test_now_ms();
        rig_close(&rig);
        CHECK(test_now_ms() - before < 1500 * test_time_scale() || test_on_wine());
        if (moment > 1 && moment < 5)
            jobs_free(jobs, 30);
    }
}

MPROC_TASK(life_bytes) {
    void *place = NULL;
    int err = mproc_call_reserve(call, 100000, &place);
    if (err == MPROC_OK)
        memset(place, 'h', 100000);
    return err;
}

TEST(local_life, held_results_outlive_the_pool) {
    enum { COUNT = 5 };
    mproc_hold_t *holds[COUNT];
    job_t jobs[COUNT];
    rig_t rig;
    rig_start(&rig, 1);
    rig.holds = holds;
    for (int i = 0; i < COUNT; i++) {
        jobs[i] = job_call(&life_bytes, NULL, NULL, 0);
        job_run(&rig, 0, &jobs[i]);
        CHECK_EQ_UINT(jobs[i].size, 100000);
    }
    REQUIRE_EQ_UINT(rig.hold_count, COUNT);
    holds[0]->release(holds[0]);
    rig_kill(&rig, 0, MPROC_ECANCELLED);
    rig_until(&rig, &rig.downs, 1);
    holds[1]->release(holds[1]);
    rig_close(&rig);
    for (int i = 2; i < COUNT; i++)
        holds[i]->release(holds[i]);
    jobs_free(jobs, COUNT);
}

/* The harness counts handles, children and segments behind this. */
TEST(local_life, a_thousand_lives_leave_nothing) {
    int64_t rounds = test_on_wine() ? 30 : 1000 / test_time_scale();
    size_t live = 0;
    for (int round = 0; round < rounds; round++) {
        rig_t rig;
        rig_start(&rig, 1 + round % 2);
        job_t job = job_call(round % 3 == 0 ? &life_bytes : &life_pid, NULL, NULL, 0);
        job_run(&rig, 0, &job);
        CHECK_EQ_UINT(job.succeeded, 1);
        job_free(&job);
        if (round % 5 == 0)
            stop_gently(&rig, 1 + round % 2);
        rig_close(&rig);
        if (round == 0)
            live = mproc_memory_live();
        CHECK_EQ_UINT(mproc_memory_live(), live);
    }
}

TEST(local_life, without_memory_a_pool_is_not_made_and_nothing_is_left) {
    (void)mproc_fail(MPROC_EINVAL, "the thread's own report, which stays, has room for %d bytes of %s", 1, "text");
    size_t live = mproc_memory_live();
    static const mproc_backend_events_t none;
    for (uint64_t n = 1; n < 200; n++) {
        mproc_pool_options_t options = rig_options(2);
        mproc_backend_t *backend = NULL;
        mproc_memory_fail_at(n);
        int err = mproc_local_create(&options, &none, NULL, &backend);
        bool failed = mproc_memory_pending() == 0;
        mproc_memory_fail_at(0);
        if (backend != NULL)
            backend->ops->destroy(backend);
        CHECK((err == MPROC_OK) == (backend != NULL));
        CHECK_EQ_UINT(mproc_memory_live(), live);
        if (!failed)
            return;
    }
    FAIL("it takes memory without end");
}
