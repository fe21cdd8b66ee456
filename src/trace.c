/* SPDX-License-Identifier: Apache-2.0 */
/* trace.c: what a pool does, as trace events. Where they go is trace_file.c's. */
#include "trace.h"

#include "memory.h"
#include "platform/common/utf.h"
#include "platform/platform.h"
#include "text.h"
#include "threads.h"
#include "trace_file.h"

#include <inttypes.h>
#include <mproc/process.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_SIZE 4096
#define TEXT_MOST 300                    /* bytes of a name or message; escaped they are at most six times as many */
#define ROWS_A_POOL 100000               /* row numbers: more than a pool has workers */
#define FLUSH_NS (500 * MPROC_NS_PER_MS) /* a program that is killed loses no more than that */
#define COUNT_EVERY_NS (1 * MPROC_NS_PER_MS)

struct mproc_trace {
    mproc_trace_file_t *file;
    mproc_timer_t timer;
    int pool;           /* its number in the file, from 1 on */
    int named;          /* rows that have their names */
    int64_t flushed_ns; /* an inline pool has no timers while it runs a task */
    uint64_t items;     /* that are not done */
    int64_t noted_ns;   /* when such a number was written */
    int64_t late_ns;    /* when items changed without being written; 0: it was */
};

typedef char trace_event_t[EVENT_SIZE];

/* ---- text ---------------------------------------------------------------------------------------------------------------- */

/* Names and messages may have any bytes; JSON has Unicode. */
static void add_string(mproc_text_t *text, const char *string, size_t most) {
    size_t size = strlen(string);
    uint32_t code = 0;
    mproc_text_add(text, "\"", 1);
    for (size_t i = 0, step = 1; i < size && i < most; i += step) {
        unsigned char c = (unsigned char)string[i];
        step = mplat_utf8_decode(string + i, size - i, &code);
        if (step == 0)
            mproc_text_add_string(text, "\\ufffd");
        else if (c < 0x20)
            mproc_text_print(text, "\\u%04x", (unsigned)c);
        else if (c == '"' || c == '\\')
            mproc_text_print(text, "\\%c", c);
        else
            mproc_text_add(text, string + i, step);
        step = step == 0 ? 1 : step;
    }
    mproc_text_add(text, "\"", 1);
}

/* Microseconds of the system's clock, so that the files of several programs fit together. Not printed by "%f", which writes the
 * decimal point of the program's locale: that may be a comma. */
static void add_time(mproc_text_t *text, const char *name, int64_t ns) {
    ns = ns > 0 ? ns : 0;
    mproc_text_print(text, ",\"%s\":%" PRId64 ".%03d", name, ns / 1000, (int)(ns % 1000));
}

/* Wider than an int: a program may make and destroy pools for weeks. */
static int64_t row(const mproc_trace_t *trace, int slot) {
    return (int64_t)(trace->pool - 1) * ROWS_A_POOL + slot + 1;
}

/* begin starts an event of a kind that Chrome's format names by a letter. */
static void begin(mproc_text_t *text, trace_event_t event, char kind, int64_t row_number) {
    mproc_text_init(text, event, EVENT_SIZE);
    mproc_text_print(text, "{\"ph\":\"%c\",\"pid\":%" PRId64 ",\"tid\":%" PRId64, kind, mplat_self_pid(), row_number);
}

static void set_flush_timer(mproc_pool_t *pool, mproc_trace_t *trace) {
    int64_t now = mplat_clock_ns();
    if (pool->inlined && now - trace->flushed_ns >= FLUSH_NS)
        mproc_trace_flush(pool);
    else if (!pool->inlined && trace->timer.place == 0)
        mproc_core_timer(pool, &trace->timer, now + FLUSH_NS);
}

static void end(mproc_pool_t *pool, const mproc_text_t *text) {
    mproc_trace_t *trace = pool->trace;
    if (text->length >= text->size) /* cut off: no JSON any more */
        return;
    mproc_trace_file_add(trace->file, text->buf, text->length);
    set_flush_timer(pool, trace);
}

/* ---- names --------------------------------------------------------------------------------------------------------------- */

static void name_program(mproc_pool_t *pool) {
    char path[4096];
    trace_event_t event;
    mproc_text_t text;
    if (mplat_executable_path(path, sizeof path) != MPLAT_OK)
        (void)snprintf(path, sizeof path, "program");
    const char *name = path;
    for (const char *at = path; *at != '\0'; at++)
        name = *at == '/' || *at == '\\' ? at + 1 : name;
    begin(&text, event, 'M', 0);
    mproc_text_add_string(&text, ",\"name\":\"process_name\",\"args\":{\"name\":");
    add_string(&text, name, TEXT_MOST);
    mproc_text_add_string(&text, "}}");
    end(pool, &text);
}

/* name_rows names the rows up to that of slot: viewers show them in the order of their numbers. */
static void name_rows(mproc_pool_t *pool, int slot) {
    mproc_trace_t *trace = pool->trace;
    trace_event_t event;
    mproc_text_t text;
    for (; trace->named <= slot; trace->named++) {
        int64_t number = row(trace, trace->named);
        begin(&text, event, 'M', number);
        mproc_text_add_string(&text, ",\"name\":\"thread_name\",\"args\":{\"name\":\"");
        if (trace->pool > 1)
            mproc_text_print(&text, "pool %d ", trace->pool);
        mproc_text_print(&text, "worker %d\"}}", trace->named);
        end(pool, &text);
        begin(&text, event, 'M', number);
        mproc_text_print(&text, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%" PRId64 "}}", number);
        end(pool, &text);
    }
}

/* ---- opening and closing -------------------------------------------------------------------------------------------------- */

static mproc_once_t once;
static char path_of_child[4096];

/* make_path_of_child makes trace.json trace.4711.json. */
static int make_path_of_child(void) {
    const char *path = getenv("MPROC_TRACE");
    if (path == NULL)
        path = "";
    size_t stem = strlen(path);
    for (size_t i = stem; i > 0 && path[i - 1] != '/' && path[i - 1] != '\\'; i--) {
        if (path[i - 1] == '.' && i > 1) {
            stem = i - 1;
            break;
        }
    }
    (void)snprintf(path_of_child, sizeof path_of_child, "%.*s.%" PRId64 "%s", (int)stem, path, mplat_self_pid(),
                   path + stem);
    return MPROC_OK;
}

const char *mproc_trace_default(void) {
    const char *path = getenv("MPROC_TRACE");
    if (path == NULL || path[0] == '\0' || mproc_parent_process() == NULL)
        return path;
    (void)mproc_once(&once, make_path_of_child);
    return path_of_child;
}

int mproc_trace_open(mproc_pool_t *pool, const char *path) {
    mproc_trace_t *trace = mproc_alloc_zero(1, sizeof *trace);
    if (trace == NULL || mproc_timers_reserve(&pool->timers, 1) != MPROC_OK) {
        mproc_free(trace);
        return mproc_fail_memory("a trace");
    }
    int err = mproc_trace_file_open(path, &trace->file, &trace->pool);
    if (err != MPROC_OK) {
        mproc_free(trace);
        return err;
    }
    trace->timer.kind = MPROC_TIMER_TRACE;
    trace->flushed_ns = mplat_clock_ns();
    pool->trace = trace;
    if (trace->pool == 1)
        name_program(pool);
    return MPROC_OK;
}

/* ---- workers ------------------------------------------------------------------------------------------------------------- */

static void begin_mark(mproc_pool_t *pool, mproc_text_t *text, trace_event_t event, int slot, const char *name,
                       int64_t pid) {
    name_rows(pool, slot);
    begin(text, event, 'i', row(pool->trace, slot));
    add_time(text, "ts", mplat_clock_ns());
    mproc_text_print(text, ",\"s\":\"t\",\"name\":\"%s\",\"cat\":\"worker\",\"args\":{\"pid\":%" PRId64, name, pid);
}

void mproc_trace_slot_up(mproc_pool_t *pool, int slot, int64_t pid) {
    trace_event_t event;
    mproc_text_t text;
    if (pool->trace == NULL)
        return;
    begin_mark(pool, &text, event, slot, "worker up", pid);
    mproc_text_add_string(&text, "}}");
    end(pool, &text);
}

void mproc_trace_slot_down(mproc_pool_t *pool, int slot, int64_t pid, const mproc_error_t *error) {
    trace_event_t event;
    mproc_text_t text;
    if (pool->trace == NULL)
        return;
    begin_mark(pool, &text, event, slot, "worker down", pid);
    if (error != NULL) {
        mproc_text_add_string(&text, ",\"error\":");
        add_string(&text, error->message, TEXT_MOST);
    }
    mproc_text_add_string(&text, "}}");
    end(pool, &text);
}

/* ---- work ---------------------------------------------------------------------------------------------------------------- */

static const char *outcome_of(const mproc_reply_t *reply) {
    if (reply->failed == 0)
        return "ok";
    switch (reply->failure->error.code) {
    case MPROC_EDIED:
        return "died";
    case MPROC_ETASKTIMEOUT:
        return "timed out";
    case MPROC_ECANCELLED:
        return "cancelled";
    default:
        return "failed";
    }
}

void mproc_trace_work(mproc_pool_t *pool, const mproc_lane_t *lane, const mproc_work_t *work,
                      const mproc_reply_t *reply) {
    trace_event_t event;
    mproc_text_t text;
    if (pool->trace == NULL)
        return;
    int64_t now = mplat_clock_ns();
    int64_t begun = reply->begun_ns != 0 ? reply->begun_ns : now - reply->run_ns;
    int64_t took = reply->run_ns > 0 || reply->begun_ns == 0 ? reply->run_ns : now - begun;
    took = took < now - begun ? took : now - begun;
    const char *outcome = outcome_of(reply);
    begin(&text, event, 'X', row(pool->trace, lane->index));
    add_time(&text, "ts", begun);
    add_time(&text, "dur", took);
    mproc_text_add_string(&text, ",\"name\":");
    add_string(&text, work->task->name, TEXT_MOST);
    mproc_text_print(&text, ",\"cat\":\"%s\"%s", outcome, reply->failed > 0 ? ",\"cname\":\"terrible\"" : "");
    mproc_text_print(&text,
                     ",\"args\":{\"outcome\":\"%s\",\"item\":%" PRId64 ",\"items\":%" PRIu32 ",\"failed\":%" PRIu32
                     ",\"pid\":%" PRId64,
                     outcome, work->first, work->count, reply->failed, lane->pid);
    if (reply->failed > 0) {
        mproc_text_add_string(&text, ",\"error\":");
        add_string(&text, reply->failure->error.message, TEXT_MOST);
    }
    mproc_text_add_string(&text, "}}");
    end(pool, &text);
}

/* ---- what is not done ------------------------------------------------------------------------------------------------------ */

static void write_count(mproc_pool_t *pool, int64_t at_ns) {
    mproc_trace_t *trace = pool->trace;
    trace_event_t event;
    mproc_text_t text;
    trace->noted_ns = at_ns;
    trace->late_ns = 0;
    begin(&text, event, 'C', row(trace, 0));
    add_time(&text, "ts", at_ns);
    mproc_text_add_string(&text, ",\"name\":\"");
    if (trace->pool > 1)
        mproc_text_print(&text, "pool %d ", trace->pool);
    mproc_text_print(&text, "items not done\",\"args\":{\"items\":%" PRIu64 "}}", trace->items);
    end(pool, &text);
}

void mproc_trace_count(mproc_pool_t *pool) {
    mproc_trace_t *trace = pool->trace;
    const mproc_pool_stats_t *s = &pool->stats;
    if (trace == NULL)
        return;
    uint64_t items = s->submitted - s->succeeded - s->failed - s->died - s->timed_out - s->cancelled - s->refused;
    if (items == trace->items)
        return;
    int64_t now = mplat_clock_ns();
    trace->items = items;
    if (now - trace->noted_ns >= COUNT_EVERY_NS) {
        write_count(pool, now);
        return;
    }
    bool later = trace->late_ns == 0; /* perhaps nothing else comes that is to be written */
    trace->late_ns = now;
    if (later)
        set_flush_timer(pool, trace);
}

void mproc_trace_flush(mproc_pool_t *pool) {
    mproc_trace_t *trace = pool->trace;
    if (trace == NULL)
        return;
    trace->flushed_ns = mplat_clock_ns();
    if (trace->late_ns != 0)
        write_count(pool, trace->late_ns);
    mproc_trace_file_flush(trace->file);
}

void mproc_trace_close(mproc_pool_t *pool) {
    mproc_trace_t *trace = pool->trace;
    if (trace == NULL)
        return;
    mproc_trace_flush(pool);
    mproc_timers_cancel(&pool->timers, &trace->timer);
    mproc_trace_file_close(trace->file);
    mproc_free(trace);
    pool->trace = NULL;
}
