/* SPDX-License-Identifier: Apache-2.0 */
/* What C++ programs send, and their tasks, seen from C. */
#include "overloads.h"

#include <string.h>

#include "call.h"
#include "encode.h"
#include "registry.h"
#include "test.h"

static void check_printed(const void *data, size_t size, const char *expected) {
    char text[512];
    mproc_tree_t *tree = NULL;
    CHECK_OK(mproc_tree_decode(data, size, NULL, &tree));
    (void)mproc_value_repr(mproc_tree_root(tree), text, sizeof text);
    CHECK_EQ_STR(text, expected);
    mproc_tree_destroy(tree);
}

static void compare(const mproc_args_t *args, void *context) {
    mproc_buffer_t buffer;
    mproc_buffer_init(&buffer, NULL);
    CHECK_OK(mproc_encode_args(args, &buffer));
    check_printed(buffer.data, buffer.size, context);
    mproc_buffer_fini(&buffer);
}

TEST(cxx, every_type_has_its_overload) {
    char expected[] = "[[True, 97, -1, 255, -2, 65535, -3, 4, -5, 6, -7, 18446744073709551615, 1.5, 2.5, 'literal', "
                      "'letters', 'text', 'te', b'\\x00\\x01', None, True, 3, 200, 1], {}]";
    cxx_every_type(compare, expected);
}

TEST(cxx, lists_dicts_and_keywords_nest) {
    char expected[] = "[[1, [2, 'three', [4.0]], {'a': [5], 'b': {'c': None}}], {'width': 640, 'tags': ['x', 'y']}]";
    cxx_nested(compare, expected);
}

TEST(cxx, arguments_may_be_kept_in_variables) {
    char expected[] = "[[[[1, 2], 3], {'list': [1, 2]}, 4], {'again': [1, 2]}]";
    cxx_kept_in_variables(compare, expected);
}

TEST(cxx, received_values_are_sent_on) {
    char expected[] = "[['x', ['x']], {}]";
    mproc_tree_t *tree = NULL;
    REQUIRE_OK(mproc_tree_decode("\xa1x", 2, NULL, &tree));
    cxx_value(mproc_tree_root(tree), compare, expected);
    mproc_tree_destroy(tree);
}

TEST(cxx, tasks_run_and_fail_as_in_c) {
    mproc_call_t call;
    mproc_buffer_t args;
    mproc_outcome_t outcome;
    mproc_buffer_init(&args, NULL);
    CHECK_OK(mproc_encode_args(MPROC_ARGS(2, 2.5), &args));
    mproc_request_t request = {mproc_registry_find("cxx_area"), args.data, args.size, NULL, 0};
    REQUIRE(request.task == &cxx_area);
    mproc_call_init(&call, NULL, NULL);
    mproc_call_run(&call, &request, &outcome);
    CHECK_EQ_INT(outcome.kind, MPROC_OUTCOME_VALUE);
    check_printed(outcome.data, outcome.size, "{'area': 5.0, 'sides': [2.0, 2.5]}");
    request.task = &cxx_refuse;
    mproc_call_run(&call, &request, &outcome);
    CHECK_EQ_INT(outcome.kind, MPROC_OUTCOME_FAILED);
    CHECK_EQ_STR(mproc_call_failure(&call)->message, "not today");
    CHECK_EQ_INT(mproc_call_failure(&call)->task_code, 9);
    CHECK_HAS_STR(mproc_call_failure(&call)->file, "overloads.cpp");
    mproc_call_fini(&call);
    mproc_buffer_fini(&args);
}
