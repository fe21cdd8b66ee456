/* SPDX-License-Identifier: Apache-2.0 */
/* backend_double.h: a backend that does nothing by itself. The test says what happens in its slots, and sees what the core asks
 * for. What the test says becomes events that the core hears in its next poll. */
#ifndef TESTS_SUPPORT_BACKEND_DOUBLE_H
#define TESTS_SUPPORT_BACKEND_DOUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core.h"

enum { DOUBLE_SLOTS = 8, DOUBLE_WORKS = 64 };

/* Makes a pool of that many workers on the double; options may be NULL. Its slots are not up. */
mproc_pool_t *double_pool(const mproc_pool_options_t *options, int slots);

/* The slot comes up with pid 1000 + 10 * slot + times it was up before. */
void double_up(int slot);
void double_all_up(int slots);

/* The first work in the slot begins; its time-outs count from now. double_item says that it has come to that item. */
void double_begin(int slot);
void double_item(int slot, uint32_t item);

/* The first work ends: so many items well (their results are 8 bytes, the index), then `failed` with code (0: none). The task
 * took run_ns. */
void double_end(int slot, uint32_t succeeded, uint32_t failed, int code, int64_t run_ns);

/* All of the first work's items end well, after it has begun if it had not. */
void double_done(int slot);

/* The process of the slot is gone: its begun work fails with MPROC_EDIED after `succeeded` items, the others are returned. */
void double_die(int slot, uint32_t succeeded);

/* From now on the first work that the core would kill, or its item in hand, ends well just before it is killed, and the next
 * one begins. */
void double_be_late(bool late);

/* The workers die too often. */
void double_break(int code);

/* Every work ends well as soon as the core has sent it, from now on or no longer. */
void double_automatic(bool on);

/* submit, or the next submits, fail with this code; 0: no longer. */
void double_refuse(int code);

/* Works the slot takes at a time; 16 at first. */
void double_set_room(size_t room);

/* Returns once the core has heard everything and its thread sleeps. */
void double_settle(void);

/* What the core has done: works in a slot, the first item of one of them (-1: there is none), kills and cancels so far, the code
 * of the last kill. */
size_t double_count(int slot);
int64_t double_first(int slot, size_t index);
size_t double_items(int slot, size_t index);
int double_kills(int slot);
int double_late_kills(int slot); /* for what was over */
int double_cancels(int slot);
int double_kill_code(int slot);
int double_stops(void);
int double_leaves(void);
int double_settles(void);

/* How many pools on the double are gone: the next one may be made when the last is. */
int double_destroyed(void);

#endif
