/* SPDX-License-Identifier: Apache-2.0 */
/* trace_file.h: the files that traces are written to: JSON arrays of events, as Chrome and Perfetto read them. All pools of a
 * program that name one path share its file, at the same time or one after the other. */
#ifndef MPROC_SRC_TRACE_FILE_H
#define MPROC_SRC_TRACE_FILE_H

#include <stddef.h>

typedef struct mproc_trace_file mproc_trace_file_t;

/* mproc_trace_file_open begins a file, or goes on with it when this program has written there before; *out_pool is the
 * number of such a call for that path, 1 for the first. MPROC_ESYSTEM when it cannot be written, MPROC_ENOMEM. Any thread, as
 * all below. */
int mproc_trace_file_open(const char *path, mproc_trace_file_t **out_file, int *out_pool);

/* mproc_trace_file_add takes an event, a JSON object of at most 4 KiB. It is kept until there are many, or until flush. After
 * each write the file is complete JSON, so that a program may die at any time. Where the disk is full the rest is dropped. */
void mproc_trace_file_add(mproc_trace_file_t *file, const char *event, size_t size);
void mproc_trace_file_flush(mproc_trace_file_t *file);

/* mproc_trace_file_close gives it up; the last one that does closes it. NULL does nothing. */
void mproc_trace_file_close(mproc_trace_file_t *file);

/* mproc_trace_files_fini closes all files at the program's end: what pools that are left add then is dropped. */
void mproc_trace_files_fini(void);

#endif
