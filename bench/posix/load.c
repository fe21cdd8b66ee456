/* SPDX-License-Identifier: Apache-2.0 */
/* load.c: load_t from /proc/stat and getrusage. */
#include "posix/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"

static double seconds(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double own_seconds(void) {
    struct rusage self, children;
    (void)getrusage(RUSAGE_SELF, &self);
    (void)getrusage(RUSAGE_CHILDREN, &children);
    return seconds(self.ru_utime) + seconds(self.ru_stime) + seconds(children.ru_utime) + seconds(children.ru_stime);
}

/* The first line of /proc/stat: user nice system idle iowait irq softirq steal. Everything but idle and
 * iowait is work. */
static double all_seconds(void) {
    enum { IDLE = 3, IOWAIT = 4, COLUMNS = 8 };
    char line[512] = "";
    double ticks = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL)
        return -1;
    bool read = fgets(line, sizeof line, file) != NULL && strncmp(line, "cpu ", 4) == 0;
    (void)fclose(file);
    char *at = line + 4;
    for (int column = 0; read && column < COLUMNS; column++) {
        double value = (double)strtoull(at, &at, 10);
        ticks += column == IDLE || column == IOWAIT ? 0 : value;
    }
    return read ? ticks / (double)sysconf(_SC_CLK_TCK) : -1;
}

load_t load_now(void) {
    return (load_t){.all = all_seconds(), .own = own_seconds(), .clock = (double)bench_clock_ns() / 1e9};
}

double load_of_others(load_t before) {
    load_t now = load_now();
    double span = (now.clock - before.clock) * (double)sysconf(_SC_NPROCESSORS_ONLN);
    double others = (now.all - before.all) - (now.own - before.own);
    if (now.all < 0 || before.all < 0 || span <= 0 || others < 0)
        return 0;
    return others / span;
}

double load_average(void) {
    double average = -1;
    return getloadavg(&average, 1) == 1 ? average : -1;
}
