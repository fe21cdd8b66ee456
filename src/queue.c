/* SPDX-License-Identifier: Apache-2.0 */
/* queue.c: buckets in order of priority. Few priorities are in use at a time, so a list of them will do. */
#include "queue.h"

#include "memory.h"
#include "report.h"

void mproc_queue_init(mproc_queue_t *queue) {
    *queue = (mproc_queue_t){0};
    mproc_list_init(&queue->normal.head);
    queue->normal.holders = 1;
    queue->top = &queue->normal;
}

int mproc_queue_hold(mproc_queue_t *queue, int priority, mproc_bucket_t **out_bucket) {
    mproc_bucket_t **at = &queue->top;
    *out_bucket = NULL;
    while (*at != NULL && (*at)->priority > priority)
        at = &(*at)->lower;
    mproc_bucket_t *bucket = *at;
    if (bucket == NULL || bucket->priority != priority) {
        bucket = mproc_alloc(sizeof *bucket);
        if (bucket == NULL)
            return mproc_fail_memory("a priority");
        *bucket = (mproc_bucket_t){.priority = priority, .lower = *at};
        mproc_list_init(&bucket->head);
        *at = bucket;
    }
    bucket->holders++;
    *out_bucket = bucket;
    return MPROC_OK;
}

void mproc_queue_drop(mproc_queue_t *queue, mproc_bucket_t *bucket) {
    if (--bucket->holders > 0)
        return;
    mproc_bucket_t **at = &queue->top;
    while (*at != bucket)
        at = &(*at)->lower;
    *at = bucket->lower;
    mproc_free(bucket);
}

mproc_node_t *mproc_queue_first(const mproc_queue_t *queue, mproc_bucket_t **out_bucket) {
    if (queue->count == 0)
        return NULL;
    mproc_bucket_t *bucket = queue->top;
    while (mproc_list_empty(&bucket->head))
        bucket = bucket->lower;
    *out_bucket = bucket;
    return bucket->head.next;
}
