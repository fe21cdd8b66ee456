/* SPDX-License-Identifier: Apache-2.0 */
/* queue.h: what waits for a slot: by priority, first come first served among equals. It knows nothing of slots. */
#ifndef MPROC_SRC_QUEUE_H
#define MPROC_SRC_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "list.h"

/* All that waits with one priority. The one for priority 0 lies in the queue; others live while somebody holds them. */
typedef struct mproc_bucket {
    mproc_node_t head;
    int priority;
    uint32_t holders;
    struct mproc_bucket *lower; /* the next in order of priority */
} mproc_bucket_t;

typedef struct mproc_queue {
    mproc_bucket_t normal;
    mproc_bucket_t *top; /* of the highest priority */
    size_t count;        /* nodes in all buckets */
} mproc_queue_t;

void mproc_queue_init(mproc_queue_t *queue);

/* mproc_queue_hold finds or makes the bucket of a priority. MPROC_ENOMEM. What is queued holds its bucket from before it is put
 * in until it is done for good: putting something back cannot fail. */
int mproc_queue_hold(mproc_queue_t *queue, int priority, mproc_bucket_t **out_bucket);
void mproc_queue_drop(mproc_queue_t *queue, mproc_bucket_t *bucket);

/* mproc_queue_first is what is to run next, with its bucket; NULL when nothing waits. It stays in the queue. */
mproc_node_t *mproc_queue_first(const mproc_queue_t *queue, mproc_bucket_t **out_bucket);

static inline void mproc_queue_append(mproc_queue_t *queue, mproc_bucket_t *bucket, mproc_node_t *node) {
    mproc_list_append(&bucket->head, node);
    queue->count++;
}

/* mproc_queue_prepend is for what has been taken out before. */
static inline void mproc_queue_prepend(mproc_queue_t *queue, mproc_bucket_t *bucket, mproc_node_t *node) {
    mproc_list_prepend(&bucket->head, node);
    queue->count++;
}

static inline void mproc_queue_remove(mproc_queue_t *queue, mproc_node_t *node) {
    mproc_list_remove(node);
    queue->count--;
}

#endif
