/* Backups: everything of one account on this device in one sealed file, taken while others write,
 * and put back the same way (G-O4). Nothing of it is in the clear.
 *
 *     "RAUMBAK1" | length of the head: 4 bytes little endian | head: JSON | chunks
 * (engine/chunks.h) head     {"keys":{"<key
 * id>":"<sealed>"…},"passphrase":"<sealed>","salt":"…","version":1}
 *
 * The chunks' key is random. It is sealed in the head for each key of the ring, so that any one of
 * them opens the backup, and for a passphrase if one was given. Inside: the account's id, a copy of
 * raum.db, the key ring as on disk, and the pictures' files:
 *
 *     entry    kind: 1 byte (1 account 2 database 3 ring 4 file 0 end) | name length: 1 byte | name
 *              | length: 8 bytes little endian | bytes
 *
 * What was restored is a new device: it takes a new name, since under the old one there may be
 * edits elsewhere that the backup does not know. Knows no row and no picture. */
#ifndef ENGINE_BACKUP_H
#define ENGINE_BACKUP_H

#include "engine/chunks.h"
#include "engine/keyring.h"
#include "engine/replica.h"

#define BACKUP_FILE_MAX ((size_t)256 << 20) /* bytes of one picture */

struct backup_report {
    char account[RAUM_ID_MAX];
    int64_t bytes; /* of all that is inside */
    int64_t files; /* pictures with their variants */
};

/* passphrase NULL: the ring's keys alone open it. */
int backup_write(struct raum *r, const char *passphrase, const struct chunks_sink *sink,
                 struct backup_report *report, struct raum_error *error) BASE_CHECK;

struct backup_target {
    const struct raum_env *env;
    const char *root;       /* data directory; made if absent */
    struct keyring *ring;   /* keys that may open it: of this device, or from paper; may be empty */
    const char *passphrase; /* of the backup; NULL */
    const char *ring_passphrase; /* of the key rings in it and here; NULL */
    bool force; /* also in the place of a database that is there; else RAUM_EEXISTS */
};
/* Checks the whole backup first; then its keys join the ring of its account, the pictures its
 * folder, and its database takes the place of the one there, which stays as raum.db.old until the
 * next clean open. LOCKED: neither a key nor the passphrase opens it. Killed anywhere: before or
 * after. */
int backup_restore(const struct backup_target *target, const struct chunks_source *source,
                   struct backup_report *report, struct raum_error *error) BASE_CHECK;

/* Removes from the folder of an account what a killed backup or restore left: copies of its data.
 */
void backup_tidy(const struct raum_env *env, const char *folder);

#endif
