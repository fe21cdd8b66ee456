/* SPDX-License-Identifier: Apache-2.0 */
/* word_table.c: a hash table with open addressing. */
#include "word_table.h"

#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64 /* longer ones are cut: they are no words */
#define HEADER 12   /* bytes before each packed word: a count of 8, a length of 4 */

static uint32_t hash_of(const char *word, size_t length) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)word[i]) * 16777619u;
    return hash;
}

static word_entry_t *find(const word_table_t *table, const char *word, size_t length, uint32_t hash) {
    size_t at = hash & (table->capacity - 1);
    while (table->entries[at].word != NULL) {
        const word_entry_t *entry = &table->entries[at];
        if (entry->hash == hash && entry->length == length && memcmp(entry->word, word, length) == 0)
            break;
        at = (at + 1) & (table->capacity - 1);
    }
    return &table->entries[at];
}

static bool grow(word_table_t *table) {
    word_table_t larger = {NULL, table->capacity > 0 ? 2 * table->capacity : 1024, table->used};
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL)
        return false;
    for (size_t i = 0; i < table->capacity; i++) {
        const word_entry_t *entry = &table->entries[i];
        if (entry->word != NULL)
            *find(&larger, entry->word, entry->length, entry->hash) = *entry;
    }
    free(table->entries);
    *table = larger;
    return true;
}

bool word_table_add(word_table_t *table, const char *word, size_t length, uint64_t count) {
    uint32_t hash = hash_of(word, length);
    if (2 * table->used >= table->capacity && !grow(table))
        return false;
    word_entry_t *entry = find(table, word, length, hash);
    if (entry->word == NULL) {
        entry->word = malloc(length + 1);
        if (entry->word == NULL)
            return false;
        memcpy(entry->word, word, length);
        entry->word[length] = '\0';
        entry->length = (uint32_t)length;
        entry->hash = hash;
        table->used++;
    }
    entry->count += count;
    return true;
}

static bool begins_word(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static bool goes_on(unsigned char c) {
    return begins_word(c) || (c >= '0' && c <= '9') || c == '_';
}

bool word_table_count(word_table_t *table, const unsigned char *text, size_t size) {
    char word[WORD_MAX];
    for (size_t i = 0; i < size;) {
        size_t length = 0;
        if (!begins_word(text[i])) {
            i++;
            continue;
        }
        for (; i < size && goes_on(text[i]); i++) {
            unsigned char c = text[i];
            if (length < sizeof word)
                word[length++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
        if (!word_table_add(table, word, length, 1))
            return false;
    }
    return true;
}

size_t word_table_packed_size(const word_table_t *table) {
    size_t size = 0;
    for (size_t i = 0; i < table->capacity; i++)
        size += table->entries[i].word != NULL ? HEADER + table->entries[i].length : 0;
    return size;
}

void word_table_pack(const word_table_t *table, void *to) {
    unsigned char *at = to;
    for (size_t i = 0; i < table->capacity; i++) {
        const word_entry_t *entry = &table->entries[i];
        if (entry->word == NULL)
            continue;
        memcpy(at, &entry->count, 8);
        memcpy(at + 8, &entry->length, 4);
        memcpy(at + HEADER, entry->word, entry->length);
        at += HEADER + entry->length;
    }
}

bool word_table_merge(word_table_t *table, const void *packed, size_t size) {
    const unsigned char *at = packed, *end = at + size;
    while ((size_t)(end - at) >= HEADER) {
        uint64_t count;
        uint32_t length;
        memcpy(&count, at, 8);
        memcpy(&length, at + 8, 4);
        at += HEADER;
        if (length > (size_t)(end - at) || !word_table_add(table, (const char *)at, length, count))
            return false;
        at += length;
    }
    return at == end;
}

static int compare(const void *left, const void *right) {
    const word_entry_t *a = *(const word_entry_t *const *)left, *b = *(const word_entry_t *const *)right;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp(a->word, b->word);
}

size_t word_table_top(const word_table_t *table, const word_entry_t **out_entries, size_t capacity) {
    const word_entry_t **all = malloc((table->used + 1) * sizeof(word_entry_t *));
    size_t count = 0;
    if (all == NULL)
        return 0;
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->entries[i].word != NULL)
            all[count++] = &table->entries[i];
    }
    qsort(all, count, sizeof(word_entry_t *), compare);
    count = count < capacity ? count : capacity;
    memcpy(out_entries, all, count * sizeof(word_entry_t *));
    free(all);
    return count;
}

void word_table_free(word_table_t *table) {
    for (size_t i = 0; i < table->capacity; i++)
        free(table->entries[i].word);
    free(table->entries);
    *table = (word_table_t){0};
}
