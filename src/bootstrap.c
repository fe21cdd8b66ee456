/* SPDX-License-Identifier: Apache-2.0 */
/* bootstrap.c: the codec of the start message. Numbers are little-endian; text is a 16-bit length, the bytes and a zero. */
#include "bootstrap.h"

#include "report.h"

#include <mproc/version.h>
#include <string.h>

/* The first sixteen bytes never change, in any version, so that a child of another version can say so. */
#define MAGIC "mprocBS\n"
#define MAGIC_SIZE 8

enum { FLAG_DAEMON = 1, FLAG_RESULT = 2, FLAG_SEGMENT = 4, FLAGS_ALL = 7 };

typedef struct writer {
    unsigned char *base;
    size_t capacity, used;
    bool full;
} writer_t;

typedef struct reader {
    const unsigned char *base;
    size_t size, used;
    bool bad;
} reader_t;

static void put(writer_t *writer, const void *data, size_t size) {
    if (writer->full || size > writer->capacity - writer->used) {
        writer->full = true;
        return;
    }
    if (size > 0)
        memcpy(writer->base + writer->used, data, size);
    writer->used += size;
}

static void put_number(writer_t *writer, uint64_t value, size_t size) {
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    put(writer, bytes, size);
}

static void put_text(writer_t *writer, const char *text) {
    size_t size = strlen(text);
    put_number(writer, size, 2);
    put(writer, text, size + 1);
}

static size_t padding(size_t used) {
    return (MPROC_BOOTSTRAP_ALIGNMENT - used % MPROC_BOOTSTRAP_ALIGNMENT) % MPROC_BOOTSTRAP_ALIGNMENT;
}

static void put_payload(writer_t *writer, const mproc_bootstrap_t *bootstrap) {
    static const unsigned char zeros[MPROC_BOOTSTRAP_ALIGNMENT];
    put(writer, zeros, padding(writer->used));
    put(writer, bootstrap->input, bootstrap->input_size);
    put(writer, bootstrap->args, bootstrap->args_size);
}

int mproc_bootstrap_encode(const mproc_bootstrap_t *bootstrap, void *buf, size_t capacity, size_t *out_size) {
    writer_t writer = {.base = buf, .capacity = capacity};
    unsigned flags = (bootstrap->daemon ? FLAG_DAEMON : 0u) | (bootstrap->result ? FLAG_RESULT : 0u) |
                     (bootstrap->in_segment ? FLAG_SEGMENT : 0u);
    *out_size = 0;
    put(&writer, MAGIC, MAGIC_SIZE);
    put_number(&writer, MPROC_VERSION_NUMBER, 4);
    put_number(&writer, (uint64_t)bootstrap->kind, 4);
    put_number(&writer, bootstrap->build_id_size, 2);
    put(&writer, bootstrap->build_id, bootstrap->build_id_size);
    put_number(&writer, bootstrap->fingerprint, 8);
    put_text(&writer, bootstrap->task);
    put_text(&writer, bootstrap->name);
    put_text(&writer, bootstrap->identity);
    put_text(&writer, bootstrap->parent_name);
    put_number(&writer, (uint64_t)bootstrap->parent_pid, 8);
    put_number(&writer, flags, 4);
    put_number(&writer, bootstrap->limits.max_depth, 8);
    put_number(&writer, bootstrap->limits.max_count, 8);
    put_number(&writer, bootstrap->limits.max_size, 8);
    put_number(&writer, bootstrap->args_size, 8);
    put_number(&writer, bootstrap->input_size, 8);
    if (!bootstrap->in_segment)
        put_payload(&writer, bootstrap);
    if (writer.full)
        return MPROC_ETOOBIG;
    *out_size = writer.used;
    return MPROC_OK;
}

static const unsigned char *take(reader_t *reader, size_t size) {
    if (reader->bad || size > reader->size - reader->used) {
        reader->bad = true;
        return NULL;
    }
    const unsigned char *data = reader->base + reader->used;
    reader->used += size;
    return data;
}

static uint64_t take_number(reader_t *reader, size_t size) {
    const unsigned char *bytes = take(reader, size);
    uint64_t value = 0;
    for (size_t i = 0; bytes != NULL && i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static size_t take_size(reader_t *reader) {
    uint64_t value = take_number(reader, 8);
    if (value > SIZE_MAX)
        reader->bad = true;
    return reader->bad ? 0 : (size_t)value;
}

static const char *take_text(reader_t *reader, size_t max) {
    size_t size = (size_t)take_number(reader, 2);
    const unsigned char *text = take(reader, size + 1);
    if (text == NULL || size > max || text[size] != 0 || memchr(text, 0, size) != NULL) {
        reader->bad = true;
        return "";
    }
    return (const char *)text;
}

static void take_fields(reader_t *reader, mproc_bootstrap_t *bootstrap) {
    bootstrap->build_id_size = (size_t)take_number(reader, 2);
    if (bootstrap->build_id_size > MPROC_BUILD_ID_MAX)
        reader->bad = true;
    bootstrap->build_id = take(reader, bootstrap->build_id_size);
    bootstrap->fingerprint = take_number(reader, 8);
    bootstrap->task = take_text(reader, MPROC_NAME_MAX);
    bootstrap->name = take_text(reader, MPROC_IDENTITY_MAX + MPROC_NAME_MAX);
    bootstrap->identity = take_text(reader, MPROC_IDENTITY_MAX);
    bootstrap->parent_name = take_text(reader, MPROC_IDENTITY_MAX + MPROC_NAME_MAX);
    bootstrap->parent_pid = (int64_t)take_number(reader, 8);
    uint64_t flags = take_number(reader, 4);
    if ((flags & ~(uint64_t)FLAGS_ALL) != 0)
        reader->bad = true;
    bootstrap->daemon = (flags & FLAG_DAEMON) != 0;
    bootstrap->result = (flags & FLAG_RESULT) != 0;
    bootstrap->in_segment = (flags & FLAG_SEGMENT) != 0;
    bootstrap->limits.max_depth = take_size(reader);
    bootstrap->limits.max_count = take_size(reader);
    bootstrap->limits.max_size = take_size(reader);
    bootstrap->args_size = take_size(reader);
    bootstrap->input_size = take_size(reader);
}

static int fail_malformed(void) {
    return mproc_fail(MPROC_EMALFORMED, "the start message is damaged: this process was not started by mproc");
}

int mproc_bootstrap_decode(const void *data, size_t size, mproc_bootstrap_t *out_bootstrap) {
    reader_t reader = {.base = data, .size = size};
    mproc_bootstrap_t bootstrap = {0};
    const unsigned char *magic = take(&reader, MAGIC_SIZE);
    uint64_t version = take_number(&reader, 4);
    *out_bootstrap = bootstrap;
    if (reader.bad || memcmp(magic, MAGIC, MAGIC_SIZE) != 0)
        return fail_malformed();
    if (version != MPROC_VERSION_NUMBER)
        return mproc_fail(
            MPROC_EVERSION,
            "the executable was replaced while the program runs: the parent has mproc %lu, the child mproc %lu; "
            "start the program again",
            (unsigned long)version, (unsigned long)MPROC_VERSION_NUMBER);
    uint64_t kind = take_number(&reader, 4);
    take_fields(&reader, &bootstrap);
    if (!bootstrap.in_segment) {
        (void)take(&reader, padding(reader.used));
        bootstrap.input = take(&reader, bootstrap.input_size);
        bootstrap.args = take(&reader, bootstrap.args_size);
    }
    if (reader.bad || reader.used != size || (kind != MPROC_BOOTSTRAP_PROCESS && kind != MPROC_BOOTSTRAP_WORKER))
        return fail_malformed();
    bootstrap.kind = (mproc_bootstrap_kind_t)kind;
    *out_bootstrap = bootstrap;
    return MPROC_OK;
}

size_t mproc_bootstrap_segment_size(const mproc_bootstrap_t *bootstrap) {
    if (bootstrap->args_size > SIZE_MAX - bootstrap->input_size)
        return 0;
    return bootstrap->input_size + bootstrap->args_size;
}

void mproc_bootstrap_fill_segment(const mproc_bootstrap_t *bootstrap, void *base) {
    unsigned char *to = base;
    if (bootstrap->input_size > 0)
        memcpy(to, bootstrap->input, bootstrap->input_size);
    if (bootstrap->args_size > 0)
        memcpy(to + bootstrap->input_size, bootstrap->args, bootstrap->args_size);
}

int mproc_bootstrap_read_segment(mproc_bootstrap_t *bootstrap, const void *base, size_t size) {
    const unsigned char *from = base;
    size_t needed = mproc_bootstrap_segment_size(bootstrap);
    if (needed == 0 || needed > size)
        return fail_malformed();
    bootstrap->input = from;
    bootstrap->args = from + bootstrap->input_size;
    return MPROC_OK;
}
