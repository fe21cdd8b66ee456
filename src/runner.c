/* SPDX-License-Identifier: Apache-2.0 */
/* runner.c: what a task can ask about the pool it runs in. In a Process the answers are those of a single item. */
#include "runner.h"

#include <mproc/pool.h>

#include "../platform/platform.h"
#include "call.h"

/* NULL in a Process, and for a call that is NULL. */
static mproc_runner_t *runner_of(const mproc_call_t *call) {
    return call != NULL ? call->worker : NULL;
}

int64_t mproc_call_item(const mproc_call_t *call) {
    const mproc_runner_t *runner = runner_of(call);
    return runner == NULL ? 0 : runner->first + runner->item;
}

int mproc_call_chunk(mproc_call_t *call, const void **out_input, void **out_output, size_t *out_count) {
    mproc_runner_t *runner = runner_of(call);
    if (mproc_call_check(call) != MPROC_OK)
        return MPROC_EINVAL;
    if (out_input == NULL || out_output == NULL || out_count == NULL)
        return mproc_call_note(
            call, mproc_fail(MPROC_EINVAL, "mproc_call_chunk needs a place for each of its three answers"));
    *out_input = call->request.input;
    *out_output = NULL;
    *out_count = runner == NULL ? 1 : runner->take_chunk(runner, out_output);
    return MPROC_OK;
}

bool mproc_call_cancelled(const mproc_call_t *call) {
    const mproc_runner_t *runner = runner_of(call);
    return runner != NULL && runner->cancelled(runner);
}

int mproc_call_worker(const mproc_call_t *call) {
    const mproc_runner_t *runner = runner_of(call);
    return runner == NULL ? -1 : runner->worker;
}

uint64_t mproc_call_seed(const mproc_call_t *call) {
    const mproc_runner_t *runner = runner_of(call);
    uint64_t seed = 0;
    if (runner != NULL)
        return runner->seed;
    (void)mplat_random(&seed, sizeof seed);
    return seed;
}

void *mproc_call_state(const mproc_call_t *call) {
    const mproc_runner_t *runner = runner_of(call);
    return runner == NULL ? NULL : runner->state;
}

void mproc_call_set_state(mproc_call_t *call, void *state) {
    mproc_runner_t *runner = runner_of(call);
    if (runner != NULL)
        runner->state = state;
}
