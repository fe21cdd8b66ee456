/* SPDX-License-Identifier: Apache-2.0 */
/* list.h: a doubly linked ring whose links lie in the things it links. Nothing here takes memory or can fail. */
#ifndef MPROC_SRC_LIST_H
#define MPROC_SRC_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A head, or the link in a member. A member that is in no list points to itself: removing it again does no harm. */
typedef struct mproc_node {
    struct mproc_node *prev;
    struct mproc_node *next;
} mproc_node_t;

/* The struct of a type that has node as the given member. */
#define MPROC_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void mproc_list_init(mproc_node_t *node) {
    node->prev = node;
    node->next = node;
}

static inline bool mproc_list_empty(const mproc_node_t *head) {
    return head->next == head;
}

/* mproc_list_append puts node before head, which is the end of its list; before a member it is an insertion there. */
static inline void mproc_list_append(mproc_node_t *head, mproc_node_t *node) {
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void mproc_list_prepend(mproc_node_t *head, mproc_node_t *node) {
    mproc_list_append(head->next, node);
}

static inline void mproc_list_remove(mproc_node_t *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    mproc_list_init(node);
}

/* mproc_list_first is NULL for an empty list. */
static inline mproc_node_t *mproc_list_first(const mproc_node_t *head) {
    return head->next == head ? NULL : head->next;
}

static inline mproc_node_t *mproc_list_last(const mproc_node_t *head) {
    return head->prev == head ? NULL : head->prev;
}

#endif
