/* SPDX-License-Identifier: Apache-2.0 */
/* relay.h: what the workers of a pool write to standard error: shown on ours, and the last lines of each kept. */
#ifndef MPROC_SRC_RELAY_H
#define MPROC_SRC_RELAY_H

#include "platform/platform.h"
#include "tail.h"

/* A thread of its own passes on what comes, from the first byte on, so that neither the pool nor its callers ever wait for the reader of our standard
 * error. What that does not take for a second is dropped, and so is all that follows until it takes something again, which is
 * then told there in a line: no worker waits for it longer. */
typedef struct mproc_relay mproc_relay_t;

/* The standard error of one worker, and of those it starts. */
typedef struct mproc_stream mproc_stream_t;

/* mproc_relay_create makes one. Most workers write nothing, so it has no thread before there is something to show: until then
 * its streams are in host, and whoever waits there calls mproc_relay_look with the key of each MPLAT_WATCH_CAPTURE. A process
 * without a standard error has a relay too. */
int mproc_relay_create(mplat_watch_t *host, mproc_relay_t **out_relay);

/* mproc_relay_look takes what has come in a stream. Never waits; without memory for a thread it shows what standard error takes at
 * once. */
void mproc_relay_look(mproc_relay_t *relay, void *key);

/* mproc_relay_begin starts the thread, if it can, before the one that waits at host does what may take long: a worker that
 * writes must not wait for that. NULL does nothing. */
void mproc_relay_begin(mproc_relay_t *relay);

/* mproc_relay_open makes the stream of a worker, and the end that is to be its standard error, which the caller closes once the
 * worker has it. */
int mproc_relay_open(mproc_relay_t *relay, mproc_stream_t **out_stream, mplat_handle_t *out_write);

/* mproc_stream_tail gives the last lines, all that was written before this call included. Never waits. */
void mproc_stream_tail(mproc_stream_t *stream, char buf[MPROC_TAIL_SIZE + 1]);

/* mproc_stream_leave says that the worker is gone: the stream is no more the caller's. What was written is shown, also what
 * others write who still have it, until the relay ends or 64 more streams were left: to them it is a broken pipe then. NULL does
 * nothing. */
void mproc_stream_leave(mproc_stream_t *stream);

/* mproc_relay_flush waits until all is shown that was read from streams, for a second at most. From then on nobody has to wait at
 * host. NULL does nothing. */
void mproc_relay_flush(mproc_relay_t *relay);

/* mproc_relay_destroy ends it after all streams were left, and after what they have was shown or a second has passed. NULL does
 * nothing. */
void mproc_relay_destroy(mproc_relay_t *relay);

#endif
