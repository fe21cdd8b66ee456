/* SPDX-License-Identifier: Apache-2.0 */
/* Every system call of the backend that can fail fails once, in scenarios that use all of platform.h: the error is the
 * platform's code for the reason, nothing is left open, and the scenario works again. */
#include "platform_faults.h"

#include <string.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

/* Assertions with the failed call's name come from check_all; those in a scenario only say what never happens. */
enum { CALLS_MAX = 400, SOON_MS = 20000 };

typedef int scenario_t(void);

/* TRY goes on only as long as nothing has failed. */
#define TRY(call_)                                                                                                     \
    do {                                                                                                               \
        if (err == 0)                                                                                                  \
            err = (call_);                                                                                             \
    } while (0)

static int start(const mplat_spawn_options_t *options, child_t *child) {
    int err = mplat_spawn(options, &child->process, &child->link);
    CHECK(err == 0 || (child->process == NULL && child->link == NULL));
    return err;
}

/* Ends a child whose link or wait may have failed: what follows must not fail, so it is not made to. */
static void stop(child_t *child) {
    const char *name;
    int code;
    (void)faults_disarm(&name, &code);
    child_end(child);
}

/* How many handles stay open once all that ends by itself has ended. */
static size_t settled_handles(void) {
    size_t handles = host_count_handles();
    for (int i = 0, still = 0; i < 500 && still < 10; i++) {
        test_sleep_ms(10);
        size_t now = host_count_handles();
        still = now == handles && host_count_children() == 0 ? still + 1 : 0;
        handles = now;
    }
    return handles;
}

/* A child that could not be given a thread to reap it is reaped by a later spawn, also one that fails. */
static void spawn_in_vain(void) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("exit"));
    child_t child = {.output = MPLAT_NO_HANDLE};
    options.program = "/nowhere/at/all";
    CHECK(mplat_spawn(&options, &child.process, &child.link) < 0);
}

/* Says whether the handles are as before; what other threads of the backend still close may take a moment. */
static bool settles(size_t handles) {
    for (int i = 0; i < 500; i++) {
        if (host_count_handles() == handles && host_count_children() == 0)
            return true;
        test_sleep_ms(10);
        spawn_in_vain();
    }
    return false;
}

static void check_failure(int err, unsigned nth, const char *name, int code, fault_kind_t kind) {
    const char *text = mplat_error_text(err);
    if (strcmp(text, "unknown error") == 0)
        FAIL("call %u, %s: %d is no error of the platform", nth, name, err);
    if (kind == FAULT_INTERRUPT && err != 0)
        FAIL("call %u, %s: an interruption shows as %s", nth, name, text);
    if (err != 0 && code != 0 && err != code)
        FAIL("call %u, %s: %s, not %s", nth, name, text, mplat_error_text(code));
    if (err != 0 && mplat_failure().step[0] == '\0')
        FAIL("call %u, %s: the failure has no step", nth, name);
}

/* A failure may be borne: the scenario then succeeds. */
static void check_all(scenario_t *scenario, fault_kind_t kind) {
    const char *name;
    int code;
    CHECK_OK(scenario());
    size_t handles = settled_handles();
    faults_install();
    for (unsigned nth = 1;; nth++) {
        if (nth == CALLS_MAX) {
            FAIL("the scenario never gets through");
            break;
        }
        faults_arm(nth, kind);
        int err = scenario();
        bool failed = faults_disarm(&name, &code);
        if (!failed) {
            CHECK_OK(err);
            break;
        }
        check_failure(err, nth, name, code, kind);
        if (!settles(handles)) {
            FAIL("call %u, %s: leaves %zu handles, not %zu", nth, name, host_count_handles(), handles);
            break;
        }
    }
    faults_remove();
    CHECK_OK(scenario());
}

static int spawn_plain(void) {
    uint64_t words[MPLAT_AFFINITY_WORDS];
    mplat_spawn_options_t options = child_options(CHILD_ARGS("exit", "3"));
    child_t child = {.output = MPLAT_NO_HANDLE};
    mplat_exit_t how = {0};
    memset(words, 0xFF, sizeof words);
    options.environment = (const char *const[]){"A=1", "B", NULL};
    options.environment_changes = true;
    options.directory = test_temp_dir();
    options.stdio[1].kind = MPLAT_STDIO_NULL;
    options.own_group = true;
    options.priority = MPLAT_PRIORITY_LOW;
    options.affinity = host_has_signals() ? NULL : words;
    options.limits = (mplat_limits_t){.cpu_seconds = 100, .open_files = 100};
    int err = start(&options, &child);
    TRY(mplat_process_wait(child.process, SOON_MS));
    TRY(mplat_process_exit(child.process, &how));
    CHECK(err != 0 || (how.kind == MPLAT_EXIT_EXITED && how.code == 3));
    stop(&child);
    return err;
}

TEST(platform_faults, spawning_bears_each) {
    check_all(spawn_plain, FAULT_SHORTAGE);
}

TEST(platform_faults, spawning_shows_no_interruption) {
    check_all(spawn_plain, FAULT_INTERRUPT);
}

/* Sends the child two handles and has it write to them, then sees both it and the link end. */
static int talk(child_t *child, mplat_handle_t *read_end, mplat_handle_t *write_end) {
    char answer[16] = "";
    size_t size;
    bool ready;
    mplat_handle_t handle;
    int err = mplat_pipe_create(read_end, write_end);
    mplat_handle_t handles[] = {*write_end, *write_end};
    TRY(mplat_link_send(child->link, "write hi", 8, handles, 2, SOON_MS));
    TRY(mplat_link_receive(child->link, answer, sizeof answer, &size, NULL, NULL, SOON_MS));
    TRY(mplat_pipe_read(*read_end, answer, 4, SOON_MS, &size));
    TRY(mplat_link_send(child->link, "exit 0", 6, NULL, 0, SOON_MS));
    handle = mplat_process_sentinel(child->process);
    TRY(mplat_handles_wait(&handle, 1, SOON_MS, &ready));
    TRY(mplat_process_wait(child->process, SOON_MS));
    if (err == 0 && mplat_link_receive(child->link, answer, sizeof answer, &size, NULL, NULL, SOON_MS) != MPLAT_ECLOSED)
        err = mplat_link_receive(child->link, answer, sizeof answer, &size, NULL, NULL, SOON_MS) == MPLAT_ECLOSED
                  ? 0
                  : MPLAT_ESYSTEM;
    return err;
}

static int spawn_and_talk(void) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("serve"));
    child_t child = {.output = MPLAT_NO_HANDLE};
    mplat_handle_t read_end = MPLAT_NO_HANDLE, write_end = MPLAT_NO_HANDLE;
    options.link = true;
    int err = start(&options, &child);
    TRY(talk(&child, &read_end, &write_end));
    mplat_handle_close(&read_end);
    mplat_handle_close(&write_end);
    stop(&child);
    return err;
}

TEST(platform_faults, links_bear_each) {
    check_all(spawn_and_talk, FAULT_SHORTAGE);
}

TEST(platform_faults, links_show_no_interruption) {
    check_all(spawn_and_talk, FAULT_INTERRUPT);
}

static int use_pipes(void) {
    static char block[100000];
    mplat_handle_t read_end = MPLAT_NO_HANDLE, write_end = MPLAT_NO_HANDLE, copy = MPLAT_NO_HANDLE;
    mplat_handle_t null = MPLAT_NO_HANDLE;
    size_t size = 0, got = 0;
    int err = mplat_pipe_create(&read_end, &write_end);
    CHECK(err == 0 || (read_end == MPLAT_NO_HANDLE && write_end == MPLAT_NO_HANDLE));
    TRY(mplat_handle_duplicate(write_end, &copy));
    TRY(mplat_null_open(&null));
    TRY(mplat_pipe_write(copy, block, 1000, SOON_MS, &size));
    CHECK(err != 0 || size == 1000);
    TRY(mplat_pipe_read(read_end, block, sizeof block, SOON_MS, &got));
    CHECK(err != 0 || got > 0);
    int timed = err == 0 ? mplat_pipe_read(read_end, block, 1, 5, &got) : MPLAT_ETIMEDOUT;
    if (timed != MPLAT_ETIMEDOUT)
        err = timed == 0 ? MPLAT_ESYSTEM : timed;
    mplat_handle_close(&read_end);
    mplat_handle_close(&write_end);
    mplat_handle_close(&copy);
    mplat_handle_close(&null);
    return err;
}

TEST(platform_faults, pipes_bear_each) {
    check_all(use_pipes, FAULT_SHORTAGE);
}

TEST(platform_faults, pipes_show_no_interruption) {
    check_all(use_pipes, FAULT_INTERRUPT);
}

static int use_memory(void) {
    mplat_segment_t *segment = NULL, *again = NULL;
    mplat_wake_t *wake = NULL, *other = NULL;
    mplat_handle_t copy = MPLAT_NO_HANDLE, handles[MPLAT_WAKE_HANDLES_MAX] = {MPLAT_NO_HANDLE, MPLAT_NO_HANDLE};
    int err = mplat_segment_create(100000, &segment);
    CHECK((err == 0) == (segment != NULL));
    TRY(mplat_handle_duplicate(mplat_segment_handle(segment), &copy));
    TRY(mplat_segment_open(copy, 100000, &again));
    TRY(mplat_wake_create(&wake));
    size_t count = wake != NULL ? mplat_wake_handles(wake, handles) : 0, copied = 0;
    for (; err == 0 && copied < count; copied++)
        err = mplat_handle_duplicate(handles[copied], &handles[copied]);
    if (err == 0)
        err = mplat_wake_open(handles, count, &other);
    else
        for (size_t i = 0; i + 1 < copied; i++)
            mplat_handle_close(&handles[i]);
    if (err == 0 && mplat_wake_wait(wake, mplat_segment_base(segment), 0, 1000000) != MPLAT_ETIMEDOUT)
        err = mplat_wake_wait(wake, mplat_segment_base(segment), 0, 1000000) == MPLAT_ETIMEDOUT ? 0 : MPLAT_ESYSTEM;
    mplat_wake_destroy(other);
    mplat_wake_destroy(wake);
    mplat_segment_destroy(again);
    mplat_segment_destroy(segment);
    return err;
}

TEST(platform_faults, memory_bears_each) {
    check_all(use_memory, FAULT_SHORTAGE);
}

static int watch_all(mplat_watch_t *watch, mplat_bell_t *bell, child_t *child) {
    mplat_watch_event_t event;
    size_t count;
    bool exited = false;
    int err = mplat_watch_add_process(watch, child->process, child);
    TRY(mplat_watch_add_link(watch, child->link, child));
    TRY(mplat_watch_add_bell(watch, bell, bell));
    if (err == 0) {
        mplat_bell_ring(bell);
        mplat_watch_wake(watch);
    }
    TRY(mplat_link_send(child->link, "exit 0", 6, NULL, 0, SOON_MS));
    for (int i = 0; err == 0 && !exited && i < 100; i++) {
        err = mplat_watch_wait(watch, INT64_C(20000000000), &event, 1, &count);
        exited = err == 0 && event.kind == MPLAT_WATCH_EXIT;
    }
    mplat_watch_remove_bell(watch, bell);
    mplat_watch_remove_link(watch, child->link);
    mplat_watch_remove_process(watch, child->process);
    return err;
}

static int use_watch(void) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("serve"));
    child_t child = {.output = MPLAT_NO_HANDLE};
    mplat_watch_t *watch = NULL;
    mplat_bell_t *bell = NULL;
    options.link = true;
    int err = mplat_watch_create(&watch);
    CHECK((err == 0) == (watch != NULL));
    TRY(mplat_bell_create(&bell));
    CHECK((err == 0) == (bell != NULL));
    TRY(start(&options, &child));
    TRY(watch_all(watch, bell, &child));
    stop(&child);
    mplat_bell_destroy(bell);
    mplat_watch_destroy(watch);
    return err;
}

TEST(platform_faults, watches_bear_each) {
    check_all(use_watch, FAULT_SHORTAGE);
}

TEST(platform_faults, watches_show_no_interruption) {
    check_all(use_watch, FAULT_INTERRUPT);
}

/* Until the watch tells of the capture; what it says when it is not ready is no failure. */
static int hear(mplat_watch_t *watch, mplat_capture_t *capture, char *buf, size_t size, size_t *out_size) {
    mplat_watch_event_t event;
    size_t count = 0;
    int err = 0, got = MPLAT_ETIMEDOUT;
    for (int i = 0; err == 0 && got == MPLAT_ETIMEDOUT && i < 100; i++) {
        TRY(mplat_watch_wait(watch, INT64_C(20000000000), &event, 1, &count));
        CHECK(err != 0 || count == 0 || (event.kind == MPLAT_WATCH_CAPTURE && event.key == watch));
        if (err == 0)
            got = mplat_capture_read(capture, buf, size, out_size);
    }
    return err != 0 ? err : got;
}

static int use_capture(void) {
    char text[16];
    size_t size = 0;
    mplat_watch_t *watch = NULL;
    mplat_capture_t *capture = NULL;
    mplat_handle_t end = MPLAT_NO_HANDLE;
    bool added = false;
    int err = mplat_watch_create(&watch);
    TRY(mplat_capture_create(&capture, &end));
    CHECK((err == 0) == (capture != NULL) && (err == 0) == (end != MPLAT_NO_HANDLE));
    TRY(mplat_watch_add_capture(watch, capture, watch));
    added = err == 0;
    TRY(mplat_stderr_write(end, "words", 5, SOON_MS, &size));
    TRY(hear(watch, capture, text, sizeof text, &size));
    CHECK(err != 0 || (size == 5 && memcmp(text, "words", 5) == 0));
    mplat_handle_close(&end);
    if (err == 0) {
        int last = hear(watch, capture, text, sizeof text, &size);
        err = last == MPLAT_ECLOSED ? 0 : last == 0 ? MPLAT_ESYSTEM : last;
    }
    if (added)
        mplat_watch_remove_capture(watch, capture);
    mplat_capture_destroy(capture);
    mplat_watch_destroy(watch);
    return err;
}

TEST(platform_faults, captures_bear_each) {
    check_all(use_capture, FAULT_SHORTAGE);
}

TEST(platform_faults, captures_show_no_interruption) {
    check_all(use_capture, FAULT_INTERRUPT);
}

static int open_stderr(void) {
    mplat_handle_t handle = MPLAT_NO_HANDLE;
    int err = mplat_stderr_open(&handle);
    CHECK((err == 0) == (handle != MPLAT_NO_HANDLE));
    mplat_handle_close(&handle);
    return err;
}

TEST(platform_faults, opening_standard_error_bears_each) {
    check_all(open_stderr, FAULT_SHORTAGE);
}

static int ask_the_machine(void) {
    char path[4096];
    unsigned char bytes[64];
    size_t size;
    uint64_t kills;
    int err = mplat_executable_path(path, sizeof path);
    TRY(mplat_build_id(bytes, sizeof bytes, &size));
    TRY(mplat_random(bytes, sizeof bytes));
    if (err == 0) {
        err = mplat_oom_kills(&kills);
        err = err == MPLAT_ENOTSUP ? 0 : err;
    }
    CHECK(mplat_cpu_count() >= 1);
    return err;
}

TEST(platform_faults, questions_to_the_machine_bear_each) {
    check_all(ask_the_machine, FAULT_SHORTAGE);
}

TEST(platform_faults, questions_to_the_machine_show_no_interruption) {
    check_all(ask_the_machine, FAULT_INTERRUPT);
}

/* A child that is destroyed while it runs wants a thread, which may not be had. */
static int destroy_running(void) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("exit", "0"));
    child_t child = {.output = MPLAT_NO_HANDLE};
    int err = start(&options, &child);
    if (err == 0)
        mplat_process_destroy(child.process);
    return err;
}

TEST(platform_faults, destroying_a_running_child_bears_each) {
    check_all(destroy_running, FAULT_SHORTAGE);
}
