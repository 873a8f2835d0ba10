/* What backup and restore of a server share: the names inside, and the digest over them. Only
 * store/backup*.c include this. */
#ifndef SERVER_STORE_BACKUP_INSIDE_H
#define SERVER_STORE_BACKUP_INSIDE_H

#include "base/buf.h"
#include "server/store/backup.h"
#include <sodium.h>

#define BACKUP_FORMAT "raum-server"
#define BACKUP_VERSION 1
#define BACKUP_SECRET_MAX ((size_t)256 << 10) /* bytes of one of the small files */
#define BACKUP_PIECE ((size_t)4 << 20)        /* of the database */
#define BACKUP_MANIFEST "manifest.json"
#define BACKUP_END "end"
#define BACKUP_DATABASE "server.db"
#define BACKUP_MEDIA "media"

/* The small files, relative to the data directory; ends with NULL. */
extern const char *const server_backup_files[];

/* "folder/name" in a buffer of PATH_BYTES; TOO_LARGE when it does not fit. */
#define PATH_BYTES 1024
int server_backup_path(char out[PATH_BYTES], const char *folder, const char *name,
                       struct raum_error *error) BASE_CHECK;
void server_backup_digest(crypto_hash_sha256_state *state, const char *name, const void *data,
                          size_t len);

/* Pictures (backup_media.c). put: one entry of the archive. *count: pictures. */
typedef int server_backup_put(void *arg, const char *name, const void *data, size_t len);
int server_backup_media_put(const char *data, const struct raum_env *env, server_backup_put *put,
                            void *arg, int *count, struct raum_error *error) BASE_CHECK;
/* The one being read; fd -1 at first. */
struct backup_media {
    int fd, pieces, count;
    char name[128];
};
bool server_backup_media_is(const char *entry);
int server_backup_media_take(struct backup_media *m, const char *part, const struct raum_env *env,
                             const char *entry, const char *data, size_t len,
                             struct raum_error *error) BASE_CHECK;
int server_backup_media_end(struct backup_media *m, struct raum_error *error) BASE_CHECK;
/* What a folder has below media/ into another's, beside what is there; to NULL: away. */
int server_backup_media_move(const char *from, const char *to, const struct raum_env *env,
                             struct raum_error *error) BASE_CHECK;

#endif
