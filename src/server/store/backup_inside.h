/* What backup and restore of a server share: the names inside, and the digest over them. Only
 * store/backup*.c include this. */
#ifndef SERVER_STORE_BACKUP_INSIDE_H
#define SERVER_STORE_BACKUP_INSIDE_H

#include "server/store/backup.h"
#include <sodium.h>

#define BACKUP_FORMAT "raum-server"
#define BACKUP_VERSION 1
#define BACKUP_SECRET_MAX ((size_t)256 << 10) /* bytes of one of the small files */
#define BACKUP_PIECE ((size_t)4 << 20)        /* of the database */
#define BACKUP_MANIFEST "manifest.json"
#define BACKUP_END "end"
#define BACKUP_DATABASE "server.db"

/* The small files, relative to the data directory; ends with NULL. */
extern const char *const server_backup_files[];

/* "folder/name" in a buffer of PATH_BYTES; TOO_LARGE when it does not fit. */
#define PATH_BYTES 1024
int server_backup_path(char out[PATH_BYTES], const char *folder, const char *name,
                       struct raum_error *error) BASE_CHECK;
void server_backup_digest(crypto_hash_sha256_state *state, const char *name, const void *data,
                          size_t len);

#endif
