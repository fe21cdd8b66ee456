/* SPDX-License-Identifier: Apache-2.0 */
/* trace.c: writes Chrome's trace events: a track a worker, a bar a unit of work. */
#include "trace.h"

#include "memory.h"
#include "platform/platform.h"

#include <apr_file_io.h>
#include <apr_pools.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct mproc_trace {
    apr_pool_t *pool;
    apr_file_t *file;
    int64_t begun_ns;
    size_t used;
    bool first;
    char text[65536];
};

static void flush(mproc_trace_t *trace) {
    /* A full disk costs the rest of the trace, no task. */
    (void)apr_file_write_full(trace->file, trace->text, trace->used, NULL);
    trace->used = 0;
}

static void add(mproc_trace_t *trace, const char *event) {
    size_t size = strlen(event);
    if (trace->used + size + 2 > sizeof trace->text)
        flush(trace);
    if (!trace->first)
        trace->text[trace->used++] = ',';
    trace->first = false;
    trace->text[trace->used++] = '\n';
    memcpy(trace->text + trace->used, event, size);
    trace->used += size;
}

int mproc_trace_open(const char *path, mproc_trace_t **out_trace) {
    static const char head[] = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[";
    char event[160];
    mproc_trace_t *trace = mproc_alloc_zero(1, sizeof *trace);
    *out_trace = NULL;
    if (trace == NULL)
        return mproc_fail_memory("a trace");
    apr_status_t status = apr_pool_create_unmanaged_ex(&trace->pool, NULL, NULL);
    if (status == APR_SUCCESS)
        status = apr_file_open(&trace->file, path, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE,
                               APR_FPROT_OS_DEFAULT, trace->pool);
    if (status != APR_SUCCESS) {
        char reason[120];
        int err = mproc_fail(MPROC_ESYSTEM, "Cannot write the trace '%s': %s", path,
                             apr_strerror(status, reason, sizeof reason));
        if (trace->pool != NULL)
            apr_pool_destroy(trace->pool);
        mproc_free(trace);
        return err;
    }
    trace->first = true;
    trace->begun_ns = mplat_clock_ns();
    memcpy(trace->text, head, sizeof head - 1);
    trace->used = sizeof head - 1;
    (void)snprintf(event, sizeof event,
                   "{\"ph\":\"M\",\"pid\":%" PRId64 ",\"name\":\"process_name\",\"args\":{\"name\":\"mproc pool\"}}",
                   mplat_self_pid());
    add(trace, event);
    *out_trace = trace;
    return MPROC_OK;
}

static double microseconds(const mproc_trace_t *trace, int64_t at_ns) {
    return (double)(at_ns - trace->begun_ns) / 1000.0;
}

/* Names of tasks are C identifiers, unless a program registered one by hand. */
static void write_name(char *to, size_t size, const char *name) {
    size_t used = 0;
    for (; *name != '\0' && used + 2 < size; name++) {
        unsigned char c = (unsigned char)*name;
        if (c == '"' || c == '\\')
            to[used++] = '\\';
        to[used++] = c < 0x20 ? '?' : (char)c;
    }
    to[used] = '\0';
}

void mproc_trace_work(mproc_trace_t *trace, const mproc_lane_t *lane, const mproc_work_t *work,
                      const mproc_reply_t *reply) {
    char event[512];
    char name[200];
    int64_t now = mplat_clock_ns();
    write_name(name, sizeof name, work->task->name);
    (void)snprintf(event, sizeof event,
                   "{\"ph\":\"X\",\"pid\":%" PRId64 ",\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f,\"name\":\"%s\",\"args\":"
                   "{\"item\":%" PRId64 ",\"items\":%" PRIu32 ",\"failed\":%" PRIu32 ",\"worker\":%" PRId64 "}}",
                   mplat_self_pid(), lane->index, microseconds(trace, now - reply->run_ns),
                   (double)reply->run_ns / 1000.0, name, work->first, work->count, reply->failed, lane->pid);
    add(trace, event);
}

void mproc_trace_slot(mproc_trace_t *trace, int slot, int64_t pid, bool up) {
    char event[320];
    (void)snprintf(event, sizeof event,
                   "{\"ph\":\"M\",\"pid\":%" PRId64
                   ",\"tid\":%d,\"name\":\"thread_name\",\"args\":{\"name\":\"worker %d\"}}",
                   mplat_self_pid(), slot, slot);
    add(trace, event);
    (void)snprintf(event, sizeof event,
                   "{\"ph\":\"i\",\"s\":\"t\",\"pid\":%" PRId64 ",\"tid\":%d,\"ts\":%.3f,\"name\":\"worker %s\","
                   "\"args\":{\"pid\":%" PRId64 "}}",
                   mplat_self_pid(), slot, microseconds(trace, mplat_clock_ns()), up ? "up" : "down", pid);
    add(trace, event);
}

void mproc_trace_close(mproc_trace_t *trace) {
    static const char tail[] = "\n]}\n";
    if (trace == NULL)
        return;
    flush(trace);
    (void)apr_file_write_full(trace->file, tail, sizeof tail - 1, NULL);
    (void)apr_file_close(trace->file);
    apr_pool_destroy(trace->pool);
    mproc_free(trace);
}
