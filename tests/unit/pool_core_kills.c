/* SPDX-License-Identifier: Apache-2.0 */
/* A kill names what it is for: what ends well in the last moment keeps its result, and what begins then is not harmed. */
#include "backend_double.h"
#include "test.h"

#include <mproc/mproc.h>

MPROC_TASK(kill_task) {
    (void)call;
    return MPROC_OK;
}

static mproc_result_t *submit(mproc_pool_t *pool, const mproc_task_options_t *options) {
    mproc_result_t *result = NULL;
    REQUIRE_OK(mproc_pool_apply_async(pool, &kill_task, NULL, options, &result));
    return result;
}

static int end_of(mproc_result_t *result) {
    int err = mproc_result_get(result, 5000, NULL);
    mproc_result_release(result);
    return err;
}

static void until_late(void) {
    for (int i = 0; i < 5000 && double_late_kills(0) == 0; i++)
        test_sleep_ms(1);
    CHECK_EQ_INT(double_late_kills(0), 1);
}

static void warm_up(void) {
    mproc_pool_destroy(double_pool(NULL, 1));
}
TEST_WARM_UP(warm_up)

TEST(pool_core, a_timeout_that_comes_too_late_kills_no_other_task) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_task_options_t options = {.timeout_ms = 20};
    double_all_up(1);
    mproc_result_t *slow = submit(pool, &options);
    mproc_result_t *innocent = submit(pool, NULL);
    double_be_late(true);
    double_begin(0);
    until_late();
    CHECK_EQ_INT(end_of(slow), MPROC_OK);
    CHECK_EQ_INT(double_kills(0), 0);
    double_done(0);
    CHECK_EQ_INT(end_of(innocent), MPROC_OK);
    mproc_pool_destroy(pool);
}

TEST(pool_core, a_cancel_that_comes_too_late_kills_no_other_task) {
    mproc_pool_t *pool = double_pool(NULL, 1);
    double_all_up(1);
    mproc_result_t *unwanted = submit(pool, NULL);
    mproc_result_t *innocent = submit(pool, NULL);
    double_begin(0);
    double_be_late(true);
    CHECK_OK(mproc_result_cancel(unwanted, 0));
    CHECK_EQ_INT(double_late_kills(0), 1);
    CHECK_EQ_INT(end_of(unwanted), MPROC_OK);
    CHECK_EQ_INT(double_kills(0), 0);
    double_done(0);
    CHECK_EQ_INT(end_of(innocent), MPROC_OK);
    mproc_pool_destroy(pool);
}

/* ... and the next item has its whole time, after which it is killed for itself. */
TEST(pool_core, a_timeout_that_comes_too_late_kills_no_other_item) {
    int64_t items[3] = {0};
    mproc_pool_t *pool = double_pool(NULL, 1);
    mproc_task_options_t options = {.timeout_ms = 40, .chunk = 3};
    mproc_result_t *result = NULL;
    double_all_up(1);
    REQUIRE_OK(mproc_pool_map_async(pool, &kill_task, MPROC_ARRAY(items, 3), MPROC_KEEP, &options, &result));
    double_settle();
    REQUIRE_EQ_UINT(double_items(0, 0), 3);
    double_be_late(true);
    double_begin(0);
    until_late();
    CHECK_EQ_INT(double_kills(0), 0);
    for (int i = 0; i < 5000 && double_kills(0) == 0; i++)
        test_sleep_ms(1);
    CHECK_EQ_INT(double_kills(0), 1);
    double_automatic(true);
    double_up(0);
    CHECK_ERR(mproc_result_get(result, 5000, NULL), MPROC_ETASKTIMEOUT);
    CHECK_EQ_INT(mproc_result_error(result)->item, 1);
    mproc_item_t item;
    REQUIRE_OK(mproc_result_item(result, 0, &item));
    CHECK_OK(item.code);
    REQUIRE_OK(mproc_result_item(result, 2, &item));
    CHECK_OK(item.code);
    mproc_result_release(result);
    mproc_pool_destroy(pool);
}
