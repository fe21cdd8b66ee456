/* SPDX-License-Identifier: Apache-2.0 */
/* hub.h: where threads sleep that wait for results of several pools at once. */
#ifndef MPROC_SRC_HUB_H
#define MPROC_SRC_HUB_H

#include <stdint.h>

/* mproc_hub_open makes the hub on first use. MPROC_ENOMEM. */
int mproc_hub_open(void);

/* mproc_hub_count is a number that every change makes another one. Take it before looking whether there is need to sleep. */
uint64_t mproc_hub_count(void);

/* mproc_hub_sleep sleeps while the number is count, at most timeout_ns (negative: no limit); it may return early. */
void mproc_hub_sleep(uint64_t count, int64_t timeout_ns);

/* mproc_hub_changed wakes all. Pools call it when a job is done and somebody waits here. */
void mproc_hub_changed(void);

#endif
