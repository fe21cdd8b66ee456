/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c: the machine and the process that the fake platform pretends to be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/fake/state.h"

enum { SELF_PID = 4000, PARENT_PID = 3999, BUILD_ID_MAX = 32 };

static const char executable[] = "/fake/program";

static int cpu_count;
static uint64_t oom_kills;
static const unsigned char first_build_id[] = {'f', 'a', 'k', 'e'};
static unsigned char build_id[BUILD_ID_MAX];
static size_t build_id_size;
static uint32_t random_state;
static mplat_link_t *begin_link;
static void (*self_exit)(int code);
static mplat_crash_sink_t *crash_sink;
static void *crash_context;

void machine_reset_locked(void) {
    cpu_count = 4;
    oom_kills = 0;
    memcpy(build_id, first_build_id, sizeof first_build_id);
    build_id_size = sizeof first_build_id;
    random_state = 1;
    begin_link = NULL;
    self_exit = NULL;
    crash_sink = NULL;
}

void fake_set_cpu_count(int count) {
    cpu_count = count;
}

void fake_set_oom_kills(uint64_t count) {
    oom_kills = count;
}

void fake_set_build_id(const void *id, size_t size) {
    build_id_size = size < BUILD_ID_MAX ? size : BUILD_ID_MAX;
    memcpy(build_id, id, build_id_size);
}

int mplat_cpu_count(void) {
    return cpu_count > 0 ? cpu_count : 4;
}

int64_t mplat_self_pid(void) {
    return SELF_PID;
}

/* Nothing here copies a process. */
bool mplat_self_is_copy(void) {
    return false;
}

int64_t mplat_parent_pid(void) {
    return PARENT_PID;
}

int mplat_executable_path(char *buf, size_t size) {
    int err = state_injected(FAKE_EXECUTABLE_PATH);
    if (err == 0 && size < sizeof executable)
        err = state_fail(MPLAT_ETOOBIG, 0, "executable_path");
    if (err == 0)
        memcpy(buf, executable, sizeof executable);
    return err;
}

int mplat_build_id(unsigned char *buf, size_t size, size_t *out_size) {
    *out_size = 0;
    int err = state_injected(FAKE_BUILD_ID);
    if (err != 0)
        return err;
    *out_size = build_id_size < size ? build_id_size : size;
    memcpy(buf, build_id, *out_size);
    return 0;
}

/* Not random at all: a test wants the same bytes again. */
int mplat_random(void *buf, size_t size) {
    int err = state_injected(FAKE_RANDOM);
    monitor_enter();
    for (size_t i = 0; err == 0 && i < size; i++) {
        random_state = random_state * 1664525u + 1013904223u;
        ((unsigned char *)buf)[i] = (unsigned char)(random_state >> 24);
    }
    monitor_leave();
    return err;
}

int mplat_oom_kills(uint64_t *out_count) {
    *out_count = 0;
    int err = state_injected(FAKE_OOM_KILLS);
    if (err == 0)
        *out_count = oom_kills;
    return err;
}

/* ---- this process as a child ------------------------------------------------------------------------------------------------ */

void fake_begin_as(mplat_link_t *link) {
    begin_link = link;
}

int mplat_child_begin(mplat_link_t **out_link) {
    *out_link = NULL;
    int err = state_injected(FAKE_CHILD_BEGIN);
    if (err != 0)
        return err;
    *out_link = begin_link;
    begin_link = NULL;
    return 0;
}

void mplat_child_ignore_interrupt(void) {}

void mplat_child_ignore_broken_pipe(void) {}

void fake_on_self_exit(void (*function)(int code)) {
    self_exit = function;
}

_Noreturn void mplat_self_exit(int code) {
    if (self_exit != NULL)
        self_exit(code);
    _Exit(code);
}

/* ---- crashes ------------------------------------------------------------------------------------------------------------------ */

int mplat_crash_install(mplat_crash_sink_t *sink, void *context) {
    int err = state_injected(FAKE_CRASH_INSTALL);
    if (err == 0) {
        crash_sink = sink;
        crash_context = context;
    }
    return err;
}

bool fake_crash(const mplat_crash_t *crash) {
    if (crash_sink == NULL)
        return false;
    crash_sink(crash, crash_context);
    return true;
}

/* Every 256 bytes of every module are a function of their own. */
int mplat_symbol_name(const char *module, uint64_t offset, char *buf, size_t size, uint64_t *out_distance) {
    (void)module;
    *out_distance = 0;
    int err = state_injected(FAKE_SYMBOL_NAME);
    if (err != 0)
        return err;
    snprintf(buf, size, "function_%llu", (unsigned long long)(offset / 256));
    *out_distance = offset % 256;
    return 0;
}

const char *mplat_signal_name(uint32_t code) {
    switch (code) {
    case FAKE_SIGINT:
        return "SIGINT";
    case FAKE_SIGABRT:
        return "SIGABRT";
    case FAKE_SIGKILL:
        return "SIGKILL";
    case FAKE_SIGSEGV:
        return "SIGSEGV";
    case FAKE_SIGTERM:
        return "SIGTERM";
    default:
        return NULL;
    }
}

bool mplat_is_terminal(int stream) {
    (void)stream;
    return false;
}

int mplat_terminal_width(int stream) {
    (void)stream;
    return 80;
}
