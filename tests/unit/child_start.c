/* SPDX-License-Identifier: Apache-2.0 */
/* A child that is told the wrong things at its start: by a parent of another build, or by something that is no parent at all. It
 * always says what is wrong, on standard error and to the parent, and ends with 1. This program is its own child. */
#include "bootstrap.h"
#include "platform/platform.h"
#include "process_inbox.h"
#include "registry.h"
#include "report.h"
#include "test.h"

#include <mproc/mproc.h>
#include <string.h>

#define WAIT_MS (30000 * test_time_scale())

MPROC_TASK(start_task) {
    return mproc_call_return(call, 1);
}

static mplat_process_t *process;
static mplat_link_t *link;

static void warm_up(void) {
    mproc_process_t *warm = NULL;
    if (mproc_process_create(&(mproc_process_options_t){.target = &start_task}, &warm) == MPROC_OK &&
        mproc_process_start(warm) == MPROC_OK)
        (void)mproc_process_join(warm, MPROC_FOREVER);
    mproc_process_destroy(warm);
}
TEST_WARM_UP(warm_up)

static void spawn_self(void) {
    const char *const argv[] = {"child", NULL};
    mplat_spawn_options_t options = {.argv = argv, .link = true};
    options.stdio[2].kind = MPLAT_STDIO_NULL;
    REQUIRE_OK(mplat_spawn(&options, &process, &link));
}

static void check_ended_with(uint32_t code) {
    mplat_exit_t exit;
    CHECK_OK(mplat_process_wait(process, WAIT_MS));
    CHECK_OK(mplat_process_exit(process, &exit));
    CHECK_EQ_INT(exit.kind, MPLAT_EXIT_EXITED);
    CHECK_EQ_UINT(exit.code, code);
    mplat_link_destroy(link);
    mplat_process_destroy(process);
    link = NULL;
    process = NULL;
}

/* What the child answers: a failed outcome with this code and text. */
static void check_refusal(int code, const char *text) {
    unsigned char message[MPLAT_LINK_MESSAGE_MAX];
    size_t size = 0;
    mproc_inbox_t inbox = {0};
    mproc_outcome_t outcome;
    mproc_report_t report;
    mproc_report_init(&report);
    REQUIRE_OK(mplat_link_receive(link, message, sizeof message, &size, NULL, NULL, WAIT_MS));
    mproc_inbox_take(&inbox, message, size, NULL, 0);
    REQUIRE(mproc_inbox_outcome(&inbox, &outcome));
    CHECK_EQ_INT(outcome.kind, MPROC_OUTCOME_FAILED);
    REQUIRE_OK(mproc_report_decode(outcome.data, outcome.size, &report));
    CHECK_EQ_INT(report.error.code, code);
    CHECK_HAS_STR(report.error.message, text);
    mproc_report_fini(&report);
    mproc_inbox_fini(&inbox);
    check_ended_with(1);
}

static unsigned char own_build_id[MPROC_BUILD_ID_MAX];

static mproc_bootstrap_t right_one(void) {
    mproc_bootstrap_t bootstrap = {.kind = MPROC_BOOTSTRAP_PROCESS,
                                   .build_id = own_build_id,
                                   .fingerprint = mproc_registry_fingerprint(),
                                   .task = "start_task",
                                   .name = "told",
                                   .identity = "1",
                                   .parent_name = "test",
                                   .parent_pid = mplat_self_pid(),
                                   .result = true};
    if (mplat_build_id(own_build_id, sizeof own_build_id, &bootstrap.build_id_size) != 0)
        bootstrap.build_id_size = 0;
    return bootstrap;
}

static void tell(const void *message, size_t size, const mplat_handle_t *handle) {
    spawn_self();
    REQUIRE_OK(mplat_link_send(link, message, size, handle, handle != NULL ? 1 : 0, WAIT_MS));
}

static void tell_bootstrap(const mproc_bootstrap_t *bootstrap, const mplat_handle_t *handle) {
    unsigned char message[MPROC_BOOTSTRAP_SIZE_MAX];
    size_t size = 0;
    REQUIRE_OK(mproc_bootstrap_encode(bootstrap, message, sizeof message, &size));
    tell(message, size, handle);
}

TEST(child, that_is_told_the_right_things_runs) {
    mproc_bootstrap_t bootstrap = right_one();
    tell_bootstrap(&bootstrap, NULL);
    check_ended_with(0);
}

TEST(child, of_another_build_says_that_the_executable_was_replaced) {
    mproc_bootstrap_t bootstrap = right_one();
    bootstrap.build_id_size = 3;
    bootstrap.build_id = (const unsigned char *)"\1\2\3";
    tell_bootstrap(&bootstrap, NULL);
    check_refusal(MPROC_EVERSION, "executable was replaced");
}

TEST(child, with_other_tasks_says_that_the_executable_was_replaced) {
    mproc_bootstrap_t bootstrap = right_one();
    bootstrap.fingerprint++;
    tell_bootstrap(&bootstrap, NULL);
    check_refusal(MPROC_EVERSION, "executable was replaced");
}

TEST(child, of_another_version_says_so) {
    unsigned char message[MPROC_BOOTSTRAP_SIZE_MAX];
    size_t size = 0;
    mproc_bootstrap_t bootstrap = right_one();
    REQUIRE_OK(mproc_bootstrap_encode(&bootstrap, message, sizeof message, &size));
    message[8]++;
    tell(message, size, NULL);
    check_refusal(MPROC_EVERSION, "mproc");
}

TEST(child, without_the_task_names_it) {
    mproc_bootstrap_t bootstrap = right_one();
    bootstrap.task = "no_such_task";
    tell_bootstrap(&bootstrap, NULL);
    check_refusal(MPROC_ENOTASK, "no_such_task");
}

TEST(child, with_a_forged_start_message_refuses_it) {
    tell("not from mproc at all", 21, NULL);
    check_refusal(MPROC_EMALFORMED, "damaged");
    tell("", 0, NULL);
    check_refusal(MPROC_EMALFORMED, "damaged");
}

/* The end of a child that may have run its task or have refused to, but has not crashed. */
static uint32_t orderly_code(void) {
    mplat_exit_t exit = {0};
    CHECK_OK(mplat_process_wait(process, WAIT_MS));
    CHECK_OK(mplat_process_exit(process, &exit));
    CHECK_EQ_INT(exit.kind, MPLAT_EXIT_EXITED);
    CHECK(exit.code <= 1);
    mplat_link_destroy(link);
    mplat_process_destroy(process);
    link = NULL;
    process = NULL;
    return exit.code;
}

TEST(child, with_one_damaged_byte_in_its_start_message_ends_in_order) {
    unsigned char message[MPROC_BOOTSTRAP_SIZE_MAX];
    size_t size = 0;
    uint32_t refused = 0;
    mproc_bootstrap_t bootstrap = right_one();
    REQUIRE_OK(mproc_bootstrap_encode(&bootstrap, message, sizeof message, &size));
    for (size_t at = 0; at < size; at += 13) {
        message[at] ^= 0xff;
        tell(message, size, NULL);
        refused += orderly_code();
        message[at] ^= 0xff;
    }
    CHECK(refused > 3);
}

TEST(child, with_a_start_message_cut_short_refuses_it) {
    unsigned char message[MPROC_BOOTSTRAP_SIZE_MAX];
    size_t size = 0;
    mproc_bootstrap_t bootstrap = right_one();
    REQUIRE_OK(mproc_bootstrap_encode(&bootstrap, message, sizeof message, &size));
    for (size_t cut = 1; cut < size; cut += 31) {
        tell(message, size - cut, NULL);
        check_refusal(MPROC_EMALFORMED, "damaged");
    }
}

TEST(child, that_is_told_to_be_a_worker_and_gets_no_channel_ends_with_1) {
    static const unsigned char forged[64] = {1, 2, 3};
    mproc_bootstrap_t bootstrap = right_one();
    bootstrap.kind = MPROC_BOOTSTRAP_WORKER;
    bootstrap.task = "";
    tell_bootstrap(&bootstrap, NULL);
    REQUIRE_OK(mplat_link_send(link, forged, sizeof forged, NULL, 0, WAIT_MS));
    CHECK_EQ_UINT(orderly_code(), 1);
}

TEST(child, that_is_told_to_be_a_worker_of_another_build_says_so) {
    mproc_bootstrap_t bootstrap = right_one();
    bootstrap.kind = MPROC_BOOTSTRAP_WORKER;
    bootstrap.task = "";
    bootstrap.fingerprint++;
    tell_bootstrap(&bootstrap, NULL);
    check_refusal(MPROC_EVERSION, "executable was replaced");
}

TEST(child, with_a_start_message_too_long_refuses_it) {
    static unsigned char message[MPROC_BOOTSTRAP_SIZE_MAX + 1];
    tell(message, sizeof message, NULL);
    check_refusal(MPROC_ETOOBIG, "start message");
}

TEST(child, without_the_promised_segment_refuses) {
    mproc_bootstrap_t bootstrap = right_one();
    bootstrap.in_segment = true;
    bootstrap.input_size = 100000;
    tell_bootstrap(&bootstrap, NULL);
    check_refusal(MPROC_EINVAL, "shared memory");
}

TEST(child, with_a_segment_too_small_refuses) {
    mplat_segment_t *segment = NULL;
    mproc_bootstrap_t bootstrap = right_one();
    bootstrap.in_segment = true;
    bootstrap.input_size = 1000000;
    REQUIRE_OK(mplat_segment_create(4096, &segment));
    mplat_handle_t handle = mplat_segment_handle(segment);
    tell_bootstrap(&bootstrap, &handle);
    check_refusal(MPROC_EMALFORMED, "shared memory");
    mplat_segment_destroy(segment);
}

TEST(child, whose_parent_is_gone_just_ends) {
    mplat_exit_t exit;
    spawn_self();
    mplat_link_destroy(link);
    link = NULL;
    CHECK_OK(mplat_process_wait(process, WAIT_MS));
    CHECK_OK(mplat_process_exit(process, &exit));
    CHECK(exit.kind != MPLAT_EXIT_EXITED || exit.code != 0);
    mplat_process_destroy(process);
}
