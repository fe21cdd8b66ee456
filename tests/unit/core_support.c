/* SPDX-License-Identifier: Apache-2.0 */
/* The helpers of core_support.h. */
#include "core_support.h"

#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "memory.h"
#include "report.h"
#include "test.h"
#include "threads.h"

void encode_value(mproc_arg_t arg, mproc_buffer_t *out_buffer) {
    mproc_buffer_init(out_buffer, NULL);
    REQUIRE_OK(mproc_encode_value(&arg, out_buffer));
}

void encode_args(const mproc_args_t *args, mproc_buffer_t *out_buffer) {
    mproc_buffer_init(out_buffer, NULL);
    REQUIRE_OK(mproc_encode_args(args, out_buffer));
}

mproc_tree_t *send_value(mproc_arg_t arg) {
    mproc_value_limits_t deep = {.max_depth = MPROC_DEPTH_MAX};
    mproc_tree_t *tree = NULL;
    mproc_buffer_t buffer;
    encode_value(arg, &buffer);
    REQUIRE_OK(mproc_tree_decode(buffer.data, buffer.size, &deep, &tree));
    mproc_buffer_fini(&buffer);
    return tree;
}

void check_repr(mproc_arg_t arg, const char *expected) {
    mproc_tree_t *tree = send_value(arg);
    const mproc_value_t *value = mproc_tree_root(tree);
    size_t length = mproc_value_repr(value, NULL, 0);
    char *text = malloc(length + 1);
    REQUIRE(text != NULL);
    CHECK_EQ_UINT(mproc_value_repr(value, text, length + 1), length);
    CHECK_EQ_STR(text, expected);
    free(text);
    mproc_tree_destroy(tree);
}

void check_last_error(int code, const char *message) {
    CHECK_EQ_INT(mproc_last_error()->code, code);
    CHECK_EQ_STR(mproc_last_error()->message, message);
}

unsigned fail_each_allocation(int (*attempt)(void *context), void *context) {
    /* The thread's own report is made by its first failure and stays. */
    (void)mproc_fail(MPROC_EINVAL, "warm");
    size_t live = mproc_memory_live();
    for (unsigned n = 1;; n++) {
        mproc_memory_fail_at(n);
        int err = attempt(context);
        bool failed = mproc_memory_pending() == 0;
        mproc_memory_fail_at(0);
        CHECK_EQ_UINT(mproc_memory_live(), live);
        if (!failed) {
            CHECK_OK(err);
            return n - 1;
        }
        CHECK_ERR(err, MPROC_ENOMEM);
    }
}

void *copy_block(const void *bytes, size_t size) {
    void *block = malloc(size > 0 ? size : 1);
    if (block == NULL)
        abort();
    memcpy(block, bytes, size);
    return block;
}

static void do_nothing(void *context) {
    (void)context;
}

/* What stays for good: a sanitizer's thread comes with the first other one, and the lock of mingw's thread-local
 * variables with the first failure. */
static void warm_up(void) {
    mproc_thread_t *thread = NULL;
    if (mproc_thread_create(do_nothing, NULL, 0, &thread) == MPROC_OK)
        mproc_thread_join(&thread);
    (void)mproc_fail(MPROC_EINVAL, "warm");
    mproc_error_thread_fini();
}

TEST_WARM_UP(warm_up)
