/* SPDX-License-Identifier: Apache-2.0 */
/* files.c: walks folders with APR, so that the examples need no system's own calls. */
#include "files.h"

#include <apr_file_info.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool lose(file_list_t *list) {
    list->lost++;
    return false;
}

static bool append(file_list_t *list, const char *path, int64_t size) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? 2 * list->capacity : 256;
        file_entry_t *entries = realloc(list->entries, capacity * sizeof *entries);
        if (entries == NULL)
            return lose(list);
        list->entries = entries;
        list->capacity = capacity;
    }
    size_t length = strlen(path) + 1;
    file_entry_t *entry = &list->entries[list->count];
    entry->path = malloc(length);
    if (entry->path == NULL)
        return lose(list);
    memcpy(entry->path, path, length);
    entry->size = size;
    list->count++;
    return true;
}

static bool ends_with(const char *name, const char *suffix) {
    size_t length = strlen(name), end = suffix != NULL ? strlen(suffix) : 0;
    return end == 0 || (length >= end && strcmp(name + length - end, suffix) == 0);
}

static bool walk(file_list_t *list, const char *path, const char *suffix, apr_int32_t links, apr_pool_t *parent);

static bool walk_folder(file_list_t *list, const char *path, const char *suffix, apr_pool_t *pool) {
    apr_dir_t *folder = NULL;
    apr_finfo_t entry;
    if (apr_dir_open(&folder, path, pool) != APR_SUCCESS)
        return false;
    for (;;) {
        apr_status_t status = apr_dir_read(&entry, APR_FINFO_NAME, folder);
        if (status != APR_SUCCESS && !APR_STATUS_IS_INCOMPLETE(status))
            break;
        if (strcmp(entry.name, ".") != 0 && strcmp(entry.name, "..") != 0)
            (void)walk(list, apr_pstrcat(pool, path, "/", entry.name, (char *)NULL), suffix, APR_FINFO_LINK, pool);
    }
    apr_dir_close(folder);
    return true;
}

/* links is APR_FINFO_LINK to look at links themselves, 0 to follow them. */
static bool walk(file_list_t *list, const char *path, const char *suffix, apr_int32_t links, apr_pool_t *parent) {
    apr_pool_t *pool = NULL;
    apr_finfo_t info;
    bool found = false;
    if (apr_pool_create(&pool, parent) != APR_SUCCESS)
        return lose(list);
    apr_status_t status = apr_stat(&info, path, APR_FINFO_TYPE | APR_FINFO_SIZE | links, pool);
    if (status == APR_SUCCESS || APR_STATUS_IS_INCOMPLETE(status)) {
        found = true;
        if (info.filetype == APR_DIR)
            found = walk_folder(list, path, suffix, pool);
        else if (info.filetype == APR_REG && ends_with(path, suffix))
            found = append(list, path, info.size);
    }
    apr_pool_destroy(pool);
    return found;
}

bool files_add(file_list_t *list, const char *path, const char *suffix) {
    apr_pool_t *pool = NULL;
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS)
        return false;
    bool found = walk(list, path, suffix, 0, pool);
    apr_pool_destroy(pool);
    apr_terminate();
    return found;
}

void files_add_default(file_list_t *list) {
    static const struct {
        const char *path, *suffix;
    } places[] = {
        {"/usr/include", ".h"},
        {"/usr/share/doc", "copyright"},
        {"/usr/share/doc", "README"},
        {"/usr/share/doc", ".txt"},
        {"/usr/share/doc", ".md"},
        {"/usr/share/doc", ".rst"},
        {"/usr/share/doc", ".html"},
        {"/usr/share/common-licenses", NULL},
        {"C:/Program Files (x86)/Windows Kits/10/Include", ".h"},
        {"C:/Windows/Licenses", NULL},
        {"C:/Windows/System32/drivers/etc", NULL},
        {"C:/Windows/inf", ".inf"},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        (void)files_add(list, places[i].path, places[i].suffix);
}

static int compare(const void *left, const void *right) {
    const file_entry_t *a = left, *b = right;
    if (a->size != b->size)
        return a->size < b->size ? 1 : -1;
    return strcmp(a->path, b->path);
}

void files_sort(file_list_t *list) {
    if (list->count > 0)
        qsort(list->entries, list->count, sizeof list->entries[0], compare);
}

static bool take_flag(const char *argument, const files_flag_t *flags) {
    for (; flags->name != NULL; flags++) {
        if (strcmp(argument, flags->name) == 0) {
            *flags->set = true;
            return true;
        }
    }
    return false;
}

static bool usage(const char *program, const files_flag_t *flags) {
    fprintf(stderr, "usage: %s", program);
    for (; flags->name != NULL; flags++)
        fprintf(stderr, " [%s]", flags->name);
    fprintf(stderr, " [PATH...]\n");
    return false;
}

bool files_from_arguments(file_list_t *list, const char *program, char **argv, const files_flag_t *flags) {
    bool paths = false;
    for (char **argument = argv + 1; *argument != NULL; argument++) {
        if (take_flag(*argument, flags))
            continue;
        if ((*argument)[0] == '-')
            return usage(program, flags);
        paths = true;
        if (!files_add(list, *argument, NULL) && list->lost == 0) {
            fprintf(stderr, "%s: cannot read %s\n", program, *argument);
            return false;
        }
    }
    if (!paths)
        files_add_default(list);
    if (list->lost > 0)
        fprintf(stderr, "%s: no memory for %zu of the files and folders\n", program, list->lost);
    else if (list->count == 0)
        fprintf(stderr, "%s: no files found; name some, or folders with some\n", program);
    files_sort(list);
    return list->count > 0 && list->lost == 0;
}

void files_free(file_list_t *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->entries[i].path);
    free(list->entries);
    *list = (file_list_t){0};
}
