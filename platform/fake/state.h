/* SPDX-License-Identifier: Apache-2.0 */
/* state.h: what the files of the fake platform share. Functions whose name ends in _locked want the monitor to be held. */
#ifndef MPLAT_FAKE_STATE_H
#define MPLAT_FAKE_STATE_H

#include "platform/fake/fake.h"
#include "platform/fake/monitor.h"

/* ---- objects and the handles that name them ------------------------------------------------------------------------- */

typedef enum object_kind {
    OBJECT_NULL,
    OBJECT_PIPE_READ,
    OBJECT_PIPE_WRITE,
    OBJECT_PROCESS, /* ready when it has ended */
    OBJECT_LINK,    /* ready when something can be received */
    OBJECT_BELL,
    OBJECT_WAKE,
    OBJECT_SEGMENT
} object_kind_t;

/* Counted: by handles, by messages under way, and by those who use it. drop is called without the last user. */
typedef struct object {
    object_kind_t kind;
    unsigned uses;
    bool ready;
    void (*drop)(struct object *object);
} object_t;

/* object_init gives one use to the caller. */
void object_init(object_t *object, object_kind_t kind, void (*drop)(object_t *object));
void object_release_locked(object_t *object);

/* handle_add_locked makes a handle, which uses the object once more; MPLAT_NO_HANDLE without memory. */
mplat_handle_t handle_add_locked(object_t *object);
object_t *handle_object_locked(mplat_handle_t handle); /* NULL when it is none */
void handle_close_locked(mplat_handle_t *handle);
void handles_reset_locked(void);

/* ---- failures, counting, time --------------------------------------------------------------------------------------- */

/* state_fail notes why this call fails and returns code. */
int state_fail(int code, int os_code, const char *step);

/* state_injected counts a call and gives the code with which it is to fail, 0 when it is not; takes the monitor itself. */
int state_injected(fake_call_t call);
void failures_reset_locked(void);

/* state_opened_locked and state_closed_locked count what the code under test holds. */
void state_opened_locked(void);
void state_closed_locked(void);

int64_t clock_now_locked(void);
void clock_reset_locked(void);

/* The time at which a wait that starts now ends; INT64_MAX for never. */
int64_t clock_deadline_ms_locked(int64_t timeout_ms);
int64_t clock_deadline_ns_locked(int64_t timeout_ns);

/* state_wait_locked lets something happen: steps of children, time, other threads. False when deadline has come; else the
 * caller looks at its condition again. */
bool state_wait_locked(int64_t deadline);

/* ---- children ------------------------------------------------------------------------------------------------------- */

/* children_step_locked runs every step that can run; it leaves the monitor for actions. */
void children_step_locked(void);
int64_t children_next_time_locked(void); /* when the first sleeper wakes; INT64_MAX */
void children_reset_locked(void);
bool child_ended_locked(const mplat_process_t *process);
object_t *child_object_locked(mplat_process_t *process);

/* ---- links ---------------------------------------------------------------------------------------------------------- */

int link_pair_locked(mplat_link_t **out_one, mplat_link_t **out_other);
int link_push_locked(mplat_link_t *link, const void *data, size_t size, const mplat_handle_t *handles, size_t count);
bool link_drop_first_locked(mplat_link_t *link);      /* true when there was a message */
bool link_has_ended_locked(const mplat_link_t *link); /* nothing left, and nothing will come */
void link_close_locked(mplat_link_t *link);           /* this end is gone for the other one, but stays in memory */
void link_free_locked(mplat_link_t *link);
object_t *link_object_locked(mplat_link_t *link);

/* ---- bells ---------------------------------------------------------------------------------------------------------- */

object_t *bell_object_locked(mplat_bell_t *bell);

/* ---- captures ------------------------------------------------------------------------------------------------------- */

object_t *capture_object_locked(mplat_capture_t *capture);
void stderr_reset_locked(void);

void machine_reset_locked(void);

#endif
