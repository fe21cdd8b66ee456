/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c: draws the progress of maps on standard error. */
#include "progress.h"

#include "core_map.h"
#include "memory.h"
#include "platform/platform.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BAR_CELLS 30
#define BAR_EVERY_NS (100 * MPROC_NS_PER_MS)
#define LINE_EVERY_NS (1000 * MPROC_NS_PER_MS)

struct mproc_progress_bar {
    mproc_timer_t timer;
    bool terminal;
    size_t maps;      /* that are not done */
    int64_t begun_ns; /* the first of them */
    int64_t next_ns;  /* when to draw again */
    size_t width;     /* of what stands on the terminal's line */
};

int mproc_progress_create(mproc_pool_t *pool) {
    mproc_progress_bar_t *bar = mproc_alloc_zero(1, sizeof *bar);
    if (bar == NULL || mproc_timers_reserve(&pool->timers, 1) != MPROC_OK) {
        mproc_free(bar);
        return mproc_fail_memory("a progress bar");
    }
    bar->timer.kind = MPROC_TIMER_PROGRESS;
    bar->terminal = mplat_is_terminal(2);
    pool->progress = bar;
    return MPROC_OK;
}

void mproc_progress_destroy(mproc_progress_bar_t *bar) {
    mproc_free(bar);
}

static void write_numbers(char *text, size_t size, const mproc_map_t *map, int64_t elapsed_ns) {
    double seconds = (double)elapsed_ns / 1e9;
    double rate = seconds > 0.0 ? (double)map->settled / seconds : 0.0;
    char total[32] = "";
    char rest[48] = "";
    if (map->total != INT64_MAX) {
        (void)snprintf(total, sizeof total, "/%" PRId64, map->total);
        if (rate > 0.0 && map->settled < map->total)
            (void)snprintf(rest, sizeof rest, ", %.0f s left", (double)(map->total - map->settled) / rate);
    }
    (void)snprintf(text, size, "%" PRId64 "%s items, %.0f/s, %.1f s%s", map->settled, total, rate, seconds, rest);
    if (map->failed > 0) {
        size_t used = strlen(text);
        (void)snprintf(text + used, size - used, ", %" PRId64 " failed", map->failed);
    }
}

static void write_line(char *line, size_t size, const mproc_progress_bar_t *bar, const mproc_map_t *map,
                       int64_t now_ns) {
    char numbers[160];
    char cells[BAR_CELLS + 3] = "";
    bool known = map->total != INT64_MAX;
    double part = !known ? 0.0 : map->total == 0 ? 1.0 : (double)map->settled / (double)map->total;
    write_numbers(numbers, sizeof numbers, map, now_ns - bar->begun_ns);
    if (bar->terminal && known) {
        size_t full = (size_t)(part * BAR_CELLS);
        memset(cells, '.', sizeof cells - 1);
        memset(cells + 1, '#', full);
        cells[0] = '[';
        cells[BAR_CELLS + 1] = ']';
    }
    if (known)
        (void)snprintf(line, size, "%s: %3.0f%% %s%s%s", map->task->name, part * 100.0, cells, bar->terminal ? " " : "",
                       numbers);
    else
        (void)snprintf(line, size, "%s: %s", map->task->name, numbers);
}

/* On a terminal each drawing covers the one before; its last stays, on a line of its own. */
static void draw(mproc_progress_bar_t *bar, const mproc_map_t *map, bool last, int64_t now_ns) {
    char line[320];
    write_line(line, sizeof line, bar, map, now_ns);
    size_t width = strlen(line);
    if (bar->terminal) {
        int pad = bar->width > width ? (int)(bar->width - width) : 0;
        (void)fprintf(stderr, "\r%s%*s%s", line, pad, "", last ? "\n" : "");
        bar->width = last ? 0 : width;
    } else {
        (void)fprintf(stderr, "%s\n", line);
    }
    (void)fflush(stderr);
}

void mproc_progress_begin(mproc_pool_t *pool, const mproc_map_t *map) {
    mproc_progress_bar_t *bar = pool->progress;
    (void)map;
    if (bar == NULL)
        return;
    int64_t now = mplat_clock_ns();
    if (bar->maps++ == 0)
        bar->begun_ns = now;
    bar->next_ns = now + (bar->terminal ? BAR_EVERY_NS : LINE_EVERY_NS);
    mproc_core_timer(pool, &bar->timer, bar->next_ns);
}

void mproc_progress_end(mproc_pool_t *pool, const mproc_map_t *map) {
    mproc_progress_bar_t *bar = pool->progress;
    if (bar == NULL)
        return;
    bar->maps--;
    draw(bar, map, true, mplat_clock_ns());
}

void mproc_progress_due(mproc_pool_t *pool, int64_t now_ns) {
    mproc_progress_bar_t *bar = pool->progress;
    mproc_node_t *first = mproc_list_first(&pool->maps);
    if (bar == NULL || bar->maps == 0 || first == NULL || now_ns < bar->next_ns)
        return;
    bar->next_ns = now_ns + (bar->terminal ? BAR_EVERY_NS : LINE_EVERY_NS);
    mproc_timers_set(&pool->timers, &bar->timer, bar->next_ns);
    draw(bar, MPROC_OWNER(first, mproc_map_t, node), false, now_ns);
}
