/* SPDX-License-Identifier: Apache-2.0 */
/* env_block.h: an environment under construction, and its Windows form. Knows no system: it never looks at the real one. */
#ifndef MPLAT_COMMON_ENV_BLOCK_H
#define MPLAT_COMMON_ENV_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sorted set of "NAME=value" strings, one per name; each is a copy that the set owns. A name may begin with '=', as in
 * "=C:=C:\\src", by which Windows keeps a directory per drive; otherwise it ends at the first '='.
 * With fold_case names are compared and sorted as Windows does it: by UTF-16 unit after a simple upper-casing. Without, by
 * byte. Replacing an environment is extending an empty one; extending is adding to what is there: the later entry wins. */
typedef struct mplat_env {
    char **entries; /* NULL-terminated once something was added; NULL before */
    size_t count;
    size_t capacity;
    bool fold_case;
} mplat_env_t;

void mplat_env_init(mplat_env_t *env, bool fold_case);
void mplat_env_fini(mplat_env_t *env);

/* mplat_env_entry_valid tells whether entry is "NAME=value" with a name. */
bool mplat_env_entry_valid(const char *entry);

/* mplat_env_set adds one entry or replaces the one of that name. MPLAT_EINVAL when it is not valid, MPLAT_ENOMEM; the set is
 * then as before. */
int mplat_env_set(mplat_env_t *env, const char *entry);

/* mplat_env_extend sets each of entries (NULL-terminated; NULL is none). After a failure some of them may be set. */
int mplat_env_extend(mplat_env_t *env, const char *const *entries);

/* mplat_env_change does so too, but an entry that is a name alone removes that name. */
int mplat_env_change(mplat_env_t *env, const char *const *entries);

/* mplat_env_inherit is mplat_env_extend for an environment that somebody else wrote: entries that are not valid, which the
 * kernel lets through, are left out instead. MPLAT_ENOMEM. */
int mplat_env_inherit(mplat_env_t *env, const char *const *entries);

/* mplat_env_keep takes name over from source unless the set has it already; nothing when source has none either.
 * Without SYSTEMROOT many Windows programs cannot even start, so that a replaced environment keeps it. */
int mplat_env_keep(mplat_env_t *env, const char *const *source, const char *name);

/* mplat_env_get gives the value of name, NULL when there is none. It points into the set until that name changes. */
const char *mplat_env_get(const mplat_env_t *env, const char *name);

void mplat_env_remove(mplat_env_t *env, const char *name);

/* mplat_env_entries gives the set as a NULL-terminated array, also when it is empty; it is the set's. */
const char *const *mplat_env_entries(const mplat_env_t *env);

/* mplat_env_block_utf16 writes what CreateProcessW takes with CREATE_UNICODE_ENVIRONMENT: each entry with its zero, then one
 * more zero (two when there is no entry), and sets *out_count to all units of it. With buf NULL it only counts.
 * MPLAT_EINVAL when an entry is not UTF-8, MPLAT_ETOOBIG when capacity is too small. */
int mplat_env_block_utf16(const mplat_env_t *env, uint16_t *buf, size_t capacity, size_t *out_count);

#endif
