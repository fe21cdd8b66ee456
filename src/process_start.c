/* SPDX-License-Identifier: Apache-2.0 */
/* process_start.c: start: a plan becomes a running child. The spawn itself is plan.c's, the child's side is child.c. */
#include "init.h"
#include "launch.h"
#include "memory_kills.h"
#include "monitor.h"
#include "process_object.h"

static int launch(const mproc_process_t *process, mplat_process_t **out_system, mplat_link_t **out_link) {
    mproc_bootstrap_t bootstrap = {
        .kind = MPROC_BOOTSTRAP_PROCESS,
        .name = process->name,
        .identity = process->identity,
        .daemon = process->daemon,
        .result = process->plan.result,
    };
    return mproc_plan_launch(&process->plan, &bootstrap, MPLAT_NO_HANDLE, out_system, out_link);
}

static int begin(mproc_process_t *process) {
    if (process->state == MPROC_STATE_CLOSED)
        return mproc_fail(MPROC_ESTATE, "Process '%s' is closed", process->name);
    if (process->state != MPROC_STATE_INITIAL)
        return mproc_fail(MPROC_ESTATE,
                          "Process '%s' has been started: a process can be started only once, make another",
                          process->name);
    process->state = MPROC_STATE_STARTING;
    return MPROC_OK;
}

static void publish(mproc_process_t *process, mplat_process_t *system, mplat_link_t *link, uint64_t memory_kills) {
    process->state = MPROC_STATE_STARTED;
    process->system = system;
    process->link = link;
    process->pid = mplat_process_pid(system);
    process->memory_kills = memory_kills;
    mproc_plan_drop_payload(&process->plan);
    if (process->plan.deadline_ms > 0)
        mproc_monitor_add(process, process->plan.deadline_ms);
}

int mproc_process_start(mproc_process_t *process) {
    mplat_process_t *system = NULL;
    mplat_link_t *link = NULL;
    int err = mproc_process_check(process);
    if (err != MPROC_OK || (err = mproc_program_check()) != MPROC_OK)
        return err;
    mproc_processes_lock();
    err = begin(process);
    mproc_processes_unlock();
    if (err != MPROC_OK)
        return err;

    /* In this state the object is this thread's. What may fail or take long is done without the lock. */
    bool deadline = process->plan.deadline_ms > 0;
    uint64_t memory_kills = mproc_memory_kills_known();
    bool reserved = false;
    if (deadline) {
        err = mproc_monitor_reserve();
        reserved = err == MPROC_OK;
    }
    if (err == MPROC_OK)
        err = launch(process, &system, &link);
    err = mproc_launch_failed(err);

    mproc_processes_lock();
    if (err == MPROC_OK)
        publish(process, system, link, memory_kills);
    else
        process->state = MPROC_STATE_INITIAL;
    if (err != MPROC_OK && reserved)
        mproc_monitor_cancel();
    mproc_processes_unlock();
    return err;
}
