/* SPDX-License-Identifier: Apache-2.0 */
/* scan.c: MessagePack's grammar, checked byte by byte, with a stack of its own instead of recursion. */
#include "scan.h"

#include <stdbool.h>
#include <string.h>

#include "encode.h"
#include "platform/common/utf.h"
#include "report.h"

/* ---- tokens ---------------------------------------------------------------------------------------------------- */

/* MessagePack numbers are big-endian. size is 1, 2, 4 or 8. */
static uint64_t read_number(const unsigned char *at, size_t size) {
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | at[i];
    return number;
}

static int64_t sign_extend(uint64_t number, size_t size) {
    switch (size) {
    case 1:
        return (int8_t)number;
    case 2:
        return (int16_t)number;
    case 4:
        return (int32_t)number;
    default:
        return (int64_t)number;
    }
}

static double read_float(uint64_t number) {
    uint32_t bits = (uint32_t)number;
    float real;
    memcpy(&real, &bits, sizeof real);
    return (double)real;
}

static double read_double(uint64_t bits) {
    double real;
    memcpy(&real, &bits, sizeof real);
    return real;
}

/* What the first bytes from 0xc0 to 0xdf mean, and how many bytes of number follow. */
typedef enum form { SIMPLE, RESERVED, EXTENSION, FLOAT, UNSIGNED, SIGNED, TEXT, BINARY, LIST, PAIRS } form_t;

static const struct {
    unsigned char form;
    unsigned char size;
} forms[32] = {
    {SIMPLE, 0},    {RESERVED, 0},  {SIMPLE, 0},    {SIMPLE, 0},    {BINARY, 1}, {BINARY, 2},   {BINARY, 4},
    {EXTENSION, 1}, {EXTENSION, 2}, {EXTENSION, 4}, {FLOAT, 4},     {FLOAT, 8},  {UNSIGNED, 1}, {UNSIGNED, 2},
    {UNSIGNED, 4},  {UNSIGNED, 8},  {SIGNED, 1},    {SIGNED, 2},    {SIGNED, 4}, {SIGNED, 8},   {EXTENSION, 0},
    {EXTENSION, 0}, {EXTENSION, 0}, {EXTENSION, 0}, {EXTENSION, 0}, {TEXT, 1},   {TEXT, 2},     {TEXT, 4},
    {LIST, 2},      {LIST, 4},      {PAIRS, 2},     {PAIRS, 4},
};

static void set_integer(mproc_token_t *token, int64_t value) {
    token->kind = value < 0 ? MPROC_TOKEN_INT : MPROC_TOKEN_UINT;
    token->number = (uint64_t)value;
}

/* The forms whose count or value is in the first byte itself. */
static void read_short(unsigned char first, mproc_token_t *token) {
    if (first < 0x80) {
        set_integer(token, first);
    } else if (first >= 0xe0) {
        set_integer(token, (int64_t)first - 0x100);
    } else {
        token->kind = first < 0x90 ? MPROC_TOKEN_MAP : first < 0xa0 ? MPROC_TOKEN_ARRAY : MPROC_TOKEN_STRING;
        token->number = first < 0xa0 ? first & 0x0f : first & 0x1f;
    }
}

/* The forms that begin with 0xc0 to 0xdf; number is what follows. */
static const char *read_long(unsigned char first, uint64_t number, mproc_token_t *token) {
    size_t size = forms[first - 0xc0].size;
    token->number = number;
    switch ((form_t)forms[first - 0xc0].form) {
    case SIMPLE:
        token->kind = first == 0xc0 ? MPROC_TOKEN_NIL : MPROC_TOKEN_BOOL;
        token->number = first == 0xc3;
        return NULL;
    case FLOAT:
        token->kind = MPROC_TOKEN_DOUBLE;
        token->real = size == 4 ? read_float(number) : read_double(number);
        return NULL;
    case UNSIGNED:
        token->kind = MPROC_TOKEN_UINT;
        return NULL;
    case SIGNED:
        set_integer(token, sign_extend(number, size));
        return NULL;
    case TEXT:
        token->kind = MPROC_TOKEN_STRING;
        return NULL;
    case BINARY:
        token->kind = MPROC_TOKEN_BYTES;
        return NULL;
    case LIST:
        token->kind = MPROC_TOKEN_ARRAY;
        return NULL;
    case PAIRS:
        token->kind = MPROC_TOKEN_MAP;
        return NULL;
    case EXTENSION:
        return "an extension type, which has no counterpart here";
    case RESERVED:
        break;
    }
    return "the byte 0xc1, which MessagePack never uses";
}

const char *mproc_token_read(const unsigned char **at, const unsigned char *end, mproc_token_t *out_token) {
    if (*at >= end)
        return "the data end where a value should be";
    const unsigned char *next = *at + 1;
    const unsigned char first = **at;
    if (first < 0xc0 || first >= 0xe0) {
        read_short(first, out_token);
    } else {
        size_t size = forms[first - 0xc0].size;
        if (size > (size_t)(end - next))
            return "the data end within a value";
        const char *fault = read_long(first, read_number(next, size), out_token);
        if (fault != NULL)
            return fault;
        next += size;
    }
    if (out_token->kind == MPROC_TOKEN_STRING || out_token->kind == MPROC_TOKEN_BYTES) {
        if (out_token->number > (size_t)(end - next))
            return out_token->kind == MPROC_TOKEN_STRING ? "a string longer than the data"
                                                         : "bytes longer than the data";
        out_token->data = next;
        next += (size_t)out_token->number;
    }
    *at = next;
    return NULL;
}

/* ---- the scan -------------------------------------------------------------------------------------------------- */

#define DEFAULT_DEPTH 64
#define DEFAULT_COUNT ((size_t)16 << 20)
#define DEFAULT_SIZE ((size_t)1 << 30)

typedef struct scanner {
    const unsigned char *start;
    const unsigned char *at;
    const unsigned char *end;
    mproc_value_limits_t limits;
    mproc_shape_t shape;
    size_t depth;                   /* open arrays and maps */
    uint64_t left[MPROC_DEPTH_MAX]; /* values each of them still needs */
} scanner_t;

mproc_value_limits_t mproc_limits_complete(const mproc_value_limits_t *limits) {
    mproc_value_limits_t result = limits != NULL ? *limits : (mproc_value_limits_t){0, 0, 0};
    if (result.max_depth == 0)
        result.max_depth = DEFAULT_DEPTH;
    if (result.max_depth > MPROC_DEPTH_MAX)
        result.max_depth = MPROC_DEPTH_MAX;
    if (result.max_count == 0)
        result.max_count = DEFAULT_COUNT;
    if (result.max_size == 0)
        result.max_size = DEFAULT_SIZE;
    return result;
}

static int malformed(const scanner_t *scanner, const char *fault) {
    return mproc_fail(MPROC_EMALFORMED, "Malformed value: %s, at byte %zu of %zu", fault,
                      (size_t)(scanner->at - scanner->start), (size_t)(scanner->end - scanner->start));
}

/* Most strings are ASCII throughout: eight bytes at a time. */
bool mproc_scan_utf8(const void *text, size_t size) {
    const unsigned char *at = text;
    uint64_t word;
    while (size >= sizeof word) {
        memcpy(&word, at, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
        at += sizeof word;
        size -= sizeof word;
    }
    return mplat_utf8_valid((const char *)at, size);
}

static int open_container(scanner_t *scanner, const mproc_token_t *token) {
    uint64_t needed = token->kind == MPROC_TOKEN_MAP ? 2 * token->number : token->number;
    /* Every value takes a byte at least: a count that cannot be true is refused before anything believes it. */
    if (needed > (uint64_t)(scanner->end - scanner->at))
        return malformed(scanner, token->kind == MPROC_TOKEN_MAP ? "a map with more pairs than the data have"
                                                                 : "an array with more items than the data have");
    if (scanner->depth >= scanner->limits.max_depth)
        return mproc_fail(MPROC_ETOOBIG,
                          "The value nests deeper than %zu arrays and maps: raise max_depth (at most %d)",
                          scanner->limits.max_depth, MPROC_DEPTH_MAX);
    scanner->left[scanner->depth++] = needed;
    if (scanner->depth > scanner->shape.depth)
        scanner->shape.depth = scanner->depth;
    return MPROC_OK;
}

static int scan_one(scanner_t *scanner) {
    mproc_token_t token;
    const char *fault = mproc_token_read(&scanner->at, scanner->end, &token);
    if (fault != NULL)
        return malformed(scanner, fault);
    if (scanner->shape.values == scanner->limits.max_count)
        return mproc_fail(MPROC_ETOOBIG, "The value has more than %zu values within it: raise max_count to accept it",
                          scanner->limits.max_count);
    scanner->shape.values++;
    switch (token.kind) {
    case MPROC_TOKEN_STRING:
        if (!mproc_scan_utf8(token.data, (size_t)token.number)) {
            scanner->at = token.data;
            return malformed(scanner, "a string that is not UTF-8");
        }
        scanner->shape.text_bytes += (size_t)token.number + 1;
        return MPROC_OK;
    case MPROC_TOKEN_BYTES:
        scanner->shape.text_bytes += (size_t)token.number + 1;
        return MPROC_OK;
    case MPROC_TOKEN_ARRAY:
    case MPROC_TOKEN_MAP:
        return open_container(scanner, &token);
    default:
        return MPROC_OK;
    }
}

int mproc_scan(const void *data, size_t size, const mproc_value_limits_t *limits, mproc_shape_t *out_shape) {
    scanner_t scanner;
    *out_shape = (mproc_shape_t){0, 0, 0};
    scanner.limits = mproc_limits_complete(limits);
    if (size > scanner.limits.max_size)
        return mproc_fail(MPROC_ETOOBIG, "The value takes %zu bytes, more than %zu: raise max_size to accept it", size,
                          scanner.limits.max_size);
    scanner.start = scanner.at = data;
    scanner.end = size > 0 ? scanner.start + size : scanner.start;
    scanner.shape = *out_shape;
    scanner.depth = 0;
    do {
        int err = scan_one(&scanner);
        if (err != MPROC_OK)
            return err;
        while (scanner.depth > 0 && scanner.left[scanner.depth - 1] == 0)
            scanner.depth--;
        if (scanner.depth > 0)
            scanner.left[scanner.depth - 1]--;
    } while (scanner.depth > 0);
    if (scanner.at != scanner.end)
        return malformed(&scanner, "something behind the value");
    *out_shape = scanner.shape;
    return MPROC_OK;
}
