/* Backup of a server that keeps its data in SQLite: the database, what signs and wraps, and the
 * house's certificates, in one file, taken while the server serves (G-O4). The file holds secrets
 * in the clear: it is made 0600, and whoever has it can open what the server can open. A database
 * on PostgreSQL is backed up by its own tools; the file then holds the secrets only.
 *
 *     a tarball (native/tarball.h) of
 *     manifest.json     {"format":"raum-server","version":1,"made":"…","database":"sqlite"}
 *     secret  vault.key  tls/…      as far as they lie in the data directory
 *     server.db/000000 …            the database in pieces
 *     media/xx/HASH.jpg/000000 …    pictures, as far as they lie in the data directory
 *     end               SHA-256 over names, lengths and bytes of all before, hexadecimal
 *
 * A restore is checked whole, then put beside the directory's files under `restore/`; from the
 * moment that folder has its name the restore takes place, also when the process is killed
 * meanwhile: server_backup_settle, called by every start, finishes it. What stood there before
 * stays as *.old. Knows no table but the version's. */
#ifndef SERVER_STORE_BACKUP_H
#define SERVER_STORE_BACKUP_H

#include "base/err.h"
#include <raum/env.h>
#include <stdbool.h>
#include <stdint.h>

struct server_backup_report {
    int64_t bytes;          /* of all that is inside */
    int files;              /* secrets and certificates */
    int pictures;           /* those that lie in the data directory */
    bool database;          /* false: it is on PostgreSQL */
    bool secret, vault_key; /* false: they do not lie in the data directory */
};

/* database: as in server_options. NOT_FOUND: there is no server; CORRUPT: the database is damaged,
 * no file is written. */
int server_backup_write(const char *data, const char *database, const char *file,
                        const struct raum_env *env, struct server_backup_report *report,
                        struct raum_error *error) BASE_CHECK;
/* BUSY: a server uses the directory. EXISTS: there is one already, and not `force`. CORRUPT,
 * NEWER_DATABASE: nothing was touched. */
int server_backup_restore(const char *data, const char *file, bool force,
                          const struct raum_env *env, struct server_backup_report *report,
                          struct raum_error *error) BASE_CHECK;
/* Finishes a restore that was interrupted; the directory is locked by the caller. */
int server_backup_settle(const char *data, const struct raum_env *env,
                         struct raum_error *error) BASE_CHECK;

#endif
