/* SPDX-License-Identifier: Apache-2.0 */
/* export.h: visibility of public functions and the compiler's help in checking calls. */
#ifndef MPROC_EXPORT_H
#define MPROC_EXPORT_H

#if defined(MPROC_STATIC)
#define MPROC_API
#elif defined(_WIN32)
#if defined(MPROC_BUILDING)
#define MPROC_API __declspec(dllexport)
#else
#define MPROC_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define MPROC_API __attribute__((visibility("default")))
#else
#define MPROC_API
#endif

/* The mingw printf of a C11 program is the ISO one, not Microsoft's. */
#if defined(__MINGW32__) && !defined(__clang__)
#define MPROC_PRINTF(format_index, first_index) __attribute__((format(gnu_printf, format_index, first_index)))
#elif defined(__GNUC__)
#define MPROC_PRINTF(format_index, first_index) __attribute__((format(printf, format_index, first_index)))
#else
#define MPROC_PRINTF(format_index, first_index)
#endif

#if defined(__cplusplus)
#define MPROC_BEGIN_DECLS extern "C" {
#define MPROC_END_DECLS }
#else
#define MPROC_BEGIN_DECLS
#define MPROC_END_DECLS
#endif

#endif
