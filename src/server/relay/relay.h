/* The relay: what devices of an account and members of a space write, merged by the one rule
 * (sync/merge.h) and kept as records, not as a log (ARCHITECTURE §5). Knows neither HTTP nor
 * streams; a value is JSON that it never opens.
 *
 * A partition is a space or `user:<account>`. Membership, role, rights by field and what is fixed
 * are asked in the transaction that writes (G-S1). `seq` is given under the partition's lock, so
 * the order of seq is the order of commits, and a cursor over it misses nothing (G-S2).
 *
 *     cursor   base64url of: version 1 | epoch: 16 hex digits | (partition: varint | seq: varint)*
 *     body     version 1 | field*
 *     field    name | at: 8 bytes | device | account | agent | origin: 1 byte | length | JSON
 *
 * where name, device, account and agent are varints: numbers of the table names, 0 for none. */
#ifndef SERVER_RELAY_RELAY_H
#define SERVER_RELAY_RELAY_H

#include "server/store/sql.h"
#include "sync/wire.h"

#ifndef RELAY_PAGE_MAX                       /* the simulation has smaller ones */
#define RELAY_PAGE_MAX 1000                  /* records of one answer */
#endif
#define RELAY_PAGE_BYTES ((size_t)768 << 10) /* and about as many bytes */
#define RELAY_RECORD_MAX ((size_t)512 << 10) /* bytes of a record */
#define RELAY_PART_RECORDS_MAX INT64_C(1000000)    /* of a partition; then LIMIT */
#define RELAY_PART_BYTES_MAX (INT64_C(2) << 30)
#define RELAY_KEEP_MS (INT64_C(30) * 24 * 3600 * 1000)

struct relay; /* one a worker: its connection, and the names it has seen */

/* `c` is lent. */
int relay_new(struct relay **out, struct sql *c, const struct raum_env *env,
              struct raum_error *error) BASE_CHECK;
void relay_free(struct relay *r); /* NULL is fine */
/* That of a connection, lent: it keeps the names it has seen as long as the connection lives. */
int relay_of(struct relay **out, struct sql *c, const struct raum_env *env,
             struct raum_error *error) BASE_CHECK;

/* Who asks, and from which device; the account is that of the session. */
struct relay_caller {
    const char *account, *client;
    const char *agent; /* NULL: the person's own hand */
    /* An older client knows one app (older.c): NULL, or its name; `table` narrows a pull. */
    const char *app, *table;
};
/* What a push wrote, for those who listen: one entry a partition. */
struct relay_written {
    const char *partition; /* id */
    int64_t from, to;      /* seq: everything behind `from` up to `to` */
    bool changed; /* not just as the device has it: something was filled in, left out, translated */
};

/* Merges the changes: one transaction for each partition that they touch. `results` has room for
 * q->count and gets one each, in order. Applying a request again says `duplicate` (G-S5). Only
 * what concerns all of it is returned: BUSY, FULL, NOMEM; partitions written before stay written.
 * *written: *count entries in the arena. */
int relay_push(struct relay *r, const struct relay_caller *who, const struct wire_request *q,
               struct arena *a, struct wire_result *results, struct relay_written **written,
               uint32_t *count, struct raum_error *error) BASE_CHECK;
/* The records that beat a change, whole: what lost is told what won, wherever its cursor stands.
 * After relay_push, of its results. */
int relay_beaten(struct relay *r, const struct relay_caller *who, const struct wire_request *q,
                 const struct wire_result *results, struct arena *a, struct wire_answer *out,
                 struct raum_error *error) BASE_CHECK;

/* One record as it stands at this moment, deleted or private too: what is shown of it is the
 * caller's to decide. RAUM_END: there is none. Values are lent from the arena. */
int relay_record(struct relay *r, const char *space, const char *table, const char *id,
                 struct arena *a, struct merge_record *out, struct raum_error *error) BASE_CHECK;

/* What `who` may not see any more: it was shared once and is private now. */
struct relay_retract {
    const char *app, *table, *id, *space;
};
struct relay_page {
    struct wire_answer answer; /* changes, until, epoch, more; no results */
    struct relay_retract *retracts;
    uint32_t retract_count;
    int64_t behind; /* about how many records are still to come */
};
/* Everything behind the cursor (NULL, "", unknown or of another epoch: from the start) in the
 * caller's partitions, or in `space` alone. A space that the caller is not in: NOT_FOUND. */
int relay_pull(struct relay *r, const struct relay_caller *who, const char *since,
               const char *space, struct arena *a, struct relay_page *out,
               struct raum_error *error) BASE_CHECK;

/* One exchange as the wire has it, in three steps, so that the middle one may be a writer's
 * (writer.h): the request is read; what it brings is pushed; the answer says what became of it and
 * what lies behind the cursor. */
struct relay_exchange {
    struct relay_caller who;
    struct wire_request request;
    struct wire_result *results;   /* one a change */
    struct relay_written *written; /* `count` of them */
    uint32_t count;
};
/* `doc` and `who` are lent until the answer. BAD_CHANGE, TOO_LARGE: not a request. */
int relay_exchange_read(struct relay_exchange *x, const struct relay_caller *who,
                        const struct json_doc *doc, struct arena *a,
                        struct raum_error *error) BASE_CHECK;
/* As relay_push. */
int relay_exchange_push(struct relay *r, struct relay_exchange *x, struct arena *a,
                        struct raum_error *error) BASE_CHECK;
/* `out` gets the answer's JSON. As relay_pull. */
int relay_exchange_answer(struct relay *r, const struct relay_exchange *x, const char *space,
                          struct arena *a, struct buf *out, struct raum_error *error) BASE_CHECK;
/* All three. *written as relay_push has it. */
int relay_exchange(struct relay *r, const struct relay_caller *who, const struct json_doc *doc,
                   const char *space, struct arena *a, struct buf *out,
                   struct relay_written **written, uint32_t *count,
                   struct raum_error *error) BASE_CHECK;

/* What lies behind the cursor alone, as JSON. */
int relay_pull_json(struct relay *r, const struct relay_caller *who, const char *since,
                    struct arena *a, struct buf *out, struct raum_error *error) BASE_CHECK;

/* After a transaction that failed around a push: what it named may not exist. */
void relay_forget(struct relay *r);
/* Forgets history and receipts that are older than 30 days, on SQLite a few thousand in a
 * transaction, so that nobody waits for it. */
int relay_sweep(struct sql *c, int64_t now_ms, struct raum_error *error) BASE_CHECK;
/* The epoch of this database: made at the first call, 16 hex digits. */
int relay_epoch(struct sql *c, const struct raum_env *env, char out[17],
                struct raum_error *error) BASE_CHECK;
/* A new epoch: after a restore, when what devices have seen may be ahead of what is here (G-O4). */
int relay_new_epoch(struct sql *c, const struct raum_env *env, struct raum_error *error) BASE_CHECK;

#endif
