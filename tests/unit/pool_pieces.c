/* SPDX-License-Identifier: Apache-2.0 */
/* The queue and the timers by themselves. */
#include "job.h"
#include "memory.h"
#include "queue.h"
#include "test.h"
#include "timers.h"

#include <mproc/error.h>
#include <stdlib.h>
#include <string.h>

TEST(pool_queue, higher_priority_first_then_first_come) {
    enum { COUNT = 9 };
    static const int priorities[COUNT] = {0, 5, -3, 0, 5, 1, -3, 0, 5};
    static const int order[COUNT] = {1, 4, 8, 5, 0, 3, 7, 2, 6};
    mproc_queue_t queue;
    mproc_node_t nodes[COUNT];
    mproc_bucket_t *buckets[COUNT];
    mproc_bucket_t *bucket = NULL;
    mproc_queue_init(&queue);
    for (int i = 0; i < COUNT; i++) {
        mproc_list_init(&nodes[i]);
        REQUIRE_OK(mproc_queue_hold(&queue, priorities[i], &buckets[i]));
        mproc_queue_append(&queue, buckets[i], &nodes[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        mproc_node_t *first = mproc_queue_first(&queue, &bucket);
        CHECK(first == &nodes[order[i]]);
        CHECK_EQ_INT(bucket->priority, priorities[order[i]]);
        mproc_queue_remove(&queue, first);
    }
    CHECK(mproc_queue_first(&queue, &bucket) == NULL);
    for (int i = 0; i < COUNT; i++)
        mproc_queue_drop(&queue, buckets[i]);
    CHECK(queue.top == &queue.normal && queue.normal.lower == NULL);
}

TEST(pool_queue, what_is_put_back_comes_first) {
    mproc_queue_t queue;
    mproc_node_t nodes[3];
    mproc_bucket_t *bucket = NULL;
    mproc_queue_init(&queue);
    for (int i = 0; i < 3; i++)
        mproc_list_init(&nodes[i]);
    mproc_queue_append(&queue, &queue.normal, &nodes[0]);
    mproc_queue_append(&queue, &queue.normal, &nodes[1]);
    mproc_queue_prepend(&queue, &queue.normal, &nodes[2]);
    CHECK(mproc_queue_first(&queue, &bucket) == &nodes[2]);
    mproc_queue_remove(&queue, &nodes[0]);
    mproc_queue_remove(&queue, &nodes[2]);
    CHECK(mproc_queue_first(&queue, &bucket) == &nodes[1]);
    CHECK_EQ_UINT(queue.count, 1);
}

TEST(pool_timers, come_in_order_whatever_was_moved_and_cancelled) {
    enum { COUNT = 500 };
    static mproc_timer_t many[COUNT];
    mproc_timers_t timers = {0};
    REQUIRE_OK(mproc_timers_reserve(&timers, COUNT));
    unsigned state = 12345;
    size_t left = 0;
    for (int round = 0; round < 5000; round++) {
        state = state * 1103515245u + 12345u;
        mproc_timer_t *timer = &many[(state >> 8) % COUNT];
        if (state >> 28 < 4)
            mproc_timers_cancel(&timers, timer);
        else
            mproc_timers_set(&timers, timer, (int64_t)(state >> 4));
    }
    for (int i = 0; i < COUNT; i++)
        left += many[i].place != 0;
    CHECK_EQ_UINT(timers.count, left);
    int64_t before = 0;
    mproc_timer_t *timer = NULL;
    CHECK(mproc_timers_take(&timers, -1) == NULL);
    while ((timer = mproc_timers_take(&timers, INT64_MAX - 1)) != NULL) {
        CHECK(timer->at_ns >= before);
        CHECK_EQ_UINT(timer->place, 0);
        before = timer->at_ns;
        left--;
    }
    CHECK_EQ_UINT(left, 0);
    CHECK(mproc_timers_next(&timers) == INT64_MAX);
    mproc_timers_fini(&timers);
}

/* ---- memory of jobs ------------------------------------------------------------------------------------------------ */

/* Takes count jobs with payload bytes each, linked by their pool, and gives them all back. */
static void take_and_put(mproc_job_store_t *store, size_t count, size_t payload) {
    mproc_result_t *last = NULL;
    for (size_t i = 0; i < count; i++) {
        mproc_result_t *job = mproc_job_take(store, payload);
        REQUIRE(job != NULL);
        memset(mproc_job_payload(job), 0x5a, payload);
        job->pool = (mproc_pool_t *)(void *)last;
        last = job;
    }
    while (last != NULL) {
        mproc_result_t *job = last;
        last = (mproc_result_t *)(void *)job->pool;
        mproc_job_put(store, job);
    }
}

TEST(pool_jobs, a_burst_is_served_from_the_memory_of_the_last_one) {
    static const size_t payloads[] = {0, 8, 9, 24, 25, 264};
    mproc_job_store_t store = {{NULL}, 0};
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        take_and_put(&store, 10000, payloads[i]);
        mproc_memory_fail_at(1);
        take_and_put(&store, 10000, payloads[i]);
        CHECK_EQ_UINT(mproc_memory_pending(), 1);
        mproc_memory_fail_at(0);
    }
    mproc_job_store_fini(&store);
}

TEST(pool_jobs, no_more_than_a_bound_is_kept) {
    mproc_job_store_t store = {{NULL}, 0};
    size_t before = mproc_memory_live();
    take_and_put(&store, MPROC_JOB_KEPT / sizeof(mproc_result_t) + 10000, 0);
    size_t kept = mproc_memory_live() - before;
    CHECK(kept > 100000);
    CHECK(kept * sizeof(mproc_result_t) <= MPROC_JOB_KEPT);
    take_and_put(&store, 10, 100);
    CHECK_EQ_UINT(mproc_memory_live() - before, kept);
    take_and_put(&store, 10, 1000);
    CHECK_EQ_UINT(mproc_memory_live() - before, kept);
    mproc_job_store_fini(&store);
    CHECK_EQ_UINT(mproc_memory_live(), before);
}
