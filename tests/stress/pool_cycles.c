/* SPDX-License-Identifier: Apache-2.0 */
/* Pools that are made, used and destroyed thousands of times. */
#include "cycles.h"
#include "pool_help.h"
#include "test.h"

#include <string.h>

enum { FEW = 100, MANY = 128 * 1024 /* as many numbers as travel through segments */ };

MPROC_TASK(cycles_square) {
    const int64_t *input = NULL;
    int64_t *output = NULL;
    size_t size = 0;
    mproc_call_input(call, (const void **)&input, &size);
    int err = mproc_call_reserve(call, sizeof *output, (void **)&output);
    if (err == MPROC_OK)
        *output = *input * *input;
    return err;
}

static void warm_up(void) {
    warm_up_pool(&cycles_square);
}
TEST_WARM_UP(warm_up)

static void cycle(int number) {
    static int64_t xs[MANY], ys[MANY];
    const size_t count = number % 50 == 0 ? MANY : FEW;
    bool right = true;
    for (size_t i = 0; i < count; i++)
        xs[i] = (int64_t)i + number;
    memset(ys, 0, count * sizeof *ys);

    mproc_pool_t *pool = pool_of(1 + number % 2);
    REQUIRE_OK(mproc_pool_map(pool, &cycles_square, MPROC_ARRAY(xs, count), MPROC_INTO(ys, count), NULL));
    mproc_pool_destroy(pool);
    for (size_t i = 0; i < count; i++)
        right = right && ys[i] == xs[i] * xs[i];
    REQUIRE(right);
}

TEST(pool_cycles, three_hundred_of_create_map_destroy_leave_nothing) {
    check_cycles(300, cycle);
}

TEST(pool_cycles, ten_thousand_of_create_map_destroy_leave_nothing) {
    SKIP_MANY_CYCLES();
    check_cycles(10000, cycle);
}
