/* SPDX-License-Identifier: Apache-2.0 */
/* args.h: values on their way to another process (MPROC_ARGS and its like) and values that have arrived
 * (mproc_value_t). On the way they are MessagePack: any peer can read them. */
#ifndef MPROC_ARGS_H
#define MPROC_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/error.h>

/* ---- values to send -------------------------------------------------------------------------------------------- */

typedef enum mproc_kind {
    MPROC_KIND_NIL = 0,
    MPROC_KIND_BOOL,
    MPROC_KIND_INT,    /* int64_t */
    MPROC_KIND_UINT,   /* uint64_t; what fits an int64_t arrives as MPROC_KIND_INT */
    MPROC_KIND_DOUBLE, /* float is sent as double */
    MPROC_KIND_STRING, /* UTF-8, checked on both sides */
    MPROC_KIND_BYTES,
    MPROC_KIND_ARRAY,
    MPROC_KIND_MAP,       /* keys are any values; MPROC_DICT makes string keys */
    MPROC_KIND_VALUE,     /* sending only: a value that was received, sent on as it is */
    MPROC_KIND_NO_KEYWORD /* sending only: what MPROC_KW makes of a keyword that is NULL; the call refuses it */
} mproc_kind_t;

typedef struct mproc_value mproc_value_t;

/* One value to send, made by the macros below. It borrows all it points to; nothing is copied until the call that takes it, and
 * nothing is kept after. A list whose length the program computes is an array of them: (mproc_args_t){count, items}. */
typedef struct mproc_arg {
    const char *name; /* keyword, or NULL for a positional value */
    mproc_kind_t kind;
    size_t count; /* bytes of a string (SIZE_MAX: up to its zero) or of bytes; items of an array or map */
    union {
        bool boolean;
        int64_t integer;
        uint64_t unsigned_integer;
        double real;
        const void *data;
        const struct mproc_arg *items;
        const mproc_value_t *value;
    } as;
} mproc_arg_t;

typedef struct mproc_args {
    size_t count;
    const mproc_arg_t *items;
} mproc_args_t;

MPROC_BEGIN_DECLS
static inline mproc_arg_t mproc_arg_nil(void) {
    mproc_arg_t arg;
    arg.name = NULL;
    arg.kind = MPROC_KIND_NIL;
    arg.count = 0;
    arg.as.integer = 0;
    return arg;
}
static inline mproc_arg_t mproc_arg_bool(bool value) {
    mproc_arg_t arg = mproc_arg_nil();
    arg.kind = MPROC_KIND_BOOL;
    arg.as.boolean = value;
    return arg;
}
static inline mproc_arg_t mproc_arg_int(int64_t value) {
    mproc_arg_t arg = mproc_arg_nil();
    arg.kind = MPROC_KIND_INT;
    arg.as.integer = value;
    return arg;
}
static inline mproc_arg_t mproc_arg_uint(uint64_t value) {
    mproc_arg_t arg = mproc_arg_nil();
    arg.kind = MPROC_KIND_UINT;
    arg.as.unsigned_integer = value;
    return arg;
}
static inline mproc_arg_t mproc_arg_double(double value) {
    mproc_arg_t arg = mproc_arg_nil();
    arg.kind = MPROC_KIND_DOUBLE;
    arg.as.real = value;
    return arg;
}
static inline mproc_arg_t mproc_arg_data(mproc_kind_t kind, const void *data, size_t size) {
    mproc_arg_t arg = mproc_arg_nil();
    arg.kind = kind;
    arg.count = size;
    arg.as.data = data;
    return arg;
}
static inline mproc_arg_t mproc_arg_string(const char *text) {
    return mproc_arg_data(MPROC_KIND_STRING, text, SIZE_MAX);
}
static inline mproc_arg_t mproc_arg_items(mproc_kind_t kind, const mproc_arg_t *items, size_t count) {
    mproc_arg_t arg = mproc_arg_nil();
    arg.kind = kind;
    arg.count = count;
    arg.as.items = items;
    return arg;
}
static inline mproc_arg_t mproc_arg_value(const mproc_value_t *value) {
    mproc_arg_t arg = mproc_arg_nil();
    arg.kind = MPROC_KIND_VALUE;
    arg.as.value = value;
    return arg;
}
static inline mproc_arg_t mproc_arg_self(mproc_arg_t arg) {
    return arg;
}
static inline mproc_arg_t mproc_arg_named(const char *name, mproc_arg_t arg) {
    arg.name = name;
    if (name == NULL) { /* or it would silently be a positional value */
        arg.name = "";
        arg.kind = MPROC_KIND_NO_KEYWORD;
    }
    return arg;
}
MPROC_END_DECLS

/* In every list below: bool, any integer, float, double and char * go as they are (true and 'c' are int in C: write
 * MPROC_BOOL), the macros here make the rest, and a const mproc_value_t * sends a received value on.
 *
 *   MPROC_ARGS(2.0, 10, "name", MPROC_KW("width", 640))     one to 32 values; give NULL for none
 *   MPROC_ARG(2.0)                                         one value, for an array of them
 *   MPROC_LIST(1, "two", MPROC_LIST(3.0))                   an array
 *   MPROC_DICT(MPROC_KW("a", 1), MPROC_KW("b", MPROC_NIL))  a map with string keys
 *
 * In C they live until the end of the enclosing block. In C++ they live until the end of the full expression: use
 * them within the call, or keep `auto args = MPROC_ARGS(…)` and `auto list = MPROC_LIST(…)` in variables, each list in
 * its own. */
#define MPROC_NIL mproc_arg_nil()
#define MPROC_BOOL(value) mproc_arg_bool((value) ? true : false)
#define MPROC_BYTES(data, size) mproc_arg_data(MPROC_KIND_BYTES, (data), (size))
#define MPROC_TEXT(data, size) mproc_arg_data(MPROC_KIND_STRING, (data), (size)) /* size bytes of UTF-8 */
#define MPROC_KW(keyword, value) mproc_arg_named((keyword), MPROC_ARG(value))

#if defined(__cplusplus)

extern "C++" {
namespace mproc {
namespace detail {
/* clang-format off */
inline mproc_arg_t arg(bool value) { return mproc_arg_bool(value); }
inline mproc_arg_t arg(char value) { return mproc_arg_int(value); }
inline mproc_arg_t arg(signed char value) { return mproc_arg_int(value); }
inline mproc_arg_t arg(short value) { return mproc_arg_int(value); }
inline mproc_arg_t arg(int value) { return mproc_arg_int(value); }
inline mproc_arg_t arg(long value) { return mproc_arg_int(value); }
inline mproc_arg_t arg(long long value) { return mproc_arg_int(value); }
inline mproc_arg_t arg(unsigned char value) { return mproc_arg_uint(value); }
inline mproc_arg_t arg(unsigned short value) { return mproc_arg_uint(value); }
inline mproc_arg_t arg(unsigned value) { return mproc_arg_uint(value); }
inline mproc_arg_t arg(unsigned long value) { return mproc_arg_uint(value); }
inline mproc_arg_t arg(unsigned long long value) { return mproc_arg_uint(value); }
inline mproc_arg_t arg(float value) { return mproc_arg_double(static_cast<double>(value)); }
inline mproc_arg_t arg(double value) { return mproc_arg_double(value); }
inline mproc_arg_t arg(const char *value) { return mproc_arg_string(value); }
inline mproc_arg_t arg(const mproc_value_t *value) { return mproc_arg_value(value); }
inline mproc_arg_t arg(const mproc_arg_t &value) { return value; }
/* clang-format on */

template <size_t N> struct arg_array {
    mproc_arg_t items[N];
    mutable mproc_args_t list;
    operator const mproc_args_t *() const {
        list.count = N;
        list.items = items;
        return &list;
    }
};
template <class... T> arg_array<sizeof...(T)> args(const T &...values) {
    return arg_array<sizeof...(T)>{{arg(values)...}, {0, nullptr}};
}
/* A list or dict that is kept in a variable brings its items along. */
template <size_t N> struct arg_items {
    mproc_kind_t kind;
    arg_array<N> array;
    operator mproc_arg_t() const {
        return mproc_arg_items(kind, array.items, N);
    }
};
template <size_t N> mproc_arg_t arg(const arg_items<N> &value) {
    return value;
}
template <size_t N> arg_items<N> items(mproc_kind_t kind, const arg_array<N> &array) {
    return arg_items<N>{kind, array};
}
} /* namespace detail */
} /* namespace mproc */
}
#define MPROC_ARG(value) ::mproc::detail::arg(value)
#define MPROC_ARGS(...) ::mproc::detail::args(__VA_ARGS__)
#define MPROC_LIST(...) ::mproc::detail::items(MPROC_KIND_ARRAY, ::mproc::detail::args(__VA_ARGS__))
#define MPROC_DICT(...) ::mproc::detail::items(MPROC_KIND_MAP, ::mproc::detail::args(__VA_ARGS__))

#else

#define MPROC_ARG(value)                                                                                               \
    _Generic((value),                                                                                                 \
        bool: mproc_arg_bool,                                                                                         \
        char: mproc_arg_int,                                                                                          \
        signed char: mproc_arg_int,                                                                                   \
        short: mproc_arg_int,                                                                                         \
        int: mproc_arg_int,                                                                                           \
        long: mproc_arg_int,                                                                                          \
        long long: mproc_arg_int,                                                                                     \
        unsigned char: mproc_arg_uint,                                                                                \
        unsigned short: mproc_arg_uint,                                                                               \
        unsigned: mproc_arg_uint,                                                                                     \
        unsigned long: mproc_arg_uint,                                                                                \
        unsigned long long: mproc_arg_uint,                                                                           \
        float: mproc_arg_double,                                                                                      \
        double: mproc_arg_double,                                                                                     \
        char *: mproc_arg_string,                                                                                     \
        const char *: mproc_arg_string,                                                                               \
        mproc_value_t *: mproc_arg_value,                                                                             \
        const mproc_value_t *: mproc_arg_value,                                                                       \
        mproc_arg_t: mproc_arg_self,                                                                                  \
        const mproc_arg_t: mproc_arg_self)(value)

#define MPROC_ARG_ARRAY(...) ((const mproc_arg_t[]){MPROC_EACH_(MPROC_ARG, __VA_ARGS__)})
#define MPROC_ARGS(...) (&(const mproc_args_t){MPROC_COUNT_(__VA_ARGS__), MPROC_ARG_ARRAY(__VA_ARGS__)})
#define MPROC_LIST(...) mproc_arg_items(MPROC_KIND_ARRAY, MPROC_ARG_ARRAY(__VA_ARGS__), MPROC_COUNT_(__VA_ARGS__))
#define MPROC_DICT(...) mproc_arg_items(MPROC_KIND_MAP, MPROC_ARG_ARRAY(__VA_ARGS__), MPROC_COUNT_(__VA_ARGS__))

/* MPROC_EACH_(F, a, b) is F(a), F(b) for up to 32 values. */
#define MPROC_COUNT_(...)                                                                                              \
    MPROC_PICK_(__VA_ARGS__, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11,   \
                10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define MPROC_PICK_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21,    \
                    a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, n, ...)                                     \
    n
#define MPROC_JOIN_(a, b) MPROC_JOIN2_(a, b)
#define MPROC_JOIN2_(a, b) a##b
#define MPROC_EACH_(F, ...) MPROC_JOIN_(MPROC_EACH_, MPROC_COUNT_(__VA_ARGS__))(F, __VA_ARGS__)
#define MPROC_EACH_1(F, a) F(a)
#define MPROC_EACH_2(F, a, ...) F(a), MPROC_EACH_1(F, __VA_ARGS__)
#define MPROC_EACH_3(F, a, ...) F(a), MPROC_EACH_2(F, __VA_ARGS__)
#define MPROC_EACH_4(F, a, ...) F(a), MPROC_EACH_3(F, __VA_ARGS__)
#define MPROC_EACH_5(F, a, ...) F(a), MPROC_EACH_4(F, __VA_ARGS__)
#define MPROC_EACH_6(F, a, ...) F(a), MPROC_EACH_5(F, __VA_ARGS__)
#define MPROC_EACH_7(F, a, ...) F(a), MPROC_EACH_6(F, __VA_ARGS__)
#define MPROC_EACH_8(F, a, ...) F(a), MPROC_EACH_7(F, __VA_ARGS__)
#define MPROC_EACH_9(F, a, ...) F(a), MPROC_EACH_8(F, __VA_ARGS__)
#define MPROC_EACH_10(F, a, ...) F(a), MPROC_EACH_9(F, __VA_ARGS__)
#define MPROC_EACH_11(F, a, ...) F(a), MPROC_EACH_10(F, __VA_ARGS__)
#define MPROC_EACH_12(F, a, ...) F(a), MPROC_EACH_11(F, __VA_ARGS__)
#define MPROC_EACH_13(F, a, ...) F(a), MPROC_EACH_12(F, __VA_ARGS__)
#define MPROC_EACH_14(F, a, ...) F(a), MPROC_EACH_13(F, __VA_ARGS__)
#define MPROC_EACH_15(F, a, ...) F(a), MPROC_EACH_14(F, __VA_ARGS__)
#define MPROC_EACH_16(F, a, ...) F(a), MPROC_EACH_15(F, __VA_ARGS__)
#define MPROC_EACH_17(F, a, ...) F(a), MPROC_EACH_16(F, __VA_ARGS__)
#define MPROC_EACH_18(F, a, ...) F(a), MPROC_EACH_17(F, __VA_ARGS__)
#define MPROC_EACH_19(F, a, ...) F(a), MPROC_EACH_18(F, __VA_ARGS__)
#define MPROC_EACH_20(F, a, ...) F(a), MPROC_EACH_19(F, __VA_ARGS__)
#define MPROC_EACH_21(F, a, ...) F(a), MPROC_EACH_20(F, __VA_ARGS__)
#define MPROC_EACH_22(F, a, ...) F(a), MPROC_EACH_21(F, __VA_ARGS__)
#define MPROC_EACH_23(F, a, ...) F(a), MPROC_EACH_22(F, __VA_ARGS__)
#define MPROC_EACH_24(F, a, ...) F(a), MPROC_EACH_23(F, __VA_ARGS__)
#define MPROC_EACH_25(F, a, ...) F(a), MPROC_EACH_24(F, __VA_ARGS__)
#define MPROC_EACH_26(F, a, ...) F(a), MPROC_EACH_25(F, __VA_ARGS__)
#define MPROC_EACH_27(F, a, ...) F(a), MPROC_EACH_26(F, __VA_ARGS__)
#define MPROC_EACH_28(F, a, ...) F(a), MPROC_EACH_27(F, __VA_ARGS__)
#define MPROC_EACH_29(F, a, ...) F(a), MPROC_EACH_28(F, __VA_ARGS__)
#define MPROC_EACH_30(F, a, ...) F(a), MPROC_EACH_29(F, __VA_ARGS__)
#define MPROC_EACH_31(F, a, ...) F(a), MPROC_EACH_30(F, __VA_ARGS__)
#define MPROC_EACH_32(F, a, ...) F(a), MPROC_EACH_31(F, __VA_ARGS__)

#endif

MPROC_BEGIN_DECLS

/* ---- values received ------------------------------------------------------------------------------------------- */

/* What a received value may be, so that no sender can make a reader run out of memory or stack. Zero in a member
 * means its default. A value beyond a limit is MPROC_ETOOBIG; the message names the limit. */
typedef struct mproc_value_limits {
    size_t max_depth; /* nesting of arrays and maps; default 64, at most 1,024 */
    size_t max_count; /* values in all, nested ones included; default 16,777,216 */
    size_t max_size;  /* bytes of the whole encoding; default 1 GiB */
} mproc_value_limits_t;

/* A received value is read-only. It and all it gives out (strings, bytes, nested values) belong to what it came from:
 * the call, process or result; they are valid as long as that. Any thread may read it at the same time; nothing here
 * blocks. */

MPROC_API mproc_kind_t mproc_value_kind(const mproc_value_t *value); /* NIL also for NULL */

/* MPROC_ETYPE when the value is of another kind; the message names both. as_double takes integers too; as_int takes
 * an unsigned that fits. A string ends with a zero byte that is not counted in *out_size; out_size may be NULL. */
MPROC_API int mproc_value_as_bool(const mproc_value_t *value, bool *out_value);
MPROC_API int mproc_value_as_int(const mproc_value_t *value, int64_t *out_value);
MPROC_API int mproc_value_as_uint(const mproc_value_t *value, uint64_t *out_value);
MPROC_API int mproc_value_as_double(const mproc_value_t *value, double *out_value);
MPROC_API int mproc_value_as_string(const mproc_value_t *value, const char **out_text, size_t *out_size);
MPROC_API int mproc_value_as_bytes(const mproc_value_t *value, const void **out_data, size_t *out_size);

/* Items of an array, pairs of a map; 0 for any other kind. */
MPROC_API size_t mproc_value_count(const mproc_value_t *value);

/* The item of an array, or the value of a map's pair, at index; NULL when there is none. */
MPROC_API const mproc_value_t *mproc_value_at(const mproc_value_t *value, size_t index);

/* The key of a map's pair at index; NULL when there is none. */
MPROC_API const mproc_value_t *mproc_value_key(const mproc_value_t *value, size_t index);

/* The value of a map under a string key; the last one if the key stands twice; NULL when there is none. */
MPROC_API const mproc_value_t *mproc_value_get(const mproc_value_t *value, const char *key);

/* True when both are of one kind and content. Maps compare in order; two NaN are equal, 0.0 and -0.0 too. */
MPROC_API bool mproc_value_equal(const mproc_value_t *left, const mproc_value_t *right);

/* Writes the value as Python would print it, [1, 'two', {'a': None}, b'\x00'], at most size bytes with the ending
 * zero; returns the length it has in full, as snprintf does. */
MPROC_API size_t mproc_value_repr(const mproc_value_t *value, char *buf, size_t size);

MPROC_END_DECLS

#endif
