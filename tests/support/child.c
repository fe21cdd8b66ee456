/* SPDX-License-Identifier: Apache-2.0 */
/* The one program that tests start as a child: its first argument is a verb, the rest are the verb's. It stands on the
 * platform layer alone, and knows nothing of tasks. */
#include "child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child_host.h"

/* How it ends when it could not even begin what it was told. */
enum { EXIT_UNKNOWN_VERB = 99, EXIT_NOT_BEGUN = 98, EXIT_SPAWN_FAILED = 97 };

typedef int verb_function_t(int argc, char **argv, mplat_link_t *link);

static long number(int argc, char **argv, int index) {
    return index < argc ? strtol(argv[index], NULL, 10) : 0;
}

static int verb_exit(int argc, char **argv, mplat_link_t *link) {
    (void)link;
    mplat_self_exit((int)number(argc, argv, 1));
}

/* Ends as a program does that returns from main: streams are flushed. */
static int verb_return(int argc, char **argv, mplat_link_t *link) {
    (void)link;
    return (int)number(argc, argv, 1);
}

/* Each text is preceded by its length, so that any character can be in it. */
static void print_text(const char *text) {
    printf("%zu:", strlen(text));
    fwrite(text, 1, strlen(text), stdout);
}

static int verb_args(int argc, char **argv, mplat_link_t *link) {
    (void)link;
    for (int i = 1; i < argc; i++)
        print_text(argv[i]);
    return 0;
}

static int verb_env(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)argv, (void)link;
    for (char **entry = host_environment(); *entry != NULL; entry++)
        print_text(*entry);
    return 0;
}

static int verb_directory(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)argv, (void)link;
    char path[4096];
    if (!host_directory(path, sizeof path))
        return 1;
    fputs(path, stdout);
    return 0;
}

static int verb_executable(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)argv, (void)link;
    char path[4096];
    if (mplat_executable_path(path, sizeof path) != 0)
        return 1;
    fputs(path, stdout);
    return 0;
}

static int verb_handles(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)argv, (void)link;
    printf("%zu", host_count_handles());
    return 0;
}

/* Exit code 1 when any of the handles is open here. */
static int verb_is_open(int argc, char **argv, mplat_link_t *link) {
    (void)link;
    for (int i = 1; i < argc; i++)
        if (host_handle_is_open((intptr_t)number(argc, argv, i)))
            return 1;
    return 0;
}

static int verb_cat(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)argv, (void)link;
    for (int c = getchar(); c != EOF; c = getchar()) {
        putchar(c);
        fflush(stdout);
    }
    return ferror(stdout) != 0 ? 1 : 0;
}

/* Writes its arguments to standard output and standard error in turn. */
static int verb_say(int argc, char **argv, mplat_link_t *link) {
    (void)link;
    for (int i = 1; i < argc; i++) {
        fputs(argv[i], i % 2 != 0 ? stdout : stderr);
        fflush(NULL);
    }
    return 0;
}

static int verb_sleep(int argc, char **argv, mplat_link_t *link) {
    (void)link;
    mplat_sleep_ms(number(argc, argv, 1));
    return 0;
}

/* Computes for ever with all signals blocked: only the system can end it. Says so first. */
static int verb_spin(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)argv, (void)link;
    host_deafen();
    fputs("u", stdout);
    fflush(stdout);
    static volatile int never;
    while (!never) {}
    return 0;
}

static int verb_crash(int argc, char **argv, mplat_link_t *link) {
    if (link != NULL && child_crash_report(link) != 0)
        return 1;
    return argc > 1 && child_crash(argv[1]) ? 0 : 2;
}

static int verb_priority(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)argv, (void)link;
    return host_priority();
}

static int verb_processors(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)argv, (void)link;
    printf("%d %d", host_affinity_count(), mplat_cpu_count());
    return 0;
}

/* Says so, sleeps so many milliseconds, and says so again. */
static int verb_linger(int argc, char **argv, mplat_link_t *link) {
    (void)link;
    fputs("u", stdout);
    fflush(stdout);
    mplat_sleep_ms(number(argc, argv, 1));
    fputs("v", stdout);
    return 0;
}

/* One bit of the exit code for each standard stream. */
static int verb_terminals(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)argv, (void)link;
    return (mplat_is_terminal(0) ? 1 : 0) | (mplat_is_terminal(1) ? 2 : 0) | (mplat_is_terminal(2) ? 4 : 0);
}

/* Ignores a polite end, says so, and sleeps. */
static int verb_deaf(int argc, char **argv, mplat_link_t *link) {
    (void)link;
    host_deafen();
    fputs("u", stdout);
    fflush(stdout);
    mplat_sleep_ms(number(argc, argv, 1));
    return 0;
}

/* Opens handles until there are no more, at most so many; prints how many there were and what ended it. */
static int verb_fill_handles(int argc, char **argv, mplat_link_t *link) {
    (void)link;
    long count = 0;
    int err = 0;
    for (; count < number(argc, argv, 1) && err == 0; count++) {
        mplat_handle_t handle;
        err = mplat_null_open(&handle);
    }
    printf("%ld %d", count, err);
    fflush(stdout);
    mplat_self_exit(0); /* what runs at a usual exit may want a handle */
}

/* Exit code 0 when so many MiB can be had and used, 1 when not. */
static int verb_allocate(int argc, char **argv, mplat_link_t *link) {
    (void)link;
    size_t size = (size_t)number(argc, argv, 1) << 20;
    char *block = malloc(size + 1);
    volatile char *used = block;
    for (size_t i = 0; block != NULL && i < size; i += 4096)
        used[i] = 1;
    int code = block != NULL ? 0 : 1;
    free(block);
    return code;
}

/* Computes for so many milliseconds of this clock. */
static int verb_compute(int argc, char **argv, mplat_link_t *link) {
    (void)link;
    int64_t end = mplat_clock_ns() + number(argc, argv, 1) * INT64_C(1000000);
    while (mplat_clock_ns() < end) {}
    return 0;
}

static int verb_parent(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)argv, (void)link;
    printf("%lld %lld", (long long)mplat_self_pid(), (long long)mplat_parent_pid());
    return 0;
}

static int verb_serve(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)argv;
    return link != NULL ? child_serve(link) : EXIT_NOT_BEGUN;
}

/* Starts this executable again with the verb in argv[1], standard streams shared; a link unless mode says "detached". */
static int respawn(char **argv, bool detached, mplat_process_t **out_process, mplat_link_t **out_link) {
    const char *arguments[16] = {"child"};
    for (int i = 1; i < 15 && argv[i] != NULL; i++)
        arguments[i] = argv[i];
    mplat_spawn_options_t options = {.argv = arguments, .link = !detached, .detached = detached};
    int err = mplat_spawn(&options, out_process, out_link);
    if (err != 0)
        fprintf(stderr, "respawn: %s\n", mplat_error_text(err));
    return err;
}

static int run_again(char **argv, bool detached) {
    mplat_process_t *process = NULL;
    mplat_link_t *link = NULL;
    if (respawn(argv, detached, &process, &link) != 0)
        return EXIT_SPAWN_FAILED;
    mplat_exit_t how = {0};
    mplat_process_wait(process, -1);
    mplat_process_exit(process, &how);
    mplat_process_destroy(process);
    mplat_link_destroy(link);
    return (int)how.code;
}

/* "again VERB…": a child of this child does VERB; this one waits for it and ends with its code. */
static int verb_again(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)link;
    return run_again(argv, false);
}

static int verb_again_detached(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)link;
    return run_again(argv, true);
}

/* "again-twice VERB…": two children of this child do VERB. */
static int verb_again_twice(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)link;
    mplat_process_t *process = NULL;
    mplat_link_t *below = NULL;
    if (respawn(argv, false, &process, &below) != 0)
        return EXIT_SPAWN_FAILED;
    int code = run_again(argv, false);
    mplat_process_wait(process, -1);
    mplat_process_destroy(process);
    mplat_link_destroy(below);
    return code;
}

/* "again-when-told VERB…": the same as again, once a message has come. */
static int verb_again_when_told(int argc, char **argv, mplat_link_t *link) {
    (void)argc;
    char message[16];
    size_t size;
    mplat_link_receive(link, message, sizeof message, &size, NULL, NULL, -1);
    return run_again(argv, false);
}

/* "leave VERB…": starts a child for VERB, and ends without it once standard input does. */
static int verb_leave(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)link;
    mplat_process_t *process = NULL;
    mplat_link_t *below = NULL;
    if (respawn(argv, false, &process, &below) != 0)
        return EXIT_SPAWN_FAILED;
    while (getchar() != EOF) {}
    mplat_self_exit(0); /* with the child and its link still there */
}

/* "chain N": passes messages on from N further levels below, each level adding its number behind them. */
static int verb_chain(int argc, char **argv, mplat_link_t *link) {
    long levels = number(argc, argv, 1);
    char message[256];
    if (link == NULL)
        return EXIT_NOT_BEGUN;
    if (levels == 0) {
        for (int i = 0; i < 100; i++) {
            int size = snprintf(message, sizeof message, "%d:0", i);
            if (mplat_link_send(link, message, (size_t)size, NULL, 0, -1) != 0)
                return 1;
        }
        return 0;
    }

    char next[24];
    snprintf(next, sizeof next, "%ld", levels - 1);
    char *below_argv[] = {argv[0], argv[0], next, NULL};
    mplat_process_t *process = NULL;
    mplat_link_t *below = NULL;
    if (respawn(below_argv, false, &process, &below) != 0)
        return EXIT_SPAWN_FAILED;
    size_t size;
    int err;
    while ((err = mplat_link_receive(below, message, sizeof message - 16, &size, NULL, NULL, -1)) == 0) {
        size += (size_t)snprintf(message + size, 16, ",%ld", levels);
        if (mplat_link_send(link, message, size, NULL, 0, -1) != 0)
            break;
    }
    mplat_process_wait(process, -1);
    mplat_process_destroy(process);
    mplat_link_destroy(below);
    return err == MPLAT_ECLOSED ? 0 : 1;
}

/* Spawns a child while its own three standard streams are closed; tells over the link how that went. */
static int verb_streamless(int argc, char **argv, mplat_link_t *link) {
    (void)argc, (void)argv;
    host_close_streams();
    char *arguments[] = {"child", "exit", "42", NULL};
    mplat_process_t *process = NULL;
    mplat_link_t *below = NULL;
    mplat_exit_t how = {0};
    int err = respawn(arguments, false, &process, &below);
    if (err == 0) {
        mplat_process_wait(process, -1);
        mplat_process_exit(process, &how);
    }
    char message[64];
    int size = snprintf(message, sizeof message, "%d %d %u", err, (int)how.kind, (unsigned)how.code);
    mplat_link_send(link, message, (size_t)size, NULL, 0, -1);
    mplat_process_destroy(process);
    mplat_link_destroy(below);
    return 0;
}

static const struct {
    const char *name;
    verb_function_t *run;
} verbs[] = {
    {"exit", verb_exit},
    {"return", verb_return},
    {"args", verb_args},
    {"env", verb_env},
    {"directory", verb_directory},
    {"executable", verb_executable},
    {"handles", verb_handles},
    {"is-open", verb_is_open},
    {"cat", verb_cat},
    {"say", verb_say},
    {"sleep", verb_sleep},
    {"linger", verb_linger},
    {"deaf", verb_deaf},
    {"spin", verb_spin},
    {"crash", verb_crash},
    {"priority", verb_priority},
    {"processors", verb_processors},
    {"allocate", verb_allocate},
    {"compute", verb_compute},
    {"fill-handles", verb_fill_handles},
    {"parent", verb_parent},
    {"serve", verb_serve},
    {"terminals", verb_terminals},
    {"again", verb_again},
    {"again-detached", verb_again_detached},
    {"again-twice", verb_again_twice},
    {"again-when-told", verb_again_when_told},
    {"leave", verb_leave},
    {"chain", verb_chain},
    {"streamless", verb_streamless},
};

int main(int argc, char **argv) {
    mplat_link_t *link = NULL;
    int err = mplat_child_begin(&link);
    if (err != 0) {
        fprintf(stderr, "child: begin: %s\n", mplat_error_text(err));
        return EXIT_NOT_BEGUN;
    }
    host_utf8_args(&argc, &argv);
    host_binary_streams();
    int code = EXIT_UNKNOWN_VERB;
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, argv[1]) == 0)
            code = verbs[i].run(argc - 1, argv + 1, link);
    mplat_link_destroy(link);
    return code;
}
