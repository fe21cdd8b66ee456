/* SPDX-License-Identifier: Apache-2.0 */
/* system.h: what the files of the Windows backend share: failures, deadlines, text. No other folder includes it. */
#ifndef MPLAT_WINDOWS_SYSTEM_H
#define MPLAT_WINDOWS_SYSTEM_H

#include "platform/platform.h"

#include <windows.h>

/* ---- failures (failure.c) ---------------------------------------------------------------------------------------- */

/* mplat_fail notes err as the thread's failure in step, without a system code, and returns it. step is a static
 * string. */
int mplat_fail(int err, const char *step);

/* mplat_fail_os does so for a system code and returns the MPLAT_E… code it stands for; mplat_fail_last takes
 * GetLastError(). */
int mplat_fail_os(DWORD os_code, const char *step);
int mplat_fail_last(const char *step);

/* ---- deadlines (clock.c) ----------------------------------------------------------------------------------------- */

/* A moment on mplat_clock_ns; INT64_MAX is never. */
typedef int64_t mplat_deadline_t;

mplat_deadline_t mplat_deadline_in_ns(int64_t timeout_ns);
mplat_deadline_t mplat_deadline_in_ms(int64_t timeout_ms);

/* mplat_deadline_left is what a wait function takes: milliseconds rounded up, INFINITE for never, 0 once it has
 * passed. A very long wait comes out shorter than it is, so a timeout is one only when this gives 0. */
DWORD mplat_deadline_left(mplat_deadline_t deadline);

/* mplat_wait_object waits for one object: 0 or MPLAT_ETIMEDOUT, or what makes the handle unfit for waiting. */
int mplat_wait_object(HANDLE object, mplat_deadline_t deadline);

/* ---- handles (handle.c) ------------------------------------------------------------------------------------------ */

/* mplat_is_handle tells "none" from a handle: INVALID_HANDLE_VALUE is this process in many calls, and must not reach
 * them. */
static inline bool mplat_is_handle(HANDLE handle) {
    return handle != NULL && handle != INVALID_HANDLE_VALUE;
}

/* mplat_close closes *handle unless it is none, makes it NULL and keeps the last error. */
void mplat_close(HANDLE *handle);

/* ---- text (wide.c) ----------------------------------------------------------------------------------------------- */

/* mplat_wide_new makes a UTF-16 copy of a UTF-8 string, to be freed with free(). MPLAT_EINVAL when it is not UTF-8. */
int mplat_wide_new(const char *text, wchar_t **out_wide);

/* mplat_wide_to_utf8 writes count units as a UTF-8 string. MPLAT_ETOOBIG when size is too small, MPLAT_EINVAL for an
 * unpaired surrogate. */
int mplat_wide_to_utf8(const wchar_t *wide, size_t count, char *buf, size_t size);

/* mplat_module_path_new gives the full path of a module (NULL: the program), to be freed with free(). */
int mplat_module_path_new(HMODULE module, wchar_t **out_path);

#endif
