/* SPDX-License-Identifier: Apache-2.0 */
/* error_format.c: errors as text: names, few words, and the whole report for people. */
#include <mproc/error.h>

#include <inttypes.h>
#include <string.h>

#include "text.h"

const char *mproc_error_name(int code) {
    switch (code) {
    case MPROC_OK:
        return "MPROC_OK";
#define X(name, value, text)                                                                                           \
    case name:                                                                                                         \
        return #name;
        MPROC_ERRORS(X)
#undef X
    default:
        return "MPROC_?";
    }
}

const char *mproc_error_text(int code) {
    switch (code) {
    case MPROC_OK:
        return "no error";
#define X(name, value, text)                                                                                           \
    case name:                                                                                                         \
        return text;
        MPROC_ERRORS(X)
#undef X
    default:
        return "unknown error";
    }
}

static void add_line(mproc_text_t *text, const char *label) {
    mproc_text_print(text, "\n  %-10s", label);
}

static void add_string(mproc_text_t *text, const char *label, const char *string) {
    if (string[0] == '\0')
        return;
    add_line(text, label);
    mproc_text_add_string(text, string);
}

/* A text of several lines, each set in below its label. */
static void add_lines(mproc_text_t *text, const char *label, const char *lines) {
    if (lines[0] == '\0')
        return;
    mproc_text_print(text, "\n  %s", label);
    while (*lines != '\0') {
        size_t length = strcspn(lines, "\n");
        mproc_text_add_string(text, "\n    ");
        mproc_text_add(text, lines, length);
        lines += length;
        if (*lines == '\n')
            lines++;
    }
}

/* "SIGSEGV (signal 11)", "EXCEPTION_ACCESS_VIOLATION (0xc0000005)" */
static void add_cause(mproc_text_t *text, const mproc_exit_t *ended) {
    mproc_text_add_string(text, ended->name[0] != '\0' ? ended->name : "an unnamed cause");
    if (ended->exception != 0)
        mproc_text_print(text, " (0x%08" PRIx32 ")", ended->exception);
    else if (ended->signal != 0)
        mproc_text_print(text, " (signal %d)", ended->signal);
}

static void add_exit(mproc_text_t *text, const mproc_exit_t *ended) {
    switch (ended->how) {
    case MPROC_EXIT_NONE:
        return;
    case MPROC_EXIT_EXITED:
        mproc_text_print(text, ", exited with %d", ended->code);
        return;
    case MPROC_EXIT_CRASHED:
        mproc_text_add_string(text, ", crashed by ");
        break;
    case MPROC_EXIT_SIGNALLED:
        mproc_text_add_string(text, ", ended from outside by ");
        break;
    case MPROC_EXIT_TERMINATED:
        mproc_text_add_string(text, ", ended by this program with ");
        break;
    case MPROC_EXIT_DEADLINE:
        mproc_text_add_string(text, ", its time was over, ended with ");
        break;
    case MPROC_EXIT_LOST:
        mproc_text_add_string(text, ", ended, but something else collected how");
        return;
    }
    add_cause(text, ended);
    if (ended->core_dumped)
        mproc_text_add_string(text, ", core dumped");
}

static void add_process(mproc_text_t *text, const mproc_error_t *error) {
    if (error->pid == 0 && error->exit.how == MPROC_EXIT_NONE)
        return;
    add_line(text, "process");
    if (error->pid != 0)
        mproc_text_print(text, "%" PRId64, error->pid);
    else
        mproc_text_add_string(text, "pid not known");
    add_exit(text, &error->exit);
}

static void add_place(mproc_text_t *text, const mproc_error_t *error) {
    add_string(text, "source", error->file);
    if (error->file[0] != '\0' && error->line != 0)
        mproc_text_print(text, ":%d", error->line);
    if (error->has_address) {
        add_line(text, "address");
        mproc_text_print(text, "0x%" PRIx64, error->address);
    }
}

static void add_numbers(mproc_text_t *text, const mproc_error_t *error) {
    if (error->item >= 0) {
        add_line(text, "item");
        mproc_text_print(text, "%" PRId64, error->item);
    }
    if (error->task_code != 0 && error->task_code != error->code) {
        add_line(text, "task code");
        mproc_text_print(text, "%d", error->task_code);
    }
    if (error->os_code != 0) {
        add_line(text, "OS code");
        mproc_text_print(text, "%d", error->os_code);
    }
}

size_t mproc_error_format(const mproc_error_t *error, char *buf, size_t size) {
    mproc_text_t text;
    mproc_text_init(&text, buf, size);
    if (error == NULL)
        error = mproc_last_error();
    if (error->code == MPROC_OK) {
        mproc_text_add_string(&text, mproc_error_text(MPROC_OK));
        return text.length;
    }
    mproc_text_add_string(&text, error->message[0] != '\0' ? error->message : mproc_error_text(error->code));
    mproc_text_print(&text, "\n  %-10s%s, %s", "error", mproc_error_name(error->code), mproc_error_text(error->code));
    add_string(&text, "task", error->task);
    add_numbers(&text, error);
    add_process(&text, error);
    add_place(&text, error);
    if (error->out_of_memory)
        add_string(&text, "memory", "about then the system killed a process for want of memory");
    add_lines(&text, "back-trace, innermost first", error->backtrace);
    add_lines(&text, "last lines on standard error", error->stderr_tail);
    return text.length;
}
