/* SPDX-License-Identifier: Apache-2.0 */
/* What several threads do at once with values, tasks, memory and errors; and memory that changes while it is read. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "core_support.h"
#include "encode.h"
#include "memory.h"
#include "platform/platform.h"
#include "registry.h"
#include "report.h"
#include "scan.h"
#include "test.h"
#include "threads.h"

enum { THREADS = 4, READS = 2000, ALL_READS = THREADS * READS, RUNS = 1000, ALL_RUNS = THREADS * RUNS };

/* Runs the function in all threads at once, each with its own number. */
typedef struct crew {
    void (*work)(int number, void *shared);
    void *shared;
    atomic_int next_number;
    atomic_bool go; /* set when all are there */
} crew_t;

static void run_member(void *context) {
    crew_t *crew = context;
    while (!atomic_load(&crew->go))
        mplat_thread_yield();
    crew->work(atomic_fetch_add(&crew->next_number, 1), crew->shared);
}

static void run_crew(void (*work)(int number, void *shared), void *shared) {
    crew_t crew = {work, shared, 0, false};
    mproc_thread_t *threads[THREADS] = {NULL};
    for (int i = 0; i < THREADS; i++)
        REQUIRE_OK(mproc_thread_create(run_member, &crew, 0, &threads[i]));
    atomic_store(&crew.go, true);
    for (int i = 0; i < THREADS; i++)
        mproc_thread_join(&threads[i]);
}

typedef struct shared_value {
    const mproc_value_t *value;
    atomic_uint right;
} shared_value_t;

static void read_value(int number, void *context) {
    shared_value_t *shared = context;
    (void)number;
    for (int i = 0; i < READS; i++) {
        char text[64];
        int64_t wrong = 0;
        (void)mproc_value_repr(shared->value, text, sizeof text);
        bool right = strcmp(text, "{'a': [1, 2], 'b': 'text'}") == 0 &&
                     mproc_value_equal(shared->value, shared->value) &&
                     mproc_value_as_int(mproc_value_get(shared->value, "b"), &wrong) == MPROC_ETYPE &&
                     strcmp(mproc_last_error()->message, "The value must be int, not str") == 0;
        if (right)
            atomic_fetch_add(&shared->right, 1);
    }
}

TEST(core_threads, one_value_is_read_by_all) {
    mproc_tree_t *tree = send_value(MPROC_DICT(MPROC_KW("a", MPROC_LIST(1, 2)), MPROC_KW("b", "text")));
    shared_value_t shared = {mproc_tree_root(tree), 0};
    run_crew(read_value, &shared);
    CHECK_EQ_UINT(atomic_load(&shared.right), ALL_READS);
    mproc_tree_destroy(tree);
}

static void use_memory(int number, void *context) {
    (void)context;
    for (int i = 0; i < 5000; i++) {
        void *block = mproc_realloc(mproc_alloc((size_t)number + 1), 100);
        if (block != NULL)
            memset(block, number, 100);
        mproc_free(block);
    }
}

TEST(core_threads, blocks_are_counted_exactly) {
    size_t live = mproc_memory_live();
    run_crew(use_memory, NULL);
    CHECK_EQ_UINT(mproc_memory_live(), live);
}

static atomic_uint failures;

static void count_failures(int number, void *context) {
    (void)context;
    if (number == 0)
        mproc_memory_fail_at(1000);
    for (int i = 0; i < 2000; i++) {
        void *block = mproc_alloc(8);
        if (block == NULL)
            atomic_fetch_add(&failures, 1);
        mproc_free(block);
    }
}

TEST(core_threads, the_nth_allocation_fails_for_one_of_all) {
    run_crew(count_failures, NULL);
    CHECK_EQ_UINT(mproc_memory_pending(), 0);
    CHECK_EQ_UINT(atomic_load(&failures), 1);
}

/* ---- plug-ins -------------------------------------------------------------------------------------------------- */

enum { PLUGINS = 200, ALL_PLUGINS = THREADS * PLUGINS };

static mproc_task_t plugins[THREADS][PLUGINS];
static char plugin_names[THREADS][PLUGINS][24];
static atomic_uint found;

static int nothing(mproc_call_t *call) {
    (void)call;
    return MPROC_OK;
}

static void load_plugins(int number, void *context) {
    (void)context;
    for (int i = 0; i < PLUGINS; i++) {
        char *name = plugin_names[number][i];
        snprintf(name, sizeof plugin_names[number][i], "plugin_%d_%d", number, i);
        plugins[number][i] = (mproc_task_t){name, nothing, "plugin.c", i, NULL, 0};
        mproc_task_register(&plugins[number][i]);
        const mproc_task_t *task = mproc_registry_find(name);
        if (task == &plugins[number][i] && task->run == nothing)
            atomic_fetch_add(&found, 1);
    }
}

TEST(core_threads, plugins_register_while_others_look_for_tasks) {
    run_crew(load_plugins, NULL);
    CHECK_EQ_UINT(atomic_load(&found), ALL_PLUGINS);
    CHECK(mproc_registry_find("plugin_0_0") == &plugins[0][0]);
    CHECK(mproc_registry_find("plugin_3_199") == &plugins[3][199]);
}

/* ---- calls ----------------------------------------------------------------------------------------------------- */

static int add_numbers(mproc_call_t *call) {
    int64_t left = 0, right = 0;
    int err = mproc_call_args(call, "xx", &left, &right);
    if (err != MPROC_OK)
        return err;
    return left == 13 ? mproc_call_fail(call, 13, "no %d", 13) : mproc_call_return(call, left + right);
}

static atomic_uint right_sums;

static void run_calls(int number, void *context) {
    static const mproc_task_t task = {"add", add_numbers, __FILE__, __LINE__, NULL, 0};
    mproc_buffer_t args;
    mproc_call_t call;
    (void)context;
    mproc_buffer_init(&args, NULL);
    mproc_call_init(&call, NULL, NULL);
    for (int i = 0; i < RUNS; i++) {
        mproc_outcome_t outcome;
        int64_t left = i % 20;
        mproc_buffer_clear(&args);
        (void)mproc_encode_args(MPROC_ARGS(left, number), &args);
        mproc_request_t request = {&task, args.data, args.size, NULL, 0};
        mproc_call_run(&call, &request, &outcome);
        bool right = left == 13 ? outcome.kind == MPROC_OUTCOME_FAILED && mproc_call_failure(&call)->task_code == 13
                                : outcome.kind == MPROC_OUTCOME_VALUE &&
                                      *(const unsigned char *)outcome.data == (unsigned char)(left + number);
        if (right)
            atomic_fetch_add(&right_sums, 1);
    }
    mproc_call_fini(&call);
    mproc_buffer_fini(&args);
}

TEST(core_threads, each_thread_runs_calls_of_its_own) {
    run_crew(run_calls, NULL);
    CHECK_EQ_UINT(atomic_load(&right_sums), ALL_RUNS);
}

/* ---- memory that changes --------------------------------------------------------------------------------------- */

/* Without a second thread, so that it is the same in every run: the scan is told of one content, the builder sees
 * another. */
TEST(core_threads, a_token_is_checked_each_time_it_is_read) {
    unsigned char bytes[] = {0x92, 0xa1, 'x', 0x01};
    mproc_shape_t shape;
    REQUIRE_OK(mproc_scan(bytes, sizeof bytes, NULL, &shape));
    bytes[1] = 0xdb; /* a string of 32-bit length, of which only two bytes are there */
    const unsigned char *at = bytes + 1;
    mproc_token_t token;
    CHECK_EQ_STR(mproc_token_read(&at, bytes + sizeof bytes, &token), "the data end within a value");
    CHECK(at == bytes + 1);
}
