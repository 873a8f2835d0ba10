/* Queries: one iterator for the engine's own scoped statements (views) and for SQL behind the
 * fence. The public raum_query_* functions work on both. */
#ifndef ENGINE_QUERY_H
#define ENGINE_QUERY_H

#include "engine/scope.h"

struct raum_query {
    struct raum_handle *handle;
    struct db_stmt view;       /* on the replica's connection; stmt NULL if fenced */
    sqlite3_stmt *fenced;      /* on the fence's connection; NULL if a view statement */
    uint64_t generation;       /* handle's at the first step */
    bool running;
    bool ended;
    char *text;                /* of a view statement that will be kept; owned */
    int64_t rows;              /* delivered so far */
    struct raum_query *next, **at; /* in handle->queries */
};

/* A SELECT of the engine's or a module's own over the scoped views. Literal SQL only, values are
 * bound. */
int query_view(struct raum_handle *h, const char *sql, struct raum_query **out,
               struct raum_error *error) BASE_CHECK;
/* From now on the statements of query_view stay prepared when they are freed, the QUERY_KEPT_MAX
 * last used ones: for a handle that asks the same again and again. */
#define QUERY_KEPT_MAX 32
int query_keep(struct raum_handle *h, struct raum_error *error) BASE_CHECK;
void query_keep_none(struct raum_handle *h); /* and forgets those that are at rest */
/* Resets so that it can run again with new bindings. */
void query_reset(struct raum_query *q);
/* Ends all running queries of a handle: called before its space changes. */
void query_interrupt(struct raum_handle *h);

#endif
