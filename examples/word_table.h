/* SPDX-License-Identifier: Apache-2.0 */
/* word_table.h: how often each word occurs, and the same as bytes that travel to another process. No part of mproc. */
#ifndef EXAMPLES_WORD_TABLE_H
#define EXAMPLES_WORD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct word_entry {
    char *word; /* NULL: an empty place */
    uint32_t length;
    uint32_t hash;
    uint64_t count;
} word_entry_t;

/* All zero at first. */
typedef struct word_table {
    word_entry_t *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t used;
} word_table_t;

/* Adds count occurrences of a word. False without memory. */
bool word_table_add(word_table_t *table, const char *word, size_t length, uint64_t count);

/* Counts the words of a text: letters, digits inside, and all beyond ASCII; upper case as lower case. */
bool word_table_count(word_table_t *table, const unsigned char *text, size_t size);

/* The table as bytes: for each word its count, its length and its letters. */
size_t word_table_packed_size(const word_table_t *table);
void word_table_pack(const word_table_t *table, void *to);

/* Adds a packed table; false without memory. */
bool word_table_merge(word_table_t *table, const void *packed, size_t size);

/* The most frequent words, at most capacity; returns how many. They belong to the table. */
size_t word_table_top(const word_table_t *table, const word_entry_t **out_entries, size_t capacity);

void word_table_free(word_table_t *table);

#endif
