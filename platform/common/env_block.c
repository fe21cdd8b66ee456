/* SPDX-License-Identifier: Apache-2.0 */
/* env_block.c: an environment under construction, and its Windows form. */
#include "env_block.h"

#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "utf.h"

/* The '=' in front of a drive's name belongs to the name. */
static size_t name_length(const char *entry) {
    const char *end = *entry == '\0' ? NULL : strchr(entry + 1, '=');
    return end != NULL ? (size_t)(end - entry) : 0;
}

bool mplat_env_entry_valid(const char *entry) {
    return name_length(entry) > 0;
}

/* Upper case where the pair lies at a fixed distance: ASCII, Latin-1, Greek, Cyrillic. The system's table is longer, but
 * two names that differ only in the case of a rarer letter do no harm: they are then two variables. */
static uint32_t upper(uint32_t c) {
    if ((c >= 'a' && c <= 'z') || (c >= 0xE0 && c <= 0xFE && c != 0xF7) || (c >= 0x3B1 && c <= 0x3C9 && c != 0x3C2) ||
        (c >= 0x430 && c <= 0x44F))
        return c - 0x20;
    if (c >= 0x450 && c <= 0x45F)
        return c - 0x50;
    return c == 0xFF ? 0x178 : c;
}

/* The next character as a number that sorts like its UTF-16 form: surrogates, which stand for all above U+FFFF, are
 * smaller than U+E000..U+FFFF. Bytes that are not UTF-8 stand for themselves. */
static uint32_t next_folded(const char **text, size_t *size) {
    uint32_t code_point;
    size_t length = mplat_utf8_decode(*text, *size, &code_point);
    if (length == 0) {
        code_point = (unsigned char)**text;
        length = 1;
    }
    *text += length;
    *size -= length;
    code_point = upper(code_point);
    return code_point >= 0xE000 && code_point <= 0xFFFF ? code_point + 0x200000 : code_point;
}

static int compare_folded(const char *a, size_t a_size, const char *b, size_t b_size) {
    while (a_size > 0 && b_size > 0) {
        uint32_t x = next_folded(&a, &a_size);
        uint32_t y = next_folded(&b, &b_size);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (a_size > 0) - (b_size > 0);
}

static int compare_exact(const char *a, size_t a_size, const char *b, size_t b_size) {
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

/* Where name is, or would have to be inserted. */
static size_t find(const mplat_env_t *env, const char *name, size_t size, bool *out_found) {
    size_t low = 0, high = env->count;
    *out_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *entry = env->entries[middle];
        int order = (env->fold_case ? compare_folded : compare_exact)(entry, name_length(entry), name, size);
        if (order == 0) {
            *out_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void mplat_env_init(mplat_env_t *env, bool fold_case) {
    *env = (mplat_env_t){.fold_case = fold_case};
}

void mplat_env_fini(mplat_env_t *env) {
    for (size_t i = 0; i < env->count; i++)
        free(env->entries[i]);
    free(env->entries);
    mplat_env_init(env, env->fold_case);
}

/* Room for one more entry and the NULL behind the last. */
static int reserve(mplat_env_t *env) {
    if (env->count + 1 < env->capacity)
        return 0;
    size_t capacity = env->capacity == 0 ? 64 : env->capacity * 2;
    char **entries = realloc(env->entries, capacity * sizeof *entries);
    if (entries == NULL)
        return MPLAT_ENOMEM;
    entries[env->count] = NULL;
    env->entries = entries;
    env->capacity = capacity;
    return 0;
}

int mplat_env_set(mplat_env_t *env, const char *entry) {
    if (!mplat_env_entry_valid(entry))
        return MPLAT_EINVAL;
    size_t size = strlen(entry) + 1;
    char *copy = malloc(size);
    if (copy == NULL || reserve(env) != 0) {
        free(copy);
        return MPLAT_ENOMEM;
    }
    memcpy(copy, entry, size);

    bool found;
    size_t at = find(env, entry, name_length(entry), &found);
    if (found) {
        free(env->entries[at]);
    } else {
        memmove(&env->entries[at + 1], &env->entries[at], (env->count - at + 1) * sizeof *env->entries);
        env->count++;
    }
    env->entries[at] = copy;
    return 0;
}

int mplat_env_extend(mplat_env_t *env, const char *const *entries) {
    int err = 0;
    for (size_t i = 0; err == 0 && entries != NULL && entries[i] != NULL; i++)
        err = mplat_env_set(env, entries[i]);
    return err;
}

int mplat_env_change(mplat_env_t *env, const char *const *entries) {
    int err = 0;
    for (size_t i = 0; err == 0 && entries != NULL && entries[i] != NULL; i++) {
        if (entries[i][0] != '\0' && strchr(entries[i] + 1, '=') == NULL)
            mplat_env_remove(env, entries[i]);
        else
            err = mplat_env_set(env, entries[i]);
    }
    return err;
}

int mplat_env_inherit(mplat_env_t *env, const char *const *entries) {
    int err = 0;
    for (size_t i = 0; err == 0 && entries != NULL && entries[i] != NULL; i++)
        if (mplat_env_entry_valid(entries[i]))
            err = mplat_env_set(env, entries[i]);
    return err;
}

int mplat_env_keep(mplat_env_t *env, const char *const *source, const char *name) {
    size_t size = strlen(name);
    if (mplat_env_get(env, name) != NULL)
        return 0;
    for (size_t i = 0; source != NULL && source[i] != NULL; i++)
        if (mplat_env_entry_valid(source[i]) &&
            (env->fold_case ? compare_folded : compare_exact)(source[i], name_length(source[i]), name, size) == 0)
            return mplat_env_set(env, source[i]);
    return 0;
}

const char *mplat_env_get(const mplat_env_t *env, const char *name) {
    bool found;
    size_t at = find(env, name, strlen(name), &found);
    return found ? env->entries[at] + name_length(env->entries[at]) + 1 : NULL;
}

void mplat_env_remove(mplat_env_t *env, const char *name) {
    bool found;
    size_t at = find(env, name, strlen(name), &found);
    if (!found)
        return;
    free(env->entries[at]);
    memmove(&env->entries[at], &env->entries[at + 1], (env->count - at) * sizeof *env->entries);
    env->count--;
}

const char *const *mplat_env_entries(const mplat_env_t *env) {
    static const char *const none[] = {NULL};
    return env->entries != NULL ? (const char *const *)env->entries : none;
}

int mplat_env_block_utf16(const mplat_env_t *env, uint16_t *buf, size_t capacity, size_t *out_count) {
    size_t count = 0;
    *out_count = 0;
    for (size_t i = 0; i < env->count; i++) {
        size_t units;
        const char *entry = env->entries[i];
        int err =
            mplat_utf8_to_utf16(entry, strlen(entry) + 1, buf != NULL ? buf + count : NULL, capacity - count, &units);
        if (err != 0)
            return err;
        count += units;
    }
    size_t zeros = count == 0 ? 2 : 1;
    if (buf != NULL) {
        if (capacity - count < zeros)
            return MPLAT_ETOOBIG;
        memset(buf + count, 0, zeros * sizeof *buf);
    }
    *out_count = count + zeros;
    return 0;
}
