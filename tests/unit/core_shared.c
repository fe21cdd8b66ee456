/* SPDX-License-Identifier: Apache-2.0 */
/* Values read straight from shared memory while somebody else writes there: some value or an error, never any harm. */
#include <stdatomic.h>
#include <string.h>

#include "core_support.h"
#include "encode.h"
#include "platform/platform.h"
#include "scan.h"
#include "test.h"
#include "threads.h"

typedef struct scribbler {
    unsigned char *bytes;
    size_t size;
    atomic_bool stop;
} scribbler_t;

/* Heads of strings, bytes and containers of all sizes are likelier here than in random bytes. */
static void scribble(void *context) {
    static const unsigned char heads[] = {0x92, 0xa5, 0xdb, 0xdd, 0xc6, 0x81, 0xd9, 0x01, 0xc0, 0x93};
    scribbler_t *scribbler = context;
    uint64_t state = 8;
    while (!atomic_load(&scribbler->stop)) {
        uint64_t number = test_random(&state);
        size_t at = number % scribbler->size;
        unsigned char before = scribbler->bytes[at];
        scribbler->bytes[at] = heads[(number >> 32) % sizeof heads];
        if (number >> 63 != 0)
            mplat_cpu_relax();
        scribbler->bytes[at] = before;
    }
}

/* Maps one segment twice: one side reads, the other writes, as two processes would. */
static void map_twice(mplat_segment_t **out_ours, mplat_segment_t **out_theirs) {
    mplat_handle_t handle = MPLAT_NO_HANDLE;
    REQUIRE(mplat_segment_create(4096, out_ours) == 0);
    REQUIRE(mplat_handle_duplicate(mplat_segment_handle(*out_ours), &handle) == 0);
    REQUIRE(mplat_segment_open(handle, 4096, out_theirs) == 0);
}

TEST(core_shared, a_value_that_changes_while_it_is_read_does_no_harm) {
    mplat_segment_t *ours = NULL, *theirs = NULL;
    mproc_thread_t *thread = NULL;
    mproc_tree_t *tree = NULL;
    mproc_buffer_t buffer;
    int values = 0, errors = 0;
    encode_value(
        MPROC_LIST(1, "text", MPROC_LIST(2, MPROC_DICT(MPROC_KW("key", "value"))), MPROC_BYTES("bytes", 5), -7),
        &buffer);
    map_twice(&ours, &theirs);
    memcpy(mplat_segment_base(ours), buffer.data, buffer.size);
    scribbler_t scribbler = {mplat_segment_base(theirs), buffer.size, false};
    REQUIRE_OK(mproc_thread_create(scribble, &scribbler, 0, &thread));
    int64_t end = test_now_ms() + 300;
    while (test_now_ms() < end) {
        char text[256];
        int err = mproc_tree_decode(mplat_segment_base(ours), buffer.size, NULL, &tree);
        (void)mproc_value_repr(mproc_tree_root(tree), text, sizeof text);
        values += err == MPROC_OK;
        errors += err == MPROC_EMALFORMED;
    }
    atomic_store(&scribbler.stop, true);
    mproc_thread_join(&thread);
    CHECK(values + errors > 0);
    CHECK_OK(mproc_tree_decode(mplat_segment_base(ours), buffer.size, NULL, &tree));
    check_repr(MPROC_ARG(mproc_tree_root(tree)), "[1, 'text', [2, {'key': 'value'}], b'bytes', -7]");
    mproc_tree_destroy(tree);
    mproc_buffer_fini(&buffer);
    mplat_segment_destroy(theirs);
    mplat_segment_destroy(ours);
}
