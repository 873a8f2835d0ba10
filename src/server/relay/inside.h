/* What the files of the relay share: interned names, bodies of records, cursors, and whose a
 * partition is. */
#ifndef SERVER_RELAY_INSIDE_H
#define SERVER_RELAY_INSIDE_H

#include "schema/rights.h"
#include "server/relay/relay.h"

/* ---- names ---- */

struct relay_name {
    char *text; /* owned; NULL: an empty place */
    int64_t ref;
};
struct relay {
    struct sql *sql;
    const struct raum_env *env;
    struct relay_name *by_text; /* open addressing, a power of two */
    struct relay_name *by_ref;  /* the same texts, lent */
    uint32_t cap, count;
    uint64_t last; /* the newest time given out */
    struct arena scratch; /* of the batch at work */
    struct buf body;      /* of the record being written */
    struct json_doc doc;  /* of the value being looked at */
    bool restored; /* this database came back from a backup; false: ask again */
};

/* The number of a name; made if it is new (within a transaction, which may still fail: the cache
 * learns it only when it is read from the table). 0 for NULL. */
int relay_ref(struct relay *r, const char *name, int64_t *ref, struct raum_error *error) BASE_CHECK;
/* The number of a name that may not be there: 0 then. */
int relay_ref_find(struct relay *r, const char *name, int64_t *ref,
                   struct raum_error *error) BASE_CHECK;
/* The name of a number, lent until the request ends; NULL for 0. CORRUPT if there is none. */
int relay_name(struct relay *r, int64_t ref, const char **name,
               struct raum_error *error) BASE_CHECK;
/* Before a request: starts anew when too many names are held. Texts lent before are gone. */
void relay_trim(struct relay *r);

/* ---- bodies ---- */

/* Numbers of seven bits a byte, the low ones first. */
struct relay_bytes {
    const unsigned char *at, *end;
    bool bad; /* cut off, or no such number */
};
void relay_put_number(struct buf *out, uint64_t n);
uint64_t relay_take_number(struct relay_bytes *in);

int relay_body_write(struct relay *r, const struct merge_record *record, struct buf *out,
                     struct raum_error *error) BASE_CHECK;
/* Values are lent from `data`. */
int relay_body_read(struct relay *r, const void *data, size_t len, struct arena *a,
                    struct merge_record *out, struct raum_error *error) BASE_CHECK;

/* The account or text that a field of a record holds, in the arena; NULL. */
const char *relay_text(const struct merge_record *r, const char *name, struct arena *a);
/* Is the value of this field sealed, a text that nobody here can look into? */
bool relay_is_sealed(const struct schema_field *f, const struct merge_field *in);

/* ---- partitions ---- */

struct relay_part {
    int64_t ref, seq; /* ref 0: nothing was ever written to it */
    int64_t records, bytes; /* that it holds; known while it is written to */
    const char *id;
    int type; /* enum schema_space_type; -1: a user partition */
    int role; /* of the caller; ROLE_NONE: not in it */
    bool altered; /* by a push: as relay_written */
};
/* The partition that a change names, for this caller: sentinels and offline ids become what they
 * stand for (G-U4). 0, or the code that the change is refused with (NOT_ALLOWED, UNKNOWN_TABLE). */
int relay_part_of(struct relay *r, const struct relay_caller *who, const struct wire_change *c,
                  struct arena *a, struct relay_part *out, struct raum_error *error) BASE_CHECK;
/* Within the transaction that writes: locks it, reads role and seq, makes its row. */
int relay_part_open(struct relay *r, const struct relay_caller *who, struct relay_part *p,
                    struct raum_error *error) BASE_CHECK;
/* ref and seq of p->id; both 0: nothing was ever written to it. */
int relay_part_read(struct relay *r, struct relay_part *p, struct raum_error *error) BASE_CHECK;
/* Every partition of the caller, their user partition first. */
int relay_parts(struct relay *r, const struct relay_caller *who, struct arena *a,
                struct relay_part **out, uint32_t *count, struct raum_error *error) BASE_CHECK;

/* relay_pull, right after the caller's own push: what that wrote is not sent back where the caller
 * had seen all before it, unless it was altered; the cursor moves on over it. */
int relay_pull_behind(struct relay *r, const struct relay_caller *who, const char *since,
                      const char *space, const struct relay_written *own, uint32_t own_count,
                      struct arena *a, struct relay_page *out, struct raum_error *error) BASE_CHECK;
/* ---- records of a stretch ---- */

struct relay_row {
    struct wire_change change; /* the record, whole */
    const char *author;        /* account, lent as names are; NULL: nobody */
    size_t bytes;              /* as JSON, about */
    bool is_private, was_shared;
};
struct relay_range {
    struct relay_row *rows;
    uint32_t count;
    int64_t end; /* all up to this seq are here */
};
/* What lies behind part->seq up to `to`, in the order of commits: at most `max` records, and about
 * so many bytes, but one at least; of RELAY_APP_TABLES tables alone, or with NULL of all. In the
 * arena. */
int relay_range(struct relay *r, const struct relay_part *part, int64_t to, uint32_t max,
                size_t bytes, const int64_t *tables, struct arena *a,
                struct relay_range *out, struct raum_error *error) BASE_CHECK;
/* What an account is shown of a row in one of its partitions: another's private row is not sent; if
 * it was shared once, it is taken back (G-T9). */
enum relay_view { RELAY_SHOWN, RELAY_HIDDEN, RELAY_WITHDRAWN };
enum relay_view relay_view(const struct relay_row *row, const char *account);

/* ---- cursors ---- */

struct relay_cursor {
    struct relay_part *parts; /* ref and seq */
    uint32_t count;
};
/* Did this database ever come back from a backup? Then it has forgotten what it once sent. */
int relay_was_restored(struct relay *r, bool *out, struct raum_error *error) BASE_CHECK;
/* What is no cursor of this epoch is the start: an empty list. */
void relay_cursor_read(const char *text, const char *epoch, struct arena *a,
                       struct relay_cursor *out);
int relay_cursor_write(const struct relay_cursor *cursor, const char *epoch, struct arena *a,
                       const char **out) BASE_CHECK;

/* ---- older clients ---- */

#define RELAY_APP_TABLES 4 /* of one app, at most */

/* The numbers of the tables that the caller knows; 0: none. Unused places are 0. */
int relay_older_tables(struct relay *r, const struct relay_caller *who,
                       int64_t out[RELAY_APP_TABLES], struct raum_error *error) BASE_CHECK;
/* A cursor over some tables is none over others: what stands in the epoch's place in those of an
 * app, and of one of its tables. */
void relay_older_tag(const struct relay *r, const char *epoch, const char *app, const char *table,
                     char out[17]);
/* What is not of the app is refused (UNKNOWN_TABLE); what such clients keep for themselves or work
 * out is not the row's. */
void relay_older_request(struct wire_request *q, const char *app);
/* Is this a field, in the clear, that is only ever sealed here? It is passed over (G-K1). */
bool relay_older_sealed(const struct relay_caller *who, const struct relay_part *p,
                        const struct schema_field *f, const struct merge_field *in);
/* An answer as such clients can read it: without what is sealed, with what a picture is shown
 * for. */
int relay_older_page(struct relay *r, const struct relay_caller *who, struct arena *a,
                     struct relay_page *page, struct raum_error *error) BASE_CHECK;

#endif
