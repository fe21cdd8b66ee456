/* SPDX-License-Identifier: Apache-2.0 */
/* Runs what pool.cpp does with pools; a failure shows the line there. */
#include "pool.h"

#include "pool_help.h"
#include "test.h"

static void warm_up(void) {
    (void)cxx_process_options(LONG_MS); /* the lock of all processes is made once and stays */
    warm_up_pool(&cxx_join);
}
TEST_WARM_UP(warm_up)

TEST(cxx_pool, apply_takes_arguments_and_keywords) {
    mproc_pool_t *pool = pool_of(1);
    CHECK_EQ_INT(cxx_pool_apply(pool, LONG_MS), 0);
    end_pool(pool);
}

TEST(cxx_pool, a_vector_of_structs_is_mapped_into_a_vector) {
    mproc_pool_t *pool = pool_of(2);
    CHECK_EQ_INT(cxx_pool_map_structs(pool), 0);
    end_pool(pool);
}

TEST(cxx_pool, starmap_takes_lists_kept_in_variables) {
    mproc_pool_t *pool = pool_of(2);
    CHECK_EQ_INT(cxx_pool_starmap(pool, LONG_MS), 0);
    end_pool(pool);
}

TEST(cxx_pool, an_iterator_pulls_its_input) {
    mproc_pool_t *pool = pool_of(2);
    CHECK_EQ_INT(cxx_pool_pull(pool, LONG_MS), 0);
    end_pool(pool);
}

TEST(cxx_pool, callbacks_tell_of_success_and_failure) {
    mproc_pool_t *pool = pool_of(1);
    CHECK_EQ_INT(cxx_pool_callback(pool, LONG_MS), 0);
    end_pool(pool);
}

/* Beside what they do, the macros must raise no warning: every warning is an error here, in C++11 and below in C11. */
TEST(cxx_pool, options_start_at_their_defaults) {
    CHECK_EQ_INT(cxx_pool_options(LONG_MS), 0);
}

TEST(cxx_pool, process_options_start_at_their_defaults) {
    CHECK_EQ_INT(cxx_process_options(LONG_MS), 0);
}

TEST(cxx_pool, options_start_with_their_size_in_c) {
    mproc_pool_options_t pool = MPROC_POOL_OPTIONS_INIT;
    mproc_task_options_t task = MPROC_TASK_OPTIONS_INIT;
    mproc_process_options_t process = MPROC_PROCESS_OPTIONS_INIT;
    CHECK(pool.size == sizeof pool && pool.processes == 0);
    CHECK(task.size == sizeof task && task.retries == 0);
    CHECK(process.size == sizeof process && process.target == NULL);
}
