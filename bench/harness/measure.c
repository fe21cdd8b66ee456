/* SPDX-License-Identifier: Apache-2.0 */
/* measure.c: the clock, order statistics, and the sentence that says why a case could not run. */
#include <mproc/mproc.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "harness.h"

static char reason[512];

int64_t bench_clock_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare_doubles(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static int compare_ns(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

double bench_median(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare_doubles);
    if (count % 2 == 0)
        return (values[count / 2 - 1] + values[count / 2]) / 2;
    return values[count / 2];
}

int64_t bench_percentile_ns(int64_t *values, size_t count, double part) {
    size_t index = (size_t)((double)count * part);
    qsort(values, count, sizeof *values, compare_ns);
    return values[index < count ? index : count - 1];
}

static void note(const char *format, va_list args) {
    (void)vsnprintf(reason, sizeof reason, format, args);
}

int bench_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    note(format, args);
    va_end(args);
    return BENCH_FAILED;
}

int bench_skip(const char *format, ...) {
    va_list args;
    va_start(args, format);
    note(format, args);
    va_end(args);
    return BENCH_SKIPPED;
}

int bench_fail_mproc(const char *call, int err) {
    const mproc_error_t *error = mproc_last_error();
    return bench_fail("%s: %d, %s", call, err, error != NULL && error->message != NULL ? error->message : "no message");
}

const char *bench_reason(void) {
    return reason;
}
