/* SPDX-License-Identifier: Apache-2.0 */
/* words.c: a pool counts the words of all text files below some folders. With --crash one task dies, with --hang one never ends:
 * the table is complete except for those files, and a line says which and why.
 *
 *     demo [--crash] [--hang] [PATH…]      without PATH: headers, documentation and licences of this machine */
#include "files.h"
#include "word_table.h"

#include <apr_time.h>
#include <inttypes.h>
#include <mproc/mproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOP 20
#define FILE_TIMEOUT_MS 5000 /* no file takes that long */
#define TEXT_PROBE 4096      /* bytes at the start of a file in which text has no zero */

enum { BEHAVE, CRASH, HANG };

/* ---- in a worker ------------------------------------------------------------------------------------------------------------- */

static unsigned char *read_file(const char *path, size_t *out_size) {
    FILE *file = fopen(path, "rb");
    unsigned char *text = NULL;
    *out_size = 0;
    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        long size = ftell(file);
        rewind(file);
        text = size >= 0 ? malloc((size_t)size + 1) : NULL;
        if (text != NULL)
            *out_size = fread(text, 1, (size_t)size, file);
    }
    fclose(file);
    return text;
}

static bool is_text(const unsigned char *text, size_t size) {
    return memchr(text, 0, size < TEXT_PROBE ? size : TEXT_PROBE) == NULL;
}

/* A pointer that somebody has written over, and a loop whose end never comes: what goes wrong in real programs. */
static volatile bool never;

static void misbehave(int how) {
    int *overwritten;
    memset((void *)&overwritten, '@', sizeof overwritten);
    if (how == CRASH)
        *overwritten = 1;
    while (how == HANG && !never)
        continue;
}

/* Called through this it has a frame of its own in the back-trace, however much a compiler inlines. */
static void (*volatile stumble)(int how) = misbehave;

static int return_counts(mproc_call_t *call, const unsigned char *text, size_t size) {
    word_table_t table = {0};
    void *room = NULL;
    int err = MPROC_OK;
    if (is_text(text, size) && !word_table_count(&table, text, size))
        err = mproc_call_fail(call, 1, "no memory for the words of this file");
    if (err == MPROC_OK)
        err = mproc_call_reserve(call, word_table_packed_size(&table), &room);
    if (err == MPROC_OK)
        word_table_pack(&table, room);
    word_table_free(&table);
    return err;
}

MPROC_TASK(count_words) {
    const char *path = NULL;
    int how = BEHAVE;
    size_t size = 0;
    int err = mproc_call_args(call, "si", &path, &how);
    if (err != MPROC_OK)
        return err;
    stumble(how);
    unsigned char *text = read_file(path, &size);
    if (text == NULL)
        return mproc_call_fail(call, 2, "cannot read %s", path);
    err = return_counts(call, text, size);
    free(text);
    return err;
}

/* ---- in the parent ----------------------------------------------------------------------------------------------------------- */

typedef struct source {
    const file_list_t *files;
    size_t crash, hang; /* indexes; count of files for none */
} source_t;

static double seconds(void) {
    return (double)apr_time_now() / 1e6;
}

/* A list of arguments for every file, in one block. */
static const mproc_args_t **make_lists(const source_t *source) {
    size_t count = source->files->count;
    const mproc_args_t **lists = malloc(count * (sizeof *lists + sizeof(mproc_args_t) + 2 * sizeof(mproc_arg_t)));
    if (lists == NULL)
        return NULL;
    mproc_args_t *args = (mproc_args_t *)(lists + count);
    mproc_arg_t *items = (mproc_arg_t *)(args + count);
    for (size_t i = 0; i < count; i++) {
        items[2 * i] = mproc_arg_string(source->files->entries[i].path);
        items[2 * i + 1] = mproc_arg_int(i == source->crash ? CRASH : i == source->hang ? HANG : BEHAVE);
        args[i] = (mproc_args_t){2, &items[2 * i]};
        lists[i] = &args[i];
    }
    return lists;
}

/* Runs all files through a pool of so many workers (0: as many as there are processors). */
static int count_files(const source_t *source, int workers, bool progress, double *out_seconds,
                       mproc_result_t **out_result) {
    mproc_pool_t *pool = NULL;
    const mproc_args_t **lists = make_lists(source);
    mproc_task_options_t options = {.timeout_ms = FILE_TIMEOUT_MS};
    double start = seconds();
    *out_result = NULL;
    int err = lists == NULL
                  ? MPROC_ENOMEM
                  : mproc_pool_create(&(mproc_pool_options_t){.processes = workers, .progress = progress}, &pool);
    if (err == MPROC_OK)
        err = mproc_pool_starmap_async(pool, &count_words, MPROC_ARGLISTS(lists, source->files->count), MPROC_KEEP,
                                       &options, out_result);
    if (err == MPROC_OK)
        err = mproc_result_wait(*out_result, MPROC_FOREVER);
    *out_seconds = seconds() - start;
    mproc_pool_destroy(pool);
    free((void *)lists);
    if (err != MPROC_OK)
        fprintf(stderr, "demo: %s\n", mproc_last_error()->message);
    return err;
}

/* Adds up what came, and says of each file that is missing why. */
static size_t sum_up(const file_list_t *files, mproc_result_t *result, word_table_t *table, int64_t *out_bytes) {
    size_t failed = 0;
    char text[8192];
    *out_bytes = 0;
    for (size_t i = 0; i < files->count; i++) {
        mproc_item_t item;
        if (mproc_result_item(result, i, &item) != MPROC_OK)
            continue;
        if (item.code == MPROC_OK && word_table_merge(table, item.data, item.size)) {
            *out_bytes += files->entries[i].size;
            continue;
        }
        failed++;
        (void)mproc_error_format(item.error, text, sizeof text);
        printf("missing: %s\n  %s\n", files->entries[i].path, text);
    }
    return failed;
}

static void print_table(const word_table_t *table) {
    const word_entry_t *top[TOP];
    size_t count = word_table_top(table, top, TOP);
    for (size_t i = 0; i < count; i++)
        printf("%2zu. %-24s %12" PRIu64 "\n", i + 1, top[i]->word, top[i]->count);
}

/* The same files without mishaps, with one worker and with all, now that the system has them in memory. */
static int compare_times(const file_list_t *files, int64_t bytes) {
    source_t source = {files, files->count, files->count};
    double one = 0, all = 0;
    mproc_result_t *result = NULL;
    int err = count_files(&source, 1, false, &one, &result);
    mproc_result_release(result);
    if (err == MPROC_OK)
        err = count_files(&source, 0, false, &all, &result);
    if (err == MPROC_OK) {
        mproc_result_release(result);
        printf("one worker: %.2f s, %.1f MB/s; %d workers: %.2f s, %.1f MB/s: %.2f times as fast\n", one,
               (double)bytes / 1e6 / one, mproc_cpu_count(), all, (double)bytes / 1e6 / all, one / all);
    }
    return err;
}

static int count_all(const source_t *source) {
    word_table_t table = {0};
    mproc_result_t *result = NULL;
    int64_t bytes = 0;
    double took = 0;
    int err = count_files(source, 0, true, &took, &result);
    if (err == MPROC_OK) {
        size_t failed = sum_up(source->files, result, &table, &bytes);
        print_table(&table);
        printf("%zu files, %zu missing, %zu different words, %.1f MB in %.2f s\n", source->files->count - failed,
               failed, table.used, (double)bytes / 1e6, took);
        mproc_result_release(result);
        err = compare_times(source->files, bytes);
    }
    word_table_free(&table);
    return err;
}

static int usage(void) {
    fprintf(stderr, "usage: demo [--crash] [--hang] [PATH...]\n");
    return EXIT_FAILURE;
}

static int unreadable(file_list_t *files, const char *path) {
    fprintf(stderr, "demo: cannot read %s\n", path);
    files_free(files);
    return EXIT_FAILURE;
}

int main(int argc, char **argv) {
    file_list_t files = {0};
    bool crash = false, hang = false, paths = false;
    if (mproc_init(&argc, &argv) != MPROC_OK) {
        fprintf(stderr, "demo: %s\n", mproc_last_error()->message);
        return EXIT_FAILURE;
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--crash") == 0)
            crash = true;
        else if (strcmp(argv[i], "--hang") == 0)
            hang = true;
        else if (argv[i][0] == '-')
            return usage();
        else if (files_add(&files, argv[i], NULL))
            paths = true;
        else
            return unreadable(&files, argv[i]);
    }
    if (!paths)
        files_add_default(&files);
    files_sort(&files);
    source_t source = {&files, crash ? files.count / 3 : files.count, hang ? files.count / 2 : files.count};
    if (files.count == 0)
        fprintf(stderr, "demo: no files found; name some, or folders with some\n");
    int err = files.count > 0 ? count_all(&source) : MPROC_EINVAL;
    files_free(&files);
    return err == MPROC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
