/* SPDX-License-Identifier: Apache-2.0 */
/* The core that only takes notes. */
#include "local_support.h"

#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "local.h"
#include "memory.h"
#include "threads.h"
#include "value.h"

static void nothing(void *context) {
    (void)context;
}

enum { PATIENCE_MS = 20000 };

/* ---- events ---------------------------------------------------------------------------------------------------------------- */

static void on_slot_up(void *context, int slot, int64_t pid) {
    rig_t *rig = context;
    rig->ups++;
    rig->last_pid = pid;
    if (slot < 16)
        rig->pids[slot] = pid;
}

static void on_slot_down(void *context, int slot, int64_t pid, const mproc_report_t *error) {
    rig_t *rig = context;
    rig->downs++;
    if (slot < 16 && rig->pids[slot] == pid)
        rig->pids[slot] = 0;
    if (error == NULL)
        rig->planned++;
    else
        CHECK_OK(mproc_report_set(&rig->last_down, &error->error));
}

static void on_started(void *context, int slot, mproc_work_t *work) {
    job_t *job = (job_t *)work;
    (void)context;
    (void)slot;
    CHECK(work->watch);
    CHECK_EQ_INT(job->finished + job->returned, 0);
    job->started++;
}

static void keep_data(rig_t *rig, job_t *job, const mproc_reply_t *reply) {
    job->size = reply->size;
    job->held = reply->hold != NULL;
    CHECK(reply->size == 0 || reply->data != NULL);
    if (reply->size > 0 && reply->data != NULL) {
        job->data = malloc(reply->size);
        REQUIRE(job->data != NULL);
        memcpy(job->data, reply->data, reply->size);
    }
    if (reply->hold == NULL)
        return;
    if (rig->holds != NULL)
        rig->holds[rig->hold_count++] = reply->hold;
    else
        reply->hold->release(reply->hold);
}

static void on_finished(void *context, int slot, mproc_work_t *work, const mproc_reply_t *reply) {
    rig_t *rig = context;
    job_t *job = (job_t *)work;
    CHECK(work->backend == NULL);
    job->finished++;
    job->slot = slot;
    job->succeeded = reply->succeeded;
    job->failed = reply->failed;
    job->outcome = reply->outcome;
    job->begun_ns = reply->begun_ns;
    job->run_ns = reply->run_ns;
    CHECK(reply->succeeded + reply->failed <= work->count);
    CHECK((reply->failed > 0) == (reply->failure != NULL));
    if (reply->failure != NULL)
        CHECK_OK(mproc_report_set(&job->report, &reply->failure->error));
    keep_data(rig, job, reply);
    atomic_store(&job->done, 1);
    if (rig->on_finished != NULL)
        rig->on_finished(rig, job);
}

static void on_returned(void *context, int slot, mproc_work_t *work) {
    rig_t *rig = context;
    job_t *job = (job_t *)work;
    CHECK(work->backend == NULL);
    job->returned++;
    job->slot = slot;
    atomic_store(&job->done, 1);
    if (rig->on_returned != NULL)
        rig->on_returned(rig, job);
}

static void on_broken(void *context, const mproc_report_t *error) {
    rig_t *rig = context;
    rig->broken++;
    CHECK_OK(mproc_report_set(&rig->why_broken, &error->error));
}

static const mproc_backend_events_t events = {
    .slot_up = on_slot_up,
    .slot_down = on_slot_down,
    .started = on_started,
    .finished = on_finished,
    .returned = on_returned,
    .broken = on_broken,
};

/* ---- the backend ------------------------------------------------------------------------------------------------------------- */

mproc_pool_options_t rig_options(int processes) {
    return (mproc_pool_options_t){
        .processes = processes,
        .restart_limit = 5 + 2 * processes,
        .restart_window_ms = 10000,
        .start_timeout_ms = 60000,
        .memory_limit = (size_t)64 << 20,
    };
}

void rig_open(rig_t *rig, const mproc_pool_options_t *options) {
    *rig = (rig_t){.backend = NULL};
    mproc_report_init(&rig->last_down);
    mproc_report_init(&rig->why_broken);
    REQUIRE_OK(mproc_local_create(options, &events, rig, &rig->backend));
    rig->ops = rig->backend->ops;
}

void rig_start(rig_t *rig, int processes) {
    mproc_pool_options_t options = rig_options(processes);
    rig_open(rig, &options);
    rig_until(rig, &rig->ups, processes);
}

void rig_start_patiently(rig_t *rig) {
    mproc_pool_options_t options = rig_options(2);
    options.restart_limit = 100000;
    rig_open(rig, &options);
    rig_until(rig, &rig->ups, 2);
}

void rig_close(rig_t *rig) {
    if (rig->backend != NULL)
        rig->ops->destroy(rig->backend);
    rig->backend = NULL;
    mproc_report_fini(&rig->last_down);
    mproc_report_fini(&rig->why_broken);
}

void rig_turn(rig_t *rig, int timeout_ms) {
    rig->ops->wait(rig->backend, (int64_t)timeout_ms * 1000000);
    rig->ops->poll(rig->backend);
}

void rig_kill(rig_t *rig, int slot, int code) {
    mproc_slot_kill(((mproc_local_t *)rig->backend)->slots[slot], code);
}

void rig_never_look(rig_t *rig) {
    ((mproc_local_t *)rig->backend)->look_every_ns = INT64_C(3600000000000);
}

int64_t rig_patience_ms(void) {
    return PATIENCE_MS * test_time_scale();
}

void rig_until(rig_t *rig, const int *counter, int least) {
    int64_t end = test_now_ms() + rig_patience_ms();
    while (*counter < least) {
        if (test_now_ms() > end)
            FAIL("waited too long: %d of %d; the last end: %s", *counter, least, rig->last_down.error.message);
        rig_turn(rig, 100);
    }
}

void rig_until_done(rig_t *rig, job_t *job) {
    rig_until_all(rig, job, 1);
}

void rig_until_all(rig_t *rig, job_t *jobs, size_t count) {
    int64_t end = test_now_ms() + rig_patience_ms();
    for (size_t i = 0; i < count; i++) {
        while (atomic_load(&jobs[i].done) == 0) {
            if (test_now_ms() > end)
                FAIL("waited too long for job %zu of %zu; the last end: %s", i, count, rig->last_down.error.message);
            rig_turn(rig, 100);
        }
    }
}

void rig_until_room(rig_t *rig, int slot) {
    int64_t end = test_now_ms() + rig_patience_ms();
    while (rig->ops->room(rig->backend, slot) == 0) {
        if (test_now_ms() > end)
            FAIL("slot %d takes nothing; the last end: %s", slot, rig->last_down.error.message);
        rig_turn(rig, 20);
    }
}

/* What a program opens once and keeps, such as the lifeline of all children, is opened before the first count. */
static void start_one_of_each(void) {
    mproc_pool_options_t options = rig_options(1);
    rig_t rig = {.backend = NULL};
    mproc_thread_t *thread = NULL;
    if (mproc_local_create(&options, &events, &rig, &rig.backend) == MPROC_OK)
        rig.backend->ops->destroy(rig.backend);
    if (mproc_thread_create(nothing, NULL, 0, &thread) == MPROC_OK)
        mproc_thread_join(&thread);
}

TEST_WARM_UP(start_one_of_each)

/* ---- jobs ---------------------------------------------------------------------------------------------------------------------- */

int64_t call_number(mproc_call_t *call) {
    const void *input = NULL;
    size_t size = 0;
    int64_t number = INT64_MIN;
    mproc_call_input(call, &input, &size);
    if (size == sizeof number)
        memcpy(&number, input, sizeof number);
    return number;
}

job_t job_call(const mproc_task_t *task, const mproc_args_t *args, const void *input, size_t input_size) {
    job_t job = {.work = {.task = task, .kind = MPROC_WORK_CALL, .count = 1, .input = input, .input_size = input_size}};
    mproc_buffer_t buffer;
    mproc_buffer_init(&buffer, NULL);
    if (args != NULL) {
        REQUIRE_OK(mproc_encode_args(args, &buffer));
        job.work.args = mproc_buffer_take(&buffer, &job.work.args_size);
    }
    mproc_report_init(&job.report);
    return job;
}

job_t job_array(const mproc_task_t *task, const void *items, uint32_t count, uint32_t item_size, void *output,
                uint32_t output_size) {
    job_t job = job_call(task, NULL, items, (size_t)count * item_size);
    job.work.kind = MPROC_WORK_ARRAY;
    job.work.count = count;
    job.work.item_size = item_size;
    job.work.output = output;
    job.work.output_size = output_size;
    return job;
}

job_t job_lists(const mproc_task_t *task, const void *lists, size_t size, uint32_t count) {
    job_t job = job_call(task, NULL, NULL, 0);
    job.work.kind = MPROC_WORK_LISTS;
    job.work.count = count;
    job.work.args = lists;
    job.work.args_size = size;
    return job;
}

void *lists_of_ints(const int64_t *numbers, uint32_t count, size_t *out_size) {
    mproc_buffer_t all;
    mproc_buffer_init(&all, NULL);
    for (uint32_t i = 0; i < count; i++) {
        mproc_buffer_t one;
        mproc_buffer_init(&one, NULL);
        REQUIRE_OK(mproc_encode_args(MPROC_ARGS(numbers[i]), &one));
        uint32_t size = (uint32_t)one.size;
        REQUIRE(mproc_buffer_append(&all, &size, sizeof size) && mproc_buffer_append(&all, one.data, one.size));
        mproc_buffer_fini(&one);
    }
    return mproc_buffer_take(&all, out_size);
}

void rig_flush(rig_t *rig, int slot, const job_t *last) {
    rig->ops->flush(rig->backend, slot);
    rig->ops->heed(rig->backend, slot, &last->work);
}

void job_send(rig_t *rig, int slot, job_t *job) {
    REQUIRE(rig->ops->room(rig->backend, slot) > 0);
    REQUIRE_OK(rig->ops->submit(rig->backend, slot, &job->work));
    rig_flush(rig, slot, job);
}

void job_run(rig_t *rig, int slot, job_t *job) {
    job_send(rig, slot, job);
    rig_until_done(rig, job);
    CHECK_EQ_INT(job->finished + job->returned, 1);
}

static void forget_answer(job_t *job) {
    free(job->data);
    mproc_report_fini(&job->report);
    job->data = NULL;
}

void job_free(job_t *job) {
    forget_answer(job);
    if (job->work.kind == MPROC_WORK_CALL)
        mproc_free((void *)(uintptr_t)job->work.args);
    job->work.args = NULL;
}

void jobs_free(job_t *jobs, size_t count) {
    for (size_t i = 0; i < count; i++)
        job_free(&jobs[i]);
}

int64_t job_int(const job_t *job) {
    mproc_tree_t *tree = NULL;
    int64_t number = -1;
    CHECK_EQ_STR(job->report.error.message, "");
    REQUIRE_EQ_INT(job->finished, 1);
    REQUIRE_EQ_INT(job->outcome, MPROC_OUTCOME_VALUE);
    REQUIRE_OK(mproc_tree_decode(job->data, job->size, NULL, &tree));
    CHECK_OK(mproc_value_as_int(mproc_tree_root(tree), &number));
    mproc_tree_destroy(tree);
    return number;
}

const mproc_record_t *job_record(const job_t *job, uint32_t index, const void **out_data) {
    const unsigned char *at = job->data;
    REQUIRE(index < job->succeeded && at != NULL);
    for (uint32_t i = 0; i < index; i++) {
        const mproc_record_t *record = (const void *)at;
        at += (sizeof *record + (size_t)record->size + 15) & ~(size_t)15;
    }
    const mproc_record_t *record = (const void *)at;
    REQUIRE(at + sizeof *record + record->size <= job->data + job->size);
    *out_data = record + 1;
    return record;
}
