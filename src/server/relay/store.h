/* The relay's records in the database, many at once: what a batch touches is loaded, merged in
 * memory, and what changed is written, each with as few statements as the database allows. Knows
 * no merge and no rights; a body is bytes (relay.h has their format).
 *
 * On SQLite a statement costs little and runs once a record; on PostgreSQL a list of records is one
 * statement. All of it within the transaction that holds the partition's lock (relay_part_open). */
#ifndef SERVER_RELAY_STORE_H
#define SERVER_RELAY_STORE_H

#include "server/store/sql.h"
#include "sync/merge.h"

/* A record of one partition. The caller's memory, in its arena, as long as the batch. */
struct relay_record {
    int64_t tbl;    /* its key: number of the table's name, and the id */
    const char *id;
    bool exists;    /* it is stored, or will be */
    bool changed;   /* not yet written */
    bool is_private;
    int64_t seq;    /* its place in the partition's order of commits */
    int64_t shared; /* the last seq at which it was not private; 0: never */
    int64_t author; /* number of the account's name */
    const void *body;
    size_t len;
    size_t stored; /* bytes of the body in the database; 0: it is not there */
    struct merge_record fields; /* the body, read; the batch's business, not the store's */
    struct relay_record *next;  /* the batch's */
};
/* What a field held before: one entry a change that overwrote something. */
struct relay_history {
    int64_t tbl, seq; /* of the change that overwrote it: one each in a partition */
    const char *id;
    const void *body; /* the fields as they were */
    size_t len;
};

/* Fills what is stored of each (tbl and id are given, the rest is zero): exists, is_private, seq,
 * shared, author, body and len, in the arena. Who is not there stays as it is. */
int relay_store_load(struct sql *c, int64_t part, struct relay_record *const *list, uint32_t count,
                     struct arena *a, struct raum_error *error) BASE_CHECK;
/* Writes those that are `changed`, new or not. No two of the list have one key; their seqs are
 * above all that are stored in the partition. */
int relay_store_put(struct sql *c, int64_t part, struct relay_record *const *list, uint32_t count,
                    struct arena *a, struct raum_error *error) BASE_CHECK;
int relay_store_history(struct sql *c, int64_t part, const struct relay_history *list,
                        uint32_t count, int64_t now_ms, struct arena *a,
                        struct raum_error *error) BASE_CHECK;

#endif
