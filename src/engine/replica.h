/* A replica: one account's database on this device, open. Owns the connection, the interned ids,
 * the clock, the key ring and the transaction; everything else in the engine hangs on it. Knows the
 * file layout, not the meaning of any table.
 *
 * Folder of an account:   raum.db  keys.json  staging.db  media/  trash/  quarantine/
 * Tables of raum.db:      meta spaces accounts actors keys dirty parked media intents conflicts
 *                         coming leaving, data_<table>, data_opaque */
#ifndef ENGINE_REPLICA_H
#define ENGINE_REPLICA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "db/db.h"
#include "db/steps.h"
#include "schema/schema.h"
#include "schema/stamps.h"
#include <raum/raum.h>

struct keyring;
struct store;
struct raum_handle;

/* An interned space or user partition. `ref` is its number in this file for ever. */
struct space {
    uint32_t ref;
    int type;          /* enum schema_space_type; -1 for a user partition */
    int role;          /* enum rights_role of this account; ROLE_NONE: not (any more) a member */
    bool sealed;       /* personal spaces and user partitions */
    bool offline;      /* made here, the server does not know it yet */
    char *id, *slug, *name;
};
struct actor {
    uint32_t ref, account; /* account: number in accounts */
    char *device, *agent;  /* "" if none */
};

/* One committed change, for live queries and listeners. */
struct change {
    uint8_t table;     /* schema number; 63: an opaque table */
    uint8_t op;        /* enum rights_op */
    uint8_t origin;    /* enum stamp_origin */
    uint32_t space, actor;
    int64_t n;         /* row number */
};

struct raum {
    const struct raum_env *env;
    struct db *db;
    char *folder;          /* of the account */
    char *root;            /* data directory */
    bool read_only;
    char account[RAUM_ID_MAX];
    char device[ID_TEXT];
    uint32_t account_ref;  /* of the account in `accounts` */
    uint32_t user_ref;     /* partition of the user-level rows in `spaces` */
    uint32_t self_actor;   /* (account, device, "") */

    /* caches of spaces, accounts, actors by ref; index = ref; entries may be empty */
    struct space *spaces;
    uint32_t space_count;
    char **accounts;
    uint32_t account_count;
    struct actor *actors;
    uint32_t actor_count;
    struct clock clock;
    struct db_stmt version_stmt, clock_stmt; /* PRAGMA data_version; store the clock */
    int64_t seen_version;                    /* data_version the caches were read at */
    struct id_source ids;
    struct keyring *ring;
    struct seal_cache *seals; /* engine/seal.c; NULL until first use */
    struct store *store;   /* prepared statements of the write path */
    struct buf opened;     /* scratch of the function that opens sealed values */
    char secret[33];       /* name of the inner views: 128 random bits in hex (engine/scope.h) */
    int64_t version;       /* user_version this program works with */

    /* the transaction in progress */
    int depth;
    uint64_t serial;       /* begun and rolled back so far: caches of one are void in the next */
    uint64_t clock_saved;  /* clock as stored */
    bool names_changed;
    struct change *changes; /* of this transaction; handed to live at commit */
    uint32_t change_count, change_cap;
    bool changes_lost;      /* more than the list holds: everything may have changed */

    uint64_t dirty_tables;  /* bit per table number changed since the last poll */
    int64_t data_version;   /* of the last poll */
    struct raum_handle *handles; /* linked */
    struct raum_watch *watches;  /* linked */
};

/* Steps for tests: opens with another list of file steps and target version. NULL: the program's
 * own. */
int replica_open(struct raum **out, const struct raum_options *options,
                 const struct db_steps *steps, struct raum_error *error) BASE_CHECK;
void replica_close(struct raum *r);
/* "FOLDER/accounts/<safe name>" of an account, in the arena. */
char *replica_folder(const char *root, const char *account, const struct raum_env *env,
                     struct arena *a);
/* The account remembered in the directory ("guest" if none), and remembering it. */
int replica_account_read(const struct raum_env *env, const char *root, char out[RAUM_ID_MAX],
                         struct raum_error *error) BASE_CHECK;
int replica_account_write(const struct raum_env *env, const char *root, const char *account,
                          struct raum_error *error) BASE_CHECK;

/* A write transaction: begins immediately, compares user_version (NEWER_DATABASE), re-reads clock
 * and names if another process wrote. Nests; only the outermost commits. */
int replica_begin(struct raum *r, struct raum_error *error) BASE_CHECK;
int replica_commit(struct raum *r, struct raum_error *error) BASE_CHECK;
void replica_rollback(struct raum *r);
/* Ends it: commits if result is 0, else rolls back; gives the first failure. */
int replica_end(struct raum *r, int result, struct raum_error *error) BASE_CHECK;
/* Before reading outside a transaction: version still ours, caches fresh. */
int replica_look(struct raum *r, struct raum_error *error) BASE_CHECK;
/* Did another connection, of this process or of another, commit since the call before? *seen: the
 * caller's, -1 at first, which says yes. Cheap: nothing is read. */
int replica_news(struct raum *r, int64_t *seen, bool *news, struct raum_error *error) BASE_CHECK;
/* The time of the write in progress: one tick per call. Only inside a transaction. */
uint64_t replica_tick(struct raum *r);
void replica_changed(struct raum *r, const struct change *change);

/* meta: small values by key. */
int replica_meta_get(struct raum *r, const char *key, struct arena *a, char **value,
                     struct raum_error *error) BASE_CHECK; /* *value NULL if absent */
int replica_meta_set(struct raum *r, const char *key, const char *value,
                     struct raum_error *error) BASE_CHECK;

#endif
