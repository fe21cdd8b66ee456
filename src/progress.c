/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c: draws the progress of maps on standard error. */
#include "progress.h"

#include "core_map.h"
#include "memory.h"
#include "platform/platform.h"
#include "report.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CELLS_MOST 40
#define CELLS_LEAST 6 /* with fewer there is no bar */
#define LINE_MOST 400
#define BAR_EVERY_NS (100 * MPROC_NS_PER_MS)
#define LINE_EVERY_NS (1000 * MPROC_NS_PER_MS)
#define PATIENCE_MS 500 /* with a standard error that takes nothing, once: the pool's lock is held meanwhile ... */
#define STUCK_MS 10     /* ... and with each later try, until it takes something again */
#define AGAIN_NS (1000 * MPROC_NS_PER_MS) /* from one try to the next */

struct mproc_progress_bar {
    mproc_timer_t timer;
    mplat_handle_t screen; /* MPLAT_NO_HANDLE: we have no standard error */
    bool stuck;            /* it took nothing the last time ... */
    int64_t again_ns;      /* ... and is tried again then */
    bool terminal;
    size_t maps;     /* that are not done */
    int64_t next_ns; /* when to draw again */
    size_t width;    /* of what stands on the terminal's line */
};

int mproc_progress_create(mproc_pool_t *pool) {
    mproc_progress_bar_t *bar = mproc_alloc_zero(1, sizeof *bar);
    if (bar == NULL || mproc_timers_reserve(&pool->timers, 1) != MPROC_OK) {
        mproc_free(bar);
        return mproc_fail_memory("a progress bar");
    }
    int err = mplat_stderr_open(&bar->screen);
    if (err != MPLAT_OK && err != MPLAT_ENOTFOUND) {
        mproc_timers_release(&pool->timers, 1);
        mproc_free(bar);
        return mproc_fail_platform(err, "Cannot tell on standard error how far maps are");
    }
    bar->timer.kind = MPROC_TIMER_PROGRESS;
    bar->terminal = mplat_is_terminal(2);
    pool->progress = bar;
    return MPROC_OK;
}

void mproc_progress_destroy(mproc_progress_bar_t *bar) {
    if (bar == NULL)
        return;
    mplat_handle_close(&bar->screen);
    mproc_free(bar);
}

/* Hours, minutes and seconds as people write them; a rest that is not over yet is never 0. */
static void add_time(mproc_text_t *text, double seconds) {
    int64_t whole = (int64_t)seconds;
    if (whole >= 3600)
        mproc_text_print(text, "%" PRId64 " h %02d min", whole / 3600, (int)(whole / 60 % 60));
    else if (whole >= 60)
        mproc_text_print(text, "%d min %02d s", (int)(whole / 60), (int)(whole % 60));
    else
        mproc_text_print(text, "%.1f s", seconds);
}

static bool is_known(const mproc_map_t *map) {
    return map->total != INT64_MAX;
}

static void add_numbers(mproc_text_t *text, const mproc_map_t *map, bool last, int64_t now_ns) {
    double seconds = (double)(now_ns - map->begun_ns) / 1e9;
    double rate = seconds > 0.0 ? (double)map->settled / seconds : 0.0;
    mproc_text_print(text, "%" PRId64, map->settled);
    if (is_known(map))
        mproc_text_print(text, "/%" PRId64, map->total);
    if (map->failed > 0)
        mproc_text_print(text, ", %" PRId64 " failed", map->failed);
    mproc_text_print(text, rate < 10.0 ? ", %.1f/s, " : ", %.0f/s, ", rate);
    if (last || !is_known(map) || map->settled == 0) {
        add_time(text, seconds);
        return;
    }
    add_time(text, (double)(map->total - map->settled) / rate);
    mproc_text_add_string(text, " left");
}

static void add_bar(mproc_text_t *text, double part, size_t cells) {
    size_t full = (size_t)(part * (double)cells);
    mproc_text_add(text, "[", 1);
    for (size_t i = 0; i < cells; i++)
        mproc_text_add(text, i < full ? "#" : ".", 1);
    mproc_text_add_string(text, "] ");
}

/* write_line makes a line of at most columns characters, by a shorter bar first, and then by cutting it off. */
static size_t write_line(char line[LINE_MOST], bool bar, size_t columns, const mproc_map_t *map, bool last,
                         int64_t now_ns) {
    char numbers[160];
    mproc_text_t text;
    double part = !is_known(map) ? 0.0 : map->total == 0 ? 1.0 : (double)map->settled / (double)map->total;
    mproc_text_init(&text, numbers, sizeof numbers);
    add_numbers(&text, map, last, now_ns);
    size_t size = text.length;
    mproc_text_init(&text, line, LINE_MOST);
    mproc_text_print(&text, "%.200s: ", map->task->name);
    if (is_known(map))
        mproc_text_print(&text, "%3d%% ", (int)(part * 100.0));
    size += text.length + 3;
    size_t cells = columns > size ? columns - size : 0;
    if (bar && is_known(map) && cells >= CELLS_LEAST)
        add_bar(&text, part, cells < CELLS_MOST ? cells : CELLS_MOST);
    mproc_text_add_string(&text, numbers);
    size = text.length < columns ? text.length : columns;
    line[size] = '\0';
    return size;
}

/* A terminal that somebody has stopped must not stop the pool: what it does not take is dropped. */
static void write_out(mproc_progress_bar_t *bar, const char *output, size_t size) {
    int64_t timeout_ms = bar->stuck ? STUCK_MS : PATIENCE_MS;
    if (bar->screen == MPLAT_NO_HANDLE || (bar->stuck && mplat_clock_ns() < bar->again_ns))
        return;
    bar->stuck = false;
    while (size > 0 && !bar->stuck) {
        size_t done = 0;
        bar->stuck = mplat_stderr_write(bar->screen, output, size, timeout_ms, &done) != MPLAT_OK || done == 0;
        output += done;
        size -= done;
    }
    if (bar->stuck)
        bar->again_ns = mplat_clock_ns() + AGAIN_NS;
}

/* On a terminal each drawing covers the one before; its last stays, on a line of its own. The last column stays free: a
 * character there moves some terminals on to the next line. */
static void draw(mproc_progress_bar_t *bar, const mproc_map_t *map, bool last, int64_t now_ns) {
    char line[LINE_MOST], output[2 * LINE_MOST];
    size_t columns = bar->terminal ? (size_t)mplat_terminal_width(2) - 1 : LINE_MOST - 1;
    columns = columns < LINE_MOST ? columns : LINE_MOST - 1;
    size_t width = write_line(line, bar->terminal, columns, map, last, now_ns);
    size_t before = bar->width < columns ? bar->width : columns;
    int pad = before > width ? (int)(before - width) : 0;
    (void)snprintf(output, sizeof output, "%s%s%*s%s", bar->terminal ? "\r" : "", line, pad, "",
                   last || !bar->terminal ? "\n" : "");
    bar->width = bar->terminal && !last ? width : 0;
    write_out(bar, output, strlen(output));
}

void mproc_progress_begin(mproc_pool_t *pool, mproc_map_t *map) {
    mproc_progress_bar_t *bar = pool->progress;
    if (bar == NULL)
        return;
    map->begun_ns = mplat_clock_ns();
    if (bar->maps++ > 0)
        return;
    bar->next_ns = map->begun_ns + (bar->terminal ? BAR_EVERY_NS : LINE_EVERY_NS);
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
