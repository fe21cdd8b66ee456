/* SPDX-License-Identifier: Apache-2.0 */
/* bootstrap.h: the first message on a link: what a fresh child is to be and to run. A pure codec: bytes in, bytes out. */
#ifndef MPROC_BOOTSTRAP_H
#define MPROC_BOOTSTRAP_H

#include <mproc/args.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The message never grows beyond this, so that the parent never waits for a child that does not read: a larger payload
 * (arguments and raw input) travels in a segment beside it. */
#define MPROC_BOOTSTRAP_SIZE_MAX 4096

#define MPROC_BOOTSTRAP_ALIGNMENT 16 /* of the raw input, in the message and in the segment */
#define MPROC_BUILD_ID_MAX 32
#define MPROC_NAME_MAX 255     /* bytes of a task's and of a process's name */
#define MPROC_IDENTITY_MAX 511 /* bytes of "1:2:1": some two hundred generations */

typedef enum mproc_bootstrap_kind {
    MPROC_BOOTSTRAP_PROCESS = 1, /* run one task and end */
    MPROC_BOOTSTRAP_WORKER       /* of a pool: task is its initializer, "" for none; what to do comes by the link */
} mproc_bootstrap_kind_t;

/* Text and payload of an encoded message are borrowed; those of a decoded one point into the message. */
typedef struct mproc_bootstrap {
    mproc_bootstrap_kind_t kind;
    const unsigned char *build_id; /* of the executable; size 0 where there is none */
    size_t build_id_size;
    uint64_t fingerprint; /* of the task registry */
    const char *task;
    const char *name;
    const char *identity;
    const char *parent_name;
    int64_t parent_pid;
    bool daemon;
    bool result; /* what the task returns is wanted */
    mproc_value_limits_t limits;
    const void *args; /* as encode.h makes them; size 0 for none */
    size_t args_size;
    const void *input; /* raw */
    size_t input_size;
    bool in_segment; /* args and input are in the segment that came with the message; then both are NULL here */
} mproc_bootstrap_t;

/* mproc_bootstrap_encode writes the message, the payload in it unless in_segment is set. MPROC_ETOOBIG when capacity does not
 * do; no report is made. */
int mproc_bootstrap_encode(const mproc_bootstrap_t *bootstrap, void *buf, size_t capacity, size_t *out_size);

/* mproc_bootstrap_decode reads any bytes. data must be aligned to MPROC_BOOTSTRAP_ALIGNMENT. MPROC_EMALFORMED for what no
 * mproc wrote, MPROC_EVERSION for the message of another mproc than this one; both leave a report. */
int mproc_bootstrap_decode(const void *data, size_t size, mproc_bootstrap_t *out_bootstrap);

/* mproc_bootstrap_segment_size is how much room the payload needs in a segment; 0 when it does not fit a size_t. */
size_t mproc_bootstrap_segment_size(const mproc_bootstrap_t *bootstrap);

/* mproc_bootstrap_fill_segment copies the payload to base. */
void mproc_bootstrap_fill_segment(const mproc_bootstrap_t *bootstrap, void *base);

/* mproc_bootstrap_read_segment points args and input of a decoded message into a segment. MPROC_EMALFORMED when it is too
 * small for what the message says. */
int mproc_bootstrap_read_segment(mproc_bootstrap_t *bootstrap, const void *base, size_t size);

#endif
