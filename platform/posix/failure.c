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

static const struct {
    int os_code, err;
} meanings[] = {
    {EINVAL, MPLAT_EINVAL},
    {EBADF, MPLAT_EINVAL},
    {EDOM, MPLAT_EINVAL},
    {ENOMEM, MPLAT_ENOMEM},
    {ENOBUFS, MPLAT_ENOMEM},
    {ENOSPC, MPLAT_ENOMEM}, /* on the file system that holds anonymous memory */
    {ETIMEDOUT, MPLAT_ETIMEDOUT},
    {ENOENT, MPLAT_ENOTFOUND},
    {ENOTDIR, MPLAT_ENOTFOUND},
    {ESRCH, MPLAT_ENOTFOUND},
    {ELOOP, MPLAT_ENOTFOUND},
    {EACCES, MPLAT_EACCESS},
    {EPERM, MPLAT_EACCESS},
    {EROFS, MPLAT_EACCESS},
    {EMFILE, MPLAT_ENOHANDLES},
    {ENFILE, MPLAT_ENOHANDLES},
    {ETOOMANYREFS, MPLAT_ENOHANDLES},
    {ENOSYS, MPLAT_ENOTSUP},
    {EOPNOTSUPP, MPLAT_ENOTSUP},
    {EPIPE, MPLAT_ECLOSED},
    {ECONNRESET, MPLAT_ECLOSED},
    {ENOTCONN, MPLAT_ECLOSED},
    {E2BIG, MPLAT_ETOOBIG},
    {ENAMETOOLONG, MPLAT_ETOOBIG},
    {EMSGSIZE, MPLAT_ETOOBIG},
    {EFBIG, MPLAT_ETOOBIG},
    {EOVERFLOW, MPLAT_ETOOBIG},
    {ENOEXEC, MPLAT_ENOEXEC},
    {EAGAIN, MPLAT_ENOPROCS}, /* of fork, clone and pthread_create; every other call's is dealt with where it is made */
};

static int translate(int os_code) {
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].os_code == os_code)
            return meanings[i].err;
    return MPLAT_ESYSTEM;
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
