/* SPDX-License-Identifier: Apache-2.0 */
/* numbers.c: a map over a million numbers, once by a task for each number and once by a task that takes its whole chunk. */
#include <inttypes.h>
#include <mproc/mproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 1000000

MPROC_TASK(square) {
    const void *input = NULL;
    void *room = NULL;
    size_t size = 0;
    int64_t number = 0;
    mproc_call_input(call, &input, &size);
    int err = mproc_call_reserve(call, sizeof number, &room);
    if (err != MPROC_OK)
        return err;
    memcpy(&number, input, sizeof number);
    number *= number;
    memcpy(room, &number, sizeof number);
    return MPROC_OK;
}

MPROC_TASK(square_chunk) {
    const void *input = NULL;
    void *output = NULL;
    size_t count = 0;
    int err = mproc_call_chunk(call, &input, &output, &count);
    if (err != MPROC_OK)
        return err;
    const int64_t *from = input;
    int64_t *to = output;
    for (size_t i = 0; i < count; i++)
        to[i] = from[i] * from[i];
    return MPROC_OK;
}

static int64_t numbers[COUNT], squares[COUNT];

static int run(mproc_pool_t *pool, const mproc_task_t *task) {
    int64_t wrong = 0;
    memset(squares, 0, sizeof squares);
    int err = mproc_pool_map(pool, task, MPROC_ARRAY(numbers, COUNT), MPROC_INTO(squares, COUNT), NULL);
    if (err != MPROC_OK) {
        fprintf(stderr, "numbers: %s\n", mproc_last_error()->message);
        return err;
    }
    for (int64_t i = 0; i < COUNT; i++)
        wrong += squares[i] != i * i;
    printf("%s: %d numbers, the last %" PRId64 ", %" PRId64 " wrong\n", task->name, COUNT, squares[COUNT - 1], wrong);
    return wrong == 0 ? MPROC_OK : MPROC_ESYSTEM;
}

int main(int argc, char **argv) {
    mproc_pool_t *pool = NULL;
    if (mproc_init(&argc, &argv) != MPROC_OK)
        return EXIT_FAILURE;
    for (int64_t i = 0; i < COUNT; i++)
        numbers[i] = i;
    int err = mproc_pool_create(NULL, &pool);
    if (err == MPROC_OK)
        err = run(pool, &square);
    if (err == MPROC_OK)
        err = run(pool, &square_chunk);
    mproc_pool_destroy(pool);
    return err == MPROC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
