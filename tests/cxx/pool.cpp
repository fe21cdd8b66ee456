/* SPDX-License-Identifier: Apache-2.0 */
/* Pools, maps and iterators as a C++11 program writes them, with containers of its own. */
#include "pool.h"

#include <cstring>
#include <string>
#include <vector>

#define EXPECT(condition_)                                                                                             \
    do {                                                                                                               \
        if (!(condition_))                                                                                             \
            return __LINE__;                                                                                           \
    } while (0)

namespace {

struct point {
    double x, y;
};

struct counter {
    int64_t end;
    int64_t pulled;
    mproc_arg_t arg;
};

struct heard {
    int good, bad;
    std::string text;
};

int pull(void *context, int64_t index, mproc_args_t *out_args) {
    counter *count = static_cast<counter *>(context);
    if (index == count->end)
        return MPROC_EEND;
    count->pulled++;
    count->arg = MPROC_ARG(index);
    out_args->count = 1;
    out_args->items = &count->arg;
    return MPROC_OK;
}

void on_done(mproc_result_t *result, void *context) {
    heard *to = static_cast<heard *>(context);
    const mproc_value_t *value = nullptr;
    const char *text = nullptr;
    if (mproc_result_get(result, 0, &value) == MPROC_OK && mproc_value_as_string(value, &text, nullptr) == MPROC_OK) {
        to->good++;
        to->text = text;
    }
}

void on_failed(mproc_result_t *result, void *context) {
    const mproc_error_t *error = mproc_result_error(result);
    static_cast<heard *>(context)->bad += error != nullptr && error->code == MPROC_ETYPE;
}

} /* namespace */

/* A string times a number, with a separator if one is named. */
MPROC_TASK(cxx_join) {
    const char *text = nullptr, *separator = "";
    int64_t times = 0;
    int err = mproc_call_args(call, "sx", &text, &times);
    if (err == MPROC_OK)
        err = mproc_call_kwarg(call, "separator", "s", &separator);
    if (err != MPROC_OK)
        return err;
    std::string joined;
    for (int64_t i = 0; i < times; i++)
        joined += (i > 0 ? separator : "") + std::string(text);
    return mproc_call_return(call, joined.c_str());
}

MPROC_TASK(cxx_double) {
    int64_t number = 0;
    int err = mproc_call_args(call, "x", &number);
    return err != MPROC_OK ? err : mproc_call_return(call, number * 2);
}

/* The distance of a point from the origin, squared. */
MPROC_TASK(cxx_square) {
    const void *input = nullptr;
    void *output = nullptr;
    size_t size = 0;
    mproc_call_input(call, &input, &size);
    if (size != sizeof(point))
        return mproc_call_fail(call, 1, "%u bytes", static_cast<unsigned>(size));
    int err = mproc_call_reserve(call, sizeof(double), &output);
    if (err != MPROC_OK)
        return err;
    const point *at = static_cast<const point *>(input);
    *static_cast<double *>(output) = at->x * at->x + at->y * at->y;
    return MPROC_OK;
}

int cxx_pool_apply(mproc_pool_t *pool, int64_t timeout_ms) {
    const std::string text = "ab";
    mproc_result_t *result = nullptr;
    const mproc_value_t *value = nullptr;
    const char *joined = nullptr;
    EXPECT(mproc_pool_apply_async(pool, &cxx_join, MPROC_ARGS(text.c_str(), 3, MPROC_KW("separator", "-")), nullptr,
                                  &result) == MPROC_OK);
    EXPECT(mproc_result_get(result, timeout_ms, &value) == MPROC_OK);
    EXPECT(mproc_value_as_string(value, &joined, nullptr) == MPROC_OK);
    EXPECT(std::string(joined) == "ab-ab-ab");
    mproc_result_release(result);
    return 0;
}

int cxx_pool_map_structs(mproc_pool_t *pool) {
    std::vector<point> points;
    for (int i = 0; i < 1000; i++)
        points.push_back(point{static_cast<double>(i), 2.0});
    std::vector<double> squares(points.size(), -1.0);
    EXPECT(mproc_pool_map(pool, &cxx_square, MPROC_ARRAY(points.data(), points.size()),
                          MPROC_INTO(squares.data(), squares.size()), nullptr) == MPROC_OK);
    for (size_t i = 0; i < points.size(); i++)
        EXPECT(static_cast<size_t>(squares[i]) == i * i + 4);
    return 0;
}

int cxx_pool_starmap(mproc_pool_t *pool, int64_t timeout_ms) {
    auto one = MPROC_ARGS("x", 2);
    auto two = MPROC_ARGS("yz", 1, MPROC_KW("separator", "+"));
    auto three = MPROC_ARGS("w", 3, MPROC_KW("separator", "+"));
    const mproc_args_t *lists[] = {one, two, three};
    const char *expected[] = {"xx", "yz", "w+w+w"};
    mproc_result_t *result = nullptr;
    EXPECT(mproc_pool_starmap_async(pool, &cxx_join, MPROC_ARGLISTS(lists, 3), MPROC_KEEP, nullptr, &result) ==
           MPROC_OK);
    EXPECT(mproc_wait(&result, 1, MPROC_ALL, timeout_ms) == MPROC_OK);
    EXPECT(mproc_result_count(result) == 3);
    for (size_t i = 0; i < 3; i++) {
        mproc_item_t item;
        const char *text = nullptr;
        EXPECT(mproc_result_item(result, i, &item) == MPROC_OK && item.code == MPROC_OK);
        EXPECT(mproc_value_as_string(item.value, &text, nullptr) == MPROC_OK);
        EXPECT(std::strcmp(text, expected[i]) == 0);
    }
    mproc_result_release(result);
    return 0;
}

int cxx_pool_pull(mproc_pool_t *pool, int64_t timeout_ms) {
    counter count = {300, 0, MPROC_NIL};
    mproc_iter_t *iter = nullptr;
    mproc_item_t item;
    EXPECT(mproc_pool_imap(pool, &cxx_double, MPROC_PULL(pull, &count), nullptr, &iter) == MPROC_OK);
    for (int64_t i = 0; i < 300; i++) {
        int64_t number = 0;
        EXPECT(mproc_iter_next(iter, timeout_ms, &item) == MPROC_OK);
        EXPECT(item.index == i && mproc_value_as_int(item.value, &number) == MPROC_OK && number == i * 2);
    }
    EXPECT(mproc_iter_next(iter, timeout_ms, &item) == MPROC_EEND);
    EXPECT(count.pulled == 300);
    mproc_iter_destroy(iter);
    return 0;
}

/* Closes the pool: after the join every callback was called. */
int cxx_pool_callback(mproc_pool_t *pool, int64_t timeout_ms) {
    heard to = {0, 0, ""};
    mproc_task_options_t options = MPROC_TASK_OPTIONS_INIT;
    options.callback = on_done;
    options.error_callback = on_failed;
    options.context = &to;
    EXPECT(mproc_pool_apply_async(pool, &cxx_join, MPROC_ARGS("c", 4), &options, nullptr) == MPROC_OK);
    EXPECT(mproc_pool_apply_async(pool, &cxx_join, MPROC_ARGS(4, "c"), &options, nullptr) == MPROC_OK);
    EXPECT(mproc_pool_close(pool) == MPROC_OK);
    EXPECT(mproc_pool_join(pool, timeout_ms) == MPROC_OK);
    EXPECT(to.good == 1 && to.text == "cccc");
    EXPECT(to.bad == 1);
    return 0;
}

int cxx_pool_options(int64_t timeout_ms) {
    mproc_pool_options_t options = MPROC_POOL_OPTIONS_INIT;
    mproc_pool_t *pool = nullptr;
    options.processes = -7;
    EXPECT(mproc_pool_create(&options, &pool) == MPROC_EINVAL && pool == nullptr);
    options.processes = MPROC_INLINE;
    EXPECT(mproc_pool_create(&options, &pool) == MPROC_OK);
    int err = cxx_pool_apply(pool, timeout_ms);
    mproc_pool_destroy(pool);
    return err;
}

int cxx_process_options(int64_t timeout_ms) {
    mproc_process_options_t options = MPROC_PROCESS_OPTIONS_INIT;
    mproc_process_t *process = nullptr;
    const mproc_value_t *value = nullptr;
    int64_t number = 0;
    auto args = MPROC_ARGS(21);
    options.target = &cxx_double;
    options.args = args;
    options.result = true;
    EXPECT(mproc_process_create(&options, &process) == MPROC_OK);
    EXPECT(mproc_process_start(process) == MPROC_OK);
    EXPECT(mproc_process_result(process, timeout_ms, &value) == MPROC_OK);
    EXPECT(mproc_value_as_int(value, &number) == MPROC_OK && number == 42);
    mproc_process_destroy(process);
    return 0;
}
