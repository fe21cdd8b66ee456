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
    const mproc_args_t **lists =
        malloc(count * (sizeof(mproc_args_t *) + sizeof(mproc_args_t) + 2 * sizeof(mproc_arg_t)));
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
static int count_files(const source_t *source, int workers, double *out_seconds, mproc_result_t **out_result) {
    mproc_pool_t *pool = NULL;
    const mproc_args_t **lists = make_lists(source);
    mproc_task_options_t options = {.timeout_ms = FILE_TIMEOUT_MS};
    double start = seconds();
    *out_result = NULL;
    int err = lists == NULL ? MPROC_ENOMEM
                            : mproc_pool_create(&(mproc_pool_options_t){.processes = workers, .progress = true}, &pool);
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

typedef struct summary {
    word_table_t words;
    size_t counted, without_words, missing; /* files */
    int64_t bytes;                          /* of those counted */
} summary_t;

/* Adds up what came, and says of each file that is missing why. */
static void sum_up(const file_list_t *files, mproc_result_t *result, summary_t *sum) {
    for (size_t i = 0; i < files->count; i++) {
        mproc_item_t item;
        if (mproc_result_item(result, i, &item) != MPROC_OK)
            continue;
        if (item.code == MPROC_OK && item.size == 0) {
            sum->without_words++;
        } else if (item.code == MPROC_OK && word_table_merge(&sum->words, item.data, item.size)) {
            sum->counted++;
            sum->bytes += files->entries[i].size;
        } else {
            sum->missing++;
            printf("missing: %s: %s\n", files->entries[i].path,
                   item.error != NULL ? item.error->message : "no memory for its words");
        }
    }
}

/* 1234567 as 1,234,567. */
static const char *grouped(char text[32], uint64_t number) {
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, number), used = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

static void print_top(const word_table_t *table) {
    static const char stars[] = "****************************************";
    const word_entry_t *top[TOP];
    char number[32];
    size_t count = word_table_top(table, top, TOP);
    for (size_t i = 0; i < count; i++)
        printf("%4zu  %-16s %14s  %.*s\n", i + 1, top[i]->word, grouped(number, top[i]->count),
               (int)(top[i]->count * (sizeof stars - 1) / top[0]->count), stars);
}

static void print_summary(const summary_t *sum) {
    char files[32], bytes[32], different[32];
    printf("\n");
    print_top(&sum->words);
    printf("\n%s files, %s bytes, %s different words", grouped(files, sum->counted),
           grouped(bytes, (uint64_t)sum->bytes), grouped(different, sum->words.used));
    if (sum->without_words > 0)
        printf("; %s files are no text", grouped(files, sum->without_words));
    printf("; %zu missing\n", sum->missing);
}

static void print_time(int workers, int64_t bytes, double took, double one) {
    printf("%6d worker%s %8.2f s %9.1f MB/s", workers, workers == 1 ? " " : "s", took, (double)bytes / 1e6 / took);
    if (one > 0)
        printf("   %.2f times as fast", one / took);
    printf("\n");
}

/* The same files without mishaps, with one worker and with all, now that the system has them in memory. */
static int compare_times(const file_list_t *files, int64_t bytes) {
    source_t source = {files, files->count, files->count};
    double one = 0, all = 0;
    mproc_result_t *result = NULL;
    printf("\nOnce more with one worker and with all, for the time:\n");
    fflush(stdout);
    int err = count_files(&source, 1, &one, &result);
    mproc_result_release(result);
    if (err == MPROC_OK)
        err = count_files(&source, 0, &all, &result);
    mproc_result_release(result);
    if (err == MPROC_OK) {
        print_time(1, bytes, one, 0);
        print_time(mproc_cpu_count(), bytes, all, one);
    }
    return err;
}

static int count_all(const source_t *source) {
    summary_t sum = {0};
    mproc_result_t *result = NULL;
    double took = 0;
    char number[32];
    printf("Counting the words of %s files with %d workers.\n", grouped(number, source->files->count),
           mproc_cpu_count());
    fflush(stdout);
    int err = count_files(source, 0, &took, &result);
    if (err == MPROC_OK) {
        sum_up(source->files, result, &sum);
        print_summary(&sum);
        mproc_result_release(result);
        err = compare_times(source->files, sum.bytes);
    }
    word_table_free(&sum.words);
    return err;
}

int main(int argc, char **argv) {
    file_list_t files = {0};
    bool crash = false, hang = false;
    const files_flag_t flags[] = {{"--crash", &crash}, {"--hang", &hang}, {NULL, NULL}};
    if (mproc_init(&argc, &argv) != MPROC_OK) {
        fprintf(stderr, "demo: %s\n", mproc_last_error()->message);
        return EXIT_FAILURE;
    }
    int err = MPROC_EINVAL;
    if (files_from_arguments(&files, "demo", argv, flags)) {
        source_t source = {&files, crash ? files.count / 3 : files.count, hang ? files.count / 2 : files.count};
        err = count_all(&source);
    }
    files_free(&files);
    return err == MPROC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
