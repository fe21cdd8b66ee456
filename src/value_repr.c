/* SPDX-License-Identifier: Apache-2.0 */
/* value_repr.c: received values as Python prints them, and whether two are equal. Numbers are number_repr.c's. */
#include "value.h"

#include <inttypes.h>
#include <string.h>

#include "number_repr.h"
#include "platform/common/utf.h"
#include "text.h"

/* ---- strings --------------------------------------------------------------------------------------------------- */

static bool is_printable(uint32_t character) {
    static const uint32_t hidden[][2] = {
#include "printable_table.h"
    };
    size_t low = 0;
    size_t high = sizeof hidden / sizeof hidden[0];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (character > hidden[middle][1])
            low = middle + 1;
        else
            high = middle;
    }
    return low == sizeof hidden / sizeof hidden[0] || character < hidden[low][0];
}

/* Double quotes only where they save escaping: a single quote inside, and no double one. */
static char quote_for(const char *data, size_t size) {
    if (size > 0 && memchr(data, '\'', size) != NULL && memchr(data, '"', size) == NULL)
        return '"';
    return '\'';
}

static void print_ascii(mproc_text_t *text, unsigned char byte, char quote) {
    char character = (char)byte;
    if (character == quote || character == '\\')
        mproc_text_print(text, "\\%c", character);
    else if (character == '\n')
        mproc_text_add(text, "\\n", 2);
    else if (character == '\r')
        mproc_text_add(text, "\\r", 2);
    else if (character == '\t')
        mproc_text_add(text, "\\t", 2);
    else if (byte < 0x20 || byte >= 0x7f)
        mproc_text_print(text, "\\x%02x", (unsigned)byte);
    else
        mproc_text_add(text, &character, 1);
}

static void print_bytes(mproc_text_t *text, const msgpack_object_bin *bytes) {
    char quote = quote_for(bytes->ptr, bytes->size);
    mproc_text_print(text, "b%c", quote);
    for (uint32_t i = 0; i < bytes->size; i++)
        print_ascii(text, (unsigned char)bytes->ptr[i], quote);
    mproc_text_add(text, &quote, 1);
}

static void print_string(mproc_text_t *text, const msgpack_object_str *string) {
    char quote = quote_for(string->ptr, string->size);
    mproc_text_add(text, &quote, 1);
    for (size_t at = 0; at < string->size;) {
        uint32_t character = (unsigned char)string->ptr[at];
        size_t length = character < 0x80 ? 1 : mplat_utf8_decode(string->ptr + at, string->size - at, &character);
        if (length == 0) /* cannot be: the scan has seen it */
            break;
        if (character < 0x80)
            print_ascii(text, (unsigned char)character, quote);
        else if (is_printable(character))
            mproc_text_add(text, string->ptr + at, length);
        else if (character < 0x100)
            mproc_text_print(text, "\\x%02" PRIx32, character);
        else
            mproc_text_print(text, character < 0x10000 ? "\\u%04" PRIx32 : "\\U%08" PRIx32, character);
        at += length;
    }
    mproc_text_add(text, &quote, 1);
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

static void print_scalar(mproc_text_t *text, const msgpack_object *object) {
    char number[MPROC_DOUBLE_REPR_MAX];
    switch (object->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        mproc_text_add_string(text, object->via.boolean ? "True" : "False");
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        mproc_text_print(text, "%" PRIu64, object->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        mproc_text_print(text, "%" PRId64, object->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT64:
        mproc_text_add_string(text, mproc_double_repr(object->via.f64, number));
        break;
    case MSGPACK_OBJECT_STR:
        print_string(text, &object->via.str);
        break;
    case MSGPACK_OBJECT_BIN:
        print_bytes(text, &object->via.bin);
        break;
    default:
        mproc_text_add_string(text, "None");
        break;
    }
}

static bool is_container(const msgpack_object *object) {
    return object->type == MSGPACK_OBJECT_ARRAY || object->type == MSGPACK_OBJECT_MAP;
}

typedef struct printer {
    mproc_text_t text;
    mproc_walk_t walk;
    unsigned char map[MPROC_DEPTH_MAX]; /* of each open level: 1 for a map */
    bool first;                         /* nothing has been printed in the innermost level yet */
} printer_t;

static void print_open(printer_t *printer, const msgpack_object *container) {
    bool map = container->type == MSGPACK_OBJECT_MAP;
    printer->map[printer->walk.depth] = map;
    mproc_text_add(&printer->text, map ? "{" : "[", 1);
    (void)mproc_walk_enter(&printer->walk, container);
    printer->first = true;
}

/* What stands before the next item: a map's level has an even number of items left before a key. */
static void print_separator(printer_t *printer) {
    const mproc_walk_level_t *level = &printer->walk.levels[printer->walk.depth - 1];
    bool is_value = printer->map[printer->walk.depth - 1] && (level->end - level->next) % 2 != 0;
    if (is_value)
        mproc_text_add(&printer->text, ": ", 2);
    else if (!printer->first)
        mproc_text_add(&printer->text, ", ", 2);
    printer->first = false;
}

size_t mproc_value_repr(const mproc_value_t *value, char *buf, size_t size) {
    printer_t printer;
    mproc_text_init(&printer.text, buf, size);
    printer.walk.depth = 0;
    printer.first = true;
    const msgpack_object nil = {.type = MSGPACK_OBJECT_NIL};
    const msgpack_object *object = value != NULL ? &value->object : &nil;
    for (;;) {
        if (is_container(object))
            print_open(&printer, object);
        else
            print_scalar(&printer.text, object);
        object = NULL;
        while (object == NULL && printer.walk.depth > 0) {
            const mproc_walk_level_t *level = &printer.walk.levels[printer.walk.depth - 1];
            if (level->next != level->end) {
                print_separator(&printer);
                object = mproc_walk_next(&printer.walk);
            } else {
                printer.walk.depth--;
                mproc_text_add(&printer.text, printer.map[printer.walk.depth] ? "}" : "]", 1);
                printer.first = false;
            }
        }
        if (object == NULL)
            return printer.text.length;
    }
}

/* ---- equality -------------------------------------------------------------------------------------------------- */

static bool same_text(const char *left, uint32_t left_size, const char *right, uint32_t right_size) {
    return left_size == right_size && memcmp(left, right, left_size) == 0;
}

/* Without what is inside of arrays and maps. A NaN equals a NaN: the question is whether the content is the same. */
static bool same_outside(const msgpack_object *left, const msgpack_object *right) {
    if (left->type != right->type)
        return false;
    switch (left->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return left->via.boolean == right->via.boolean;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return left->via.u64 == right->via.u64;
    case MSGPACK_OBJECT_FLOAT64:
        return left->via.f64 == right->via.f64 || (left->via.f64 != left->via.f64 && right->via.f64 != right->via.f64);
    case MSGPACK_OBJECT_STR:
        return same_text(left->via.str.ptr, left->via.str.size, right->via.str.ptr, right->via.str.size);
    case MSGPACK_OBJECT_BIN:
        return same_text(left->via.bin.ptr, left->via.bin.size, right->via.bin.ptr, right->via.bin.size);
    case MSGPACK_OBJECT_ARRAY:
        return left->via.array.size == right->via.array.size;
    case MSGPACK_OBJECT_MAP:
        return left->via.map.size == right->via.map.size;
    default:
        return true;
    }
}

bool mproc_value_equal(const mproc_value_t *left, const mproc_value_t *right) {
    const mproc_value_t nil = {{.type = MSGPACK_OBJECT_NIL}};
    const msgpack_object *ours = left != NULL ? &left->object : &nil.object;
    const msgpack_object *theirs = right != NULL ? &right->object : &nil.object;
    mproc_walk_t our_walk, their_walk;
    our_walk.depth = their_walk.depth = 0;
    for (;;) {
        if (!same_outside(ours, theirs))
            return false;
        if (is_container(ours) && !(mproc_walk_enter(&our_walk, ours) && mproc_walk_enter(&their_walk, theirs)))
            return false;
        ours = NULL;
        while (our_walk.depth > 0 && (ours = mproc_walk_next(&our_walk)) == NULL)
            our_walk.depth--;
        if (ours == NULL)
            return true;
        /* Both have the same shape so far, so the other walk stands at the same place. */
        their_walk.depth = our_walk.depth;
        theirs = mproc_walk_next(&their_walk);
    }
}
