/* The head of a backup: which keys open it. And what both sides of a backup agree on about entries.
 */
#ifndef ENGINE_BACKUP_HEAD_H
#define ENGINE_BACKUP_HEAD_H

#include "engine/backup.h"

#define BACKUP_MAGIC "RAUMBAK1"
#define BACKUP_HEAD_MAX ((size_t)1 << 20)
#define BACKUP_KEYS_MAX 64 /* keys of the ring that the head names */

enum backup_kind {
    BACKUP_END,
    BACKUP_ACCOUNT,
    BACKUP_DATABASE,
    BACKUP_RING,
    BACKUP_FILE,
};

/* There must be a key that opens it: the personal space's is made if it was never needed. */
int backup_some_key(struct raum *r, struct raum_error *error) BASE_CHECK;
/* Appends magic, length and JSON. */
int backup_head_write(const struct raum_env *env, const struct keyring *ring,
                      const char *passphrase, const unsigned char key[RAUM_KEY_BYTES],
                      struct buf *out, struct raum_error *error) BASE_CHECK;
/* Reads it from the start of the source; *digest binds the chunks to it. LOCKED, CORRUPT. */
int backup_head_read(const struct backup_target *target, const struct chunks_source *source,
                     unsigned char key[RAUM_KEY_BYTES], unsigned char digest[RAUM_HASH_BYTES],
                     struct raum_error *error) BASE_CHECK;
/* "media/ab/cdef.jpg", "trash/…": two folders, no dots at the beginning, plain characters. */
bool backup_name_fits(const char *name);

#endif
