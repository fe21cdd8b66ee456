/* SPDX-License-Identifier: Apache-2.0 */
/* argv_quote.c: one Windows command line out of an argument array. */
#include "argv_quote.h"

#include <string.h>

#include "platform/platform.h"

/* A place to write that counts also where there is no room, so that measuring and writing are the same code. */
typedef struct sink {
    char *buf;
    size_t size;
    size_t length;
} sink_t;

static void put(sink_t *sink, char c, size_t times) {
    for (; times > 0; times--) {
        if (sink->length < sink->size)
            sink->buf[sink->length] = c;
        sink->length++;
    }
}

/* '*' and '?' do not split an argument, but the C run-time of mingw expands them as file patterns when not quoted. */
static bool needs_quotes(const char *arg) {
    return *arg == '\0' || strpbrk(arg, " \t\n\v\f\r\"*?") != NULL;
}

/* The program's name is parsed by a simpler rule than the rest: a quote only toggles, a backslash is always itself. */
static void put_program(sink_t *sink, const char *name) {
    size_t quotes = needs_quotes(name) ? 1 : 0;
    put(sink, '"', quotes);
    for (const char *p = name; *p != '\0'; p++)
        put(sink, *p, 1);
    put(sink, '"', quotes);
}

/* Backslashes are special only in front of a quote: there each of them, and the quote itself, wants one more. */
static void put_argument(sink_t *sink, const char *arg) {
    size_t quotes = needs_quotes(arg) ? 1 : 0;
    size_t backslashes = 0;
    put(sink, '"', quotes);
    for (const char *p = arg; *p != '\0'; p++) {
        if (*p == '"')
            put(sink, '\\', backslashes + 1);
        backslashes = *p == '\\' ? backslashes + 1 : 0;
        put(sink, *p, 1);
    }
    put(sink, '\\', quotes * backslashes);
    put(sink, '"', quotes);
}

int mplat_argv_quote(const char *const *argv, char *buf, size_t size, size_t *out_size) {
    *out_size = 0;
    if (argv == NULL || argv[0] == NULL || strchr(argv[0], '"') != NULL)
        return MPLAT_EINVAL;

    sink_t sink = {.buf = buf, .size = buf != NULL ? size : 0, .length = 0};
    put_program(&sink, argv[0]);
    for (size_t i = 1; argv[i] != NULL; i++) {
        put(&sink, ' ', 1);
        put_argument(&sink, argv[i]);
    }
    put(&sink, '\0', 1);
    if (buf != NULL && sink.length > size)
        return MPLAT_ETOOBIG;
    *out_size = sink.length - 1;
    return 0;
}

bool mplat_is_batch_file(const char *path) {
    size_t length = strlen(path);
    while (length > 0 && (path[length - 1] == '.' || path[length - 1] == ' '))
        length--;
    if (length < 4)
        return false;

    char extension[4];
    for (size_t i = 0; i < sizeof extension; i++) {
        char c = path[length - sizeof extension + i];
        extension[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return memcmp(extension, ".bat", 4) == 0 || memcmp(extension, ".cmd", 4) == 0;
}
