/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_main.c: main of the spawning peers: times how they start the benchmark's own program, doing
 * nothing. usage: peer_NAME PROCESSES_AT_ONCE BYTES_TOUCHED, with the program in MPROC_BENCH_PROGRAM.
 * Prints microseconds. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "spawning.h"

/* Stops after a second or so: with fork, a large parent needs a quarter of one for each process. */
enum { ROUNDS_MAX = 101, ROUNDS_MIN = 5, NS_MAX = 1500 * 1000 * 1000, PAGE = 4096 };

static int64_t clock_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int touch(size_t size) {
    if (size == 0)
        return 0;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -1;
    (void)madvise(memory, size, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < size; at += PAGE)
        memory[at] = 1;
    return 0;
}

int main(int argc, char **argv) {
    const char *program = getenv("MPROC_BENCH_PROGRAM");
    const char *const child[] = {program, "--nothing", NULL};
    int64_t times[ROUNDS_MAX], began = 0;
    size_t rounds = 0;
    size_t at_once = argc == 3 ? (size_t)strtoull(argv[1], NULL, 10) : 0;
    if (program == NULL || at_once == 0 || at_once > PEER_AT_ONCE_MAX)
        return 2;
    if (touch((size_t)strtoull(argv[2], NULL, 10)) != 0 || peer_open() != 0 || peer_spawn_all(child, at_once) != 0)
        return 1;
    began = clock_ns();
    while (rounds < ROUNDS_MAX && (rounds < ROUNDS_MIN || clock_ns() - began < NS_MAX)) {
        int64_t start = clock_ns();
        if (peer_spawn_all(child, at_once) != 0)
            return 1;
        times[rounds++] = clock_ns() - start;
    }
    qsort(times, rounds, sizeof *times, compare);
    int64_t median = times[rounds / 2];
    (void)printf("%.2f\n", (double)median / 1e3);
    return 0;
}
