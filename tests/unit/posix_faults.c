/* SPDX-License-Identifier: Apache-2.0 */
/* The POSIX backend when the system says no: each system call of each operation fails once, the first, the second and so on.
 * The operation then says so with the system's reason, and nothing stays open (the harness counts after each test). */
#include "platform/platform.h"
#include "platform/posix/link.h"
#include "platform/posix/syscalls.h"
#include "test.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { SOON_MS = 10000, CALLS_MAX = 200 };

/* Which call fails, counted from 1; 0: none. */
static struct {
    int call;      /* this one fails */
    int calls;     /* have been made */
    int interrupt; /* 1: all that can be interrupted are, once before each success, and nothing fails */
    int turns[5];
    int os_code; /* given last; 0: nothing has failed */
} fault;

static mplat_syscalls_t real;

static int code_for(const char *name) {
    static const struct {
        const char *name;
        int os_code;
    } codes[] = {{"allocate", ENOMEM},
                 {"map", ENOMEM},
                 {"memory_resize", ENOSPC},
                 {"thread_start", EAGAIN},
                 {"process_start", EAGAIN},
                 {"poll", ENOMEM},
                 {"read", EIO},
                 {"write", EIO},
                 {"send_message", ENOBUFS},
                 {"epoll_add", ENOSPC}};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(codes[i].name, name) == 0)
            return codes[i].os_code;
    return EMFILE;
}

static bool is_due(const char *name) {
    static const char *const interruptible[] = {"poll", "read", "write", "send_message", "receive_message"};
    for (size_t i = 0; fault.interrupt != 0 && i < sizeof interruptible / sizeof interruptible[0]; i++)
        if (strcmp(interruptible[i], name) == 0 && ++fault.turns[i] % 2 == 1) {
            errno = EINTR;
            return true;
        }
    if (++fault.calls != fault.call)
        return false;
    errno = fault.os_code = code_for(name);
    return true;
}

#define X(type, name, parameters, arguments, failure)                                                                  \
    static type fail_##name parameters {                                                                               \
        return is_due(#name) ? (failure) : real.name arguments;                                                        \
    }
MPLAT_SYSCALLS(X)
#undef X

static void replace_table(void) {
    real = mplat_sys;
#define X(type, name, parameters, arguments, failure) mplat_sys.name = fail_##name;
    MPLAT_SYSCALLS(X)
#undef X
}

/* Runs an operation with its first call failing, its second, … and at last with none. */
static void fail_each_call(int (*operation)(void), int calls_least) {
    int calls = 0;
    for (int n = 1; n < CALLS_MAX; n++) {
        memset(&fault, 0, sizeof fault);
        fault.call = n;
        replace_table();
        int err = operation();
        mplat_sys = real;
        if (fault.os_code == 0) {
            CHECK_OK(err);
            calls = n - 1;
            break;
        }
        CHECK(err < 0);
        CHECK_EQ_INT(mplat_failure().os_code, fault.os_code);
        CHECK(mplat_failure().step[0] != '\0');
    }
    CHECK(calls >= calls_least);
    memset(&fault, 0, sizeof fault);
    fault.interrupt = 1;
    replace_table();
    int err = operation();
    mplat_sys = real;
    CHECK_OK(err);
}

static int spawn_true(bool link) {
    static const char *const argv[] = {"true", NULL};
    mplat_spawn_options_t options = {.program = "/bin/true", .argv = argv, .link = link};
    mplat_process_t *process = NULL;
    mplat_link_t *line = NULL;
    mplat_exit_t how = {.kind = MPLAT_EXIT_RUNNING};
    int err = mplat_spawn(&options, &process, &line);
    mplat_failure_t why = mplat_failure();
    CHECK((err == 0) == (process != NULL));
    CHECK((err == 0 && link) == (line != NULL));
    if (process != NULL) {
        /* A wait that fails leaves the child to be waited for. */
        err = mplat_process_wait(process, SOON_MS);
        why = mplat_failure();
        CHECK_OK(err == 0 ? 0 : mplat_process_wait(process, SOON_MS));
        CHECK_OK(mplat_process_exit(process, &how));
        CHECK(how.kind == MPLAT_EXIT_EXITED && how.code == 0);
    }
    mplat_process_destroy(process);
    mplat_link_destroy(line);
    if (err != 0 && fault.os_code != 0)
        CHECK_EQ_INT(why.os_code, fault.os_code);
    return err;
}

static int spawn_linked(void) {
    return spawn_true(true);
}

/* The lifeline is made once per process, and stays. */
static void open_what_stays(void) {
    static const char *const argv[] = {"true", NULL};
    mplat_spawn_options_t options = {.program = "/bin/true", .argv = argv, .link = true};
    mplat_process_t *process = NULL;
    mplat_link_t *line = NULL;
    if (mplat_spawn(&options, &process, &line) == 0)
        (void)mplat_process_wait(process, SOON_MS);
    mplat_process_destroy(process);
    mplat_link_destroy(line);
}
TEST_WARM_UP(open_what_stays)

static int spawn_plain(void) {
    return spawn_true(false);
}

TEST(posix_faults, spawn_with_link) {
    fail_each_call(spawn_linked, 4);
}

TEST(posix_faults, spawn_without_link) {
    fail_each_call(spawn_plain, 3);
}

static int send_one(mplat_link_t *from, mplat_link_t *to) {
    char text[8];
    size_t size = 0, count = 0;
    mplat_handle_t sent = MPLAT_NO_HANDLE, got[MPLAT_LINK_HANDLES_MAX];
    int err = mplat_null_open(&sent);
    if (err == 0)
        err = mplat_link_send(from, "hello", 6, &sent, 1, SOON_MS);
    mplat_handle_close(&sent);
    if (err == 0)
        err = mplat_link_receive(to, text, sizeof text, &size, got, &count, SOON_MS);
    for (size_t i = 0; i < count; i++)
        mplat_handle_close(&got[i]);
    CHECK(err != 0 || (size == 6 && count == 1 && strcmp(text, "hello") == 0));
    return err;
}

static int talk(void) {
    mplat_link_t *one = NULL, *other = NULL;
    int fd = -1;
    int err = mplat_link_create(&one, &fd);
    if (err == 0)
        err = mplat_link_adopt(fd, &other);
    if (err == 0)
        err = send_one(one, other);
    mplat_link_destroy(one);
    mplat_link_destroy(other);
    return err;
}

TEST(posix_faults, message_with_a_handle) {
    fail_each_call(talk, 7);
}

/* Some bytes go out, then no more. */
static int cut_code;

static ssize_t cut_message(int fd, const struct msghdr *message) {
    static int calls;
    if (++calls % 2 == 1)
        return send(fd, message->msg_iov[0].iov_base, 3, MSG_NOSIGNAL);
    errno = cut_code;
    return -1;
}

static void check_cut(int os_code, int expected, int later) {
    mplat_link_t *link = NULL;
    int fd = -1;
    REQUIRE_OK(mplat_link_create(&link, &fd));
    cut_code = os_code;
    mplat_sys.send_message = cut_message;
    int err = mplat_link_send(link, "hello", 6, NULL, 0, 0);
    mplat_sys = real;
    CHECK_EQ_INT(err, expected);
    CHECK_ERR(mplat_link_send(link, "hello", 6, NULL, 0, 0), later);
    CHECK_ERR(mplat_link_send(link, "hello", 6, NULL, 0, 0), later);
    mplat_link_destroy(link);
    close(fd);
}

TEST(posix_faults, nothing_follows_a_part_of_a_message) {
    real = mplat_sys;
    check_cut(ENOBUFS, MPLAT_ENOMEM, MPLAT_ESTATE);
    check_cut(EPIPE, MPLAT_ECLOSED, MPLAT_ECLOSED);
}

static int map_memory(void) {
    mplat_segment_t *made = NULL, *opened = NULL;
    mplat_handle_t copy = MPLAT_NO_HANDLE;
    int err = mplat_segment_create(100000, &made);
    if (err == 0)
        err = mplat_handle_duplicate(mplat_segment_handle(made), &copy);
    if (err == 0)
        err = mplat_segment_open(copy, 100000, &opened);
    mplat_segment_destroy(opened);
    mplat_segment_destroy(made);
    return err;
}

TEST(posix_faults, segment) {
    fail_each_call(map_memory, 6);
}

static int hear_bell(void) {
    mplat_watch_t *watch = NULL;
    mplat_bell_t *bell = NULL;
    mplat_watch_event_t event;
    size_t count = 0;
    int err = mplat_watch_create(&watch);
    if (err == 0)
        err = mplat_bell_create(&bell);
    if (err == 0)
        err = mplat_watch_add_bell(watch, bell, &count);
    if (err == 0) {
        mplat_bell_ring(bell);
        err = mplat_watch_wait(watch, INT64_C(10000000000), &event, 1, &count);
        CHECK(err != 0 || (count == 1 && event.kind == MPLAT_WATCH_BELL && event.key == &count));
        mplat_watch_remove_bell(watch, bell);
    }
    mplat_bell_destroy(bell);
    mplat_watch_destroy(watch);
    return err;
}

TEST(posix_faults, watch_and_bell) {
    fail_each_call(hear_bell, 5);
}

static int hear_capture(void) {
    mplat_watch_t *watch = NULL;
    mplat_capture_t *capture = NULL;
    mplat_handle_t end = MPLAT_NO_HANDLE;
    mplat_watch_event_t event;
    char text[8];
    size_t count = 0;
    int err = mplat_watch_create(&watch);
    if (err == 0)
        err = mplat_capture_create(&capture, &end);
    CHECK((err == 0) == (capture != NULL) && (err == 0) == (end != MPLAT_NO_HANDLE));
    bool added = err == 0 && (err = mplat_watch_add_capture(watch, capture, &count)) == 0;
    if (err == 0)
        err = mplat_stderr_write(end, "hello", 6, SOON_MS, &count);
    if (err == 0)
        err = mplat_watch_wait(watch, INT64_C(10000000000), &event, 1, &count);
    CHECK(err != 0 || (count == 1 && event.kind == MPLAT_WATCH_CAPTURE && event.key == &count));
    if (err == 0)
        err = mplat_capture_read(capture, text, sizeof text, &count);
    CHECK(err != 0 || (count == 6 && strcmp(text, "hello") == 0));
    if (added)
        mplat_watch_remove_capture(watch, capture);
    mplat_handle_close(&end);
    mplat_capture_destroy(capture);
    mplat_watch_destroy(watch);
    return err;
}

TEST(posix_faults, watch_and_capture) {
    fail_each_call(hear_capture, 7);
}

static int make_wake(void) {
    mplat_wake_t *wake = NULL;
    _Atomic uint32_t word = 1;
    int err = mplat_wake_create(&wake);
    if (err == 0) {
        mplat_wake_signal(wake, &word);
        err = mplat_wake_wait(wake, &word, 2, -1);
    }
    mplat_wake_destroy(wake);
    return err;
}

TEST(posix_faults, wake) {
    fail_each_call(make_wake, 0);
}

static int use_pipe(void) {
    mplat_handle_t from = MPLAT_NO_HANDLE, to = MPLAT_NO_HANDLE;
    char byte = 0;
    size_t size = 0;
    int err = mplat_pipe_create(&from, &to);
    if (err == 0)
        err = mplat_pipe_write(to, "x", 1, SOON_MS, &size);
    if (err == 0)
        err = mplat_pipe_read(from, &byte, 1, SOON_MS, &size);
    CHECK(err != 0 || byte == 'x');
    mplat_handle_close(&from);
    mplat_handle_close(&to);
    return err;
}

TEST(posix_faults, pipe) {
    fail_each_call(use_pipe, 4);
}

static int wait_for_many(void) {
    mplat_handle_t handles[100], from = MPLAT_NO_HANDLE, to = MPLAT_NO_HANDLE;
    bool ready[100];
    size_t size = 0;
    int err = mplat_pipe_create(&from, &to);
    for (size_t i = 0; i < 100; i++)
        handles[i] = from;
    if (err == 0)
        err = mplat_pipe_write(to, "x", 1, SOON_MS, &size);
    if (err == 0)
        err = mplat_handles_wait(handles, 100, SOON_MS, ready);
    CHECK(err != 0 || (ready[0] && ready[99]));
    mplat_handle_close(&from);
    mplat_handle_close(&to);
    return err;
}

TEST(posix_faults, waiting_for_many_handles) {
    fail_each_call(wait_for_many, 4);
}

/* What can be told in no other way is still told, and nothing stays open. */
TEST(posix_faults, machine_questions_always_have_an_answer) {
    for (int n = 1; n < CALLS_MAX; n++) {
        uint64_t kills = 0;
        memset(&fault, 0, sizeof fault);
        fault.call = n;
        replace_table();
        int count = mplat_cpu_count();
        (void)mplat_oom_kills(&kills);
        mplat_sys = real;
        CHECK(count >= 1);
        if (fault.os_code == 0)
            break;
    }
}

/* A running child that nobody wants any more is reaped, also where there is no thread to do it at once. */
TEST(posix_faults, running_child_is_destroyed_without_a_thread) {
    static const char *const argv[] = {"sleep", "0.05", NULL};
    mplat_spawn_options_t options = {.program = "/bin/sleep", .argv = argv};
    mplat_process_t *process = NULL;
    REQUIRE_OK(mplat_spawn(&options, &process, NULL));
    memset(&fault, 0, sizeof fault);
    fault.call = 1;
    replace_table();
    mplat_process_destroy(process);
    mplat_sys = real;
    test_sleep_ms(300);
    mplat_process_destroy(NULL);
    CHECK_OK(spawn_true(false));
}
