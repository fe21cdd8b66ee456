/* SPDX-License-Identifier: Apache-2.0 */
/* random.c: secure random bytes from the system. */
#include "syscalls.h"
#include "system.h"

#include <bcrypt.h>
#include <limits.h>

int mplat_random(void *buf, size_t size) {
    unsigned char *at = buf;
    while (size > 0) {
        ULONG piece = size < ULONG_MAX ? (ULONG)size : ULONG_MAX;
        if (mplat_sys.BCryptGenRandom(NULL, at, piece, BCRYPT_USE_SYSTEM_PREFERRED_RNG) < 0)
            return mplat_fail(MPLAT_ESYSTEM, "BCryptGenRandom");
        at += piece;
        size -= piece;
    }
    return 0;
}
