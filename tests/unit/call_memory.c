/* SPDX-License-Identifier: Apache-2.0 */
/* Where a call's results lie, what memory it takes, and what it does without. */
#include "call_support.h"

#include <string.h>

#include "core_support.h"
#include "encode.h"
#include "memory.h"
#include "test.h"

TEST(call, runs_without_arguments_take_no_memory) {
    run_t run;
    run_begin(&run, NULL);
    mproc_memory_fail_at(1);
    for (int i = 0; i < 100; i++) {
        run_again(&run, return_nothing);
        CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_NOTHING);
    }
    CHECK_EQ_UINT(mproc_memory_pending(), 1);
    mproc_memory_fail_at(0);
    run_end(&run);
}

TEST(call, later_runs_use_the_memory_of_the_first) {
    run_t run;
    run_begin(&run, MPROC_ARGS(5));
    run_again(&run, read_one);
    mproc_memory_fail_at(1);
    for (int i = 0; i < 100; i++) {
        run_again(&run, read_one);
        CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_VALUE);
    }
    CHECK_EQ_UINT(mproc_memory_pending(), 1);
    mproc_memory_fail_at(0);
    check_result(&run, "5");
    run_end(&run);
}

/* A source with one piece of room. */
typedef struct place {
    _Alignas(16) unsigned char room[96];
    size_t size;
} place_t;

static void *grow_place(void *context, void *data, size_t used, size_t *capacity) {
    place_t *place = context;
    (void)data;
    (void)used;
    if (*capacity > place->size)
        return NULL;
    *capacity = place->size;
    return place->room;
}

TEST(call, results_go_where_the_source_says) {
    place_t place = {{0}, sizeof place.room};
    mproc_buffer_source_t source = {grow_place, &place};
    run_t run;
    run_begin(&run, MPROC_ARGS(5));
    mproc_call_init(&run.call, NULL, &source);
    run_again(&run, read_one);
    check_result(&run, "5");
    CHECK(run.outcome.data == place.room);
    run_again(&run, reserve_and_cut);
    check_failure(&run, MPROC_ENOMEM, "No room for a result of 1000 bytes");
    CHECK(run.outcome.data == place.room);
    run_end(&run);
}

static int fill_eight(mproc_call_t *call) {
    void *data;
    int err = mproc_call_reserve(call, 8, &data);
    if (err == MPROC_OK)
        memcpy(data, "12345678", 8);
    return err;
}

static int fill_eight_and_fail(mproc_call_t *call) {
    int err = fill_eight(call);
    return err != MPROC_OK ? err : mproc_call_fail(call, 3, "too late");
}

static int fill_eight_and_return(mproc_call_t *call) {
    int err = fill_eight(call);
    return err != MPROC_OK ? err : mproc_call_return(call, "v");
}

TEST(call, a_reservation_of_the_expected_size_lies_in_the_runners_place) {
    place_t place = {{0}, sizeof place.room};
    mproc_buffer_source_t source = {grow_place, &place};
    char element[8] = "nothing";
    run_t run;
    run_begin(&run, NULL);
    mproc_call_init(&run.call, NULL, &source);
    run.call.place = element;
    run.call.place_size = sizeof element;
    run_again(&run, fill_eight);
    CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_BYTES);
    CHECK(run.outcome.data == element);
    CHECK_EQ_UINT(run.outcome.size, 8);
    CHECK_EQ_MEM(element, "12345678", 8);
    run_again(&run, reserve_nothing);
    CHECK(run.outcome.data == NULL);
    run_end(&run);
}

static int fill_eight_and_cut(mproc_call_t *call) {
    int err = fill_eight(call);
    return err != MPROC_OK ? err : mproc_call_truncate(call, 5);
}

static int fill_eight_and_more(mproc_call_t *call) {
    void *data;
    int err = fill_eight(call);
    if (err == MPROC_OK)
        err = mproc_call_reserve(call, 12, &data);
    if (err == MPROC_OK)
        memcpy(data, "abcdefghijkl", 12);
    return err;
}

TEST(call, a_result_in_the_runners_place_can_be_cut_or_taken_elsewhere) {
    place_t place = {{0}, sizeof place.room};
    mproc_buffer_source_t source = {grow_place, &place};
    char element[8];
    run_t run;
    run_begin(&run, NULL);
    mproc_call_init(&run.call, NULL, &source);
    run.call.place = element;
    run.call.place_size = sizeof element;
    run_again(&run, fill_eight_and_cut);
    CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_BYTES);
    CHECK(run.outcome.data == element);
    CHECK_EQ_UINT(run.outcome.size, 5);
    run_again(&run, fill_eight_and_more);
    CHECK(run.outcome.data == place.room);
    CHECK_EQ_UINT(run.outcome.size, 12);
    CHECK_EQ_MEM(place.room, "abcdefghijkl", 12);
    CHECK_EQ_MEM(element, "12345678", 8);
    run_end(&run);
}

TEST(call, nothing_but_a_reservation_is_written_into_the_runners_place) {
    place_t place = {{0}, sizeof place.room};
    mproc_buffer_source_t source = {grow_place, &place};
    char element[8];
    run_t run;
    run_begin(&run, NULL);
    mproc_call_init(&run.call, NULL, &source);
    run.call.place = element;
    run.call.place_size = sizeof element;
    run_again(&run, fill_eight_and_fail);
    check_failure(&run, MPROC_ETASK, "too late");
    CHECK(run.outcome.data == place.room);
    CHECK_EQ_MEM(element, "12345678", 8);
    run_again(&run, fill_eight_and_return);
    check_result(&run, "'v'");
    CHECK(run.outcome.data == place.room);
    CHECK_EQ_MEM(element, "12345678", 8);
    run_end(&run);
}

TEST(call, a_failure_without_room_still_is_a_failure) {
    place_t place = {{0}, 0};
    mproc_buffer_source_t source = {grow_place, &place};
    run_t run;
    run_begin(&run, NULL);
    mproc_call_init(&run.call, NULL, &source);
    run_again(&run, reserve_and_cut);
    CHECK_EQ_INT(run.outcome.kind, MPROC_OUTCOME_FAILED);
    CHECK_EQ_UINT(run.outcome.size, 0);
    CHECK(run.outcome.data == NULL);
    CHECK_EQ_STR(mproc_call_failure(&run.call)->message, "No room for a result of 1000 bytes");
    run_end(&run);
}

static int run_read_everything(void *context) {
    run_t *run = context;
    mproc_call_init(&run->call, NULL, NULL);
    run_again(run, read_everything);
    int code = mproc_call_failure(&run->call)->code;
    mproc_call_fini(&run->call);
    return code;
}

static int run_failing(void *context) {
    run_t *run = context;
    mproc_call_init(&run->call, NULL, NULL);
    run_again(run, fail_at_length);
    /* Without memory only the text is lost: it still is a failed task. */
    bool complete = mproc_call_failure(&run->call)->message[0] == '0' && run->outcome.size > 5000;
    CHECK_EQ_INT(run->outcome.kind, MPROC_OUTCOME_FAILED);
    CHECK_EQ_INT(mproc_call_failure(&run->call)->code, MPROC_ETASK);
    CHECK_EQ_INT(mproc_call_failure(&run->call)->task_code, 1);
    mproc_call_fini(&run->call);
    return complete ? MPROC_OK : MPROC_ENOMEM;
}

TEST(call, running_out_of_memory_is_a_failure_and_leaks_nothing) {
    run_t run;
    run_begin(&run, MPROC_ARGS(MPROC_BOOL(1), 1, 2, 3, 0.5, 7, "text", MPROC_BYTES("\0", 1), MPROC_LIST(1),
                               MPROC_DICT(MPROC_KW("k", 2)), MPROC_NIL));
    CHECK(fail_each_allocation(run_read_everything, &run) >= 2);
    CHECK(fail_each_allocation(run_failing, &run) >= 3);
    mproc_buffer_fini(&run.args);
}
