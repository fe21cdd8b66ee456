/* SPDX-License-Identifier: Apache-2.0 */
/* Traces: files that viewers read whatever happens, and what stands in them. */
#include "json.h"
#include "pool_help.h"
#include "process_host.h"
#include "test.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NASTY "quote \" backslash \\ line\nend \x01 bad \xff\xc0 end"

MPROC_TASK(trace_sleep) {
    int64_t ms = 0;
    int err = mproc_call_args(call, "x", &ms);
    if (err == MPROC_OK)
        host_sleep_ms((int)ms);
    return err != MPROC_OK ? err : mproc_call_return(call, host_pid());
}

MPROC_TASK(trace_fail) {
    return mproc_call_fail(call, 3, "%s", NASTY);
}

MPROC_TASK(trace_abort) {
    (void)call;
    abort();
}

MPROC_TASK(trace_hang) {
    (void)call;
    host_sleep_forever();
}

MPROC_TASK(trace_nothing) {
    (void)call;
    return MPROC_OK;
}

static void use_pool(const char *path) {
    mproc_pool_options_t options = {.processes = 1, .trace = path};
    mproc_pool_t *pool = pool_with(&options);
    CHECK_OK(mproc_pool_apply(pool, &trace_nothing, NULL, NULL, NULL));
    end_pool(pool);
}

/* Makes a pool with a trace and ends, with that pool open. */
MPROC_TASK(trace_leave_open) {
    mproc_pool_options_t options = {.processes = 1};
    mproc_pool_t *pool = NULL;
    int err = mproc_call_args(call, "s", &options.trace);
    if (err == MPROC_OK)
        err = mproc_pool_create(&options, &pool);
    return err != MPROC_OK ? err : mproc_pool_apply(pool, &trace_nothing, NULL, NULL, NULL);
}

/* The same, and waits to be killed. */
MPROC_TASK(trace_wait_for_death) {
    int err = trace_leave_open.run(call);
    if (err == MPROC_OK)
        host_sleep_forever();
    return err;
}

/* Makes a pool that is traced because the environment says so. */
MPROC_TASK(trace_nested) {
    mproc_pool_options_t options = {.processes = 1};
    mproc_pool_t *pool = NULL;
    int err = mproc_pool_create(&options, &pool);
    if (err == MPROC_OK)
        err = mproc_pool_apply(pool, &trace_nothing, NULL, NULL, NULL);
    mproc_pool_destroy(pool);
    return err != MPROC_OK ? err : mproc_call_return(call, host_pid());
}

/* The first trace of a program makes a lock, which stays. */
static void warm_up(void) {
    mproc_pool_options_t options = {.processes = 1, .trace = "no/such/folder/trace.json"};
    mproc_pool_t *pool = NULL;
    warm_up_pool(&trace_nothing);
    warm_up_process(&trace_nothing);
    if (mproc_pool_create(&options, &pool) == MPROC_OK)
        mproc_pool_destroy(pool);
}
TEST_WARM_UP(warm_up)

/* ---- reading --------------------------------------------------------------------------------------------------------------- */

static char text[1 << 20];

/* Reads a file into text; false when there is none. */
static bool read_text(const char *path, size_t *out_size) {
    FILE *file = fopen(path, "rb");
    *out_size = 0;
    if (file == NULL)
        return false;
    *out_size = fread(text, 1, sizeof text - 1, file);
    text[*out_size] = '\0';
    fclose(file);
    return true;
}

static void read_trace(const char *path) {
    size_t size = 0, at = 0;
    REQUIRE(read_text(path, &size));
    bool valid = json_valid(text, size, &at);
    test_assert(valid, TEST_HERE, true, "%s is no JSON at byte %zu: %.80s", path, at, text + at);
}

/* Each event stands on a line. Finds the next line from `from` on that holds both texts; NULL when there is none. */
static const char *find_line(const char *from, const char *one, const char *other) {
    while (from != NULL && *from != '\0') {
        size_t length = strcspn(from, "\n");
        const char *a = strstr(from, one), *b = strstr(from, other);
        if (a != NULL && a < from + length && b != NULL && b < from + length)
            return from;
        from += length + (from[length] == '\n' ? 1 : 0);
    }
    return NULL;
}

static const char *next_line(const char *line) {
    return line + strcspn(line, "\n");
}

static int count_lines(const char *one, const char *other) {
    int count = 0;
    for (const char *at = text; (at = find_line(at, one, other)) != NULL; at = next_line(at))
        count++;
    return count;
}

static double number_in(const char *line, const char *name) {
    const char *at = strstr(line, name);
    REQUIRE(at != NULL);
    return strtod(at + strlen(name), NULL);
}

static const char *event(const char *one, const char *other) {
    const char *line = find_line(text, one, other);
    test_assert(line != NULL, TEST_HERE, true, "no event with %s and %s", one, other);
    return line;
}

static mproc_pool_t *traced_pool(int processes, char *out_path, size_t size) {
    test_temp_path("trace.json", out_path, size);
    mproc_pool_options_t options = {.processes = processes, .trace = out_path};
    return pool_with(&options);
}

/* ---- what stands in it ------------------------------------------------------------------------------------------------------ */

TEST(pool_trace, an_event_has_name_place_time_and_outcome_of_its_task) {
    char path[1024], pid[64];
    mproc_pool_t *pool = traced_pool(1, path, sizeof path);
    int64_t worker = apply_int(pool, &trace_sleep, 40);
    end_pool(pool);
    read_trace(path);
    const char *line = event("\"ph\":\"X\"", "\"name\":\"trace_sleep\"");
    (void)snprintf(pid, sizeof pid, "\"pid\":%" PRId64 "}", worker);
    CHECK(find_line(line, "\"outcome\":\"ok\",\"item\":0,\"items\":1,\"failed\":0", pid) == line);
    CHECK(number_in(line, "\"dur\":") >= 39000.0);
    CHECK(number_in(line, "\"ts\":") > 0.0);
    CHECK_EQ_INT((int64_t)number_in(line, "\"pid\":"), host_pid());
}

TEST(pool_trace, each_worker_has_a_row_with_its_name) {
    char path[1024];
    mproc_pool_t *pool = traced_pool(2, path, sizeof path);
    mproc_result_t *result = NULL;
    REQUIRE_OK(mproc_pool_apply(pool, &trace_sleep, MPROC_ARGS(1), NULL, NULL));
    for (int up = 0; up < 2;) {
        REQUIRE_OK(mproc_pool_run_on_all(pool, &trace_nothing, NULL, NULL, &result));
        up = (int)mproc_result_count(result);
        CHECK_OK(done(result));
    }
    end_pool(pool);
    read_trace(path);
    CHECK(strstr(event("\"process_name\"", "\"ph\":\"M\""), "pool_trace") != NULL);
    CHECK_EQ_INT((int64_t)number_in(event("\"thread_name\"", "\"worker 0\""), "\"tid\":"), 1);
    CHECK_EQ_INT((int64_t)number_in(event("\"thread_name\"", "\"worker 1\""), "\"tid\":"), 2);
    CHECK_EQ_INT(count_lines("\"ph\":\"i\"", "\"worker up\""), 2);
    CHECK_EQ_INT(count_lines("\"ph\":\"i\"", "\"worker down\""), 2);
    CHECK(find_line(text, "\"ph\":\"X\"", "\"tid\":2") != NULL);
}

TEST(pool_trace, failures_say_what_became_of_the_task) {
    char path[1024];
    mproc_pool_t *pool = traced_pool(1, path, sizeof path);
    mproc_task_options_t limited = {.timeout_ms = 50};
    CHECK_ERR(mproc_pool_apply(pool, &trace_abort, NULL, NULL, NULL), MPROC_EDIED);
    CHECK_ERR(mproc_pool_apply(pool, &trace_hang, NULL, &limited, NULL), MPROC_ETASKTIMEOUT);
    CHECK_ERR(mproc_pool_apply(pool, &trace_fail, NULL, NULL, NULL), MPROC_ETASK);
    end_pool(pool);
    read_trace(path);
    CHECK_HAS_STR(event("\"name\":\"trace_abort\"", "\"outcome\":\"died\""), "\"error\":\"Task 'trace_abort'");
    const char *hung = event("\"name\":\"trace_hang\"", "\"outcome\":\"timed out\"");
    CHECK(number_in(hung, "\"dur\":") >= 49000.0);
    (void)event("\"name\":\"trace_fail\"", "\"outcome\":\"failed\"");
}

TEST(pool_trace, a_worker_that_is_replaced_goes_down_and_another_comes_up_in_its_row) {
    char path[1024];
    mproc_pool_t *pool = traced_pool(1, path, sizeof path);
    CHECK_ERR(mproc_pool_apply(pool, &trace_abort, NULL, NULL, NULL), MPROC_EDIED);
    CHECK_OK(mproc_pool_apply(pool, &trace_nothing, NULL, NULL, NULL));
    end_pool(pool);
    read_trace(path);
    const char *up = event("\"worker up\"", "\"tid\":1");
    const char *down = find_line(up, "\"worker down\"", "\"error\":");
    REQUIRE(down != NULL);
    const char *again = find_line(down, "\"worker up\"", "\"tid\":1");
    REQUIRE(again != NULL);
    CHECK(number_in(strstr(up, "args"), "\"pid\":") != number_in(strstr(again, "args"), "\"pid\":"));
    CHECK(number_in(again, "\"ts\":") >= number_in(down, "\"ts\":"));
}

TEST(pool_trace, texts_are_json_strings_whatever_is_in_them) {
    char path[1024];
    mproc_pool_t *pool = traced_pool(1, path, sizeof path);
    CHECK_ERR(mproc_pool_apply(pool, &trace_fail, NULL, NULL, NULL), MPROC_ETASK);
    end_pool(pool);
    read_trace(path);
    CHECK_HAS_STR(event("\"name\":\"trace_fail\"", "\"ph\":\"X\""),
                  "quote \\\" backslash \\\\ line\\u000aend \\u0001 bad \\ufffd");
}

TEST(pool_trace, times_do_not_follow_the_locale) {
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "de-DE", "German_Germany.1252", "fr_FR.UTF-8"};
    const char *set = NULL;
    char path[1024];
    for (size_t i = 0; set == NULL && i < sizeof commas / sizeof commas[0]; i++)
        set = setlocale(LC_NUMERIC, commas[i]);
    if (set == NULL)
        SKIP("no locale here writes a comma");
    mproc_pool_t *pool = traced_pool(1, path, sizeof path);
    CHECK_OK(mproc_pool_apply(pool, &trace_nothing, NULL, NULL, NULL));
    end_pool(pool);
    setlocale(LC_NUMERIC, "C");
    read_trace(path);
    (void)event("\"ph\":\"X\"", "\"name\":\"trace_nothing\"");
}

TEST(pool_trace, every_single_task_is_timed_and_bars_of_a_worker_do_not_overlap) {
    enum { TASKS = 200 };
    char path[1024];
    mproc_result_t *results[TASKS] = {NULL};
    mproc_pool_t *pool = traced_pool(1, path, sizeof path);
    for (int i = 0; i < TASKS; i++)
        results[i] = start(pool, &trace_sleep, 0, NULL);
    REQUIRE_OK(mproc_wait(results, TASKS, MPROC_ALL, LONG_MS));
    for (int i = 0; i < TASKS; i++)
        CHECK_OK(done(results[i]));
    end_pool(pool);
    read_trace(path);
    double end = 0;
    int count = 0, timed = 0;
    for (const char *at = text; (at = find_line(at, "\"ph\":\"X\"", "\"tid\":1")) != NULL; at = next_line(at)) {
        double begin = number_in(at, "\"ts\":"), took = number_in(at, "\"dur\":");
        test_assert(begin >= end - 0.01, TEST_HERE, false, "bar %d begins at %.3f, before %.3f", count, begin, end);
        end = begin + took;
        timed += took > 0 ? 1 : 0;
        count++;
    }
    CHECK_EQ_INT(count, TASKS);
    /* A clock may stand still for a moment. */
    CHECK(timed > TASKS / 2 || test_on_wine());
}

TEST(pool_trace, a_chunk_is_one_bar_that_tells_its_items) {
    int64_t items[12] = {0};
    char path[1024];
    mproc_pool_t *pool = traced_pool(1, path, sizeof path);
    mproc_task_options_t options = {.chunk = 4};
    CHECK_OK(mproc_pool_map(pool, &trace_nothing, MPROC_ARRAY(items, 12), MPROC_KEEP, &options));
    end_pool(pool);
    read_trace(path);
    CHECK_EQ_INT(count_lines("\"ph\":\"X\"", "\"items\":4"), 3);
    (void)event("\"ph\":\"X\"", "\"item\":8,");
}

TEST(pool_trace, what_is_not_done_is_counted_down_to_nothing) {
    enum { TASKS = 5 };
    char path[1024];
    mproc_result_t *results[TASKS] = {NULL};
    mproc_pool_t *pool = traced_pool(1, path, sizeof path);
    for (int i = 0; i < TASKS; i++)
        results[i] = start(pool, &trace_sleep, 5, NULL);
    for (int i = 0; i < TASKS; i++)
        CHECK_OK(done(results[i]));
    end_pool(pool);
    read_trace(path);
    double last = -1, most = 0;
    for (const char *at = text; (at = find_line(at, "\"ph\":\"C\"", "\"items not done\"")) != NULL;
         at = next_line(at)) {
        last = number_in(at, "\"items\":");
        most = last > most ? last : most;
    }
    CHECK(most > 1);
    CHECK_EQ_INT((int64_t)last, 0);
}

TEST(pool_trace, a_pool_without_processes_is_traced_too) {
    char path[1024];
    mproc_pool_t *pool = traced_pool(MPROC_INLINE, path, sizeof path);
    CHECK_EQ_INT(apply_int(pool, &trace_sleep, 20), host_pid());
    CHECK_ERR(mproc_pool_apply(pool, &trace_fail, NULL, NULL, NULL), MPROC_ETASK);
    mproc_pool_destroy(pool);
    read_trace(path);
    CHECK(number_in(event("\"name\":\"trace_sleep\"", "\"outcome\":\"ok\""), "\"dur\":") >= 19000.0);
    (void)event("\"name\":\"trace_fail\"", "\"outcome\":\"failed\"");
}

/* ---- which file --------------------------------------------------------------------------------------------------------------- */

TEST(pool_trace, pools_at_the_same_time_share_a_file) {
    char path[1024];
    mproc_pool_t *one = traced_pool(1, path, sizeof path);
    mproc_pool_t *other = traced_pool(1, path, sizeof path);
    (void)apply_int(one, &trace_sleep, 1);
    (void)apply_int(other, &trace_sleep, 1);
    end_pool(one);
    (void)apply_int(other, &trace_sleep, 1);
    end_pool(other);
    read_trace(path);
    CHECK_EQ_INT(count_lines("\"process_name\"", "\"ph\":\"M\""), 1);
    int second = (int)number_in(event("\"thread_name\"", "\"pool 2 worker 0\""), "\"tid\":");
    char tid[32];
    (void)snprintf(tid, sizeof tid, "\"tid\":%d,", second);
    CHECK_EQ_INT(count_lines("\"ph\":\"X\"", "\"tid\":1,"), 1);
    CHECK_EQ_INT(count_lines("\"ph\":\"X\"", tid), 2);
}

TEST(pool_trace, pools_one_after_the_other_share_a_file) {
    char path[1024];
    test_temp_path("trace.json", path, sizeof path);
    for (int i = 0; i < 3; i++) {
        use_pool(path);
        read_trace(path);
        CHECK_EQ_INT(count_lines("\"ph\":\"X\"", "trace_nothing"), i + 1);
    }
    (void)event("\"thread_name\"", "\"pool 3 worker 0\"");
}

TEST(pool_trace, a_file_that_was_replaced_meanwhile_is_begun_again) {
    char path[1024];
    test_temp_path("trace.json", path, sizeof path);
    use_pool(path);
    FILE *file = fopen(path, "wb");
    REQUIRE(file != NULL);
    fputs("something else", file);
    fclose(file);
    use_pool(path);
    read_trace(path);
    CHECK_EQ_INT(count_lines("\"ph\":\"X\"", "trace_nothing"), 1);
}

TEST(pool_trace, a_file_of_an_earlier_program_is_written_over) {
    char path[1024];
    test_temp_path("trace.json", path, sizeof path);
    FILE *file = fopen(path, "wb");
    REQUIRE(file != NULL);
    for (int i = 0; i < 10000; i++)
        fputs("an old trace\n", file);
    fclose(file);
    use_pool(path);
    read_trace(path);
}

TEST(pool_trace, a_path_that_cannot_be_written_is_refused_by_name) {
    char path[1024];
    test_temp_path("no/such/folder/trace.json", path, sizeof path);
    mproc_pool_options_t options = {.processes = 1, .trace = path};
    mproc_pool_t *pool = NULL;
    CHECK_ERR(mproc_pool_create(&options, &pool), MPROC_ESYSTEM);
    CHECK(pool == NULL);
    CHECK_HAS_STR(mproc_last_error()->message, "Cannot write the trace '");
    CHECK_HAS_STR(mproc_last_error()->message, "trace.json");
}

TEST(pool_trace, the_environment_asks_for_it_too) {
    char path[1024];
    test_temp_path("trace.json", path, sizeof path);
    host_set_environment("MPROC_TRACE", path);
    use_pool(NULL);
    host_set_environment("MPROC_TRACE", NULL);
    read_trace(path);
    CHECK_EQ_INT(count_lines("\"ph\":\"X\"", "trace_nothing"), 1);
}

TEST(pool_trace, an_empty_path_is_none) {
    char path[1024];
    size_t size = 0;
    test_temp_path("trace.json", path, sizeof path);
    host_set_environment("MPROC_TRACE", path);
    use_pool("");
    host_set_environment("MPROC_TRACE", NULL);
    CHECK(!read_text(path, &size));
}

TEST(pool_trace, children_and_workers_write_files_of_their_own) {
    char path[1024], name[64];
    mproc_process_options_t options = {.target = &trace_nested, .result = true};
    const mproc_value_t *value = NULL;
    mproc_process_t *process = NULL;
    int64_t pids[2] = {0};
    test_temp_path("a.trace.json", path, sizeof path);
    host_set_environment("MPROC_TRACE", path);
    mproc_pool_t *pool = pool_of(1);
    pids[0] = apply_int(pool, &trace_nested, 0);
    REQUIRE_OK(mproc_process_create(&options, &process));
    REQUIRE_OK(mproc_process_start(process));
    REQUIRE_OK(mproc_process_result(process, LONG_MS, &value));
    REQUIRE_OK(mproc_value_as_int(value, &pids[1]));
    mproc_process_destroy(process);
    end_pool(pool);
    host_set_environment("MPROC_TRACE", NULL);
    read_trace(path);
    CHECK_EQ_INT(count_lines("\"ph\":\"X\"", "trace_nested"), 1);
    CHECK_EQ_INT(count_lines("\"ph\":\"X\"", "trace_nothing"), 0);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(name, sizeof name, "a.trace.%" PRId64 ".json", pids[i]);
        test_temp_path(name, path, sizeof path);
        read_trace(path);
        CHECK_EQ_INT(count_lines("\"ph\":\"X\"", "trace_nothing"), 1);
    }
}

/* ---- whatever happens ----------------------------------------------------------------------------------------------------------- */

TEST(pool_trace, the_file_is_json_from_the_beginning) {
    char path[1024];
    mproc_pool_t *pool = traced_pool(1, path, sizeof path);
    read_trace(path);
    end_pool(pool);
}

TEST(pool_trace, the_file_is_complete_after_terminate) {
    char path[1024];
    mproc_pool_t *pool = traced_pool(1, path, sizeof path);
    CHECK_OK(mproc_pool_apply(pool, &trace_nothing, NULL, NULL, NULL));
    mproc_result_t *hung = start(pool, &trace_hang, 0, NULL);
    CHECK_OK(mproc_pool_terminate(pool));
    CHECK_OK(mproc_pool_join(pool, LONG_MS));
    mproc_pool_destroy(pool);
    CHECK_ERR(done(hung), MPROC_ECANCELLED);
    read_trace(path);
    (void)event("\"worker down\"", "\"ph\":\"i\"");
}

TEST(pool_trace, thousands_of_events_are_all_there) {
    enum { ITEMS = 3000 };
    static int64_t items[ITEMS];
    char path[1024];
    mproc_pool_t *pool = traced_pool(2, path, sizeof path);
    mproc_task_options_t options = {.chunk = 1};
    CHECK_OK(mproc_pool_map(pool, &trace_nothing, MPROC_ARRAY(items, ITEMS), MPROC_KEEP, &options));
    end_pool(pool);
    read_trace(path);
    CHECK_EQ_INT(count_lines("\"ph\":\"X\"", "trace_nothing"), ITEMS);
}

typedef struct child_run {
    mproc_process_t *process;
    char path[1024];
} child_run_t;

static void start_child(child_run_t *run, const mproc_task_t *target) {
    test_temp_path("trace.json", run->path, sizeof run->path);
    mproc_process_options_t options = {.target = target, .args = MPROC_ARGS((const char *)run->path)};
    REQUIRE_OK(mproc_process_create(&options, &run->process));
    REQUIRE_OK(mproc_process_start(run->process));
}

static bool has_task(void *arg) {
    const child_run_t *run = arg;
    size_t size = 0, at = 0;
    return read_text(run->path, &size) && json_valid(text, size, &at) &&
           find_line(text, "\"ph\":\"X\"", "trace_nothing") != NULL;
}

TEST(pool_trace, a_program_that_is_killed_leaves_what_it_did_before) {
    child_run_t run;
    start_child(&run, &trace_wait_for_death);
    CHECK(test_wait_until(has_task, &run, 20000));
    CHECK(host_kill(mproc_process_pid(run.process)));
    CHECK_OK(mproc_process_join(run.process, LONG_MS));
    mproc_process_destroy(run.process);
    CHECK(has_task(&run));
}

TEST(pool_trace, a_program_that_leaves_its_pool_open_has_a_complete_file) {
    child_run_t run;
    int64_t code = -1;
    start_child(&run, &trace_leave_open);
    CHECK_OK(mproc_process_join(run.process, LONG_MS));
    CHECK_OK(mproc_process_exitcode(run.process, &code));
    CHECK_EQ_INT(code, 0);
    mproc_process_destroy(run.process);
    CHECK(has_task(&run));
}
