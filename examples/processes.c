/* SPDX-License-Identifier: Apache-2.0 */
/* processes.c: five processes count lines, words and bytes of real files. With --crash one of them crashes on its way; the program
 * says which and where, and goes on.
 *
 *     processes [--crash] [PATH…]      without PATH: headers, documentation, licences of this machine */
#include "files.h"

#include <ctype.h>
#include <inttypes.h>
#include <mproc/mproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARES 5
#define CRASHER 2 /* the share that crashes on request */

typedef struct counts {
    int64_t files, unreadable, lines, words, bytes;
} counts_t;

/* ---- in the child ------------------------------------------------------------------------------------------------------------ */

static void count_block(counts_t *counts, const char *block, size_t size, bool *in_word) {
    for (size_t i = 0; i < size; i++) {
        bool space = isspace((unsigned char)block[i]) != 0;
        counts->words += !space && !*in_word;
        counts->lines += block[i] == '\n';
        *in_word = !space;
    }
    counts->bytes += (int64_t)size;
}

static void count_file(counts_t *counts, const char *path) {
    char block[16384];
    bool in_word = false;
    size_t size;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        counts->unreadable++;
        return;
    }
    while ((size = fread(block, 1, sizeof block, file)) > 0)
        count_block(counts, block, size, &in_word);
    fclose(file);
    counts->files++;
}

/* What goes wrong in real programs: a pointer that somebody has written over. */
static void crash_on_request(void) {
    int *overwritten;
    memset((void *)&overwritten, '@', sizeof overwritten);
    *overwritten = 1;
}

/* Called through this it has a frame of its own in the back-trace, however much a compiler inlines. */
static void (*volatile stumble)(void) = crash_on_request;

/* Its raw input is the paths of its share, each with its ending zero. */
MPROC_TASK(count_share) {
    const char *paths = NULL;
    const void *input = NULL;
    size_t size = 0;
    bool crash = false;
    counts_t counts = {0};
    int err = mproc_call_args(call, "b", &crash);
    if (err != MPROC_OK)
        return err;
    mproc_call_input(call, &input, &size);
    paths = input;
    for (size_t at = 0; at < size; at += strlen(paths + at) + 1) {
        if (crash && at > size / 2)
            stumble();
        count_file(&counts, paths + at);
    }
    return mproc_call_return(call,
                             MPROC_DICT(MPROC_KW("files", counts.files), MPROC_KW("unreadable", counts.unreadable),
                                        MPROC_KW("lines", counts.lines), MPROC_KW("words", counts.words),
                                        MPROC_KW("bytes", counts.bytes)));
}

/* ---- in the parent ----------------------------------------------------------------------------------------------------------- */

/* Every fifth file, from the largest to the smallest: the shares are then much alike. */
static char *make_share(const file_list_t *files, size_t number, size_t *out_size) {
    size_t size = 0;
    for (size_t i = number; i < files->count; i += SHARES)
        size += strlen(files->entries[i].path) + 1;
    char *share = malloc(size > 0 ? size : 1), *to = share;
    for (size_t i = number; share != NULL && i < files->count; i += SHARES) {
        size_t length = strlen(files->entries[i].path) + 1;
        memcpy(to, files->entries[i].path, length);
        to += length;
    }
    *out_size = size;
    return share;
}

static int64_t count_of(const mproc_value_t *value, const char *name) {
    int64_t count = 0;
    (void)mproc_value_as_int(mproc_value_get(value, name), &count);
    return count;
}

static void print_row(const char *name, const counts_t *counts) {
    printf("%-12s %8" PRId64 " files %10" PRId64 " lines %10" PRId64 " words %12" PRId64 " bytes\n", name,
           counts->files, counts->lines, counts->words, counts->bytes);
}

static void print_failure(mproc_process_t *process) {
    char text[8192];
    (void)mproc_error_format(mproc_last_error(), text, sizeof text);
    printf("%-12s failed; the others go on. %s\n", mproc_process_name(process), text);
}

/* Waits for one share and adds it to the total; true when it was counted. */
static bool collect(mproc_process_t *process, counts_t *total) {
    const mproc_value_t *value = NULL;
    if (mproc_process_result(process, MPROC_FOREVER, &value) != MPROC_OK) {
        print_failure(process);
        return false;
    }
    counts_t counts = {count_of(value, "files"), count_of(value, "unreadable"), count_of(value, "lines"),
                       count_of(value, "words"), count_of(value, "bytes")};
    print_row(mproc_process_name(process), &counts);
    total->files += counts.files;
    total->unreadable += counts.unreadable;
    total->lines += counts.lines;
    total->words += counts.words;
    total->bytes += counts.bytes;
    return true;
}

static int start_share(const file_list_t *files, size_t number, bool crash, mproc_process_t **out_process) {
    size_t size = 0;
    char *share = make_share(files, number, &size);
    if (share == NULL)
        return MPROC_ENOMEM;
    int err =
        mproc_process_create(&(mproc_process_options_t){.target = &count_share,
                                                        .args = MPROC_ARGS(MPROC_BOOL(crash && number == CRASHER)),
                                                        .input = share,
                                                        .input_size = size,
                                                        .result = true},
                             out_process);
    free(share);
    return err == MPROC_OK ? mproc_process_start(*out_process) : err;
}

static int count_all(const file_list_t *files, bool crash) {
    mproc_process_t *processes[SHARES] = {NULL};
    counts_t total = {0};
    int err = MPROC_OK, counted = 0, begun = 0;
    for (; err == MPROC_OK && begun < SHARES; begun++)
        err = start_share(files, (size_t)begun, crash, &processes[begun]);
    if (err != MPROC_OK)
        fprintf(stderr, "processes: %s\n", mproc_last_error()->message);
    for (int i = 0; err == MPROC_OK && i < SHARES; i++)
        counted += collect(processes[i], &total) ? 1 : 0;
    if (err == MPROC_OK) {
        print_row("together", &total);
        if (counted < SHARES)
            printf("%d of %d shares are missing in this sum.\n", SHARES - counted, SHARES);
        if (total.unreadable > 0)
            printf("%" PRId64 " files could not be read.\n", total.unreadable);
    }
    for (int i = 0; i < begun; i++)
        mproc_process_destroy(processes[i]);
    return err == MPROC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    file_list_t files = {0};
    bool crash = false;
    const files_flag_t flags[] = {{"--crash", &crash}, {NULL, NULL}};
    if (mproc_init(&argc, &argv) != MPROC_OK) {
        fprintf(stderr, "processes: %s\n", mproc_last_error()->message);
        return EXIT_FAILURE;
    }
    int status = files_from_arguments(&files, "processes", argv, flags) ? count_all(&files, crash) : EXIT_FAILURE;
    files_free(&files);
    return status;
}
