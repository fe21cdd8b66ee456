/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by the thousand: nothing adds up, no end is lost, whatever the order in which things happen. */
#include "cycles.h"
#include "process_help.h"
#include "process_host.h"
#include "test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4

MPROC_TASK(cycles_nothing) {
    return MPROC_OK;
}

MPROC_TASK(cycles_sleep) {
    host_sleep_forever();
}

MPROC_TASK(cycles_double) {
    int64_t number = 0;
    int err = mproc_call_args(call, "x", &number);
    return err == MPROC_OK ? mproc_call_return(call, 2 * number) : err;
}

MPROC_TASK(cycles_large) {
    int64_t size = 0;
    void *data = NULL;
    int err = mproc_call_args(call, "x", &size);
    if (err == MPROC_OK)
        err = mproc_call_reserve(call, (size_t)size, &data);
    if (err == MPROC_OK)
        memset(data, 'r', (size_t)size);
    return err;
}

static void warm_up(void) {
    warm_up_with(&cycles_nothing);
}
TEST_WARM_UP(warm_up)

static atomic_int wrong;

static void expect(bool right) {
    if (!right)
        atomic_fetch_add(&wrong, 1);
}

/* Fewer where each start costs much more. */
static int rounds(int many) {
    return test_on_wine() || test_time_scale() > 1 ? many / 10 : many;
}

static void run_one(int number) {
    (void)number;
    REQUIRE_EQ_INT(run_code(&(mproc_process_options_t){.target = &cycles_nothing}), 0);
}

TEST(process_stress, three_hundred_cycles_leave_nothing) {
    check_cycles(300, run_one);
}

TEST(process_stress, ten_thousand_cycles_leave_nothing) {
    SKIP_MANY_CYCLES();
    check_cycles(10000, run_one);
}

static void call_and_check(void *arg) {
    (void)arg;
    for (int i = 0; i < rounds(200); i++) {
        mproc_process_t *process = NULL;
        const mproc_value_t *value = NULL;
        int64_t doubled = 0;
        mproc_process_options_t options = {.target = &cycles_double, .args = MPROC_ARGS(i), .result = true};
        expect(mproc_process_create(&options, &process) == MPROC_OK && mproc_process_start(process) == MPROC_OK &&
               mproc_process_result(process, MPROC_FOREVER, &value) == MPROC_OK &&
               mproc_value_as_int(value, &doubled) == MPROC_OK && doubled == INT64_C(2) * i);
        mproc_process_destroy(process);
    }
}

TEST(process_stress, threads_call_processes_and_get_their_own_answers) {
    host_run_threads(THREADS, call_and_check, NULL);
    CHECK_EQ_INT(atomic_load(&wrong), 0);
}

/* Terminate, kill, stop, deadline and destroy meet a child in every stage of its start. */
static void stop_anyhow(void *arg) {
    static atomic_int seeds;
    unsigned seed = (unsigned)atomic_fetch_add(&seeds, 1) * 7919u + 1u;
    (void)arg;
    for (int i = 0; i < rounds(200); i++) {
        mproc_process_t *process = NULL;
        mproc_exit_t exit;
        seed = seed * 1103515245u + 12345u;
        unsigned way = seed >> 16;
        mproc_process_options_t options = {.target = &cycles_sleep, .deadline_ms = way % 5 == 3 ? 1 + way % 7 : 0};
        expect(mproc_process_create(&options, &process) == MPROC_OK && mproc_process_start(process) == MPROC_OK);
        if (way % 3 == 0)
            host_sleep_ms((int)(way / 5 % 4));
        if (way % 5 == 0)
            expect(mproc_process_terminate(process) == MPROC_OK);
        else if (way % 5 == 1)
            expect(mproc_process_kill(process) == MPROC_OK);
        else if (way % 5 == 2)
            expect(mproc_process_stop(process, way / 5 % 3) == MPROC_OK);
        if (way % 5 != 4) {
            expect(mproc_process_join(process, MPROC_FOREVER) == MPROC_OK);
            expect(mproc_process_exit(process, &exit) == MPROC_OK &&
                   exit.how == (way % 5 == 3 ? MPROC_EXIT_DEADLINE : MPROC_EXIT_TERMINATED));
        }
        mproc_process_destroy(process);
    }
}

TEST(process_stress, stops_meet_children_in_every_stage) {
    host_run_threads(THREADS, stop_anyhow, NULL);
    CHECK_EQ_INT(atomic_load(&wrong), 0);
}

TEST(process_stress, large_results_do_not_add_up) {
    for (int i = 0; i < rounds(100); i++) {
        int64_t size = (i % 5) * INT64_C(1000003);
        const void *data = NULL;
        size_t got = 0;
        mproc_process_t *process =
            started(&(mproc_process_options_t){.target = &cycles_large, .args = MPROC_ARGS(size), .result = true});
        CHECK_OK(mproc_process_result_bytes(process, LONG_MS, &data, &got));
        CHECK(got == (size_t)size && (got == 0 || ((const char *)data)[got - 1] == 'r'));
        mproc_process_destroy(process);
    }
}

static void join_some(void *arg) {
    mproc_process_t **processes = arg;
    for (int i = 0; i < 50; i++)
        expect(mproc_process_join(processes[i], MPROC_FOREVER) == MPROC_OK && !mproc_process_is_alive(processes[i]));
}

TEST(process_stress, threads_join_fifty_processes_together) {
    mproc_process_t *processes[50];
    for (int round = 0; round < rounds(10) + 1; round++) {
        for (int i = 0; i < 50; i++)
            processes[i] = started(
                &(mproc_process_options_t){.target = &cycles_double, .args = MPROC_ARGS(i), .result = i % 2 == 0});
        host_run_threads(THREADS, join_some, processes);
        for (int i = 0; i < 50; i++)
            mproc_process_destroy(processes[i]);
    }
    CHECK_EQ_INT(atomic_load(&wrong), 0);
}
