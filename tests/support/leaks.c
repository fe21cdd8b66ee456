/* SPDX-License-Identifier: Apache-2.0 */
/* The check that a test left nothing open; what there is to compare comes from host_list_open. */
#include "leaks.h"

#include "test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTLE_MS = 2000, POLL_MS = 10, ITEM_SIZE = 512 };

void items_add(item_list_t *items, const char *format, ...) {
    char text[ITEM_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);

    if (items->count == items->capacity) {
        items->capacity = items->capacity == 0 ? 32 : items->capacity * 2;
        items->texts = realloc(items->texts, items->capacity * sizeof *items->texts);
        if (items->texts == NULL) {
            abort();
        }
    }
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, text, size);
    items->texts[items->count++] = copy;
}

void items_fini(item_list_t *items) {
    for (size_t i = 0; i < items->count; i++) {
        free(items->texts[i]);
    }
    free(items->texts);
    *items = (item_list_t){.texts = NULL};
}

static bool has(const item_list_t *items, const char *text) {
    for (size_t i = 0; i < items->count; i++) {
        if (strcmp(items->texts[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* keep_if keeps the items of which `other` does (wanted) or does not (not wanted) have the same. */
static void keep_if(item_list_t *items, const item_list_t *other, bool wanted) {
    size_t kept = 0;
    for (size_t i = 0; i < items->count; i++) {
        if (has(other, items->texts[i]) == wanted) {
            items->texts[kept++] = items->texts[i];
        } else {
            free(items->texts[i]);
        }
    }
    items->count = kept;
}

static size_t describe(const item_list_t *items, char *out_text, size_t size) {
    size_t used = 0;
    out_text[0] = '\0';
    for (size_t i = 0; i < items->count; i++) {
        int written = snprintf(out_text + used, size - used, "    %s\n", items->texts[i]);
        if (written < 0 || (size_t)written >= size - used) {
            break;
        }
        used += (size_t)written;
    }
    return items->count;
}

size_t leaks_find(const item_list_t *before, char *out_text, size_t size) {
    item_list_t leaked = {.texts = NULL};
    host_list_open(&leaked);
    keep_if(&leaked, before, false);

    /* Only what stays for the whole time counts: a test that runs beside this one may have its own segments. */
    int64_t deadline = test_now_ms() + SETTLE_MS * test_time_scale();
    while (leaked.count > 0 && test_now_ms() < deadline) {
        test_sleep_ms(POLL_MS);
        item_list_t now = {.texts = NULL};
        host_list_open(&now);
        keep_if(&leaked, &now, true);
        items_fini(&now);
    }
    size_t count = describe(&leaked, out_text, size);
    items_fini(&leaked);
    return count;
}
