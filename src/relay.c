/* SPDX-License-Identifier: Apache-2.0 */
/* relay.c: the thread that shows what workers write to standard error, when there is something, and the streams it reads. */
#include "relay.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "memory.h"
#include "report.h"
#include "threads.h"

#define NS_PER_MS INT64_C(1000000)
#define PATIENCE_MS 1000
#define AGAIN_MS 100
#define STACK_SIZE ((size_t)128 * 1024)
#define EVENTS 32
#define PIECE 4096
#define TURN ((size_t)16 * 1024)           /* read from a stream before it is another's turn */
#define SETTLE_MOST ((size_t)1024 * 1024)  /* as much as a pipe can be made to hold: more was written later */
#define PENDING_MOST ((size_t)4096 * 1024) /* read and not shown yet */
#define LEFT_MOST 64                       /* streams without their workers: each is a handle */

struct mproc_stream {
    mproc_stream_t *next;
    mproc_relay_t *relay;
    mplat_watch_t *watch;     /* that it is in: the host's or the relay's */
    mplat_capture_t *capture; /* NULL once it has ended */
    bool ended;               /* nobody writes any more, or it cannot be read */
    uint64_t left;            /* 0: its worker is there. Else when that went, in numbers; freed when it has ended */
    mproc_tail_t tail;
};

struct mproc_relay {
    mplat_handle_t screen;    /* MPLAT_NO_HANDLE: we have no standard error */
    mplat_watch_t *host;      /* where streams are watched before there is a thread */
    mproc_mutex_t *mutex;     /* over all below */
    mproc_thread_t *thread;   /* NULL: nothing had to be shown yet */
    mplat_watch_t *watch;     /* the thread's */
    mproc_condition_t *quiet; /* pending is empty and shown */
    mproc_stream_t *first;
    uint64_t leaves; /* streams that were left, ever */
    mproc_buffer_t pending;
    uint64_t lost; /* bytes that were read and are not shown */
    bool showing;  /* somebody has taken pending */
    bool stop;
    _Atomic int64_t until_ns; /* of showing, when it stops */
    bool stuck;               /* of who shows: it took nothing the last time ... */
    int64_t again_ns;         /* ... and is tried again then */
};

/* ---- reading, with the mutex ----------------------------------------------------------------------------------------------- */

static void keep(mproc_relay_t *relay, const void *data, size_t size) {
    if (relay->screen == MPLAT_NO_HANDLE)
        return;
    if (size > PENDING_MOST - relay->pending.size || !mproc_buffer_append(&relay->pending, data, size))
        relay->lost += size;
    relay->pending.failed = false; /* there may be memory the next time */
}

/* pull reads what is there, so much at most: whoever still writes must not keep us. */
static void pull(mproc_stream_t *stream, size_t most) {
    unsigned char bytes[PIECE];
    while (most > 0 && !stream->ended) {
        size_t size = 0;
        int err = mplat_capture_read(stream->capture, bytes, most < PIECE ? most : PIECE, &size);
        if (err == MPLAT_ETIMEDOUT)
            return;
        if (err != MPLAT_OK) {
            /* Closed at once: of one that only we cannot read any more the worker must not fill the rest, and wait. */
            mplat_watch_remove_capture(stream->watch, stream->capture);
            mplat_capture_destroy(stream->capture);
            stream->capture = NULL;
            stream->ended = true;
        }
        mproc_tail_add(&stream->tail, bytes, size);
        keep(stream->relay, bytes, size);
        most -= size;
    }
}

static void settle(mproc_stream_t *stream) {
    pull(stream, SETTLE_MOST);
}

static void free_stream(mproc_stream_t *stream) {
    if (!stream->ended)
        mplat_watch_remove_capture(stream->watch, stream->capture);
    mplat_capture_destroy(stream->capture);
    mproc_free(stream);
}

/* An event may be of a stream that was freed since: only its address is looked at. */
static bool listed(const mproc_relay_t *relay, const mproc_stream_t *stream) {
    const mproc_stream_t *each = relay->first;
    while (each != NULL && each != stream)
        each = each->next;
    return each != NULL;
}

static void free_ended(mproc_relay_t *relay) {
    for (mproc_stream_t **place = &relay->first; *place != NULL;) {
        mproc_stream_t *stream = *place;
        if (stream->left > 0 && stream->ended) {
            *place = stream->next;
            free_stream(stream);
        } else {
            place = &stream->next;
        }
    }
}

/* end_oldest closes the stream that was left first when there are too many: a worker may leave behind what runs as long as we do,
 * and so may each that replaces it. */
static void end_oldest(mproc_relay_t *relay) {
    mproc_stream_t **oldest = NULL;
    size_t count = 0;
    for (mproc_stream_t **place = &relay->first; *place != NULL; place = &(*place)->next) {
        if ((*place)->left == 0)
            continue;
        count++;
        if (oldest == NULL || (*place)->left < (*oldest)->left)
            oldest = place;
    }
    if (count <= LEFT_MOST)
        return;
    mproc_stream_t *stream = *oldest;
    settle(stream);
    *oldest = stream->next;
    free_stream(stream);
}

/* ---- the thread -------------------------------------------------------------------------------------------------------------- */

/* write_out gives how much it could not show. After a failure it leaves standard error alone for a while: on some systems a try
 * takes long. */
static size_t write_out(mproc_relay_t *relay, const unsigned char *data, size_t size) {
    while (size > 0) {
        size_t done = 0;
        int64_t now = mplat_clock_ns(), left_ms = (atomic_load(&relay->until_ns) - now) / NS_PER_MS;
        int64_t timeout_ms = relay->stuck || left_ms < 0 ? 0 : left_ms < PATIENCE_MS ? left_ms : PATIENCE_MS;
        if (relay->stuck && now < relay->again_ns)
            return size;
        relay->stuck = mplat_stderr_write(relay->screen, data, size, timeout_ms, &done) != MPLAT_OK;
        if (relay->stuck || left_ms < 0) {
            relay->again_ns = mplat_clock_ns() + AGAIN_MS * NS_PER_MS;
            return size - done;
        }
        data += done;
        size -= done;
    }
    return 0;
}

static size_t tell_lost(mproc_relay_t *relay, uint64_t lost) {
    char text[120];
    int length = snprintf(text, sizeof text, "\nmproc: %" PRIu64 " bytes that workers wrote here were dropped\n", lost);
    return write_out(relay, (const unsigned char *)text, (size_t)length);
}

/* show gives the mutex up while it writes. */
static void show(mproc_relay_t *relay) {
    mproc_buffer_t going = relay->pending;
    uint64_t lost = relay->lost;
    mproc_buffer_init(&relay->pending, NULL);
    relay->lost = 0;
    relay->showing = true;
    mproc_mutex_unlock(relay->mutex);
    if (lost > 0 && tell_lost(relay, lost) == 0)
        lost = 0;
    lost += write_out(relay, going.data, going.size);
    mproc_buffer_fini(&going);
    mproc_mutex_lock(relay->mutex);
    relay->lost += lost;
    relay->showing = false;
}

static void pull_ready(mproc_relay_t *relay) {
    mplat_watch_event_t events[EVENTS];
    size_t count = 0;
    mproc_mutex_unlock(relay->mutex);
    /* Without memory for the wait it looks again a little later. */
    if (mplat_watch_wait(relay->watch, -1, events, EVENTS, &count) != MPLAT_OK)
        mplat_sleep_ms(10);
    mproc_mutex_lock(relay->mutex);
    for (size_t i = 0; i < count; i++) {
        if (events[i].kind == MPLAT_WATCH_CAPTURE && listed(relay, events[i].key))
            pull(events[i].key, TURN);
    }
    free_ended(relay);
}

static void serve(void *context) {
    mproc_relay_t *relay = context;
    mproc_mutex_lock(relay->mutex);
    while (!relay->stop || relay->pending.size > 0) {
        if (relay->pending.size > 0)
            show(relay);
        else
            pull_ready(relay);
        if (relay->pending.size == 0)
            mproc_condition_broadcast(relay->quiet);
    }
    if (relay->lost > 0)
        show(relay);
    mproc_mutex_unlock(relay->mutex);
}

/* ---- its beginning ----------------------------------------------------------------------------------------------------------- */

/* In both watches for a moment, so that a stream which the new one has no room for stays where it is. */
static void move(mproc_stream_t *stream) {
    mplat_watch_t *watch = stream->relay->watch;
    if (stream->ended || mplat_watch_add_capture(watch, stream->capture, stream) != MPLAT_OK)
        return;
    mplat_watch_remove_capture(stream->watch, stream->capture);
    stream->watch = watch;
}

/* begin starts the thread unless it runs; false when it cannot, which is tried again the next time. */
static bool begin(mproc_relay_t *relay) {
    if (relay->thread != NULL)
        return true;
    if (relay->showing || (relay->watch == NULL && mplat_watch_create(&relay->watch) != MPLAT_OK) ||
        mproc_thread_create(serve, relay, STACK_SIZE, &relay->thread) != MPROC_OK)
        return false;
    for (mproc_stream_t *stream = relay->first; stream != NULL; stream = stream->next)
        move(stream);
    return true;
}

/* show_now is for want of a thread: without patience, since the caller is the pool's or the user's. */
static void show_now(mproc_relay_t *relay) {
    if (relay->showing)
        return;
    atomic_store(&relay->until_ns, 0);
    while (relay->pending.size > 0)
        show(relay);
    atomic_store(&relay->until_ns, INT64_MAX);
    mproc_condition_broadcast(relay->quiet);
}

/* offer has shown what was read. It may give the mutex up. */
static void offer(mproc_relay_t *relay) {
    if (relay->pending.size == 0)
        return;
    if (begin(relay))
        mplat_watch_wake(relay->watch);
    else
        show_now(relay);
}

void mproc_relay_begin(mproc_relay_t *relay) {
    if (relay == NULL)
        return;
    mproc_mutex_lock(relay->mutex);
    (void)begin(relay);
    mproc_mutex_unlock(relay->mutex);
}

void mproc_relay_look(mproc_relay_t *relay, void *key) {
    mproc_mutex_lock(relay->mutex);
    if (listed(relay, key))
        pull(key, TURN);
    offer(relay);
    free_ended(relay);
    mproc_mutex_unlock(relay->mutex);
}

/* ---- streams ------------------------------------------------------------------------------------------------------------------- */

int mproc_relay_open(mproc_relay_t *relay, mproc_stream_t **out_stream, mplat_handle_t *out_write) {
    *out_stream = NULL;
    *out_write = MPLAT_NO_HANDLE;
    mproc_stream_t *stream = mproc_alloc_zero(1, sizeof *stream);
    if (stream == NULL)
        return mproc_fail_memory("a worker");
    stream->relay = relay;
    int err = mplat_capture_create(&stream->capture, out_write);
    mproc_mutex_lock(relay->mutex);
    stream->watch = relay->thread != NULL ? relay->watch : relay->host;
    if (err == MPLAT_OK)
        err = mplat_watch_add_capture(stream->watch, stream->capture, stream);
    if (err == MPLAT_OK) {
        stream->next = relay->first;
        relay->first = stream;
        *out_stream = stream;
    }
    mproc_mutex_unlock(relay->mutex);
    if (err == MPLAT_OK)
        return MPROC_OK;
    err = mproc_fail_platform(err, "Cannot read the standard error of a worker");
    mplat_handle_close(out_write);
    mplat_capture_destroy(stream->capture);
    mproc_free(stream);
    return err;
}

void mproc_stream_tail(mproc_stream_t *stream, char buf[MPROC_TAIL_SIZE + 1]) {
    mproc_relay_t *relay = stream->relay;
    mproc_mutex_lock(relay->mutex);
    settle(stream);
    mproc_tail_text(&stream->tail, buf);
    offer(relay);
    mproc_mutex_unlock(relay->mutex);
}

void mproc_stream_leave(mproc_stream_t *stream) {
    if (stream == NULL)
        return;
    mproc_relay_t *relay = stream->relay;
    mproc_mutex_lock(relay->mutex);
    settle(stream);
    stream->left = ++relay->leaves;
    free_ended(relay);
    end_oldest(relay);
    offer(relay);
    mproc_mutex_unlock(relay->mutex);
}

/* ---- life ---------------------------------------------------------------------------------------------------------------------- */

void mproc_relay_flush(mproc_relay_t *relay) {
    if (relay == NULL)
        return;
    int64_t until = mplat_clock_ns() + PATIENCE_MS * NS_PER_MS;
    mproc_mutex_lock(relay->mutex);
    /* Nobody waits at the host any more for what others still write. */
    if (relay->first != NULL)
        (void)begin(relay);
    while ((relay->pending.size > 0 || relay->showing) && mplat_clock_ns() < until)
        mproc_condition_wait(relay->quiet, relay->mutex, until - mplat_clock_ns());
    mproc_mutex_unlock(relay->mutex);
}

static void stop(mproc_relay_t *relay) {
    mproc_mutex_lock(relay->mutex);
    for (mproc_stream_t *stream = relay->first; stream != NULL; stream = stream->next)
        settle(stream);
    offer(relay);
    bool runs = relay->thread != NULL;
    if (runs)
        atomic_store(&relay->until_ns, mplat_clock_ns() + PATIENCE_MS * NS_PER_MS);
    relay->stop = true;
    mproc_mutex_unlock(relay->mutex);
    if (runs)
        mplat_watch_wake(relay->watch);
    mproc_thread_join(&relay->thread);
}

void mproc_relay_destroy(mproc_relay_t *relay) {
    if (relay == NULL)
        return;
    if (relay->mutex != NULL)
        stop(relay);
    while (relay->first != NULL) {
        mproc_stream_t *stream = relay->first;
        relay->first = stream->next;
        free_stream(stream);
    }
    mproc_buffer_fini(&relay->pending);
    mproc_condition_destroy(relay->quiet);
    mproc_mutex_destroy(relay->mutex);
    mplat_watch_destroy(relay->watch);
    mplat_handle_close(&relay->screen);
    mproc_free(relay);
}

static int open_screen(mproc_relay_t *relay) {
    int err = mplat_stderr_open(&relay->screen);
    return err == MPLAT_OK || err == MPLAT_ENOTFOUND
               ? MPROC_OK
               : mproc_fail_platform(err, "Cannot show the standard error of workers");
}

int mproc_relay_create(mplat_watch_t *host, mproc_relay_t **out_relay) {
    *out_relay = NULL;
    mproc_relay_t *relay = mproc_alloc_zero(1, sizeof *relay);
    if (relay == NULL)
        return mproc_fail_memory("a pool");
    relay->screen = MPLAT_NO_HANDLE;
    relay->host = host;
    atomic_store(&relay->until_ns, INT64_MAX);
    mproc_buffer_init(&relay->pending, NULL);
    int err = open_screen(relay);
    if (err == MPROC_OK)
        err = mproc_mutex_create(&relay->mutex);
    if (err == MPROC_OK)
        err = mproc_condition_create(&relay->quiet);
    if (err != MPROC_OK) {
        mproc_relay_destroy(relay);
        return err;
    }
    *out_relay = relay;
    return MPROC_OK;
}
