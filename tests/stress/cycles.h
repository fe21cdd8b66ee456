/* SPDX-License-Identifier: Apache-2.0 */
/* The same thing done thousands of times: nothing may add up. */
#ifndef TESTS_STRESS_CYCLES_H
#define TESTS_STRESS_CYCLES_H

/* check_cycles calls cycle(i) so often, after a few calls that warm up, and CHECKs that no handle and no byte of memory is left.
 * The harness looks for every child, thread and segment. */
void check_cycles(int count, void (*cycle)(int number));

/* SKIP_MANY_CYCLES ends the test as skipped where a process takes a hundred times as long to start: a test of some hundred
 * cycles stands beside each that has it. */
#define SKIP_MANY_CYCLES()                                                                                             \
    do {                                                                                                               \
        if (test_on_wine() || test_time_scale() > 1)                                                                   \
            SKIP("a process starts too slowly here; a test of fewer cycles runs");                                     \
    } while (0)

#endif
