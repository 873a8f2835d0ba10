/* A seeded log of operations, for whatever merges: two members of one space and their devices
 * write, delete, restore, race and repeat themselves; times are few, so that ties of each kind are
 * common. And the state that a log leaves, as one text of records and stamps with its hash: every
 * place that merges by docs/sync.md, fed with the same log, must come to the same. Knows no place.
 */
#ifndef TESTS_SYNC_LOG_H
#define TESTS_SYNC_LOG_H

#include "base/buf.h"
#include "sync/merge.h"
#include <raum/env.h>

#define LOG_NOW INT64_C(1775030400000) /* 2026-04-01T08:00:00Z; the log's times lie before it */
#define LOG_SPACE "fam"                /* of anna, its owner, and bert */
#define LOG_MADE_MAX 64

struct log {
    uint64_t seed;
    uint32_t made;                /* rows so far */
    uint32_t author[LOG_MADE_MAX];
    char *said[LOG_MADE_MAX];     /* operations that may be repeated */
    uint32_t who[LOG_MADE_MAX], device[LOG_MADE_MAX];
    struct buf text;
};
struct log_op {
    const char *account, *device;
    const char *change; /* JSON, one change of the wire; lent until the next operation */
};
void log_init(struct log *l, uint64_t seed);
void log_release(struct log *l);
void log_next(struct log *l, struct log_op *out);

/* ---- what it leaves ---- */

struct log_state {
    char **lines;
    size_t count, cap;
};
/* One field of one record. */
void log_state_add(struct log_state *s, const char *table, const char *id,
                   const struct merge_field *f);
/* Sorted, one field a line; emptied. */
void log_state_text(struct log_state *s, struct buf *out);
/* 32 hex digits and a NUL. */
void log_state_hash(const struct buf *text, const struct raum_env *env, char out[33]);

#endif
