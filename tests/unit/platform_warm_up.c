/* SPDX-License-Identifier: Apache-2.0 */
/* What the platform layer opens once per process and keeps is opened before the first count. */
#include "child_client.h"
#include "test.h"

static void start_one_of_each(void) {
    child_t child = child_start_serving();
    child_tell(&child, "exit 0");
    child_exit(&child);
    child_end(&child);
    mplat_watch_t *watch = NULL;
    if (mplat_watch_create(&watch) == 0)
        mplat_watch_destroy(watch);
}

TEST_WARM_UP(start_one_of_each)
