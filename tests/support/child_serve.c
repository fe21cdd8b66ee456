/* SPDX-License-Identifier: Apache-2.0 */
/* What the test child does when messages on its link say so. A message is "command arguments", then optionally a zero byte
 * and a payload; most commands answer with one message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "child_host.h"

typedef struct request {
    mplat_link_t *link;
    const char *command;
    long numbers[3];  /* the arguments, 0 where there is none */
    const char *text; /* the first argument */
    const char *payload;
    size_t payload_size;
    mplat_handle_t handles[MPLAT_LINK_HANDLES_MAX]; /* a command that keeps one sets it to MPLAT_NO_HANDLE */
    size_t handle_count;
} request_t;

static char incoming[MPLAT_LINK_MESSAGE_MAX + 1];
static char outgoing[MPLAT_LINK_MESSAGE_MAX];

static int answer(const request_t *request, const char *text) {
    return mplat_link_send(request->link, text, strlen(text), NULL, 0, -1);
}

static int answer_number(const request_t *request, long long value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", value);
    return answer(request, text);
}

/* Sends back the payload, and the handles where a child can send any. */
static int do_echo(request_t *request) {
    int err = mplat_link_send(request->link, request->payload, request->payload_size, request->handles,
                              request->handle_count, -1);
    if (err == MPLAT_ENOTSUP)
        err = mplat_link_send(request->link, request->payload, request->payload_size, NULL, 0, -1);
    return err;
}

static int do_write(request_t *request) {
    for (size_t i = 0; i < request->handle_count; i++) {
        size_t written;
        mplat_pipe_write(request->handles[i], request->text, strlen(request->text), -1, &written);
    }
    return answer_number(request, (long long)request->handle_count);
}

static int do_read(request_t *request) {
    size_t total = 0, size;
    while (total < sizeof outgoing &&
           mplat_pipe_read(request->handles[0], outgoing + total, sizeof outgoing - total, -1, &size) == 0)
        total += size;
    return mplat_link_send(request->link, outgoing, total, NULL, 0, -1);
}

/* "segment SIZE OFFSET": opens the handle as SIZE bytes and adds one to the byte at OFFSET; answers the error. */
static int do_segment(request_t *request) {
    mplat_segment_t *segment = NULL;
    int err = mplat_segment_open(request->handles[0], (size_t)request->numbers[0], &segment);
    request->handles[0] = MPLAT_NO_HANDLE;
    if (err == 0)
        ((unsigned char *)mplat_segment_base(segment))[request->numbers[1]]++;
    mplat_segment_destroy(segment);
    return answer_number(request, err);
}

/* "bell TIMES MS": answers, waits, and rings. */
static int do_bell(request_t *request) {
    mplat_bell_t *bell = NULL;
    int err = mplat_bell_open(request->handles[0], &bell);
    request->handles[0] = MPLAT_NO_HANDLE;
    answer_number(request, err);
    mplat_sleep_ms(request->numbers[1]);
    for (long i = 0; err == 0 && i < request->numbers[0]; i++)
        mplat_bell_ring(bell);
    mplat_bell_destroy(bell);
    return 0;
}

static int open_wake(request_t *request, mplat_segment_t **out_segment, mplat_wake_t **out_wake) {
    int err = mplat_segment_open(request->handles[0], 1, out_segment);
    request->handles[0] = MPLAT_NO_HANDLE;
    int wake_err = mplat_wake_open(request->handles + 1, request->handle_count - 1, out_wake);
    for (size_t i = 1; i < request->handle_count; i++)
        request->handles[i] = MPLAT_NO_HANDLE;
    return err != 0 ? err : wake_err;
}

/* "wake-signal MS": answers, waits, sets the first word of the segment to 1 and wakes who sleeps on it. */
static int do_wake_signal(request_t *request) {
    mplat_segment_t *segment = NULL;
    mplat_wake_t *wake = NULL;
    int err = open_wake(request, &segment, &wake);
    answer_number(request, err);
    mplat_sleep_ms(request->numbers[0]);
    if (err == 0) {
        _Atomic uint32_t *word = mplat_segment_base(segment);
        atomic_store(word, 1);
        mplat_wake_signal(wake, word);
    }
    mplat_wake_destroy(wake);
    mplat_segment_destroy(segment);
    return 0;
}

/* "wake-wait": answers, sleeps until the first word is no longer 0, and answers what it is then. */
static int do_wake_wait(request_t *request) {
    mplat_segment_t *segment = NULL;
    mplat_wake_t *wake = NULL;
    int err = open_wake(request, &segment, &wake);
    answer_number(request, err);
    uint32_t value = 0;
    if (err == 0) {
        _Atomic uint32_t *word = mplat_segment_base(segment);
        while ((value = atomic_load(word)) == 0)
            mplat_wake_wait(wake, word, 0, -1);
    }
    mplat_wake_destroy(wake);
    mplat_segment_destroy(segment);
    return answer_number(request, value);
}

/* "burst COUNT SIZE EXIT": sends COUNT numbered messages of SIZE bytes, then ends at once when EXIT is 1. */
static int do_burst(request_t *request) {
    for (long i = 0; i < request->numbers[0]; i++) {
        memset(outgoing, (int)(i & 0xFF), (size_t)request->numbers[1]);
        int err = mplat_link_send(request->link, outgoing, (size_t)request->numbers[1], NULL, 0, -1);
        if (err != 0)
            return err;
    }
    if (request->numbers[2] == 1)
        mplat_self_exit(0);
    return 0;
}

/* "raw EXIT": puts the payload on the line as it is. Says through its exit code when that cannot be done. */
static int do_raw(request_t *request) {
    if (!host_link_write_raw(request->link, request->payload, request->payload_size))
        mplat_self_exit(77);
    if (request->numbers[0] == 1)
        mplat_self_exit(0);
    return 0;
}

static int do_handles(request_t *request) {
    return answer_number(request, (long long)host_count_handles());
}

static int do_received(request_t *request) {
    return answer_number(request, (long long)request->handle_count);
}

static int do_parent(request_t *request) {
    return answer_number(request, (long long)mplat_parent_pid());
}

static int do_exit(request_t *request) {
    mplat_self_exit((int)request->numbers[0]);
}

static int do_sleep(request_t *request) {
    mplat_sleep_ms(request->numbers[0]);
    return 0;
}

/* Closes the link and lives on for so many milliseconds. */
static int do_drop(request_t *request) {
    mplat_link_destroy(request->link);
    mplat_sleep_ms(request->numbers[0]);
    mplat_self_exit(0);
}

static int do_crash(request_t *request) {
    int err = child_crash_report(request->link);
    child_crash(request->text);
    return err;
}

static const struct {
    const char *name;
    int (*run)(request_t *request);
} commands[] = {
    {"echo", do_echo},   {"write", do_write},   {"read", do_read},           {"segment", do_segment},
    {"bell", do_bell},   {"raw", do_raw},       {"burst", do_burst},         {"wake-signal", do_wake_signal},
    {"exit", do_exit},   {"crash", do_crash},   {"wake-wait", do_wake_wait}, {"handles", do_handles},
    {"sleep", do_sleep}, {"parent", do_parent}, {"received", do_received},   {"drop", do_drop},
};

static void parse(request_t *request, size_t size) {
    incoming[size] = '\0';
    request->command = incoming;
    size_t length = strlen(incoming);
    request->payload = length < size ? incoming + length + 1 : incoming + length;
    request->payload_size = length < size ? size - length - 1 : 0;

    char *argument = strchr(incoming, ' ');
    request->text = "";
    if (argument == NULL)
        return;
    *argument = '\0';
    request->text = argument + 1;
    char *next = argument + 1;
    for (size_t i = 0; i < 3; i++)
        request->numbers[i] = strtol(next, &next, 10);
}

int child_serve(mplat_link_t *link) {
    for (;;) {
        request_t request = {.link = link};
        size_t size;
        int err =
            mplat_link_receive(link, incoming, sizeof incoming - 1, &size, request.handles, &request.handle_count, -1);
        if (err != 0)
            return err == MPLAT_ECLOSED ? 0 : 1;
        parse(&request, size);
        err = MPLAT_EINVAL;
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
            if (strcmp(commands[i].name, request.command) == 0)
                err = commands[i].run(&request);
        for (size_t i = 0; i < request.handle_count; i++)
            mplat_handle_close(&request.handles[i]);
        if (err != 0)
            return err == MPLAT_ECLOSED ? 0 : 2;
    }
}
