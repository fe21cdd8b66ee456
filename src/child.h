/* SPDX-License-Identifier: Apache-2.0 */
/* child.h: a process that mproc started, seen from inside. Its public part is mproc_child_main in mproc/task.h. */
#ifndef MPROC_SRC_CHILD_H
#define MPROC_SRC_CHILD_H

#include "platform/platform.h"

/* mproc_child_set_link hands over this process's end of the link, NULL in a process that has none. */
void mproc_child_set_link(mplat_link_t *link);

#endif
