/* What sql.c shares with its two drivers: a connection, a prepared statement, parameters, and rows
 * as they are kept in memory. Only sql*.c and the tests of it include this. */
#ifndef SERVER_STORE_SQL_DRIVER_H
#define SERVER_STORE_SQL_DRIVER_H

#include "server/store/sql.h"
#include "server/store/sql_listen.h"

#define SQL_PARAMS_MAX 24
#define SQL_ROWS_MAX ((size_t)64 << 20) /* bytes of one result; more is LIMIT */
#define SQL_WAIT_MS 5000                /* for another writer; then BUSY */

/* One parameter: s and t are text, b bytes, i a number; data NULL is null whatever the letter. Of
 * I, T and B data is the first element and len how many there are. */
struct sql_value {
    char type;
    int64_t number;
    const void *data;
    size_t len;
};

/* A statement that is prepared on one connection for one list of types. */
struct sql_stmt {
    const char *address; /* of the caller's text: what it is looked up by; NULL: an empty place */
    char *text;          /* a copy: texts that come and go may share an address */
    char types[SQL_PARAMS_MAX + 1];
    void *handle; /* the driver's */
};

#define SQL_CACHE_SETS 64
#define SQL_CACHE_WAYS 4

#define SQL_SCOPES 3

struct sql_driver;
struct sql {
    const struct sql_driver *driver;
    const struct raum_env *env;
    void *slot;
    void (*slot_release)(void *thing);
    int depth;  /* 0, or nesting of sql_begin */
    int failed; /* what a nested transaction ended with */
    bool closing;
    struct {
        const char *name;
        char *value;
    } scope[SQL_SCOPES]; /* to be sent with the next statement */
    int scope_count;
    int64_t changed;
    struct sql_rows *spare; /* of an earlier statement, empty: most statements give few rows */
    struct sql_stmt cache[SQL_CACHE_SETS][SQL_CACHE_WAYS];
    unsigned char next[SQL_CACHE_SETS]; /* the way that goes when all are taken */
};

struct sql_cell {
    char type; /* n i t b */
    int64_t number;
    const char *data; /* NUL-terminated */
    size_t len;
};
struct sql_row {
    struct sql_row *next;
    struct sql_cell cells[];
};
struct sql_rows {
    struct arena arena;
    int columns;
    const char **names;
    struct sql_row *first, *last;
    const struct sql_row *now; /* NULL: before the first, or behind the last */
    bool begun;
    struct sql *home; /* where it goes when it is freed */
};

enum sql_part { SQL_PART_BEGIN, SQL_PART_KEEP, SQL_PART_UNDO };
extern const char *const sql_part_texts[]; /* what both databases understand */

struct sql_driver {
    void (*close)(struct sql *c); /* no transaction is open, no statement prepared */
    /* May the connection be used? Mends it when it was lost; outside transactions only. NULL: it
     * always may. */
    int (*ready)(struct sql *c, struct raum_error *error);
    int (*prepare)(struct sql *c, struct sql_stmt *s, struct raum_error *error);
    void (*forget)(struct sql *c, struct sql_stmt *s);
    /* rows NULL: they are of no interest. Sets c->changed. */
    int (*run)(struct sql *c, struct sql_stmt *s, const struct sql_value *values, int count,
               struct sql_rows *rows, struct raum_error *error);
    /* As run, without waiting; NULL: as run. */
    int (*later)(struct sql *c, struct sql_stmt *s, const struct sql_value *values, int count,
                 struct raum_error *error);
    /* Several statements without parameters, in the words of migrations. */
    int (*script)(struct sql *c, const char *text, struct raum_error *error);
    int (*begin)(struct sql *c, struct raum_error *error);
    int (*commit)(struct sql *c, struct raum_error *error);
    void (*rollback)(struct sql *c);
    /* A part of the transaction: begun, kept, or undone with what was said in it. */
    int (*part)(struct sql *c, enum sql_part what, struct raum_error *error);
    int (*lock)(struct sql *c, const char *name, struct raum_error *error);
    /* After migrations: may this role be trusted with them? NULL: always. */
    int (*judge)(struct sql *c, struct raum_error *error);
    int (*notify)(struct sql *c, const char *channel, const char *payload,
                  struct raum_error *error);
};

int sql_sqlite_open(struct sql **out, const char *path, struct raum_error *error) BASE_CHECK;
int sql_postgres_open(struct sql **out, const char *url, struct raum_error *error) BASE_CHECK;

/* ---- notices: what one that listens begins with; each driver has its own */
struct sql_listener {
    int (*wait)(struct sql_listener *l, int wake_fd, int wait_ms, struct sql_notice *out,
                struct raum_error *error);
    void (*release)(struct sql_listener *l); /* frees it, too */
    char payload[SQL_NOTICE_MAX + 1];
};
int sql_sqlite_listen(struct sql_listener **out, const char *path, const char *channel,
                      struct raum_error *error) BASE_CHECK;
int sql_postgres_listen(struct sql_listener **out, const char *url, const char *channel,
                        struct raum_error *error) BASE_CHECK;
/* Which of the two an address means. */
bool sql_url_is_postgres(const char *url);

/* The name of channel ?1 in the schema that a connection of PostgreSQL is in. */
#define SQL_CHANNEL                                                                                \
    "'raum_' || $1::text || '_' || "                                                               \
    "to_hex(hashtextextended(coalesce(current_schema(), ''), 0))"

/* On SQLite: what waits for the commit, and its delivery to all who listen on the same file. */
struct sql_gate;
struct sql_said {
    struct sql_said *next;
    char *channel, *payload; /* of the same allocation */
};
int sql_say(struct sql_said **list, const char *channel, const char *payload,
            struct raum_error *error) BASE_CHECK;
void sql_said_deliver(struct sql_said **list, const struct sql_gate *file); /* and frees */
void sql_said_drop(struct sql_said **list);

/* For the drivers: the columns once, then rows; cells of a row are filled by the caller. */
int sql_rows_columns(struct sql_rows *rows, int columns, struct raum_error *error) BASE_CHECK;
struct sql_cell *sql_rows_add(struct sql_rows *rows); /* NULL: too much */
/* Copies; false: too much. */
bool sql_cell_set(struct sql_rows *rows, struct sql_cell *cell, char type, const void *data,
                  size_t len);
/* Drops every prepared statement. */
void sql_forget_all(struct sql *c);

#endif
