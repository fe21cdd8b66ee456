/* SPDX-License-Identifier: Apache-2.0 */
/* How ends are told apart, case by case, on a platform whose signals are known. */
#include "platform/fake/fake.h"
#include "process_exit.h"
#include "test.h"

#include <string.h>

static const mproc_stops_t none;

static mproc_exit_t by_signal(int number, const mproc_stops_t *stops, const mplat_crash_t *crash) {
    mplat_exit_t system = {.kind = MPLAT_EXIT_SIGNALLED, .signal = number};
    return mproc_exit_classify(&system, stops, crash);
}

static mproc_exit_t by_code(uint32_t code, bool exception, const mproc_stops_t *stops, const mplat_crash_t *crash) {
    mplat_exit_t system = {.kind = exception ? MPLAT_EXIT_SIGNALLED : MPLAT_EXIT_EXITED, .code = code};
    return mproc_exit_classify(&system, stops, crash);
}

static void check(mproc_exit_t exit, mproc_exit_how_t how, const char *name) {
    CHECK_EQ_INT(exit.how, how);
    CHECK_EQ_STR(exit.name, name);
}

TEST(exit_rules, running_one_has_not_ended) {
    mplat_exit_t system = {.kind = MPLAT_EXIT_RUNNING};
    int64_t code = 1;
    mproc_exit_t exit = mproc_exit_classify(&system, &none, NULL);
    check(exit, MPROC_EXIT_NONE, "");
    CHECK(!mproc_exit_python(&exit, &code));
}

TEST(exit_rules, fault_is_a_crash_whoever_stopped_it) {
    mproc_stops_t all = {true, true, true, true};
    check(by_signal(FAKE_SIGSEGV, &none, NULL), MPROC_EXIT_CRASHED, "SIGSEGV");
    check(by_signal(FAKE_SIGABRT, &none, NULL), MPROC_EXIT_CRASHED, "SIGABRT");
    check(by_signal(FAKE_SIGSEGV, &all, NULL), MPROC_EXIT_CRASHED, "SIGSEGV");
}

TEST(exit_rules, signal_is_ours_only_when_we_sent_it) {
    check(by_signal(FAKE_SIGTERM, &none, NULL), MPROC_EXIT_SIGNALLED, "SIGTERM");
    check(by_signal(FAKE_SIGTERM, &(mproc_stops_t){.killed = true}, NULL), MPROC_EXIT_SIGNALLED, "SIGTERM");
    check(by_signal(FAKE_SIGTERM, &(mproc_stops_t){.terminated = true}, NULL), MPROC_EXIT_TERMINATED, "SIGTERM");
    check(by_signal(FAKE_SIGKILL, &none, NULL), MPROC_EXIT_SIGNALLED, "SIGKILL");
    check(by_signal(FAKE_SIGKILL, &(mproc_stops_t){.terminated = true}, NULL), MPROC_EXIT_SIGNALLED, "SIGKILL");
    check(by_signal(FAKE_SIGKILL, &(mproc_stops_t){.killed = true}, NULL), MPROC_EXIT_TERMINATED, "SIGKILL");
    check(by_signal(FAKE_SIGINT, &none, NULL), MPROC_EXIT_SIGNALLED, "SIGINT");
    check(by_signal(FAKE_SIGINT, &(mproc_stops_t){.interrupted = true}, NULL), MPROC_EXIT_TERMINATED, "SIGINT");
}

TEST(exit_rules, deadline_wins_over_kill) {
    check(by_signal(FAKE_SIGKILL, &(mproc_stops_t){.deadline = true}, NULL), MPROC_EXIT_DEADLINE, "SIGKILL");
    check(by_signal(FAKE_SIGKILL, &(mproc_stops_t){.deadline = true, .killed = true}, NULL), MPROC_EXIT_DEADLINE,
          "SIGKILL");
    check(by_signal(FAKE_SIGTERM, &(mproc_stops_t){.deadline = true}, NULL), MPROC_EXIT_SIGNALLED, "SIGTERM");
}

TEST(exit_rules, handled_stop_is_an_exit) {
    mproc_exit_t exit = by_code(0, false, &(mproc_stops_t){.terminated = true, .deadline = true}, NULL);
    check(exit, MPROC_EXIT_EXITED, "");
    CHECK_EQ_INT(exit.code, 0);
}

TEST(exit_rules, codes_of_our_own_stops_are_signals) {
    mproc_exit_t exit = by_code(MPLAT_CODE_TERMINATED, false, &(mproc_stops_t){.terminated = true}, NULL);
    check(exit, MPROC_EXIT_TERMINATED, "SIGTERM");
    CHECK_EQ_INT(exit.signal, 15);
    check(by_code(MPLAT_CODE_KILLED, true, &(mproc_stops_t){.killed = true}, NULL), MPROC_EXIT_TERMINATED, "SIGKILL");
    check(by_code(MPLAT_CODE_KILLED, false, &(mproc_stops_t){.deadline = true}, NULL), MPROC_EXIT_DEADLINE, "SIGKILL");
    check(by_code(MPLAT_CODE_KILLED, false, &none, NULL), MPROC_EXIT_SIGNALLED, "SIGKILL");
    check(by_code(MPLAT_CODE_TERMINATED, false, &none, NULL), MPROC_EXIT_SIGNALLED, "SIGTERM");
}

TEST(exit_rules, exception_is_a_crash) {
    mproc_exit_t exit = by_code(0xC0000005u, true, &none, NULL);
    int64_t code = 0;
    CHECK_EQ_INT(exit.how, MPROC_EXIT_CRASHED);
    CHECK_EQ_UINT(exit.exception, 0xC0000005u);
    CHECK_EQ_INT(exit.signal, 0);
    CHECK(mproc_exit_python(&exit, &code));
    CHECK_EQ_INT(code, INT64_C(0xC0000005));
}

TEST(exit_rules, reported_crash_tells_abort_from_exit_3) {
    static const mplat_crash_t crash = {.code = FAKE_SIGABRT};
    check(by_code(3, false, &none, NULL), MPROC_EXIT_EXITED, "");
    check(by_code(3, false, &none, &crash), MPROC_EXIT_CRASHED, "SIGABRT");
    check(by_code(0, false, &none, &crash), MPROC_EXIT_EXITED, "");
}

TEST(exit_rules, lost_one_has_no_code) {
    mplat_exit_t system = {.kind = MPLAT_EXIT_LOST};
    int64_t code = 1;
    mproc_exit_t exit = mproc_exit_classify(&system, &none, NULL);
    check(exit, MPROC_EXIT_LOST, "");
    CHECK(!mproc_exit_python(&exit, &code));
}

TEST(exit_rules, pythons_code_is_the_code_or_minus_the_signal) {
    int64_t code = 0;
    mproc_exit_t exit = by_code(255, false, &none, NULL);
    CHECK(mproc_exit_python(&exit, &code));
    CHECK_EQ_INT(code, 255);
    exit = by_signal(FAKE_SIGKILL, &none, NULL);
    CHECK(mproc_exit_python(&exit, &code));
    CHECK_EQ_INT(code, -9);
}

TEST(exit_rules, every_end_is_described_in_words) {
    static const struct {
        mproc_exit_t exit;
        const char *text;
    } cases[] = {
        {{.how = MPROC_EXIT_NONE, .name = ""}, "has not ended"},
        {{.how = MPROC_EXIT_EXITED, .code = 3, .name = ""}, "exited with code 3"},
        {{.how = MPROC_EXIT_CRASHED, .signal = 11, .name = "SIGSEGV", .core_dumped = true},
         "crashed: SIGSEGV, core dumped"},
        {{.how = MPROC_EXIT_CRASHED, .exception = 0xC0001234u, .name = ""}, "crashed: exception 0xC0001234"},
        {{.how = MPROC_EXIT_SIGNALLED, .signal = 63, .name = ""}, "was ended from outside by signal 63"},
        {{.how = MPROC_EXIT_TERMINATED, .signal = 9, .name = "SIGKILL"}, "was ended by this program (SIGKILL)"},
        {{.how = MPROC_EXIT_DEADLINE, .signal = 9, .name = "SIGKILL"}, "was killed at its deadline"},
    };
    char text[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_EQ_STR(mproc_exit_describe(&cases[i].exit, text, sizeof text), cases[i].text);
    mproc_exit_t lost = {.how = MPROC_EXIT_LOST, .name = ""};
    CHECK_HAS_STR(mproc_exit_describe(&lost, text, sizeof text), "SIGCHLD");
}
