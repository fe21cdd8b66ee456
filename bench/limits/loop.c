/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c: what one process does with an array of numbers, and a unit of pure computation. */
#include <string.h>

#include "limits/limits.h"

enum { LOOP_CHUNK = 4096 };

int64_t loop_square(int64_t x) {
    return x * x;
}

/* In pieces that stay in the first cache: the least that copying in and out can cost. */
void loop_map(loop_fn_t *function, const int64_t *input, int64_t *output, size_t count) {
    static int64_t chunk[LOOP_CHUNK], results[LOOP_CHUNK];
    for (size_t done = 0; done < count;) {
        size_t some = count - done < LOOP_CHUNK ? count - done : LOOP_CHUNK;
        memcpy(chunk, input + done, some * sizeof *chunk);
        for (size_t i = 0; i < some; i++)
            results[i] = function(chunk[i]);
        memcpy(output + done, results, some * sizeof *results);
        done += some;
    }
}

/* A chain of dependent multiplications: no memory, nothing to overlap, the same time on every run. */
uint64_t compute_unit(uint64_t seed, uint32_t steps) {
    uint64_t x = seed | 1;
    for (uint32_t i = 0; i < steps; i++) {
        x ^= x >> 29;
        x *= UINT64_C(0xbf58476d1ce4e5b9);
    }
    return x;
}
