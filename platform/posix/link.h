/* SPDX-License-Identifier: Apache-2.0 */
/* link.h: how spawning makes the two ends of a link. The rest of its interface is in platform.h. */
#ifndef MPLAT_POSIX_LINK_H
#define MPLAT_POSIX_LINK_H

#include "platform/platform.h"

/* mplat_link_create makes the parent's end as a link and gives the child's end as a descriptor for the caller to
 * close. */
int mplat_link_create(mplat_link_t **out_link, int *out_child_fd);

/* mplat_link_adopt makes a link of a connected socket and owns it from then on, also on failure. */
int mplat_link_adopt(int fd, mplat_link_t **out_link);

#endif
