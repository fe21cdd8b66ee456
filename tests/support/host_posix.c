/* SPDX-License-Identifier: Apache-2.0 */
/* Time, sleep and temporary folders for the harness on POSIX. */
#include "host.h"
#include "test.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

bool test_on_wine(void) {
    return false;
}

void test_sleep_ms(int ms) {
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

int64_t test_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool host_make_temp_dir(char *out_path, size_t size) {
    const char *base = getenv("TMPDIR");
    int length = snprintf(out_path, size, "%s/mproc-test-XXXXXX", base != NULL && base[0] != '\0' ? base : "/tmp");
    return length > 0 && (size_t)length < size && mkdtemp(out_path) != NULL;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void host_remove_tree(const char *path) {
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
