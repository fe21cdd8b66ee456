/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of the scripted platform: a unit test can only trust what it scripts when the script is followed to the letter. */
#include "platform/fake/fake.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "child_host.h"
#include "test.h"

static mplat_process_t *process;
static mplat_link_t *link;

/* The first thread of a process brings another one with it under a sanitizer. */
static void nothing(void *arg) {
    (void)arg;
}

static void start_a_thread(void) {
    host_thread_join(host_thread_start(nothing, NULL));
}

TEST_WARM_UP(start_a_thread)

static int spawn(bool with_link) {
    const char *const argv[] = {"program", "argument", NULL};
    mplat_spawn_options_t options = {.argv = argv, .link = with_link};
    return mplat_spawn(&options, &process, &link);
}

static void end_child(void) {
    mplat_process_destroy(process);
    mplat_link_destroy(link);
    process = NULL;
    link = NULL;
}

/* Every test ends with nothing open and nothing kept. */
static void finish(void) {
    CHECK_EQ_UINT(fake_open_count(), 0);
    fake_reset();
}

static mplat_exit_t exit_of(mplat_process_t *child) {
    mplat_exit_t how = {0};
    CHECK_OK(mplat_process_exit(child, &how));
    return how;
}

TEST(fake, scripted_child_sends_and_exits) {
    static const fake_step_t steps[] = {FAKE_SEND("one", 3), FAKE_SEND("two", 3), FAKE_EXIT(7)};
    char buf[8];
    size_t size;
    fake_reset();
    fake_next_child(steps);
    REQUIRE_OK(spawn(true));
    CHECK_OK(mplat_link_receive(link, buf, sizeof buf, &size, NULL, NULL, 0));
    CHECK_EQ_MEM(buf, "one", 3);
    CHECK_OK(mplat_link_receive(link, buf, sizeof buf, &size, NULL, NULL, 0));
    CHECK_EQ_MEM(buf, "two", 3);
    CHECK_ERR(mplat_link_receive(link, buf, sizeof buf, &size, NULL, NULL, -1), MPLAT_ECLOSED);
    CHECK_OK(mplat_process_wait(process, -1));
    mplat_exit_t how = exit_of(process);
    CHECK_EQ_INT(how.kind, MPLAT_EXIT_EXITED);
    CHECK_EQ_UINT(how.code, 7);
    end_child();
    finish();
}

TEST(fake, child_waits_for_messages_and_for_time) {
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_SEND("got", 3), FAKE_SLEEP(5000000), FAKE_DIE(FAKE_SIGSEGV)};
    char buf[8];
    size_t size;
    fake_reset();
    fake_clock_hold();
    fake_next_child(steps);
    REQUIRE_OK(spawn(true));
    CHECK_ERR(mplat_link_receive(link, buf, sizeof buf, &size, NULL, NULL, 0), MPLAT_ETIMEDOUT);
    CHECK_OK(mplat_link_send(link, "go", 2, NULL, 0, 0));
    CHECK_OK(mplat_link_receive(link, buf, sizeof buf, &size, NULL, NULL, 0));
    CHECK_EQ_INT(exit_of(process).kind, MPLAT_EXIT_RUNNING);
    fake_clock_advance(4999999);
    CHECK_EQ_INT(exit_of(process).kind, MPLAT_EXIT_RUNNING);
    fake_clock_advance(1);
    mplat_exit_t how = exit_of(process);
    CHECK_EQ_INT(how.kind, MPLAT_EXIT_SIGNALLED);
    CHECK_EQ_STR(mplat_signal_name((uint32_t)how.signal), "SIGSEGV");
    CHECK_EQ_INT(how.usage.ended_ns - how.usage.started_ns, 5000000);
    end_child();
    finish();
}

TEST(fake, running_clock_jumps_to_what_comes_next) {
    static const fake_step_t steps[] = {FAKE_SLEEP(3000000000), FAKE_EXIT(0)};
    fake_reset();
    fake_next_child(steps);
    REQUIRE_OK(spawn(false));
    int64_t start = mplat_clock_ns();
    CHECK_ERR(mplat_process_wait(process, 1000), MPLAT_ETIMEDOUT);
    CHECK_EQ_INT(mplat_clock_ns() - start, 1000000000);
    CHECK_OK(mplat_process_wait(process, -1));
    CHECK_EQ_INT(mplat_clock_ns() - start, 3000000000);
    mplat_sleep_ms(50);
    CHECK_EQ_INT(mplat_clock_ns() - start, 3050000000);
    end_child();
    finish();
}

TEST(fake, scripts_go_to_children_in_order) {
    static const fake_step_t first[] = {FAKE_EXIT(1)}, second[] = {FAKE_EXIT(2)}, others[] = {FAKE_LOSE};
    fake_reset();
    fake_next_child(first);
    fake_next_child(second);
    fake_every_child(others);
    for (unsigned i = 0; i < 3; i++) {
        REQUIRE_OK(spawn(false));
        mplat_exit_t how = exit_of(process);
        CHECK_EQ_UINT(how.code, i < 2 ? i + 1 : 0);
        CHECK_EQ_INT(how.kind, i < 2 ? MPLAT_EXIT_EXITED : MPLAT_EXIT_LOST);
        CHECK(fake_child(i) == process);
        end_child();
    }
    CHECK_EQ_UINT(fake_child_count(), 3);
    CHECK(fake_child(3) == NULL);
    finish();
}

TEST(fake, options_are_kept_as_copies) {
    char program[] = "/bin/x";
    uint64_t words[MPLAT_AFFINITY_WORDS] = {3};
    const char *const argv[] = {"x", "y", NULL}, *const environment[] = {"A=1", NULL};
    mplat_spawn_options_t options = {.program = program, .argv = argv, .environment = environment, .affinity = words};
    fake_reset();
    REQUIRE_OK(mplat_spawn(&options, &process, &link));
    program[1] = '#';
    words[0] = 0;
    const mplat_spawn_options_t *kept = fake_child_options(fake_child(0));
    CHECK_EQ_STR(kept->program, "/bin/x");
    CHECK_EQ_STR(kept->argv[1], "y");
    CHECK(kept->argv[2] == NULL);
    CHECK_EQ_STR(kept->environment[0], "A=1");
    CHECK(kept->directory == NULL);
    CHECK_EQ_UINT(kept->affinity[0], 3);
    end_child();
    finish();
}

TEST(fake, nth_call_fails_with_what_was_asked) {
    fake_reset();
    fake_fail(FAKE_SPAWN, 2, MPLAT_ENOPROCS, 11);
    REQUIRE_OK(spawn(true));
    end_child();
    CHECK_ERR(spawn(true), MPLAT_ENOPROCS);
    CHECK(process == NULL && link == NULL);
    CHECK_EQ_INT(mplat_failure().os_code, 11);
    CHECK_EQ_STR(mplat_failure().step, "spawn");
    REQUIRE_OK(spawn(true));
    end_child();
    CHECK_EQ_UINT(fake_call_count(FAKE_SPAWN), 3);
    fake_fail(FAKE_ANY, 2, MPLAT_ENOMEM, 0);
    mplat_segment_t *segment = NULL, *none = NULL;
    REQUIRE_OK(mplat_segment_create(1, &segment));
    CHECK_ERR(mplat_segment_create(1, &none), MPLAT_ENOMEM);
    CHECK(none == NULL);
    mplat_segment_destroy(segment);
    fake_reset();
    finish();
}

TEST(fake, signals_end_a_child_unless_it_is_deaf) {
    static const fake_step_t deaf[] = {FAKE_DEAF, FAKE_STAY};
    fake_reset();
    REQUIRE_OK(spawn(false));
    CHECK_OK(mplat_process_signal(process, MPLAT_SIGNAL_TERMINATE));
    CHECK_EQ_INT(exit_of(process).signal, FAKE_SIGTERM);
    CHECK_OK(mplat_process_signal(process, MPLAT_SIGNAL_KILL));
    CHECK_EQ_INT(exit_of(process).signal, FAKE_SIGTERM);
    CHECK_EQ_UINT(fake_child_signalled(process, MPLAT_SIGNAL_TERMINATE), 1);
    CHECK_EQ_UINT(fake_child_signalled(process, MPLAT_SIGNAL_KILL), 0);
    end_child();

    fake_next_child(deaf);
    REQUIRE_OK(spawn(false));
    CHECK_OK(mplat_process_signal(process, MPLAT_SIGNAL_TERMINATE));
    CHECK_EQ_INT(exit_of(process).kind, MPLAT_EXIT_RUNNING);
    CHECK_OK(mplat_process_signal_tree(process, MPLAT_SIGNAL_KILL));
    CHECK_EQ_INT(exit_of(process).signal, FAKE_SIGKILL);
    end_child();
    finish();
}

TEST(fake, test_is_the_child_at_the_other_end) {
    char buf[8];
    size_t size, count;
    mplat_handle_t read_end, write_end, got[MPLAT_LINK_HANDLES_MAX];
    fake_reset();
    REQUIRE_OK(spawn(true));
    mplat_link_t *theirs = fake_child_link(process);
    REQUIRE_OK(mplat_pipe_create(&read_end, &write_end));
    CHECK_OK(mplat_link_send(link, "take", 4, &write_end, 1, 0));
    mplat_handle_close(&write_end);
    CHECK_OK(mplat_link_receive(theirs, buf, sizeof buf, &size, got, &count, 0));
    REQUIRE_EQ_UINT(count, 1);
    CHECK_OK(mplat_pipe_write(got[0], "x", 1, 0, &size));
    CHECK_OK(mplat_pipe_read(read_end, buf, 1, 0, &size));
    mplat_handle_close(&got[0]);
    CHECK_ERR(mplat_pipe_read(read_end, buf, 1, -1, &size), MPLAT_ECLOSED);
    mplat_handle_close(&read_end);
    CHECK_OK(mplat_link_send(theirs, "answer", 6, NULL, 0, 0));
    fake_child_exit(process, 3);
    CHECK_OK(mplat_link_receive(link, buf, sizeof buf, &size, NULL, NULL, 0));
    CHECK_EQ_UINT(size, 6);
    CHECK_ERR(mplat_link_receive(link, buf, sizeof buf, &size, NULL, NULL, -1), MPLAT_ECLOSED);
    CHECK_ERR(mplat_link_send(link, "x", 1, NULL, 0, -1), MPLAT_ECLOSED);
    CHECK_EQ_UINT(exit_of(process).code, 3);
    end_child();
    finish();
}

TEST(fake, unread_messages_release_their_handles) {
    mplat_handle_t read_end, write_end;
    char byte;
    size_t size;
    fake_reset();
    REQUIRE_OK(spawn(true));
    REQUIRE_OK(mplat_pipe_create(&read_end, &write_end));
    CHECK_OK(mplat_link_send(link, "x", 1, &write_end, 1, 0));
    mplat_handle_close(&write_end);
    CHECK_ERR(mplat_pipe_read(read_end, &byte, 1, 0, &size), MPLAT_ETIMEDOUT);
    fake_child_exit(process, 0);
    CHECK_ERR(mplat_pipe_read(read_end, &byte, 1, 0, &size), MPLAT_ECLOSED);
    mplat_handle_close(&read_end);
    end_child();
    finish();
}

TEST(fake, link_that_nobody_reads_fills_up) {
    static char block[MPLAT_LINK_MESSAGE_MAX];
    fake_reset();
    REQUIRE_OK(spawn(true));
    int err = 0;
    for (int i = 0; i < 100 && err == 0; i++)
        err = mplat_link_send(link, block, sizeof block, NULL, 0, 10);
    CHECK_EQ_INT(err, MPLAT_ETIMEDOUT);
    fake_child_exit(process, 0);
    end_child();
    finish();
}

TEST(fake, message_above_the_buffer_is_dropped_alone) {
    static const fake_step_t steps[] = {FAKE_SEND("0123456789", 10), FAKE_SEND("next", 4), FAKE_STAY};
    char buf[8];
    size_t size;
    fake_reset();
    fake_next_child(steps);
    REQUIRE_OK(spawn(true));
    CHECK_ERR(mplat_link_receive(link, buf, sizeof buf, &size, NULL, NULL, 0), MPLAT_ETOOBIG);
    CHECK_OK(mplat_link_receive(link, buf, sizeof buf, &size, NULL, NULL, 0));
    CHECK_EQ_UINT(size, 4);
    fake_child_exit(process, 0);
    end_child();
    finish();
}

TEST(fake, watch_reports_each_kind_as_often_as_said) {
    mplat_watch_t *watch = NULL;
    mplat_bell_t *bell = NULL;
    mplat_watch_event_t events[8];
    size_t count;
    int exit_key, link_key, bell_key;
    fake_reset();
    REQUIRE_OK(spawn(true));
    REQUIRE_OK(mplat_watch_create(&watch));
    REQUIRE_OK(mplat_bell_create(&bell));
    CHECK_OK(mplat_watch_add_process(watch, process, &exit_key));
    CHECK_OK(mplat_watch_add_link(watch, link, &link_key));
    CHECK_OK(mplat_watch_add_bell(watch, bell, &bell_key));
    CHECK_ERR(mplat_watch_wait(watch, 100, events, 8, &count), MPLAT_ETIMEDOUT);
    mplat_bell_ring(bell);
    mplat_bell_ring(bell);
    mplat_watch_wake(watch);
    fake_child_exit(process, 0);
    CHECK_OK(mplat_watch_wait(watch, -1, events, 8, &count));
    CHECK_EQ_UINT(count, 4);
    CHECK_OK(mplat_watch_wait(watch, -1, events, 8, &count));
    REQUIRE_EQ_UINT(count, 1);
    CHECK(events[0].kind == MPLAT_WATCH_LINK && events[0].key == &link_key);
    mplat_watch_remove_link(watch, link);
    CHECK_ERR(mplat_watch_wait(watch, 100, events, 8, &count), MPLAT_ETIMEDOUT);
    mplat_watch_remove_process(watch, process);
    mplat_watch_remove_bell(watch, bell);
    mplat_bell_destroy(bell);
    mplat_watch_destroy(watch);
    end_child();
    finish();
}

TEST(fake, watch_with_room_for_one_passes_nobody_over) {
    mplat_watch_t *watch = NULL;
    mplat_bell_t *bell = NULL;
    mplat_watch_event_t event;
    size_t count;
    int link_key, bell_key;
    static const fake_step_t steps[] = {FAKE_SEND("x", 1), FAKE_STAY};
    fake_reset();
    fake_next_child(steps);
    REQUIRE_OK(spawn(true));
    REQUIRE_OK(mplat_watch_create(&watch));
    REQUIRE_OK(mplat_bell_create(&bell));
    CHECK_OK(mplat_watch_add_link(watch, link, &link_key));
    CHECK_OK(mplat_watch_add_bell(watch, bell, &bell_key));
    mplat_bell_ring(bell);
    CHECK_OK(mplat_watch_wait(watch, 0, &event, 1, &count));
    CHECK(event.key == &link_key);
    CHECK_OK(mplat_watch_wait(watch, 0, &event, 1, &count));
    CHECK(event.key == &bell_key);
    mplat_watch_remove_link(watch, link);
    mplat_watch_remove_bell(watch, bell);
    mplat_watch_destroy(watch);
    mplat_bell_destroy(bell);
    fake_child_exit(process, 0);
    end_child();
    finish();
}

TEST(fake, segment_is_one_memory_for_all_who_open_it) {
    mplat_segment_t *one = NULL, *two = NULL;
    mplat_handle_t copy;
    fake_reset();
    REQUIRE_OK(mplat_segment_create(5000, &one));
    CHECK_EQ_UINT(mplat_segment_size(one), 8192);
    REQUIRE_OK(mplat_handle_duplicate(mplat_segment_handle(one), &copy));
    REQUIRE_OK(mplat_segment_open(copy, 5000, &two));
    ((char *)mplat_segment_base(one))[4999] = 'x';
    mplat_segment_destroy(one);
    CHECK_EQ_INT(((char *)mplat_segment_base(two))[4999], 'x');
    CHECK_EQ_INT(((char *)mplat_segment_base(two))[0], 0);
    REQUIRE_OK(mplat_handle_duplicate(mplat_segment_handle(two), &copy));
    CHECK_ERR(mplat_segment_open(copy, 8193, &one), MPLAT_EMALFORMED);
    mplat_segment_destroy(two);
    REQUIRE_OK(mplat_null_open(&copy));
    CHECK_ERR(mplat_segment_open(copy, 1, &one), MPLAT_EINVAL);
    CHECK_ERR(mplat_segment_create(SIZE_MAX, &one), MPLAT_ENOMEM);
    finish();
}

typedef struct sleeper {
    mplat_wake_t *wake;
    _Atomic uint32_t word;
    int err;
} sleeper_t;

static void sleep_on_word(void *arg) {
    sleeper_t *sleeper = arg;
    sleeper->err = mplat_wake_wait(sleeper->wake, &sleeper->word, 0, 1000000);
}

static bool somebody_sleeps(void *arg) {
    (void)arg;
    return fake_sleepers() > 0;
}

TEST(fake, held_clock_lets_threads_wait_until_the_test_says) {
    sleeper_t sleeper = {0};
    fake_reset();
    fake_clock_hold();
    REQUIRE_OK(mplat_wake_create(&sleeper.wake));
    host_thread_t *thread = host_thread_start(sleep_on_word, &sleeper);
    CHECK(test_wait_until(somebody_sleeps, NULL, 5000));
    atomic_store(&sleeper.word, 1);
    mplat_wake_signal(sleeper.wake, &sleeper.word);
    host_thread_join(thread);
    CHECK_EQ_INT(sleeper.err, 0);

    atomic_store(&sleeper.word, 0);
    thread = host_thread_start(sleep_on_word, &sleeper);
    CHECK(test_wait_until(somebody_sleeps, NULL, 5000));
    fake_clock_advance(1000000);
    host_thread_join(thread);
    CHECK_EQ_INT(sleeper.err, MPLAT_ETIMEDOUT);
    mplat_wake_destroy(sleeper.wake);
    finish();
}

static void answer(fake_child_t *child, void *context) {
    mplat_link_send(fake_child_link(child), context, strlen(context), NULL, 0, 0);
}

TEST(fake, action_may_use_the_platform) {
    static const fake_step_t steps[] = {FAKE_RECEIVE, FAKE_DO(answer, "called"), FAKE_RECEIVE, FAKE_EXIT(4)};
    char buf[8];
    size_t size;
    fake_reset();
    fake_next_child(steps);
    REQUIRE_OK(spawn(true));
    CHECK_OK(mplat_link_send(link, "x", 1, NULL, 0, 0));
    CHECK_OK(mplat_link_receive(link, buf, sizeof buf, &size, NULL, NULL, 0));
    CHECK_EQ_MEM(buf, "called", 6);
    mplat_link_destroy(link);
    link = NULL;
    CHECK_EQ_INT(exit_of(process).kind, MPLAT_EXIT_EXITED);
    CHECK_EQ_UINT(exit_of(process).code, 0);
    end_child();
    finish();
}

static jmp_buf before_exit;
static int exit_code;

static void leave(int code) {
    exit_code = code;
    longjmp(before_exit, 1);
}

static void exit_and_come_back(int code) {
    if (setjmp(before_exit) == 0)
        mplat_self_exit(code);
}

TEST(fake, this_process_can_be_a_child_too) {
    mplat_link_t *parent = NULL, *mine = NULL, *begun = NULL;
    fake_reset();
    CHECK_OK(mplat_child_begin(&begun));
    CHECK(begun == NULL);
    REQUIRE_OK(fake_link_pair(&parent, &mine));
    fake_begin_as(mine);
    CHECK_OK(mplat_child_begin(&begun));
    CHECK(begun == mine);
    fake_on_self_exit(leave);
    exit_and_come_back(9);
    CHECK_EQ_INT(exit_code, 9);
    mplat_link_destroy(parent);
    mplat_link_destroy(mine);
    finish();
}

static void note_crash(const mplat_crash_t *crash, void *context) {
    *(uint32_t *)context = crash->code;
}

TEST(fake, machine_is_what_the_test_says) {
    unsigned char id[8], one[16], two[16];
    size_t size;
    uint64_t kills;
    uint32_t crashed = 0;
    fake_reset();
    CHECK_EQ_INT(mplat_cpu_count(), 4);
    fake_set_cpu_count(9);
    CHECK_EQ_INT(mplat_cpu_count(), 9);
    fake_set_oom_kills(2);
    CHECK_OK(mplat_oom_kills(&kills));
    CHECK_EQ_UINT(kills, 2);
    fake_set_build_id("other", 5);
    CHECK_OK(mplat_build_id(id, sizeof id, &size));
    CHECK_EQ_UINT(size, 5);
    CHECK_OK(mplat_random(one, sizeof one));
    CHECK(!fake_crash(&(mplat_crash_t){.code = 11}));
    CHECK_OK(mplat_crash_install(note_crash, &crashed));
    CHECK(fake_crash(&(mplat_crash_t){.code = 11}));
    CHECK_EQ_UINT(crashed, 11);
    fake_reset();
    CHECK_OK(mplat_random(two, sizeof two));
    CHECK_EQ_MEM(one, two, sizeof one);
    finish();
}

TEST(fake, handles_that_are_none_are_refused) {
    mplat_handle_t none = MPLAT_NO_HANDLE, copy, real;
    bool ready;
    fake_reset();
    CHECK_ERR(mplat_handle_duplicate(none, &copy), MPLAT_EINVAL);
    CHECK_ERR(mplat_handles_wait(&none, 1, -1, &ready), MPLAT_EINVAL);
    REQUIRE_OK(mplat_null_open(&real));
    copy = real;
    mplat_handle_close(&real);
    CHECK(real == MPLAT_NO_HANDLE);
    CHECK_ERR(mplat_handles_wait(&copy, 1, -1, &ready), MPLAT_EINVAL);
    mplat_handle_close(&real);
    finish();
}
