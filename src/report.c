/* SPDX-License-Identifier: Apache-2.0 */
/* report.c: where errors are kept: one report per thread, made when the thread fails for the first time, and reports
 * that belong to objects. */
#include "report.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "platform/platform.h"

/* Longer sentences of our own are cut; what a task says of itself is not. */
#define SENTENCE_MAX 1024

#define DETAILS_LOST " (no memory was left for the details)"
#define NOTHING_SAID .task = "", .item = -1, .exit = {.name = ""}, .file = "", .backtrace = "", .stderr_tail = ""

const mproc_error_t mproc_no_error = {.message = "", NOTHING_SAID};

/* What a thread fails with when it cannot even have a report of its own. */
static const mproc_error_t bare_errors[] = {
#define X(name, value, text) {.code = (name), .message = text DETAILS_LOST, NOTHING_SAID},
    MPROC_ERRORS(X)
#undef X
};

typedef struct thread_state {
    mplat_thread_end_t end; /* first, so that the end of the thread finds the whole */
    mproc_report_t report;
} thread_state_t;

static _Thread_local thread_state_t *state;
_Thread_local const mproc_error_t *mproc_thread_error;

/* ---- reports that are kept ------------------------------------------------------------------------------------- */

#define STRING_COUNT 5

/* The strings of an error that a report owns. exit.name is not among them: it is static everywhere. */
static void list_strings(mproc_error_t *error, const char **out_strings[STRING_COUNT]) {
    out_strings[0] = &error->message;
    out_strings[1] = &error->task;
    out_strings[2] = &error->file;
    out_strings[3] = &error->backtrace;
    out_strings[4] = &error->stderr_tail;
}

void mproc_report_init(mproc_report_t *report) {
    *report = (mproc_report_t){.error = mproc_no_error};
}

static void lose_details(mproc_report_t *report, const mproc_error_t *error) {
    const char **strings[STRING_COUNT];
    report->error = *error;
    list_strings(&report->error, strings);
    for (size_t i = 0; i < STRING_COUNT; i++)
        *strings[i] = "";
    report->error.message = mproc_no_error.message;
    for (size_t i = 0; i < sizeof bare_errors / sizeof bare_errors[0]; i++) {
        if (bare_errors[i].code == error->code)
            report->error.message = bare_errors[i].message;
    }
}

/* Room for size bytes that does not overlap the strings about to be copied: those of error when it is not the
 * report's own are elsewhere anyway. */
static char *room_for(mproc_report_t *report, const mproc_error_t *error, size_t size) {
    bool own = false;
    const char **strings[STRING_COUNT];
    mproc_error_t copy = *error;
    list_strings(&copy, strings);
    for (size_t i = 0; i < STRING_COUNT; i++) {
        uintptr_t start = (uintptr_t)report->storage;
        uintptr_t at = (uintptr_t)*strings[i];
        own = own || (report->storage != NULL && at >= start && at - start < report->capacity);
    }
    return size <= report->capacity && !own ? report->storage : mproc_alloc(size);
}

int mproc_report_set(mproc_report_t *report, const mproc_error_t *error) {
    const char **strings[STRING_COUNT];
    size_t sizes[STRING_COUNT];
    size_t total = 0;
    mproc_error_t copy = *error;
    list_strings(&copy, strings);
    for (size_t i = 0; i < STRING_COUNT; i++) {
        sizes[i] = strlen(*strings[i]) + 1;
        total += sizes[i];
    }
    char *storage = room_for(report, error, total);
    if (storage == NULL) {
        lose_details(report, error);
        return MPROC_ENOMEM;
    }
    char *end = storage;
    for (size_t i = 0; i < STRING_COUNT; i++) {
        memcpy(end, *strings[i], sizes[i]);
        *strings[i] = end;
        end += sizes[i];
    }
    if (storage != report->storage) {
        mproc_free(report->storage);
        report->storage = storage;
        report->capacity = total;
    }
    report->error = copy;
    return MPROC_OK;
}

void mproc_report_fini(mproc_report_t *report) {
    mproc_free(report->storage);
    mproc_report_init(report);
}

int mproc_fail_report(const mproc_report_t *report) {
    return mproc_fail_error(&report->error);
}

/* ---- the thread's last error ----------------------------------------------------------------------------------- */

const mproc_error_t *mproc_last_error(void) {
    return mproc_thread_error != NULL ? mproc_thread_error : &mproc_no_error;
}

static void free_state(mplat_thread_end_t *end) {
    thread_state_t *ending = (thread_state_t *)end;
    state = NULL;
    mproc_thread_error = NULL;
    mproc_report_fini(&ending->report);
    mproc_free(ending);
}

void mproc_error_thread_fini(void) {
    mproc_thread_error = NULL;
    if (state != NULL) {
        (void)mplat_thread_at_end(NULL);
        free_state(&state->end);
    }
}

/* Without the system's promise to tell of the thread's end there is no report: it would leak. */
static thread_state_t *need_state(void) {
    if (state != NULL)
        return state;
    thread_state_t *made = mproc_alloc(sizeof *made);
    if (made == NULL)
        return NULL;
    made->end.run = free_state;
    mproc_report_init(&made->report);
    if (mplat_thread_at_end(&made->end) != 0) {
        mproc_free(made);
        return NULL;
    }
    state = made;
    return made;
}

int mproc_fail_error(const mproc_error_t *error) {
    int code = error->code; /* error may be the report that is overwritten */
    thread_state_t *own = need_state();
    if (own != NULL) {
        (void)mproc_report_set(&own->report, error);
        mproc_thread_error = &own->report.error;
        return code;
    }
    mproc_thread_error = &bare_errors[0];
    for (size_t i = 0; i < sizeof bare_errors / sizeof bare_errors[0]; i++) {
        if (bare_errors[i].code == code)
            mproc_thread_error = &bare_errors[i];
    }
    return code;
}

/* ---- making the sentence --------------------------------------------------------------------------------------- */

static void append(char *sentence, const char *format, ...) MPROC_PRINTF(2, 3);
static void append(char *sentence, const char *format, ...) {
    va_list list;
    size_t length = strlen(sentence);
    va_start(list, format);
    (void)vsnprintf(sentence + length, SENTENCE_MAX - length, format, list);
    va_end(list);
}

static int fail_with(int code, int os_code, const char *sentence) {
    mproc_error_t error = mproc_no_error;
    error.code = code;
    error.os_code = os_code;
    error.message = sentence;
    return mproc_fail_error(&error);
}

int mproc_fail_va(int code, const char *format, va_list list) {
    char sentence[SENTENCE_MAX];
    (void)vsnprintf(sentence, sizeof sentence, format, list);
    return fail_with(code, 0, sentence);
}

int mproc_fail(int code, const char *format, ...) {
    va_list list;
    va_start(list, format);
    (void)mproc_fail_va(code, format, list);
    va_end(list);
    return code;
}

int mproc_fail_memory(const char *what) {
    return mproc_fail(MPROC_ENOMEM, "No memory for %s", what);
}

/* Appends "(step: system's sentence)", or the part of it that is known. */
static void append_failure(char *sentence, mplat_failure_t failure) {
    char text[256];
    (void)mplat_os_error_text(failure.os_code, text, sizeof text);
    if (failure.step[0] != '\0' && text[0] != '\0')
        append(sentence, " (%s: %s)", failure.step, text);
    else if (failure.step[0] != '\0' || text[0] != '\0')
        append(sentence, " (%s%s)", failure.step, text);
}

int mproc_fail_system(int code, const char *format, ...) {
    mplat_failure_t failure = mplat_failure(); /* first: nothing below may change it */
    char sentence[SENTENCE_MAX];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(sentence, sizeof sentence, format, list);
    va_end(list);
    append_failure(sentence, failure);
    return fail_with(code, failure.os_code, sentence);
}

int mproc_code_of_platform(int mplat_err) {
    static const struct {
        int platform;
        int ours;
    } codes[] = {
        {MPLAT_OK, MPROC_OK},
        {MPLAT_EINVAL, MPROC_EINVAL},
        {MPLAT_ENOMEM, MPROC_ENOMEM},
        {MPLAT_ETIMEDOUT, MPROC_ETIMEDOUT},
        {MPLAT_ENOTFOUND, MPROC_ESYSTEM},
        {MPLAT_EACCESS, MPROC_ESYSTEM},
        {MPLAT_ENOPROCS, MPROC_ESYSTEM},
        {MPLAT_ENOHANDLES, MPROC_ESYSTEM},
        {MPLAT_ENOTSUP, MPROC_ENOTSUP},
        {MPLAT_ECLOSED, MPROC_ECLOSED},
        {MPLAT_ETOOBIG, MPROC_ETOOBIG},
        {MPLAT_EMALFORMED, MPROC_EMALFORMED},
        {MPLAT_ESTATE, MPROC_ESTATE},
        {MPLAT_ENOEXEC, MPROC_ESPAWN},
        {MPLAT_ESYSTEM, MPROC_ESYSTEM},
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].platform == mplat_err)
            return codes[i].ours;
    }
    return MPROC_ESYSTEM;
}

int mproc_fail_platform(int mplat_err, const char *format, ...) {
    mplat_failure_t failure = mplat_failure();
    int code = mproc_code_of_platform(mplat_err);
    char sentence[SENTENCE_MAX];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(sentence, sizeof sentence, format, list);
    va_end(list);
    append(sentence, ": %s", mplat_error_text(mplat_err));
    append_failure(sentence, failure);
    return fail_with(code, failure.os_code, sentence);
}
