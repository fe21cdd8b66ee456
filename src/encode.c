/* SPDX-License-Identifier: Apache-2.0 */
/* encode.c: checks values to send and packs them with msgpack-c, without recursion. */
#include "encode.h"

#include <stdint.h>
#include <string.h>

#include <msgpack/pack.h>

#include "report.h"
#include "scan.h"
#include "text.h"
#include "value.h"

/* An open list or dict: item next - 1 is being packed. */
typedef struct level {
    const mproc_arg_t *items;
    size_t count;
    size_t next;
    bool dict;
} level_t;

typedef struct encoder {
    msgpack_packer packer;
    const mproc_arg_t *top; /* the value that was given to the library */
    size_t position;        /* of top among the arguments, from 1; 0 when it is no positional argument */
    size_t depth;
    level_t levels[MPROC_DEPTH_MAX];
} encoder_t;

/* msgpack-c's write callback. The buffer remembers that it has failed: nothing looks at the packer's results. */
static int write_bytes(void *context, const char *data, size_t size) {
    return mproc_buffer_append(context, data, size) ? 0 : -1;
}

/* ---- saying what is wrong with which value --------------------------------------------------------------------- */

#define PLACE_MAX 256

/* Writes "argument 2", "keyword argument 'width'" or "the value", and the way down from there: [0]['name']. */
static void describe_place(const encoder_t *encoder, char *place) {
    mproc_text_t text;
    mproc_text_init(&text, place, PLACE_MAX);
    if (encoder->position > 0)
        mproc_text_print(&text, "argument %zu", encoder->position);
    else if (encoder->top->name != NULL)
        mproc_text_print(&text, "keyword argument '%s'", encoder->top->name);
    else
        mproc_text_add_string(&text, "the value");
    for (size_t i = 0; i < encoder->depth && text.length < PLACE_MAX; i++) {
        const level_t *level = &encoder->levels[i];
        const char *name = level->items[level->next - 1].name;
        if (level->dict && name != NULL)
            mproc_text_print(&text, "['%s']", name);
        else
            mproc_text_print(&text, "[%zu]", level->next - 1);
    }
}

static int refuse(const encoder_t *encoder, int code, const char *fault) {
    char place[PLACE_MAX];
    describe_place(encoder, place);
    return mproc_fail(code, "Cannot send %s: %s", place, fault);
}

/* ---- single values --------------------------------------------------------------------------------------------- */

static int pack_string(encoder_t *encoder, const mproc_arg_t *arg) {
    const char *string = arg->as.data;
    if (string == NULL && arg->count != 0)
        return refuse(encoder, MPROC_EINVAL, "it is a NULL string; MPROC_NIL sends no value");
    size_t size = arg->count == SIZE_MAX ? strlen(string) : arg->count;
    if (size > UINT32_MAX)
        return refuse(encoder, MPROC_ETOOBIG, "it is a string of more than 4 GiB");
    if (!mproc_scan_utf8(string, size))
        return refuse(encoder, MPROC_EINVAL, "it is a string that is not UTF-8; MPROC_BYTES sends any bytes");
    (void)msgpack_pack_str(&encoder->packer, size);
    (void)msgpack_pack_str_body(&encoder->packer, string, size);
    return MPROC_OK;
}

static int pack_bytes(encoder_t *encoder, const mproc_arg_t *arg) {
    if (arg->as.data == NULL && arg->count != 0)
        return refuse(encoder, MPROC_EINVAL, "its bytes are at NULL");
    if (arg->count > UINT32_MAX)
        return refuse(encoder, MPROC_ETOOBIG, "it has more than 4 GiB; send it as raw input");
    (void)msgpack_pack_bin(&encoder->packer, arg->count);
    (void)msgpack_pack_bin_body(&encoder->packer, arg->as.data, arg->count);
    return MPROC_OK;
}

static void pack_object(msgpack_packer *packer, const msgpack_object *object) {
    switch (object->type) {
    case MSGPACK_OBJECT_ARRAY:
        (void)msgpack_pack_array(packer, object->via.array.size);
        break;
    case MSGPACK_OBJECT_MAP:
        (void)msgpack_pack_map(packer, object->via.map.size);
        break;
    default:
        (void)msgpack_pack_object(packer, *object);
        break;
    }
}

static bool is_container(const msgpack_object *object) {
    return object->type == MSGPACK_OBJECT_ARRAY || object->type == MSGPACK_OBJECT_MAP;
}

/* msgpack_pack_object would recurse as deep as the value is. */
static int pack_value(encoder_t *encoder, const mproc_value_t *value) {
    mproc_walk_t walk;
    walk.depth = 0;
    if (value == NULL) {
        (void)msgpack_pack_nil(&encoder->packer);
        return MPROC_OK;
    }
    const msgpack_object *object = &value->object;
    for (;;) {
        pack_object(&encoder->packer, object);
        if (is_container(object) &&
            (encoder->depth + walk.depth >= MPROC_DEPTH_MAX || !mproc_walk_enter(&walk, object)))
            return refuse(encoder, MPROC_ETOOBIG, "it nests too deep");
        object = NULL;
        while (walk.depth > 0 && (object = mproc_walk_next(&walk)) == NULL)
            walk.depth--;
        if (object == NULL)
            return MPROC_OK;
    }
}

/* ---- lists and dicts ------------------------------------------------------------------------------------------- */

/* Is the keyword of items[index] among the index before it? Lists of keywords are short: no table is worth its
 * setting up. */
static bool is_repeated(const mproc_arg_t *items, size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (items[i].name != NULL && strcmp(items[i].name, items[index].name) == 0)
            return true;
    }
    return false;
}

static int open_level(encoder_t *encoder, const mproc_arg_t *arg) {
    bool dict = arg->kind == MPROC_KIND_MAP;
    if (arg->as.items == NULL && arg->count != 0)
        return refuse(encoder, MPROC_EINVAL, "its items are at NULL");
    if (arg->count > UINT32_MAX)
        return refuse(encoder, MPROC_ETOOBIG, "it has more than 4,294,967,295 items");
    if (encoder->depth >= MPROC_DEPTH_MAX)
        return refuse(encoder, MPROC_ETOOBIG, "it nests too deep");
    if (dict)
        (void)msgpack_pack_map(&encoder->packer, arg->count);
    else
        (void)msgpack_pack_array(&encoder->packer, arg->count);
    encoder->levels[encoder->depth++] = (level_t){arg->as.items, arg->count, 0, dict};
    return MPROC_OK;
}

static int pack_one(encoder_t *encoder, const mproc_arg_t *arg) {
    switch (arg->kind) {
    case MPROC_KIND_NIL:
        (void)msgpack_pack_nil(&encoder->packer);
        return MPROC_OK;
    case MPROC_KIND_BOOL:
        (void)(arg->as.boolean ? msgpack_pack_true(&encoder->packer) : msgpack_pack_false(&encoder->packer));
        return MPROC_OK;
    case MPROC_KIND_INT:
        (void)msgpack_pack_int64(&encoder->packer, arg->as.integer);
        return MPROC_OK;
    case MPROC_KIND_UINT:
        (void)msgpack_pack_uint64(&encoder->packer, arg->as.unsigned_integer);
        return MPROC_OK;
    case MPROC_KIND_DOUBLE:
        (void)msgpack_pack_double(&encoder->packer, arg->as.real);
        return MPROC_OK;
    case MPROC_KIND_STRING:
        return pack_string(encoder, arg);
    case MPROC_KIND_BYTES:
        return pack_bytes(encoder, arg);
    case MPROC_KIND_ARRAY:
    case MPROC_KIND_MAP:
        return open_level(encoder, arg);
    case MPROC_KIND_VALUE:
        return pack_value(encoder, arg->as.value);
    case MPROC_KIND_NO_KEYWORD:
        return refuse(encoder, MPROC_EINVAL, "its keyword is NULL");
    }
    return refuse(encoder, MPROC_EINVAL, "it was not made by one of the MPROC_ macros");
}

static int pack_keyword(encoder_t *encoder, const char *name) {
    if (!mproc_scan_utf8(name, strlen(name)))
        return refuse(encoder, MPROC_EINVAL, "its keyword is not UTF-8");
    (void)msgpack_pack_str(&encoder->packer, strlen(name));
    (void)msgpack_pack_str_body(&encoder->packer, name, strlen(name));
    return MPROC_OK;
}

/* The next item of the innermost list or dict, its keyword packed. */
static int next_item(encoder_t *encoder, const mproc_arg_t **out_item) {
    level_t *level = &encoder->levels[encoder->depth - 1];
    const mproc_arg_t *item = &level->items[level->next++];
    *out_item = item;
    if (!level->dict)
        return item->name == NULL ? MPROC_OK
                                  : refuse(encoder, MPROC_EINVAL, "it has a keyword, which only MPROC_DICT takes");
    if (item->name == NULL)
        return refuse(encoder, MPROC_EINVAL, "it needs a keyword: write MPROC_KW in MPROC_DICT");
    if (is_repeated(level->items, level->next - 1))
        return refuse(encoder, MPROC_EINVAL, "its keyword stands twice");
    return pack_keyword(encoder, item->name);
}

static int pack_tree(encoder_t *encoder, const mproc_arg_t *top, size_t position) {
    encoder->top = top;
    encoder->position = position;
    encoder->depth = 0;
    int err = pack_one(encoder, top);
    while (err == MPROC_OK && encoder->depth > 0) {
        const level_t *level = &encoder->levels[encoder->depth - 1];
        if (level->next == level->count) {
            encoder->depth--;
            continue;
        }
        const mproc_arg_t *item;
        err = next_item(encoder, &item);
        if (err == MPROC_OK)
            err = pack_one(encoder, item);
    }
    return err;
}

/* ---- from outside ---------------------------------------------------------------------------------------------- */

static int finish(int err, const mproc_buffer_t *buffer) {
    if (err != MPROC_OK)
        return err;
    return buffer->failed ? mproc_fail_memory("the values to send") : MPROC_OK;
}

int mproc_encode_value(const mproc_arg_t *arg, mproc_buffer_t *buffer) {
    encoder_t encoder;
    msgpack_packer_init(&encoder.packer, buffer, write_bytes);
    if (arg->name != NULL)
        return mproc_fail(MPROC_EINVAL, "A single value has no keyword: '%s'", arg->name);
    return finish(pack_tree(&encoder, arg, 0), buffer);
}

static int pack_keywords(encoder_t *encoder, const mproc_args_t *args, size_t positional) {
    int err = MPROC_OK;
    (void)msgpack_pack_map(&encoder->packer, args->count - positional);
    for (size_t i = positional; i < args->count && err == MPROC_OK; i++) {
        const mproc_arg_t *arg = &args->items[i];
        if (arg->name == NULL)
            return mproc_fail(MPROC_EINVAL, "Argument %zu has no keyword, but stands behind keyword argument '%s'",
                              i + 1, args->items[positional].name);
        if (is_repeated(args->items, i))
            return mproc_fail(MPROC_EINVAL, "Keyword argument '%s' is given twice", arg->name);
        encoder->top = arg;
        encoder->position = 0;
        encoder->depth = 0;
        err = pack_keyword(encoder, arg->name);
        if (err == MPROC_OK)
            err = pack_tree(encoder, arg, 0);
    }
    return err;
}

int mproc_encode_args(const mproc_args_t *args, mproc_buffer_t *buffer) {
    if (args == NULL || args->count == 0)
        return MPROC_OK;
    if (args->items == NULL || args->count > UINT32_MAX)
        return mproc_fail(MPROC_EINVAL, "The arguments were not made by MPROC_ARGS");
    encoder_t encoder;
    size_t positional = 0;
    int err = MPROC_OK;
    msgpack_packer_init(&encoder.packer, buffer, write_bytes);
    while (positional < args->count && args->items[positional].name == NULL)
        positional++;
    (void)msgpack_pack_array(&encoder.packer, 2);
    (void)msgpack_pack_array(&encoder.packer, positional);
    for (size_t i = 0; i < positional && err == MPROC_OK; i++)
        err = pack_tree(&encoder, &args->items[i], i + 1);
    if (err == MPROC_OK)
        err = pack_keywords(&encoder, args, positional);
    return finish(err, buffer);
}
