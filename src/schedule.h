/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.h: which unit goes to which lane, and when. With the pool's lock held. */
#ifndef MPROC_SRC_SCHEDULE_H
#define MPROC_SRC_SCHEDULE_H

#include "core.h"

/* mproc_schedule_add queues a unit; where its affinity key wants it, or behind the others of its priority. */
void mproc_schedule_add(mproc_pool_t *pool, mproc_unit_t *unit);

/* mproc_schedule_again queues a unit that was out before the others of its priority. */
void mproc_schedule_again(mproc_pool_t *pool, mproc_unit_t *unit);

/* mproc_schedule_reserve keeps a unit for one lane. */
void mproc_schedule_reserve(mproc_pool_t *pool, mproc_lane_t *lane, mproc_unit_t *unit);

/* mproc_schedule_remove takes a unit out of whatever list it waits in; not one that is out. */
void mproc_schedule_remove(mproc_pool_t *pool, mproc_unit_t *unit);

/* mproc_schedule_run sends what can be sent. awaited as for mproc_core_pump. */
void mproc_schedule_run(mproc_pool_t *pool, const mproc_result_t *awaited);

/* mproc_schedule_heed says to the backend for which replies the pool's thread is to be woken. */
void mproc_schedule_heed(mproc_pool_t *pool);

/* mproc_schedule_revoke takes a unit that is out back, if it has not begun. */
bool mproc_schedule_revoke(mproc_pool_t *pool, mproc_unit_t *unit);

/* ---- lane.c ------------------------------------------------------------------------------------------------------------ */

/* mproc_lane_left notes that a unit is out of its lane. */
void mproc_lane_left(mproc_pool_t *pool, mproc_unit_t *unit);

/* mproc_lanes_prepare makes lanes for the slots 0 to count - 1. MPROC_ENOMEM. */
int mproc_lanes_prepare(mproc_pool_t *pool, int count);
void mproc_lanes_fini(mproc_pool_t *pool);

/* mproc_lane_measured takes in what a unit took. */
void mproc_lane_measured(mproc_pool_t *pool, mproc_lane_t *lane, int64_t run_ns);

/* mproc_lane_update puts a lane where its load belongs; mproc_lane_full says that it takes no more until something leaves it. */
void mproc_lane_update(mproc_pool_t *pool, mproc_lane_t *lane);
void mproc_lane_full(mproc_lane_t *lane);

void mproc_lane_up(mproc_pool_t *pool, mproc_lane_t *lane, int64_t pid);
void mproc_lane_down(mproc_pool_t *pool, mproc_lane_t *lane);

#endif
