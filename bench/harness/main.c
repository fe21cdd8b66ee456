/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: the program mproc_bench. What it is called with makes it the benchmark, a child of the library,
 * or the other process of a limit measured by hand. */
#include <mproc/mproc.h>

#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "limits/partner.h"
#include "posix/load.h"

enum { EXIT_RAN = 0, EXIT_NOT_RUN = 1, EXIT_USAGE = 2 };

static int usage(void) {
    (void)fputs("usage: mproc_bench [NAME...] [--json FILE] [--list] [--quick] [--peers|--no-peers]\n"
                "  NAME       a case, or the beginning of several names; none: all\n"
                "  --json     write a list of {name, ours, unit, limit, ratio, bound, holds, peers}\n"
                "  --list     name the cases and say what each measures\n"
                "  --quick    a fifth of the samples\n"
                "  --no-peers leave the other libraries out\n",
                stderr);
    return EXIT_USAGE;
}

/* The name of a case means that case alone, also when others begin with it. */
static bool is_case(const char *name) {
    for (size_t i = 0; bench_cases[i] != NULL; i++)
        if (strcmp(bench_cases[i]->name, name) == 0)
            return true;
    return false;
}

static bool is_wanted(const bench_options_t *options, const char *name) {
    for (int i = 0; i < options->name_count; i++) {
        const char *wanted = options->names[i];
        if (strcmp(wanted, name) == 0 || (!is_case(wanted) && strncmp(wanted, name, strlen(wanted)) == 0))
            return true;
    }
    return options->name_count == 0;
}

static size_t select_cases(const bench_options_t *options, bench_result_t *results, size_t capacity) {
    size_t count = 0;
    for (size_t i = 0; bench_cases[i] != NULL && count < capacity; i++)
        if (is_wanted(options, bench_cases[i]->name))
            results[count++].which = bench_cases[i];
    return count;
}

/* Names gather at the front of argv, where mproc_init is done with them. Returns false for a wrong
 * argument. */
static bool read_options(int argc, char **argv, bench_options_t *options) {
    int kept = 0;
    *options = (bench_options_t){.names = (const char *const *)argv, .peers = true};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
            options->json = argv[++i];
        else if (strcmp(argv[i], "--list") == 0)
            options->list = true;
        else if (strcmp(argv[i], "--quick") == 0)
            options->quick = true;
        else if (strcmp(argv[i], "--peers") == 0)
            options->peers = true;
        else if (strcmp(argv[i], "--no-peers") == 0)
            options->peers = false;
        else if (argv[i][0] == '-')
            return false;
        else
            argv[kept++] = argv[i];
    }
    options->name_count = kept;
    return true;
}

/* Every name has to select something: a mistyped one must not look like a run without failures. */
static bool all_names_known(const bench_options_t *options) {
    for (int n = 0; n < options->name_count; n++) {
        bench_options_t one = {.names = &options->names[n], .name_count = 1};
        bench_result_t result;
        if (select_cases(&one, &result, 1) == 0) {
            (void)fprintf(stderr, "mproc_bench: no case begins with \"%s\"; --list names them\n", options->names[n]);
            return false;
        }
    }
    return true;
}

static int run(const bench_options_t *options, bench_result_t *results, size_t count) {
    int code = EXIT_RAN;
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(stderr, "[%zu/%zu] %s\n", i + 1, count, results[i].which->name);
        bench_run_case(results[i].which, options->quick, &results[i]);
        if (options->peers)
            bench_run_peers(&results[i]);
        if (results[i].status == BENCH_FAILED)
            code = EXIT_NOT_RUN;
    }
    (void)printf("load average at the end %.2f; samples of ours and limit alternate, figures are medians\n",
                 load_average());
    bench_print_table(stdout, results, count);
    if (options->json != NULL && bench_write_json(options->json, results, count) != BENCH_OK) {
        (void)fprintf(stderr, "mproc_bench: %s\n", bench_reason());
        code = EXIT_NOT_RUN;
    }
    return code;
}

static int benchmark(const bench_options_t *options) {
    size_t count = 1;
    int code = EXIT_RAN;
    bench_result_t *results = NULL;
    while (bench_cases[count] != NULL)
        count++;
    results = calloc(count, sizeof *results);
    if (results == NULL)
        return EXIT_NOT_RUN;
    count = select_cases(options, results, count);
    if (options->list)
        for (size_t i = 0; i < count; i++)
            (void)printf("%-28s %s\n", results[i].which->name, results[i].which->what);
    else
        code = run(options, results, count);
    free(results);
    return code;
}

int main(int argc, char **argv) {
    bench_options_t options;
    if (argc > 1 && strcmp(argv[1], PARTNER_NOTHING) == 0)
        return 0;
    if (argc > 1 && strcmp(argv[1], PARTNER_ARGUMENT) == 0)
        return partner_main(argc, argv);
    if (mproc_init(&argc, &argv) != MPROC_OK) {
        (void)fprintf(stderr, "mproc_bench: mproc_init: %s\n", mproc_last_error()->message);
        return EXIT_NOT_RUN;
    }
    if (!read_options(argc, argv, &options))
        return usage();
    if (!all_names_known(&options))
        return EXIT_USAGE;
    return benchmark(&options);
}
