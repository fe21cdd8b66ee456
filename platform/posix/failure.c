/* SPDX-License-Identifier: Apache-2.0 */
/* failure.c: the calling thread's last failure, and what errno means in MPLAT_E… codes. */
#include "internal.h"

#include <errno.h>
#include <locale.h>
#include <string.h>

static _Thread_local mplat_failure_t last_failure = {0, ""};

mplat_failure_t mplat_failure(void) {
    return last_failure;
}

static int translate(int os_code) {
    switch (os_code) {
    case EINVAL:
    case EBADF:
    case EDOM:
        return MPLAT_EINVAL;
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC: /* of the file system that holds anonymous memory */
        return MPLAT_ENOMEM;
    case ETIMEDOUT:
        return MPLAT_ETIMEDOUT;
    case ENOENT:
    case ENOTDIR:
    case ESRCH:
    case ELOOP:
        return MPLAT_ENOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return MPLAT_EACCESS;
    case EAGAIN: /* of fork, clone and pthread_create; every other call's is dealt with where it is made */
        return MPLAT_ENOPROCS;
    case EMFILE:
    case ENFILE:
    case ETOOMANYREFS:
        return MPLAT_ENOHANDLES;
    case ENOSYS:
    case EOPNOTSUPP:
        return MPLAT_ENOTSUP;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return MPLAT_ECLOSED;
    case E2BIG:
    case ENAMETOOLONG:
    case EMSGSIZE:
    case EFBIG:
    case EOVERFLOW:
        return MPLAT_ETOOBIG;
    case ENOEXEC:
        return MPLAT_ENOEXEC;
    default:
        return MPLAT_ESYSTEM;
    }
}

int mplat_fail_as(int err, int os_code, const char *step) {
    last_failure = (mplat_failure_t){os_code, step};
    return err;
}

int mplat_fail(int os_code, const char *step) {
    return mplat_fail_as(translate(os_code), os_code, step);
}

const char *mplat_os_error_text(int os_code, char *buf, size_t size) {
    if (size == 0)
        return buf;
    buf[0] = '\0';
    if (os_code == 0)
        return buf;
    /* strerror_r comes in two kinds, and which one depends on the C library and on what it is asked to be; strerror_l
     * is the same everywhere and as safe. */
    locale_t none = (locale_t)0;
    locale_t locale = newlocale(LC_ALL_MASK, "C", none);
    if (locale == none)
        return buf;
    const char *text = strerror_l(os_code, locale);
    size_t length = strlen(text);
    if (length >= size)
        length = size - 1;
    memcpy(buf, text, length);
    buf[length] = '\0';
    freelocale(locale);
    return buf;
}
