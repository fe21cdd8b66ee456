/* SPDX-License-Identifier: Apache-2.0 */
/* A strict reader of JSON (RFC 8259) for tests: it says whether a text is one, and nothing of what is in it. */
#ifndef TESTS_SUPPORT_JSON_H
#define TESTS_SUPPORT_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* json_valid tells whether size bytes are one JSON value in UTF-8, with white space around it at most. *out_at is where it is
 * not, or size. */
bool json_valid(const char *text, size_t size, size_t *out_at);

#endif
