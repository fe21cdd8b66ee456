/* SPDX-License-Identifier: Apache-2.0 */
/* A program whose file is replaced or removed while it runs, by itself; it is built twice, with another task and another answer.
 * Its arguments: what it starts afterwards, its own path, where to move that, and what to put in its place ("-" for nothing). On
 * some systems the running file itself starts again, whatever has its name now (REPLACED_RUNS_ON); on the others there is a clear
 * error. It exits with 0 when that is so, and has no harness. */
#include <mproc/mproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition_)                                                                                             \
    do {                                                                                                               \
        if (!(condition_)) {                                                                                           \
            printf("line %d: %s (%d: %s)\n", __LINE__, #condition_, mproc_last_error()->code,                          \
                   mproc_last_error()->message);                                                                       \
            return 1;                                                                                                  \
        }                                                                                                              \
    } while (0)

MPROC_TASK(replaced_answer) {
    return mproc_call_return(call, REPLACED_ANSWER);
}

MPROC_TASK(replaced_exit) {
    (void)call;
    exit(9);
}

#if REPLACED_ANSWER != 1
MPROC_TASK(replaced_other) {
    (void)call;
    return MPROC_OK;
}
#endif

static const char *own, *moved, *other;

static bool replace(void) {
    return rename(own, moved) == 0 && (other[0] == '\0' || rename(other, own) == 0);
}

static bool says(int err, int code, const char *part) {
    return err == code && strstr(mproc_last_error()->message, part) != NULL;
}

/* What a start, and what follows from one, says where the running file cannot start again. */
static bool is_refused(int start, int later) {
    if (other[0] == '\0')
        return says(start, MPROC_ESPAWN, "Cannot start");
    return start == MPROC_OK && says(later, MPROC_EVERSION, "executable was replaced");
}

static bool is_answered(mproc_pool_t *pool) {
    mproc_result_t *result = NULL;
    const mproc_value_t *value = NULL;
    int64_t number = 0;
    bool good = mproc_pool_apply(pool, &replaced_answer, NULL, NULL, &result) == MPROC_OK &&
                mproc_result_get(result, 0, &value) == MPROC_OK && mproc_value_as_int(value, &number) == MPROC_OK;
    mproc_result_release(result);
    return good && number == 1;
}

static int check_process(void) {
    mproc_process_options_t options = {.target = &replaced_answer, .result = true};
    mproc_process_t *process = NULL;
    const mproc_value_t *value = NULL;
    int64_t number = 0;
    EXPECT(replace());
    EXPECT(mproc_process_create(&options, &process) == MPROC_OK);
    int start = mproc_process_start(process);
    int later = start == MPROC_OK ? mproc_process_result(process, MPROC_FOREVER, &value) : start;
    if (REPLACED_RUNS_ON)
        EXPECT(later == MPROC_OK && mproc_value_as_int(value, &number) == MPROC_OK && number == 1);
    else
        EXPECT(is_refused(start, later));
    mproc_process_destroy(process);
    return 0;
}

/* A pool made afterwards. */
static int check_new_pool(void) {
    mproc_pool_options_t options = {.processes = 2, .restart_limit = 1000};
    mproc_pool_stats_t stats;
    mproc_pool_t *pool = NULL;
    EXPECT(replace());
    int start = mproc_pool_create(&options, &pool);
    if (REPLACED_RUNS_ON) {
        EXPECT(start == MPROC_OK && is_answered(pool));
    } else {
        EXPECT(
            is_refused(start, start != MPROC_OK ? start : mproc_pool_apply(pool, &replaced_answer, NULL, NULL, NULL)));
        EXPECT(start != MPROC_OK || (mproc_pool_stats(pool, &stats) == MPROC_OK && stats.workers_started == 2));
    }
    mproc_pool_destroy(pool);
    return 0;
}

/* A pool made before, whose worker has to be replaced afterwards. */
static int check_old_pool(void) {
    mproc_pool_options_t options = {.processes = 1, .restart_limit = 3};
    mproc_pool_stats_t stats;
    mproc_pool_t *pool = NULL;
    EXPECT(mproc_pool_create(&options, &pool) == MPROC_OK);
    EXPECT(is_answered(pool));
    EXPECT(replace());
    EXPECT(is_answered(pool));
    EXPECT(mproc_pool_apply(pool, &replaced_exit, NULL, NULL, NULL) == MPROC_EDIED);
    if (REPLACED_RUNS_ON) {
        EXPECT(is_answered(pool));
    } else {
        int err = mproc_pool_apply(pool, &replaced_answer, NULL, NULL, NULL);
        EXPECT(other[0] == '\0' ? says(err, MPROC_ESPAWN, "Cannot start")
                                : says(err, MPROC_EVERSION, "executable was replaced"));
        EXPECT(mproc_pool_stats(pool, &stats) == MPROC_OK && stats.workers_started <= 2);
    }
    mproc_pool_destroy(pool);
    return 0;
}

int main(int argc, char **argv) {
    EXPECT(mproc_init(&argc, &argv) == MPROC_OK);
    EXPECT(argc == 5);
    own = argv[2];
    moved = argv[3];
    other = strcmp(argv[4], "-") == 0 ? "" : argv[4];
    if (strcmp(argv[1], "process") == 0)
        return check_process();
    return strcmp(argv[1], "old_pool") == 0 ? check_old_pool() : check_new_pool();
}
