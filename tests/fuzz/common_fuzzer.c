/* SPDX-License-Identifier: Apache-2.0 */
/* No bytes harm the platform's pure parsers, and what goes through two of them comes back the same. */
#include <stdlib.h>
#include <string.h>

#include "platform/common/argv_quote.h"
#include "platform/common/cgroup_parse.h"
#include "platform/common/env_block.h"
#include "platform/common/utf.h"
#include "platform/platform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Traps where a claim does not hold: the fuzzer then keeps the input. */
static void require(bool holds) {
    if (!holds)
        __builtin_trap();
}

/* Buffers of the exact size, so that a sanitizer sees the first byte too many. */
static void *exact(size_t size) {
    void *block = malloc(size > 0 ? size : 1);
    require(block != NULL);
    return block;
}

static void fuzz_utf(const char *text, size_t size) {
    size_t count, back_size;
    int err = mplat_utf8_to_utf16(text, size, NULL, 0, &count);
    require((err == 0) == mplat_utf8_valid(text, size));
    if (err == 0) {
        uint16_t *units = exact(count * sizeof *units);
        char *back = exact(size);
        require(mplat_utf8_to_utf16(text, size, units, count, &count) == 0);
        require(mplat_utf16_to_utf8(units, count, back, size, &back_size) == 0);
        require(back_size == size && memcmp(back, text, size) == 0);
        free(units);
        free(back);
    }
    uint16_t *raw = exact(size / 2 * sizeof *raw);
    memcpy(raw, text, size / 2 * sizeof *raw);
    mplat_utf16_to_utf8(raw, size / 2, NULL, 0, &back_size);
    free(raw);
}

static void fuzz_cgroup(const char *text, size_t size) {
    char path[64], directory[64];
    uint64_t value;
    size_t mount;
    require(mplat_cgroup_cpu_max(text, size) >= 0);
    require(mplat_cgroup_cpu_cfs(text, size / 2, text + size / 2, size - size / 2) >= 0);
    mplat_cgroup_keyed(text, size, "oom_kill", &value);
    if (!mplat_cgroup_path(text, size, NULL, path, sizeof path) &&
        !mplat_cgroup_path(text, size, "cpu", path, sizeof path))
        path[0] = '\0';
    if (mplat_cgroup_directory(text, size, NULL, path, directory, sizeof directory, &mount) ||
        mplat_cgroup_directory(text, size, "cpu", path, directory, sizeof directory, &mount)) {
        require(mount <= strlen(directory));
        while (mplat_cgroup_ascend(directory, mount))
            require(strlen(directory) >= mount);
    }
}

/* Text becomes a list at its zero bytes; strings is kept by the caller. */
static size_t split(char *strings, size_t size, const char **list, size_t capacity) {
    size_t count = 0;
    for (size_t at = 0; at < size && count < capacity; at += strlen(strings + at) + 1)
        list[count++] = strings + at;
    list[count] = NULL;
    return count;
}

static void fuzz_lists(const char *text, size_t size, bool fold_case) {
    enum { LIST_MAX = 64 };
    const char *list[LIST_MAX + 1];
    size_t length;
    char *strings = exact(size + 1);
    memcpy(strings, text, size);
    strings[size] = '\0';
    size_t count = split(strings, size, list, LIST_MAX);
    if (mplat_argv_quote(list, NULL, 0, &length) == 0) {
        char *line = exact(length + 1);
        require(mplat_argv_quote(list, line, length + 1, &length) == 0 && strlen(line) == length);
        free(line);
    }
    mplat_env_t env;
    mplat_env_init(&env, fold_case);
    require(mplat_env_inherit(&env, list) == 0 && env.count <= count);
    if (mplat_env_block_utf16(&env, NULL, 0, &length) == 0) {
        uint16_t *block = exact(length * sizeof *block);
        require(mplat_env_block_utf16(&env, block, length, &length) == 0 && block[length - 1] == 0);
        free(block);
    }
    for (size_t i = 0; i < count; i++) {
        mplat_is_batch_file(list[i]);
        mplat_env_remove(&env, list[i]);
    }
    mplat_env_fini(&env);
    free(strings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    fuzz_utf(text, size);
    fuzz_cgroup(text, size);
    fuzz_lists(text, size, false);
    fuzz_lists(text, size, true);
    return 0;
}
