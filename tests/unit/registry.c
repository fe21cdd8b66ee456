/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: numbers by name, one fingerprint for one set of tasks, and two tasks of one name refused. */
#include "registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_support.h"
#include "report.h"
#include "test.h"

static int nothing(mproc_call_t *call) {
    (void)call;
    return MPROC_OK;
}

static mproc_task_t task_of(const char *name, const char *file, int line) {
    return (mproc_task_t){name, nothing, file, line, NULL, 0};
}

/* The library's own start may have numbered tasks already: each test says what it adds to them. */
static void number_again(void) {
    REQUIRE_OK(mproc_registry_check());
}

MPROC_TASK(registered_by_macro) {
    return MPROC_OK;
}

TEST(registry, tasks_register_themselves_before_main) {
    CHECK(mproc_registry_find("registered_by_macro") == &registered_by_macro);
    CHECK_OK(mproc_registry_check_task(&registered_by_macro));
    CHECK(mproc_registry_find("no_such_task") == NULL);
}

TEST(registry, numbers_follow_names_whatever_the_order) {
    static mproc_task_t c, a, b;
    c = task_of("zz_c", "x.c", 3);
    a = task_of("zz_a", "x.c", 1);
    b = task_of("zz_b", "x.c", 2);
    mproc_task_register(&c);
    mproc_task_register(&a);
    mproc_task_register(&b);
    CHECK_EQ_UINT(mproc_registry_number(&a), MPROC_NO_NUMBER);
    number_again();
    size_t first = mproc_registry_number(&a);
    CHECK_EQ_UINT(mproc_registry_number(&b), first + 1);
    CHECK_EQ_UINT(mproc_registry_number(&c), first + 2);
    CHECK(mproc_registry_at(first + 1) == &b);
    CHECK(mproc_registry_at(mproc_registry_count()) == NULL);
    CHECK(mproc_registry_at(SIZE_MAX) == NULL);
    CHECK(mproc_registry_find("zz_b") == &b);
}

TEST(registry, a_thousand_tasks_are_sorted) {
    static mproc_task_t tasks[1000];
    static char names[1000][16];
    uint64_t state = 5;
    for (size_t i = 0; i < 1000; i++) {
        snprintf(names[i], sizeof names[i], "zz_%03zu", i);
        tasks[i] = task_of(names[i], "many.c", (int)i);
    }
    for (size_t left = 1000; left > 0; left--) { /* in any order: the last of those left changes places with any */
        static size_t order[1000];
        if (left == 1000)
            for (size_t i = 0; i < 1000; i++)
                order[i] = i;
        size_t pick = test_random(&state) % left;
        mproc_task_register(&tasks[order[pick]]);
        order[pick] = order[left - 1];
    }
    number_again();
    size_t first = mproc_registry_number(&tasks[0]);
    bool sorted = true;
    for (size_t i = 0; i < 1000; i++)
        sorted = sorted && mproc_registry_number(&tasks[i]) == first + i;
    CHECK(sorted);
    CHECK_EQ_UINT(mproc_registry_count(), first + 1000);
}

TEST(registry, registering_twice_does_nothing) {
    static mproc_task_t once;
    once = task_of("zz_once", "x.c", 1);
    mproc_task_register(&once);
    mproc_task_register(&once);
    number_again();
    size_t count = mproc_registry_count();
    mproc_task_register(&once);
    number_again();
    CHECK_EQ_UINT(mproc_registry_count(), count);
    CHECK(mproc_registry_find("zz_once") == &once);
}

TEST(registry, two_tasks_of_one_name_are_refused_with_both_places) {
    static mproc_task_t one, two;
    one = task_of("zz_same", "one.c", 10);
    two = task_of("zz_same", "two.c", 20);
    mproc_task_register(&two);
    mproc_task_register(&one);
    CHECK_ERR(mproc_registry_check(), MPROC_EINVAL);
    check_last_error(MPROC_EINVAL, "Two tasks are named 'zz_same', at one.c:10 and two.c:20: rename one");
    CHECK_ERR(mproc_registry_check(), MPROC_EINVAL);
}

TEST(registry, later_tasks_are_found_but_have_no_number) {
    static mproc_task_t late;
    late = task_of("zz_late", "plugin.c", 1);
    number_again();
    uint64_t fingerprint = mproc_registry_fingerprint();
    size_t count = mproc_registry_count();
    mproc_task_register(&late);
    CHECK(mproc_registry_find("zz_late") == &late);
    CHECK_OK(mproc_registry_check_task(&late));
    CHECK_EQ_UINT(mproc_registry_number(&late), MPROC_NO_NUMBER);
    CHECK_EQ_UINT(mproc_registry_count(), count);
    CHECK(mproc_registry_fingerprint() == fingerprint);
}

TEST(registry, the_fingerprint_tells_sets_of_tasks_apart) {
    static mproc_task_t task;
    number_again();
    uint64_t before = mproc_registry_fingerprint();
    CHECK(before != 0);
    number_again();
    CHECK(mproc_registry_fingerprint() == before);
    task = task_of("zz_print", "x.c", 1);
    mproc_task_register(&task);
    number_again();
    uint64_t with_line_1 = mproc_registry_fingerprint();
    task.line = 2;
    number_again();
    CHECK(with_line_1 != before);
    CHECK(mproc_registry_fingerprint() != with_line_1);
    task.line = 1;
    task.name = "zz_prinu";
    number_again();
    CHECK(mproc_registry_fingerprint() != with_line_1);
}

TEST(registry, tasks_that_are_not_registered_are_refused) {
    mproc_task_t stranger = task_of("stranger", "x.c", 1);
    CHECK_ERR(mproc_registry_check_task(NULL), MPROC_EINVAL);
    check_last_error(MPROC_EINVAL, "No task was given");
    CHECK_ERR(mproc_registry_check_task(&stranger), MPROC_ENOTASK);
    check_last_error(MPROC_ENOTASK, "The task 'stranger' is not registered: define it with MPROC_TASK, or call "
                                    "mproc_task_register first");
}
