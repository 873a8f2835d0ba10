/* libraum: people's data in spaces, kept apart by construction.
 *
 * A `struct raum` is one account's replica on this device (a guest has its own). Data is reached
 * only through a `struct raum_handle`: a scope handle sees exactly one space, an account handle the
 * account's own settings, an across handle reads all spaces and writes none. SQL given to a handle
 * runs behind a fence in which nothing but the handle's tables exists (G-T2, G-T3).
 *
 * Ownership: a function with an out-pointer gives (free it by the matching _free/_close), a getter
 * lends. Errors: 0 or a negative code of <raum/error.h>; the last argument may be NULL. Threads: a
 * replica and all that hangs on it belong to one thread at a time. Several processes may open one
 * data directory. */
#ifndef RAUM_RAUM_H
#define RAUM_RAUM_H

#include <raum/env.h>
#include <raum/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAUM_ID_MAX                                                                                \
    216 /* bytes of an id with its NUL: 200, and what a slot or a sentinel adds to an account's */

struct raum;
struct raum_handle;
struct raum_query;
struct raum_watch;

struct raum_options {
    const char *folder;         /* data directory; made if absent */
    const char *account; /* NULL: the account remembered in the directory, a guest at first */
    const struct raum_env *env; /* NULL: raum_env_native() */
    bool read_only;             /* open also what is newer or cannot be written, for export */
    const char *passphrase;     /* for a key ring that has one; NULL otherwise */
    /* Called during upgrades and adoption of old data: what, how far (0..1). May be NULL. */
    void (*progress)(void *arg, const char *what, double done);
    void *progress_arg;
};

/* Opens or makes the account's replica: finishes or discards what a crash left, then upgrades, then
 * lets in. NEWER_DATABASE, CORRUPT, LOCKED, READ_ONLY, IO, FULL. */
RAUM_API int raum_open(struct raum **out, const struct raum_options *options,
                       struct raum_error *error);
RAUM_API void raum_close(struct raum *raum);
RAUM_API const char *raum_account(const struct raum *raum); /* "guest" or the account's id */
RAUM_API const char *raum_device(const struct raum *raum);
RAUM_API const char *raum_version(void);

/* Handles. A new scope handle is not ready: reads and writes answer SCOPE_NOT_READY (G-T5). */
RAUM_API int raum_scope_new(struct raum *raum, struct raum_handle **out, struct raum_error *error);
RAUM_API int raum_account_new(struct raum *raum, struct raum_handle **out,
                              struct raum_error *error);
RAUM_API int raum_across_new(struct raum *raum, struct raum_handle **out, struct raum_error *error);
RAUM_API void raum_handle_free(struct raum_handle *handle);
/* Switches a scope handle. Running queries of the handle end with INTERRUPTED, watches start anew
 * (G-T8). NULL makes it not ready. NOT_FOUND for a space this account is not in. */
RAUM_API int raum_scope_set(struct raum_handle *handle, const char *space_id,
                            struct raum_error *error);
RAUM_API const char *raum_scope_space(const struct raum_handle *handle); /* NULL: not ready */
/* Writes through this handle are an agent's, on behalf of the account (G-A4). NULL: the person's
 * own. USAGE inside a transaction. */
RAUM_API int raum_handle_agent(struct raum_handle *handle, const char *agent,
                               struct raum_error *error);

/* Writing. `json` is one object of fields; leaf fields may be nested or dotted. One transaction
 * each, or part of the one begun by raum_begin. `id` receives the new id; an "id" among the fields
 * is taken. */
RAUM_API int raum_insert(struct raum_handle *handle, const char *table, const char *json,
                         size_t len, char id[RAUM_ID_MAX], struct raum_error *error);
RAUM_API int raum_update(struct raum_handle *handle, const char *table, const char *id,
                         const char *json, size_t len, struct raum_error *error);
RAUM_API int raum_delete(struct raum_handle *handle, const char *table, const char *id,
                         struct raum_error *error);
RAUM_API int raum_restore(struct raum_handle *handle, const char *table, const char *id,
                          struct raum_error *error);
RAUM_API int raum_begin(struct raum *raum, struct raum_error *error);
RAUM_API int raum_commit(struct raum *raum, struct raum_error *error);
RAUM_API void raum_rollback(struct raum *raum);

/* Reading: one SELECT behind the fence. Parameters from 1. */
enum raum_type { RAUM_NULL, RAUM_INTEGER, RAUM_REAL, RAUM_TEXT, RAUM_BLOB };

RAUM_API int raum_query_new(struct raum_handle *handle, const char *sql, struct raum_query **out,
                            struct raum_error *error);
RAUM_API void raum_query_free(struct raum_query *query);
RAUM_API int raum_query_bind_text(struct raum_query *query, int at, const char *text, size_t len);
RAUM_API int raum_query_bind_int(struct raum_query *query, int at, int64_t value);
RAUM_API int raum_query_bind_real(struct raum_query *query, int at, double value);
/* 0: a row; RAUM_END; or negative. INTERRUPTED after a switch, LIMIT when a bound is reached. */
RAUM_API int raum_query_step(struct raum_query *query, struct raum_error *error);
RAUM_API int raum_query_columns(const struct raum_query *query);
RAUM_API const char *raum_query_name(const struct raum_query *query, int at);
RAUM_API enum raum_type raum_query_type(const struct raum_query *query, int at);
RAUM_API int64_t raum_query_int(const struct raum_query *query, int at);
RAUM_API double raum_query_real(const struct raum_query *query, int at);
/* Text or blob; lent until the next step. NULL for null. */
RAUM_API const char *raum_query_text(const struct raum_query *query, int at, size_t *len);

/* Live queries: `each` is called once per change, between RAUM_WATCH_BEGIN and RAUM_WATCH_END of a
 * batch. */
enum raum_watch_kind {
    RAUM_WATCH_BEGIN,  /* a batch starts; `reset` events come first after a switch */
    RAUM_WATCH_RESET,  /* forget all rows: the first run, or the space was switched */
    RAUM_WATCH_INSERT, /* row `key` at position `to` */
    RAUM_WATCH_UPDATE,
    RAUM_WATCH_MOVE,   /* from `from` to `to`, content unchanged */
    RAUM_WATCH_DELETE, /* row that was at position `from` */
    RAUM_WATCH_END,
    RAUM_WATCH_NOT_READY, /* the handle has no space */
};
struct raum_watch_event {
    enum raum_watch_kind kind;
    const char *key;               /* the row's `id` column, else its position; lent */
    int from, to;
    const struct raum_query *row;  /* INSERT and UPDATE: the columns; lent for the call */
    const char *space;             /* the space the batch belongs to; NULL when not ready */
};
typedef void raum_watch_fn(void *arg, const struct raum_watch_event *event);

/* Any SELECT. Its first batch comes from the next raum_poll. */
RAUM_API int raum_watch_new(struct raum_handle *handle, const char *sql, raum_watch_fn *each,
                            void *arg, struct raum_watch **out, struct raum_error *error);
RAUM_API void raum_watch_free(struct raum_watch *watch);
/* Looks whether this or another process changed anything and delivers. Cheap when nothing did. */
RAUM_API int raum_poll(struct raum *raum, struct raum_error *error);

#endif
