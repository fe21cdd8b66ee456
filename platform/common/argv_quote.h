/* SPDX-License-Identifier: Apache-2.0 */
/* argv_quote.h: one Windows command line out of an argument array. Pure; tested on every system. */
#ifndef MPLAT_COMMON_ARGV_QUOTE_H
#define MPLAT_COMMON_ARGV_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

/* mplat_argv_quote writes argv (NULL-terminated, UTF-8) as the command line from which CommandLineToArgvW and the C
 * run-time make the same argv again, ends it with a zero byte, and sets *out_size to its length without that byte. With
 * buf NULL it only measures: then size + 1 bytes are needed. The system's limit of 32,766 UTF-16 units is the caller's
 * to check. MPLAT_EINVAL when argv is empty or its first string holds a '"', which no command line can express;
 * MPLAT_ETOOBIG when size is too small. buf's contents are undefined after a failure. */
int mplat_argv_quote(const char *const *argv, char *buf, size_t size, size_t *out_size);

/* mplat_is_batch_file tells whether Windows would hand path to cmd.exe: .bat or .cmd, in any case, also behind trailing
 * dots and spaces, which the system strips. cmd.exe parses the line by other rules, so that no quoting is safe. */
bool mplat_is_batch_file(const char *path);

#endif
