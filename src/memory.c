/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c: the C library's heap, counted, and made to fail where a test wants it. */
#include "memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static atomic_size_t live;
static _Atomic uint64_t until_failure;
static void (*_Atomic to_call)(void); /* instead of the failure */

static bool fail_now(void) {
    void (*call)(void) = atomic_exchange(&to_call, NULL);
    if (call != NULL)
        call();
    return call == NULL;
}

/* In a program that is no test the only cost is one load that finds 0. */
static bool must_fail(void) {
    uint64_t left = atomic_load_explicit(&until_failure, memory_order_relaxed);
    while (left != 0) {
        if (atomic_compare_exchange_weak_explicit(&until_failure, &left, left - 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return left == 1 && fail_now();
    }
    return false;
}

static void *count_block(void *block) {
    if (block != NULL)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return block;
}

void *mproc_alloc(size_t size) {
    if (must_fail())
        return NULL;
    return count_block(malloc(size > 0 ? size : 1));
}

void *mproc_alloc_zero(size_t count, size_t size) {
    if (must_fail() || (size > 0 && count > SIZE_MAX / 2 / size))
        return NULL;
    return count_block(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *mproc_realloc(void *block, size_t size) {
    if (block == NULL)
        return mproc_alloc(size);
    if (must_fail())
        return NULL;
    return realloc(block, size > 0 ? size : 1);
}

void mproc_free(void *block) {
    if (block == NULL)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(block);
}

char *mproc_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = mproc_alloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

void mproc_memory_fail_at(uint64_t n) {
    mproc_memory_call_at(n, NULL);
}

void mproc_memory_call_at(uint64_t n, void (*call)(void)) {
    atomic_store(&to_call, call);
    atomic_store_explicit(&until_failure, n, memory_order_relaxed);
}

uint64_t mproc_memory_pending(void) {
    return atomic_load_explicit(&until_failure, memory_order_relaxed);
}

size_t mproc_memory_live(void) {
    return atomic_load_explicit(&live, memory_order_relaxed);
}
