/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a pool over a scripted backend: what it needs from its workers, which is nothing, and what comes in between. */
#include "backend_double.h"
#include "pool_list.h"
#include "report.h"
#include "test.h"
#include "threads.h"

#include <mproc/mproc.h>
#include <stdatomic.h>
#include <stdlib.h>

MPROC_TASK(ends_core_task) {
    (void)call;
    return MPROC_OK;
}

static mproc_result_t *submit(mproc_pool_t *pool) {
    mproc_result_t *result = NULL;
    REQUIRE_OK(mproc_pool_apply_async(pool, &ends_core_task, NULL, NULL, &result));
    return result;
}

static int end_of(mproc_result_t *result) {
    int err = mproc_result_get(result, 5000, NULL);
    mproc_result_release(result);
    return err;
}

static void warm_up(void) {
    mproc_pool_destroy(double_pool(NULL, 1));
}
TEST_WARM_UP(warm_up)

/* By the time terminate returns every task has its end, and no worker was asked for it: the double answers nothing by itself. */
TEST(pool_ends, terminate_ends_all_that_waits_by_itself) {
    enum { COUNT = 10000 };
    mproc_pool_t *pool = double_pool(NULL, 2);
    mproc_result_t **results = calloc(COUNT, sizeof(mproc_result_t *));
    int ready = 0;
    REQUIRE(results != NULL);
    double_all_up(2);
    for (int i = 0; i < COUNT; i++)
        results[i] = submit(pool);
    double_begin(0);
    double_begin(1);
    CHECK_OK(mproc_pool_terminate(pool));
    for (int i = 0; i < COUNT; i++)
        ready += mproc_result_ready(results[i]);
    CHECK_EQ_INT(ready, COUNT);
    CHECK_EQ_INT(double_stops(), 1);
    CHECK_EQ_INT(double_kills(0) + double_kills(1), 0);
    CHECK_OK(mproc_pool_join(pool, 5000));
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ_INT(end_of(results[i]), MPROC_ECANCELLED);
    free(results);
    mproc_pool_destroy(pool);
}

/* Nothing is sent to a worker any more. */
TEST(pool_ends, a_terminated_pool_begins_nothing) {
    mproc_pool_t *pool = double_pool(NULL, 2);
    double_all_up(1);
    mproc_result_t *running = submit(pool);
    mproc_result_t *waiting = submit(pool);
    double_begin(0);
    CHECK_OK(mproc_pool_terminate(pool));
    double_up(1);
    CHECK_EQ_INT(end_of(running), MPROC_ECANCELLED);
    CHECK_EQ_INT(end_of(waiting), MPROC_ECANCELLED);
    CHECK_EQ_UINT(double_count(1), 0);
    CHECK_ERR(mproc_pool_apply_async(pool, &ends_core_task, NULL, NULL, NULL), MPROC_ECLOSED);
    mproc_pool_destroy(pool);
}

/* A worker that dies meanwhile changes nothing for what waits: it goes to the next one. */
TEST(pool_ends, a_closed_pool_outlives_a_death) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    double_all_up(1);
    mproc_result_t *lost = submit(pool);
    mproc_result_t *kept = submit(pool);
    double_begin(0);
    CHECK_OK(mproc_pool_close(pool));
    double_die(0, 0);
    CHECK_EQ_INT(end_of(lost), MPROC_EDIED);
    CHECK_EQ_INT(double_stops(), 0);
    CHECK_ERR(mproc_pool_join(pool, 0), MPROC_ETIMEDOUT);
    double_up(0);
    double_settle();
    double_done(0);
    CHECK_EQ_INT(end_of(kept), MPROC_OK);
    CHECK_OK(mproc_pool_join(pool, 5000));
    CHECK_EQ_INT(double_stops(), 1);
    mproc_pool_destroy(pool);
}

TEST(pool_ends, a_broken_pool_may_be_closed_and_joined) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    double_all_up(1);
    mproc_result_t *result = submit(pool);
    double_die(0, 0);
    double_break(MPROC_EINIT);
    CHECK_EQ_INT(end_of(result), MPROC_EINIT);
    CHECK_OK(mproc_pool_close(pool));
    CHECK_OK(mproc_pool_join(pool, 5000));
    mproc_pool_destroy(pool);
}

/* An iterator keeps a closed pool until it is read to its end, or given up. */
TEST(pool_ends, an_iterator_holds_a_closed_pool_until_it_is_given_up) {
    int64_t items[100] = {0};
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_task_options_t options = {.window = 4};
    mproc_iter_t *iter = NULL;
    mproc_item_t item;
    double_all_up(1);
    REQUIRE_OK(mproc_pool_imap(pool, &ends_core_task, MPROC_ARRAY(items, 100), &options, &iter));
    CHECK_OK(mproc_pool_close(pool));
    double_automatic(true);
    CHECK_OK(mproc_iter_next(iter, 5000, &item));
    CHECK_ERR(mproc_pool_join(pool, 0), MPROC_ETIMEDOUT);
    mproc_iter_destroy(iter);
    CHECK_OK(mproc_pool_join(pool, 5000));
    mproc_pool_destroy(pool);
}

enum { CLOSE, TERMINATE, JOIN, STEPS };

/* Every call answers as the state after those before it says. */
static void end_in_order(mproc_pool_t *pool, const int *steps, int count) {
    bool ends = false;
    for (int i = 0; i < count; i++) {
        if (steps[i] == CLOSE)
            CHECK_OK(mproc_pool_close(pool));
        else if (steps[i] == TERMINATE)
            CHECK_OK(mproc_pool_terminate(pool));
        else
            CHECK_EQ_INT(mproc_pool_join(pool, 5000), ends ? MPROC_OK : MPROC_ESTATE);
        ends = ends || steps[i] != JOIN;
    }
    CHECK_EQ_INT(mproc_pool_apply_async(pool, &ends_core_task, NULL, NULL, NULL), ends ? MPROC_ECLOSED : MPROC_OK);
    mproc_pool_destroy(pool);
}

TEST(pool_ends, close_terminate_and_join_in_every_order_and_twice) {
    mproc_pool_options_t inlined = {.processes = MPROC_INLINE};
    for (int number = 0; number < STEPS * STEPS * STEPS * STEPS; number++) {
        int steps[] = {number % STEPS, number / STEPS % STEPS, number / STEPS / STEPS % STEPS,
                       number / STEPS / STEPS / STEPS};
        mproc_pool_t *pool = double_pool(NULL, 2);
        mproc_result_t *result = submit(pool);
        double_automatic(true);
        double_up(0);
        end_in_order(pool, steps, 4);
        int err = end_of(result);
        CHECK(err == MPROC_OK || err == MPROC_ECANCELLED);
        REQUIRE_OK(mproc_pool_create(&inlined, &pool));
        end_in_order(pool, steps, 4);
    }
}

/* ---- the end of the program -------------------------------------------------------------------------------------------- */

static int end_meanwhile(const mproc_pool_options_t *options, const mproc_backend_events_t *events, void *context,
                         mproc_backend_t **out_backend) {
    (void)options;
    (void)events;
    (void)context;
    *out_backend = NULL;
    mproc_pools_fini();
    return mproc_fail(MPROC_ESPAWN, "the program ends");
}

TEST(pool_ends, the_program_may_end_while_a_pool_is_made) {
    mproc_pool_t *pool = NULL;
    CHECK_ERR(mproc_pool_create_with(&(mproc_pool_options_t){.processes = 1}, end_meanwhile, &pool), MPROC_ESPAWN);
    CHECK(pool == NULL);
}

typedef struct meeting {
    mproc_pool_t *pool;
    bool destroys;
    atomic_int inside, leave;
} meeting_t;

static void stay_inside(mproc_result_t *result, void *context) {
    meeting_t *meeting = context;
    (void)result;
    if (meeting->destroys)
        mproc_pool_destroy(meeting->pool);
    atomic_store(&meeting->inside, 1);
    while (atomic_load(&meeting->leave) == 0)
        test_sleep_ms(1);
}

static void end_program(void *context) {
    (void)context;
    mproc_pools_fini();
}

/* The program's end waits for a pool that is destroyed: by its owner, or in its callback. Nobody frees it under the other. */
static void check_meeting(bool in_callback) {
    meeting_t meeting = {.pool = double_pool(NULL, 1), .destroys = in_callback};
    mproc_task_options_t options = {.callback = stay_inside, .context = &meeting};
    mproc_thread_t *thread = NULL;
    int before = double_destroyed();
    double_automatic(true);
    double_up(0);
    REQUIRE_OK(mproc_pool_apply_async(meeting.pool, &ends_core_task, NULL, &options, NULL));
    while (atomic_load(&meeting.inside) == 0)
        test_sleep_ms(1);
    REQUIRE_OK(mproc_thread_create(end_program, NULL, 0, &thread));
    test_sleep_ms(10);
    atomic_store(&meeting.leave, 1);
    if (!in_callback)
        mproc_pool_destroy(meeting.pool);
    mproc_thread_join(&thread);
    while (double_destroyed() == before)
        test_sleep_ms(1);
    mproc_pool_destroy(double_pool(NULL, 1)); /* collects the thread of the other */
}

TEST(pool_ends, the_program_may_end_while_a_pool_is_destroyed) {
    for (int i = 0; i < 10; i++)
        check_meeting(false);
}

TEST(pool_ends, the_program_may_end_while_a_pool_ends_in_its_callback) {
    for (int i = 0; i < 10; i++)
        check_meeting(true);
}
