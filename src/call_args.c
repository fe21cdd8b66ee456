/* SPDX-License-Identifier: Apache-2.0 */
/* call_args.c: a task reads its arguments: decoded when it first asks for one, checked all, and only then handed
 * out. */
#include "call.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *task_name(const mproc_call_t *call) {
    return call->request.task->name;
}

/* ---- decoding -------------------------------------------------------------------------------------------------- */

static bool has_string_keys(const mproc_value_t *map) {
    for (size_t i = 0; i < mproc_value_count(map); i++) {
        if (mproc_value_kind(mproc_value_key(map, i)) != MPROC_KIND_STRING)
            return false;
    }
    return mproc_value_kind(map) == MPROC_KIND_MAP;
}

static int decode_again(mproc_call_t *call) {
    if (call->request.args_size == 0)
        return MPROC_OK;
    int err = mproc_tree_decode(call->request.args, call->request.args_size, &call->limits, &call->tree);
    if (err != MPROC_OK)
        return err;
    const mproc_value_t *root = mproc_tree_root(call->tree);
    const mproc_value_t *args = mproc_value_at(root, 0);
    const mproc_value_t *kwargs = mproc_value_at(root, 1);
    if (mproc_value_kind(root) != MPROC_KIND_ARRAY || mproc_value_count(root) != 2 ||
        mproc_value_kind(args) != MPROC_KIND_ARRAY || !has_string_keys(kwargs))
        return mproc_fail(MPROC_EMALFORMED, "The arguments of task '%s' are not a list and a dict of keywords",
                          task_name(call));
    call->args = args;
    call->kwargs = kwargs;
    return MPROC_OK;
}

static int decode(mproc_call_t *call) {
    if (mproc_call_check(call) != MPROC_OK)
        return MPROC_EINVAL;
    if (call->decoded)
        return MPROC_OK;
    int err = decode_again(call);
    if (err != MPROC_OK)
        return mproc_call_note(call, err);
    call->decoded = true;
    return MPROC_OK;
}

/* Tasks ask through a const call; the arguments are decoded behind it. A call without any stands in for one that is NULL. */
static const mproc_call_t *decoded(const mproc_call_t *call) {
    static const mproc_call_t none = {.args = NULL};
    (void)decode((mproc_call_t *)(uintptr_t)call);
    return call != NULL ? call : &none;
}

size_t mproc_call_arg_count(const mproc_call_t *call) {
    return mproc_value_count(decoded(call)->args);
}

const mproc_value_t *mproc_call_arg(const mproc_call_t *call, size_t index) {
    return mproc_value_at(decoded(call)->args, index);
}

const mproc_value_t *mproc_call_kwargs(const mproc_call_t *call) {
    static const mproc_value_t empty = {{.type = MSGPACK_OBJECT_MAP, .via = {.map = {0, NULL}}}};
    const mproc_value_t *kwargs = decoded(call)->kwargs;
    return kwargs != NULL ? kwargs : &empty;
}

/* ---- formats --------------------------------------------------------------------------------------------------- */

/* What a letter takes, as messages say it; NULL for no letter. */
static const char *expected_by(char letter) {
    switch (letter) {
    case 'b':
        return "bool";
    case 'i':
    case 'x':
    case 'u':
        return "int";
    case 'd':
        return "float";
    case 's':
        return "str";
    case 'y':
        return "bytes";
    case 'a':
        return "list";
    case 'm':
        return "dict";
    case 'v':
        return "any value";
    default:
        return NULL;
    }
}

static bool is_kind(char letter, mproc_kind_t kind) {
    bool is_int = kind == MPROC_KIND_INT || kind == MPROC_KIND_UINT;
    switch (letter) {
    case 'b':
        return kind == MPROC_KIND_BOOL;
    case 'i':
    case 'x':
    case 'u':
        return is_int;
    case 'd':
        return is_int || kind == MPROC_KIND_DOUBLE;
    case 's':
        return kind == MPROC_KIND_STRING;
    case 'y':
        return kind == MPROC_KIND_BYTES;
    case 'a':
        return kind == MPROC_KIND_ARRAY;
    case 'm':
        return kind == MPROC_KIND_MAP;
    default:
        return true;
    }
}

static bool is_in_range(char letter, const mproc_value_t *value) {
    bool negative = value->object.type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
    switch (letter) {
    case 'i':
        return negative ? value->object.via.i64 >= INT_MIN : value->object.via.u64 <= INT_MAX;
    case 'x':
        return negative || value->object.via.u64 <= INT64_MAX;
    case 'u':
        return !negative;
    default:
        return true;
    }
}

static const char *range_of(char letter) {
    if (letter == 'i')
        return "C's int";
    return letter == 'x' ? "int64_t" : "uint64_t";
}

/* Which argument a value is: a keyword, or a position from 1. */
typedef struct place {
    const char *keyword; /* NULL for a positional argument */
    size_t position;
} place_t;

#define PLACE_MAX 128

static const char *describe(place_t place, char text[PLACE_MAX]) {
    if (place.keyword != NULL)
        (void)snprintf(text, PLACE_MAX, "keyword argument '%s'", place.keyword);
    else
        (void)snprintf(text, PLACE_MAX, "argument %zu", place.position);
    return text;
}

static int check_value(mproc_call_t *call, place_t place, char letter, const mproc_value_t *value) {
    char text[PLACE_MAX];
    char number[32];
    mproc_kind_t kind = mproc_value_kind(value);
    if (!is_kind(letter, kind))
        return mproc_fail(MPROC_ETYPE, "Task '%s': %s must be %s, not %s", task_name(call), describe(place, text),
                          expected_by(letter), mproc_kind_name(kind));
    if (is_in_range(letter, value))
        return MPROC_OK;
    (void)mproc_value_repr(value, number, sizeof number);
    return mproc_fail(MPROC_ETYPE, "Task '%s': %s is %s, which does not fit %s", task_name(call), describe(place, text),
                      number, range_of(letter));
}

/* A va_list that can be passed on by address: where it is an array type, a parameter's address is something else. */
typedef struct pointers {
    va_list list;
} pointers_t;

/* Everything has been checked: nothing here can fail. */
static void store_value(char letter, const mproc_value_t *value, pointers_t *pointers) {
    switch (letter) {
    case 'b':
        (void)mproc_value_as_bool(value, va_arg(pointers->list, bool *));
        break;
    case 'i':
        *va_arg(pointers->list, int *) = (int)value->object.via.i64;
        break;
    case 'x':
        (void)mproc_value_as_int(value, va_arg(pointers->list, int64_t *));
        break;
    case 'u':
        (void)mproc_value_as_uint(value, va_arg(pointers->list, uint64_t *));
        break;
    case 'd':
        (void)mproc_value_as_double(value, va_arg(pointers->list, double *));
        break;
    case 's':
        (void)mproc_value_as_string(value, va_arg(pointers->list, const char **), NULL);
        break;
    case 'y': {
        const void **out_data = va_arg(pointers->list, const void **);
        (void)mproc_value_as_bytes(value, out_data, va_arg(pointers->list, size_t *));
        break;
    }
    default:
        *va_arg(pointers->list, const mproc_value_t **) = value;
        break;
    }
}

/* ---- positional arguments -------------------------------------------------------------------------------------- */

static int check_count(mproc_call_t *call, size_t least, size_t most) {
    size_t given = mproc_value_count(call->args);
    if (given >= least && given <= most)
        return MPROC_OK;
    char takes[64];
    if (least == most)
        (void)snprintf(takes, sizeof takes, "%zu", most);
    else
        (void)snprintf(takes, sizeof takes, "%zu to %zu", least, most);
    return mproc_fail(MPROC_ETYPE, "Task '%s' takes %s positional argument%s, but %zu %s given", task_name(call), takes,
                      most == 1 ? "" : "s", given, given == 1 ? "was" : "were");
}

static int check_args(mproc_call_t *call, const char *format) {
    size_t least = SIZE_MAX;
    size_t most = 0;
    if (format == NULL)
        return mproc_fail(MPROC_EINVAL, "Task '%s' reads its arguments by a format that is NULL", task_name(call));
    for (const char *letter = format; *letter != '\0'; letter++) {
        if (*letter == '|' && least == SIZE_MAX)
            least = most;
        else if (expected_by(*letter) != NULL)
            most++;
        else
            return mproc_fail(MPROC_EINVAL,
                              "Task '%s' reads its arguments by the format \"%s\", where '%c' has no meaning",
                              task_name(call), format, *letter);
    }
    int err = check_count(call, least < most ? least : most, most);
    size_t index = 0;
    for (const char *letter = format; *letter != '\0' && err == MPROC_OK; letter++) {
        const mproc_value_t *value = mproc_value_at(call->args, index);
        if (value == NULL || *letter == '|')
            continue;
        err = check_value(call, (place_t){NULL, ++index}, *letter, value);
    }
    return err;
}

int mproc_call_args(mproc_call_t *call, const char *format, ...) {
    int err = decode(call);
    if (err != MPROC_OK)
        return err;
    err = check_args(call, format);
    if (err != MPROC_OK)
        return mproc_call_note(call, err);
    pointers_t pointers;
    size_t index = 0;
    va_start(pointers.list, format);
    for (const char *letter = format; *letter != '\0'; letter++) {
        const mproc_value_t *value = mproc_value_at(call->args, index);
        if (*letter == '|' || value == NULL)
            continue;
        store_value(*letter, value, &pointers);
        index++;
    }
    va_end(pointers.list);
    return MPROC_OK;
}

/* ---- keyword arguments ----------------------------------------------------------------------------------------- */

static int check_keyword(const mproc_call_t *call, const char *keyword, const char *format) {
    if (keyword == NULL || format == NULL)
        return mproc_fail(MPROC_EINVAL, "Task '%s' reads a keyword argument, but the %s is NULL", task_name(call),
                          keyword == NULL ? "keyword" : "format");
    if (expected_by(format[0]) == NULL || format[1] != '\0')
        return mproc_fail(MPROC_EINVAL,
                          "Task '%s' reads keyword argument '%s' by the format \"%s\", which is not one known letter",
                          task_name(call), keyword, format);
    return MPROC_OK;
}

int mproc_call_kwarg(mproc_call_t *call, const char *keyword, const char *format, ...) {
    int err = decode(call);
    if (err != MPROC_OK)
        return err;
    err = check_keyword(call, keyword, format);
    if (err != MPROC_OK)
        return mproc_call_note(call, err);
    const mproc_value_t *value = mproc_value_get(call->kwargs, keyword);
    if (value == NULL)
        return MPROC_OK;
    err = check_value(call, (place_t){keyword, 0}, format[0], value);
    if (err != MPROC_OK)
        return mproc_call_note(call, err);
    pointers_t pointers;
    va_start(pointers.list, format);
    store_value(format[0], value, &pointers);
    va_end(pointers.list);
    return MPROC_OK;
}
