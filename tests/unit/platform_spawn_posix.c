/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about children that only POSIX can break or show: signals, groups, permissions, who reaps. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child_client.h"
#include "child_host.h"
#include "platform/platform.h"
#include "test.h"

enum { SOON_MS = 20000 };

static void make_file(const char *name, const char *text, mode_t mode, char *out_path, size_t size) {
    test_temp_path(name, out_path, size);
    FILE *file = fopen(out_path, "w");
    REQUIRE(file != NULL);
    fputs(text, file);
    fclose(file);
    REQUIRE_EQ_INT(chmod(out_path, mode), 0);
}

static int spawn_of(const char *path) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("x"));
    mplat_process_t *process = NULL;
    mplat_link_t *link = NULL;
    options.program = path;
    int err = mplat_spawn(&options, &process, &link);
    if (err == 0)
        mplat_process_wait(process, -1);
    mplat_process_destroy(process);
    return err;
}

TEST(platform_spawn_posix, file_without_permission_is_refused) {
    char path[1024];
    make_file("plain", "#!/bin/sh\n", 0644, path, sizeof path);
    CHECK_ERR(spawn_of(path), MPLAT_EACCESS);
    CHECK_EQ_INT(mplat_failure().os_code, EACCES);
}

TEST(platform_spawn_posix, file_that_is_no_program_is_refused) {
    char path[1024];
    make_file("noprogram", "neither script nor binary\n", 0755, path, sizeof path);
    CHECK_ERR(spawn_of(path), MPLAT_ENOEXEC);
    CHECK_EQ_INT(mplat_failure().os_code, ENOEXEC);
}

TEST(platform_spawn_posix, missing_program_gives_the_systems_reason) {
    CHECK_ERR(spawn_of("/nowhere/at/all"), MPLAT_ENOTFOUND);
    CHECK_EQ_INT(mplat_failure().os_code, ENOENT);
    CHECK_HAS_STR(mplat_failure().step, "exec");
    char path[1024], below[1040];
    make_file("plain", "x", 0644, path, sizeof path);
    snprintf(below, sizeof below, "%s/below", path);
    CHECK(spawn_of(below) < 0);
    CHECK_EQ_INT(mplat_failure().os_code, ENOTDIR);
}

TEST(platform_spawn_posix, script_runs_through_its_interpreter) {
    char path[1024];
    make_file("script", "#!/bin/sh\nexit 7\n", 0755, path, sizeof path);
    mplat_spawn_options_t options = child_options(CHILD_ARGS("x"));
    options.program = path;
    child_t child = child_start(&options);
    CHECK_EQ_INT(child_exit_code(&child), 7);
    child_end(&child);
}

TEST(platform_spawn_posix, terminate_works_though_the_parent_blocks_and_ignores_it) {
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    void (*old)(int) = signal(SIGTERM, SIG_IGN);
    child_t child = child_start_captured(child_options(CHILD_ARGS("linger", "60000")));
    CHECK(child_says(&child, "u"));
    CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_TERMINATE));
    mplat_exit_t how = child_exit(&child);
    CHECK_EQ_INT(how.kind, MPLAT_EXIT_SIGNALLED);
    CHECK_EQ_INT(how.signal, SIGTERM);
    child_end(&child);
    signal(SIGTERM, old);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* What the kernel says of a process, in a line that begins with this word. */
static unsigned long long status_of(int64_t pid, const char *word) {
    char path[64], line[256];
    unsigned long long value = ~0ull;
    snprintf(path, sizeof path, "/proc/%lld/status", (long long)pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, word, strlen(word)) == 0)
            value = strtoull(line + strlen(word), NULL, 16);
    if (file != NULL)
        fclose(file);
    return value;
}

TEST(platform_spawn_posix, child_has_an_empty_mask_and_default_dispositions) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGUSR1, SIGCHLD, SIGWINCH};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    mplat_spawn_options_t options = child_options(CHILD_ARGS("x"));
    options.program = "/bin/cat";
    options.argv = (const char *const[]){"cat", NULL};
    mplat_handle_t input, theirs;
    REQUIRE_OK(mplat_pipe_create(&theirs, &input));
    options.stdio[0] = (mplat_stdio_t){.kind = MPLAT_STDIO_HANDLE, .handle = theirs};
    child_t child = child_start(&options);
    mplat_handle_close(&theirs);
    CHECK_EQ_UINT(status_of(mplat_process_pid(child.process), "SigBlk:"), 0);
    CHECK_EQ_UINT(status_of(mplat_process_pid(child.process), "SigIgn:"), 0);
    CHECK_EQ_UINT(status_of(mplat_process_pid(child.process), "SigCgt:"), 0);
    mplat_handle_close(&input);
    child_exit(&child);
    child_end(&child);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

TEST(platform_spawn_posix, mask_and_dispositions_of_the_parent_stay) {
    sigset_t set, before, after;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    struct sigaction actions[32];
    for (int i = 1; i < 32; i++)
        sigaction(i, NULL, &actions[i]);
    CHECK_EQ_INT(child_run(CHILD_ARGS("exit", "0")), 0);
    CHECK_ERR(spawn_of("/nowhere/at/all"), MPLAT_ENOTFOUND);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (int i = 1; i < 32; i++) {
        struct sigaction now;
        sigaction(i, NULL, &now);
        CHECK_EQ_INT(sigismember(&after, i), sigismember(&before, i));
        CHECK(now.sa_handler == actions[i].sa_handler);
    }
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

TEST(platform_thread_posix, held_signals_are_blocked_and_the_old_mask_comes_back) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGCHLD, SIGALRM, SIGUSR1, SIGPIPE};
    sigset_t usr2, now;
    mplat_signals_t before;
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &usr2, NULL);
    mplat_signals_hold(&before);
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        CHECK(sigismember(&now, numbers[i]));
    mplat_signals_release(&before);
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        CHECK(!sigismember(&now, numbers[i]));
    CHECK(sigismember(&now, SIGUSR2));
    pthread_sigmask(SIG_UNBLOCK, &usr2, NULL);
}

static child_t start_in_group(bool own_group, bool detached) {
    mplat_spawn_options_t options = child_options(CHILD_ARGS("linger", "60000"));
    options.own_group = own_group;
    options.detached = detached;
    child_t child = child_start_captured(options);
    REQUIRE(child_says(&child, "u"));
    return child;
}

TEST(platform_spawn_posix, group_and_session_are_as_asked) {
    child_t plain = start_in_group(false, false), own = start_in_group(true, false),
            detached = start_in_group(false, true);
    pid_t pid = (pid_t)mplat_process_pid(plain.process);
    CHECK_EQ_INT(getpgid(pid), getpgrp());
    CHECK_EQ_INT(getsid(pid), getsid(0));
    pid = (pid_t)mplat_process_pid(own.process);
    CHECK_EQ_INT(getpgid(pid), pid);
    CHECK_EQ_INT(getsid(pid), getsid(0));
    pid = (pid_t)mplat_process_pid(detached.process);
    CHECK_EQ_INT(getsid(pid), pid);
    child_end(&plain);
    child_end(&own);
    child_end(&detached);
}

TEST(platform_process_posix, every_signal_is_told) {
    static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        child_t child = child_start_captured(child_options(CHILD_ARGS("linger", "60000")));
        REQUIRE(child_says(&child, "u"));
        kill((pid_t)mplat_process_pid(child.process), numbers[i]);
        mplat_exit_t how = child_exit(&child);
        CHECK_EQ_INT(how.kind, MPLAT_EXIT_SIGNALLED);
        CHECK_EQ_INT(how.signal, numbers[i]);
        child_end(&child);
    }
}

TEST(platform_process_posix, stopped_child_has_not_ended) {
    child_t child = child_start_serving();
    pid_t pid = (pid_t)mplat_process_pid(child.process);
    kill(pid, SIGSTOP);
    CHECK_ERR(mplat_process_wait(child.process, 100), MPLAT_ETIMEDOUT);
    kill(pid, SIGCONT);
    CHECK_ERR(mplat_process_wait(child.process, 100), MPLAT_ETIMEDOUT);
    child_tell(&child, "exit 3");
    CHECK_EQ_INT(child_exit_code(&child), 3);
    child_end(&child);
}

TEST(platform_process_posix, stopped_child_can_be_killed) {
    child_t child = child_start_serving();
    kill((pid_t)mplat_process_pid(child.process), SIGSTOP);
    CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_KILL));
    mplat_exit_t how = child_exit(&child);
    CHECK_EQ_INT(how.signal, SIGKILL);
    child_end(&child);
}

/* The kernel then reaps by itself, and how the child ended is known to nobody. */
TEST(platform_process_posix, exit_is_lost_when_the_host_ignores_sigchld) {
    signal(SIGCHLD, SIG_IGN);
    child_t child = child_start_serving();
    child_tell(&child, "exit 3");
    mplat_exit_t how = child_exit(&child);
    CHECK_EQ_INT(how.kind, MPLAT_EXIT_LOST);
    CHECK_OK(mplat_process_wait(child.process, 0));
    CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_KILL));
    child_end(&child);
    signal(SIGCHLD, SIG_DFL);
}

TEST(platform_process_posix, exit_is_lost_when_the_host_reaps_it) {
    child_t child = child_start_serving();
    pid_t pid = (pid_t)mplat_process_pid(child.process);
    child_tell(&child, "exit 3");
    int status;
    pid_t reaped = waitpid(pid, &status, 0);
    mplat_exit_t how = child_exit(&child);
    CHECK(reaped == pid ? how.kind == MPLAT_EXIT_LOST : how.kind == MPLAT_EXIT_EXITED && how.code == 3);
    CHECK_OK(mplat_process_signal(child.process, MPLAT_SIGNAL_KILL));
    child_end(&child);
}

TEST(platform_process_posix, foreign_children_are_left_alone) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(77);
    REQUIRE(pid > 0);
    for (int i = 0; i < 5; i++)
        CHECK_EQ_INT(child_run(CHILD_ARGS("exit", "1")), 1);
    int status = 0;
    CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
    CHECK_EQ_INT(WEXITSTATUS(status), 77);
}

static void on_alarm(int number) {
    (void)number;
}

/* Signals arrive every millisecond, and no wait ends early. */
TEST(platform_process_posix, no_wait_ends_early_because_of_a_signal) {
    struct sigaction action = {.sa_handler = on_alarm}, old;
    sigaction(SIGALRM, &action, &old);
    struct itimerval every = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    child_t child = child_start_serving();
    mplat_handle_t sentinel = mplat_process_sentinel(child.process), read_end, write_end;
    mplat_watch_t *watch = NULL;
    mplat_watch_event_t event;
    bool ready;
    char byte;
    size_t size;
    REQUIRE_OK(mplat_pipe_create(&read_end, &write_end));
    REQUIRE_OK(mplat_watch_create(&watch));
    setitimer(ITIMER_REAL, &every, NULL);
    int64_t start = mplat_clock_ns();
    CHECK_ERR(mplat_process_wait(child.process, 50), MPLAT_ETIMEDOUT);
    CHECK_ERR(mplat_handles_wait(&sentinel, 1, 50, &ready), MPLAT_ETIMEDOUT);
    CHECK_ERR(mplat_pipe_read(read_end, &byte, 1, 50, &size), MPLAT_ETIMEDOUT);
    CHECK_ERR(mplat_link_receive(child.link, &byte, 1, &size, NULL, NULL, 50), MPLAT_ETIMEDOUT);
    CHECK_ERR(mplat_watch_wait(watch, 50000000, &event, 1, &size), MPLAT_ETIMEDOUT);
    mplat_sleep_ms(50);
    CHECK(mplat_clock_ns() - start >= INT64_C(6) * 49000000);
    for (int i = 0; i < 20; i++)
        CHECK_EQ_INT(child_run(CHILD_ARGS("exit", "4")), 4);
    child_tell(&child, "burst 200 30000");
    for (int i = 0; i < 200; i++)
        CHECK_EQ_UINT((unsigned char)child_answer(&child)[29999], (unsigned)i & 0xFF);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &old, NULL);
    mplat_watch_destroy(watch);
    mplat_handle_close(&read_end);
    mplat_handle_close(&write_end);
    child_end(&child);
}

TEST(platform_segment_posix, cannot_be_cut_where_sizes_are_sealed) {
    mplat_segment_t *segment = NULL;
    REQUIRE_OK(mplat_segment_create(100000, &segment));
    int fd = (int)mplat_segment_handle(segment);
    if (fcntl(fd, F_GETFL) < 0 || ftruncate(fd, 0) == 0) {
        mplat_segment_destroy(segment);
        SKIP("this system cannot seal sizes");
    }
    CHECK_EQ_INT(errno, EPERM);
    CHECK(ftruncate(fd, 1 << 20) != 0);
    memset(mplat_segment_base(segment), 1, 100000);
    mplat_segment_destroy(segment);
}

/* A peer on the same account may cut a segment that was not sealed, or send one that it can still cut. */
TEST(platform_segment_posix, object_that_is_no_memory_is_refused) {
    char path[1024];
    mplat_segment_t *segment = NULL;
    make_file("short", "x", 0600, path, sizeof path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0);
    CHECK_ERR(mplat_segment_open(fd, 4096, &segment), MPLAT_EMALFORMED);
    CHECK(segment == NULL);
}

/* The marker is what the child finds in its environment. The system's own program can show it, ours removes it. */
TEST(platform_child_posix, forged_marker_is_malformed) {
    static const char *const forged[] = {"",   "x", "-1",      "0",  "1", "2", "3", "99", "999999999999999999999",
                                         "3:", ":", "3:3:3:3", " 3", "3 "};
    mplat_spawn_options_t options = {
        .program = "/usr/bin/env", .argv = (const char *const[]){"env", NULL}, .link = true};
    options.environment = (const char *const[]){NULL};
    child_t shown = child_start_captured(options);
    char marker[512];
    snprintf(marker, sizeof marker, "%s", child_output(&shown, -1, NULL));
    child_end(&shown);
    char *value = strchr(marker, '=');
    REQUIRE(value != NULL);
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
        snprintf(value + 1, sizeof marker - (size_t)(value + 1 - marker), "%s", forged[i]);
        mplat_spawn_options_t plain = child_options(CHILD_ARGS("serve"));
        plain.environment = (const char *const[]){marker, NULL};
        plain.stdio[2].kind = MPLAT_STDIO_NULL;
        child_t child = child_start(&plain);
        CHECK_EQ_INT(child_exit_code(&child), 98);
        child_end(&child);
    }
}

#ifndef MPROC_PORTABLE
static void copy_file(const char *from, const char *to) {
    static char block[1 << 16];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    REQUIRE(in != NULL && out != NULL);
    for (size_t size = fread(block, 1, sizeof block, in); size > 0; size = fread(block, 1, sizeof block, in))
        fwrite(block, 1, size, out);
    fclose(in);
    fclose(out);
    REQUIRE_EQ_INT(chmod(to, 0755), 0);
}
#endif

/* A program that is updated while it runs must go on starting itself, not its successor. */
TEST(platform_spawn_posix, running_program_is_started_again_though_its_file_is_gone) {
#ifdef MPROC_PORTABLE
    SKIP("strict POSIX knows a running program by its path only");
#else
    char path[1024];
    test_temp_path("copy", path, sizeof path);
    copy_file(child_program(), path);
    mplat_spawn_options_t options = child_options(CHILD_ARGS("again-when-told", "exit", "21"));
    options.program = path;
    options.link = true;
    child_t child = child_start(&options);
    REQUIRE_EQ_INT(unlink(path), 0);
    copy_file("/bin/false", path);
    child_tell(&child, "go");
    CHECK_EQ_INT(child_exit_code(&child), 21);
    child_end(&child);
#endif
}
