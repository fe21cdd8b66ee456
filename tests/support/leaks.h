/* SPDX-License-Identifier: Apache-2.0 */
/* The check that a test left nothing open: compare two lists of what the process holds. */
#ifndef TESTS_SUPPORT_LEAKS_H
#define TESTS_SUPPORT_LEAKS_H

#include "host.h"

/* leaks_find returns how many things are open that `before` does not list, and writes one line for each to out_text. It
 * waits a moment for what is just closing: a thread that ends, a child that another thread collects. */
size_t leaks_find(const item_list_t *before, char *out_text, size_t size);

#endif
