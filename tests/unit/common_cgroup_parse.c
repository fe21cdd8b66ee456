/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about reading control groups out of text that Linux, or anybody, wrote. */
#include "platform/common/cgroup_parse.h"

#include <limits.h>
#include <string.h>

#include "tests/support/test.h"

static int cpu_max(const char *text) {
    return mplat_cgroup_cpu_max(text, strlen(text));
}

static int cpu_cfs(const char *quota, const char *period) {
    return mplat_cgroup_cpu_cfs(quota, strlen(quota), period, strlen(period));
}

TEST(cgroup_parse, quota_is_rounded_up_to_processors) {
    CHECK_EQ_INT(cpu_max("200000 100000\n"), 2);
    CHECK_EQ_INT(cpu_max("200001 100000\n"), 3);
    CHECK_EQ_INT(cpu_max("50000 100000\n"), 1);
    CHECK_EQ_INT(cpu_max("1 1000000"), 1);
    CHECK_EQ_INT(cpu_cfs("150000\n", "100000\n"), 2);
}

TEST(cgroup_parse, no_quota_is_no_limit) {
    CHECK_EQ_INT(cpu_max("max 100000\n"), 0);
    CHECK_EQ_INT(cpu_cfs("-1\n", "100000\n"), 0);
}

TEST(cgroup_parse, nonsense_is_no_limit) {
    static const char *const texts[] = {"",
                                        "\n",
                                        " ",
                                        "100000",
                                        "100000 ",
                                        "0 100000",
                                        "100000 0",
                                        "-1 5",
                                        "1e5 100000",
                                        "1  2",
                                        "1 2 3",
                                        "\xFF 1",
                                        "+1 1",
                                        "99999999999999999999999 1",
                                        "1 99999999999999999999999",
                                        "18446744073709551615 1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_EQ_INT(cpu_max(texts[i]), 0);
    CHECK_EQ_INT(cpu_cfs("", ""), 0);
    CHECK_EQ_INT(cpu_cfs("100000", ""), 0);
    CHECK_EQ_INT(cpu_cfs("9999999999", "1"), 0);
    CHECK_EQ_INT(mplat_cgroup_cpu_max(NULL, 0), 0);
}

TEST(cgroup_parse, keyed_number_is_found) {
    static const char events[] = "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\n";
    uint64_t value = 99;
    CHECK(mplat_cgroup_keyed(events, sizeof events - 1, "oom_kill", &value));
    CHECK_EQ_UINT(value, 4);
    CHECK(mplat_cgroup_keyed(events, sizeof events - 1, "oom_group_kill", &value));
    CHECK_EQ_UINT(value, 5);
    CHECK(!mplat_cgroup_keyed(events, sizeof events - 1, "kill", &value));
    CHECK_EQ_UINT(value, 0);
    CHECK(!mplat_cgroup_keyed("oom_kill x\n", 11, "oom_kill", &value));
    CHECK(!mplat_cgroup_keyed("oom_kill\n", 9, "oom_kill", &value));
    CHECK(!mplat_cgroup_keyed(NULL, 0, "oom_kill", &value));
}

static const char self_v1[] = "12:cpu,cpuacct:/docker/abc:d\n5:memory:/mem\n1:name=systemd:/init.scope\n0::/unified\n";

TEST(cgroup_parse, path_of_each_controller_is_found) {
    char path[64];
    CHECK(mplat_cgroup_path(self_v1, sizeof self_v1 - 1, "cpu", path, sizeof path));
    CHECK_EQ_STR(path, "/docker/abc:d");
    CHECK(mplat_cgroup_path(self_v1, sizeof self_v1 - 1, "cpuacct", path, sizeof path));
    CHECK_EQ_STR(path, "/docker/abc:d");
    CHECK(mplat_cgroup_path(self_v1, sizeof self_v1 - 1, "memory", path, sizeof path));
    CHECK_EQ_STR(path, "/mem");
    CHECK(mplat_cgroup_path(self_v1, sizeof self_v1 - 1, NULL, path, sizeof path));
    CHECK_EQ_STR(path, "/unified");
    CHECK(!mplat_cgroup_path(self_v1, sizeof self_v1 - 1, "cp", path, sizeof path));
    CHECK(!mplat_cgroup_path(self_v1, sizeof self_v1 - 1, "pids", path, sizeof path));
}

TEST(cgroup_parse, path_that_does_not_fit_is_not_cut) {
    char path[8];
    CHECK(!mplat_cgroup_path("0::/unified\n", 12, NULL, path, sizeof path));
    CHECK(mplat_cgroup_path("0::/unifie\n", 11, NULL, path, sizeof path));
    CHECK_EQ_STR(path, "/unifie");
}

TEST(cgroup_parse, damaged_self_cgroup_has_no_path) {
    static const char *const texts[] = {"", "\n\n", "0", "0:", "0::", "0::x", "x::/a", ":::::", "1:cpu", "1:cpu:"};
    char path[64];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK(!mplat_cgroup_path(texts[i], strlen(texts[i]), NULL, path, sizeof path));
        CHECK(!mplat_cgroup_path(texts[i], strlen(texts[i]), "cpu", path, sizeof path));
    }
    CHECK(!mplat_cgroup_path("0::/a\0b\n", 8, NULL, path, sizeof path));
}

static const char mounts_v2[] =
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:9 master:2 - cgroup2 cgroup2 rw,nsdelegate\n";
static const char mounts_v1[] =
    "33 24 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "35 24 0:31 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n";

TEST(cgroup_parse, directory_is_mount_point_and_path) {
    char directory[128];
    size_t mount;
    REQUIRE(mplat_cgroup_directory(mounts_v2, sizeof mounts_v2 - 1, NULL, "/a.slice/b", directory, sizeof directory,
                                   &mount));
    CHECK_EQ_STR(directory, "/sys/fs/cgroup/a.slice/b");
    CHECK_EQ_UINT(mount, strlen("/sys/fs/cgroup"));
    REQUIRE(mplat_cgroup_directory(mounts_v2, sizeof mounts_v2 - 1, NULL, "/", directory, sizeof directory, &mount));
    CHECK_EQ_STR(directory, "/sys/fs/cgroup");
    REQUIRE(
        mplat_cgroup_directory(mounts_v1, sizeof mounts_v1 - 1, "memory", "/m", directory, sizeof directory, &mount));
    CHECK_EQ_STR(directory, "/sys/fs/cgroup/memory/m");
    CHECK(!mplat_cgroup_directory(mounts_v1, sizeof mounts_v1 - 1, NULL, "/m", directory, sizeof directory, &mount));
    CHECK(!mplat_cgroup_directory(mounts_v1, sizeof mounts_v1 - 1, "pids", "/m", directory, sizeof directory, &mount));
}

TEST(cgroup_parse, container_root_is_taken_off_the_path) {
    char directory[128];
    size_t mount;
    REQUIRE(mplat_cgroup_directory(mounts_v1, sizeof mounts_v1 - 1, "cpu", "/docker/abc/x", directory, sizeof directory,
                                   &mount));
    CHECK_EQ_STR(directory, "/sys/fs/cgroup/cpu,cpuacct/x");
    REQUIRE(mplat_cgroup_directory(mounts_v1, sizeof mounts_v1 - 1, "cpu", "/docker/abc", directory, sizeof directory,
                                   &mount));
    CHECK_EQ_STR(directory, "/sys/fs/cgroup/cpu,cpuacct");
    REQUIRE(mplat_cgroup_directory(mounts_v1, sizeof mounts_v1 - 1, "cpu", "/docker/abcd", directory, sizeof directory,
                                   &mount));
    CHECK_EQ_STR(directory, "/sys/fs/cgroup/cpu,cpuacct");
    REQUIRE(mplat_cgroup_directory(mounts_v2, sizeof mounts_v2 - 1, NULL, "/../../host", directory, sizeof directory,
                                   &mount));
    CHECK_EQ_STR(directory, "/sys/fs/cgroup");
}

TEST(cgroup_parse, escaped_mount_points_are_read) {
    static const char text[] = "1 1 0:1 / /my\\040cg\\134x\\9 rw - cgroup2 none rw\n";
    char directory[64];
    size_t mount;
    REQUIRE(mplat_cgroup_directory(text, sizeof text - 1, NULL, "/", directory, sizeof directory, &mount));
    CHECK_EQ_STR(directory, "/my cg\\x\\9");
}

TEST(cgroup_parse, directory_that_does_not_fit_is_not_cut) {
    size_t mount;
    for (size_t size = 0; size < sizeof "/sys/fs/cgroup/abc"; size++) {
        char directory[32] = {0};
        CHECK(!mplat_cgroup_directory(mounts_v2, sizeof mounts_v2 - 1, NULL, "/abc", directory, size, &mount));
        CHECK_EQ_INT(directory[size], 0);
    }
}

TEST(cgroup_parse, damaged_mountinfo_has_no_directory) {
    static const char *const texts[] = {"",
                                        "\n",
                                        "30",
                                        "30 22 0:26 / /sys/fs/cgroup rw cgroup2",
                                        "30 22 0:26 / /sys/fs/cgroup rw -",
                                        "30 22 0:26 / - cgroup2 x y",
                                        "30 22 0:26 / relative rw - cgroup2 x y",
                                        "30 22 0:26  /x rw - cgroup2 x y",
                                        "30 22 0:26 / /a\\000b rw - cgroup2x x y"};
    char directory[64];
    size_t mount;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK(!mplat_cgroup_directory(texts[i], strlen(texts[i]), NULL, "/a", directory, sizeof directory, &mount));
    CHECK(
        !mplat_cgroup_directory("1 1 1 / /a\0b rw - cgroup2 x y", 30, NULL, "/", directory, sizeof directory, &mount));
}

TEST(cgroup_parse, ascending_ends_at_the_mount_point) {
    char directory[] = "/sys/fs/cgroup/a/b";
    size_t mount = strlen("/sys/fs/cgroup");
    CHECK(mplat_cgroup_ascend(directory, mount));
    CHECK_EQ_STR(directory, "/sys/fs/cgroup/a");
    CHECK(mplat_cgroup_ascend(directory, mount));
    CHECK_EQ_STR(directory, "/sys/fs/cgroup");
    CHECK(!mplat_cgroup_ascend(directory, mount));
    CHECK_EQ_STR(directory, "/sys/fs/cgroup");
    CHECK(!mplat_cgroup_ascend((char[]){""}, 0));
    CHECK(!mplat_cgroup_ascend((char[]){"/"}, 0));
}

TEST(cgroup_parse, any_bytes_in_never_write_past_the_buffer) {
    static const char letters[] = "0:/,\n -\\1cpuax4\0";
    uint32_t state = 4711;
    for (int round = 0; round < 20000; round++) {
        char text[64], out[24];
        size_t mount;
        uint64_t value;
        state = state * 1664525u + 1013904223u;
        size_t size = (state >> 24) % sizeof text;
        for (size_t i = 0; i < size; i++) {
            state = state * 1664525u + 1013904223u;
            text[i] = letters[(state >> 16) % sizeof letters];
        }
        memset(out, '#', sizeof out);
        int count = mplat_cgroup_cpu_max(text, size);
        CHECK(count >= 0);
        mplat_cgroup_keyed(text, size, "cpu", &value);
        mplat_cgroup_path(text, size, round % 2 == 0 ? NULL : "cpu", out, 16);
        mplat_cgroup_directory(text, size, round % 2 == 0 ? NULL : "cpu", "/a", out, 16, &mount);
        CHECK_EQ_INT(out[16], '#');
    }
}
