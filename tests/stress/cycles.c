/* SPDX-License-Identifier: Apache-2.0 */
/* cycles.c: what a process holds, before and after. */
#include "cycles.h"

#include "process_host.h"
#include "test.h"

enum {
    WARM_UP = 50,
    HEAP_SLACK = 64 * 1024, /* less than the smallest block, ten thousand times */
    MAP_SLACK = 16 << 20,   /* less than a page, ten thousand times */
};

/* A sanitizer keeps freed memory back, and finds on its own what is never freed. */
static bool memory_is_counted(void) {
    return test_time_scale() == 1 || test_on_wine();
}

void check_cycles(int count, void (*cycle)(int number)) {
    for (int i = 0; i < WARM_UP; i++)
        cycle(i);
    size_t handles = host_count_handles(), heap = host_heap_bytes(), mapped = host_mapped_bytes();
    for (int i = 0; i < count; i++)
        cycle(i);
    CHECK(host_count_handles() <= handles);
    if (memory_is_counted()) {
        CHECK(host_heap_bytes() <= heap + HEAP_SLACK);
        CHECK(host_mapped_bytes() <= mapped + MAP_SLACK);
    }
}
