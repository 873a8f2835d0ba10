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
    int64_t rows;              /* delivered so far */
    struct raum_query *next, **at; /* in handle->queries */
};

/* A SELECT of the engine's or a module's own over the scoped views. Literal SQL only, values are
 * bound. */
int query_view(struct raum_handle *h, const char *sql, struct raum_query **out,
               struct raum_error *error) BASE_CHECK;
/* Resets so that it can run again with new bindings. */
void query_reset(struct raum_query *q);
/* Ends all running queries of a handle: called before its space changes. */
void query_interrupt(struct raum_handle *h);

#endif
