/* SPDX-License-Identifier: Apache-2.0 */
/* trace_file.c: every file that this program has written traces to, and the events on their way there. */
#include "trace_file.h"

#include "list.h"
#include "memory.h"
#include "report.h"
#include "threads.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_pools.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_SIZE 65536
#define SEPARATOR ",\n"
#define TAIL "\n]\n"
#define TAIL_SIZE (sizeof TAIL - 1)

struct mproc_trace_file {
    mproc_node_t node;
    char *path;       /* in full: the program may change its directory */
    int users, pools; /* pools that write to it, and that ever did */
    bool failed;
    apr_pool_t *pool; /* what follows is there while it has users */
    apr_file_t *file;
    apr_off_t end; /* of the events in the file; the tail stands there */
    size_t used;
    char *buffer;
};

static mproc_once_t once;
static mproc_mutex_t *mutex;
static mproc_node_t files = {&files, &files};

static int make_mutex(void) {
    return mproc_mutex_create(&mutex);
}

/* ---- writing, with the lock ------------------------------------------------------------------------------------------- */

static bool write_at_end(mproc_trace_file_t *file, const char *text, size_t size) {
    apr_off_t at = file->end;
    return apr_file_seek(file->file, APR_SET, &at) == APR_SUCCESS &&
           apr_file_write_full(file->file, text, size, NULL) == APR_SUCCESS;
}

/* Events and tail go out together, and the next events go over the tail. */
static void flush(mproc_trace_file_t *file) {
    if (file->used == 0 || file->failed || file->buffer == NULL)
        return;
    memcpy(file->buffer + file->used, TAIL, TAIL_SIZE);
    if (write_at_end(file, file->buffer, file->used + TAIL_SIZE)) {
        file->end += (apr_off_t)file->used;
    } else {
        /* A full disk costs the rest of the trace, no task. What is there already becomes readable again. */
        file->failed = true;
        if (apr_file_trunc(file->file, file->end) == APR_SUCCESS)
            (void)write_at_end(file, TAIL, TAIL_SIZE);
    }
    file->used = 0;
}

/* begin makes the file an empty array. */
static void begin(mproc_trace_file_t *file) {
    file->failed = false;
    file->end = 0;
    file->buffer[0] = '[';
    file->used = 1;
    flush(file);
}

/* ---- opening and closing, with the lock ---------------------------------------------------------------------------------- */

static void close_file(mproc_trace_file_t *file) {
    if (file->file != NULL) {
        flush(file);
        (void)apr_file_close(file->file);
    }
    if (file->pool != NULL)
        apr_pool_destroy(file->pool);
    mproc_free(file->buffer);
    file->file = NULL;
    file->pool = NULL;
    file->buffer = NULL;
}

static void forget(mproc_trace_file_t *file) {
    mproc_list_remove(&file->node);
    mproc_free(file->path);
    mproc_free(file);
}

static int fail_open(const mproc_trace_file_t *file, const char *why) {
    return mproc_fail(MPROC_ESYSTEM, "Cannot write the trace '%s': %s", file->path, why);
}

/* open_regular opens it. Pipes and devices are no place to go back in, and some hold up who opens them: a pipe until it has a
 * reader. So that is looked at first, and then what was opened. */
static int open_regular(mproc_trace_file_t *file) {
    static const char other[] = "it is no regular file";
    char reason[120];
    apr_finfo_t info;
    apr_status_t status = apr_stat(&info, file->path, APR_FINFO_TYPE, file->pool);
    if (status == APR_SUCCESS && info.filetype != APR_REG)
        return fail_open(file, other);
    status =
        apr_file_open(&file->file, file->path, APR_FOPEN_WRITE | APR_FOPEN_CREATE, APR_FPROT_OS_DEFAULT, file->pool);
    if (status != APR_SUCCESS) {
        file->file = NULL;
        return fail_open(file, apr_strerror(status, reason, sizeof reason));
    }
    if (apr_file_info_get(&info, APR_FINFO_TYPE, file->file) == APR_SUCCESS && info.filetype == APR_REG)
        return MPROC_OK;
    (void)apr_file_close(file->file);
    file->file = NULL;
    return fail_open(file, other);
}

/* open_file opens it: empty for the first pool, behind the events of those before it for the others. */
static int open_file(mproc_trace_file_t *file) {
    apr_finfo_t info;
    file->buffer = mproc_alloc(BUFFER_SIZE);
    if (file->buffer == NULL || apr_pool_create_unmanaged_ex(&file->pool, NULL, NULL) != APR_SUCCESS) {
        close_file(file);
        return mproc_fail_memory("a trace");
    }
    int err = open_regular(file);
    if (err != MPROC_OK) {
        close_file(file);
        return err;
    }
    /* Somebody may have removed the file, or written something else there, since the last pool did. */
    if (file->pools == 0 || apr_file_info_get(&info, APR_FINFO_SIZE, file->file) != APR_SUCCESS ||
        info.size != file->end + (apr_off_t)TAIL_SIZE) {
        (void)apr_file_trunc(file->file, 0);
        begin(file);
    }
    return MPROC_OK;
}

static mproc_trace_file_t *find(const char *path) {
    for (mproc_node_t *node = files.next; node != &files; node = node->next) {
        mproc_trace_file_t *file = MPROC_OWNER(node, mproc_trace_file_t, node);
        if (strcmp(file->path, path) == 0)
            return file;
    }
    return NULL;
}

static mproc_trace_file_t *make(const char *path) {
    mproc_trace_file_t *file = mproc_alloc_zero(1, sizeof *file);
    char *copy = mproc_strdup(path);
    if (file == NULL || copy == NULL) {
        mproc_free(file);
        mproc_free(copy);
        return NULL;
    }
    file->path = copy;
    mproc_list_append(&files, &file->node);
    return file;
}

static int use(const char *path, mproc_trace_file_t **out_file) {
    mproc_trace_file_t *file = find(path);
    int err = MPROC_OK;
    if (file == NULL)
        file = make(path);
    if (file == NULL)
        return mproc_fail_memory("a trace");
    if (file->users == 0)
        err = open_file(file);
    if (err != MPROC_OK) {
        if (file->pools == 0)
            forget(file);
        return err;
    }
    file->users++;
    file->pools++;
    *out_file = file;
    return MPROC_OK;
}

/* ---- for everybody ------------------------------------------------------------------------------------------------------- */

int mproc_trace_file_open(const char *path, mproc_trace_file_t **out_file, int *out_pool) {
    apr_pool_t *pool = NULL;
    char *full = NULL;
    *out_file = NULL;
    int err = mproc_once(&once, make_mutex);
    if (err != MPROC_OK)
        return err;
    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS)
        return mproc_fail_memory("a trace");
    if (apr_filepath_merge(&full, NULL, path, 0, pool) != APR_SUCCESS)
        full = NULL; /* no path at all: opening it will say why */
    mproc_mutex_lock(mutex);
    err = use(full != NULL ? full : path, out_file);
    if (*out_file != NULL)
        *out_pool = (*out_file)->pools;
    mproc_mutex_unlock(mutex);
    apr_pool_destroy(pool);
    return err;
}

void mproc_trace_file_add(mproc_trace_file_t *file, const char *event, size_t size) {
    mproc_mutex_lock(mutex);
    if (file->used + size + sizeof SEPARATOR + TAIL_SIZE > BUFFER_SIZE)
        flush(file);
    if (!file->failed && size + sizeof SEPARATOR + TAIL_SIZE <= BUFFER_SIZE) {
        bool first = file->end + (apr_off_t)file->used == 1; /* behind the bracket */
        size_t separator = first ? 1 : sizeof SEPARATOR - 1;
        memcpy(file->buffer + file->used, first ? "\n" : SEPARATOR, separator);
        memcpy(file->buffer + file->used + separator, event, size);
        file->used += separator + size;
    }
    mproc_mutex_unlock(mutex);
}

void mproc_trace_file_flush(mproc_trace_file_t *file) {
    mproc_mutex_lock(mutex);
    flush(file);
    mproc_mutex_unlock(mutex);
}

void mproc_trace_file_close(mproc_trace_file_t *file) {
    if (file == NULL)
        return;
    mproc_mutex_lock(mutex);
    if (--file->users == 0)
        close_file(file);
    mproc_mutex_unlock(mutex);
}

void mproc_trace_files_fini(void) {
    if (mutex == NULL)
        return;
    mproc_mutex_lock(mutex);
    for (mproc_node_t *node = files.next; node != &files;) {
        mproc_trace_file_t *file = MPROC_OWNER(node, mproc_trace_file_t, node);
        node = node->next;
        if (file->users == 0) {
            forget(file);
        } else { /* the program ends with a pool that it has not destroyed */
            close_file(file);
            file->failed = true;
        }
    }
    mproc_mutex_unlock(mutex);
}
