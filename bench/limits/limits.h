/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h: the same exchanges as the cases, by hand: shared memory, a second program, no library, no
 * checks. */
#ifndef MPROC_BENCH_LIMITS_H
#define MPROC_BENCH_LIMITS_H

#include "bench.h"
#include "posix/cpu.h"

/* Each limit: open starts the partners, close ends them and accepts NULL. All return 0, or -1 after
 * bench_fail. */

/* ---- one word there and back --------------------------------------------------------------------------- */
typedef struct ping_pong ping_pong_t;
int ping_pong_open(cpu_waiting_t waiting, ping_pong_t **out_ping_pong);
int64_t ping_pong_pid(const ping_pong_t *ping_pong);

/* ping_pong_round is one round trip. */
void ping_pong_round(ping_pong_t *ping_pong);

/* ping_pong_rest sends the partner to sleep, or wakes it for more rounds: one that spins would take a core
 * from the other side of the comparison. */
void ping_pong_rest(ping_pong_t *ping_pong, bool resting);
void ping_pong_close(ping_pong_t *ping_pong);

/* ---- requests and responses through rings of 64-byte slots, two workers that square a number ----------- */
typedef struct ring_pair ring_pair_t;
int ring_open(ring_pair_t **out_rings);

/* ring_exchange squares count numbers and checks the sum. */
int ring_exchange(ring_pair_t *rings, uint32_t count);
void ring_close(ring_pair_t *rings);

/* ---- large payloads through warm shared memory: copied in by us, copied on by a worker, read where they are  */
typedef struct exchange exchange_t;

/* workers is 1 or 2; payload is the size of one message; each worker has room for `slots` of them under
 * way. */
int exchange_open(int workers, int slots, size_t payload, exchange_t **out_exchange);
int exchange_run(exchange_t *exchange, const void *payload, int count);
void exchange_close(exchange_t *exchange);

/* exchange_check reads a word of each page of a result, as every consumer in these cases does, and
 * compares it. */
bool exchange_check(const void *result, const void *payload, size_t size);

/* ---- a loop over numbers through a function pointer, copied in and out, in this process ---------------- */
typedef int64_t loop_fn_t(int64_t x);
int64_t loop_square(int64_t x);
void loop_map(loop_fn_t *function, const int64_t *input, int64_t *output, size_t count);

/* ---- pure computation ---------------------------------------------------------------------------------- */
uint64_t compute_unit(uint64_t seed, uint32_t steps);

typedef struct compute compute_t;
int compute_open(compute_t **out_compute);

/* compute_speedup is how much faster two bare processes do the work of one. */
int compute_speedup(compute_t *compute, double *out_speedup);
void compute_close(compute_t *compute);

#endif
