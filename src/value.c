/* SPDX-License-Identifier: Apache-2.0 */
/* value.c: building a tree of received values, and reading it. Comparing and printing trees is value_repr.c. */
#include "value.h"

#include <inttypes.h>
#include <stdalign.h>
#include <string.h>

#include "memory.h"
#include "report.h"
#include "scan.h"

/* msgpack-c's own unpacker stops at 32 levels, has no limits, and does not end strings with a zero: hence the builder
 * here, with its objects. */

#define TREE_KEPT ((size_t)64 << 10) /* a larger tree's memory is not kept for the next */
#define TREE_FIRST ((size_t)1 << 10)

struct mproc_tree {
    size_t capacity; /* bytes at room */
    bool built;
    alignas(16) unsigned char room[]; /* the objects, the root first, then the texts */
};

typedef struct builder {
    const unsigned char *at;
    const unsigned char *end;
    msgpack_object *objects; /* the next free one */
    msgpack_object *objects_end;
    char *text; /* the next free byte */
    char *text_end;
    mproc_walk_t open; /* where the next values go */
} builder_t;

/* ---- building -------------------------------------------------------------------------------------------------- */

static bool put_text(builder_t *builder, const mproc_token_t *token, msgpack_object_str *out_string) {
    size_t size = (size_t)token->number;
    if (size >= (size_t)(builder->text_end - builder->text))
        return false;
    memcpy(builder->text, token->data, size);
    builder->text[size] = '\0';
    out_string->size = (uint32_t)size;
    out_string->ptr = builder->text;
    builder->text += size + 1;
    return true;
}

static msgpack_object *take_objects(builder_t *builder, uint64_t count) {
    if (count > (size_t)(builder->objects_end - builder->objects))
        return NULL;
    msgpack_object *first = builder->objects;
    builder->objects += count;
    return first;
}

static bool put_container(builder_t *builder, const mproc_token_t *token, msgpack_object *object) {
    bool map = token->kind == MPROC_TOKEN_MAP;
    msgpack_object *items = take_objects(builder, map ? 2 * token->number : token->number);
    if (items == NULL)
        return false;
    object->type = map ? MSGPACK_OBJECT_MAP : MSGPACK_OBJECT_ARRAY;
    if (map) {
        object->via.map.size = (uint32_t)token->number;
        object->via.map.ptr = (msgpack_object_kv *)(void *)items;
    } else {
        object->via.array.size = (uint32_t)token->number;
        object->via.array.ptr = items;
    }
    return mproc_walk_enter(&builder->open, object);
}

static bool put_value(builder_t *builder, const mproc_token_t *token, msgpack_object *object) {
    switch (token->kind) {
    case MPROC_TOKEN_NIL:
        object->type = MSGPACK_OBJECT_NIL;
        return true;
    case MPROC_TOKEN_BOOL:
        object->type = MSGPACK_OBJECT_BOOLEAN;
        object->via.boolean = token->number != 0;
        return true;
    case MPROC_TOKEN_UINT:
        object->type = MSGPACK_OBJECT_POSITIVE_INTEGER;
        object->via.u64 = token->number;
        return true;
    case MPROC_TOKEN_INT:
        object->type = MSGPACK_OBJECT_NEGATIVE_INTEGER;
        memcpy(&object->via.i64, &token->number, sizeof object->via.i64);
        return true;
    case MPROC_TOKEN_DOUBLE:
        object->type = MSGPACK_OBJECT_FLOAT64;
        object->via.f64 = token->real;
        return true;
    case MPROC_TOKEN_STRING:
        object->type = MSGPACK_OBJECT_STR;
        return put_text(builder, token, &object->via.str);
    case MPROC_TOKEN_BYTES:
        object->type = MSGPACK_OBJECT_BIN;
        msgpack_object_str bytes;
        if (!put_text(builder, token, &bytes))
            return false;
        object->via.bin.size = bytes.size;
        object->via.bin.ptr = bytes.ptr;
        return true;
    case MPROC_TOKEN_ARRAY:
    case MPROC_TOKEN_MAP:
        return put_container(builder, token, object);
    }
    return false;
}

/* The data have passed the scan. They are checked again all the same: in shared memory they may have changed
 * since. */
static bool build(builder_t *builder) {
    msgpack_object *next = take_objects(builder, 1);
    while (next != NULL) {
        mproc_token_t token;
        if (mproc_token_read(&builder->at, builder->end, &token) != NULL || !put_value(builder, &token, next))
            return false;
        next = NULL;
        while (next == NULL && builder->open.depth > 0) {
            /* The walk is over constant values; these are the builder's own. */
            next = (msgpack_object *)(uintptr_t)mproc_walk_next(&builder->open);
            if (next == NULL)
                builder->open.depth--;
        }
    }
    return builder->at == builder->end && builder->objects == builder->objects_end;
}

/* A tree with room for size bytes: the given one, or a new one in its place. */
static mproc_tree_t *make_room(mproc_tree_t *tree, size_t size) {
    if (tree != NULL && size <= tree->capacity)
        return tree;
    if (size < TREE_FIRST)
        size = TREE_FIRST;
    mproc_tree_destroy(tree);
    tree = mproc_alloc(sizeof *tree + size);
    if (tree != NULL)
        tree->capacity = size;
    return tree;
}

int mproc_tree_decode(const void *data, size_t size, const mproc_value_limits_t *limits, mproc_tree_t **tree) {
    mproc_shape_t shape;
    if (*tree != NULL)
        (*tree)->built = false;
    int err = mproc_scan(data, size, limits, &shape);
    if (err != MPROC_OK)
        return err;
    /* Each value took a byte of the data at least, so only a 32-bit system can get here with too many. */
    if (shape.values > (SIZE_MAX / 2 - shape.text_bytes) / sizeof(msgpack_object))
        return mproc_fail_memory("a received value");
    mproc_tree_t *made = make_room(*tree, shape.values * sizeof(msgpack_object) + shape.text_bytes);
    *tree = made;
    if (made == NULL)
        return mproc_fail_memory("a received value");

    builder_t builder;
    builder.at = data;
    builder.end = builder.at + size;
    builder.objects = (msgpack_object *)(void *)made->room;
    builder.objects_end = builder.objects + shape.values;
    builder.text = (char *)builder.objects_end;
    builder.text_end = builder.text + shape.text_bytes;
    builder.open.depth = 0;
    made->built = build(&builder);
    if (!made->built)
        return mproc_fail(MPROC_EMALFORMED, "Malformed value: its bytes changed while they were read");
    return MPROC_OK;
}

const mproc_value_t *mproc_tree_root(const mproc_tree_t *tree) {
    return tree != NULL && tree->built ? (const mproc_value_t *)(const void *)tree->room : NULL;
}

void mproc_tree_trim(mproc_tree_t **tree) {
    if (*tree != NULL && (*tree)->capacity > TREE_KEPT) {
        mproc_tree_destroy(*tree);
        *tree = NULL;
    }
}

void mproc_tree_destroy(mproc_tree_t *tree) {
    mproc_free(tree);
}

/* ---- walking --------------------------------------------------------------------------------------------------- */

static const msgpack_object *items_of(const msgpack_object *container) {
    if (container->type == MSGPACK_OBJECT_ARRAY)
        return container->via.array.ptr;
    return (const msgpack_object *)(const void *)container->via.map.ptr;
}

bool mproc_walk_enter(mproc_walk_t *walk, const msgpack_object *container) {
    if (walk->depth >= MPROC_DEPTH_MAX)
        return false;
    mproc_walk_level_t *level = &walk->levels[walk->depth++];
    bool map = container->type == MSGPACK_OBJECT_MAP;
    level->next = items_of(container);
    level->end = level->next + (map ? 2 * (size_t)container->via.map.size : container->via.array.size);
    return true;
}

const msgpack_object *mproc_walk_next(mproc_walk_t *walk) {
    mproc_walk_level_t *level = &walk->levels[walk->depth - 1];
    return level->next == level->end ? NULL : level->next++;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

mproc_kind_t mproc_value_kind(const mproc_value_t *value) {
    if (value == NULL)
        return MPROC_KIND_NIL;
    switch (value->object.type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return MPROC_KIND_BOOL;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return value->object.via.u64 <= INT64_MAX ? MPROC_KIND_INT : MPROC_KIND_UINT;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return MPROC_KIND_INT;
    case MSGPACK_OBJECT_FLOAT64:
        return MPROC_KIND_DOUBLE;
    case MSGPACK_OBJECT_STR:
        return MPROC_KIND_STRING;
    case MSGPACK_OBJECT_BIN:
        return MPROC_KIND_BYTES;
    case MSGPACK_OBJECT_ARRAY:
        return MPROC_KIND_ARRAY;
    case MSGPACK_OBJECT_MAP:
        return MPROC_KIND_MAP;
    default:
        return MPROC_KIND_NIL;
    }
}

const char *mproc_kind_name(mproc_kind_t kind) {
    static const char *const names[] = {
        [MPROC_KIND_NIL] = "None",    [MPROC_KIND_BOOL] = "bool",    [MPROC_KIND_INT] = "int",
        [MPROC_KIND_UINT] = "int",    [MPROC_KIND_DOUBLE] = "float", [MPROC_KIND_STRING] = "str",
        [MPROC_KIND_BYTES] = "bytes", [MPROC_KIND_ARRAY] = "list",   [MPROC_KIND_MAP] = "dict",
        [MPROC_KIND_VALUE] = "value",
    };
    return names[kind];
}

static int wrong_kind(const mproc_value_t *value, const char *expected) {
    return mproc_fail(MPROC_ETYPE, "The value must be %s, not %s", expected, mproc_kind_name(mproc_value_kind(value)));
}

int mproc_value_as_bool(const mproc_value_t *value, bool *out_value) {
    if (mproc_value_kind(value) != MPROC_KIND_BOOL)
        return wrong_kind(value, "bool");
    *out_value = value->object.via.boolean;
    return MPROC_OK;
}

int mproc_value_as_int(const mproc_value_t *value, int64_t *out_value) {
    switch (mproc_value_kind(value)) {
    case MPROC_KIND_INT:
        *out_value = value->object.via.i64;
        return MPROC_OK;
    case MPROC_KIND_UINT:
        return mproc_fail(MPROC_ETYPE, "The value must be int of 64 bits with sign, not %" PRIu64,
                          value->object.via.u64);
    default:
        return wrong_kind(value, "int");
    }
}

int mproc_value_as_uint(const mproc_value_t *value, uint64_t *out_value) {
    mproc_kind_t kind = mproc_value_kind(value);
    if (kind != MPROC_KIND_INT && kind != MPROC_KIND_UINT)
        return wrong_kind(value, "int");
    if (value->object.type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return mproc_fail(MPROC_ETYPE, "The value must be int of at least 0, not %" PRId64, value->object.via.i64);
    *out_value = value->object.via.u64;
    return MPROC_OK;
}

int mproc_value_as_double(const mproc_value_t *value, double *out_value) {
    switch (mproc_value_kind(value)) {
    case MPROC_KIND_DOUBLE:
        *out_value = value->object.via.f64;
        return MPROC_OK;
    case MPROC_KIND_INT:
        *out_value = (double)value->object.via.i64;
        return MPROC_OK;
    case MPROC_KIND_UINT:
        *out_value = (double)value->object.via.u64;
        return MPROC_OK;
    default:
        return wrong_kind(value, "float");
    }
}

int mproc_value_as_string(const mproc_value_t *value, const char **out_text, size_t *out_size) {
    if (mproc_value_kind(value) != MPROC_KIND_STRING)
        return wrong_kind(value, "str");
    *out_text = value->object.via.str.ptr;
    if (out_size != NULL)
        *out_size = value->object.via.str.size;
    return MPROC_OK;
}

int mproc_value_as_bytes(const mproc_value_t *value, const void **out_data, size_t *out_size) {
    if (mproc_value_kind(value) != MPROC_KIND_BYTES)
        return wrong_kind(value, "bytes");
    *out_data = value->object.via.bin.ptr;
    *out_size = value->object.via.bin.size;
    return MPROC_OK;
}

size_t mproc_value_count(const mproc_value_t *value) {
    switch (mproc_value_kind(value)) {
    case MPROC_KIND_ARRAY:
        return value->object.via.array.size;
    case MPROC_KIND_MAP:
        return value->object.via.map.size;
    default:
        return 0;
    }
}

static const mproc_value_t *as_value(const msgpack_object *object) {
    return (const mproc_value_t *)(const void *)object;
}

const mproc_value_t *mproc_value_at(const mproc_value_t *value, size_t index) {
    if (index >= mproc_value_count(value))
        return NULL;
    if (value->object.type == MSGPACK_OBJECT_ARRAY)
        return as_value(&value->object.via.array.ptr[index]);
    return as_value(&value->object.via.map.ptr[index].val);
}

const mproc_value_t *mproc_value_key(const mproc_value_t *value, size_t index) {
    if (mproc_value_kind(value) != MPROC_KIND_MAP || index >= mproc_value_count(value))
        return NULL;
    return as_value(&value->object.via.map.ptr[index].key);
}

const mproc_value_t *mproc_value_get(const mproc_value_t *value, const char *key) {
    if (mproc_value_kind(value) != MPROC_KIND_MAP)
        return NULL;
    size_t size = strlen(key);
    for (size_t i = value->object.via.map.size; i-- > 0;) {
        const msgpack_object *name = &value->object.via.map.ptr[i].key;
        if (name->type == MSGPACK_OBJECT_STR && name->via.str.size == size && memcmp(name->via.str.ptr, key, size) == 0)
            return as_value(&value->object.via.map.ptr[i].val);
    }
    return NULL;
}
