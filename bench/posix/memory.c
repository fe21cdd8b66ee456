/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c: memory.h from /proc. */
#include "posix/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum { SETTLE_MS = 40, SETTLE_TURNS = 50 };

/* Finds "key: number kB" in a file of /proc; negative when it is not there. */
static double read_kib(const char *path, const char *key) {
    char line[256];
    double kib = -1;
    size_t length = strlen(key);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return -1;
    while (kib < 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            kib = strtod(line + length + 1, NULL);
    (void)fclose(file);
    return kib;
}

int memory_pss(int64_t pid, double *out_bytes) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%lld/smaps_rollup", (long long)(pid != 0 ? pid : getpid()));
    *out_bytes = read_kib(path, "Pss") * 1024;
    return *out_bytes >= 0 ? BENCH_OK : bench_fail("no Pss in %s", path);
}

int memory_settled_pss(int64_t pid, double *out_bytes) {
    double before = -1;
    int err = memory_pss(pid, out_bytes);
    for (int turn = 0; err == BENCH_OK && turn < SETTLE_TURNS && (*out_bytes < before || *out_bytes > before); turn++) {
        before = *out_bytes;
        memory_sleep_ms(SETTLE_MS);
        err = memory_pss(pid, out_bytes);
    }
    return err;
}

int memory_touch(size_t size, void **out_memory) {
    double available = read_kib("/proc/meminfo", "MemAvailable") * 1024;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    *out_memory = NULL;
    if (available < (double)size * 1.25)
        return bench_skip("only %.1f GiB of memory are free", available / (1 << 30));
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return bench_fail("mmap: %s", strerror(errno));
    (void)madvise(memory, size, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < size; at += page)
        memory[at] = 1;
    *out_memory = memory;
    return BENCH_OK;
}

void memory_release(void *memory, size_t size) {
    if (memory != NULL)
        (void)munmap(memory, size);
}

int64_t memory_self_pid(void) {
    return getpid();
}

void memory_sleep_ms(int ms) {
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    (void)nanosleep(&time, NULL);
}
