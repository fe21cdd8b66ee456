/* SPDX-License-Identifier: Apache-2.0 */
/* A worker that the system kills for want of memory: its task's report says so. The linker puts this program's count of such
 * kills in the place of the system's. */
#include "pool_help.h"
#include "process_host.h"
#include "test.h"

#include <stdatomic.h>

int __wrap_mplat_oom_kills(uint64_t *out_count);

static _Atomic uint64_t kills;

int __wrap_mplat_oom_kills(uint64_t *out_count) {
    *out_count = atomic_load(&kills);
    return 0;
}

MPROC_TASK(memory_kill_pid) {
    return mproc_call_return(call, host_pid());
}

MPROC_TASK(memory_kill_dies) {
    (void)call;
    (void)host_kill(host_pid());
    host_sleep_forever();
}

static void warm_up(void) {
    warm_up_pool(&memory_kill_pid);
}
TEST_WARM_UP(warm_up)

static void check_hint(mproc_pool_t *pool, bool hint) {
    char text[2048];
    CHECK_ERR(mproc_pool_apply(pool, &memory_kill_dies, NULL, NULL, NULL), MPROC_EDIED);
    CHECK_EQ_INT(mproc_last_error()->out_of_memory, hint);
    (void)mproc_error_format(NULL, text, sizeof text);
    if (hint)
        CHECK_HAS_STR(text, "ran out of memory");
}

/* The count is read after a SIGKILL, not at each start. */
TEST(pool_memory_kills, a_kill_is_hinted_at_once_though_it_was_before_the_worker) {
    mproc_pool_options_t options = {.processes = 1, .restart_limit = 100};
    if (!host_has_terminate())
        SKIP("this system does not end a process for want of memory");
    atomic_fetch_add(&kills, 1);
    mproc_pool_t *pool = pool_with(&options);
    check_hint(pool, true);
    check_hint(pool, false);
    end_pool(pool);
}

TEST(pool_memory_kills, a_worker_killed_for_want_of_memory_is_told_from_others) {
    mproc_pool_options_t options = {.processes = 1, .restart_limit = 100};
    if (!host_has_terminate())
        SKIP("this system does not end a process for want of memory");
    mproc_pool_t *pool = pool_with(&options);
    check_hint(pool, false);
    (void)apply_int(pool, &memory_kill_pid, 0);
    atomic_fetch_add(&kills, 1);
    check_hint(pool, true);
    check_hint(pool, false);
    atomic_fetch_add(&kills, 3);
    check_hint(pool, true);
    end_pool(pool);
}
