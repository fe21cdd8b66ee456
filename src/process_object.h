/* SPDX-License-Identifier: Apache-2.0 */
/* process_object.h: what a Process is made of, for the files process_*.c, which share it. Not for the rest of src/. */
#ifndef MPROC_SRC_PROCESS_OBJECT_H
#define MPROC_SRC_PROCESS_OBJECT_H

#include "bootstrap.h"
#include "plan.h"
#include "platform/platform.h"
#include "process_exit.h"
#include "process_inbox.h"
#include "report.h"
#include "value.h"

#include <mproc/process.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mproc_process_role {
    MPROC_ROLE_CHILD = 0, /* made by mproc_process_create */
    MPROC_ROLE_CURRENT,   /* this process */
    MPROC_ROLE_PARENT     /* the one that made this process */
} mproc_process_role_t;

typedef enum mproc_process_state {
    MPROC_STATE_INITIAL = 0,
    MPROC_STATE_STARTING, /* a thread is in start, without the lock */
    MPROC_STATE_STARTED,
    MPROC_STATE_ENDED,
    MPROC_STATE_CLOSED
} mproc_process_state_t;

typedef struct mproc_process_name {
    struct mproc_process_name *older;
    char text[];
} mproc_process_name_t;

/* Everything but plan, role, creator and identity, which never change, is guarded by the one lock below. */
struct mproc_process {
    mproc_process_role_t role;
    int64_t creator;             /* pid of the process this object was made in; 0 where there is none */
    const char *identity;        /* "1:2"; "" in the main process */
    const char *_Atomic name;    /* read without the lock */
    mproc_process_name_t *names; /* every name it has had: somebody may still read one */
    bool daemon;
    mproc_plan_t plan;

    mproc_process_state_t state;
    int64_t pid;
    mplat_process_t *system;
    mplat_link_t *link;
    unsigned users; /* threads that use system or link without the lock: these stay until the last has gone */
    bool destroyed; /* the last user frees the object */

    mproc_inbox_t inbox;
    mproc_stops_t stops;
    mproc_exit_t exit;
    mplat_usage_t usage;   /* once ended */
    uint64_t memory_kills; /* how many the system had counted when this one started */
    bool out_of_memory;

    mproc_report_t *report; /* made when first asked for */
    mproc_tree_t *tree;     /* of the result, likewise */

    int64_t deadline_ns;              /* monitor.c: 0 when it is not on its list */
    mproc_process_t *monitor_next;    /* monitor.c */
    mproc_process_t *next, *previous; /* process_list.c: every child object that is not destroyed */
};

/* ---- the lock -------------------------------------------------------------------------------------------------------- */

/* One lock for all process objects. It is held for microseconds, never while something waits; its first user is create, so
 * that a child that makes no processes never has it. */
int mproc_processes_prepare(void);
bool mproc_processes_prepared(void);
void mproc_processes_lock(void);
void mproc_processes_unlock(void);

/* ---- checks: with or without the lock ---------------------------------------------------------------------------------- */

/* mproc_process_check says whether process is a child of this very process: MPROC_EINVAL for NULL, MPROC_ESTATE else. */
int mproc_process_check(const mproc_process_t *process);

/* mproc_process_check_started also wants it started and not closed. With the lock. */
int mproc_process_check_started(const mproc_process_t *process);

/* ---- with the lock ------------------------------------------------------------------------------------------------------ */

/* mproc_process_refresh takes the messages that have come, and sees the end. It never blocks. Only for a started process;
 * no effect on one that has ended. */
void mproc_process_refresh(mproc_process_t *process);

/* mproc_process_signal notes that we do it, and does it; no effect once the process has ended. */
int mproc_process_signal(mproc_process_t *process, mplat_signal_t signal);

/* mproc_process_await waits for the end of a started process, giving the lock up meanwhile; MPROC_ETIMEDOUT. Messages are
 * taken all the time, so that a child with a large result can end. */
int mproc_process_await(mproc_process_t *process, int64_t timeout_ms);

/* mproc_process_drop_link closes the line to a process that has ended, unless somebody waits on it still. With the lock. */
void mproc_process_drop_link(mproc_process_t *process);

/* mproc_process_pin keeps system, link and the object itself until the unpin, while the lock is given up. */
void mproc_process_pin(mproc_process_t *process);
void mproc_process_unpin(mproc_process_t *process);

/* mproc_process_fail fails with the report of an ended process that went wrong, which it makes without the lock. */
int mproc_process_fail(mproc_process_t *process);

/* ---- of single files ---------------------------------------------------------------------------------------------------- */

/* process_name.c: checks a name; gives a child its identity, and its name (NULL: after its identity); frees both. */
int mproc_process_check_name(const char *name);
int mproc_process_identify(mproc_process_t *process, const char *name);
void mproc_process_free_names(mproc_process_t *process);

/* process_report.c: whether an ended process went wrong, among others by ending before its program called mproc_init; and the
 * report of it. An ended process does not change any more, so the last is called without the lock: reading symbol tables takes its
 * time. MPROC_ENOMEM. */
bool mproc_process_failed(const mproc_process_t *process);
bool mproc_process_never_began(const mproc_process_t *process);
int mproc_process_make_report(const mproc_process_t *process, mproc_report_t *report);

/* process_current.c */
void mproc_current_become(const mproc_bootstrap_t *bootstrap);

#endif
