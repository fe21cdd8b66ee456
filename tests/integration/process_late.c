/* SPDX-License-Identifier: Apache-2.0 */
/* A program that does other things before mproc_init: as a child it ends before it comes to its task. With LATE_CODE in its
 * environment it just ends; else it behaves like an interpreter, which refuses an option that it does not know and without any
 * argument reads its program from standard input. It has no harness, which would call mproc_init first. */
#include <mproc/mproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition_)                                                                                             \
    do {                                                                                                               \
        if (!(condition_)) {                                                                                           \
            printf("line %d: %s (%s)\n", __LINE__, #condition_, mproc_last_error()->message);                          \
            return 1;                                                                                                  \
        }                                                                                                              \
    } while (0)

static const char *const silent[] = {"LATE_CODE=0", NULL};

MPROC_TASK(late_task) {
    return mproc_call_return(call, 1);
}

static bool says(const char *part) {
    return strstr(mproc_last_error()->message, part) != NULL;
}

static int check_process(const char *const *environment, bool result, const char *code) {
    mproc_process_options_t options = {.target = &late_task, .environment = environment, .result = result};
    mproc_process_t *process = NULL;
    const mproc_value_t *value = NULL;
    int64_t number = 0;
    EXPECT(mproc_process_create(&options, &process) == MPROC_OK);
    EXPECT(mproc_process_start(process) == MPROC_OK);
    EXPECT(mproc_process_join(process, MPROC_FOREVER) == MPROC_ESPAWN);
    EXPECT(says(code) && says("before mproc_init took over") && says("first statement of main") &&
           says("process_late"));
    EXPECT(mproc_process_exitcode(process, &number) == MPROC_ESPAWN);
    EXPECT(mproc_process_error(process) != NULL && mproc_process_error(process)->code == MPROC_ESPAWN);
    EXPECT(mproc_process_result(process, 0, &value) == (result ? MPROC_ESPAWN : MPROC_ESTATE));
    mproc_process_destroy(process);
    return 0;
}

/* Fails at once: a replacement would do no better. */
static int check_pool(const char *const *environment, const char *code) {
    mproc_process_options_t worker = {.environment = environment};
    mproc_pool_options_t options = {.processes = 2, .worker = &worker, .restart_limit = 1000};
    mproc_pool_stats_t stats;
    mproc_pool_t *pool = NULL;
    EXPECT(mproc_pool_create(&options, &pool) == MPROC_OK);
    EXPECT(mproc_pool_apply(pool, &late_task, NULL, NULL, NULL) == MPROC_ESPAWN);
    EXPECT(says(code) && says("before mproc_init took over") && says("no more are started"));
    EXPECT(mproc_pool_stats(pool, &stats) == MPROC_OK && stats.workers_started == 2);
    mproc_pool_destroy(pool);
    return 0;
}

int main(int argc, char **argv) {
    const char *code = getenv("LATE_CODE");
    if (code != NULL)
        return (int)strtol(code, NULL, 10);
    if (argc == 1)
        while (getchar() != EOF)
            continue;
    if (argc == 1 || argv[1][0] == '-')
        return argc == 1 ? 0 : 2;
    EXPECT(mproc_init(&argc, &argv) == MPROC_OK);
    if (strcmp(argv[1], "pool") == 0)
        return check_pool(silent, "exited with code 0") != 0 || check_pool(NULL, "exited with code 2") != 0;
    return check_process(silent, false, "exited with code 0") != 0 ||
           check_process(silent, true, "exited with code 0") != 0 ||
           check_process(NULL, false, "exited with code 2") != 0 ||
           check_process(NULL, true, "exited with code 2") != 0;
}
