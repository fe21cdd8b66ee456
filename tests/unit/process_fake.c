/* SPDX-License-Identifier: Apache-2.0 */
/* Processes on the scripted platform: every call that can fail does, children say what no real one would, and time passes when
 * the test says so. */
#include "bootstrap.h"
#include "memory.h"
#include "monitor.h"
#include "platform/fake/fake.h"
#include "process_inbox.h"
#include "process_object.h"
#include "registry.h"
#include "report.h"
#include "test.h"

#include <mproc/mproc.h>
#include <stdio.h>
#include <string.h>

#define MS INT64_C(1000000)

MPROC_TASK(fake_task) {
    return MPROC_OK;
}

/* The lock of all processes is made once and stays. */
static void warm_up(void) {
    mproc_process_t *process = NULL;
    fake_reset();
    (void)mproc_process_create(&(mproc_process_options_t){.target = NULL}, &process);
    if (mproc_process_create(&(mproc_process_options_t){.target = &fake_task, .deadline_ms = 1}, &process) ==
            MPROC_OK &&
        mproc_process_start(process) == MPROC_OK)
        (void)mproc_process_join(process, MPROC_FOREVER);
    mproc_process_destroy(process);
    mproc_monitor_end();
    fake_reset();
}
TEST_WARM_UP(warm_up)

static size_t live_before;

static void begin(void) {
    fake_reset();
    mproc_error_thread_fini();
    live_before = mproc_memory_live();
}

static void finish(void) {
    mproc_monitor_end();
    mproc_error_thread_fini();
    CHECK_EQ_UINT(fake_open_count(), 0);
    CHECK(mproc_memory_live() <= live_before);
    fake_reset();
}

static mproc_process_t *start(mproc_process_options_t options, const fake_step_t *steps) {
    mproc_process_t *process = NULL;
    options.target = &fake_task;
    if (steps != NULL)
        fake_next_child(steps);
    REQUIRE_OK(mproc_process_create(&options, &process));
    REQUIRE_OK(mproc_process_start(process));
    return process;
}

/* The report of a process that must have one. */
static const mproc_error_t *error_of(mproc_process_t *process) {
    const mproc_error_t *error = mproc_process_error(process);
    REQUIRE(error != NULL);
    return error != NULL ? error : &mproc_no_error;
}

/* ---- messages of a child ----------------------------------------------------------------------------------------------------------- */

typedef struct wire {
    mproc_message_header_t header;
    unsigned char bytes[16];
} wire_t;

#define WIRE(type_, kind_, size_, ...)                                                                                 \
    {                                                                                                                  \
        {(type_), (kind_), (size_)}, {                                                                                 \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define WIRE_SIZE(bytes_) (sizeof(mproc_message_header_t) + (bytes_))

/* MessagePack of 42. */
static const wire_t answer = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 1, 42);
static const fake_step_t answers[] = {FAKE_RECEIVE, FAKE_SEND(&answer, WIRE_SIZE(1)), FAKE_EXIT(0)};
static const wire_t begun = WIRE(MPROC_MESSAGE_BEGUN, 0, 0, 0);
static const fake_step_t leaves[] = {FAKE_RECEIVE, FAKE_SEND(&begun, WIRE_SIZE(0)), FAKE_EXIT(0)};

static void check_answer(mproc_process_t *process) {
    const mproc_value_t *value = NULL;
    int64_t number = 0;
    REQUIRE_OK(mproc_process_result(process, 1000, &value));
    REQUIRE_OK(mproc_value_as_int(value, &number));
    CHECK_EQ_INT(number, 42);
}

TEST(process_fake, answer_arrives) {
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, answers);
    check_answer(process);
    CHECK(mproc_process_error(process) == NULL);
    mproc_process_destroy(process);
    finish();
}

/* ---- what is spawned and sent ------------------------------------------------------------------------------------------------------- */

TEST(process_fake, start_is_one_spawn_and_one_message) {
    _Alignas(MPROC_BOOTSTRAP_ALIGNMENT) unsigned char message[MPLAT_LINK_MESSAGE_MAX];
    mproc_bootstrap_t bootstrap;
    size_t size = 0, handles = 0;
    mplat_handle_t handle[MPLAT_LINK_HANDLES_MAX];
    begin();
    mproc_process_t *process =
        start((mproc_process_options_t){.name = "kid", .args = MPROC_ARGS(1), .daemon = 1}, NULL);
    CHECK_EQ_UINT(fake_call_count(FAKE_SPAWN), 1);
    CHECK_EQ_UINT(fake_call_count(FAKE_LINK_SEND), 1);
    CHECK_EQ_UINT(fake_call_count(FAKE_LINK_RECEIVE), 0);
    const mplat_spawn_options_t *options = fake_child_options(fake_child(0));
    CHECK_EQ_STR(options->argv[1], "--mproc-child"); /* which keeps an interpreter from reading standard input */
    CHECK(options->argv[2] == NULL);
    CHECK(options->program == NULL && options->link && !options->detached && !options->own_group);
    mplat_link_t *link = fake_child_link(fake_child(0));
    REQUIRE_OK(mplat_link_receive(link, message, sizeof message, &size, handle, &handles, 0));
    CHECK_EQ_UINT(handles, 0);
    CHECK(size <= MPROC_BOOTSTRAP_SIZE_MAX);
    REQUIRE_OK(mproc_bootstrap_decode(message, size, &bootstrap));
    CHECK_EQ_STR(bootstrap.name, "kid");
    CHECK_EQ_STR(bootstrap.task, "fake_task");
    CHECK_EQ_STR(bootstrap.parent_name, "MainProcess");
    CHECK(bootstrap.daemon && !bootstrap.result);
    CHECK(bootstrap.fingerprint == mproc_registry_fingerprint());
    CHECK_EQ_MEM(bootstrap.build_id, "fake", 4);
    CHECK_ERR(mplat_link_receive(link, message, sizeof message, &size, NULL, NULL, 0), MPLAT_ETIMEDOUT);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, large_input_travels_as_a_handle) {
    static unsigned char input[100000];
    _Alignas(MPROC_BOOTSTRAP_ALIGNMENT) unsigned char message[MPROC_BOOTSTRAP_SIZE_MAX];
    mproc_bootstrap_t bootstrap;
    mplat_segment_t *segment = NULL;
    size_t size = 0, handles = 0;
    mplat_handle_t handle[MPLAT_LINK_HANDLES_MAX];
    begin();
    memset(input, 5, sizeof input);
    mproc_process_t *process = start((mproc_process_options_t){.input = input, .input_size = sizeof input}, NULL);
    REQUIRE_OK(mplat_link_receive(fake_child_link(fake_child(0)), message, sizeof message, &size, handle, &handles, 0));
    REQUIRE_EQ_UINT(handles, 1);
    REQUIRE_OK(mproc_bootstrap_decode(message, size, &bootstrap));
    REQUIRE(bootstrap.in_segment);
    REQUIRE_OK(mplat_segment_open(handle[0], mproc_bootstrap_segment_size(&bootstrap), &segment));
    REQUIRE_OK(mproc_bootstrap_read_segment(&bootstrap, mplat_segment_base(segment), mplat_segment_size(segment)));
    CHECK_EQ_MEM(bootstrap.input, input, sizeof input);
    mplat_segment_destroy(segment);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, options_reach_the_spawn) {
    int cpus[] = {0, 65};
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.detached = true,
                                                               .own_group = true,
                                                               .directory = "somewhere",
                                                               .limits = {1, 2, 3},
                                                               .priority = MPROC_PRIORITY_LOW,
                                                               .cpus = cpus,
                                                               .cpu_count = 2},
                                     NULL);
    const mplat_spawn_options_t *options = fake_child_options(fake_child(0));
    CHECK(options->detached && options->own_group && options->environment_changes);
    CHECK_EQ_STR(options->directory, "somewhere");
    CHECK_EQ_UINT(options->limits.memory_bytes, 1);
    CHECK_EQ_UINT(options->limits.cpu_seconds, 2);
    CHECK_EQ_UINT(options->limits.open_files, 3);
    CHECK_EQ_INT(options->priority, MPLAT_PRIORITY_LOW);
    static const uint64_t affinity[] = {1, 2};
    CHECK_EQ_MEM(options->affinity, affinity, sizeof affinity);
    fake_child_exit(fake_child(0), 0);
    mproc_process_destroy(process);
    finish();
}

/* ---- failures ------------------------------------------------------------------------------------------------------------------------ */

static void check_start_fails(int code, const char *text) {
    mproc_process_t *process = NULL;
    REQUIRE_OK(mproc_process_create(&(mproc_process_options_t){.target = &fake_task, .result = true}, &process));
    CHECK_ERR(mproc_process_start(process), code);
    CHECK_HAS_STR(mproc_last_error()->message, text);
    CHECK(!mproc_process_is_alive(process));
    /* It is as before, and may be started again. */
    fake_next_child(answers);
    REQUIRE_OK(mproc_process_start(process));
    check_answer(process);
    mproc_process_destroy(process);
}

TEST(process_fake, full_process_table_leaves_nothing) {
    begin();
    fake_fail(FAKE_SPAWN, 1, MPLAT_ENOPROCS, 11);
    check_start_fails(MPROC_ESPAWN, "fake_task");
    CHECK_EQ_UINT(fake_child_count(), 1);
    finish();
}

TEST(process_fake, full_handle_table_leaves_nothing) {
    begin();
    fake_fail(FAKE_SPAWN, 1, MPLAT_ENOHANDLES, 24);
    check_start_fails(MPROC_ESPAWN, "spawn");
    finish();
}

TEST(process_fake, child_that_does_not_take_its_message_is_killed) {
    begin();
    fake_fail(FAKE_LINK_SEND, 1, MPLAT_ETIMEDOUT, 0);
    check_start_fails(MPROC_ESPAWN, "arguments");
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_KILL), 1);
    finish();
}

TEST(process_fake, child_that_dies_before_it_reads_is_told_by_its_exit) {
    static const fake_step_t dies[] = {FAKE_DIE(FAKE_SIGSEGV)};
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, dies);
    mproc_exit_t exit;
    CHECK_OK(mproc_process_join(process, 0));
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_CRASHED);
    mproc_process_destroy(process);
    finish();
}

static void check_refused_start(fake_call_t call, mproc_process_options_t options, int code, int expected) {
    mproc_process_t *process = NULL;
    options.target = &fake_task;
    fake_fail(call, 1, code, 24);
    REQUIRE_OK(mproc_process_create(&options, &process));
    CHECK_ERR(mproc_process_start(process), expected);
    CHECK_EQ_INT(mproc_last_error()->os_code, 24);
    fake_next_child(leaves);
    CHECK_OK(mproc_process_start(process));
    CHECK_OK(mproc_process_join(process, 1000));
    mproc_process_destroy(process);
}

TEST(process_fake, whatever_the_system_refuses_a_start_is_one_error) {
    static const unsigned char input[8192];
    mproc_process_options_t timed = {.deadline_ms = 100000}, large = {.input = input, .input_size = sizeof input};
    begin();
    check_refused_start(FAKE_WATCH_CREATE, timed, MPLAT_ENOHANDLES, MPROC_ESPAWN);
    check_refused_start(FAKE_SEGMENT_CREATE, large, MPLAT_ENOHANDLES, MPROC_ESPAWN);
    check_refused_start(FAKE_SEGMENT_CREATE, large, MPLAT_ESYSTEM, MPROC_ESPAWN);
    check_refused_start(FAKE_LINK_SEND, large, MPLAT_ESYSTEM, MPROC_ESPAWN);
    check_refused_start(FAKE_SEGMENT_CREATE, large, MPLAT_ENOMEM, MPROC_ENOMEM);
    check_refused_start(FAKE_SPAWN, large, MPLAT_ENOTSUP, MPROC_ENOTSUP);
    finish();
}

/* The whole life of a process; returns its first error. */
static int live(void *context) {
    mproc_process_t *process = NULL;
    const mproc_value_t *value = NULL;
    static unsigned char input[8192];
    (void)context;
    fake_every_child(answers);
    int err = mproc_process_create(&(mproc_process_options_t){.target = &fake_task,
                                                              .args = MPROC_ARGS(1, "two", MPROC_KW("three", 3.0)),
                                                              .input = input,
                                                              .input_size = sizeof input,
                                                              .environment = (const char *const[]){"A=1", "B", NULL},
                                                              .directory = ".",
                                                              .cpus = (int[]){1},
                                                              .cpu_count = 1,
                                                              .deadline_ms = 100000,
                                                              .result = true},
                                   &process);
    if (err == MPROC_OK)
        err = mproc_process_start(process);
    if (err == MPROC_OK)
        err = mproc_process_result(process, 1000, &value);
    if (err == MPROC_OK && mproc_process_error(process) != NULL)
        err = MPROC_EDIED;
    mproc_process_destroy(process);
    return err;
}

TEST(process_fake, each_failing_call_is_an_error_and_leaves_nothing) {
    static const int codes[] = {MPLAT_ENOMEM, MPLAT_ENOHANDLES, MPLAT_ESYSTEM, MPLAT_ECLOSED, MPLAT_EMALFORMED};
    for (size_t c = 0; c < sizeof codes / sizeof codes[0]; c++) {
        unsigned calls = 0, nth = 0;
        do {
            begin();
            nth++;
            fake_fail(FAKE_ANY, nth, codes[c], 5);
            int err = live(NULL);
            CHECK(err <= MPROC_OK && err > -100);
            calls = fake_call_count(FAKE_ANY);
            fake_fail(FAKE_ANY, 0, 0, 0);
            finish();
        } while (calls >= nth);
        CHECK(nth > 5);
    }
}

TEST(process_fake, each_failing_allocation_is_an_error_and_leaves_nothing) {
    for (uint64_t nth = 1; nth < 200; nth++) {
        begin();
        mproc_memory_fail_at(nth);
        int err = live(NULL);
        bool failed = mproc_memory_pending() == 0;
        mproc_memory_fail_at(0);
        finish();
        if (!failed) {
            CHECK_EQ_INT(err, MPROC_OK);
            CHECK(nth > 8);
            return;
        }
        /* Only what can do without may go on. */
        CHECK(err == MPROC_ENOMEM || err == MPROC_OK);
    }
    FAIL("it never has enough memory");
}

/* ---- hostile children ---------------------------------------------------------------------------------------------------------------- */

static void check_condemned(const fake_step_t *steps) {
    const mproc_value_t *value = NULL;
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, steps);
    CHECK_OK(mproc_process_join(process, 1000));
    const mproc_error_t *error = error_of(process);
    CHECK_EQ_INT(error->code, MPROC_EMALFORMED);
    CHECK_ERR(mproc_process_result(process, 0, &value), MPROC_EMALFORMED);
    mproc_process_destroy(process);
}

TEST(process_fake, garbage_condemns_a_child) {
    static const wire_t unknown = WIRE(77, 0, 0, 0),
                        too_long = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 1, 1, 2),
                        lonely = WIRE(MPROC_MESSAGE_PART, 0, 1, 1);
    static const fake_step_t scripts[][4] = {
        {FAKE_RECEIVE, FAKE_SEND("x", 1), FAKE_STAY},
        {FAKE_RECEIVE, FAKE_SEND(&unknown, WIRE_SIZE(0)), FAKE_STAY},
        {FAKE_RECEIVE, FAKE_SEND(&too_long, WIRE_SIZE(2)), FAKE_STAY},
        {FAKE_RECEIVE, FAKE_SEND(&lonely, WIRE_SIZE(1)), FAKE_EXIT(0)},
        {FAKE_RECEIVE, FAKE_SEND(&answer, WIRE_SIZE(1)), FAKE_SEND(&answer, WIRE_SIZE(1)), FAKE_STAY},
    };
    begin();
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++)
        check_condemned(scripts[i]);
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_KILL), 1);
    CHECK_EQ_UINT(fake_child_signalled(fake_child(3), MPLAT_SIGNAL_KILL), 0);
    finish();
}

/* The child has done nothing wrong: it is not killed, and the result says what to do. */
TEST(process_fake, a_result_for_which_no_handle_is_free_says_so) {
    static const wire_t sent = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 1, 0x05);
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&sent, WIRE_SIZE(1)), FAKE_EXIT(0)};
    const mproc_value_t *value = NULL;
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, steps);
    fake_fail(FAKE_LINK_RECEIVE, 1, MPLAT_ENOHANDLES, 24);
    CHECK_ERR(mproc_process_result(process, 1000, &value), MPROC_ESYSTEM);
    CHECK_HAS_STR(mproc_last_error()->message, "open files");
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_KILL), 0);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, damaged_value_is_an_error_of_its_result_alone) {
    static const wire_t damaged = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_VALUE, 1, 0xc1);
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&damaged, WIRE_SIZE(1)), FAKE_EXIT(0)};
    const mproc_value_t *value = NULL;
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, steps);
    CHECK_ERR(mproc_process_result(process, 1000, &value), MPROC_EMALFORMED);
    CHECK_ERR(mproc_process_result(process, 1000, &value), MPROC_EMALFORMED);
    CHECK(value == NULL);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, damaged_report_still_fails_the_task) {
    static const wire_t damaged = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_FAILED, 1, 0xc1),
                        empty = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_FAILED, 0, 0);
    static const fake_step_t damages[] = {FAKE_RECEIVE, FAKE_SEND(&damaged, WIRE_SIZE(1)), FAKE_EXIT(1)};
    static const fake_step_t empties[] = {FAKE_RECEIVE, FAKE_SEND(&empty, WIRE_SIZE(0)), FAKE_EXIT(1)};
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, damages);
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK_EQ_INT(error_of(process)->code, MPROC_EMALFORMED);
    mproc_process_destroy(process);
    process = start((mproc_process_options_t){0}, empties);
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK_EQ_INT(error_of(process)->code, MPROC_ENOMEM);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, unfinished_outcome_is_none) {
    static const wire_t first = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, 100, 1, 2);
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&first, WIRE_SIZE(2)), FAKE_EXIT(0)};
    const void *data = NULL;
    size_t size = 0;
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, steps);
    CHECK_ERR(mproc_process_result_bytes(process, 1000, &data, &size), MPROC_EDIED);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, parts_are_put_together) {
    static const wire_t first = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, 5, 'a', 'b'),
                        second = WIRE(MPROC_MESSAGE_PART, 0, 3, 'c', 'd', 'e');
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&first, WIRE_SIZE(2)), FAKE_SLEEP(5 * MS),
                                        FAKE_SEND(&second, WIRE_SIZE(3)), FAKE_EXIT(0)};
    const void *data = NULL;
    size_t size = 0;
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, steps);
    REQUIRE_OK(mproc_process_result_bytes(process, 1000, &data, &size));
    REQUIRE_EQ_UINT(size, 5);
    CHECK_EQ_MEM(data, "abcde", 5);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, result_above_its_limit_is_refused_by_name) {
    static const wire_t first = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, 5, 'a', 'b'),
                        second = WIRE(MPROC_MESSAGE_PART, 0, 3, 'c', 'd', 'e');
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&first, WIRE_SIZE(2)), FAKE_SEND(&second, WIRE_SIZE(3)),
                                        FAKE_EXIT(0)};
    const void *data = NULL;
    size_t size = 0;
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true, .values = {.max_size = 4}}, steps);
    CHECK_ERR(mproc_process_result_bytes(process, 1000, &data, &size), MPROC_ETOOBIG);
    CHECK_HAS_STR(mproc_last_error()->message, "takes 5 bytes, more than 4: raise options.values.max_size");
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_KILL), 0);
    mproc_process_destroy(process);
    finish();
}

#define FLOOD 40

TEST(process_fake, one_look_takes_few_messages_and_the_next_goes_on) {
    static const wire_t first = WIRE(MPROC_MESSAGE_OUTCOME, MPROC_OUTCOME_BYTES, FLOOD * MPROC_PART_SIZE, 'a'),
                        part = WIRE(MPROC_MESSAGE_PART, 0, 1, 'b');
    static fake_step_t steps[FLOOD + 3] = {FAKE_RECEIVE, FAKE_SEND(&first, WIRE_SIZE(1))};
    mproc_exit_t exit;
    for (int i = 2; i < FLOOD + 2; i++)
        steps[i] = (fake_step_t)FAKE_SEND(&part, WIRE_SIZE(1));
    steps[FLOOD + 2] = (fake_step_t)FAKE_EXIT(0);
    begin();
    mproc_process_t *process = start((mproc_process_options_t){.result = true}, steps);
    CHECK(mproc_process_is_alive(process));
    CHECK(fake_call_count(FAKE_LINK_RECEIVE) < FLOOD / 2);
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK(fake_call_count(FAKE_LINK_RECEIVE) > FLOOD);
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_EXITED);
    mproc_process_destroy(process);
    finish();
}

/* ---- reports ------------------------------------------------------------------------------------------------------------------------- */

TEST(process_fake, crash_message_becomes_address_and_backtrace) {
    static struct {
        mproc_message_header_t header;
        mplat_crash_t crash;
    } message = {{MPROC_MESSAGE_CRASH, 0, sizeof(mplat_crash_t)},
                 {.code = FAKE_SIGSEGV, .has_address = 1, .address = 0xbad, .frame_count = 2, .module_count = 1}};
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&message, sizeof message), FAKE_DIE(FAKE_SIGSEGV)};
    begin();
    memcpy(message.crash.modules[0], "/bin/prog", 10);
    mproc_process_t *process = start((mproc_process_options_t){.name = "kid"}, steps);
    CHECK_OK(mproc_process_join(process, 1000));
    const mproc_error_t *error = error_of(process);
    CHECK(error->has_address);
    CHECK_EQ_UINT(error->address, 0xbad);
    CHECK_HAS_STR(error->backtrace, "#0 ");
    CHECK_HAS_STR(error->backtrace, "(prog)");
    CHECK_HAS_STR(error->message, "Process 'kid' (task 'fake_task'");
    CHECK_HAS_STR(error->message, "SIGSEGV at address 0xbad");
    mproc_process_destroy(process);
    finish();
}

static void check_memory_hint(uint64_t before, uint64_t after, bool expected) {
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SLEEP(MS), FAKE_DIE(FAKE_SIGKILL)};
    fake_set_oom_kills(before);
    mproc_process_t *warm = start((mproc_process_options_t){0}, steps);
    CHECK_OK(mproc_process_join(warm, 1000)); /* looks at the count */
    mproc_process_destroy(warm);
    mproc_process_t *process = start((mproc_process_options_t){0}, steps);
    fake_set_oom_kills(after);
    CHECK_OK(mproc_process_join(process, 1000));
    const mproc_error_t *error = error_of(process);
    CHECK(error->out_of_memory == expected);
    CHECK((strstr(error->message, "out of memory") != NULL) == expected);
    CHECK_EQ_INT(error->exit.how, MPROC_EXIT_SIGNALLED);
    mproc_process_destroy(process);
}

TEST(process_fake, kill_for_want_of_memory_is_hinted_at) {
    begin();
    check_memory_hint(5, 6, true);
    check_memory_hint(6, 6, false);
    finish();
}

static void check_limit_hint(const fake_step_t *steps, mproc_limits_t limits, bool expected) {
    mproc_process_t *process = start((mproc_process_options_t){.limits = limits}, steps);
    (void)mproc_process_join(process, 1000);
    const mproc_error_t *error = error_of(process);
    CHECK((strstr(error->message, "options.limits") != NULL) == expected);
    mproc_process_destroy(process);
}

TEST(process_fake, end_of_a_child_that_its_limits_do_not_let_start_is_hinted_at) {
    static const fake_step_t killed[] = {FAKE_DIE(FAKE_SIGSEGV)}, refused[] = {FAKE_EXIT(127)};
    begin();
    check_limit_hint(killed, (mproc_limits_t){.memory_bytes = 4096}, true);
    check_limit_hint(killed, (mproc_limits_t){.open_files = 2}, false);
    check_limit_hint(refused, (mproc_limits_t){.open_files = 2}, true);
    check_limit_hint(refused, (mproc_limits_t){.memory_bytes = 4096}, true);
    check_limit_hint(refused, (mproc_limits_t){0}, false);
    finish();
}

/* ---- time ---------------------------------------------------------------------------------------------------------------------------- */

TEST(process_fake, join_takes_its_time_and_no_more) {
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND(&begun, WIRE_SIZE(0)), FAKE_SLEEP(500 * MS),
                                        FAKE_EXIT(0)};
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, steps);
    int64_t before = mplat_clock_ns();
    CHECK_ERR(mproc_process_join(process, 200), MPROC_ETIMEDOUT);
    CHECK_EQ_INT(mplat_clock_ns() - before, 200 * MS);
    CHECK_ERR(mproc_process_join(process, 0), MPROC_ETIMEDOUT);
    CHECK_EQ_INT(mplat_clock_ns() - before, 200 * MS);
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK_EQ_INT(mplat_clock_ns() - before, 500 * MS);
    mproc_process_destroy(process);
    finish();
}

static bool one_sleeps(void *arg) {
    (void)arg;
    return fake_sleepers() == 1;
}

TEST(process_fake, deadline_kills_at_its_time_and_not_before) {
    mproc_exit_t exit;
    begin();
    fake_clock_hold();
    mproc_process_t *process = start((mproc_process_options_t){.deadline_ms = 100}, NULL);
    REQUIRE(test_wait_until(one_sleeps, NULL, 10000));
    fake_clock_advance(99 * MS);
    REQUIRE(test_wait_until(one_sleeps, NULL, 10000));
    CHECK(mproc_process_is_alive(process));
    fake_clock_advance(1 * MS);
    CHECK_OK(mproc_process_join(process, MPROC_FOREVER));
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_DEADLINE);
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_KILL), 1);
    mproc_process_destroy(process);
    finish();
}

/* The thread of the deadlines neither spins nor forgets its task. */
TEST(process_fake, deadline_is_kept_where_nobody_can_wait_for_it) {
    mproc_exit_t exit;
    begin();
    fake_clock_hold();
    fake_fail(FAKE_WATCH_WAIT, 1, MPLAT_ESYSTEM, 5);
    mproc_process_t *process = start((mproc_process_options_t){.deadline_ms = 100}, NULL);
    REQUIRE(test_wait_until(one_sleeps, NULL, 10000));
    CHECK_EQ_UINT(fake_call_count(FAKE_WATCH_WAIT), 1);
    fake_fail(FAKE_WATCH_WAIT, 1, MPLAT_ESYSTEM, 5);
    fake_clock_advance(99 * MS);
    while (fake_call_count(FAKE_WATCH_WAIT) < 2)
        test_sleep_ms(1);
    REQUIRE(test_wait_until(one_sleeps, NULL, 10000));
    CHECK_EQ_UINT(fake_call_count(FAKE_WATCH_WAIT), 2);
    fake_clock_advance(2 * MS);
    CHECK_OK(mproc_process_join(process, MPROC_FOREVER));
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_DEADLINE);
    mproc_process_destroy(process);
    finish();
}

/* Somebody who waits for the end keeps the line open, and closes it when he is the last. */
TEST(process_fake, nothing_of_an_ended_process_is_kept_for_who_waited_for_it) {
    static const fake_step_t stays[] = {FAKE_RECEIVE, FAKE_SEND(&begun, WIRE_SIZE(0)), FAKE_STAY};
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, stays);
    mproc_processes_lock();
    mproc_process_pin(process);
    mproc_processes_unlock();
    fake_child_end(fake_child(0), &(mplat_exit_t){.kind = MPLAT_EXIT_EXITED});
    CHECK_OK(mproc_process_join(process, 1000));
    size_t waited = fake_open_count();
    mproc_processes_lock();
    mproc_process_unpin(process);
    mproc_processes_unlock();
    CHECK_EQ_UINT(fake_open_count(), waited - 1);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, stop_gives_the_grace_and_then_kills) {
    static const fake_step_t deaf[] = {FAKE_RECEIVE, FAKE_DEAF, FAKE_STAY};
    mproc_exit_t exit;
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, deaf);
    int64_t before = mplat_clock_ns();
    CHECK_OK(mproc_process_stop(process, 300));
    CHECK_EQ_INT(mplat_clock_ns() - before, 300 * MS);
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_TERMINATE), 1);
    CHECK_EQ_UINT(fake_child_signalled(fake_child(0), MPLAT_SIGNAL_KILL), 1);
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_TERMINATED);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, signal_that_cannot_be_sent_is_an_error) {
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, NULL);
    fake_fail(FAKE_PROCESS_SIGNAL, 1, MPLAT_EACCESS, 1);
    CHECK_ERR(mproc_process_terminate(process), MPROC_ESYSTEM);
    fake_fail(FAKE_PROCESS_SIGNAL, 1, MPLAT_ENOTSUP, 0);
    CHECK_ERR(mproc_process_interrupt(process), MPROC_ENOTSUP);
    CHECK_HAS_STR(mproc_last_error()->message, "own_group");
    fake_child_end(fake_child(0), &(mplat_exit_t){.kind = MPLAT_EXIT_SIGNALLED, .signal = FAKE_SIGTERM});
    mproc_exit_t exit;
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_SIGNALLED);
    mproc_process_destroy(process);
    finish();
}

static void check_never_began(bool result, int code) {
    fake_step_t steps[] = {FAKE_EXIT(code)};
    const mproc_value_t *value = NULL;
    mproc_exit_t exit;
    int64_t python = 7;
    mproc_process_t *process = start((mproc_process_options_t){.result = result}, steps);
    for (int i = 0; i < 2; i++)
        CHECK_ERR(mproc_process_join(process, 1000), MPROC_ESPAWN);
    CHECK_HAS_STR(mproc_last_error()->message, "before mproc_init took over");
    CHECK_HAS_STR(mproc_last_error()->message, "mproc_init must be the first statement of main");
    CHECK_ERR(mproc_process_exitcode(process, &python), MPROC_ESPAWN);
    CHECK_EQ_INT(python, 0);
    CHECK_ERR(mproc_process_result(process, 0, &value), result ? MPROC_ESPAWN : MPROC_ESTATE);
    CHECK_EQ_INT(error_of(process)->code, MPROC_ESPAWN);
    CHECK_OK(mproc_process_exit(process, &exit));
    CHECK_EQ_INT(exit.how, MPROC_EXIT_EXITED);
    CHECK_EQ_INT(exit.code, code);
    mproc_process_destroy(process);
}

TEST(process_fake, child_that_never_says_a_word_never_ran_its_task) {
    begin();
    check_never_began(false, 0);
    check_never_began(true, 0);
    check_never_began(false, 2);
    check_never_began(true, 2);
    finish();
}

TEST(process_fake, child_whose_words_are_lost_is_not_accused) {
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, NULL);
    fake_fail(FAKE_LINK_RECEIVE, 1, MPLAT_ENOMEM, 12);
    CHECK(mproc_process_is_alive(process));
    fake_child_exit(fake_child(0), 0);
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK(mproc_process_error(process) == NULL);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, child_that_is_killed_before_its_first_word_is_told_as_killed) {
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, NULL);
    CHECK_OK(mproc_process_kill(process));
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK_EQ_INT(error_of(process)->code, MPROC_EDIED);
    mproc_process_destroy(process);
    finish();
}

TEST(process_fake, child_without_a_wanted_result_sends_nothing_to_wait_for) {
    begin();
    mproc_process_t *process = start((mproc_process_options_t){0}, leaves);
    CHECK_OK(mproc_process_join(process, 1000));
    CHECK_EQ_UINT(fake_call_count(FAKE_HANDLES_WAIT), 0);
    mproc_process_destroy(process);
    finish();
}
