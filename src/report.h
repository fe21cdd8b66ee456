/* SPDX-License-Identifier: Apache-2.0 */
/* report.h: setting the thread's last error, and reports that outlive it. Turning a report into text for people is
 * error_format.c; sending it to another process is report_wire.c. */
#ifndef MPROC_SRC_REPORT_H
#define MPROC_SRC_REPORT_H

#include <stdarg.h>
#include <stddef.h>

#include <mproc/error.h>

#include "buffer.h"

/* ---- the thread's last error ----------------------------------------------------------------------------------- */

/* Each sets the report that mproc_last_error() gives to this thread, and returns the code, so that a function fails
 * with `return mproc_fail(MPROC_EINVAL, "…")`. The text is one sentence without a line end or full stop; arguments
 * may come from the present last error. They work without memory too: only the details are then lost. */
int mproc_fail(int code, const char *format, ...) MPROC_PRINTF(2, 3);
int mproc_fail_va(int code, const char *format, va_list list) MPROC_PRINTF(2, 0);

/* mproc_fail_memory fails with MPROC_ENOMEM: "No memory for <what>". */
int mproc_fail_memory(const char *what);

/* mproc_fail_system also takes the os_code of mplat_failure() and appends the step and the system's sentence:
 * "Cannot start 'x' (execve: No such file or directory)". */
int mproc_fail_system(int code, const char *format, ...) MPROC_PRINTF(2, 3);

/* mproc_fail_platform does so with the code that mproc_code_of_platform gives, and names the cause: "Cannot make a
 * pool: handle table full (memfd_create: Too many open files)". */
int mproc_fail_platform(int mplat_err, const char *format, ...) MPROC_PRINTF(2, 3);

/* mproc_code_of_platform is the MPROC_E… code for an MPLAT_E… code. */
int mproc_code_of_platform(int mplat_err);

/* mproc_fail_error sets a whole report, copied; code MPROC_OK is not allowed. */
int mproc_fail_error(const mproc_error_t *error);

/* mproc_error_clear makes mproc_last_error() report MPROC_OK again, for a runner between two tasks. It stands here
 * because a chunk of a map does it for every item. */
extern _Thread_local const mproc_error_t *mproc_thread_error; /* report.c's: NULL for none */
static inline void mproc_error_clear(void) {
    if (mproc_thread_error != NULL)
        mproc_thread_error = NULL;
}

/* mproc_error_thread_fini frees what this thread's last error holds. The end of a thread does it by itself, except
 * for the main thread: mproc_fini does it there. */
void mproc_error_thread_fini(void);

/* ---- reports that are kept ------------------------------------------------------------------------------------- */

/* A report that says nothing: MPROC_OK, no item (-1), strings "". What others are made from. */
extern const mproc_error_t mproc_no_error;

/* An owned copy of an mproc_error_t. One thread at a time. */
typedef struct mproc_report {
    mproc_error_t error; /* its strings are in storage, or static */
    char *storage;
    size_t capacity; /* bytes of storage; it is used again by the next set */
} mproc_report_t;

void mproc_report_init(mproc_report_t *report);

/* mproc_report_set copies a report with its strings; error may be the present content of the same report.
 * MPROC_ENOMEM: numbers and codes are kept, and the message says that its details are lost. The last error is not
 * touched. */
int mproc_report_set(mproc_report_t *report, const mproc_error_t *error);

void mproc_report_fini(mproc_report_t *report);

/* mproc_fail_report publishes a kept report as this thread's last error and returns its code. */
int mproc_fail_report(const mproc_report_t *report);

/* ---- reports on the wire (report_wire.c) ----------------------------------------------------------------------- */

/* mproc_report_encode appends a report as a MessagePack array, without exit and what belongs to it: what a failing
 * task sends. MPROC_ENOMEM; the report may be this thread's last error. */
int mproc_report_encode(const mproc_error_t *error, mproc_buffer_t *buffer);

/* mproc_report_decode reads one, from any bytes whatever, into an initialised report. MPROC_EMALFORMED,
 * MPROC_ENOMEM. */
int mproc_report_decode(const void *data, size_t size, mproc_report_t *report);

#endif
