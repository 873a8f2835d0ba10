/* Handles: what a statement may see is a property of the connection (ARCHITECTURE §2, G-T3).
 *
 * On the replica's connection lives, per table of the schema, one TEMP view of its contract name
 * over an inner TEMP view whose name carries 128 random bits; only the inner view may read the base
 * table, and only of the handle's space. A handle is a db_grant: the authorizer and the functions
 * scope_ref() scope_account() find it as the grant of the running statement. Engine code prepares
 * scoped statements by scope_prepare; everybody else's SQL goes through engine/fence.h. */
#ifndef ENGINE_SCOPE_H
#define ENGINE_SCOPE_H

#include "engine/replica.h"

enum handle_mode {
    HANDLE_SCOPE,   /* one space, its LEVEL_SPACE tables */
    HANDLE_ACCOUNT, /* the LEVEL_USER tables of the account */
    HANDLE_ACROSS,  /* read-only: LEVEL_SPACE tables of all spaces the account is in */
};

struct fence;
struct raum_handle {
    struct raum *raum;
    enum handle_mode mode;
    struct db_grant grant;     /* ctx is the handle */
    uint32_t space;            /* ref; 0: not ready. Of an account handle: the user partition */
    uint64_t generation;       /* grows with each switch; queries of older ones are interrupted */
    uint32_t actor;            /* who writes: (account, device, agent) */
    uint8_t origin;            /* enum stamp_origin */
    struct raum_query *queries; /* open ones, linked */
    struct fence *fence;        /* made at first use */
    struct query_kept *kept;    /* statements at rest (engine/query.h); NULL: none are kept */
    struct raum_handle *next;   /* in raum->handles */
};

int scope_handle_new(struct raum *r, enum handle_mode mode, struct raum_handle **out,
                     struct raum_error *error) BASE_CHECK;
/* Makes the views and functions of a connection; called once at open. */
int scope_attach(struct raum *r, struct raum_error *error) BASE_CHECK;
/* Prepares a SELECT over the scoped views, under the handle's grant. SCOPE_NOT_READY when it has no
 * space. Such a statement belongs to the handle: a query object (engine/query.h) tracks it for
 * switches. */
int scope_prepare(struct raum_handle *h, struct db_stmt *out, const char *sql,
                  struct raum_error *error) BASE_CHECK;
/* Is there something to read? SCOPE_NOT_READY (G-T5), or NOT_FOUND if the space is not here any
 * more: never an empty answer. */
int scope_there(const struct raum_handle *h, struct raum_error *error) BASE_CHECK;
/* SCOPE_NOT_READY, or RAUM_EMODULE_NOT_IN_SPACE if the table's module is not in the type of the
 * space, or RAUM_EUNKNOWN_TABLE if the table is not of the handle's level. The one check of G-T6.
 */
int scope_check(const struct raum_handle *h, const struct schema_table *t,
                struct raum_error *error) BASE_CHECK;
/* True if the table exists for this handle (level and capability). */
bool scope_has(const struct raum_handle *h, const struct schema_table *t);
/* Names were rolled back: handles whose space is gone are not ready any more. */
void scope_names_lost(struct raum *r);
/* A space became another: the handles that were in it follow. */
void scope_moved(struct raum *r, uint32_t from, uint32_t to);
/* The columns a view shows, in order: id spaceId authorId visibility createdAt updatedAt deletedAt,
 * own fields, derived. User-level tables lack spaceId authorId visibility. name NULL past the end;
 * type enum schema_type; flags. */
struct scope_column {
    const char *name;
    uint8_t type;
    bool sealed;      /* may need opening: not pushed down into constraints */
    bool derived;
    const char *needs; /* derived: the other table it reads, or NULL */
};
size_t scope_columns(const struct schema_table *t, struct scope_column *out, size_t max);
#define SCOPE_COLUMNS_MAX 48

#endif
