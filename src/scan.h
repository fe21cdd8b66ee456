/* SPDX-License-Identifier: Apache-2.0 */
/* scan.h: is this one MessagePack value within the limits? Total: any bytes give an answer. It builds nothing. */
#ifndef MPROC_SRC_SCAN_H
#define MPROC_SRC_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/args.h>

/* What it takes to hold a value in memory. */
typedef struct mproc_shape {
    size_t values;     /* nested ones included, keys too */
    size_t text_bytes; /* of all strings and bytes, and one for each: their ending zero */
    size_t depth;      /* 0 for a scalar, 1 for a flat array */
} mproc_shape_t;

/* mproc_scan checks that size bytes are exactly one value: nothing missing, nothing behind it, no reserved or
 * extension type, strings UTF-8, within limits (NULL or zero members: the defaults). It neither recurses nor takes
 * memory, and reads no more than size bytes. MPROC_EMALFORMED names the fault and its offset, MPROC_ETOOBIG the
 * limit. */
int mproc_scan(const void *data, size_t size, const mproc_value_limits_t *limits, mproc_shape_t *out_shape);

/* mproc_limits_complete puts the defaults where a member is 0, and everywhere for NULL. */
mproc_value_limits_t mproc_limits_complete(const mproc_value_limits_t *limits);

/* mproc_scan_utf8 tells whether size bytes are UTF-8 (RFC 3629) from end to end. */
bool mproc_scan_utf8(const void *text, size_t size);

/* ---- one step of it, shared with the builder of values --------------------------------------------------------- */

typedef enum mproc_token_kind {
    MPROC_TOKEN_NIL,
    MPROC_TOKEN_BOOL,   /* number 0 or 1 */
    MPROC_TOKEN_UINT,   /* number */
    MPROC_TOKEN_INT,    /* number: a negative int64_t in two's complement */
    MPROC_TOKEN_DOUBLE, /* real */
    MPROC_TOKEN_STRING, /* number bytes at data */
    MPROC_TOKEN_BYTES,  /* number bytes at data */
    MPROC_TOKEN_ARRAY,  /* number items follow */
    MPROC_TOKEN_MAP     /* number pairs follow */
} mproc_token_kind_t;

typedef struct mproc_token {
    mproc_token_kind_t kind;
    uint64_t number;
    double real;
    const unsigned char *data;
} mproc_token_t;

/* mproc_token_read reads the header and scalar content at *at, below end, and moves *at behind it; the items of an
 * array or map are tokens of their own. NULL when it is sound, else what is wrong, a static text; *at is then where.
 * It does not look into strings. */
const char *mproc_token_read(const unsigned char **at, const unsigned char *end, mproc_token_t *out_token);

#endif
