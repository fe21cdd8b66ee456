/* SPDX-License-Identifier: Apache-2.0 */
/* Files of traces where disks are full, and the tests' own reader of JSON. */
#include "trace_file.h"

#include "json.h"
#include "process_host.h"
#include "report.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static const char event[] = "{\"name\":\"one\"}";

/* The first trace of a program makes a lock, which stays. */
static void warm_up(void) {
    mproc_trace_file_t *file = NULL;
    int pool = 0;
    (void)mproc_trace_file_open("no/such/folder/trace.json", &file, &pool);
}
TEST_WARM_UP(warm_up)

static bool is_json(const char *text) {
    size_t at = 0;
    return json_valid(text, strlen(text), &at);
}

TEST(json, reader_takes_what_is_json) {
    static const char *const good[] = {
        "0", "-1.5e+3", " [ ] ", "{}", "[1,2]", "{\"a\":{\"b\":[true,false,null]}}", "\"\\u00e4\\n\"", "\"\xc3\xa4\"",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        test_assert(is_json(good[i]), TEST_HERE, false, "%s", good[i]);
}

TEST(json, reader_refuses_what_is_not) {
    static const char *const bad[] = {
        "",         "[1,]", "[1",       "{\"a\"}", "{a:1}",     "01",           "1.",
        ".5",       "+1",   "\"a\nb\"", "\"\\x\"", "\"\\u12\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"",
        "\"\xff\"", "nul",  "[1]]",     "[1 2]",   "\"open",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        test_assert(!is_json(bad[i]), TEST_HERE, false, "%s", bad[i]);
}

static void read_file(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "rb");
    REQUIRE(file != NULL);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

TEST(trace_file, is_complete_after_every_write) {
    char path[1024], text[1024];
    mproc_trace_file_t *file = NULL;
    int pool = 0;
    test_temp_path("trace.json", path, sizeof path);
    REQUIRE_OK(mproc_trace_file_open(path, &file, &pool));
    CHECK_EQ_INT(pool, 1);
    read_file(path, text, sizeof text);
    CHECK_EQ_STR(text, "[\n]\n");
    mproc_trace_file_add(file, event, sizeof event - 1);
    mproc_trace_file_flush(file);
    read_file(path, text, sizeof text);
    CHECK_EQ_STR(text, "[\n{\"name\":\"one\"}\n]\n");
    mproc_trace_file_add(file, event, sizeof event - 1);
    mproc_trace_file_close(file);
    read_file(path, text, sizeof text);
    CHECK_EQ_STR(text, "[\n{\"name\":\"one\"},\n{\"name\":\"one\"}\n]\n");
    CHECK(is_json(text));
    mproc_trace_files_fini();
}

TEST(trace_file, names_of_one_path_are_one_file) {
    char path[1024], other[1024];
    mproc_trace_file_t *files[2] = {NULL};
    int pool = 0;
    test_temp_path("trace.json", path, sizeof path);
    test_temp_path("./trace.json", other, sizeof other);
    REQUIRE_OK(mproc_trace_file_open(path, &files[0], &pool));
    REQUIRE_OK(mproc_trace_file_open(other, &files[1], &pool));
    CHECK(files[0] == files[1]);
    CHECK_EQ_INT(pool, 2);
    mproc_trace_file_close(files[0]);
    mproc_trace_file_close(files[1]);
    mproc_trace_files_fini();
}

TEST(trace_file, full_disk_costs_the_trace_and_nothing_else) {
    mproc_trace_file_t *file = NULL;
    int pool = 0;
    char path[1024];
    static char text[200000];
    test_temp_path("trace.json", path, sizeof path);
    REQUIRE_OK(mproc_trace_file_open(path, &file, &pool));
    if (host_limit_files(100000)) {
        for (int i = 0; i < 20000; i++)
            mproc_trace_file_add(file, event, sizeof event - 1);
        mproc_trace_file_close(file);
        host_unlimit_files();
        read_file(path, text, sizeof text);
        CHECK(is_json(text));
        CHECK_HAS_STR(text, event);
    } else {
        mproc_trace_file_close(file);
        mproc_trace_files_fini();
        SKIP("this system does not limit files");
    }
    mproc_trace_files_fini();
}

static void check_no_file(const char *path) {
    mproc_trace_file_t *file = NULL;
    int pool = 0;
    CHECK_ERR(mproc_trace_file_open(path, &file, &pool), MPROC_ESYSTEM);
    CHECK(file == NULL);
    CHECK_HAS_STR(mproc_last_error()->message, "Cannot write the trace '");
    CHECK_HAS_STR(mproc_last_error()->message, "no regular file");
    mproc_trace_files_fini();
}

/* Who opens it for writing waits for somebody who reads. */
TEST(trace_file, pipe_is_refused_and_not_waited_for) {
    char path[1024];
    test_temp_path("pipe", path, sizeof path);
    if (!host_make_fifo(path))
        SKIP("this system has no pipes in folders");
    check_no_file(path);
}

TEST(trace_file, folder_is_refused) {
    char path[1024];
    test_temp_path(".", path, sizeof path);
    check_no_file(path);
}

TEST(trace_file, device_is_refused) {
    check_no_file(host_null_device());
}

TEST(trace_file, no_path_is_an_error) {
    mproc_trace_file_t *file = NULL;
    int pool = 0;
    CHECK_ERR(mproc_trace_file_open("", &file, &pool), MPROC_ESYSTEM);
    CHECK(file == NULL);
    mproc_trace_files_fini();
}
